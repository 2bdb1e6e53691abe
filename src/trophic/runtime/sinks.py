"""Where the reports of a run go: anything with `write` and `close`."""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import numpy as np
import orjson
from numpy.typing import NDArray


class SinkError(ValueError):
    """A sink was asked for what the model does not report. One line: the field, and what there is."""


@runtime_checkable
class Sink(Protocol):
    """What `trophic.run` hands every Info to, in the order of the stream.

    ``write`` is called once per chunk and must not keep a run waiting for long; ``close`` is called
    exactly once, also when the run was interrupted or failed.
    """

    def write(self, info: Any) -> None: ...

    def close(self) -> None: ...


@runtime_checkable
class Watcher(Protocol):
    """A sink that also wants to see the State: ``begin`` is called once, before the first chunk.

    It is the State that the run works on, to be read only: its clock says where the stream stands.
    """

    def begin(self, state: Any) -> None: ...


class Callback:
    """A sink that calls a function with every Info.

    Parameters
    ----------
    function : callable
        Called as ``function(info)``; what it returns is ignored.

    Examples
    --------
    >>> sink = Callback(print)
    >>> sink.write("one chunk's report")
    one chunk's report
    """

    def __init__(self, function: Callable[[Any], object]) -> None:
        self._function = function

    def write(self, info: Any) -> None:
        self._function(info)

    def close(self) -> None:
        """Nothing to release."""


class Collect:
    """A sink that keeps every Info in memory.

    Parameters
    ----------
    fields : iterable of str, optional
        Keep only these array fields of each Info; the default keeps the Info itself.

    Attributes
    ----------
    infos : list
        The Infos, or one ``{field: array}`` per Info if ``fields`` is given.
    closed : bool
        True once the run has ended.
    """

    def __init__(self, fields: Iterable[str] | None = None) -> None:
        self._fields = None if fields is None else tuple(fields)
        self.infos: list[Any] = []
        self.closed = False

    def write(self, info: Any) -> None:
        self.infos.append(info if self._fields is None else {name: getattr(info, name) for name in self._fields})

    def close(self) -> None:
        self.closed = True

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The array fields of all Infos as `concatenate` joins them."""
        return concatenate(self.infos)


class JsonLines:
    """A sink that appends lines of JSON: per chunk the last row of every array of the Info, or a row per event.

    Parameters
    ----------
    path : path
        The file; lines are added to what is there, and each is complete when `write` returns.
    fields : iterable of str, optional
        Only these fields of the Info.
    when : str, optional
        A field of booleans, such as ``"alarm"``: instead of one line per chunk, one for every row in which it is true
        (of any channel).

    Raises
    ------
    OSError
        If the file cannot be written.
    SinkError
        When the first Info is written that has not these fields, or no such field of booleans.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sink = JsonLines(f"{folder}/x.jsonl")
    ...     sink.write({"time_s": np.array([0.5, 1.0]), "error": np.array([[2.0, 3.0], [np.nan, 0.25]]), "n_bad": 1})
    ...     sink.close()
    ...     print(Path(folder, "x.jsonl").read_text().strip())
    {"time_s":1.0,"error":[null,0.25],"n_bad":1}
    """

    def __init__(
        self, path: str | os.PathLike[str], fields: Iterable[str] | None = None, when: str | None = None
    ) -> None:
        self._fields = None if fields is None else frozenset(fields)
        self._when = when
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)

    def write(self, info: Any) -> None:
        names = _names_of(info, self._fields)
        if self._when is None:
            _append(self._file, self._line(_row(info, names, -1)))
        elif rows := _rows_where(_fields_of(info), self._when):
            _append(self._file, b"".join([self._line(_row(info, names, row)) for row in rows]))

    def close(self) -> None:
        os.close(self._file)

    def _line(self, shown: dict[str, Any]) -> bytes:
        return orjson.dumps(shown, _listed, _OPTIONS)


class LineProtocol(JsonLines):
    """A sink that appends lines of InfluxDB's line protocol: rows as `JsonLines` has them, with nanoseconds at the end.

    An array of more than one number has a field per number, ``name_0``, ``name_1`` and so on; what is not finite, and
    text, is left out. The time stamp is that of ``time_s`` or ``sample_time_s``; without either the line has none, and
    whoever reads it takes its own time.

    Parameters
    ----------
    path : path
        The file; lines are added to what is there, and each is complete when `write` returns.
    measurement : str
        What the lines are of: letters, digits, ``_``, ``-``, ``.`` and ``/``.
    fields, when : optional
        As of `JsonLines`; the time stamp need not be named.

    Raises
    ------
    OSError
        If the file cannot be written.
    ValueError
        For another character in ``measurement``; and as `JsonLines`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sink = LineProtocol(f"{folder}/x.line", "mains", ["error", "n_bad"])
    ...     sink.write({"time_s": np.array([0.5, 1.5]), "error": np.array([[2.0, 3.0], [np.nan, 0.25]]), "n_bad": 1})
    ...     sink.close()
    ...     print(Path(folder, "x.line").read_text().strip())
    mains error_1=0.25,n_bad=1i 1500000000
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        measurement: str,
        fields: Iterable[str] | None = None,
        when: str | None = None,
    ) -> None:
        if not is_measurement(measurement):
            raise ValueError(f"measurement must be letters, digits, _, -, . or /, got {measurement!r}; 'mains', say")
        super().__init__(path, None if fields is None else {*fields, *_STAMPS}, when)
        self._measurement = measurement

    def _line(self, shown: dict[str, Any]) -> bytes:
        stamp = next((float(shown[name]) for name in _STAMPS if name in shown), math.nan)
        cells = [cell for name, value in shown.items() if name not in _STAMPS for cell in _cells(name, value)]
        if not cells:  # a line without a field is none
            return b""
        return f"{self._measurement} {','.join(cells)}{_nanoseconds(stamp)}\n".encode()


def is_measurement(name: str) -> bool:
    """Whether the line protocol takes ``name`` as it is.

    Examples
    --------
    >>> is_measurement("plant/mains-2"), is_measurement("mains 2")
    (True, False)
    """
    return re.fullmatch(r"[\w./-]+", name, re.ASCII) is not None


_STAMPS = ("time_s", "sample_time_s")


def _cells(name: str, value: Any) -> Iterator[str]:
    """``name=number`` for every finite number in ``value``."""
    array = np.asarray(value)
    for place, number in np.ndenumerate(array):
        key = "_".join([name, *map(str, place)]) if array.size > 1 else name
        if array.dtype.kind == "b":
            yield f"{key}={'t' if number else 'f'}"
        elif array.dtype.kind in "iu":
            yield f"{key}={number}i"
        elif array.dtype.kind == "f" and np.isfinite(number):
            yield f"{key}={float(number)!r}"


def _nanoseconds(time_s: float) -> str:
    """A time stamp behind a blank, exact to the microsecond that a float64 of today holds; nothing for NaN."""
    return f" {round(time_s * 1e6) * 1000}" if math.isfinite(time_s) else ""


def _row(info: Any, names: Sequence[str], row: int) -> dict[str, Any]:
    """Of the fields ``names`` that row of every array (of one without rows nothing), and what is no array."""
    read = dict.__getitem__ if isinstance(info, dict) else getattr
    shown = {}
    for name in names:
        value = read(info, name)
        if not isinstance(value, np.ndarray) or not value.ndim:
            shown[name] = value
        elif len(value):
            shown[name] = value[row]
    return shown


_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_APPEND_NEWLINE


def _listed(value: Any) -> Any:
    """What orjson leaves to us: arrays that lie strided or hold text."""
    return value.tolist()


def _append(file: int, data: bytes) -> None:
    """All of ``data``, in one system call unless the disk takes less."""
    written = os.write(file, data)
    while written < len(data):
        written += os.write(file, data[written:])


def concatenate(infos: Iterable[Any]) -> dict[str, NDArray[Any]]:
    """The array fields of consecutive Infos joined along their first axis, which is time.

    Parameters
    ----------
    infos : iterable of dataclass instances or dicts
        Reports of consecutive chunks, all of one kind.

    Returns
    -------
    dict
        Field name to array. Fields that are not arrays (counts, names) are left out.

    Examples
    --------
    >>> concatenate([{"residual": np.array([0.5])}, {"residual": np.array([0.25, 0.125])}])
    {'residual': array([0.5  , 0.25 , 0.125])}
    """
    pieces: dict[str, list[NDArray[Any]]] = {}
    for info in infos:
        for name, value in _fields_of(info).items():
            if isinstance(value, np.ndarray) and value.ndim:
                pieces.setdefault(name, []).append(value)
    return {name: np.concatenate(arrays) for name, arrays in pieces.items()}


def _fields_of(info: Any) -> dict[str, Any]:
    return info if isinstance(info, dict) else {name: getattr(info, name) for name in _declared(type(info), None)}


def _names_of(info: Any, wanted: frozenset[str] | None) -> Sequence[str]:
    """Which of the ``wanted`` fields there are, in the Info's order; all for None."""
    if isinstance(info, dict):
        return [name for name in info if wanted is None or name in wanted]
    return _declared(type(info), wanted)


@lru_cache(maxsize=256)
def _declared(kind: type, wanted: frozenset[str] | None) -> tuple[str, ...]:
    known = [field.name for field in dataclasses.fields(kind)]
    if wanted is not None and (unknown := sorted(wanted.difference(known, _STAMPS))):
        raise SinkError(f"{kind.__name__} has no field {unknown[0]!r}; it has {', '.join(known)}")
    return tuple(name for name in known if wanted is None or name in wanted)


def _rows_where(fields: dict[str, Any], name: str) -> list[int]:
    """Rows of an Info in which a field of booleans is true in any channel."""
    flags = [key for key, value in fields.items() if isinstance(value, np.ndarray) and value.dtype == bool]
    if name not in flags:
        raise SinkError(
            f"when = {name!r} is no field of booleans of this model's report; it has {', '.join(flags) or 'none'}"
        )
    flag = fields[name]
    return np.flatnonzero(flag.reshape(len(flag), -1).any(axis=1)).tolist() if len(flag) else []
