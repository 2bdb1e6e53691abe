"""`Ecology`: resonators with a metabolic mass that compete for a finite energy flux, as a model."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trophic.ecology import kernel, spores
from trophic.ecology.layout import (
    ADULT,
    BRANCH,
    F_AMPLITUDE,
    F_BANDWIDTH,
    F_FREQUENCY,
    F_INDIVIDUAL,
    F_MASS,
    F_PHASE,
    F_SHARE,
    F_STATUS,
    HOT_ROWS,
    LANES,
    OCTAVES,
    ROWS,
    RULE_TABLE,
    RULES,
    SHARED,
    V,
    Y,
)
from trophic.instruments.energy import EnergyLedger, stored_energy
from trophic.runtime.clock import Clock
from trophic.runtime.contract import Chunk, Model, State
from trophic.runtime.guard import admit
from trophic.runtime.rules import check_names

if TYPE_CHECKING:
    from trophic.testing import LocalityProbe

COMPONENT = np.dtype(
    [
        (name, "f8")
        for name in (
            "frequency_hz", "amplitude", "phase_rad", "mass", "bandwidth_hz", "share", "born_s", "evidence_nats",
            "frequency_se_hz", "amplitude_se", "phase_se_rad",
        )
    ]
)  # fmt: skip

RHYTHM_AGE = 12.0  # a linewidth is believed after this many coherence times
# fields of a branch's record that no other branch may read; its reserve, say, makes the market
PRIVATE = (
    "virial", "q_re", "q_im", "q_omega", "qq_re", "qq_im", "misfit", "noise", "error_power", "ring_re", "ring_im",
    "ring_power", "gain_ey", "gain_yy", "income_fast", "income", "centre", "centre_once", "centre_twice", "low_re",
    "low_im", "low_power", "kappa", "log_width",
)  # fmt: skip


@dataclass
class EcologyState(State):
    """Everything an ecology remembers. The first axis of every array but the clock's is the channel.

    Attributes
    ----------
    clock : Clock
    hot : (C, 8, K) phasors, rotors and gains of the branches, in the model's precision
    sums : (C, 9, K) float64, sums over each branch's present tick
    branches : (C, K) records of dtype `layout.BRANCH`, the slow state of each branch
    soil : (C, blocks, rows, 16), the listeners, in the model's precision; see `layout.BLOCK`
    steps : (C, 2, blocks) float64, the tick lengths that the listeners' rotors are for
    ticks : (C, 40) int64, which coarse listeners tick every 2^p samples; see `spores.plan_ticks`
    shared : (C,) records of dtype `layout.SHARED`: information step, level, energy ledger
    """

    clock: Clock
    hot: NDArray[np.floating]
    sums: NDArray[np.floating]
    branches: NDArray[np.void]
    soil: NDArray[np.floating]
    steps: NDArray[np.float64]
    ticks: NDArray[np.int64]
    shared: NDArray[np.void]


@dataclass(frozen=True)
class EcologyInfo:
    """What one chunk showed: F track frames, C channels, K branches, n samples.

    Attributes
    ----------
    time_s : (F,) time stamp of each frame
    frequency_hz, amplitude, phase_rad, mass, share, bandwidth_hz : (F, C, K), NaN where not alive
    alive : (F, C, K) bool, voiced branches only (larvae on trial do not show)
    individual : (F, C, K) int64, birth number; 0 where not alive
    residual : (n, C), the signal less all living components (and the level); NaN at bad samples
    signal : (n, C), the samples as given
    sample_time_s : (n,) their time stamps
    n_bad : samples refused by the guard, summed over channels
    """

    time_s: NDArray[np.float64]
    frequency_hz: NDArray[np.floating]
    amplitude: NDArray[np.floating]
    phase_rad: NDArray[np.floating]
    mass: NDArray[np.floating]
    share: NDArray[np.floating]
    bandwidth_hz: NDArray[np.floating]
    alive: NDArray[np.bool_]
    individual: NDArray[np.int64]
    residual: NDArray[np.floating]
    signal: NDArray[np.floating]
    sample_time_s: NDArray[np.float64]
    n_bad: int


@dataclass(frozen=True)
class Ecology(Model[EcologyState, EcologyInfo]):
    """A population of resonators whose survivors are a streaming spectral decomposition.

    Branches (complex resonators z = y + j v of natural frequency omega and mass m = omega/(2 gamma),
    their quality factor) are driven by the residual that all proven branches share. They are born
    where silent listeners hear more than their surroundings, grow while they predict, shed mass when
    the data object, and starve when what they explain no longer pays their upkeep. Learning is local
    and label-free, runs on the data's own time stamps, and its energy is accounted for.

    Parameters
    ----------
    f_min_hz, f_max_hz : float
        Band, 0 < f_min_hz < f_max_hz, in Hz. Keep f_max_hz below half the sampling rate.
    n_branches : int
        Capacity per channel, 1 .. 256.
    n_channels : int
        Streams side by side, each its own ecology, run in parallel on the cores; >= 1.
    budget : float
        Total metabolic flux in units of mass, > 0: a branch's mass is at most its share of it. Mass
        buys precision (error ~ m^-1.5) and costs agility.
    track_every : int
        One track frame per that many samples, >= 1.
    precision : {"float64", "float32"}
        Of phasors and listeners. Slow state, time and energy are always float64. float32 needs signal
        amplitudes above 1e-15.
    rules : tuple of (name, value)
        Overrides of single constants (`layout.RULE_TABLE`), for ablations; the defaults need no tuning.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    Notes
    -----
    docs/ecology.md derives the rules; `trophic.decompose` is the short way to use them.

    References
    ----------
    The NRCSTK neuron: survival-driven learning via spectral tuning under metabolic competition,
    Cosyne 2026 (poster).

    Examples
    --------
    >>> import numpy as np, trophic
    >>> t = np.arange(4000) / 1000.0
    >>> x = np.cos(2 * np.pi * 50 * t) + 0.5 * np.cos(2 * np.pi * 120 * t)
    >>> model = trophic.Ecology(f_min_hz=5, f_max_hz=400)
    >>> result = trophic.run(model, x, sample_rate_hz=1000)
    >>> table = model.components(result.state)
    >>> table["frequency_hz"].round(2), table["amplitude"].round(2)
    (array([ 50., 120.]), array([1. , 0.5]))
    """

    f_min_hz: float
    f_max_hz: float
    n_branches: int = 16
    n_channels: int = 1
    budget: float = 1e6
    track_every: int = 1
    precision: str = "float64"
    rules: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        if not (0 < self.f_min_hz < self.f_max_hz < math.inf):
            raise ValueError(
                f"f_min_hz and f_max_hz must satisfy 0 < f_min_hz < f_max_hz, got {self.f_min_hz} and {self.f_max_hz}; "
                "give the band in Hz, lower edge first"
            )
        for name, low, high in (("n_branches", 1, 256), ("n_channels", 1, 1 << 16), ("track_every", 1, 1 << 62)):
            value = getattr(self, name)
            if not (isinstance(value, int) and low <= value <= high):
                raise ValueError(f"{name} must be an integer in {low}..{high}, got {value!r}")
        if not (0 < self.budget < math.inf):
            raise ValueError(f"budget must be in (0, inf) units of mass, got {self.budget}; the default is 1e6")
        if self.precision not in ("float64", "float32"):
            raise ValueError(f"precision must be 'float64' or 'float32', got {self.precision!r}")
        check_names(self.rules, RULE_TABLE)

    def init(self, seed: int = 0) -> EcologyState:
        """A State before its first sample. Nothing in an ecology is random: ``seed`` changes nothing."""
        c, k, cells = self.n_channels, self.n_branches, len(self._bank().omega)
        real = np.dtype(self.precision)
        return EcologyState(
            clock=Clock.new(c),
            hot=np.zeros((c, HOT_ROWS, k), dtype=real),
            sums=np.zeros((c, 9, k)),
            branches=np.zeros((c, k), dtype=BRANCH),
            soil=np.zeros((c, cells // LANES, ROWS, LANES), dtype=real),
            steps=np.zeros((c, 2, cells // LANES)),
            ticks=np.zeros((c, OCTAVES), dtype=np.int64),
            shared=np.zeros(c, dtype=SHARED),
        )

    def advance(self, state: EcologyState, chunk: Chunk) -> EcologyInfo:
        """Consume ``chunk`` (n_channels columns), updating ``state`` in place."""
        first = state.clock.index
        frame_at = np.arange(-first % self.track_every, len(chunk), self.track_every)
        frames = np.full((len(frame_at), self.n_channels, 8, self.n_branches), np.nan)
        residual = np.full((len(chunk), self.n_channels), np.nan)
        bank, rules = self._bank(), self._rules

        def run_one(c: int) -> int:
            good = admit(state.clock, chunk, c)
            left = np.empty(len(good.values))
            kernel.run_channel(
                good.values, good.dt_s, good.times_s, good.position, state.hot[c], state.sums[c], state.branches[c],
                state.soil[c].reshape(-1), state.steps[c], state.ticks[c], state.shared[c], bank, rules,
                left, frame_at, frames[:, c],
            )  # fmt: skip
            residual[good.position, c] = left
            return len(chunk) - len(left)

        if self.n_channels == 1:
            n_bad = run_one(0)
        else:
            with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:  # the kernel releases the GIL
                n_bad = sum(pool.map(run_one, range(self.n_channels)))
        state.clock.tick(chunk)
        stamps = chunk.time_stamps_s()
        alive = frames[:, :, F_STATUS] == ADULT

        def track(row: int) -> NDArray[np.floating]:
            return np.where(alive, frames[:, :, row], np.nan)

        return EcologyInfo(
            time_s=stamps[frame_at],
            frequency_hz=track(F_FREQUENCY),
            amplitude=track(F_AMPLITUDE),
            phase_rad=track(F_PHASE),
            mass=track(F_MASS),
            share=track(F_SHARE),
            bandwidth_hz=track(F_BANDWIDTH),
            alive=alive,
            individual=np.where(alive, frames[:, :, F_INDIVIDUAL], 0).astype(np.int64),
            residual=residual,
            signal=chunk.values,
            sample_time_s=stamps,
            n_bad=n_bad,
        )

    def components(self, state: EcologyState, channel: int = 0) -> NDArray[np.void]:
        """The living components of a channel, strongest first.

        Returns
        -------
        structured array, dtype `COMPONENT`
            ``frequency_hz`` (a rhythm's centre, a line's or a sweep's present frequency), ``amplitude``
            (of a rhythm: root of its mean square phasor), ``phase_rad`` of the cosine at the last sample,
            ``mass`` (memory of the branch, as a quality factor), ``bandwidth_hz`` (the component's own
            full width at half maximum; for a line it falls with the time observed), ``share`` of the
            energy flux, ``born_s``, ``evidence_nats`` held in reserve, and standard errors
            ``frequency_se_hz`` = chi gamma^1.5 sigma sqrt(h)/(2 A)/2 pi, ``amplitude_se``, ``phase_se_rad``
            from the background the branch hears. For a rhythm the error of the centre is
            its half width over the root of the coherence times seen.
        """
        branches = state.branches[channel]
        voiced = branches["status"] == ADULT
        b = branches[voiced]
        z = (state.hot[channel, Y] + 1j * state.hot[channel, V])[voiced].astype(complex)
        amplitude = np.maximum(np.abs(z), 1e-300)
        width = np.exp(b["log_width"])
        steady = np.abs(b["centre_once"] - b["centre_twice"]) < width
        rhythm = (b["kappa"] * b["age_s"] > RHYTHM_AGE) & steady
        noise = b["noise"] * float(state.shared[channel]["h"])
        chi = float(self._rules["chi"])
        line_se = chi * np.sqrt(b["gamma"] ** 3 * noise) / (2 * amplitude)
        rhythm_se = width / np.sqrt(np.maximum(1.0, width * b["age_s"]))
        table = np.zeros(len(b), dtype=COMPONENT)
        table["frequency_hz"] = np.where(rhythm, b["centre"], b["omega"]) / (2 * np.pi)
        table["amplitude"] = np.where(rhythm, np.sqrt(b["power"]), amplitude)
        table["phase_rad"] = np.angle(z)
        table["mass"] = b["omega"] / (2 * b["gamma"])
        table["bandwidth_hz"] = width / np.pi
        table["share"] = b["share"]
        table["born_s"] = b["born_s"]
        table["evidence_nats"] = b["reserve"]
        table["frequency_se_hz"] = np.where(rhythm, rhythm_se, line_se) / (2 * np.pi)
        table["amplitude_se"] = np.sqrt(noise * b["gamma"])
        table["phase_se_rad"] = table["amplitude_se"] / amplitude
        return table[np.argsort(-table["amplitude"], kind="stable")]

    def locality_probe(self, state: EcologyState) -> Iterator[LocalityProbe]:
        """For `trophic.testing`: what other branches have learned in private, out of sight of an adult for one sample.

        The residual that they leave is shared, and so is the market; `trophic.instruments.locality` has the account.
        """
        from trophic.testing import LocalityProbe

        own = int(np.flatnonzero(state.branches["status"][0] == ADULT)[0])
        altered = state.copy()
        others = np.arange(self.n_branches) != own
        for name in PRIVATE:
            altered.branches[name][0, others] += 1.0

        def learned(state: EcologyState) -> NDArray[np.floating]:
            record = [state.branches[name][:1, own] for name in state.branches.dtype.names or ()]
            return np.concatenate([state.hot[0, [Y, V], own], state.sums[0, :, own], *record]).astype(np.float64)

        yield LocalityProbe("the private record of every other branch altered", altered, learned, n_samples=1)

    def energy(self, state: EcologyState, channel: int = 0) -> EnergyLedger:
        """Where a channel's energy went since the first sample, in signal^2 seconds; see `EnergyLedger`."""
        shared, b = state.shared[channel], state.branches[channel]
        voiced = b["status"] == ADULT
        z = (state.hot[channel, Y] + 1j * state.hot[channel, V]).astype(complex)
        stored = stored_energy(z[voiced], b["gamma"][voiced])
        if shared["level_gamma"] > 0:
            stored += stored_energy([shared["level"]], [shared["level_gamma"]])
        return EnergyLedger(
            stored=stored,
            supplied=float(shared["supplied"]),
            heat=float(shared["heat"]),
            mass_work=float(shared["mass_work"]),
            exchanged=float(shared["exchanged"]),
        )

    def _bank(self) -> spores.Bank:
        return spores.bank(self.f_min_hz, self.f_max_hz)

    @cached_property
    def _rules(self) -> np.void:
        """What the kernel needs of the configuration; made once, for it takes as long as ten samples."""
        record = np.zeros(1, dtype=RULES)
        changed = dict(self.rules)
        for name, (value, _) in RULE_TABLE.items():
            record[name] = changed.get(name, value)
        record["omega_min"] = 2 * math.pi * self.f_min_hz
        record["omega_max"] = 2 * math.pi * self.f_max_hz
        record["budget"] = self.budget
        return record[0]
