"""What no estimator can beat, and what every forecaster must: Cramer-Rao bounds and persistence.

The signal model is a sum of M real sinusoids in white Gaussian noise of standard deviation sigma,

    x(t_n) = sum_m A_m cos(2 pi f_m (t_n - t_0) + phi_m) + noise,      n = 1 .. N,

with all 3 M parameters unknown and phases referred to a chosen time t_0. With J the derivatives of the
noise-free signal, shape (N, 3 M), the Fisher information is J^T J / sigma^2, and no unbiased estimator has
standard errors below the square roots of the diagonal of its inverse.

References
----------
Rife, Boorstyn (1974), Single-tone parameter estimation from discrete-time observations. IEEE Trans. IT 20(5).
Kay (1993), Fundamentals of Statistical Signal Processing: Estimation Theory, chapter 3.
Hyndman, Koehler (2006), Another look at measures of forecast accuracy. Int. J. Forecasting 22(4).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class ToneBound(NamedTuple):
    """Smallest standard errors: amplitude (signal unit), frequency_hz (Hz) and phase_rad (rad)."""

    amplitude: Array
    frequency_hz: Array
    phase_rad: Array


def tone_bound(
    amplitude: ArrayLike,
    noise_sd: float,
    n_samples: int,
    sample_rate_hz: float,
    phase_at: Literal["edge", "middle"] = "edge",
) -> ToneBound:
    """Closed form for one sinusoid on a regular clock, or for several that are far apart.

        var A = 2 sigma^2 / N,     var f = 24 sigma^2 fs^2 / ((2 pi A)^2 N (N^2 - 1)),
        var phi = 4 sigma^2 (2 N - 1) / (A^2 N (N + 1)) at the first and last sample, 2 sigma^2 / (A^2 N) at the middle.

    Exact up to terms of order 1 / (number of periods); see `cramer_rao` for tones near each other, near 0 Hz
    or near half the sample rate.

    Parameters
    ----------
    amplitude : float or array, shape (M,)
        Amplitudes A in the signal's unit, > 0.
    noise_sd : float
        Standard deviation sigma of the noise, > 0.
    n_samples : int
        N, >= 3.
    sample_rate_hz : float
        Samples per second fs, > 0.
    phase_at : "edge" or "middle"
        Where the phase is wanted.

    Raises
    ------
    ValueError
        If a number is out of range.

    Examples
    --------
    A tone at 0 dB (A^2 / 2 = sigma^2), ten seconds at 1 kHz: a frequency known to half a millihertz.

    >>> bound = tone_bound(1.0, np.sqrt(0.5), 10_000, 1000.0)
    >>> [float(f"{error:.3g}") for error in bound]
    [0.01, 0.000551, 0.02]
    """
    A = np.asarray(amplitude, dtype=np.float64)
    _require_tones(A, noise_sd)
    if n_samples < 3:
        raise ValueError(f"n_samples must be >= 3, one per unknown parameter, got {n_samples}")
    if not 0 < sample_rate_hz < np.inf:
        raise ValueError(f"sample_rate_hz must be in (0, inf), got {sample_rate_hz}")
    if phase_at not in ("edge", "middle"):
        raise ValueError(f"phase_at must be 'edge' or 'middle', got {phase_at!r}")
    N, noise_to_signal = float(n_samples), noise_sd / A
    at_edge = 2 * np.sqrt((2 * N - 1) / (N * (N + 1)))
    return ToneBound(
        amplitude=np.full(A.shape, noise_sd * np.sqrt(2 / N)),
        frequency_hz=noise_to_signal * sample_rate_hz / (2 * np.pi) * np.sqrt(24 / (N * (N**2 - 1))),
        phase_rad=noise_to_signal * (at_edge if phase_at == "edge" else np.sqrt(2 / N)),
    )


def fisher_information(
    times_s: ArrayLike,
    amplitude: ArrayLike,
    frequency_hz: ArrayLike,
    phase_rad: ArrayLike,
    noise_sd: float,
    phase_time_s: float | None = None,
) -> Array:
    """Fisher information matrix of several sinusoids, shape (3 M, 3 M); the arguments are those of `cramer_rao`.

    Rows and columns: M amplitudes, then M frequencies (Hz), then M phases (rad).

    Examples
    --------
    >>> information = fisher_information(np.arange(1000) / 1000, 1.0, 50.0, 0.0, noise_sd=0.1)
    >>> information.shape, round(information[0, 0])
    ((3, 3), 50000)
    """
    J = _jacobian(times_s, amplitude, frequency_hz, phase_rad, noise_sd, phase_time_s)
    return J.T @ J / noise_sd**2


def cramer_rao(
    times_s: ArrayLike,
    amplitude: ArrayLike,
    frequency_hz: ArrayLike,
    phase_rad: ArrayLike,
    noise_sd: float,
    phase_time_s: float | None = None,
) -> ToneBound:
    """The joint bound for several sinusoids sampled at any times, regular or not.

    Parameters
    ----------
    times_s : array, shape (N,)
        Time stamps in seconds, in any order, N >= 3 M.
    amplitude, frequency_hz, phase_rad : float or array, shape (M,)
        The true parameters: A > 0 in the signal's unit, f > 0 in Hz, phi in rad at ``phase_time_s``.
    noise_sd : float
        Standard deviation of the white noise, > 0.
    phase_time_s : float, optional
        The time t_0 that phases refer to. Default: the last time stamp.

    Returns
    -------
    ToneBound
        Standard errors, each of shape (M,).

    Raises
    ------
    ValueError
        If a number is out of range, or the samples cannot tell the tones apart.

    Examples
    --------
    One second, two tones: half a period apart they cost each other a factor of four in frequency.

    >>> t = np.arange(1000) / 1000
    >>> far, near = (cramer_rao(t, [1, 1], [50.0, f], [0.0, 1.0], noise_sd=0.1) for f in (60.0, 50.5))
    >>> float(round(near.frequency_hz[0] / far.frequency_hz[0], 1))
    4.2
    """
    J = _jacobian(times_s, amplitude, frequency_hz, phase_rad, noise_sd, phase_time_s)
    scale = np.linalg.norm(J, axis=0)
    scale[scale == 0] = 1.0
    # J^T J would square the condition number: invert the triangle of J = QR instead
    triangle = np.linalg.qr(J / scale, mode="r")
    if np.linalg.cond(triangle) > 1e12:
        raise ValueError(
            f"the samples cannot tell the tones at frequency_hz={np.asarray(frequency_hz)} apart (or one from zero "
            "or an alias); drop a tone, or give a longer record"
        )
    errors = noise_sd * np.linalg.norm(np.linalg.inv(triangle), axis=1) / scale
    return ToneBound(*errors.reshape(3, -1))


def _jacobian(
    times_s: ArrayLike,
    amplitude: ArrayLike,
    frequency_hz: ArrayLike,
    phase_rad: ArrayLike,
    noise_sd: float,
    phase_time_s: float | None,
) -> Array:
    """Derivatives of the noise-free signal with respect to amplitudes, frequencies (Hz) and phases."""
    times = np.asarray(times_s, dtype=np.float64)
    A, f, phi = (np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (amplitude, frequency_hz, phase_rad))
    if not (A.ndim == 1 and A.shape == f.shape == phi.shape):
        raise ValueError(
            f"amplitude, frequency_hz and phase_rad must have one shape (M,), got {A.shape}, {f.shape} and {phi.shape}"
        )
    _require_tones(A, noise_sd)
    if not np.all((f > 0) & np.isfinite(f)):
        raise ValueError(f"frequency_hz must be in (0, inf), got {f}")
    if times.ndim != 1 or len(times) < 3 * len(A) or not np.all(np.isfinite(times)):
        raise ValueError(
            f"times_s must be 1-D, finite and hold at least 3 samples per tone ({3 * len(A)}), got shape {times.shape}"
        )
    elapsed = (times - (times.max() if phase_time_s is None else phase_time_s))[:, None]
    angle = 2 * np.pi * f * elapsed + phi
    by_phase = -A * np.sin(angle)
    return np.concatenate([np.cos(angle), 2 * np.pi * elapsed * by_phase, by_phase], axis=1)


def _require_tones(amplitude: Array, noise_sd: float) -> None:
    if not np.all((amplitude > 0) & np.isfinite(amplitude)):
        raise ValueError(f"amplitude must be in (0, inf) for every tone, got {amplitude}")
    if not 0 < noise_sd < np.inf:
        raise ValueError(f"noise_sd must be in (0, inf), got {noise_sd}")


# --- baselines of prediction ------------------------------------------------------------------------


def persistence(x: ArrayLike, horizon: int = 1) -> Array:
    """Tomorrow as today: the forecast of x[n] made ``horizon`` samples earlier is x[n - horizon].

    Parameters
    ----------
    x : array, shape (n,) or (n, C)
        A regular stream.
    horizon : int
        Samples ahead, >= 1.

    Returns
    -------
    array, shape of x
        Forecasts, aligned with what they forecast; NaN where there was no past.

    Examples
    --------
    >>> persistence([1.0, 2.0, 4.0], horizon=1)
    array([nan,  1.,  2.])
    """
    _require_count("horizon", horizon)
    return _delayed(x, horizon)


def seasonal_persistence(x: ArrayLike, season: int, horizon: int = 1) -> Array:
    """This season as the last one: the same place in the latest season known ``horizon`` samples earlier.

    The forecast of x[n] is x[n - k season] with the smallest k for which that sample was known, k season >= horizon.

    Parameters
    ----------
    x : array, shape (n,) or (n, C)
        A regular stream.
    season : int
        Samples per season, >= 1.
    horizon : int
        Samples ahead, >= 1.

    Returns
    -------
    array, shape of x
        Forecasts, aligned with what they forecast; NaN where there was no past.

    Examples
    --------
    >>> seasonal_persistence([1.0, 5.0, 9.0, 2.0, 6.0, 7.0], season=3)
    array([nan, nan, nan,  1.,  5.,  9.])
    """
    _require_count("season", season)
    _require_count("horizon", horizon)
    return _delayed(x, season * -(-horizon // season))


def skill(x: ArrayLike, forecast: ArrayLike, baseline: ArrayLike) -> float:
    """1 - MSE(forecast) / MSE(baseline) where all three are finite: 1 perfect, 0 no better, < 0 worse.

    Raises
    ------
    ValueError
        If nothing can be compared, or the baseline is perfect.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 3.0, 4.0])
    >>> skill(x, forecast=x - 0.5, baseline=persistence(x))
    0.75
    """
    truth, mine, other = (np.asarray(part, dtype=np.float64) for part in (x, forecast, baseline))
    common = np.isfinite(truth) & np.isfinite(mine) & np.isfinite(other)
    if not common.any():
        raise ValueError("x, forecast and baseline share no finite sample; give a longer stream or a shorter horizon")
    worse = float(np.mean((truth - other)[common] ** 2))
    if worse == 0:
        raise ValueError("the baseline makes no error, so no skill can be measured against it; take a harder baseline")
    return 1 - float(np.mean((truth - mine)[common] ** 2)) / worse


def _delayed(x: ArrayLike, lag: int) -> Array:
    values = np.asarray(x, dtype=np.float64)
    late = np.full_like(values, np.nan)
    late[lag:] = values[:-lag]
    return late


def _require_count(name: str, value: int) -> None:
    if value < 1:
        raise ValueError(f"{name} must be >= 1 samples, got {value}")
