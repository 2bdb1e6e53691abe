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
scalars or arrays, and compile under ``numba.njit`` as they are. What a frozen resonator answers to a tone
or an impulse is in `trophic.ecology.response`.

References
----------
The NRCSTK neuron: survival-driven learning via spectral tuning under metabolic competition. Cosyne 2026.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


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
