"""What frozen branches answer to a tone and to an impulse, in closed form.

    psi'' + 2 gamma psi' + omega^2 psi = zeta / x_I,     y = x_D psi'

alone (zeta is the input) or voiced together (zeta_k = Z - sum_{j != k} y_j). Angular frequencies are in
rad/s, rates in 1/s, times in seconds; symbols as in `trophic.ecology.oscillator`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trophic.ecology.oscillator import Coefficients

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


def displacement_response(drive_omega: ArrayLike, x: Coefficients) -> ComplexArray:
    """psi / zeta at angular frequencies ``drive_omega`` (rad/s): 1 / (x_E - W^2 x_I + j W x_D).

    Examples
    --------
    >>> displacement_response([0.0, 4.0], Coefficients(5.0, 80.0, 2.5))
    array([0.0125+0.j , 0.    -0.1j])
    """
    drive = np.asarray(drive_omega, dtype=np.float64)
    return 1 / (x.x_E - drive**2 * x.x_I + 1j * drive * x.x_D)


def output_response(drive_omega: ArrayLike, omega: float, gamma: float) -> ComplexArray:
    """y / zeta = 2 gamma j W / (omega^2 - W^2 + 2 gamma j W) at ``drive_omega`` (rad/s).

    One at resonance whatever the mass. The half-power points are sqrt(omega^2 + gamma^2) +- gamma: the
    full width at half maximum is 2 gamma exactly, at any Q.

    Examples
    --------
    >>> np.round(np.abs(output_response([4.0, np.hypot(4, 0.25) + 0.25], 4.0, 0.25)) ** 2, 12)
    array([1. , 0.5])
    """
    drive = np.asarray(drive_omega, dtype=np.float64)
    friction = 2j * gamma * drive
    return friction / (omega**2 - drive**2 + friction)


def deflated_response(drive_omega: ArrayLike, omega: ArrayLike, gamma: ArrayLike) -> tuple[ComplexArray, ComplexArray]:
    """Residual and outputs of voiced branches that share one residual, per unit input.

    Every branch hears zeta_k = xi + y_k, so y_k = G_k xi with the loss-free G_k = 2 gamma_k j W /
    (omega_k^2 - W^2), and xi = 1 / (1 + sum G_k). At a branch's own frequency G_k diverges and the residual
    is exactly zero: the ratio is formed over the smallest detuning, so that this point needs no limit.

    Parameters
    ----------
    drive_omega : array, shape (n,)
        Angular frequencies in rad/s, > 0.
    omega, gamma : arrays, shape (K,)
        Natural frequencies in rad/s and damping rates in 1/s, > 0.

    Returns
    -------
    residual : complex array, shape (n,)
    outputs : complex array, shape (n, K)
        They add to one with the residual.

    Examples
    --------
    >>> residual, outputs = deflated_response([4.0, 4.5], [4.0, 6.0], [0.25, 0.3])
    >>> np.round(np.abs(residual), 4), bool(np.allclose(residual + outputs.sum(1), 1))
    (array([0.    , 0.9415]), True)
    """
    drive = np.atleast_1d(np.asarray(drive_omega, dtype=np.float64))[:, None]
    omega_k, gamma_k = np.atleast_1d(omega), np.atleast_1d(gamma)
    detuning = (omega_k - drive) * (omega_k + drive)
    rows = np.arange(len(drive))
    smallest = detuning[rows, np.argmin(np.abs(detuning), axis=1)][:, None]
    on_resonance = detuning == 0
    ratio = np.where(on_resonance, 1.0, smallest / np.where(on_resonance, 1.0, detuning))
    friction = 2j * gamma_k * drive * ratio
    whole = smallest + friction.sum(axis=1, keepdims=True)
    return (smallest / whole)[:, 0], friction / whole


def impulse_response(times_s: ArrayLike, omega: float, gamma: float) -> Array:
    """x_I psi(t) after a unit impulse of zeta at t = 0: exp(-gamma t) sin(w t) / w, w^2 = omega^2 - gamma^2.

    Holds for light, critical and heavy damping; zero for t < 0. Divide by x_I for psi.

    Examples
    --------
    >>> np.round(impulse_response([-1.0, 0.5, 1.0], omega=4.0, gamma=0.25), 4)
    array([ 0.    ,  0.2014, -0.1466])
    """
    return _ring(np.asarray(times_s, dtype=np.float64), omega, gamma)[0]


def output_impulse_response(times_s: ArrayLike, omega: float, gamma: float) -> Array:
    """y(t) = x_D psi' after a unit impulse of zeta at t = 0: 2 gamma at once, then ringing. Zero for t < 0.

    Examples
    --------
    >>> np.round(output_impulse_response([0.0, 0.5, 1.0], omega=4.0, gamma=0.25), 4)
    array([ 0.5   , -0.2072, -0.2385])
    """
    return 2 * gamma * _ring(np.asarray(times_s, dtype=np.float64), omega, gamma)[1]


def _ring(times_s: Array, omega: float, gamma: float) -> tuple[Array, Array]:
    """exp(-gamma t) sin(w t)/w and its time derivative, for t >= 0, in all three regimes of damping."""
    t = np.maximum(times_s, 0.0)
    square = (omega - gamma) * (omega + gamma)
    w = np.sqrt(abs(square))
    if square > 0:
        ring, swing = np.exp(-gamma * t) * np.sin(w * t) / w, np.exp(-gamma * t) * np.cos(w * t)
    elif square < 0:
        # the slow exponential taken out front, so that nothing overflows however long t is
        slow, gap = np.exp(-(gamma - w) * t), np.expm1(-2 * w * t)
        ring, swing = -slow * gap / (2 * w), slow * (1 + gap / 2)
    else:
        ring, swing = t * np.exp(-gamma * t), np.exp(-gamma * t)
    after = np.where(times_s >= 0, 1.0, 0.0)
    return after * ring, after * (swing - gamma * ring)
