"""Tables on disk, written while the stream runs: the tracks of an ecology, and fields of any model's report."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.sinks import SinkError

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


class InfoTable:
    """A sink that writes fields of any model's Info: a row per sample (or track frame), a column per number.

    Parameters
    ----------
    path : str or Path
        The file, .parquet (needs pyarrow) or .csv; overwritten at the first chunk.
    fields : iterable of str
        Arrays of the Info with one row each per sample. One of more than a number per row has columns ``name_0``,
        ``name_1`` and so on.

    Raises
    ------
    ValueError
        For another suffix; as SinkError when the first Info comes, if it has no such array or their rows differ.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import tempfile, trophic
    >>> x = np.sin(np.arange(300) / 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = InfoTable(Path(folder) / "scores.csv", ["time_s", "score", "alarm"])
    ...     result = trophic.run(trophic.Novelty(capacity=16), x, sample_rate_hz=10, sinks=[table])
    ...     lines = (Path(folder) / "scores.csv").read_text().splitlines()
    >>> len(lines), lines[0], lines[2]
    (301, 'time_s,score,alarm', '0.1,0.0,False')
    """

    def __init__(self, path: str | Path, fields: Iterable[str]) -> None:
        self._path, self._fields = Path(path), tuple(fields)
        _check_suffix(self._path)
        self._file: TableFile | None = None

    def write(self, info: Any) -> None:
        """Take one chunk's report."""
        columns = self._columns(info)
        if self._file is None:
            kinds = {"b": "bool", "i": "int64", "u": "int64", "f": "float64"}
            self._file = TableFile(self._path, {name: kinds[column.dtype.kind] for name, column in columns.items()})
        self._file.write(columns)

    def close(self) -> None:
        """Write what is waiting and finish the file."""
        if self._file is not None:
            self._file.close()

    def _columns(self, info: Any) -> dict[str, NDArray[Any]]:
        columns: dict[str, NDArray[Any]] = {}
        for field in self._fields:
            value = getattr(info, field, None)
            if not isinstance(value, np.ndarray) or not value.ndim or value.dtype.kind not in "biuf":
                known = [name for name, other in vars(info).items() if isinstance(other, np.ndarray) and other.ndim]
                raise SinkError(f"{type(info).__name__} has no array {field!r}; it has {', '.join(known)}")
            flat = value.reshape(len(value), -1)
            names = np.ndindex(value.shape[1:]) if flat.shape[1] > 1 else [()]
            columns |= {"_".join([field, *map(str, at)]): column for at, column in zip(names, flat.T)}
        if len({len(column) for column in columns.values()}) > 1:
            rows = ", ".join(f"{field} {len(getattr(info, field))}" for field in self._fields)
            raise SinkError(f"fields must have one number of rows, got {rows}; write them to two tables")
        return columns


def _check_suffix(path: Path) -> None:
    if path.suffix not in (".parquet", ".csv"):
        raise ValueError(f"path must end in .parquet or .csv, got {path}")


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
        _check_suffix(path)
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
