"""What a decomposition of a real recording is asked: is a component on the line, on the ridge, on the stride?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.signal import oaconvolve, spectrogram, welch

from trophic.ecology.decomposition import Decomposition

Array = NDArray[np.float64]
PRESENT = 0.5  # a line counts as found when a component is on it for this share of the time in which it sounds


class Judge(Protocol):
    """A question to the decomposition of one recording; the folder of recordings may hold the answer."""

    def __call__(self, found: Decomposition, data: Path) -> tuple[str, bool]:
        """What was measured, in words, and whether that is good enough."""
        ...


# --- lines ----------------------------------------------------------------------------------------------------------


def sounding(found: Decomposition, line_hz: float) -> NDArray[np.bool_]:
    """Track frames in which a line sounds: its own band within 20 dB of that band's loudest tenth.

    The band is what a Hann window of 40 periods (at most a tenth of the record) lets through.
    """
    rate_hz = rate_of(found)
    x = np.nan_to_num(found.signal - np.nanmedian(found.signal))
    n = max(3, min(round(40 * rate_hz / line_hz), len(x) // 10))
    window = np.hanning(n + 2)[1:-1]
    level = np.abs(oaconvolve(x * np.exp(-2j * np.pi * line_hz / rate_hz * np.arange(len(x))), window, "same"))
    at = np.minimum(np.searchsorted(found.time_s, found.tracks.time_s), len(x) - 1)
    return level[at] > 0.1 * np.quantile(level, 0.9)


def presence(found: Decomposition, line_hz: float, tolerance: float) -> tuple[float, float]:
    """Share of the time in which the line sounds that a component is on it, and its median frequency while it is."""
    on = sounding(found, line_hz)
    tracks = found.tracks
    distance = np.where(tracks.alive, np.abs(tracks.frequency_hz / line_hz - 1), np.inf)
    nearest = np.argmin(distance, axis=1)
    rows = np.arange(len(nearest))
    hit = (distance[rows, nearest] <= tolerance) & on
    measured = float(np.median(tracks.frequency_hz[rows, nearest][hit])) if hit.any() else np.nan
    return float(hit.sum() / max(1, on.sum())), measured


def reference_frequency(x: Array, rate_hz: float, frame_s: float = 2.0, line_hz: float = 50.0) -> tuple[Array, Array]:
    """Frequency of a line per frame: a Hann-weighted least-squares line through the demodulated phase.

    An estimator of its own, with the two sides of each frame in view; its bandwidth is about 1/frame_s.
    """
    n = int(frame_s * rate_hz)
    t = np.arange(n) / rate_hz
    kernel = np.exp(-2j * np.pi * line_hz * t)
    starts = np.arange(0, len(x) - n, n // 2)
    sub = max(1, n // 50)
    centre = (np.arange(50) + 0.5) * sub / rate_hz
    slopes = []
    for start in starts:
        piece = (x[start : start + n] * kernel)[: 50 * sub].reshape(50, sub).mean(axis=1)
        weight = np.hanning(52)[1:-1]
        phase = np.unwrap(np.angle(piece))
        offset = centre - np.average(centre, weights=weight)
        slopes.append(np.sum(weight * offset * phase) / np.sum(weight * offset**2) / (2 * np.pi))
    return starts / rate_hz + frame_s / 2, line_hz + np.asarray(slopes)


# --- judges ---------------------------------------------------------------------------------------------------------


def nearest(found: Decomposition, time_s: Array, frequency_hz: Array) -> Array:
    """Of the components alive at each time (from the record's start) the frequency nearest to ``frequency_hz``."""
    tracks = found.tracks
    at = np.clip(np.searchsorted(tracks.time_s - found.time_s[0], time_s), 0, len(tracks.time_s) - 1)
    distance = np.where(tracks.alive[at], np.abs(tracks.frequency_hz[at] - frequency_hz[:, None]), np.inf)
    best = np.argmin(distance, axis=1)
    rows = np.arange(len(at))
    return np.where(np.isfinite(distance[rows, best]), tracks.frequency_hz[at][rows, best], np.nan)


def rate_of(found: Decomposition) -> float:
    assert found.sample_rate_hz is not None
    return found.sample_rate_hz


@dataclass(frozen=True)
class Mains:
    """RMS difference to a reference estimator, the tracks averaged over the same frames, after the first 20 s."""

    frame_s: float = 8.0

    def __call__(self, found: Decomposition, data: Path) -> tuple[str, bool]:
        centre_s, reference = reference_frequency(found.signal, rate_of(found), self.frame_s)
        time_s = found.tracks.time_s - found.time_s[0]
        mine = nearest(found, time_s, np.full(len(time_s), 50.0))
        mine[np.abs(mine - 50.0) > 1.0] = np.nan
        errors = [
            np.nanmean(mine[np.abs(time_s - c) < self.frame_s / 2]) - r
            for c, r in zip(centre_s, reference, strict=True)
            if c > 20.0
        ]
        deviation_mhz = 1e3 * float(np.sqrt(np.nanmean(np.square(errors))))
        return f"{deviation_mhz:.2f} mHz rms from the reference", deviation_mhz <= 1.0


@dataclass(frozen=True)
class Sweep:
    """Share of the time, after the first fifth of a second, in which a component is within 2 % of a known path (Hz)."""

    name: str
    path_hz: Callable[[Array], Array]

    def __call__(self, found: Decomposition, data: Path) -> tuple[str, bool]:
        time_s = found.tracks.time_s - found.time_s[0]
        time_s = time_s[time_s > 0.2]
        truth = self.path_hz(time_s)
        error = np.abs(nearest(found, time_s, truth) / truth - 1)
        near = np.mean(error < 0.02)
        return f"within 2 % of {self.name} {near:.0%} of the time, within 5 % {np.mean(error < 0.05):.0%}", near >= 0.9


@dataclass(frozen=True)
class Ridge:
    """Share of the loud frames (20 dB) in which a component is within 3 % of the strongest spectral peak."""

    window_s: float

    def __call__(self, found: Decomposition, data: Path) -> tuple[str, bool]:
        n = round(self.window_s * rate_of(found))
        frequency_hz, time_s, power = spectrogram(found.signal, rate_of(found), "hann", n, n // 2, nfft=4 * n)
        band = (frequency_hz > found.model.f_min_hz) & (frequency_hz < found.model.f_max_hz)
        frequency_hz, power = frequency_hz[band], power[band]
        loud = power.max(axis=0) > 0.01 * power.max()
        ridge = frequency_hz[power.argmax(axis=0)][loud]
        near = np.abs(nearest(found, time_s[loud], ridge) / ridge - 1) < 0.03
        return f"on the strongest spectral line in {near.mean():.0%} of {len(near)} loud frames", near.mean() >= PRESENT


@dataclass(frozen=True)
class During:
    """A line that sounds for a while: share of that while in which a component is on it, and of the time before."""

    name: str
    line_hz: float
    tolerance: float
    start_s: float
    end_s: float

    def __call__(self, found: Decomposition, data: Path) -> tuple[str, bool]:
        time_s = found.tracks.time_s - found.time_s[0]
        mine = nearest(found, time_s, np.full(len(time_s), self.line_hz))
        near = np.abs(mine / self.line_hz - 1) < self.tolerance
        inside, before = (
            near[(time_s >= self.start_s) & (time_s <= self.end_s)].mean(),
            near[time_s < self.start_s].mean(),
        )
        return f"{self.name}: {inside:.0%} of the time, before {before:.0%}", bool(inside >= PRESENT > before)


@dataclass(frozen=True)
class Onset:
    """After how many cycles a component is first on a line, at most ``n_cycles``, and how much of the rest it stays."""

    line_hz: float
    tolerance: float
    n_cycles: int

    def __call__(self, found: Decomposition, data: Path) -> tuple[str, bool]:
        time_s = found.tracks.time_s - found.time_s[0]
        near = np.abs(nearest(found, time_s, np.full(len(time_s), self.line_hz)) / self.line_hz - 1) < self.tolerance
        if not near.any():
            return "never found", False
        first = int(np.argmax(near))
        cycles, share = time_s[first] * self.line_hz, near[first:].mean()
        return f"found after {cycles:.0f} cycles, then held {share:.0%} of the time", cycles <= self.n_cycles


@dataclass(frozen=True)
class Strides:
    """In each reference stride of the left foot: is a component within 5 % of that stride's own frequency?"""

    rate_hz: float = 204.8

    def __call__(self, found: Decomposition, data: Path) -> tuple[str, bool]:
        rows = np.genfromtxt(data / "motion/gaitmap_stride_borders.csv", delimiter=",", skip_header=1, dtype=str)
        borders = rows[rows[:, 1] == "left"][:, 2:4].astype(float) / self.rate_hz
        truth = 1 / (borders[:, 1] - borders[:, 0])
        error = np.abs(nearest(found, borders[:, 1], truth) / truth - 1)
        on = error < 0.05
        median = float(np.median(error[on])) if on.any() else np.nan
        return f"{on.sum()} of {len(on)} strides, median error {median:.1%}", bool(on.mean() >= PRESENT)


@dataclass(frozen=True)
class Regimes:
    """A stretch after another: those whose strongest line (Welch) a component is on in its second half."""

    length_s: float

    def __call__(self, found: Decomposition, data: Path) -> tuple[str, bool]:
        n = round(self.length_s * rate_of(found))
        held = []
        for start in range(0, len(found.signal) - n + 1, n):
            frequency_hz, power = welch(found.signal[start : start + n], rate_of(found), nperseg=512, nfft=4096)
            band = (frequency_hz > found.model.f_min_hz) & (frequency_hz < found.model.f_max_hz)
            line_hz = frequency_hz[band][power[band].argmax()]
            time_s = (start + np.arange(n // 2, n, 10)) / rate_of(found)
            near = np.abs(nearest(found, time_s, np.full(len(time_s), line_hz)) - line_hz) < 0.2
            held.append(near.mean() >= PRESENT)
        return f"the strongest line of {sum(held)} of {len(held)} minutes", bool(np.mean(held) >= PRESENT)
