"""Linewidth, quality factor, memory and coherence: one quantity in the words of four trades.

A resonance whose amplitude decays as e^(-gamma t) has, in the power of its velocity (the output y of a
branch), a full width at half maximum of exactly 2 gamma rad/s:

    FWHM = gamma / pi (Hz),     Q = omega / (2 gamma) = f / FWHM,     mass of a branch = its Q.

Driven by white noise and sampled, it is the AR(2) process with poles r e^(+-j theta), r = e^(-gamma / fs).
A narrow line seen in its own rotating frame is a complex Ornstein-Uhlenbeck phasor a' = -kappa a + noise with
correlation e^(-kappa |t|) and a Lorentzian line of FWHM kappa / pi; a tone whose phase diffuses by
<d phi^2> = 2 D t has the same correlation with kappa = D.

f is the natural frequency omega / (2 pi) where Q is concerned; the pole angle is that of the damped frequency
sqrt(omega^2 - gamma^2), 1.4 % lower at Q = 3 and 0.1 % at Q = 10.

References
----------
Mandel, Wolf (1995), Optical Coherence and Quantum Optics, section 4.3 (coherence time).
Kalman, Bucy (1961), New results in linear filtering and prediction theory. J. Basic Eng. 83(1).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class HalfPower(NamedTuple):
    """Peak of a power spectrum and the two frequencies of half its height, in Hz."""

    peak_hz: float
    low_hz: float
    high_hz: float

    @property
    def fwhm_hz(self) -> float:
        """Full width at half maximum in Hz."""
        return self.high_hz - self.low_hz


# --- width, damping, quality ----------------------------------------------------------------------


def fwhm_from_damping(gamma: float) -> float:
    """Full width at half maximum gamma / pi (Hz) of a line that decays at ``gamma`` (1/s).

    Examples
    --------
    >>> round(fwhm_from_damping(10.0), 4)
    3.1831
    """
    return gamma / np.pi


def damping_from_fwhm(fwhm_hz: float) -> float:
    """Damping rate gamma = pi FWHM (1/s): the inverse of `fwhm_from_damping`.

    Examples
    --------
    >>> round(damping_from_fwhm(1.0), 4)
    3.1416
    """
    return np.pi * fwhm_hz


def quality_factor(frequency_hz: float, fwhm_hz: float) -> float:
    """Q = f / FWHM; frequency and width in Hz, > 0. Its own inverse: ``quality_factor(f, Q)`` is the FWHM.

    Examples
    --------
    >>> quality_factor(10.0, 2.0), quality_factor(10.0, 5.0)
    (5.0, 2.0)
    """
    _require_positive(frequency_hz=frequency_hz, fwhm_hz=fwhm_hz)
    return frequency_hz / fwhm_hz


# --- AR(2) ------------------------------------------------------------------------------------------


def ar2_radius(fwhm_hz: float, sample_rate_hz: float) -> float:
    """Pole radius r = e^(-pi FWHM / fs) of the sampled line.

    Examples
    --------
    >>> round(ar2_radius(fwhm_hz=2.0, sample_rate_hz=100.0), 6)
    0.939101
    """
    _require_positive(fwhm_hz=fwhm_hz, sample_rate_hz=sample_rate_hz)
    return float(np.exp(-np.pi * fwhm_hz / sample_rate_hz))


def ar2_fwhm(radius: float, sample_rate_hz: float) -> float:
    """FWHM = -fs ln(r) / pi (Hz) of the line with pole radius ``radius`` (0..1): the inverse of `ar2_radius`.

    Examples
    --------
    >>> round(ar2_fwhm(0.939101, sample_rate_hz=100.0), 5)
    2.00001
    """
    _require_radius(radius)
    _require_positive(sample_rate_hz=sample_rate_hz)
    return float(-sample_rate_hz * np.log(radius) / np.pi)


def ar2_coefficients(frequency_hz: float, quality: float, sample_rate_hz: float) -> tuple[float, float]:
    """(a_1, a_2) of x[n] = a_1 x[n-1] + a_2 x[n-2] + w[n]: the sampled resonance of natural frequency f and Q.

    Parameters
    ----------
    frequency_hz : float
        Natural frequency in Hz; the damped one must lie below fs / 2.
    quality : float
        Q = f / FWHM, > 1/2 (below that nothing oscillates).
    sample_rate_hz : float
        Samples per second, > 0.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    Alpha rhythm, 10 Hz with Q = 5, at 160 Hz:

    >>> a_1, a_2 = ar2_coefficients(10.0, 5.0, 160.0)
    >>> round(a_1, 5), round(a_2, 5)
    (1.77805, -0.92447)
    """
    _require_positive(frequency_hz=frequency_hz, sample_rate_hz=sample_rate_hz)
    if not 0.5 < quality < np.inf:
        raise ValueError(f"quality must be in (1/2, inf), got {quality}; at 1/2 and below nothing oscillates")
    omega = 2 * np.pi * frequency_hz
    gamma = omega / (2 * quality)
    angle = np.sqrt((omega - gamma) * (omega + gamma)) / sample_rate_hz
    if angle >= np.pi:
        raise ValueError(f"frequency_hz must be below half the sample rate {sample_rate_hz} Hz, got {frequency_hz}")
    radius = np.exp(-gamma / sample_rate_hz)
    return float(2 * radius * np.cos(angle)), float(-(radius**2))


def ar2_quality(a_1: float, a_2: float) -> float:
    """Q of an AR(2) process with complex poles: the inverse of `ar2_coefficients`.

    Q = |ln p| / (-2 ln |p|) for the pole p: the ratio of the continuous pole's distance and twice its damping.

    Examples
    --------
    >>> round(ar2_quality(1.77805, -0.92447), 3)
    5.0
    """
    if not (a_1**2 + 4 * a_2 < 0 and -1 < a_2 < 0):
        raise ValueError(
            f"a_1 and a_2 must give stable complex poles (a_1^2 < -4 a_2, -1 < a_2 < 0), got {a_1} and {a_2}; "
            "a process with real poles has no line"
        )
    pole = np.log(complex(a_1 / 2, np.sqrt(-(a_1**2) - 4 * a_2) / 2))
    return float(abs(pole) / (-2 * pole.real))


def ar2_half_power(a_1: float, a_2: float, sample_rate_hz: float) -> HalfPower:
    """Exact peak and half-power frequencies of an AR(2) power spectrum.

    With c = cos(2 pi f / fs) the inverse spectrum is a parabola, 4 r^2 (c - c_p)^2 + (1 - r^2)^2 sin^2 theta, whence
    c_p = cos(theta) (1 + r^2) / (2 r) and half power at c_p +- (1 - r^2) sin(theta) / (2 r). The width tends to
    `ar2_fwhm` as Q grows; at low Q the spectrum of x (not of its velocity) is skewed and peaks lower.

    Raises
    ------
    ValueError
        If the poles are not complex and stable, or a half-power point lies outside (0, fs / 2): the peak is then
        too broad, or too near an end of the spectrum, to have a width.

    Examples
    --------
    >>> line = ar2_half_power(*ar2_coefficients(10.0, 5.0, 160.0), 160.0)
    >>> round(line.peak_hz, 3), round(line.fwhm_hz, 3)
    (9.902, 2.02)
    """
    ar2_quality(a_1, a_2)
    _require_positive(sample_rate_hz=sample_rate_hz)
    r = np.sqrt(-a_2)
    cos_theta = a_1 / (2 * r)
    peak = cos_theta * (1 + r**2) / (2 * r)
    half = (1 - r**2) * np.sqrt(1 - cos_theta**2) / (2 * r)
    if abs(peak) + half >= 1:
        raise ValueError(
            f"a_1 = {a_1} and a_2 = {a_2} give a peak without half-power points on both sides between 0 Hz and "
            f"{sample_rate_hz / 2} Hz; its width is not defined, use ar2_quality"
        )
    low, top, high = (np.arccos(c) * sample_rate_hz / (2 * np.pi) for c in (peak + half, peak, peak - half))
    return HalfPower(float(top), float(low), float(high))


# --- coherence and memory ---------------------------------------------------------------------------


def coherence_time(fwhm_hz: float) -> float:
    """Integral of |correlation|^2 over all lags, 1 / (pi FWHM) seconds, of a Lorentzian line.

    Equal to the time in which the correlation e^(-kappa t) falls to 1/e.

    Examples
    --------
    >>> round(coherence_time(1.0), 4)
    0.3183
    """
    _require_positive(fwhm_hz=fwhm_hz)
    return 1 / (np.pi * fwhm_hz)


def optimal_memory(kappa: float, power: float, noise_density: float, *, leak: bool = True) -> float:
    """The damping rate gamma (1/s) at which a branch follows an Ornstein-Uhlenbeck line best.

    A branch in the line's rotating frame is z' = gamma (a + noise - z), with ``leak`` also - kappa z: it then knows
    that the line forgets itself. The least mean squared error |a - z|^2 is reached at

        with leak:     gamma = sqrt(kappa^2 + 2 kappa P / R) - kappa      (Kalman-Bucy), error R gamma,
        without leak:  gamma = max(0, sqrt(2 kappa P / R) - kappa),       error kappa P / (kappa + gamma) + R gamma / 2.

    Memory is not coherence: a strong line (P >> R kappa) is followed with a memory shorter than its coherence, a weak
    one with a longer one, and the frozen ecology, which does not leak, had better not follow one below P = R kappa / 2.

    Parameters
    ----------
    kappa : float
        Decay rate of the phasor's correlation in 1/s, pi FWHM, > 0.
    power : float
        P = <|a|^2>, signal^2; A^2 for a line of amplitude A, > 0.
    noise_density : float
        R = 4 sigma^2 h, signal^2 seconds, for white noise of variance sigma^2 sampled every h seconds, > 0.
    leak : bool
        Whether the branch itself decays at kappa.

    Examples
    --------
    >>> optimal_memory(kappa=1.0, power=4.0, noise_density=1.0)
    2.0
    >>> round(optimal_memory(1.0, 4.0, 1.0, leak=False), 4), optimal_memory(1.0, 0.4, 1.0, leak=False)
    (1.8284, 0.0)
    """
    _require_positive(kappa=kappa, power=power, noise_density=noise_density)
    ratio = 2 * power / noise_density
    if leak:
        return float(ratio / (1 + np.sqrt(1 + ratio / kappa)))  # no cancellation for a weak line
    return float(max(np.sqrt(ratio * kappa) - kappa, 0.0))


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be in (0, inf), got {value}; pass a positive finite number")


def _require_radius(radius: float) -> None:
    if not 0 < radius < 1:
        raise ValueError(f"radius must be in (0, 1), got {radius}; on or outside the unit circle the process explodes")
