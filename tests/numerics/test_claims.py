"""The published claims in small, and what stands beside them; signals and measures against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from experiments.claims_retention import author
from experiments.shared import growth
from experiments.shared.learners import Persistence, Reservoir, Trophic, frozen
from scipy.integrate import solve_ivp

from trophic.instruments.criticality import branching_ratio, lyapunov_exponents, step_jacobian
from trophic.instruments.memory import memory_curve
from trophic.network import protection
from trophic.network.model import Network
from trophic.network.readout import ridge
from trophic.signals.chaos import lorenz, mackey_glass, narma10

LOGGED = {  # by the paper's public code (arXiv 2510.17916), in the order of its log
    "slow sine, last 50 of 1000": 0.004647,
    "forgetting, %": 8745.1,
    "switching, task A": 0.005427,
    "switching, task B": 0.009491,
    "switching, loss on A, %": 0.0,
}


@pytest.mark.parametrize("kind", ["persistence", "code", "frozen"])
def test_repeating_the_last_target_is_what_was_logged(kind: str) -> None:
    """At zero input the published network, plastic or not, repeats the last target."""
    model = Network.published("code", n_inputs=1, n_targets=1, scaling="none")
    make = {
        "persistence": lambda seed: Persistence(),
        "code": lambda seed: Trophic(model, seed),
        "frozen": lambda seed: Trophic(frozen(model), seed),
    }[kind]
    found = author(make, seed=0)
    for name, value in LOGGED.items():
        assert found[name] == pytest.approx(value, rel=2e-4, abs=1e-3 * (value == 0)), name


def test_the_reservoirs_readout_is_least_squares() -> None:
    """Recursive least squares without forgetting against ridge regression on the same features."""
    rng = np.random.default_rng(0)
    u, y = rng.standard_normal((300, 2)), rng.standard_normal((300, 1))
    learner = Reservoir(20, 2, 1, seed=0, forgetting=1.0, ridge=0.3)
    learner.feed(u, y)
    x, z = np.zeros(20), []
    for row in u:
        x = np.tanh(learner.w @ x + learner.w_in @ row + learner.b)
        z.append([*x, *row, 1.0])
    assert np.allclose(learner.r, ridge(np.array(z), y, 0.3), rtol=1e-8, atol=1e-10)
    assert np.abs(np.linalg.eigvals(learner.w)).max() == pytest.approx(0.9)


def test_a_new_task_leaves_the_heads_of_others_alone() -> None:
    """Units of a new target are found on its own head; the first head answers as before."""
    model = Network(n_inputs=1, n_targets=2, n_blocks=2, block_size=8, plasticity="none", structure="none", map="none")
    learner = Trophic(model, 0)
    u = np.random.default_rng(0).standard_normal((2300, 1))
    y = np.concatenate([np.roll(u, 1, axis=0), 100 * u**2 + 7], axis=1)
    y[:2000, 1] = np.nan
    y[2000:, 0] = np.nan
    learner.feed(u[:2000], y[:2000])
    before = learner.state.readout[0].copy()
    learner.feed(u[2000:], y[2000:])
    assert np.array_equal(before, learner.state.readout[0])


def test_protection_reaches_the_blocks_that_a_protected_block_hears() -> None:
    model = Network(n_inputs=1, n_targets=1, n_blocks=4, block_size=4)
    state = model.init(0)
    state.slots[2, 1], state.slots[1, 1] = 1, 0  # 0 -> 1 -> 2
    state.blocks["plastic"] = [0.0, 0.1, 0.9, 0.3]
    protection.up_the_wires(state.net())
    assert state.blocks["plastic"].tolist() == [0.9, 0.9, 0.9, 0.3]


def test_lorenz_is_the_solution_of_its_equations() -> None:
    x = lorenz(60, 0.02, np.random.default_rng(3))

    def flow(_: float, s: Any) -> list[float]:
        return [10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]]

    exact = solve_ivp(flow, (0, 59 * 0.02), x[0], t_eval=0.02 * np.arange(60), rtol=1e-11, atol=1e-11).y.T
    assert np.allclose(x, exact, atol=1e-4)


def test_mackey_glass_obeys_its_equation() -> None:
    """The derivative by central differences against the right-hand side."""
    fine = mackey_glass(4000, 17, np.random.default_rng(1), substeps=40)
    slope = (fine[2:] - fine[:-2]) / 2
    right = 0.2 * fine[:-18] / (1 + fine[:-18] ** 10) - 0.1 * fine[17:-1]
    assert np.std(slope[16:] - right) < 0.05 * np.std(right)


def test_narma() -> None:
    u, y = narma10(400, np.random.default_rng(0))
    t = np.arange(20, 390)
    memory = sum(y[t - i] for i in range(10))
    assert np.allclose(y[t + 1], 0.3 * y[t] + 0.05 * y[t] * memory + 1.5 * u[t - 9] * u[t] + 0.1)


def test_lyapunov_exponents_of_known_maps() -> None:
    """The logistic map at 4: ln 2. The Henon map: both exponents sum to ln b, the first is .419 (Sprott 2003)."""
    x, slopes = 0.3, []
    for _ in range(20_000):
        slopes.append(np.array([[4 - 8 * x]]))
        x = 4 * x * (1 - x)
    assert lyapunov_exponents(slopes)[0] == pytest.approx(np.log(2), abs=0.01)
    x, y, jacobians = 0.1, 0.1, []
    for _ in range(20_000):
        jacobians.append(np.array([[-2.8 * x, 1.0], [0.3, 0.0]]))
        x, y = 1 - 1.4 * x * x + y, 0.3 * x
    found = lyapunov_exponents(jacobians, 2, skipped=100)
    assert found.sum() == pytest.approx(np.log(0.3), abs=1e-9)
    assert found[0] == pytest.approx(0.419, abs=0.01)


def test_step_jacobian_is_the_derivative() -> None:
    rng = np.random.default_rng(0)
    w, x, drive, leak = rng.standard_normal((5, 5)), rng.standard_normal(5), rng.standard_normal(5), 0.3

    def step(x: np.ndarray) -> np.ndarray:
        return (1 - leak) * x + leak * np.tanh(w @ x + drive)

    slope = leak * (1 - np.tanh(w @ x + drive) ** 2)
    numeric = np.stack([(step(x + h) - step(x - h)) / 2e-6 for h in 1e-6 * np.eye(5)], axis=1)
    assert np.allclose(step_jacobian(w, slope, leak), numeric, atol=1e-8)


@pytest.mark.parametrize("m", [0.5, 0.95])
def test_branching_ratio_of_an_autoregression(m: float) -> None:
    """200,000 samples: standard error below .003 at .5 and .001 at .95; the bounds are five of them."""
    rng = np.random.default_rng(1)
    a = rng.standard_normal(200_000)
    for t in range(1, len(a)):
        a[t] += m * a[t - 1]
    assert branching_ratio(a) == pytest.approx(m, abs=0.015)
    assert branching_ratio(a + 3 * rng.standard_normal(len(a))) == pytest.approx(m, abs=0.06)  # seen through noise


def test_memory_of_a_noisy_shift_register_and_of_a_leaky_neuron() -> None:
    """R^2 = 1/(1 + sigma^2) of a register read through noise; (1 - r^2) r^(2d) of one neuron x <- r x + u."""
    rng = np.random.default_rng(2)
    u = rng.standard_normal(40_000)
    register = np.stack([np.roll(u, d) for d in range(1, 4)], axis=1)
    noisy = memory_curve(register + 0.5 * rng.standard_normal(register.shape), u, 4)
    assert np.allclose(noisy, [0.8, 0.8, 0.8, 0.0], atol=0.02)
    x = np.zeros_like(u)
    for t in range(1, len(u)):
        x[t] = 0.8 * x[t - 1] + u[t]
    assert np.allclose(memory_curve(x[:, None], u, 6), 0.36 * 0.64 ** np.arange(1, 7), atol=0.02)


@pytest.mark.parametrize(("protection", "same"), [("shares", False), ("ghosts", True)])
def test_a_silent_head_does_not_hear_edges_born_since(protection: str, same: bool) -> None:
    """An edge put into a block that a silent head reads changes its answer, unless it reads its ghost."""
    model = Network(
        n_inputs=2, n_targets=2, n_blocks=2, block_size=6, wiring="own", protection=protection, plasticity="none",
        structure="none", map="none", precision="float64",
    )  # fmt: skip
    rng = np.random.default_rng(0)
    u = rng.standard_normal((900, 2))
    y = np.stack([u[:, 0] ** 2, u[:, 1]], axis=1)
    y[500:, 0] = np.nan
    y[:500, 1] = np.nan
    learner = Trophic(model, 0)
    learner.feed(u[:600], y[:600])
    twin = Trophic(model, 0)
    twin.state, twin.n_fed = learner.state.copy(), 600
    twin.state.slots[0, 1] = 1
    twin.state.weights[0, 1] = rng.standard_normal((6, 6))
    twin.state.edges["born"][0, 1] = twin.state.shared["step"][0]
    heard, with_edge = (each.feed(u[600:], y[600:]) for each in (learner, twin))
    difference = np.abs(heard[:, 0] - with_edge[:, 0]).max()
    assert difference < 1e-12 if same else difference > 0.1
    assert np.std(heard[:, 0] - u[600:, 0] ** 2) < 0.7 * np.std(u[600:, 0] ** 2)


@pytest.mark.parametrize("rule", ["set", "rigl"])
def test_regrowth_keeps_the_number_of_edges(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "GRACE", 200)
    monkeypatch.setattr(growth, "PERIOD", 128)
    model = Network(n_inputs=6, n_targets=1, n_blocks=6, block_size=4, wiring="own", structure="none", map="none")
    state, rng = model.init(0), np.random.default_rng(0)
    growth.connect(model, state, growth.random_pairs(model, rng), rng)
    assert len(model.edges(state)) == 12
    errors, births = growth.run(model, state, rng.standard_normal((700, 7)), rule, rng)
    assert errors.shape == (700, 1)
    assert births >= 2
    edges = {tuple(edge) for edge in model.edges(state).tolist()}
    assert len(edges) == 12
    assert all(post != pre for post, pre in edges)
