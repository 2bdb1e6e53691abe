"""The poster's resonator against SciPy: transfer functions, matrix exponentials and integrated spectra."""

import numpy as np
import pytest
from numba import njit
from scipy import integrate, linalg, signal

from trophic.ecology import oscillator as osc
from trophic.ecology import response

SHARED = osc.constants(omega_min=3.0, omega_max=48.0, c_I=0.7, c_D=1.9)
TUNINGS = [osc.Tuning(s, m, delta) for s in (0.0, 0.3, 1.0) for m in (3.0, 400.0) for delta in (0.02, 4.0)]


def test_eta_is_the_tuning_range():
    assert osc.band(SHARED) == pytest.approx((3.0, 48.0), rel=1e-14)
    slowest = osc.modal(*osc.coefficients(osc.Tuning(1.0, 5.0, 1.0), SHARED)).omega
    fastest = osc.modal(*osc.coefficients(osc.Tuning(0.0, 5.0, 1.0), SHARED)).omega
    assert slowest == pytest.approx(3.0, rel=1e-14)
    assert fastest == pytest.approx(48.0, rel=1e-14)
    assert (1 - SHARED.eta) / SHARED.eta == pytest.approx(48.0 / 3.0, rel=1e-14)
    assert SHARED.c_E / SHARED.c_I == pytest.approx(48.0 * 3.0, rel=1e-14)


@pytest.mark.parametrize("tuning", TUNINGS)
def test_coefficients_follow_the_poster(tuning):
    mixing = np.array([[1 - SHARED.eta, SHARED.eta], [SHARED.eta, 1 - SHARED.eta]])
    expected = tuning.m * np.diag([SHARED.c_I, SHARED.c_E]) @ mixing @ [tuning.s, 1 - tuning.s]
    x = osc.coefficients(tuning, SHARED)
    np.testing.assert_allclose([x.x_I, x.x_E], expected, rtol=1e-14)
    assert x.x_D == pytest.approx(SHARED.c_D * tuning.m * tuning.delta, rel=1e-14)


@pytest.mark.parametrize("tuning", TUNINGS)
def test_poles_are_the_roots_of_the_equation_of_motion(tuning):
    x = osc.coefficients(tuning, SHARED)
    omega, Q, gamma = osc.modal(*x)
    poles = np.roots([x.x_I, x.x_D, x.x_E])
    assert np.prod(poles).real == pytest.approx(omega**2, rel=1e-12)
    assert -np.sum(poles).real == pytest.approx(2 * gamma, rel=1e-12)
    assert omega / (2 * gamma) == pytest.approx(Q, rel=1e-13)


@pytest.mark.parametrize("omega", [3.0, 7.0, 12.0, 48.0])
@pytest.mark.parametrize("Q", [0.4, 3.0, 1000.0])
def test_mass_is_the_quality_factor_there_and_back(omega, Q):
    tuning = osc.tuning(omega, Q, SHARED)
    x = osc.coefficients(tuning, SHARED)
    assert tuning.m == Q
    assert osc.modal(*x) == pytest.approx((omega, Q, omega / (2 * Q)), rel=1e-13)
    assert x.x_D == pytest.approx(osc.dissipation(omega, SHARED), rel=1e-13)
    assert osc.tuning(*osc.modal(*x)[:2], SHARED) == pytest.approx(tuning, rel=1e-12, abs=1e-14)


def test_constant_damping_density_cancels_the_mass():
    light, heavy = (osc.modal(*osc.coefficients(osc.Tuning(0.4, m, 0.3), SHARED)) for m in (2.0, 200.0))
    assert light == pytest.approx(heavy, rel=1e-14)


@pytest.mark.parametrize("tuning", TUNINGS)
def test_frequency_responses_agree_with_scipy(tuning):
    x = osc.coefficients(tuning, SHARED)
    omega, _, gamma = osc.modal(*x)
    drive = np.geomspace(0.1, 300.0, 200)
    _, displacement = signal.freqs([1.0], [x.x_I, x.x_D, x.x_E], drive)
    _, output = signal.freqs([x.x_D, 0.0], [x.x_I, x.x_D, x.x_E], drive)
    np.testing.assert_allclose(response.displacement_response(drive, x), displacement, rtol=1e-11)
    np.testing.assert_allclose(response.output_response(drive, omega, gamma), output, rtol=1e-11)


@pytest.mark.parametrize("gamma", [0.1, 3.999, 4.0, 4.001, 30.0])
def test_impulse_responses_agree_with_the_matrix_exponential(gamma):
    omega, times = 4.0, np.array([0.0, 1e-3, 0.2, 1.0, 5.0])
    flow = np.array([[0.0, 1.0], [-(omega**2), -2 * gamma]])
    expected = np.array([linalg.expm(flow * t) @ [0.0, 1.0] for t in times])
    np.testing.assert_allclose(response.impulse_response(times, omega, gamma), expected[:, 0], rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(
        response.output_impulse_response(times, omega, gamma), 2 * gamma * expected[:, 1], rtol=1e-9, atol=1e-12
    )
    assert not response.impulse_response([-1.0, -1e-9], omega, gamma).any()
    assert np.isfinite(response.impulse_response(1e6, omega, gamma))


def test_deflated_response_solves_the_coupled_equations():
    omega, gamma = np.array([5.0, 5.5, 20.0]), np.array([0.8, 0.3, 0.1])
    flow = np.block([[-2 * gamma[:, None] * np.ones(3), -np.diag(omega)], [np.diag(omega), np.zeros((3, 3))]])
    push = np.concatenate([2 * gamma, np.zeros(3)])
    drive = np.array([0.3, 5.0, 5.2, 5.5, 20.0, 90.0])
    expected = np.array([np.linalg.solve(1j * w * np.eye(6) - flow, push)[:3] for w in drive])
    residual, outputs = response.deflated_response(drive, omega, gamma)
    np.testing.assert_allclose(outputs, expected, atol=1e-12)
    np.testing.assert_allclose(residual, 1 - expected.sum(axis=1), atol=1e-12)
    assert np.all(np.linalg.eigvals(flow).real < 0)


def test_identical_branches_on_resonance_share_the_input():
    residual, outputs = response.deflated_response([5.0], [5.0, 5.0], [0.1, 0.3])
    np.testing.assert_allclose(outputs[0], [0.25, 0.75], atol=1e-15)
    assert residual[0] == 0


def test_phasor_obeys_the_equation_of_motion():
    x = osc.Coefficients(5.0, 80.0, 2.5)
    omega, _, gamma = osc.modal(*x)
    zeta = 0.7

    def motion(t, state):
        psi, velocity = state
        return velocity, (zeta * np.cos(3 * t) - x.x_D * velocity - x.x_E * psi) / x.x_I

    path = integrate.solve_ivp(motion, (0, 6), (0.2, -0.1), rtol=1e-11, atol=1e-13, dense_output=True)
    t, step = 4.0, 1e-4
    before, now, after = (osc.phasor(*path.sol(s), omega, x.x_D) for s in (t - step, t, t + step))
    rate = 1j * omega * now + 2 * gamma * (zeta * np.cos(3 * t) - now.real)
    assert (after - before) / (2 * step) == pytest.approx(rate, abs=1e-6)
    assert osc.coordinates(now, omega, x.x_D) == pytest.approx(tuple(path.sol(t)), rel=1e-12)
    psi, velocity = path.sol(t)
    energies = osc.energies(psi, velocity, x.x_I, x.x_E)
    assert osc.phasor_energy(now, gamma, x.x_D) == pytest.approx(energies.E, rel=1e-12)
    assert osc.phasor_energy(now.real + 0j, gamma, x.x_D) == pytest.approx(energies.T, rel=1e-12)
    assert energies[2:] == pytest.approx((energies.T - energies.V, energies.T + energies.V))


@pytest.mark.parametrize("drive", [0.5, 3.9, 4.0, 11.0])
def test_lagrangian_of_a_driven_branch_measures_its_detuning(drive):
    x = osc.Coefficients(5.0, 80.0, 2.5)
    H = response.displacement_response(drive, x)
    phase = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    psi, velocity = (H * np.exp(1j * phase)).real, (1j * drive * H * np.exp(1j * phase)).real
    mean = [np.mean(part) for part in osc.energies(psi, velocity, x.x_I, x.x_E)]
    assert mean[2] / mean[3] == pytest.approx(osc.tone_imbalance(drive, 4.0), abs=1e-13)
    # the virial theorem: 2 <T - V> = -<psi (zeta - y)>
    error = np.cos(phase) - x.x_D * velocity
    assert 2 * mean[2] == pytest.approx(-np.mean(psi * error), abs=1e-15)


def test_white_noise_obeys_equipartition():
    x = osc.Coefficients(5.0, 80.0, 2.5)

    def density(w, of):
        psi = abs(complex(response.displacement_response(w, x))) ** 2
        return 0.5 * (x.x_I * w**2 if of == "T" else x.x_E) * psi

    kinetic, potential = (
        sum(integrate.quad(density, *edge, args=(of,), limit=400)[0] for edge in ((0, 4), (4, 40), (40, np.inf)))
        for of in "TV"
    )
    assert kinetic == pytest.approx(potential, rel=1e-6)


def test_arithmetic_compiles_under_numba():
    modal, phasor, energy = njit(osc.modal), njit(osc.phasor), njit(osc.phasor_energy)
    assert modal(5.0, 80.0, 2.5) == pytest.approx((4.0, 8.0, 0.25))
    assert phasor(0.5, 1.0, 4.0, 2.0) == 2 + 4j
    assert energy(2 + 4j, 0.2, 2.0) == pytest.approx(12.5)
    assert njit(osc.energies)(0.5, 1.0, 5.0, 80.0) == pytest.approx((2.5, 10.0, -7.5, 12.5))
    assert njit(osc.coordinates)(2 + 4j, 4.0, 2.0) == (0.5, 1.0)
    assert njit(osc.tone_imbalance)(2.0, 4.0) == pytest.approx(-0.6)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: osc.constants(8.0, 2.0), "omega_min"),
        (lambda: osc.constants(1.0, 2.0, c_I=0.0), "c_I"),
        (lambda: osc.band(osc.Constants(0.5, 1.0, 1.0, 1.0)), "eta"),
        (lambda: osc.coefficients(osc.Tuning(1.1, 1.0, 1.0), SHARED), "s must be"),
        (lambda: osc.coefficients(osc.Tuning(0.1, -1.0, 1.0), SHARED), "m must be"),
        (lambda: osc.tuning(49.0, 3.0, SHARED), "omega"),
        (lambda: osc.tuning(5.0, np.inf, SHARED), "Q"),
    ],
)
def test_errors_name_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
