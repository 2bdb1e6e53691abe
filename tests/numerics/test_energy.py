"""The energy ledger and the frozen bank against matrix exponentials, quadrature and an ODE solver."""

from dataclasses import astuple

import numpy as np
import pytest
from numba import njit
from scipy import integrate, linalg

from trophic.instruments import energy
from trophic.instruments.oracle import deflated_bank

OMEGA = 2 * np.pi * np.array([50.0, 80.0, 122.3, 200.0, 37.0])
GAMMA = OMEGA / 2 / np.array([3.0, 20.0, 100.0, 1000.0, 10.0])
N = 10_000


def _signal(times, seed, noise=0.3):
    rng = np.random.default_rng(seed)
    tones = [a * np.cos(w * times + rng.uniform(0, 6)) for a, w in zip((1, 0.5, 0.2, 0.1, 0.3), 1.01 * OMEGA)]
    return np.sum(tones, axis=0) + noise * rng.standard_normal(len(times))


def _times(clock, seed):
    return np.arange(N) / 1000 if clock == "regular" else np.cumsum(np.random.default_rng(seed).exponential(1e-3, N))


@pytest.mark.parametrize("clock", ["regular", "irregular"])
@pytest.mark.parametrize("step", [None, 1e-3, 0.5])
def test_ledger_balances(clock, step):
    times = _times(clock, 1)
    bank = deflated_bank(times, _signal(times, 2), OMEGA, GAMMA, information_step_s=step)
    assert bank.ledger.heat > 0
    assert bank.ledger.stored == pytest.approx(energy.stored_energy(bank.z[-1], GAMMA), rel=1e-12)
    assert bank.ledger.relative_imbalance <= 1e-14


@pytest.mark.parametrize("clock", ["regular", "irregular"])
def test_ledger_balances_while_masses_change(clock):
    times = _times(clock, 3)
    gamma = GAMMA * np.exp(0.5 * np.sin(np.outer(times, [1.0, 2.0, 3.0, 4.0, 50.0])))
    start = np.array([1.0, 2j, 0.5, 0.0, -1 + 1j])
    ledger = deflated_bank(times, _signal(times, 4), OMEGA, gamma, z_start=start).ledger
    assert ledger.mass_work != 0
    assert ledger.exchanged == pytest.approx(energy.stored_energy(start, gamma[0]))
    assert ledger.relative_imbalance <= 1e-14


def test_a_wrong_entry_shows_in_the_ledger():
    times = _times("regular", 1)
    ledger = deflated_bank(times, _signal(times, 2), OMEGA, GAMMA).ledger
    wrong = energy.EnergyLedger(ledger.stored, ledger.supplied, ledger.heat * (1 + 1e-6), 0.0, 0.0)
    assert wrong.relative_imbalance > 1e-7
    assert wrong.imbalance > 0
    assert energy.EnergyLedger(0.0, 0.0, 0.0, 0.0, 0.0).relative_imbalance == 0


@pytest.mark.parametrize("coupling", [1e-3, 3.0, 5000.0])
def test_kick_is_the_matrix_exponential_of_the_rank_one_coupling(coupling):
    h, signal = 0.01, 1.7
    gamma = coupling * np.array([0.1, 0.15, 0.25])
    y = np.array([0.3, -0.8, 0.4])
    flow = np.zeros((4, 4))
    flow[:3, :3] = -2 * gamma[:, None]
    flow[:3, 3] = 2 * gamma * signal
    expected = (linalg.expm(flow * h) @ [*y, 1.0])[:3]
    xi = signal - y.sum()
    np.testing.assert_allclose(y + 2 * gamma * energy.kick_time(coupling, h) * xi, expected, rtol=1e-12)

    supplied = integrate.quad(lambda t: signal * xi * np.exp(-coupling * t), 0, h, points=[1e-4, 1e-3])[0]
    heat = integrate.quad(lambda t: xi**2 * np.exp(-2 * coupling * t), 0, h, points=[1e-4, 1e-3])[0]
    assert energy.supplied_energy(signal, xi, coupling, h) == pytest.approx(supplied, rel=1e-10)
    assert energy.heat_energy(xi, coupling, h) == pytest.approx(heat, rel=1e-10)
    stored = energy.stored_energy(expected, gamma) - energy.stored_energy(y, gamma)
    assert stored == pytest.approx(supplied - heat, rel=1e-6, abs=1e-15)


def test_without_branches_everything_supplied_is_burnt():
    assert energy.kick_time(0.0, 0.25) == energy.kick_time(1e-20, 0.25) == 0.25
    assert energy.supplied_energy(3.0, 3.0, 0.0, 0.25) == energy.heat_energy(3.0, 0.0, 0.25) == 2.25


def test_mass_work_is_the_integral_of_its_differential():
    z = 3 - 1j
    work = integrate.quad(lambda g: -(abs(z) ** 2) / (4 * g**2), 0.8, 0.3)[0]
    assert energy.mass_work_energy(z, 0.8, 0.3) == pytest.approx(work, rel=1e-12)
    assert work > 0


def test_bank_converges_to_the_differential_equation():
    """With samples ever closer together the frozen bank becomes the poster's equation of motion."""
    omega, gamma = np.array([9.0, 14.0]), np.array([0.9, 0.4])

    def motion(t, s):
        xi = np.cos(10 * t) - s[:2].sum()
        return np.concatenate([2 * gamma * xi - omega * s[2:], omega * s[:2]])

    exact = integrate.solve_ivp(motion, (0, 3), np.zeros(4), rtol=1e-11, atol=1e-13).y[:, -1]
    errors = []
    for n in (3000, 6000):
        times = np.linspace(0, 3, n + 1)[1:]
        z = deflated_bank(times, np.cos(10 * times), omega, gamma).z[-1]
        errors.append(np.abs(z - (exact[:2] + 1j * exact[2:])).max())
    assert errors[0] < 5e-3
    assert errors[1] / errors[0] == pytest.approx(0.5, abs=0.05)


def test_silent_branches_change_nothing_they_are_not_heard_in():
    times = np.arange(2000) / 1000
    x = _signal(times, 5)
    alone = deflated_bank(times, x, OMEGA[:2], GAMMA[:2])
    both = deflated_bank(times, x, OMEGA, GAMMA, voiced=[True, True, False, False, False])
    np.testing.assert_allclose(both.residual, alone.residual, atol=1e-13)
    assert astuple(both.ledger) == pytest.approx(astuple(alone.ledger), rel=1e-12)
    # a silent branch is a resonator of its own, driven by the residual
    single = deflated_bank(times, alone.residual, OMEGA[2:3], GAMMA[2:3])
    np.testing.assert_allclose(both.z[:, 2], single.z[:, 0], atol=1e-13)


def test_the_arithmetic_compiles_under_numba():
    assert njit(energy.kick_time)(20.0, 0.1) == energy.kick_time(20.0, 0.1)
    assert njit(energy.mass_work_energy)(3 + 4j, 0.5, 0.25) == 12.5


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"times_s": [0.0, 0.0, 1.0]}, "times_s must increase"),
        ({"signal": [0.0, np.nan, 1.0]}, "signal must be finite"),
        ({"signal": [0.0, 1.0]}, "equally long"),
        ({"gamma": [1.0, 2.0]}, "gamma must have shape"),
        ({"gamma": [0.0]}, "gamma must be > 0"),
        ({"omega": [-1.0]}, "omega >= 0"),
        ({"information_step_s": 0.0}, "information_step_s"),
        ({"voiced": [True, True]}, "voiced"),
    ],
)
def test_errors_name_the_parameter(change, named):
    arguments = {"times_s": [0.0, 1.0, 2.0], "signal": [1.0, 2.0, 3.0], "omega": [1.0], "gamma": [0.1]} | change
    with pytest.raises(ValueError, match=named):
        deflated_bank(**arguments)
