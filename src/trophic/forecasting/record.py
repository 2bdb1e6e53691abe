"""`forecast`: a record at hand, forecast sample by sample as it went by, in one call."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trophic.ecology.record import clock_of, extent, given
from trophic.forecasting.layout import SEASON_MAX
from trophic.forecasting.model import Forecaster
from trophic.forecasting.skill import WARM_UP, Alignment, Beside, Skill
from trophic.runtime.contract import Chunk
from trophic.runtime.drive import run
from trophic.runtime.frames import frame
from trophic.runtime.grid import on_grid
from trophic.view.outlook import Outlook

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Array = NDArray[np.float64]


@dataclass(frozen=True, repr=False)
class Forecast:
    """What a record looked like before it was seen: n samples, C channels, H horizons. Printing it shows the skill.

    Attributes
    ----------
    prediction, lower, upper : float64 arrays, shape (n, C, H)
        Row i is *for* sample i and was made ``horizons[q]`` samples before it; in the signal's unit. NaN where there
        was nothing to forecast from; the bounds begin after the first 32 good samples.
    surprise : float64 array, shape (n, C)
        Nats by which the one-step error is less likely than none, >= 0; NaN at missing samples.
    anomaly, drift : bool arrays, shape (n, C)
        The most surprising samples, in the long run one in a thousand; stretches in which the error power is well
        above its long-term mean.
    season : int64 array, shape (n, C)
        Samples in the season as known at each sample; 0 while there is none.
    next : float64 array, shape (C, H, 3)
        What comes after the end: forecast, lower and upper bound ``horizons[q]`` samples after the last one.
    skill : structured array, shape (C, H)
        ``horizon``, ``n`` (forecasts scored: the first tenth of the record is not), ``nrmse`` (root mean square error
        over the standard deviation of the samples scored: 0 is perfect, 1 no better than the mean), the same of
        ``persistence`` (the last value), ``seasonal`` (the value a season ago, where there is a season, else the last
        value) and ``linear`` (an online linear autoregression), and ``coverage`` of the interval.
    horizons : tuple of int
        Samples ahead, increasing, the first 1.
    n_bad : int64 array, shape (C,)
        Samples ignored: NaN, infinite, or with a time stamp that does not increase.
    signal, time_s : float64 arrays, shape (n, C) and (n,)
        The samples as given and their time stamps in seconds.
    model : Forecaster
        The configuration used.
    names : tuple of str
        Of the channels, as the Series or data frame had them; "" without one.
    library : str
        Whose Series or data frame that was, and `to_frame` gives back; "" for an array.
    """

    prediction: Array
    lower: Array
    upper: Array
    surprise: Array
    anomaly: NDArray[np.bool_]
    drift: NDArray[np.bool_]
    season: NDArray[np.int64]
    next: Array
    skill: NDArray[np.void]
    horizons: tuple[int, ...]
    n_bad: NDArray[np.int64]
    signal: Array
    time_s: Array
    model: Forecaster
    _outlook: Outlook
    names: tuple[str, ...] = ()
    library: str = ""

    def __len__(self) -> int:
        return len(self.signal)

    def __str__(self) -> str:
        lines = [f"{len(self)} samples, {self.signal.shape[1]} channel(s), {int(self.n_bad.sum())} bad samples ignored"]
        names = ("horizon", "nrmse", "persistence", "seasonal", "linear", "coverage")
        for c, rows in enumerate(self.skill):
            lines.append("".join(f"{name:>12}" for name in (*names, "next", "from", "to")))
            for row, ahead in zip(rows, self.next[c]):
                cells = [f"{row['horizon']}", *(f"{row[name]:.4g}" for name in names[1:])]
                lines.append("".join(f"{cell:>12}" for cell in (*cells, *(f"{value:.6g}" for value in ahead))))
        return "\n".join(lines)

    __repr__ = __str__

    def to_frame(self) -> Any:
        """A data frame with one row per sample and channel, of the library that the record came from.

        Of an array: pandas if it is installed, else polars. Of xarray: a Dataset.

        Columns: ``time_s``, ``channel`` (its name, or without names its number from 0), ``signal``, per horizon h
        ``prediction_h``, ``lower_h`` and ``upper_h``, then ``surprise``, ``anomaly``, ``drift``, ``season``.

        Raises
        ------
        ImportError
            If neither is installed.
        """
        n, c = self.signal.shape
        labels = np.array(self.names) if all(self.names) and self.names else np.arange(c)
        columns: dict[str, Any] = {"time_s": np.repeat(self.time_s, c), "channel": np.tile(labels, n)}
        columns["signal"] = self.signal.ravel()
        for q, ahead in enumerate(self.horizons):
            for name in ("prediction", "lower", "upper"):
                columns[f"{name}_{ahead}"] = getattr(self, name)[:, :, q].ravel()
        for name in ("surprise", "anomaly", "drift", "season"):
            columns[name] = getattr(self, name).ravel()
        return frame(columns, self.library, "`prediction` and the rest are NumPy arrays with the same content")

    def plot(
        self, path: str | Path | None = None, title: str | None = None, channel: int = 0, unit: str = ""
    ) -> Figure:
        """One figure: the last forecasts over the samples, errors by horizon, surprise, and who was trusted.

        Parameters
        ----------
        path : str or Path, optional
            Where to save it; the suffix (.png, .pdf, .svg) chooses the format.
        title : str, optional
        channel : int
            0 .. C - 1.
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
        ValueError
            If there is no such channel.
        """
        if not 0 <= channel < self.signal.shape[1]:
            raise ValueError(f"channel must be in 0..{self.signal.shape[1] - 1}, got {channel}")
        from trophic.view.forecasts import draw

        return draw(self._outlook, self.skill, self.next, channel=channel, path=path, title=title, unit=unit)


def forecast(
    series: Any,
    horizon: int | Iterable[int] = 1,
    sample_rate_hz: float | None = None,
    times_s: Any = None,
    *,
    step_s: float | None = None,
    coverage: float = 0.9,
    seed: int = 0,
) -> Forecast:
    """What could be known of every sample before it came, and what comes next; with intervals and an honest score.

    The record is streamed once through a `Forecaster`, which forecasts before it learns: every number in the result
    is a forecast of samples that had not been seen. Nothing is fitted afterwards, nothing has to be tuned.

    Parameters
    ----------
    series : array_like, shape (n,) or (n, C)
        Samples in any unit, n >= 16; NaN, inf and masked entries are missing samples. Arrays, lists, and the Series
        and data frames of pandas, polars, Arrow and xarray, whose names and dates are kept. Each channel is forecast
        from all of them.
    horizon : int or iterable of int
        Samples ahead, 1..512; one or several at once. 1 is always among them, for surprise and drift.
    sample_rate_hz : float, optional
        Samples per second of a regular record, in (0, inf).
    times_s : array_like, shape (n,), optional
        Time stamps in *seconds*, increasing, or dates (``datetime64``). Instead of ``sample_rate_hz``. Without
        ``step_s`` they label the rows and are not used otherwise: a row is a step, however long it took, as a month
        is. If they do not increase, rows that come late are ignored and counted.
    step_s : float, optional
        Seconds in a step, for samples taken at irregular times or with rows left out: the record is put on a regular
        grid of that step, on which a step without a sample is missing and several samples in one are averaged. The
        result then has a row per step.
    coverage : float
        Part of the samples that the interval should hold, in (0, 1).
    seed : int
        Of the network that listens, >= 0.

    Returns
    -------
    Forecast

    Raises
    ------
    TypeError
        If ``series`` does not hold real numbers or ``horizon`` whole ones.
    ValueError
        If shapes do not fit, both clocks are given, a number is out of its range, or nothing in ``series`` is finite.

    References
    ----------
    See `trophic.Forecaster`.

    Examples
    --------
    A noisy rhythm of 24 samples. Its noise alone is .26 of its standard deviation:

    >>> t = np.arange(3000)
    >>> x = 20 + 5 * np.sin(2 * np.pi * t / 24) + np.random.default_rng(0).normal(size=len(t))
    >>> found = forecast(x, horizon=6)
    >>> found.horizons, found.prediction.shape, int(found.season[-1, 0])
    ((1, 6), (3000, 1, 2), 24)
    >>> found.skill["nrmse"].round(2), found.skill["persistence"].round(2)
    (array([[0.29, 0.29]]), array([[0.46, 1.41]]))
    >>> forecast_, lower, upper = found.next[0, 1]
    >>> bool(lower < 20 + 5 * np.sin(2 * np.pi * 3005 / 24) < upper)
    True

    The rhythm without noise, at random times, eight in ten steps on average. What is left is that of the times:

    >>> times_s = np.cumsum(np.random.default_rng(1).exponential(1.25, 2400))
    >>> at_random = forecast(20 + 5 * np.sin(2 * np.pi * times_s / 24), horizon=6, times_s=times_s, step_s=1.0)
    >>> at_random.skill["nrmse"].round(2), at_random.skill["persistence"].round(2)
    (array([[0.08, 0.09]]), array([[0.27, 1.42]]))
    """
    horizons = horizons_of(horizon)
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must be in (0, 1), got {coverage}; 0.9 holds nine samples in ten")
    record = given(series)
    values = record.values
    stamps, sample_rate_hz, time_axis = clock_of(record.times_s, len(values), sample_rate_hz, times_s)
    if step_s is not None:
        values, stamps = _on_steps(values, stamps, step_s)
    n, c = values.shape
    model = Forecaster(n_inputs=c, horizons=horizons, rules=(("coverage", float(coverage)),))
    collected, skill = _Collected(), Skill(c, horizons, int(WARM_UP * n))
    outlook = Outlook(n, c, horizons, time_axis)
    own_times_s = None
    if stamps is not None and (np.diff(stamps) > 0).all():  # every row is a sample, also those without a value
        own_times_s, stamps, sample_rate_hz = stamps, None, 1.0 / extent(stamps)[0]
    result = run(
        model,
        values,
        seed=seed,
        sample_rate_hz=sample_rate_hz,
        times_s=stamps,
        chunk_size=chunk_size(n),
        sinks=[Alignment(model, [collected, skill, outlook], own_times_s)],
        collect=False,
    )
    joined = {name: np.concatenate(parts) for name, parts in collected.parts.items()}
    prediction, lower, upper = np.moveaxis(joined.pop("values"), -1, 0)
    return Forecast(
        prediction=prediction,
        lower=lower,
        upper=upper,
        next=model.predict(result.state),
        skill=skill.table(),
        horizons=horizons,
        n_bad=result.state.clock.n_bad + result.state.clock.n_late,
        model=model,
        _outlook=outlook,
        names=record.names,
        library=record.library,
        **joined,
    )


def _on_steps(values: Array, stamps: Array | None, step_s: float) -> tuple[Array, Array]:
    """Values and time stamps of the record on a regular grid."""
    if stamps is None:
        raise ValueError(f"step_s needs times_s, the time stamps of the samples, got step_s={step_s} without them")
    if not np.isfinite(stamps).any():
        raise ValueError("times_s holds no time stamp; they are seconds, in increasing order")
    [*steps] = on_grid([Chunk(values, times_s=stamps)], step_s)
    on_steps = np.concatenate([s.values for s in steps], dtype=np.float64)
    return on_steps, np.concatenate([s.time_stamps_s() for s in steps])


def horizons_of(horizon: int | Iterable[int]) -> tuple[int, ...]:
    """The horizons asked for, in order, and 1.

    Examples
    --------
    >>> horizons_of((12, 4)), horizons_of(1)
    ((1, 4, 12), (1,))
    """
    try:
        asked = {int(h) for h in (horizon if isinstance(horizon, Iterable) else (horizon,)) if _is_whole(h)}
    except (TypeError, ValueError) as error:
        raise TypeError(f"horizon must be one or several whole numbers of samples, got {horizon!r}") from error
    if not asked or min(asked) < 1 or max(asked) > SEASON_MAX // 2:
        raise ValueError(f"horizon must be in 1..{SEASON_MAX // 2} samples, got {horizon!r}")
    return tuple(sorted(asked | {1}))


def chunk_size(n_samples: int) -> int:
    """Samples to learn at a time, so that a figure of trust has some two hundred steps."""
    return max(16, min(2048, n_samples // 200))


def _is_whole(value: Any) -> bool:
    if isinstance(value, bool) or int(value) != value:
        raise ValueError(f"{value!r} is not a whole number")
    return True


class _Collected:
    """A listener that keeps everything of a record."""

    FIELDS = ("time_s", "signal", "values", "surprise", "anomaly", "drift", "season")

    def __init__(self) -> None:
        self.parts: dict[str, list[NDArray[Any]]] = {name: [] for name in self.FIELDS}

    def take(self, beside: Beside) -> None:
        for name, parts in self.parts.items():
            parts.append(getattr(beside, name))

    def close(self) -> None:
        """Nothing to release."""
