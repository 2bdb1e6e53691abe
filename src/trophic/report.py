"""What a decomposed file is reported as: a table for people, JSON and CSV for programs."""

from __future__ import annotations

import csv
import dataclasses
import math
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from trophic.instruments.pairs import TRACK_FIELDS, Synchrony, Voices, measure, voices
from trophic.runtime.sources import Source, humane_period
from trophic.view.units import concise, duration, frequency_unit

if TYPE_CHECKING:
    from trophic.ecology.model import Ecology, EcologyInfo, EcologyState

_LIBRARIES = ("trophic", "numpy", "numba")


class Tally:
    """A sink that keeps, per channel, the variances of signal and residual and how many components there have been.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> tally, nobody = Tally(1), {"alive": np.zeros((0, 1, 4), bool), "individual": np.zeros((0, 1, 4), int)}
    >>> for signal, residual in ([[1.0], [3.0]], [[0.5], [-0.5]]), ([[5.0], [np.nan]], [[0.0], [np.nan]]):
    ...     tally.write(SimpleNamespace(signal=np.array(signal), residual=np.array(residual), **nobody))
    >>> tally.explained(0), tally.n_lived(0)
    (0.9375, 0)
    """

    def __init__(self, n_channels: int) -> None:
        self._n = np.zeros(n_channels)
        self._mean = np.zeros((2, n_channels))
        self._square = np.zeros((2, n_channels))  # summed squares about the mean
        self._present: NDArray[np.int64] | None = None  # who was in each slot of the last frame, -1 for nobody
        self._n_lived = np.zeros(n_channels, dtype=np.int64)

    def write(self, info: EcologyInfo | Any) -> None:
        """Take one chunk's report."""
        good = np.isfinite(info.residual) & np.isfinite(info.signal)
        self._add_variances(info.signal, info.residual, good)
        who = np.where(info.alive, info.individual, -1)
        before = np.full((1, *who.shape[1:]), -1) if self._present is None else self._present
        who = np.concatenate([before, who])
        self._n_lived += np.count_nonzero((who[1:] != who[:-1]) & (who[1:] >= 0), axis=(0, 2))
        self._present = who[-1:]

    def _add_variances(self, signal: NDArray[Any], residual: NDArray[Any], good: NDArray[np.bool_]) -> None:
        """Pairwise update of the moments (Chan, Golub and LeVeque 1983)."""
        n = np.count_nonzero(good, axis=0)
        total = np.maximum(self._n + n, 1)
        for row, values in enumerate((signal, residual)):
            values = np.where(good, values, 0.0)
            mean = values.sum(axis=0) / np.maximum(n, 1)
            shift = mean - self._mean[row]
            self._square[row] += (np.where(good, values - mean, 0.0) ** 2).sum(axis=0) + shift**2 * self._n * n / total
            self._mean[row] += shift * n / total
        self._n += n

    def close(self) -> None:
        """Nothing to release."""

    def explained(self, channel: int) -> float:
        """1 - var(residual) / var(signal) over the good samples; NaN for a constant signal or none."""
        signal, residual = self._square[:, channel]
        return float(1.0 - residual / signal) if signal > 0 else math.nan

    def n_lived(self, channel: int) -> int:
        """Components seen in any track frame, those that ended included."""
        return int(self._n_lived[channel])


class LateTracks:
    """A sink that keeps the last `N_FRAMES` track frames of every channel: who keeps step with whom at the end."""

    N_FRAMES = 8192
    MAX_COMPONENTS = 16  # compared with each other: the strongest

    def __init__(self) -> None:
        self._frames: dict[str, NDArray[Any]] = {}

    def write(self, info: EcologyInfo) -> None:
        """Take one chunk's report."""
        new = {name: getattr(info, name) for name in ("time_s", *TRACK_FIELDS)}
        if self._frames:
            new = {name: np.concatenate([self._frames[name], new[name]]) for name in new}
        self._frames = {name: values[-self.N_FRAMES :] for name, values in new.items()}

    def close(self) -> None:
        """Nothing to release."""

    def synchrony(self, components: NDArray[np.void], channel: int) -> Synchrony:
        """Phase locking between the strongest components of a channel."""
        if not self._frames:
            return measure(np.empty(0), Voices(np.empty((0, 0)), np.empty(0), np.empty(0), np.empty(0)))
        components = components[: self.MAX_COMPONENTS]
        tracks = {name: self._frames[name][:, channel] for name in TRACK_FIELDS}
        return measure(self._frames["time_s"], voices(components, tracks))


@dataclass(frozen=True)
class ChannelReport:
    """One channel's result: components alive at the end (strongest first), those ever alive, energies, synchrony."""

    name: str
    components: NDArray[np.void]
    n_lived: int
    n_bad: int
    explained: float
    energy: dict[str, float]
    synchrony: Synchrony


@dataclass(frozen=True)
class Report:
    """One file's result.

    Attributes
    ----------
    source : Source
        The file.
    model : Ecology
        The configuration used.
    channels : tuple of ChannelReport
        One per channel.
    n_samples : int
        Samples per channel consumed; fewer than the file has if the run was interrupted.
    interrupted : bool
        Ctrl-C ended the run.
    """

    source: Source
    model: Ecology
    channels: tuple[ChannelReport, ...]
    n_samples: int
    interrupted: bool

    @classmethod
    def of(
        cls, source: Source, model: Ecology, state: EcologyState, tally: Tally, late: LateTracks, interrupted: bool
    ) -> Report:
        """Gather what a run left behind."""
        channels = []
        for index, name in enumerate(source.channel_names):
            ledger = model.energy(state, index)
            components = model.components(state, index)
            channels.append(
                ChannelReport(
                    name=name,
                    components=components,
                    n_lived=max(tally.n_lived(index), len(components)),
                    n_bad=int(state.clock.n_bad[index] + state.clock.n_late[index]),
                    explained=tally.explained(index),
                    energy={**dataclasses.asdict(ledger), "imbalance": ledger.imbalance},
                    synchrony=late.synchrony(components, index),
                )
            )
        return cls(source, model, tuple(channels), state.clock.index, interrupted)

    def headline(self) -> str:
        """One line: the file, its size and the band searched."""
        unit = frequency_unit(self.model.f_max_hz)
        band = f"{self.model.f_min_hz / unit.size:.3g} to {self.model.f_max_hz / unit.size:.4g} {unit.symbol}"
        return f"{size_of(self.source)}; band {band}"

    def tables(self) -> list[Table | Text]:
        """What a person reads: per channel its components and one line of summary."""
        parts: list[Table | Text] = []
        for channel in self.channels:
            if len(self.channels) > 1:
                parts.append(Text(channel.name, style="bold"))
            if len(channel.components):
                parts.append(self._table(channel.components))
            parts.append(Text(_summary(channel, self.n_samples)))
        return parts

    def _table(self, components: NDArray[np.void]) -> Table:
        unit = frequency_unit(float(np.exp(np.log(components["frequency_hz"]).mean())))
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        numeric = (f"frequency ({unit.symbol})", "period", "amplitude", f"bandwidth ({unit.symbol})", "mass", "share")
        for name in numeric:
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("since", no_wrap=True)
        for c in components:
            table.add_row(
                concise(c["frequency_hz"] / unit.size, c["frequency_se_hz"] / unit.size),
                humane_period(float(c["frequency_hz"])),
                concise(c["amplitude"], c["amplitude_se"]),
                concise(c["bandwidth_hz"] / unit.size, digits=2) if self._is_wide(c) else "line",
                f"{c['mass']:.0f}",
                f"{100 * c['share']:.1f} %",
                self.source.when(float(c["born_s"])),
            )
        return table

    def _is_wide(self, component: Any) -> bool:
        """Whether a linewidth was seen: one below 2 / (time watched) cannot be told from a line."""
        watched_s = self.source.duration_s * self.n_samples / self.source.n_samples - component["born_s"]
        return bool(component["bandwidth_hz"] * watched_s > 2.0)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values for JSON; NaN becomes None."""
        source, model = self.source, self.model
        return plain(
            {
                **about(source, model, self.n_samples, self.interrupted),
                "band_hz": [model.f_min_hz, model.f_max_hz],
                "track_rate_hz": source.typical_rate_hz / model.track_every,
                "n_bad": sum(channel.n_bad for channel in self.channels),
                "channels": [
                    {
                        "name": channel.name,
                        "n_lived": channel.n_lived,
                        "n_bad": channel.n_bad,
                        "explained": channel.explained,
                        "energy": channel.energy,
                        "components": [self._component(c) for c in channel.components],
                        "synchrony": {"memory_s": channel.synchrony.memory_s, "pairs": channel.synchrony.pairs()},
                    }
                    for channel in self.channels
                ],
            }
        )

    def _component(self, component: Any) -> dict[str, Any]:
        values = {name: float(component[name]) for name in component.dtype.names}
        return values | {
            "period_s": 1.0 / values["frequency_hz"],
            "period": humane_period(values["frequency_hz"]),
            "since": self.source.when(values["born_s"]),
            "is_line": not self._is_wide(component),
        }

    def write_components(self, path: Path) -> None:
        """All components of all channels as CSV."""
        rows = [
            {"channel": channel.name, **self._component(c)} for channel in self.channels for c in channel.components
        ]
        names = [*(self.channels[0].components.dtype.names or ()), "period_s", "period", "since", "is_line"]
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["channel", *names])
            writer.writeheader()
            writer.writerows(rows)


def size_of(source: Source) -> str:
    """The file, its samples, rate and duration in words."""
    count = "" if source.n_channels == 1 else f"{source.n_channels} channels, "
    rate = frequency_unit(source.typical_rate_hz)
    clock = f"{'' if source.sample_rate_hz else 'irregular, about '}{source.typical_rate_hz / rate.size:.6g}"
    return (
        f"{source.path.name}: {count}{source.n_samples} samples, {clock} {rate.symbol}, {duration(source.duration_s)}"
    )


def about(source: Source, model: Any, n_samples: int, interrupted: bool) -> dict[str, Any]:
    """What every report.json begins with: the file, the versions, the configuration and how far the run came."""
    return {
        "file": str(source.path),
        "kind": source.kind,
        "versions": {name: _version(name) for name in _LIBRARIES} | {"python": platform.python_version()},
        "configuration": dataclasses.asdict(model),
        "sample_rate_hz": source.sample_rate_hz,
        "typical_rate_hz": source.typical_rate_hz,
        "n_samples": n_samples,
        "n_samples_in_file": source.n_samples,
        "duration_s": source.duration_s,
        "time_unit": source.time_unit,
        "start": source.start(),
        "interrupted": interrupted,
        "notes": list(source.notes),
    }


def _summary(channel: ChannelReport, n_samples: int) -> str:
    n, ended = len(channel.components), channel.n_lived - len(channel.components)
    count = f"{n} component{'' if n == 1 else 's'}" if n else "no component"
    if ended:
        count += f" at the end, {ended} came and went (tracks: --out)"
    explained = "" if math.isnan(channel.explained) else f", explained variance {100 * channel.explained:.1f} %"
    return f"{count}{explained}, bad samples {channel.n_bad} of {n_samples}"


def plain(value: Any) -> Any:
    """Containers of what JSON knows: NumPy scalars become Python's, NaN and infinities become None."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:  # a checkout on the path
        return "0+uninstalled"
