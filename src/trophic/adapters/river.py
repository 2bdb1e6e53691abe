"""Learners as River knows them, one sample at a time. Needs ``trophic[river]``.

`EcologyTransformer` says what oscillates, `NetworkForecaster` what comes next, `NoveltyDetector` how new a sample is.
The features of the first sample learned from are the channels; one that is absent later is a missing sample.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from river import base
from river.time_series.base import Forecaster as RiverForecaster

from trophic.ecology.model import Ecology
from trophic.forecasting.layout import SEASON_MAX
from trophic.forecasting.model import Forecaster
from trophic.novelty.model import Novelty
from trophic.runtime.contract import Chunk
from trophic.runtime.guard import without_marks


class EcologyTransformer(base.Transformer):
    """Amplitude and frequency of what oscillates in each feature, one sample at a time.

    Parameters
    ----------
    f_min_hz, f_max_hz : float
        Band, 0 < f_min_hz < f_max_hz, in Hz.
    sample_rate_hz : float
        Samples per second, in (0, inf).
    n_branches : int
        Most components per feature, 1 .. 256.

    Examples
    --------
    >>> transformer = EcologyTransformer(f_min_hz=5, f_max_hz=400, sample_rate_hz=1000, n_branches=2)
    >>> for i in range(2000):
    ...     transformer.learn_one({"volts": math.cos(2 * math.pi * 50 * i / 1000)})
    >>> {name: round(value, 2) for name, value in transformer.transform_one({}).items() if value}
    {'volts_amplitude_0': 1.0, 'volts_frequency_hz_0': 50.0}
    """

    def __init__(
        self, f_min_hz: float = 0.01, f_max_hz: float = 0.45, sample_rate_hz: float = 1.0, n_branches: int = 4
    ) -> None:
        self.f_min_hz = f_min_hz
        self.f_max_hz = f_max_hz
        self.sample_rate_hz = sample_rate_hz
        self.n_branches = n_branches
        self._names: tuple[Any, ...] = ()
        self._model: Ecology | None = None
        self._state: Any = None
        self._found: dict[str, float] = {}

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Take one sample; values that are None, NaN or infinite are missing."""
        if self._model is None:
            if not x:
                return
            self._names = _channels(x)
            self._model = Ecology(self.f_min_hz, self.f_max_hz, self.n_branches, len(self._names))
            self._state = self._model.init()
        chunk = Chunk(_row(x, self._names), self._state.clock.index, sample_period_s=1.0 / self.sample_rate_hz)
        info = self._model.advance(self._state, without_marks(chunk))
        self._found = {
            f"{name}_{what}_{branch}": float(np.nan_to_num(getattr(info, what)[-1, channel, branch]))
            for channel, name in enumerate(self._names)
            for what in ("amplitude", "frequency_hz")
            for branch in range(self.n_branches)
        }

    def transform_one(self, x: dict[Any, Any]) -> dict[str, float]:
        """The components after the last sample learned from; ``x`` itself is only learned from."""
        return dict(self._found)


class NetworkForecaster(RiverForecaster):
    """Forecasts of y, 1 to ``horizon`` samples ahead, from y and from whatever comes with it.

    Parameters
    ----------
    horizon : int
        The furthest forecast, in samples, 1..512.
    seed : int
        Of the network that listens, >= 0.

    Examples
    --------
    >>> forecaster = NetworkForecaster(horizon=3)
    >>> for i in range(1500):
    ...     forecaster.learn_one(math.sin(0.3 * i))
    >>> [round(y, 2) for y in forecaster.forecast(3)], [round(math.sin(0.3 * i), 2) for i in (1500, 1501, 1502)]
    ([-0.68, -0.87, -0.98], [-0.68, -0.87, -0.98])
    """

    def __init__(self, horizon: int = 12, seed: int = 0) -> None:
        if not 1 <= horizon <= SEASON_MAX // 2:
            raise ValueError(f"horizon must be in 1..{SEASON_MAX // 2} samples, got {horizon}")
        self.horizon = horizon
        self.seed = seed
        self._names: tuple[Any, ...] = ()
        self._model: Forecaster | None = None
        self._state: Any = None

    def learn_one(self, y: float, x: dict[Any, Any] | None = None) -> None:
        """Take one sample of y and of what comes with it; None, NaN and infinite values are missing."""
        if self._model is None:
            self._names = _channels(x or {})
            self._model = Forecaster(n_inputs=1 + len(self._names), horizons=tuple(range(1, self.horizon + 1)))
            self._state = self._model.init(self.seed)
        row = np.concatenate([[[_number(y)]], _row(x or {}, self._names)], axis=1)
        self._model.advance(self._state, without_marks(Chunk(row, self._state.clock.index, sample_period_s=1.0)))

    def forecast(self, horizon: int, xs: list[dict[Any, Any]] | None = None) -> list[float]:
        """The next ``horizon`` values of y, 1..``self.horizon``; ``xs`` is not used. Zeros before the first sample."""
        if not 1 <= horizon <= self.horizon:
            raise ValueError(
                f"horizon must be in 1..{self.horizon}, got {horizon}; it is set by NetworkForecaster(horizon)"
            )
        if self._model is None:
            return [0.0] * horizon
        ahead = self._model.predict(self._state)[0, :horizon, 0]
        return [float(y) for y in np.nan_to_num(ahead)]


class NoveltyDetector(base.AnomalyDetector):
    """How new a sample is, 0..1: the most surprised of its features.

    Parameters
    ----------
    capacity : int
        Patterns that are remembered per feature and length, 16..65536.

    Examples
    --------
    >>> detector = NoveltyDetector()
    >>> for i in range(1000):
    ...     detector.learn_one({"volts": math.sin(0.2 * i)})
    >>> round(detector.score_one({"volts": math.sin(200.0)}), 2), round(detector.score_one({"volts": 3.0}), 2)
    (0.0, 1.0)
    """

    def __init__(self, capacity: int = 256) -> None:
        self.capacity = capacity
        self._names: tuple[Any, ...] = ()
        self._model: Novelty | None = None
        self._state: Any = None

    def learn_one(self, x: dict[Any, Any]) -> None:
        """Take one sample; values that are None, NaN or infinite are missing."""
        if self._model is None:
            if not x:
                return
            self._names = _channels(x)
            self._model = Novelty(n_channels=len(self._names), capacity=self.capacity)
            self._state = self._model.init()
        self._listen(self._model, self._state, x)

    def score_one(self, x: dict[Any, Any]) -> float:
        """The score that ``x`` would have as the next sample; 0 before the first."""
        if self._model is None:
            return 0.0
        return float(np.nan_to_num(self._listen(self._model, self._state.copy(), x)).max())

    def _listen(self, model: Novelty, state: Any, x: dict[Any, Any]) -> NDArray[np.float64]:
        chunk = Chunk(_row(x, self._names), state.clock.index, sample_period_s=1.0)
        return model.advance(state, without_marks(chunk)).score[0]


def _channels(x: dict[Any, Any]) -> tuple[Any, ...]:
    return tuple(sorted(x, key=str))


def _row(x: dict[Any, Any], names: tuple[Any, ...]) -> NDArray[np.float64]:
    return np.array([[_number(x.get(name)) for name in names]])


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
