"""The tracks of an ecology as a table on disk, written while the stream runs."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from trophic.ecology.model import EcologyInfo

_FIELDS = ("frequency_hz", "amplitude", "phase_rad", "mass", "share", "bandwidth_hz")

#: Rows collected before they are written: a Parquet row group.
_ROWS = 1 << 16


class TrackTable:
    """A sink that writes one row per living branch and track frame.

    Columns: ``time_s`` (seconds), ``channel`` (name), ``individual`` (birth number: the same number is the same
    component), ``frequency_hz``, ``amplitude``, ``phase_rad``, ``mass``, ``share``, ``bandwidth_hz``.

    Parameters
    ----------
    path : str or Path
        The file, .parquet (needs pyarrow) or .csv; overwritten.
    channel_names : sequence of str
        One name per channel of the model.

    Attributes
    ----------
    n_rows : int
        Rows so far.

    Raises
    ------
    ValueError
        For another suffix.
    ModuleNotFoundError
        A .parquet file without pyarrow.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile, trophic
    >>> signal = np.cos(2 * np.pi * 50 * np.arange(4000) / 1000)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = TrackTable(Path(folder) / "tracks.csv", ["mains"])
    ...     model = trophic.Ecology(f_min_hz=5, f_max_hz=400, track_every=1000)
    ...     result = trophic.run(model, signal, sample_rate_hz=1000, sinks=[table])
    ...     lines = (Path(folder) / "tracks.csv").read_text().splitlines()
    >>> lines[0][:40], table.n_rows
    ('time_s,channel,individual,frequency_hz,a', 3)
    """

    def __init__(self, path: str | Path, channel_names: Sequence[str]) -> None:
        self._channels = np.array(channel_names)
        columns = {"time_s": "float64", "channel": "string", "individual": "int64"} | dict.fromkeys(_FIELDS, "float64")
        self._file = TableFile(path, columns)

    def write(self, info: EcologyInfo) -> None:
        """Take one chunk's report."""
        frame, channel, slot = np.nonzero(info.alive)
        if not len(frame):
            return
        columns = {
            "time_s": info.time_s[frame],
            "channel": self._channels[channel],
            "individual": info.individual[frame, channel, slot],
        }
        columns |= {name: np.float64(getattr(info, name)[frame, channel, slot]) for name in _FIELDS}
        self._file.write(columns)

    def close(self) -> None:
        """Write what is waiting and finish the file."""
        self._file.close()

    @property
    def n_rows(self) -> int:
        """Rows so far."""
        return self._file.n_rows


class TableFile:
    """A table that is written while the stream runs.

    Parameters
    ----------
    path : str or Path
        The file, .parquet (needs pyarrow) or .csv; overwritten.
    columns : dict
        Name to type: float64, int64, bool or string.

    Attributes
    ----------
    n_rows : int
        Rows so far.

    Raises
    ------
    ValueError
        For another suffix.
    ModuleNotFoundError
        A .parquet file without pyarrow.
    OSError
        The file cannot be written.
    """

    def __init__(self, path: str | Path, columns: dict[str, str]) -> None:
        path = Path(path)
        if path.suffix not in (".parquet", ".csv"):
            raise ValueError(f"path must end in .parquet or .csv, got {path}")
        self.n_rows = 0
        self._waiting: list[dict[str, NDArray[Any]]] = []
        self._n_waiting = 0
        self._file = _ParquetFile(path, columns) if path.suffix == ".parquet" else _CsvFile(path, columns)

    def write(self, columns: dict[str, NDArray[Any]]) -> None:
        """Add rows: arrays of one length, in the order of the table's columns."""
        n = len(next(iter(columns.values())))
        self._waiting.append(columns)
        self._n_waiting += n
        self.n_rows += n
        if self._n_waiting >= _ROWS:
            self._flush()

    def close(self) -> None:
        """Write what is waiting and finish the file."""
        self._flush()
        self._file.close()

    def _flush(self) -> None:
        if self._waiting:
            self._file.write({name: np.concatenate([c[name] for c in self._waiting]) for name in self._waiting[0]})
        self._waiting, self._n_waiting = [], 0


class _ParquetFile:
    def __init__(self, path: Path, columns: dict[str, str]) -> None:
        import pyarrow
        import pyarrow.parquet

        self._arrow = pyarrow
        types = {"float64": pyarrow.float64, "int64": pyarrow.int64, "bool": pyarrow.bool_, "string": pyarrow.string}
        self._schema = pyarrow.schema([(name, types[kind]()) for name, kind in columns.items()])
        self._writer = pyarrow.parquet.ParquetWriter(path, self._schema)

    def write(self, columns: dict[str, NDArray[Any]]) -> None:
        self._writer.write_table(self._arrow.table(columns, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


class _CsvFile:
    def __init__(self, path: Path, columns: dict[str, str]) -> None:
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)
        self._writer.writerow(columns)

    def write(self, columns: dict[str, NDArray[Any]]) -> None:
        self._writer.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))

    def close(self) -> None:
        self._file.close()
