"""How close a recurrent network is to the edge of instability: spectral radius, Lyapunov exponents, branching ratio.

A driven network x(t) = f(x(t - 1), u(t)) forgets its past if small differences die out. The spectral radius of its
Jacobian says so for one step, the Lyapunov exponents for the steps that really follow one another: only they see that
directions turn between steps. The branching ratio is the statistician's view: how much activity calls forth activity.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def spectral_radius(matrix: ArrayLike) -> float:
    """Largest modulus of the eigenvalues of a square matrix.

    Power iteration with norms finds another number, the growth of a norm, if the matrix is not symmetric.

    Examples
    --------
    >>> round(spectral_radius([[0.0, 4.0], [0.25, 0.0]]), 6)
    1.0
    """
    matrix = _square(matrix)
    return float(np.abs(np.linalg.eigvals(matrix)).max())


def step_jacobian(weights: ArrayLike, slope: ArrayLike, leak: float) -> Array:
    """dx(t)/dx(t - 1) of x <- (1 - a) x + a tanh(W x + ..), shape (N, N).

    Parameters
    ----------
    weights : (N, N)
        W, row = receiving neuron.
    slope : (N,)
        g = a (1 - tanh^2 p), the derivative of the new state by its drive p.
    leak : float
        a, in (0, 1].

    Examples
    --------
    >>> step_jacobian([[0.0, 2.0], [1.0, 0.0]], [0.5, 0.25], 0.5)
    array([[0.5 , 1.  ],
           [0.25, 0.5 ]])
    """
    weights = _square(weights)
    if not 0 < leak <= 1:
        raise ValueError(f"leak must be in (0, 1], got {leak}")
    return (1 - leak) * np.eye(len(weights)) + np.asarray(slope, dtype=float)[:, None] * weights


def lyapunov_exponents(jacobians: Iterable[ArrayLike], n_exponents: int = 1, skipped: int = 0) -> Array:
    """The largest Lyapunov exponents of the product of ``jacobians``, natural logarithm per step, descending.

    Orthonormal tangent vectors are carried along and made orthonormal again by QR after every step (Benettin et al.,
    Meccanica 15, 1980); the exponents are the means of the logarithms of R's diagonal.

    Parameters
    ----------
    jacobians : iterable of (N, N)
        Of consecutive steps.
    n_exponents : int
        1..N.
    skipped : int
        Steps at the beginning that only align the vectors.

    Examples
    --------
    >>> lyapunov_exponents([np.diag([0.5, 2.0])] * 100, 2, skipped=50).round(4)
    array([ 0.6931, -0.6931])
    """
    basis, total, n = np.zeros((0, 0)), np.zeros(n_exponents), 0
    for t, jacobian in enumerate(jacobians):
        jacobian = _square(jacobian)
        if not t:
            if not 1 <= n_exponents <= len(jacobian):
                raise ValueError(f"n_exponents must be in 1..{len(jacobian)}, got {n_exponents}")
            basis = np.linalg.qr(np.random.default_rng(0).standard_normal((len(jacobian), n_exponents)))[0]
        basis, r = np.linalg.qr(jacobian @ basis)
        if t >= skipped:
            with np.errstate(divide="ignore"):
                total += np.log(np.abs(np.diag(r)))
            n += 1
    if not n:
        raise ValueError(f"jacobians must be more than skipped = {skipped}")
    return np.sort(total / n)[::-1]


def branching_ratio(activity: ArrayLike, max_lag: int = 20) -> float:
    """m in E[A(t + 1) | A(t)] = m A(t) + h, from a record (n,) of activity, also if only a part of it was counted.

    The slope of the regression of A(t + k) on A(t) is b m^k, where b < 1 if only a part is seen; the fit of b and m
    to all lags k = 1..max_lag finds m where the single slope would be too small (Wilting and Priesemann, Nature
    Communications 9, 2018). m = 1 is critical. Input that is itself correlated in time counts as branching.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> a = np.zeros(100_000)
    >>> for t in range(1, len(a)):
    ...     a[t] = rng.poisson(0.9 * a[t - 1] + 10.0)
    >>> seen = rng.binomial(a.astype(int), 0.1)
    >>> round(branching_ratio(seen), 2), round(branching_ratio(a), 2)
    (0.9, 0.9)
    """
    a = np.asarray(activity, dtype=float)
    if a.ndim != 1 or len(a) <= 2 * max_lag:
        raise ValueError(f"activity must be one series of more than 2 max_lag = {2 * max_lag} samples, got {a.shape}")
    if max_lag < 2:
        raise ValueError(f"max_lag must be >= 2, got {max_lag}")
    a = a - a.mean()
    n = len(a) - max_lag
    power = float(np.mean(a[:n] ** 2))
    if power == 0.0:
        return 0.0
    slopes = np.array([np.mean(a[:n] * a[k : k + n]) for k in range(1, max_lag + 1)]) / power
    lags = np.arange(1, max_lag + 1)

    def misfit(m: float) -> float:
        curve = m**lags
        b = slopes @ curve / (curve @ curve)
        return float(np.sum((slopes - b * curve) ** 2))

    grid = np.linspace(0.001, 1.2, 1200)
    best = grid[np.argmin([misfit(m) for m in grid])]
    fine = np.linspace(best - 0.001, best + 0.001, 201)
    return float(fine[np.argmin([misfit(m) for m in fine])])


def _square(matrix: ArrayLike) -> Array:
    matrix = np.asarray(matrix, dtype=float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"matrix must be square, got shape {matrix.shape}")
    return matrix
