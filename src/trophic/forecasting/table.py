"""The table of a forecast file: one row per sample and channel, written while the stream runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from trophic.forecasting.skill import Beside
from trophic.runtime.tables import TableFile

BOUNDS = ("prediction", "lower", "upper")


class ForecastTable:
    """A listener that writes samples and the forecasts that were for them.

    Columns: ``time_s`` (seconds), ``channel`` (name), ``signal``; for each horizon h ``prediction_h``, ``lower_h`` and
    ``upper_h``, made h samples before; ``surprise`` (nats), ``anomaly``, ``drift``, ``season`` (samples).

    Parameters
    ----------
    path : str or Path
        The file, .parquet (needs pyarrow) or .csv; overwritten.
    channel_names : sequence of str
    horizons : tuple of int
        Samples ahead.

    Raises
    ------
    ValueError, ModuleNotFoundError, OSError
        As `trophic.runtime.tables.TableFile`.
    """

    def __init__(self, path: str | Path, channel_names: Sequence[str], horizons: tuple[int, ...]) -> None:
        self._names, self._horizons = np.array(channel_names), horizons
        numbers = ["signal", *(f"{name}_{ahead}" for ahead in horizons for name in BOUNDS), "surprise"]
        kinds = {"time_s": "float64", "channel": "string"} | dict.fromkeys(numbers, "float64")
        self._file = TableFile(path, kinds | {"anomaly": "bool", "drift": "bool", "season": "int64"})

    @property
    def n_rows(self) -> int:
        """Rows so far."""
        return self._file.n_rows

    def take(self, beside: Beside) -> None:
        """Write one chunk."""
        n, c = beside.signal.shape
        columns = {"time_s": np.repeat(beside.time_s, c), "channel": np.tile(self._names, n)}
        columns["signal"] = beside.signal.ravel().astype(np.float64)
        for q, ahead in enumerate(self._horizons):
            for j, name in enumerate(BOUNDS):
                columns[f"{name}_{ahead}"] = beside.values[:, :, q, j].ravel()
        for name in ("surprise", "anomaly", "drift", "season"):
            columns[name] = getattr(beside, name).ravel()
        self._file.write(columns)

    def close(self) -> None:
        """Finish the file."""
        self._file.close()
