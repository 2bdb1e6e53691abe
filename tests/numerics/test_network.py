"""The network's rules against references written from their equations in plain NumPy (float64)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trophic.network.layout import CREDIT, FEEDBACK, TRACE, X
from trophic.network.model import Network, NetworkState
from trophic.network.readout import raised_root, ridge
from trophic.network.trophic_map import pair_evidence
from trophic.runtime.contract import Chunk
from trophic.signals.wiring import wiring_task

PLAIN: dict[str, Any] = {"map": "none", "structure": "none", "scaling": "none", "precision": "float64"}


ACCURATE: dict[str, Any] = {"readout": "rls", "precision": "float64", "rules": (("prior", 1e5), ("forgetting", 0.999))}


def chunk(values: np.ndarray, first: int = 0) -> Chunk:
    return Chunk(values if values.ndim == 2 else values[:, None], first_sample=first, sample_period_s=1.0)


def dense(state: NetworkState) -> np.ndarray:
    """W of the whole network, row = receiving neuron."""
    b, slots, size = state.weights.shape[:3]
    w = np.zeros((b * size, b * size))
    for j in range(b):
        for s in range(slots):
            i = state.slots[j, s]
            if i >= 0:
                w[j * size : (j + 1) * size, i * size : (i + 1) * size] += state.weights[j, s].T
    return w


def connected(model: Network, seed: int, edges: list[tuple[int, int]]) -> NetworkState:
    """A State with some edges between blocks."""
    state = model.init(seed)
    rng = np.random.default_rng(seed)
    for j, i in edges:
        s = int(np.flatnonzero(state.slots[j] < 0)[0])
        state.slots[j, s] = i
        state.weights[j, s] = 0.2 * rng.standard_normal(state.weights.shape[2:])
    return state


def input_matrix(state: NetworkState) -> np.ndarray:
    return state.input_weights.swapaxes(1, 2).reshape(-1, state.input_weights.shape[1])


@pytest.mark.parametrize("leak", [1.0, 0.4])
def test_forward_step(leak: float) -> None:
    model = Network(n_blocks=3, block_size=5, plasticity="none", rules=(("leak", leak),), **PLAIN)
    state = connected(model, 1, [(0, 2), (2, 1), (2, 0)])
    u = np.random.default_rng(0).standard_normal(40)
    w, w_in, b = dense(state), input_matrix(state), state.neurons[-2].copy()
    z = model.features(state, chunk(u))
    x = np.zeros(15)
    for t in range(40):
        x = (1 - leak) * x + leak * np.tanh(w @ x + w_in[:, 0] * u[t] + b)
        assert np.allclose(z[t, :15], x, rtol=0, atol=1e-13)
    assert np.array_equal(z[:, 15], u)
    assert (z[:, 16] == 1).all()


def test_noise_is_a_function_of_seed_and_step() -> None:
    model = Network(n_blocks=40, block_size=25, plasticity="none", rules=(("noise", 0.5), ("leak", 1e-12)), **PLAIN)
    z = model.features(model.init(3), chunk(np.zeros(20)))
    steps = np.diff(z[:, :1000], axis=0)
    assert abs(steps.std() - 0.5) < 0.02
    assert abs(np.mean(steps[1:] * steps[:-1])) < 0.01
    assert not np.array_equal(z, model.features(model.init(4), chunk(np.zeros(20))))


def test_learning_with_block_rls_learned_feedback_and_gated_plasticity() -> None:
    """The default rules, sample by sample, from their equations."""
    b, size, lam, prior = 3, 4, 0.99, 10.0
    model = Network(n_blocks=b, block_size=size, rules=(("forgetting", lam), ("prior_cap", 1e9)), **PLAIN)
    state = connected(model, 2, [(0, 2), (1, 0)])
    n = b * size
    w, w_in, bias, f = dense(state), input_matrix(state)[:, 0], state.neurons[-2].copy(), state.feedback[0].copy()
    r, p = np.zeros(n + size), [prior * np.eye(size) for _ in range(b + 1)]
    x, tr, g, z = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n + size)
    square: dict[tuple[int, int], float] = dict.fromkeys([(0, 0), (1, 1), (2, 2), (0, 2), (1, 0)], 0.0)
    power_e = power_y = 0.0
    u = np.sin(0.3 * np.arange(120)) + 0.3 * np.random.default_rng(5).standard_normal(120)
    n_learned = 0
    for t, sample in enumerate(u):
        if t >= 16:
            n_learned += 1
            e = r @ z - sample
            rate = max(0.002, 1 / (1 + n_learned))
            power_e += rate * (e * e - power_e)
            power_y += rate * (sample**2 - power_y)
            gate = min(1.0, power_e / power_y)
            d = f * e * g
            k = np.concatenate([p[q] @ z[q * size : (q + 1) * size] for q in range(b + 1)])
            spread = lam + z @ k
            r -= e * k / spread
            f -= e * k[:n] / spread
            for q in range(b + 1):
                kq = k[q * size : (q + 1) * size]
                p[q] = (p[q] - np.outer(kq, kq) / spread) / lam
            for (j, i), old in square.items():
                rows, columns = slice(j * size, (j + 1) * size), slice(i * size, (i + 1) * size)
                push = np.outer(d[rows], tr[columns])
                now = np.sum(push**2)
                square[j, i] = old + max(0.001, 1 / n_learned) * (now - old)
                scale = 3e-3 * gate / np.sqrt(square[j, i] + 1e-30) * min(1.0, 3 * np.sqrt(square[j, i] / now))
                w[rows, columns] -= scale * (push * (1 - np.eye(size)) if i == j else push)
        old_x = x
        x = np.tanh(w @ x + w_in * sample + bias)
        g = 1 - x**2
        tr = old_x
        z = np.concatenate([x, [sample, 1.0], np.zeros(size - 2)])
    info = model.advance(state, chunk(u))
    assert info.error.shape == (120, 1)
    assert np.allclose(state.readout[0], r, rtol=1e-9, atol=1e-11)
    assert np.allclose(state.feedback[0], f, rtol=1e-9, atol=1e-11)
    assert np.allclose(dense(state), w, rtol=1e-9, atol=1e-11)


def test_recursive_least_squares_is_least_squares() -> None:
    """R minimises sum lambda^(n - t) e_t^2 + lambda^n |R|^2/P_0, exactly."""
    lam, prior = 0.98, 5.0
    rules = (("forgetting", lam), ("prior", prior), ("prior_cap", 1e9))
    model = Network(
        n_targets=1, n_blocks=1, block_size=6, readout="rls", plasticity="none", rules=rules, feedback="fixed", **PLAIN
    )  # fmt: skip
    rng = np.random.default_rng(0)
    values = rng.standard_normal((200, 2))
    state = model.init(0)
    z = model.features(state, chunk(values))[16 - 1 :]
    y = values[16 - 1 :, 1]
    model.advance(state, chunk(values))
    weight = lam ** np.arange(len(y))[::-1]
    gram = (z * weight[:, None]).T @ z + lam ** len(y) / prior * np.eye(z.shape[1])
    assert np.allclose(state.readout[0], np.linalg.solve(gram, (z * weight[:, None]).T @ y), rtol=1e-7, atol=1e-9)


def test_ridge() -> None:
    rng = np.random.default_rng(1)
    z, y = rng.standard_normal((50, 4)), rng.standard_normal((50, 2))
    stacked = np.linalg.lstsq(np.vstack([z, np.sqrt(0.3) * np.eye(4)]), np.vstack([y, np.zeros((4, 2))]), rcond=None)[0]
    assert np.allclose(ridge(z, y, 0.3), stacked.T)


@pytest.mark.parametrize(("trace", "leak"), [("matched", 1.0), ("rflo", 0.3)])
def test_temporal_credit_is_the_gradient_where_nothing_recurs(trace: str, leak: float) -> None:
    """Weights between blocks: d tr^T (or L eps) against finite differences of the loss through time."""
    rules = (("leak", leak), ("self_radius", 0.0), ("rate", 0.0), ("nlms_rate", 0.0))
    model = Network(
        n_targets=1, n_blocks=2, block_size=3, n_slots=1, trace=trace, feedback="symmetric", readout="nlms",
        rules=rules, **PLAIN,
    )  # fmt: skip
    u = np.random.default_rng(3).standard_normal(12)
    start = connected(model, 0, [(1, 0)])
    w, w_in, bias = dense(start), input_matrix(start)[:, 0], start.neurons[-2].copy()
    r = np.random.default_rng(4).standard_normal(6)

    def loss(w: np.ndarray) -> float:
        x = np.zeros(6)
        for sample in u:
            x = (1 - leak) * x + leak * np.tanh(w @ x + w_in * sample + bias)
        return 0.5 * float(r @ x - 0.7) ** 2

    gradient = np.zeros((3, 3))
    for k in range(3):
        for m in range(3):
            up, down = w.copy(), w.copy()
            up[3 + k, m] += 1e-5
            down[3 + k, m] -= 1e-5
            gradient[k, m] = (loss(up) - loss(down)) / 2e-5
    start.readout[0, :6] = r
    start.shared["step"] = 100  # past the samples that only settle the units
    model.advance(start, chunk(np.stack([u, np.full(12, 0.7)], axis=1)))
    if trace == "matched":
        found = np.outer(start.neurons[CREDIT, 3:], start.neurons[TRACE, :3])
    else:
        found = start.neurons[FEEDBACK, 3:, None] * start.eligibility[1, 1].T
    assert np.allclose(found, gradient, rtol=1e-6, atol=1e-9)


def test_published_plasticity() -> None:
    """Equations (23), (27) with their normalisation and projections, one step."""
    model = Network.published(
        n_targets=1, n_blocks=2, block_size=3, structure="none", scaling="none", precision="float64"
    )
    state = model.init(0)
    values = np.random.default_rng(0).standard_normal((30, 2))
    model.advance(state, chunk(values[:29]))
    w, bias = dense(state), state.neurons[-2].copy()
    model.advance(state, chunk(values[29:], 29))
    x, trace, fed = state.neurons[X], state.neurons[TRACE], state.neurons[FEEDBACK]
    power = x @ x + 1e-9
    constants = dict(model.rules)
    expected = w.copy()
    for block in (slice(0, 3), slice(3, 6)):
        xs, es = x[block] / power, trace[block] / power
        gate = np.tanh(fed[block] / power * (1 - x[block] ** 2))
        hebb, oja = constants["hebb"] * np.outer(es, es), constants["oja"] * xs * (xs[:, None] - xs * w[block, block])
        change = gate[:, None] * (hebb + oja) - constants["decay"] * w[block, block]
        expected[block, block] += change * (1 - np.eye(3))
    assert np.allclose(dense(state), expected, rtol=1e-10, atol=1e-13)
    assert not np.array_equal(bias, state.neurons[-2])  # homeostasis moves it


def test_evidence_is_a_normal_deviate_where_there_is_no_relation() -> None:
    """Scores of all pairs after independent streams: about 0 (a falling error makes them less), few above 3."""
    scores = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        values = rng.standard_normal((4096 + 16, 13))
        model = Network(
            n_inputs=12, n_targets=1, n_blocks=12, block_size=8, wiring="own", precision="float64",
            rules=(("scout", 99.0),),
        )  # fmt: skip
        state = model.init(seed)
        model.advance(state, chunk(values))
        net, rules = state.net(), model._constants()
        scores += [pair_evidence(net, j, c, rules) for j in range(12) for c in range(12) if c != j]
    assert -0.8 < np.mean(scores) < 0.2
    assert 0.7 < np.std(scores) < 1.4
    assert np.mean(np.array(scores) > 3) < 0.02


@pytest.fixture(scope="module")
def wired() -> tuple[Any, Any, Any]:
    task = wiring_task(9000, 8, 2, np.random.default_rng(7))
    model = Network(n_inputs=8, n_targets=1, n_blocks=8, wiring="own")
    state = model.init(7)
    info = model.advance(state, chunk(np.hstack([task.inputs, task.target])))
    return task, model.edges(state), info


def test_the_planted_edges_grow_and_not_their_reverse(wired: Any) -> None:
    task, edges, info = wired
    found, planted = {tuple(e) for e in edges.tolist()}, {tuple(e) for e in task.pairs.tolist()}
    assert planted <= found
    assert len(found) <= len(planted) + 1
    assert not {(i, j) for j, i in planted} & found
    assert np.std(info.error[-1000:]) < 0.4 * np.std(task.target[-1000:])


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_nothing_grows_where_there_is_nothing_to_find(correlation: float) -> None:
    rng = np.random.default_rng(11)
    inputs = wiring_task(8000, 9, 1, rng, correlation).inputs
    model = Network(n_inputs=8, n_targets=1, n_blocks=8, wiring="own")
    state = model.init(0)
    info = model.advance(state, chunk(inputs))  # the ninth channel is the target
    assert info.n_births[-1] == 0


def test_full_width_of_scales_and_offsets() -> None:
    x = np.sin(0.2 * np.arange(1500)) + 0.3 * np.sin(0.045 * np.arange(1500))
    model = Network(n_blocks=4, block_size=8, readout="rls", precision="float64")
    errors = []
    for scale, offset in ((1.0, 0.0), (1e-6, 0.0), (1e6, 0.0), (1.0, 1e4), (1e-3, 1e4)):
        info = model.advance(model.init(0), chunk(scale * x + offset))
        errors.append(np.std(info.error[1000:]) / scale)
    assert np.allclose(errors, errors[0], rtol=0.2)
    assert errors[0] < 0.02


def test_a_bad_sample_changes_no_weight_and_time_goes_on() -> None:
    model = Network(n_blocks=4, block_size=8, plasticity="none", **ACCURATE)
    x = np.sin(0.2 * np.arange(1000))
    state = model.init(0)
    model.advance(state, chunk(x))
    before = state.copy()
    info = model.advance(state, chunk(np.full(5, np.nan), 1000))
    assert np.array_equal(before.readout, state.readout)
    assert np.array_equal(before.precision, state.precision)
    assert np.isnan(info.error).all()
    truth = np.sin(0.2 * np.arange(1000, 1006))
    assert np.abs(info.prediction[:, 0, 0] - truth[:5]).max() < 0.05  # it runs on its own predictions
    assert abs(model.predict(state)[0, 0] - truth[5]) < 0.05


def test_several_horizons() -> None:
    x = np.sin(0.2 * np.arange(3000))
    model = Network(n_blocks=4, block_size=8, horizons=(1, 4), plasticity="none", **ACCURATE)
    state = model.init(0)
    info = model.advance(state, chunk(x))
    late = info.prediction[2000:, 0] - x[2000:, None]
    assert np.sqrt(np.mean(late**2, axis=0)).max() < 0.02
    assert np.allclose(model.predict(state)[0], np.sin(0.2 * np.array([3000, 3003])), atol=0.05)
    assert np.isnan(info.prediction[:4, 0, 1]).all()


@pytest.mark.parametrize("readout", ["rls", "block_rls"])
@pytest.mark.parametrize("signal", ["constant", "noise"])
def test_readout_stays_sound_in_single_precision(readout: str, signal: str) -> None:
    n = 400_000
    x = np.full(n, 3.0) if signal == "constant" else np.random.default_rng(0).standard_normal(n)
    rules = (("forgetting", 0.99),)
    model = Network(n_blocks=2, block_size=4, readout=readout, map="none", structure="none", rules=rules)
    state = model.init(0)
    info = model.advance(state, chunk(x))
    assert all(np.isfinite(a).all() for k, a in state.arrays().items() if a.dtype.kind == "f" and "time" not in k)
    p = state.precision.astype(float)
    if readout == "block_rls":  # T of P = T^T T: definite while T has full rank in single precision
        values = np.linalg.svd(p, compute_uv=False)
        assert (values.min(axis=1) > 4 * np.finfo(np.float32).eps * values.max(axis=1)).all()
    else:
        p = np.tril(p) + np.swapaxes(np.tril(p, -1), 1, 2)
        assert np.linalg.eigvalsh(p).min() > -1e-4 * p.max()
    assert np.std(info.error[-1000:]) < (1e-3 if signal == "constant" else 1.3)


def test_a_birth_adds_to_the_root_what_it_adds_to_p() -> None:
    rng = np.random.default_rng(0)
    root = rng.standard_normal((7, 7))
    wanted = root.T @ root + 0.1 * np.eye(7)
    raised_root(root, 0.1, np.empty((7, 7)))
    assert np.allclose(root.T @ root, wanted, rtol=1e-12, atol=1e-12)
    assert np.array_equal(root, np.triu(root))


def test_learned_feedback_begins_at_random_and_turns_towards_the_readout() -> None:
    """F - R stays what F began with, whatever the units do: no weight is transported, and the angle closes."""
    model = Network(n_blocks=4, block_size=8, map="none", structure="none", precision="float64")
    x = 1e4 + 300 * (np.sin(0.3 * np.arange(3000)) + np.random.default_rng(0).standard_normal(3000))
    state = model.init(0)
    first = state.feedback.copy()
    for start, end in ((0, 20), (20, 200), (200, 1000), (1000, 3000)):
        model.advance(state, chunk(x[start:end], start))
        assert np.allclose(state.feedback - state.readout[:, :32], first, rtol=0, atol=1e-9)
    readout = state.readout[0, :32]
    cosine = readout @ state.feedback[0] / np.linalg.norm(readout) / np.linalg.norm(state.feedback[0])
    assert abs(np.linalg.norm(first) - 0.3) < 0.15
    assert cosine > 0.9


def test_fit_is_ridge_on_the_features() -> None:
    model = Network(n_targets=1, n_blocks=2, block_size=6, plasticity="none", **PLAIN)
    values = np.random.default_rng(0).standard_normal((300, 2))
    state = model.init(0)
    fitted = model.fit(state, chunk(values), values[:, 1:], 0.5)
    z = model.features(state, chunk(values))
    assert np.allclose(fitted.readout, ridge(z, values[:, 1:], 0.5), atol=1e-6)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"readout": "lasso"}, "readout must be one of nlms, block_rls, rls, got 'lasso'"),
        ({"n_blocks": 0}, "n_blocks must be an integer in 1..1048576, got 0"),
        ({"horizons": (2, 4)}, "horizons must be increasing integers that start with 1, got (2, 4)"),
        ({"n_targets": 1, "horizons": (1, 2)}, "horizons must be (1,) with targets"),
        ({"map": "none"}, "structure='confirmed' needs map='signed', got 'none'"),
        ({"n_candidates": 99}, "n_candidates must be in 0..n_blocks = 16, got 99"),
        ({"rules": (("speed", 1.0),)}, "rules has no constant named 'speed'"),
        ({"rules": (("leak", 1.5),)}, "rule leak must be in (0, 1], got 1.5"),
        ({"rules": (("period", 100.0),)}, "rule period must be a positive multiple of 16 samples, got 100.0"),
    ],
)
def test_errors_name_parameter_value_and_range(bad: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=r"(must|needs|has)") as caught:
        Network(**bad)
    assert words in str(caught.value)


def test_published_form_is_named() -> None:
    with pytest.raises(ValueError, match="form must be one of paper, code, got 'draft'"):
        Network.published("draft")
