"""Extended Kalman filter over rotating phasors with unknown frequencies.

State per line: the phasor (c, s) and its angular frequency. The phasor turns by ``omega dt``; the measurement is the
sum of the c plus white noise. One covariance couples all lines. Told the number of lines; frequencies, amplitudes and
the noise level start from the strongest peaks of a periodogram of the first second. Process noise: the phasors are
constant to ``DRIFT`` of their amplitude per root second, the frequencies to ``WANDER`` of theirs per root second: a
compromise on tuning draws (less noise is exact on tones and blind to sweeps, more the reverse).

Source: B. F. La Scala and R. R. Bitmead, "Design of an extended Kalman filter frequency tracker", IEEE Trans. Signal
Process. 44 (1996) 739-742.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from benchmarks.peers.frames import Array, fit_lines, frame_step, from_tracks
from benchmarks.scoring import Outcome

START_S = 1.0
DRIFT = 0.1
WANDER = 3e-4


@njit(cache=True)
def track(x, times_s, omega, spread, amplitude, noise_power, drift, wander, step):
    """Filter the samples; returns frequency (rad/s) and amplitude per frame and line, and the innovation per sample."""
    n_lines = len(omega)
    size = 3 * n_lines
    state, covariance = np.zeros(size), np.zeros((size, size))
    for k in range(n_lines):
        state[3 * k + 2] = omega[k]
        covariance[3 * k, 3 * k] = covariance[3 * k + 1, 3 * k + 1] = amplitude[k] ** 2
        covariance[3 * k + 2, 3 * k + 2] = spread**2
    frequency, height = np.zeros((len(x) // step, n_lines)), np.zeros((len(x) // step, n_lines))
    residual = np.zeros(len(x))
    turn = np.eye(size)
    for i in range(len(x)):
        dt = times_s[i] - times_s[i - 1] if i else 0.0
        for k in range(n_lines):
            j = 3 * k
            c, s = math.cos(state[j + 2] * dt), math.sin(state[j + 2] * dt)
            a, b = c * state[j] - s * state[j + 1], s * state[j] + c * state[j + 1]
            state[j], state[j + 1] = a, b
            turn[j, j], turn[j, j + 1], turn[j, j + 2] = c, -s, -b * dt
            turn[j + 1, j], turn[j + 1, j + 1], turn[j + 1, j + 2] = s, c, a * dt
        covariance = turn @ covariance @ turn.T
        for k in range(n_lines):
            j = 3 * k
            power = state[j] ** 2 + state[j + 1] ** 2
            covariance[j, j] += drift**2 * power * dt
            covariance[j + 1, j + 1] += drift**2 * power * dt
            covariance[j + 2, j + 2] += (wander * state[j + 2]) ** 2 * dt
        projected = np.zeros(size)
        error = x[i]
        for k in range(n_lines):
            projected += covariance[:, 3 * k]
            error -= state[3 * k]
        variance = noise_power
        for k in range(n_lines):
            variance += projected[3 * k]
        gain = projected / variance
        state += gain * error
        covariance -= np.outer(gain, projected)
        covariance = 0.5 * (covariance + covariance.T)
        residual[i] = error
        if (i + 1) % step == 0:
            for k in range(n_lines):
                frequency[i // step, k] = abs(state[3 * k + 2])
                height[i // step, k] = math.hypot(state[3 * k], state[3 * k + 1])
    return frequency, height, residual


def strongest_lines(
    x: Array, times_s: Array, f_min_hz: float, f_max_hz: float, n_lines: int
) -> tuple[Array, Array, float]:
    """Frequencies and amplitudes of lines removed one after another from a short record, and the noise power left."""
    grid_hz = np.arange(f_min_hz, f_max_hz, 0.25 / (times_s[-1] - times_s[0]))
    wave = np.exp(-2j * np.pi * grid_hz[:, None] * times_s)
    found: list[float] = []
    residual = x
    for _ in range(n_lines):
        found.append(float(grid_hz[np.argmax(np.abs(wave @ residual))]))
        amplitude, residual = fit_lines(x, times_s, np.array(found))
    return np.array(found), amplitude, float(np.var(residual))


def decompose(
    x: Array,
    times_s: Array | None,
    sample_rate_hz: float | None,
    f_min_hz: float,
    f_max_hz: float,
    n_branches: int = 16,
    drift: float = DRIFT,
    wander: float = WANDER,
) -> Outcome:
    """All ``n_branches`` lines, alive from the first sample to the last."""
    t = np.arange(len(x)) / sample_rate_hz if times_s is None else times_s
    step = frame_step(1 / float(np.median(np.diff(t))))
    early = t < t[0] + START_S
    start_hz, amplitude, noise_power = strongest_lines(x[early], t[early], f_min_hz, f_max_hz, n_branches)
    spread = 2 * np.pi * 0.25 / START_S
    omega, height, residual = track(x, t, 2 * np.pi * start_hz, spread, amplitude, noise_power, drift, wander, step)
    time_s = t[step - 1 :: step][: len(omega)]
    return from_tracks(time_s, omega / (2 * np.pi), height, np.ones(omega.shape, dtype=bool), residual)
