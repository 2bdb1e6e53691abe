"""Slow, transparent references that the fast kernels are tested against."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trophic.instruments.energy import EnergyLedger, heat_energy, kick_time, mass_work_energy, supplied_energy

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


@dataclass(frozen=True)
class DeflatedBank:
    """What `deflated_bank` computed.

    Attributes
    ----------
    residual : float64 array, shape (n,)
        The input less the voiced outputs, before the sample was learnt: an honest prediction error.
    z : complex128 array, shape (n, K)
        Phasors after each sample.
    ledger : EnergyLedger
        Of the voiced branches, over all samples; ``exchanged`` is what they held at the start.
    """

    residual: Array
    z: ComplexArray
    ledger: EnergyLedger


def deflated_bank(
    times_s: ArrayLike,
    signal: ArrayLike,
    omega: ArrayLike,
    gamma: ArrayLike,
    *,
    information_step_s: ArrayLike | None = None,
    voiced: ArrayLike | None = None,
    z_start: ArrayLike | None = None,
) -> DeflatedBank:
    """The frozen ecology: K resonators that share one residual, in float64 and in the rotating frame.

    Per sample: rotate by the true interval, form the residual, kick (`trophic.instruments.energy` has the
    derivation). A silent branch hears xi - y instead of xi, with a kick of its own.

    The rotation is never iterated: with z_k = w_k exp(j omega_k (t - t_0)) only the kick touches w_k. So no
    rounding error of a rotor accumulates, in phase or in energy, and the computation shares no step with
    a kernel that rotates sample by sample. Energies are summed without rounding (`math.fsum`).

    Parameters
    ----------
    times_s : array, shape (n,)
        Time stamps in seconds, strictly increasing.
    signal : array, shape (n,)
        Finite samples Z in the signal's unit.
    omega : array, shape (K,)
        Natural frequencies in rad/s, >= 0 (0: a branch for the mean).
    gamma : array, shape (K,) or (n, K)
        Damping rates in 1/s, > 0. Row i of the second form is used in sample i; the change from row
        i - 1 happens before the kick and is booked as mass work.
    information_step_s : float or array, shape (n,), optional
        The information step h in seconds, > 0. Default: the true intervals, the first one repeated.
    voiced : bool array, shape (K,), optional
        Which branches are heard by the others. Default: all.
    z_start : complex array, shape (K,), optional
        Phasors at ``times_s[0]``. Default: at rest.

    Raises
    ------
    ValueError
        If a shape does not fit, a time stamp does not increase or a number is out of range.

    Examples
    --------
    Two branches on the two tones of a signal: the residual dies out, what was burnt was supplied.

    >>> t = np.arange(20_000) / 1000
    >>> x = np.cos(40 * t) + 0.5 * np.sin(90 * t)
    >>> bank = deflated_bank(t, x, omega=[40.0, 90.0], gamma=[1.0, 1.5])
    >>> bool(np.max(np.abs(bank.residual[-1000:])) < 1e-6)
    True
    >>> np.round(np.abs(bank.z[-1]), 6), bank.ledger.relative_imbalance < 1e-14
    (array([1. , 0.5]), True)
    """
    times, x, omega_k, gamma_nk, steps = _checked(times_s, signal, omega, gamma, information_step_s)
    n, n_branches = len(x), len(omega_k)
    heard = np.ones(n_branches, dtype=bool) if voiced is None else np.asarray(voiced, dtype=bool)
    w = np.zeros(n_branches, dtype=np.complex128) if z_start is None else np.array(z_start, dtype=np.complex128)
    if heard.shape != (n_branches,) or w.shape != (n_branches,):
        raise ValueError(
            f"voiced and z_start must have shape ({n_branches},), one entry per branch, got {heard.shape} and {w.shape}"
        )
    frame = np.exp(1j * np.multiply.outer(times - times[0], omega_k))
    residual, z = np.empty(n), np.empty((n, n_branches), dtype=np.complex128)
    supplied, heat, work = np.empty(n), np.empty(n), np.zeros((n, n_branches))
    exchanged = _stored(w[heard], gamma_nk[0, heard])
    for i in range(n):
        gamma_k = gamma_nk[i]
        if i:
            work[i] = heard * mass_work_energy(w, gamma_nk[i - 1], gamma_k)
        y = (w * frame[i]).real
        xi = x[i] - math.fsum(y[heard])
        coupling = math.fsum(2 * gamma_k[heard])
        kick = 2 * gamma_k * kick_time(coupling, steps[i]) * xi
        kick[~heard] = -np.expm1(-2 * gamma_k[~heard] * steps[i]) * (xi - y[~heard])
        w += kick * frame[i].conj()
        residual[i], z[i] = xi, w * frame[i]
        supplied[i] = supplied_energy(x[i], xi, coupling, steps[i])
        heat[i] = heat_energy(xi, coupling, steps[i])
    ledger = EnergyLedger(
        stored=_stored(w[heard], gamma_nk[-1, heard]),
        supplied=math.fsum(supplied),
        heat=math.fsum(heat),
        mass_work=math.fsum(work.ravel()),
        exchanged=exchanged,
    )
    return DeflatedBank(residual, z, ledger)


def _stored(w: ComplexArray, gamma: Array) -> float:
    return math.fsum((w.real**2 + w.imag**2) / (4 * gamma))


def _checked(
    times_s: ArrayLike, signal: ArrayLike, omega: ArrayLike, gamma: ArrayLike, information_step_s: ArrayLike | None
) -> tuple[Array, Array, Array, Array, Array]:
    """All arrays as float64, gamma per sample and the information steps filled in."""
    times, x = np.asarray(times_s, dtype=np.float64), np.asarray(signal, dtype=np.float64)
    omega_k, gamma_k = np.atleast_1d(np.asarray(omega, dtype=np.float64)), np.asarray(gamma, dtype=np.float64)
    if times.ndim != 1 or len(times) < 2 or x.shape != times.shape:
        raise ValueError(
            f"times_s and signal must be 1-D, equally long and hold at least 2 samples, got {times.shape} and {x.shape}"
        )
    if not np.all(np.diff(times) > 0):
        raise ValueError("times_s must increase strictly; sort the samples and drop repeated time stamps")
    if not np.all(np.isfinite(x)):
        raise ValueError(f"signal must be finite, got {np.sum(~np.isfinite(x))} bad samples; drop them and their times")
    try:
        gamma_nk = np.broadcast_to(gamma_k, (len(x), len(omega_k)))
    except ValueError:
        raise ValueError(
            f"gamma must have shape ({len(omega_k)},) or ({len(x)}, {len(omega_k)}), got {gamma_k.shape}"
        ) from None
    if not (np.all(gamma_nk > 0) and np.all(omega_k >= 0)):
        raise ValueError(f"gamma must be > 0 and omega >= 0, got minima {gamma_nk.min()} and {omega_k.min()}")
    intervals = np.diff(times)
    steps = np.concatenate([intervals[:1], intervals]) if information_step_s is None else information_step_s
    steps = np.broadcast_to(np.asarray(steps, dtype=np.float64), x.shape)
    if not np.all(steps > 0):
        raise ValueError(f"information_step_s must be > 0 seconds, got a minimum of {steps.min()}")
    return times, x, omega_k, gamma_nk, steps
