"""The energy ledger of a bank of voiced branches: what was supplied, burnt, stored and worked.

All energies are in units of signal^2 seconds: the resistance that the branches share is R = 1, so a
voltage squared is a power.

Derivation
----------
Let voiced branches k have phasors z_k = y_k + j v_k, frequencies omega_k and damping rates gamma_k, and
let them store W = sum |z_k|^2 / (4 gamma_k). (In the passive circuit that is C y^2 / 2 + L i^2 / 2 of each
tank, see `trophic.ecology.circuit`.) They all hear the same residual xi = Z - sum y_k:

    z_k' = j omega_k z_k + 2 gamma_k xi.

The rotation keeps every |z_k|. The rest couples the K outputs through one number only, the residual:
y' = 2 gamma (Z - 1^T y), a linear system whose matrix -2 gamma 1^T has rank one. Summed, with
Gamma = sum 2 gamma_k and Z held over the information step h,

    xi' = -Gamma xi,   so   xi(t) = xi e^(-Gamma t)   and   integral_0^h xi dt = xi a,   a = (1 - e^(-Gamma h)) / Gamma,

and each branch moves by y_k += 2 gamma_k a xi: the kick of the ecology is the exact solution, not a
discretisation of it, however large Gamma h. Along it

    dW/dt = sum 2 y_k y_k' / (4 gamma_k) = xi sum y_k = xi (Z - xi) = Z xi - xi^2:

the source delivers Z xi, the resistor burns xi^2. Both integrals are exact as well,

    supplied = Z xi a,     heat = xi^2 (1 - e^(-2 Gamma h)) / (2 Gamma),     dW = supplied - heat,

which needs no smallness of anything: the ledger closes to rounding error in every single step.
Rotation and kick are two clocks, the true interval and h; the ledger does not care how they differ.

A change of mass at constant phasor moves gamma to gamma', and costs
|z|^2 (1/gamma' - 1/gamma) / 4, to first order -|z|^2 d gamma / (4 gamma^2): growing takes work, wasting away
returns it. A change of omega at constant gamma costs nothing; at constant mass it changes gamma.

Silent larvae draw nothing from the common residual, so they stand outside the ledger; what a larva
stores enters as ``exchanged`` when it is voiced, and leaves when a branch is silenced, dies or merges.

`stored_energy` works on arrays; the others are plain scalar arithmetic and compile under ``numba.njit``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class EnergyLedger:
    """Energies since the first sample, in signal^2 seconds.

    Parameters
    ----------
    stored : float
        What the voiced branches hold now, >= 0. An ecology starts with nothing stored.
    supplied : float
        What the signal delivered.
    heat : float
        What the residual burnt, >= 0.
    mass_work : float
        What changes of mass put in (growth) or took out.
    exchanged : float
        What births brought in and deaths and mergers took out.

    Examples
    --------
    >>> ledger = EnergyLedger(stored=0.75, supplied=3.0, heat=2.5, mass_work=0.125, exchanged=0.125)
    >>> ledger.imbalance, ledger.relative_imbalance
    (0.0, 0.0)
    """

    stored: float
    supplied: float
    heat: float
    mass_work: float
    exchanged: float

    @property
    def imbalance(self) -> float:
        """stored - (supplied - heat + mass_work + exchanged): zero but for rounding."""
        return math.fsum((self.stored, -self.supplied, self.heat, -self.mass_work, -self.exchanged))

    @property
    def relative_imbalance(self) -> float:
        """|imbalance| over the largest entry; 0 for an empty ledger."""
        largest = max(abs(x) for x in (self.stored, self.supplied, self.heat, self.mass_work, self.exchanged))
        return abs(self.imbalance) / largest if largest > 0 else 0.0


def stored_energy(z: ArrayLike, gamma: ArrayLike) -> float:
    """W = sum |z|^2 / (4 gamma) over the voiced branches.

    Parameters
    ----------
    z : complex array, shape (K,)
        Phasors in the signal's unit.
    gamma : array, shape (K,)
        Damping rates in 1/s, > 0.

    Raises
    ------
    ValueError
        If a damping rate is not positive.

    Examples
    --------
    >>> stored_energy([3 + 4j, 1j], [0.5, 0.25])
    13.5
    """
    gamma = np.asarray(gamma, dtype=np.float64)
    if not np.all(gamma > 0):
        raise ValueError(f"gamma must be > 0 (1/s) for every branch, got {gamma.min()}; drop dead branches")
    z = np.asarray(z, dtype=np.complex128)
    return float(np.sum((z.real**2 + z.imag**2) / (4 * gamma)))


def kick_time(coupling, step_s):
    """a = (1 - exp(-Gamma h)) / Gamma: the time for which the residual effectively acts in a step of h.

    Parameters
    ----------
    coupling : float
        Gamma = sum of 2 gamma over the voiced branches, in 1/s, >= 0.
    step_s : float
        Information step h in seconds, >= 0.

    Returns
    -------
    float
        Seconds, between 0 and min(h, 1/Gamma).

    Examples
    --------
    >>> kick_time(0.0, 0.1), round(kick_time(20.0, 0.1), 6), kick_time(20.0, 100.0)
    (0.1, 0.043233, 0.05)
    """
    exponent = coupling * step_s
    if exponent < 1e-16:
        return step_s  # 1 - exponent/2 is 1 in floating point; avoids 0/0
    return -math.expm1(-exponent) / coupling


def supplied_energy(signal, residual, coupling, step_s):
    """Z xi a: what the source delivers in one step, given the residual xi at its beginning.

    Examples
    --------
    >>> round(supplied_energy(signal=2.0, residual=0.5, coupling=20.0, step_s=0.1), 6)
    0.043233
    """
    return signal * residual * kick_time(coupling, step_s)


def heat_energy(residual, coupling, step_s):
    """xi^2 (1 - exp(-2 Gamma h)) / (2 Gamma): what the shared resistor burns in one step.

    Examples
    --------
    >>> round(heat_energy(residual=0.5, coupling=20.0, step_s=0.1), 6)
    0.006136
    """
    return residual * residual * kick_time(2 * coupling, step_s)


def mass_work_energy(z, gamma_before, gamma_after):
    """|z|^2 (1/gamma' - 1/gamma) / 4: the work of changing a branch's mass while its phasor is kept.

    Exact for any change; -|z|^2 d gamma / (4 gamma^2) for a small one.

    Examples
    --------
    >>> mass_work_energy(3 + 4j, gamma_before=0.5, gamma_after=0.25)
    12.5
    """
    return (z.real * z.real + z.imag * z.imag) * (gamma_before - gamma_after) / (4 * gamma_before * gamma_after)
