"""`EcologyTransformer`: an ecology as a River transformer, one sample at a time. Needs ``trophic[river]``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from river import base

from trophic.ecology.model import Ecology
from trophic.runtime.contract import Chunk
from trophic.runtime.guard import without_marks


class EcologyTransformer(base.Transformer):
    """Amplitude and frequency of what oscillates in each feature, one sample at a time.

    The features of the first sample learned from are the channels; one that is absent later is a missing sample.

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
            self._names = tuple(sorted(x, key=str))
            self._model = Ecology(self.f_min_hz, self.f_max_hz, self.n_branches, len(self._names))
            self._state = self._model.init()
        row = np.array([[_number(x.get(name)) for name in self._names]])
        chunk = Chunk(row, self._state.clock.index, sample_period_s=1.0 / self.sample_rate_hz)
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


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
