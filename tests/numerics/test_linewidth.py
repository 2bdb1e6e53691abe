"""Linewidth, quality and memory against spectra computed by SciPy, Riccati equations and simulation."""

import numpy as np
import pytest
from scipy import integrate, linalg, optimize, signal

from trophic.ecology.response import output_response
from trophic.instruments import linewidth

FS = 160.0


@pytest.mark.parametrize("quality", [0.7, 3.0, 50.0])
def test_branch_output_has_the_stated_width_at_any_quality(quality):
    omega = 2 * np.pi * 10.0
    gamma = omega / (2 * quality)

    def above_half(w):
        return abs(output_response(w, omega, gamma).item()) ** 2 - 0.5

    low, high = optimize.brentq(above_half, 1e-6, omega), optimize.brentq(above_half, omega, 100 * omega)
    fwhm_hz = (high - low) / (2 * np.pi)
    assert linewidth.fwhm_from_damping(gamma) == pytest.approx(fwhm_hz, rel=1e-9)
    assert linewidth.damping_from_fwhm(fwhm_hz) == pytest.approx(gamma, rel=1e-9)
    assert linewidth.quality_factor(10.0, fwhm_hz) == pytest.approx(quality, rel=1e-9)


@pytest.mark.parametrize("quality", [3.0, 10.0, 200.0])
def test_ar2_is_the_sampled_resonance(quality):
    omega = 2 * np.pi * 10.0
    poles = np.roots([1.0, omega / quality, omega**2])
    a_1, a_2 = linewidth.ar2_coefficients(10.0, quality, FS)
    sampled = np.roots([1, -a_1, -a_2])
    np.testing.assert_allclose(np.sort_complex(sampled), np.sort_complex(np.exp(poles / FS)), rtol=1e-9)
    assert linewidth.ar2_quality(a_1, a_2) == pytest.approx(quality, rel=1e-9)
    radius = np.sqrt(-a_2)
    assert linewidth.ar2_fwhm(radius, FS) == pytest.approx(10.0 / quality, rel=1e-9)
    assert linewidth.ar2_radius(10.0 / quality, FS) == pytest.approx(radius, rel=1e-12)


@pytest.mark.parametrize("quality", [3.0, 5.0, 20.0])
def test_ar2_half_power_points_lie_on_the_spectrum(quality):
    a_1, a_2 = linewidth.ar2_coefficients(10.0, quality, FS)
    line = linewidth.ar2_half_power(a_1, a_2, FS)

    def power(f):
        return np.abs(signal.freqz([1.0], [1.0, -a_1, -a_2], worN=np.atleast_1d(f), fs=FS)[1]) ** 2

    grid = np.linspace(5, 15, 20_001)
    assert line.peak_hz == pytest.approx(grid[np.argmax(power(grid))], abs=1e-3)
    np.testing.assert_allclose(power([line.low_hz, line.high_hz]) / power(line.peak_hz), 0.5, rtol=1e-9)
    if quality == 20:
        assert line.fwhm_hz == pytest.approx(linewidth.quality_factor(10.0, quality), rel=1e-3)


def test_coherence_time_is_the_integral_of_the_squared_correlation():
    kappa = linewidth.damping_from_fwhm(0.7)
    integral = integrate.quad(lambda t: np.exp(-2 * kappa * abs(t)), -20 / kappa, 20 / kappa, points=[0.0])[0]
    assert linewidth.coherence_time(0.7) == pytest.approx(integral, rel=1e-9)


@pytest.mark.parametrize("power", [0.01, 1.0, 300.0])
def test_optimal_memory_is_the_kalman_gain(power):
    kappa, R = 1.7, 0.4
    variance = linalg.solve_continuous_are([[-kappa]], [[1.0]], [[2 * kappa * power]], [[R]])[0, 0]
    gamma = linewidth.optimal_memory(kappa, power, R)
    assert gamma == pytest.approx(variance / R, rel=1e-9)


@pytest.mark.parametrize("power", [0.1, 1.0, 300.0])
def test_optimal_memory_without_leak_minimises_the_error(power):
    kappa, R = 1.7, 0.4

    def error(log_gamma):
        """Stationary <|a - z|^2> from the Lyapunov equation of the line and its loss-free follower."""
        gamma = np.exp(log_gamma)
        flow = np.array([[-kappa, 0.0], [gamma, -gamma]])
        noise = np.diag([2 * kappa * power, gamma**2 * R])
        P = linalg.solve_continuous_lyapunov(flow, -noise)
        return P[0, 0] - 2 * P[0, 1] + P[1, 1]

    best = optimize.minimize_scalar(error, bounds=(-12, 8), method="bounded", options={"xatol": 1e-9})
    gamma = linewidth.optimal_memory(kappa, power, R, leak=False)
    if gamma == 0:
        assert best.x < -11
    else:
        assert gamma == pytest.approx(np.exp(best.x), rel=1e-4)
        assert best.fun == pytest.approx(kappa * power / (kappa + gamma) + R * gamma / 2, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: linewidth.quality_factor(10.0, 0.0), "fwhm_hz"),
        (lambda: linewidth.ar2_fwhm(1.0, FS), "radius"),
        (lambda: linewidth.ar2_coefficients(10.0, 0.5, FS), "quality"),
        (lambda: linewidth.ar2_coefficients(81.0, 50.0, FS), "frequency_hz"),
        (lambda: linewidth.ar2_quality(1.9, -0.5), "a_1 and a_2"),
        (lambda: linewidth.ar2_half_power(*linewidth.ar2_coefficients(10.0, 0.6, FS), FS), "half-power"),
        (lambda: linewidth.optimal_memory(0.0, 1.0, 1.0), "kappa"),
    ],
)
def test_errors_name_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()
