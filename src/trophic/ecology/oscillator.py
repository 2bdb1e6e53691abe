"""The poster's resonator: its parameters, its equation of motion, its responses and its energies.

    [x_I; x_E] = m diag(c_I, c_E) [[1 - eta, eta], [eta, 1 - eta]] [s; 1 - s],     x_D = c_D m delta
    x_I psi'' + x_D psi' + x_E psi = zeta

The tuning s in [0, 1] moves the mass m between inertia x_I and elasticity x_E. With
sigma = (1 - eta) s + eta (1 - s), which runs over [eta, 1 - eta],

    x_I = m c_I sigma,   x_E = m c_E (1 - sigma),   omega^2 = x_E / x_I = (c_E / c_I) (1 - sigma) / sigma,

so the mass cancels in the natural frequency, and eta *is* the tuning range:

    omega_max / omega_min = (1 - eta) / eta,     omega_max omega_min = c_E / c_I.

In the damping gamma = x_D / (2 x_I) a constant delta would make the mass cancel too. The ecology takes
the delta for which gamma = omega / (2 m), that is x_D = sqrt(c_I c_E sigma (1 - sigma)): then the mass is
the quality factor Q, the number of radians a branch remembers.

A branch is read through its phasor z = y + j v, with output y = x_D psi' and quadrature
v = omega x_D psi. In it the equation of motion is one line, exact for every gamma and omega:

    z' = j omega z + 2 gamma (zeta - y).

Angular frequencies are in rad/s, rates in 1/s, times in seconds. Functions without checks
(`modal`, `phasor`, `coordinates`, `energies`, `phasor_energy`, `tone_imbalance`) are plain arithmetic on
scalars or arrays, and compile under ``numba.njit`` as they are.

References
----------
The NRCSTK neuron: survival-driven learning via spectral tuning under metabolic competition. Cosyne 2026.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class Constants(NamedTuple):
    """What all branches share: tuning contrast eta (0..1/2) and the constants c_I, c_E, c_D (> 0)."""

    eta: float
    c_I: float
    c_E: float
    c_D: float


class Coefficients(NamedTuple):
    """Inertia x_I, elasticity x_E and dissipation x_D of x_I psi'' + x_D psi' + x_E psi = zeta."""

    x_I: float
    x_E: float
    x_D: float


class Modal(NamedTuple):
    """Natural frequency omega (rad/s), quality factor Q = omega / (2 gamma) and damping rate gamma (1/s)."""

    omega: float
    Q: float
    gamma: float


class Tuning(NamedTuple):
    """The poster's branch parameters: tuning s (0..1), mass m (> 0) and damping density delta (> 0)."""

    s: float
    m: float
    delta: float


class Energies(NamedTuple):
    """Kinetic T, potential V, Lagrangian L = T - V and total energy E = T + V."""

    T: float
    V: float
    L: float
    E: float


# --- parameters ---------------------------------------------------------------------------------


def constants(omega_min: float, omega_max: float, c_I: float = 1.0, c_D: float = 1.0) -> Constants:
    """The constants whose tuning range is [omega_min, omega_max] (rad/s): the inverse of `band`.

    eta = omega_min / (omega_min + omega_max) and c_E = c_I omega_min omega_max.

    Raises
    ------
    ValueError
        Unless 0 < omega_min < omega_max < inf and c_I, c_D > 0.

    Examples
    --------
    >>> constants(2.0, 8.0)
    Constants(eta=0.2, c_I=1.0, c_E=16.0, c_D=1.0)
    """
    if not 0 < omega_min < omega_max < np.inf:
        raise ValueError(
            f"omega_min and omega_max must satisfy 0 < omega_min < omega_max < inf (rad/s), got {omega_min} and "
            f"{omega_max}; give the lower edge first"
        )
    _require_positive(c_I=c_I, c_D=c_D)
    return Constants(omega_min / (omega_min + omega_max), c_I, c_I * omega_min * omega_max, c_D)


def band(shared: Constants) -> tuple[float, float]:
    """Lowest and highest natural frequency (rad/s) that the tuning s = 1 and s = 0 can reach.

    Examples
    --------
    >>> band(Constants(eta=0.2, c_I=1.0, c_E=16.0, c_D=1.0))
    (2.0, 8.0)
    """
    _require_constants(shared)
    centre = float(np.sqrt(shared.c_E / shared.c_I))
    contrast = float(np.sqrt((1 - shared.eta) / shared.eta))
    return centre / contrast, centre * contrast


def coefficients(tuning: Tuning, shared: Constants) -> Coefficients:
    """The coefficients of the equation of motion of a branch tuned to (s, m, delta).

    Raises
    ------
    ValueError
        Unless s is in [0, 1], m and delta are positive and ``shared`` is valid.

    Examples
    --------
    Twice the mass at constant delta: the same resonator, only stiffer to drive.

    >>> shared = constants(2.0, 8.0)
    >>> coefficients(Tuning(s=0.5, m=10.0, delta=0.25), shared)
    Coefficients(x_I=5.0, x_E=80.0, x_D=2.5)
    >>> modal(*coefficients(Tuning(0.5, 20.0, 0.25), shared)) == modal(5.0, 80.0, 2.5)
    True
    """
    _require_constants(shared)
    s, m, delta = tuning
    if not 0 <= s <= 1:
        raise ValueError(f"s must be in [0, 1], got {s}; s = 1 is the lowest frequency of the band, s = 0 the highest")
    _require_positive(m=m, delta=delta)
    sigma = (1 - shared.eta) * s + shared.eta * (1 - s)
    return Coefficients(m * shared.c_I * sigma, m * shared.c_E * (1 - sigma), shared.c_D * m * delta)


def modal(x_I, x_E, x_D) -> Modal:
    """Natural frequency, quality factor and damping rate of x_I psi'' + x_D psi' + x_E psi = zeta.

    Examples
    --------
    >>> omega, Q, gamma = modal(5.0, 80.0, 2.5)
    >>> float(omega), float(Q), gamma
    (4.0, 8.0, 0.25)
    """
    return Modal(np.sqrt(x_E / x_I), np.sqrt(x_E * x_I) / x_D, x_D / (2 * x_I))


def tuning(omega: float, Q: float, shared: Constants) -> Tuning:
    """The poster's (s, m, delta) of a branch whose mass is its quality factor: m = Q.

    The inverse of ``modal(*coefficients(...))`` on the ecology's choice of delta.

    Parameters
    ----------
    omega : float
        Natural frequency in rad/s, inside `band` (edges included).
    Q : float
        Quality factor omega / (2 gamma), > 0.

    Raises
    ------
    ValueError
        If omega lies outside the band or Q is not positive.

    Examples
    --------
    >>> shared = constants(2.0, 8.0)
    >>> tuning(4.0, 8.0, shared)
    Tuning(s=0.5, m=8.0, delta=0.25)
    >>> modal(*coefficients(tuning(4.0, 8.0, shared), shared))[1]
    np.float64(8.0)
    """
    low, high = band(shared)
    rounding = 1e-12
    if not low * (1 - rounding) <= omega <= high * (1 + rounding):
        raise ValueError(
            f"omega must lie in the tuning range [{low:.6g}, {high:.6g}] rad/s, got {omega}; widen it with "
            "constants(omega_min, omega_max)"
        )
    _require_positive(Q=Q)
    sigma = 1 / (1 + omega**2 * shared.c_I / shared.c_E)
    s = min(max((sigma - shared.eta) / (1 - 2 * shared.eta), 0.0), 1.0)
    x_D = dissipation(omega, shared)
    return Tuning(s, Q, x_D / (shared.c_D * Q))


def dissipation(omega: float, shared: Constants) -> float:
    """x_D = sqrt(c_I c_E sigma (1 - sigma)), the dissipation that makes the mass the quality factor.

    It depends on the tuning alone, is largest in the middle of the band (sqrt(c_I c_E) / 2) and is the
    resistance R of the branch's circuit.

    Examples
    --------
    >>> dissipation(4.0, constants(2.0, 8.0))
    2.0
    """
    _require_constants(shared)
    sigma = 1 / (1 + omega**2 * shared.c_I / shared.c_E)
    return float(np.sqrt(shared.c_I * shared.c_E * sigma * (1 - sigma)))


# --- responses of the frozen equation of motion -------------------------------------------------


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


def deflated_response(
    drive_omega: ArrayLike, omega: ArrayLike, gamma: ArrayLike
) -> tuple[ComplexArray, ComplexArray]:
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
    (array([0.    , 0.9987]), True)
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


# --- phasor and energies ------------------------------------------------------------------------


def phasor(psi, psi_dot, omega, x_D):
    """z = y + j v with y = x_D psi' and v = omega x_D psi.

    Examples
    --------
    >>> phasor(psi=0.5, psi_dot=1.0, omega=4.0, x_D=2.0)
    (2+4j)
    """
    return x_D * (psi_dot + 1j * omega * psi)


def coordinates(z, omega, x_D):
    """(psi, psi') of a phasor: the inverse of `phasor`.

    Examples
    --------
    >>> coordinates(2 + 4j, omega=4.0, x_D=2.0)
    (0.5, 1.0)
    """
    return z.imag / (omega * x_D), z.real / x_D


def energies(psi, psi_dot, x_I, x_E) -> Energies:
    """T = x_I psi'^2 / 2, V = x_E psi^2 / 2, L = T - V and E = T + V.

    Examples
    --------
    >>> energies(psi=0.5, psi_dot=1.0, x_I=5.0, x_E=80.0)
    Energies(T=2.5, V=10.0, L=-7.5, E=12.5)
    """
    kinetic = 0.5 * x_I * psi_dot * psi_dot
    potential = 0.5 * x_E * psi * psi
    return Energies(kinetic, potential, kinetic - potential, kinetic + potential)


def phasor_energy(z, gamma, x_D=1.0):
    """E = |z|^2 / (4 gamma x_D); its halves are T = y^2 / (4 gamma x_D) and V = v^2 / (4 gamma x_D).

    With x_D = 1 (one common resistance) this is the unit of the energy ledger: signal^2 seconds.

    Examples
    --------
    >>> phasor_energy(2 + 4j, gamma=0.2, x_D=2.0)
    12.5
    """
    return (z.real * z.real + z.imag * z.imag) / (4 * gamma * x_D)


def tone_imbalance(drive_omega, omega):
    """<T - V> / <T + V> = (W^2 - omega^2) / (W^2 + omega^2) of a branch driven by one tone at W (rad/s).

    Its sign is that of the detuning everywhere, so tuning by the Lagrangian pulls in from any distance.

    Examples
    --------
    >>> tone_imbalance(2.0, 4.0), tone_imbalance(4.0, 4.0)
    (-0.6, 0.0)
    """
    return (drive_omega - omega) * (drive_omega + omega) / (drive_omega * drive_omega + omega * omega)


# --- checks -------------------------------------------------------------------------------------


def _require_positive(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < np.inf:
            raise ValueError(f"{name} must be in (0, inf), got {value}; pass a positive finite number")


def _require_constants(shared: Constants) -> None:
    if not 0 < shared.eta < 0.5:
        raise ValueError(
            f"eta must be in (0, 1/2), got {shared.eta}; eta = omega_min / (omega_min + omega_max), "
            "which constants(omega_min, omega_max) computes"
        )
    _require_positive(c_I=shared.c_I, c_E=shared.c_E, c_D=shared.c_D)
