"""NumPy files: one array (.npy, memory-mapped) or several with their sample rate or time stamps (.npz)."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.readers.common import Block, Recording, SourceError, decoding, listing, pick
from trophic.runtime.readers.stamps import StampForm, number_form

SUFFIXES = (".npy", ".npz")

_RATE_NAMES = ("fs", "sample_rate", "sample_rate_hz", "sampling_rate", "fs_hz", "sr", "rate")
_TIME_NAMES = ("time", "times", "time_s", "times_s", "t", "t_s", "timestamp", "timestamps", "date", "dates")
_SIGNAL_NAMES = ("x", "values", "signal", "data")
_LABEL_NAMES = ("channel_names", "channels", "names", "labels")


@dataclass(frozen=True)
class _Parts:
    """The arrays of one recording: its signal, and what else the file tells about it."""

    name: str
    signal: NDArray[Any]
    labels: tuple[str, ...] = ()
    sample_rate_hz: float | None = None
    stamps: NDArray[Any] | None = None
    stamps_name: str = ""
    notes: tuple[str, ...] = field(default=())


def read(
    path: Path,
    column: str | None = None,
    time_column: str | None = None,
    time_unit: str | None = None,
    sample_rate_given: bool = False,
) -> Recording:
    """A .npy or .npz file as a `Recording`.

    Arrays have shape (n_samples,) or (n_samples, n_channels); one with more columns than rows is taken as
    (n_channels, n_samples), and the recording says so. In a .npz the signal is the member named ``column``,
    else ``x``, ``values``, ``signal`` or ``data``, else the first numeric one; the rate is a scalar member
    such as ``fs`` or ``sample_rate``; time stamps a member such as ``time`` or ``t``.

    Parameters
    ----------
    path : Path
        The file.
    column : str or None
        A member of the .npz, or a channel of the signal by name or index.
    time_column, time_unit : str or None
        The member with the time stamps, and their unit.
    sample_rate_given : bool
        The caller states the sample rate: look for no time stamps.

    Raises
    ------
    SourceError
        The file is damaged, holds no usable array, or there is no such member or channel.
    """
    if path.suffix.lower() == ".npz":
        # Opened here, because numpy.load leaves a damaged archive open.
        with decoding(path, "a NumPy archive"), path.open("rb") as file, zipfile.ZipFile(file):
            file.seek(0)
            with np.load(file, allow_pickle=False) as archive:
                members = {name: archive[name] for name in archive.files}
        parts = _assign(path, members, column, time_column, sample_rate_given)
        return _recording(path, parts, None if column == parts.name else column, time_unit)
    with decoding(path, "a NumPy array", lambda: f" (its header, and {path.stat().st_size} bytes in all)"):
        array = np.lib.format.open_memmap(path, mode="r")
    if time_column is not None:
        raise SourceError(f"{path}: a .npy file has no column {time_column!r}; give --sample-rate instead")
    if not _is_signal(array):
        raise SourceError(f"{path}: {_describe(array)}; save real numbers of shape (n_samples, n_channels)")
    return _recording(path, _Parts(path.stem, array), column, time_unit)


def _assign(
    path: Path,
    members: dict[str, NDArray[Any]],
    column: str | None,
    time_column: str | None,
    sample_rate_given: bool,
) -> _Parts:
    """Decide which member of an archive is the signal, which its time base, and which its labels."""
    rate_names = [k for k, v in members.items() if k.lower() in _RATE_NAMES and v.size == 1 and v.dtype.kind in "iuf"]
    time_names = [k for k, v in members.items() if k.lower() in _TIME_NAMES and v.ndim == 1 and v.dtype.kind in "iufM"]
    if time_column is not None:
        time_names = [list(members)[pick(path, list(members), time_column, "member")]]
    signals = [k for k, v in members.items() if _is_signal(v) and k not in (*rate_names, *time_names)]
    if not signals:
        found = "; ".join(f"{name!r} is {_describe(array)}" for name, array in members.items()) or "it is empty"
        raise SourceError(f"{path}: no array of real numbers with 1 or 2 axes in it ({found[:200]})")
    name = next((k for k in signals if k.lower() in _SIGNAL_NAMES), signals[0])
    notes: tuple[str, ...] = ()
    if column in signals:
        name = str(column)
    elif column is None and len(signals) > 1:
        others = listing([k for k in signals if k != name])
        notes = (f"member {name!r} is taken as the signal; --column can choose {others}",)
    labels = next((v for k, v in members.items() if k.lower() in _LABEL_NAMES and v.dtype.kind == "U"), np.empty(0))
    use_rate = bool(rate_names) and time_column is None
    use_time = bool(time_names) and not use_rate and not sample_rate_given
    return _Parts(
        name=name,
        signal=members[name],
        labels=tuple(str(label) for label in labels.flat),
        sample_rate_hz=float(members[rate_names[0]].item()) if use_rate else None,
        stamps=members[time_names[0]] if use_time else None,
        stamps_name=time_names[0] if use_time else "",
        notes=notes,
    )


def _recording(path: Path, parts: _Parts, channel: str | None, time_unit: str | None) -> Recording:
    table, notes = parts.signal, parts.notes
    if table.ndim == 1:
        table = table[:, None]
    elif table.shape[0] < table.shape[1]:
        notes = (*notes, f"{parts.name!r} has shape {table.shape} and is taken as (n_channels, n_samples)")
        table = table.T
    n_samples, n_channels = table.shape
    names = parts.labels
    if len(names) != n_channels:
        names = (parts.name,) if n_channels == 1 else tuple(f"{parts.name} {i}" for i in range(n_channels))
    keep = slice(None)
    if channel is not None:
        index = pick(path, names, channel, "channel")
        names, keep = (names[index],), slice(index, index + 1)
    stamps, form = parts.stamps, None
    if stamps is not None:
        if stamps.shape != (n_samples,):
            raise SourceError(
                f"{path}: time stamps {parts.stamps_name!r} have shape {stamps.shape}, the signal {parts.name!r} has "
                f"{n_samples} samples; choose another member with --time-column or give --sample-rate"
            )
        stamps, form = _stamps(path, parts.stamps_name, stamps, time_unit)

    def blocks(chunk_size: int) -> Iterator[Block]:
        for start in range(0, n_samples, chunk_size):
            piece = slice(start, start + chunk_size)
            values = np.asarray(table[piece, keep], dtype=np.float64)
            yield Block(values, None if stamps is None else stamps[piece])

    return Recording("array", names, blocks, parts.sample_rate_hz, form, n_samples, notes=notes)


def _stamps(path: Path, name: str, stamps: NDArray[Any], time_unit: str | None) -> tuple[NDArray[Any], StampForm]:
    if stamps.dtype.kind == "M":
        return stamps, StampForm(name, "date", "datetime64")
    if stamps.dtype.kind not in "iuf":
        raise SourceError(f"{path}: time stamps {name!r} are of type {stamps.dtype}; save numbers or datetime64")
    numbers = stamps.astype(np.float64)
    form = number_form(path, name, numbers[:4096], time_unit)
    return form.from_numbers(numbers), form


def _is_signal(array: NDArray[Any]) -> bool:
    return array.ndim in (1, 2) and array.dtype.kind in "biuf" and array.size > 1


def _describe(array: NDArray[Any]) -> str:
    return f"an array of {array.dtype} with shape {array.shape}"
