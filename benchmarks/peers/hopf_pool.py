"""A pool of adaptive-frequency Hopf oscillators with feedback.

    x_k' = gamma (1 - r_k^2) x_k - omega_k y_k + epsilon F,    y_k' = gamma (1 - r_k^2) y_k + omega_k x_k
    omega_k' = -epsilon F y_k/r_k,    alpha_k' = eta x_k F,    F = input - sum alpha_k x_k

The rotation of a sample is exact, the rest one Euler step. Told the number of lines; frequencies start log-spaced
across the band. Settings: epsilon 100/s, eta 1/s; of 30 tried on 8 tuning draws of five tones (epsilon 1..300, eta
0.1..10) it found 1.4 lines, the best 1.5, and it learns amplitudes within a few seconds.

Source: L. Righetti, J. Buchli, A. J. Ijspeert, "Adaptive frequency oscillators and applications", The Open Cybernetics
and Systemics Journal 3 (2009) 64-69.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from benchmarks.peers.frames import Array, frame_step, from_tracks
from benchmarks.scoring import Outcome

COUPLING = 100.0
LEARNING_RATE = 1.0
LIMIT_CYCLE_RATE = 8.0


@njit(cache=True)
def track(signal, times_s, omega, omega_min, omega_max, coupling, learning_rate, cycle_rate, step):
    """Run the pool; returns frequency (rad/s) and learned amplitude per frame and oscillator, and F per sample."""
    n_units = len(omega)
    x, y, alpha, omega = np.ones(n_units), np.zeros(n_units), np.zeros(n_units), omega.copy()
    n_frames = len(signal) // step
    frequency, amplitude, residual = np.zeros((n_frames, n_units)), np.zeros((n_frames, n_units)), np.zeros(len(signal))
    for i in range(len(signal)):
        dt = times_s[i] - times_s[i - 1] if i else times_s[1] - times_s[0]
        error = signal[i]
        for k in range(n_units):
            c, s = math.cos(omega[k] * dt), math.sin(omega[k] * dt)
            x[k], y[k] = c * x[k] - s * y[k], s * x[k] + c * y[k]
            error -= alpha[k] * x[k]
        for k in range(n_units):
            radius = math.sqrt(x[k] * x[k] + y[k] * y[k]) + 1e-9
            pull = min(cycle_rate * (1 - radius * radius) * dt, 1.0)
            omega[k] = min(max(omega[k] - coupling * error * y[k] / radius * dt, omega_min), omega_max)
            alpha[k] += learning_rate * x[k] * error * dt
            x[k] += pull * x[k] + coupling * error * dt
            y[k] += pull * y[k]
        residual[i] = error
        if (i + 1) % step == 0:
            frequency[i // step] = omega
            amplitude[i // step] = np.abs(alpha) * np.sqrt(x * x + y * y)
    return frequency, amplitude, residual


def decompose(
    x: Array,
    times_s: Array | None,
    sample_rate_hz: float | None,
    f_min_hz: float,
    f_max_hz: float,
    n_branches: int = 16,
    coupling: float = COUPLING,
    learning_rate: float = LEARNING_RATE,
) -> Outcome:
    """All ``n_branches`` oscillators, alive from the first sample to the last."""
    t = np.arange(len(x)) / sample_rate_hz if times_s is None else times_s
    step = frame_step(1 / float(np.median(np.diff(t))))
    edges = np.geomspace(f_min_hz, f_max_hz, n_branches + 1)
    start = 2 * np.pi * np.sqrt(edges[1:] * edges[:-1])
    omega, amplitude, residual = track(
        x, t, start, 2 * np.pi * f_min_hz, 2 * np.pi * f_max_hz, coupling, learning_rate, LIMIT_CYCLE_RATE, step
    )
    time_s = t[step - 1 :: step][: len(omega)]
    return from_tracks(time_s, omega / (2 * np.pi), amplitude, np.ones(omega.shape, dtype=bool), residual)
