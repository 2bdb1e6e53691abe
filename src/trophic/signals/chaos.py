"""Chaotic and nonlinear series with known equations: Mackey-Glass, Lorenz, NARMA-10.

Each starts from a random state drawn from a ``numpy.random.Generator`` and drops its transient, so that a seed names a
stretch of the attractor.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Array = NDArray[np.float64]


def mackey_glass(n_samples: int, tau: float, rng: np.random.Generator, substeps: int = 10) -> Array:
    """x' = 0.2 x(t - tau)/(1 + x(t - tau)^10) - 0.1 x, one value per unit of time, shape (n_samples,).

    Euler steps of 1/``substeps``; with ``substeps=1`` this is the coarse map that much of the literature calls by the
    same name. tau = 17 is weakly, tau = 30 strongly chaotic. The history is constant, uniform in 0.8..1.4; the first
    1000 units of time are dropped.

    Raises
    ------
    ValueError
        If tau times substeps is not a positive integer.

    References
    ----------
    M. C. Mackey and L. Glass, Oscillation and chaos in physiological control systems, Science 197 (1977).

    Examples
    --------
    >>> x = mackey_glass(5000, 17, np.random.default_rng(0))
    >>> round(float(x.mean()), 2), round(float(np.std(np.diff(x)) / np.std(x)), 2)
    (0.93, 0.15)
    """
    delay = round(tau * substeps)
    if not (delay >= 1 and delay == tau * substeps):
        raise ValueError(f"tau must be a positive multiple of 1/substeps = {1 / substeps:g}, got {tau}")
    return _mackey_glass((n_samples + 1000) * substeps, delay, 1.0 / substeps, rng.uniform(0.8, 1.4))[::substeps][1000:]


def lorenz(n_samples: int, step: float, rng: np.random.Generator) -> Array:
    """The Lorenz system (sigma 10, rho 28, beta 8/3) every ``step`` units of time, shape (n_samples, 3).

    Fourth-order Runge-Kutta in steps of at most 0.005; the first 20 units of time are dropped. The largest Lyapunov
    exponent is 0.906 per unit of time.

    Examples
    --------
    >>> x = lorenz(20000, 0.02, np.random.default_rng(0))
    >>> (x.std(axis=0)).round(0)
    array([8., 9., 9.])
    """
    if not 0 < step <= 1:
        raise ValueError(f"step must be in (0, 1] units of time, got {step}")
    inner = int(np.ceil(step / 0.005))
    start = np.array([1.0, 1.0, 25.0]) + rng.standard_normal(3)
    skipped = round(20 / step)
    return _lorenz(n_samples + skipped, step / inner, inner, start)[skipped:]


def narma10(n_samples: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Input u uniform in 0..0.5 and the output y of a nonlinear moving average of order ten, shapes (n_samples,).

        y(t + 1) = 0.3 y(t) + 0.05 y(t) sum_{i<10} y(t - i) + 1.5 u(t - 9) u(t) + 0.1

    y[t] depends on u[t - 1] and before. A draw of u that makes y grow without bound is drawn again.

    References
    ----------
    A. F. Atiya and A. G. Parlos, New results on recurrent network training, IEEE Trans. Neural Networks 11 (2000).

    Examples
    --------
    >>> u, y = narma10(5000, np.random.default_rng(0))
    >>> round(float(y.mean()), 1), bool(y.max() < 1.2)
    (0.4, True)
    """
    while True:
        u = rng.uniform(0.0, 0.5, n_samples + 200)
        y = _narma10(u)
        if y.max() < 2.0:
            return u[200:], y[200:]


@njit(cache=True)
def _mackey_glass(n_steps: int, delay: int, step: float, start: float) -> Array:
    x = np.empty(n_steps)
    for t in range(n_steps):
        if t <= delay:
            x[t] = start
        else:
            late = x[t - 1 - delay]
            x[t] = x[t - 1] + step * (0.2 * late / (1.0 + late**10) - 0.1 * x[t - 1])
    return x


@njit(cache=True)
def _flow(s: Array) -> Array:
    return np.array([10.0 * (s[1] - s[0]), s[0] * (28.0 - s[2]) - s[1], s[0] * s[1] - 8.0 / 3.0 * s[2]])


@njit(cache=True)
def _lorenz(n_samples: int, h: float, inner: int, start: Array) -> Array:
    out = np.empty((n_samples, 3))
    s = start.copy()
    for t in range(n_samples):
        for _ in range(inner):
            k1 = _flow(s)
            k2 = _flow(s + 0.5 * h * k1)
            k3 = _flow(s + 0.5 * h * k2)
            k4 = _flow(s + h * k3)
            s = s + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        out[t] = s
    return out


@njit(cache=True)
def _narma10(u: Array) -> Array:
    y = np.zeros(u.shape[0])
    for t in range(9, u.shape[0] - 1):
        memory = 0.0
        for i in range(10):
            memory += y[t - i]
        y[t + 1] = min(10.0, 0.3 * y[t] + 0.05 * y[t] * memory + 1.5 * u[t - 9] * u[t] + 0.1)
    return y
