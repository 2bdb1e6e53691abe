"""Writing a safetensors container, and reading one that may have been harmed, or made to harm.

Nothing the file claims is believed before it was compared with the file's size: a claim of a terabyte costs no
memory, names are never paths, and at most a megabyte is in memory at once but for the arrays asked for.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

#: Most bytes of header, in reading and in writing.
MAX_HEADER = 1 << 20
_PIECE = 1 << 20
_DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8",
    "I64": "<i8", "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip
_NAMES = {np.dtype(kind): name for name, kind in _DTYPES.items()}


class Damaged(ValueError):
    """The bytes are no whole container; the message says what is wrong with them."""


@dataclass(frozen=True)
class Entry:
    """Where one array lies: ``begin`` and ``end`` count bytes from the start of the file."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int


def written(arrays: Mapping[str, NDArray[Any]], metadata: Mapping[str, str]) -> list[bytes | memoryview]:
    """The bytes of a container, in order and in pieces; large arrays are not copied.

    Parameters
    ----------
    arrays : mapping of str to array
        C-contiguous, of the plain dtypes.
    metadata : mapping of str to str
        Stored in the header.

    Raises
    ------
    ValueError
        If the header is above `MAX_HEADER` bytes.
    """
    order = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))  # so that all lie aligned
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    place = 0
    for name in order:
        array = arrays[name]
        end = place + array.nbytes
        header[name] = {"dtype": _NAMES[array.dtype], "shape": list(array.shape), "data_offsets": [place, end]}
        place = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    if len(text) > MAX_HEADER:
        raise ValueError(f"the header has {len(text)} bytes, at most {MAX_HEADER} are read")
    found: list[bytes | memoryview] = [len(text).to_bytes(8, "little") + text]
    for name in order:
        data = arrays[name].reshape(-1).view(np.uint8).data
        if len(data) + len(found[-1]) <= _PIECE:
            found[-1] = b"".join((found[-1], data))
        else:
            found.append(data)
    return found


def read_header(file: BinaryIO) -> tuple[dict[str, str], dict[str, Entry]]:
    """The metadata and the arrays' places, in the order of the file. Raises `Damaged`."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or not 2 <= length <= min(size - 8, MAX_HEADER):
        raise Damaged(f"{size} bytes that begin with a header length of {length}")
    try:
        header = json.loads(file.read(length), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise Damaged(f"its header is not JSON: {str(error)[:80]}") from error
    metadata = header.pop("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise Damaged("its header is not that of a safetensors file")
    entries = {name: _entry(name, described, 8 + length) for name, described in header.items()}
    place = 8 + length
    for name, entry in sorted(entries.items(), key=lambda item: (item[1].begin, item[1].end)):
        if entry.begin != place:
            raise Damaged(f"array {name[:80]!r} begins at byte {entry.begin}, not {place}")
        place = entry.end
    if place != size:
        raise Damaged(f"{size} bytes where its header needs {place}")
    return metadata, entries


def pieces(file: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """The bytes of an array, a megabyte at a time. Raises `Damaged` if the file has become shorter."""
    file.seek(entry.begin)
    left = entry.end - entry.begin
    while left:
        piece = file.read(min(left, _PIECE))
        if not piece:
            raise Damaged("it became shorter while it was read")
        left -= len(piece)
        yield piece


def read_array(file: BinaryIO, entry: Entry) -> NDArray[Any]:
    """One array, shape ``entry.shape``."""
    return np.frombuffer(b"".join(pieces(file, entry)), dtype=entry.dtype).reshape(entry.shape)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _entry(name: str, described: Any, origin: int) -> Entry:
    try:
        dtype, shape, (begin, end) = (described[key] for key in ("dtype", "shape", "data_offsets"))
        whole = all(type(n) is int and 0 <= n < 1 << 62 for n in (*shape, begin, end))
        kind = np.dtype(_DTYPES[dtype])
    except (KeyError, TypeError, ValueError) as error:
        raise Damaged(f"array {name[:80]!r} is not described as in a safetensors file") from error
    if not whole or len(shape) > 32 or prod(shape) * kind.itemsize != end - begin:
        raise Damaged(f"array {name[:80]!r} has a shape that its bytes do not fill")
    return Entry(kind, tuple(shape), origin + begin, origin + end)
