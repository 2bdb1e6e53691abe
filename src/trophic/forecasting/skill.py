"""How good forecasts were: each laid beside the sample it was for, and beside what simpler forecasts said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from trophic.forecasting.layout import EXPERTS, N_EXPERTS, PERSISTENCE, SEASON
from trophic.forecasting.model import Forecaster, ForecasterState, ForecastInfo

WARM_UP = 0.1  # of a record, not scored

#: The forecasts that skill is measured against: the last value, the value a season ago, and an online linear
#: autoregression (recursive least squares on the long delay line).
BASELINES = {"persistence": PERSISTENCE, "seasonal": SEASON, "linear": EXPERTS.index("long")}

SKILL = np.dtype(
    [
        ("horizon", "i8"),  # samples ahead
        ("n", "i8"),  # forecasts scored
        ("nrmse", "f8"),  # root mean square error over the standard deviation of the samples scored
        *((name, "f8") for name in BASELINES),  # the same of the baselines
        ("coverage", "f8"),  # part of the samples inside the interval
    ]
)


@dataclass(frozen=True)
class Beside:
    """One chunk's samples, and the forecasts that were *for* them: n samples, C channels, H horizons, K experts.

    ``values`` (n, C, H, 3) is forecast, lower and upper bound, ``opinions`` (n, C, H, K) the experts'; both NaN where
    nothing was forecast yet and at rows that are no samples. ``trust`` (C, H, K) holds the experts' weights after it.
    """

    time_s: NDArray[np.float64]
    signal: NDArray[np.floating]
    values: NDArray[np.float64]
    opinions: NDArray[np.float64]
    surprise: NDArray[np.float64]
    anomaly: NDArray[np.bool_]
    drift: NDArray[np.bool_]
    season: NDArray[np.int64]
    trust: NDArray[np.float64]


class Listener(Protocol):
    """Whoever wants to see forecasts beside the samples."""

    def take(self, beside: Beside) -> None: ...

    def close(self) -> None: ...


class Alignment:
    """A sink that lays forecasts beside the samples they were for and hands both on.

    Parameters
    ----------
    model : Forecaster
    listeners : sequence of Listener
        Get every chunk, in the order of the stream.
    times_s : float64 array, optional
        Time stamps of all rows, seconds, if they are not the stream's.
    """

    def __init__(
        self, model: Forecaster, listeners: Sequence[Listener], times_s: NDArray[np.float64] | None = None
    ) -> None:
        self._model, self._listeners = model, tuple(listeners)
        self._times_s, self._n = times_s, 0
        self._state: ForecasterState | None = None
        c, h = model.n_inputs, len(model.horizons)
        self._made = np.full((model.horizons[-1], c, h, 3 + N_EXPERTS), np.nan)  # the last forecasts made

    def begin(self, state: ForecasterState) -> None:
        """The State that the run works on."""
        self._state = state

    def write(self, info: ForecastInfo) -> None:
        """Take one chunk's report."""
        assert self._state is not None, "an Alignment is a sink of trophic.run"
        issued = np.stack([info.forecast, info.lower, info.upper], axis=-1)
        new = np.concatenate([issued, info.opinions], axis=-1)
        is_sample = np.isfinite(info.forecast[:, :, 0]).any(axis=1)  # of the rest the forecaster took no notice
        made = np.concatenate([self._made, new[is_sample]])
        n, longest = np.count_nonzero(is_sample), len(self._made)
        due = np.full(new.shape, np.nan)
        for q, ahead in enumerate(self._model.horizons):
            due[is_sample, :, q] = made[longest - ahead : longest - ahead + n, :, q]
        self._made = made[len(made) - longest :]
        rows = slice(self._n, self._n + len(new))
        self._n = rows.stop
        beside = Beside(
            time_s=info.time_s if self._times_s is None else self._times_s[rows],
            signal=info.signal,
            values=due[..., :3],
            opinions=due[..., 3:],
            surprise=info.surprise,
            anomaly=info.anomaly,
            drift=info.drift,
            season=info.season,
            trust=self._model.trust(self._state),
        )
        for listener in self._listeners:
            listener.take(beside)

    def close(self) -> None:
        """Close the listeners."""
        for listener in self._listeners:
            listener.close()


class Skill:
    """A listener that scores forecasts and baselines on the same samples, in constant memory.

    Parameters
    ----------
    n_channels : int
    horizons : tuple of int
        Samples ahead.
    n_skipped : int
        Rows at the beginning that are not scored.
    """

    def __init__(self, n_channels: int, horizons: tuple[int, ...], n_skipped: int) -> None:
        self._horizons, self._n_waiting = horizons, n_skipped
        shape = (n_channels, len(horizons))
        self._n = np.zeros(shape, dtype=np.int64)
        self._origin = np.full((n_channels, 1), np.nan)  # any value near the samples: sums about it keep their digits
        self._sums = np.zeros((2, *shape))
        self._square_errors = np.zeros((*shape, 1 + len(BASELINES)))
        self._bounds = np.zeros((2, *shape), dtype=np.int64)  # forecasts with an interval, samples inside
        self.n_anomalies = np.zeros(n_channels, dtype=np.int64)
        self.n_drifting = np.zeros(n_channels, dtype=np.int64)

    def take(self, beside: Beside) -> None:
        """Score one chunk."""
        self.n_anomalies += np.count_nonzero(beside.anomaly, axis=0)
        self.n_drifting += np.count_nonzero(beside.drift, axis=0)
        begin = min(self._n_waiting, len(beside.signal))
        self._n_waiting -= begin
        x = beside.signal[begin:, :, None].astype(np.float64)
        simpler = beside.opinions[begin:][..., list(BASELINES.values())]
        said = np.concatenate([beside.values[begin:, :, :, :1], simpler], axis=-1)
        good = np.isfinite(x) & np.isfinite(said).all(axis=-1)
        if not good.any():
            return
        first = x[good.any(axis=2).argmax(axis=0), np.arange(x.shape[1])]
        self._origin = np.where(np.isnan(self._origin), first, self._origin)
        about = np.where(good, x - self._origin, 0.0)
        self._n += np.count_nonzero(good, axis=0)
        self._sums += about.sum(axis=0), (about**2).sum(axis=0)
        self._square_errors += np.where(good[..., None], (said - x[..., None]) ** 2, 0.0).sum(axis=0)
        low, high = beside.values[begin:, :, :, 1], beside.values[begin:, :, :, 2]
        bounded = good & np.isfinite(low)
        self._bounds += np.count_nonzero(bounded, axis=0), np.count_nonzero(bounded & (low <= x) & (x <= high), axis=0)

    def close(self) -> None:
        """Nothing to release."""

    def table(self) -> NDArray[np.void]:
        """One row per channel and horizon, shape (C, H), dtype SKILL; NaN where nothing could be scored."""
        with np.errstate(invalid="ignore", divide="ignore"):
            variance = self._sums[1] / self._n - (self._sums[0] / self._n) ** 2
            errors = np.sqrt(self._square_errors / self._n[..., None] / variance[..., None])
            coverage = self._bounds[1] / self._bounds[0]
        rows = np.zeros(self._n.shape, dtype=SKILL)
        rows["horizon"], rows["n"], rows["coverage"] = self._horizons, self._n, coverage
        for k, name in enumerate(("nrmse", *BASELINES)):
            rows[name] = np.where(np.isfinite(errors[..., k]), errors[..., k], np.nan)
        return rows
