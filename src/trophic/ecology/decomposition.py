"""`decompose`: the components of a record at hand, in one call."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trophic.ecology.model import Ecology
from trophic.ecology.record import clock_of, default_band, extent, given, shortest_interval
from trophic.ecology.tracks import TRACK_FIELDS, Collected, Tracks, samples_per_frame
from trophic.instruments.pairs import MAX_ORDER, Synchrony, Voices, measure, voices
from trophic.runtime.drive import run
from trophic.runtime.frames import frame
from trophic.view.units import TimeAxis, concise, duration, frequency_unit

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from trophic.instruments.energy import EnergyLedger

Array = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Decomposition:
    """What oscillates in one channel of a record. Printing it shows the components as a table.

    Attributes
    ----------
    components : structured array, shape (n_components,)
        Those alive at the end, strongest first: ``frequency_hz``, ``amplitude`` (signal's unit), ``phase_rad`` (of the
        cosine at the last sample), ``mass``, ``bandwidth_hz``, ``share``, ``born_s``, ``evidence_nats``, and the
        standard errors ``frequency_se_hz``, ``amplitude_se``, ``phase_se_rad``.
    tracks : Tracks
        How they came to be.
    residual : float64 array, shape (n,)
        What the components left unexplained, sample by sample, as the stream went by; NaN at bad samples.
    explained : float
        1 - var(residual) / var(signal) over the good samples; may be negative, NaN for a constant.
    energy : EnergyLedger
        Where the energy went.
    model : Ecology
        The configuration used.
    signal, time_s : float64 arrays, shape (n,)
        The samples as given and their time stamps in seconds.
    sample_rate_hz : float or None
        None if the record is irregular.
    n_bad : int
        Samples ignored: NaN, infinite, or with a time stamp that does not increase.
    time_axis : {"seconds", "dates", "samples"}
        What the time stamps mean: "dates" are seconds since 1970-01-01 UTC; "samples" if no clock was given, so
        that 1 Hz reads one cycle per sample.
    name : str
        Of the Series or the column that it was; "" if it had none.
    library : str
        Whose Series or data frame that was, and `to_frame` gives back; "" for an array.
    """

    components: NDArray[np.void]
    tracks: Tracks
    residual: Array
    explained: float
    energy: EnergyLedger
    model: Ecology
    signal: Array
    time_s: Array
    sample_rate_hz: float | None
    n_bad: int
    time_axis: TimeAxis = "seconds"
    name: str = ""
    library: str = ""

    def __len__(self) -> int:
        return len(self.components)

    def __str__(self) -> str:
        return "\n".join([self._headline(), *component_table(self.components, self.time_axis)])

    __repr__ = __str__

    def _headline(self) -> str:
        count = f"{len(self)} component{'' if len(self) == 1 else 's'}"
        span = f"{len(self.signal)} samples"
        if self.time_axis != "samples" and len(self.time_s) > 1:
            span += f" ({duration(float(self.time_s[-1] - self.time_s[0]))})"
        explained = f"{100 * self.explained:.1f} % of the variance explained"
        bad = f", {self.n_bad} bad samples ignored" if self.n_bad else ""
        return f"{count} in {span}, {explained}{bad}"

    def to_frame(self) -> Any:
        """The components as a data frame of the library that the record came from (of xarray a Dataset).

        Of an array: pandas if it is installed, else polars.

        Raises
        ------
        ImportError
            If neither is installed.
        """
        columns = {name: self.components[name] for name in self.components.dtype.names or ()}
        return frame(columns, self.library, "`components` is a NumPy structured array with the same columns")

    def synchrony(
        self, other: Decomposition | None = None, memory_s: float | None = None, max_order: int = MAX_ORDER
    ) -> Synchrony:
        """Which components keep step, with each other or with those of another channel.

        Every pair is compared at the ratio p : q of small whole numbers nearest to that of its frequencies: the
        phase-locking value |<e^(j (q phi_a - p phi_b))>| of its tracks, from 0 (free) to 1 (a constant relation), and
        the probability that two components of these linewidths show as much without knowing of each other.

        Parameters
        ----------
        other : Decomposition, optional
            Another channel of the same record: rows are then the components of this one, columns of that one.
        memory_s : float, optional
            Memory of the mean in seconds, > 0: what was this long ago counts 1/e. Default: a quarter of the record.
        max_order : int
            Largest p and q, >= 1.

        Returns
        -------
        Synchrony
            Arrays of shape (n_components, n_components of the columns).

        Raises
        ------
        ValueError
            If the tracks of ``other`` have other time stamps, or a number is out of its range.

        Notes
        -----
        Two lines hardly wander, and keep step whenever their frequencies stand in a ratio; ``false_alarm`` is then
        large: nothing is known of a coupling. Source: Tass et al. (1998), Phys. Rev. Lett. 81, 3291.

        Examples
        --------
        A tone, its octave and a stranger:

        >>> t = np.arange(8000) / 400.0
        >>> x = sum(a * np.cos(2 * np.pi * f * t) for a, f in ((3, 20), (2, 40), (1, 71)))
        >>> found = decompose(x, sample_rate_hz=400).synchrony()
        >>> found.p[0], found.q[0], found.locking[0].round(2)
        (array([1, 1, 1]), array([1, 2, 4]), array([1., 1., 0.]))
        """
        columns = None
        if other is not None:
            if not np.array_equal(self.tracks.time_s, other.tracks.time_s):
                raise ValueError("other must be another channel of the same record: its tracks have other time stamps")
            columns = other._voices()
        return measure(self.tracks.time_s, self._voices(), columns, memory_s, max_order)

    def _voices(self) -> Voices:
        return voices(self.components, {name: getattr(self.tracks, name) for name in TRACK_FIELDS})

    def plot(self, path: str | Path | None = None, title: str | None = None, unit: str = "") -> Figure:
        """One figure: tracks over a spectrogram, masses, shares, signal and residual.

        Parameters
        ----------
        path : str or Path, optional
            Where to save it; the suffix (.png, .pdf, .svg) chooses the format.
        title : str, optional
        unit : str
            The signal's unit, for the axes.

        Returns
        -------
        matplotlib.figure.Figure
            Made without pyplot: nothing pops up and nothing global is touched.

        Raises
        ------
        ImportError
            If matplotlib is not installed (it comes with ``trophic[view]``).
        """
        from trophic.view.figures import draw
        from trophic.view.overview import TRACK_FIELDS as SHOWN
        from trophic.view.overview import Overview

        overview = Overview(
            self.model.f_min_hz, self.model.f_max_hz, self.sample_rate_hz, time_axis=self.time_axis, unit=unit
        )
        overview.add_samples(self.time_s, self.signal, self.residual)
        overview.add_tracks(self.tracks.time_s, {name: getattr(self.tracks, name) for name in SHOWN})
        return draw(overview, self.components, path, title)


def decompose(
    x: Any,
    sample_rate_hz: float | None = None,
    times_s: Any = None,
    f_min_hz: float | None = None,
    f_max_hz: float | None = None,
    n_branches: int = 16,
    *,
    budget: float = 1e6,
    track_rate_hz: float | None = None,
) -> Decomposition | list[Decomposition]:
    """Which oscillations is this record made of? Each with frequency, amplitude, phase, linewidth and history.

    The record is streamed once through an `Ecology`; nothing is fitted afterwards.

    Parameters
    ----------
    x : array_like, shape (n,) or (n, n_channels)
        Samples in any unit, n >= 16; NaN, inf and masked entries are missing samples. Arrays, lists, and the Series
        and data frames of pandas, polars, Arrow and xarray, whose names are kept. The dates that index a pandas or
        xarray object, or fill a column of a data frame, are used unless a clock is given.
    sample_rate_hz : float, optional
        Samples per second of a regular record, in (0, inf).
    times_s : array_like, shape (n,), optional
        Time stamps in *seconds* of an irregular record, increasing, or dates (``datetime64``). Instead of
        ``sample_rate_hz``. With neither, the rate is taken to be 1 Hz: frequencies are then in cycles per sample.
    f_min_hz, f_max_hz : float, optional
        Band searched, Hz. Default: `default_band`.
    n_branches : int
        Components at most, per channel.
    budget : float
        Total metabolic flux in units of mass, > 0: less makes branches lighter, so faster and less precise.
    track_rate_hz : float, optional
        Track frames per second, up to the sampling rate. Default: every sample, thinned to at most 4000 frames.

    Returns
    -------
    Decomposition, or list of Decomposition if ``x`` is two-dimensional: one per channel

    Raises
    ------
    TypeError
        If ``x`` does not hold real numbers.
    ValueError
        If shapes do not fit, both clocks are given, a number is out of its range, or nothing in ``x`` is finite.

    Examples
    --------
    >>> t = np.arange(5000) / 1000.0
    >>> x = np.cos(2 * np.pi * 50 * t) + 0.5 * np.cos(2 * np.pi * 120 * t + 1.0)
    >>> found = decompose(x, sample_rate_hz=1000)
    >>> found.components["frequency_hz"].round(2), found.components["amplitude"].round(2)
    (array([ 50., 120.]), array([1. , 0.5]))
    """
    record = given(x)
    values, is_table = record.values, record.is_table
    stamps, sample_rate_hz, time_axis = clock_of(record.times_s, len(values), sample_rate_hz, times_s)
    if stamps is not None:
        interval_s, duration_s = extent(stamps)
        rate_hz = 1 / interval_s
    else:
        rate_hz = 1.0 if sample_rate_hz is None else sample_rate_hz
        duration_s = len(values) / rate_hz
    band = default_band(rate_hz, duration_s)
    model = Ecology(
        f_min_hz=band[0] if f_min_hz is None else float(f_min_hz),
        f_max_hz=band[1] if f_max_hz is None else float(f_max_hz),
        n_branches=n_branches,
        n_channels=values.shape[1],
        budget=float(budget),
        track_every=samples_per_frame(len(values), rate_hz, track_rate_hz),
    )
    _check_band(model, rate_hz if stamps is None else 1 / shortest_interval(stamps))
    collected = Collected(*values.shape)
    result = run(model, values, sample_rate_hz=sample_rate_hz, times_s=stamps, sinks=[collected], collect=False)
    channels = zip(record.names, values.T, collected.residual.T, collected.tracks(rate_hz / model.track_every))
    found = [
        Decomposition(
            components=model.components(result.state, channel),
            tracks=tracks,
            residual=residual,
            explained=_explained(signal, residual),
            energy=model.energy(result.state, channel),
            model=model,
            signal=signal,
            time_s=collected.time_s,
            sample_rate_hz=sample_rate_hz,
            n_bad=int(np.isnan(residual).sum()),
            time_axis=time_axis,
            name=name,
            library=record.library,
        )
        for channel, (name, signal, residual, tracks) in enumerate(channels)
    ]
    return found if is_table else found[0]


def component_table(components: NDArray[np.void], time_axis: TimeAxis = "seconds") -> list[str]:
    """The components as lines of text, a header first; standard errors in brackets, in units of the last digit."""
    if not len(components):
        return []
    unit = frequency_unit(float(np.exp(np.log(components["frequency_hz"]).mean())), time_axis)
    rows = [
        (
            f"frequency ({unit.symbol})",
            "period",
            "amplitude",
            "phase (rad)",
            f"linewidth ({unit.symbol})",
            "mass",
            "share",
        )
    ]
    for c in components:
        rows.append(
            (
                concise(c["frequency_hz"] / unit.size, c["frequency_se_hz"] / unit.size),
                duration(1 / c["frequency_hz"], time_axis),
                concise(c["amplitude"], c["amplitude_se"]),
                concise(c["phase_rad"], c["phase_se_rad"]),
                concise(c["bandwidth_hz"] / unit.size, digits=2),
                f"{c['mass']:.0f}",
                f"{100 * c['share']:.1f} %",
            )
        )
    widths = [max(len(row[j]) for row in rows) for j in range(len(rows[0]))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _check_band(model: Ecology, rate_hz: float) -> None:
    """The band must be one, and below the Nyquist frequency (of an irregular record: that of its shortest interval)."""
    if not 0 < model.f_min_hz < model.f_max_hz <= rate_hz / 2:
        raise ValueError(
            f"need 0 < f_min_hz < f_max_hz <= {rate_hz / 2} Hz, half the sampling rate, "
            f"got f_min_hz={model.f_min_hz}, f_max_hz={model.f_max_hz}"
        )


def _explained(signal: Array, residual: Array) -> float:
    good = np.isfinite(residual)
    variance = float(np.var(signal[good])) if good.any() else 0.0
    return 1 - float(np.var(residual[good])) / variance if variance > 0 else math.nan
