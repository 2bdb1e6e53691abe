"""`Ecology`: resonators that compete for a finite energy flux, as a model."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from trophic.ecology import kernel, spores
from trophic.ecology.layout import (
    ADULT,
    BRANCH,
    DEFAULT_RULES,
    F_AMPLITUDE,
    F_BANDWIDTH,
    F_FREQUENCY,
    F_INDIVIDUAL,
    F_MASS,
    F_PHASE,
    F_SHARE,
    F_STATUS,
    RULES,
    SHARED,
    V,
    Y,
)
from trophic.instruments.energy import EnergyLedger, stored_energy
from trophic.runtime.clock import Clock
from trophic.runtime.contract import Chunk, Model, State
from trophic.runtime.guard import admit

COMPONENT = np.dtype(
    [
        (name, "f8")
        for name in (
            "frequency_hz", "amplitude", "phase_rad", "mass", "bandwidth_hz", "share", "born_s", "evidence_nats",
            "frequency_se_hz", "amplitude_se", "phase_se_rad",
        )
    ]
)  # fmt: skip


@dataclass
class EcologyState(State):
    """Everything an ecology remembers; the first axis of every array is the channel."""

    clock: Clock
    hot: NDArray[np.floating]
    sums: NDArray[np.floating]
    branches: NDArray[np.void]
    poles: NDArray[np.floating]
    rotors: NDArray[np.floating]
    stats: NDArray[np.floating]
    pace: NDArray[np.floating]
    shared: NDArray[np.void]


@dataclass(frozen=True)
class EcologyInfo:
    """What one chunk showed: track frames (F, C, K) and the residual (n, C)."""

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
    f_min_hz: float
    f_max_hz: float
    n_branches: int = 16
    n_channels: int = 1
    budget: float = 1e6
    track_every: int = 1
    precision: str = "float64"
    rules: tuple[tuple[str, float], ...] = field(default=())

    def _rules(self):
        record = np.zeros(1, dtype=RULES)
        for name, value in {**DEFAULT_RULES, **dict(self.rules)}.items():
            record[name] = value
        record["omega_min"] = 2 * math.pi * self.f_min_hz
        record["omega_max"] = 2 * math.pi * self.f_max_hz
        record["budget"] = self.budget
        return record[0]

    def _bank(self):
        return spores.bank(self.f_min_hz, self.f_max_hz)

    def init(self, seed: int = 0) -> EcologyState:
        c, k, b = self.n_channels, self.n_branches, len(self._bank().omega)
        real = np.dtype(self.precision)
        return EcologyState(
            clock=Clock.new(c),
            hot=np.zeros((c, 7, k), dtype=real),
            sums=np.zeros((c, 9, k)),
            branches=np.zeros((c, k), dtype=BRANCH),
            poles=np.zeros((c, 10, b), dtype=real),
            rotors=np.zeros((c, 3, b), dtype=real),
            stats=np.zeros((c, 6, b), dtype=real),
            pace=np.zeros((c, 4, b)),
            shared=np.zeros((c,), dtype=SHARED),
        )

    def advance(self, state: EcologyState, chunk: Chunk) -> EcologyInfo:
        n, c, k = len(chunk), self.n_channels, self.n_branches
        first = state.clock.index
        frame_position = np.arange(-first % self.track_every, n, self.track_every)
        frames = np.full((c, len(frame_position), 8, k), np.nan)
        residual = np.full((n, c), np.nan)
        bank, rules = self._bank(), self._rules()

        def channel(j: int) -> int:
            good = admit(state.clock, chunk, j)
            left = np.empty(len(good.values))
            kernel.run_channel(
                good.values, good.dt_s, good.times_s, good.position, state.hot[j], state.sums[j], state.branches[j],
                state.poles[j], state.rotors[j], state.stats[j], state.pace[j], state.shared[j : j + 1][0],
                bank.omega, bank.rate, bank.layer, bank.child, bank.lift_re, bank.lift_im, rules,
                left, frame_position, frames[j],
            )  # fmt: skip
            residual[good.position, j] = left
            return n - len(good.values)

        if c == 1:
            n_bad = channel(0)
        else:
            with ThreadPoolExecutor() as pool:
                n_bad = sum(pool.map(channel, range(c)))
        state.clock.tick(chunk)
        stamps = chunk.time_stamps_s()
        rows = np.moveaxis(frames, 0, 1)  # (F, C, 8, K)
        alive = rows[:, :, F_STATUS] == ADULT

        def track(row: int) -> NDArray[np.floating]:
            return np.where(alive, rows[:, :, row], np.nan)

        return EcologyInfo(
            time_s=stamps[frame_position],
            frequency_hz=track(F_FREQUENCY),
            amplitude=track(F_AMPLITUDE),
            phase_rad=track(F_PHASE),
            mass=track(F_MASS),
            share=track(F_SHARE),
            bandwidth_hz=track(F_BANDWIDTH),
            alive=alive,
            individual=np.where(alive, rows[:, :, F_INDIVIDUAL], 0).astype(np.int64),
            residual=residual,
            signal=chunk.values,
            sample_time_s=stamps,
            n_bad=n_bad,
        )

    def energy(self, state: EcologyState, channel: int = 0) -> EnergyLedger:
        """Where the energy went since the first sample, in signal^2 seconds; see `EnergyLedger`."""
        shared, b = state.shared[channel], state.branches[channel]
        voiced = b["status"] == ADULT
        z = state.hot[channel, Y] + 1j * state.hot[channel, V]
        level_gamma = float(shared["level_gamma"])
        stored = stored_energy(z[voiced], b["gamma"][voiced])
        if level_gamma > 0:
            stored += stored_energy([shared["level"]], [level_gamma])
        return EnergyLedger(
            stored=stored,
            supplied=float(shared["supplied"]),
            heat=float(shared["heat"]),
            mass_work=float(shared["mass_work"]),
            exchanged=float(shared["exchanged"]),
        )

    def components(self, state: EcologyState, channel: int = 0) -> NDArray[np.void]:
        b = state.branches[channel]
        z = state.hot[channel, Y] + 1j * state.hot[channel, V]
        h = state.shared[channel]["h"]
        keep = b["status"] == ADULT
        b, z = b[keep], z[keep]
        table = np.zeros(len(b), dtype=COMPONENT)
        steady = np.abs(b["centre_once"] - b["centre_twice"]) < np.exp(b["log_width"])
        rhythm = (b["kappa"] * b["age_s"] > 12.0) & steady
        posterior = 2 * b["noise"] * b["gamma"] * h
        table["frequency_hz"] = np.where(rhythm, b["centre"], b["omega"]) / (2 * np.pi)
        table["amplitude"] = np.where(rhythm, np.sqrt(b["power"]), np.abs(z))
        table["phase_rad"] = np.angle(z)
        table["mass"] = b["omega"] / (2 * b["gamma"])
        table["bandwidth_hz"] = np.exp(b["log_width"]) / np.pi
        table["share"] = b["share"]
        table["born_s"] = b["born_s"]
        table["evidence_nats"] = b["reserve"]
        chi = dict(DEFAULT_RULES)["chi"]
        a2 = np.abs(z) ** 2 + 1e-300
        table["frequency_se_hz"] = np.sqrt(chi**2 * b["gamma"] ** 3 * b["noise"] * h / (4 * a2)) / (2 * np.pi)
        table["amplitude_se"] = np.sqrt(posterior / 2)
        table["phase_se_rad"] = np.sqrt(posterior / 2 / a2)
        return table[np.argsort(-table["amplitude"], kind="stable")]
