"""Which columns of a table are the signal and which one is the time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trophic.runtime.readers.common import SourceError, listing, pick

_TIME_WORD = re.compile(r"(^|[^a-z])(time|times|timestamp|datetime|date|year|yr|epoch)([^a-z]|$)")
_TIME_NAME = re.compile(r"(time|times|timestamp|datetime|date|year|t|epoch|seconds)([\s_.\[(]+[a-zµ]{1,7}[\])]?)?")
_ROW_NUMBERS = ("", "index", "unnamed: 0", "__index_level_0__")


@dataclass(frozen=True)
class Column:
    """One column as its first rows show it: its name, what it holds, and the first value for error messages."""

    name: str
    kind: Literal["number", "date", "text", "empty"]
    example: str = ""


@dataclass(frozen=True)
class Choice:
    """The columns to read: those of the signal, and the one with the time (None: the rate is given)."""

    values: tuple[str, ...]
    time: str | None
    notes: tuple[str, ...]


def choose(
    path: Path, columns: Sequence[Column], column: str | None, time_column: str | None, sample_rate_given: bool
) -> Choice:
    """Pick the signal and the time of a table, as the user says or else where it is obvious.

    The time is the one column of dates, or the one called time, date, timestamp, year or the like. The signal is
    every other numeric column that is not a mere row number.

    Raises
    ------
    SourceError
        No such column, one that holds text, no numeric column, or no column that is clearly the time.

    Examples
    --------
    >>> table = [Column("date", "date"), Column("wind", "number"), Column("sky", "text", "rain")]
    >>> choose(Path("w.csv"), table, None, None, False)
    Choice(values=('wind',), time='date', notes=("column 'sky' is left out: it holds text",))
    """
    names = [c.name for c in columns]
    chosen = None if column is None else columns[pick(path, names, column)]
    if chosen is not None and chosen.kind in ("text", "date"):
        numeric = listing([c.name for c in columns if c.kind == "number"]) or "none"
        raise SourceError(
            f"{path}: column {chosen.name!r} does not hold numbers (first value {chosen.example!r}); "
            f"numeric columns: {numeric}"
        )
    if not any(c.kind == "number" for c in columns):
        raise SourceError(f"{path}: {_nothing(columns)}no numeric column in it (columns: {listing(names)})")
    others = [c for c in columns if c is not chosen]
    time = None
    if time_column is not None:
        time = columns[pick(path, names, time_column)].name
    elif not sample_rate_given:
        time = _time_column(path, others)
    if chosen is not None and chosen.name == time:
        raise SourceError(f"{path}: column {time!r} cannot be both the signal and the time; choose another --column")
    if chosen is not None:
        return Choice((chosen.name,), time, ())
    left_out = [c for c in columns if c.kind == "text"]
    values = tuple(
        c.name
        for c in columns
        if c.kind == "number"
        and c.name != time
        and c.name.lower() not in _ROW_NUMBERS
        and not _is_time_name(c.name.strip().lower())
    )
    if not values:
        raise SourceError(f"{path}: {_nothing(columns)}no numeric column among {listing(names)}")
    return Choice(values, time, tuple(f"column {c.name!r} is left out: it holds text" for c in left_out))


def _nothing(columns: Sequence[Column]) -> str:
    """What to say of columns that might be signals but hold no value at all."""
    empty = [c.name for c in columns if c.kind == "empty"]
    return f"every value of {listing(empty)} is missing, and there is " if empty else ""


def _time_column(path: Path, columns: Sequence[Column]) -> str:
    """The one column that is clearly the time; of several, a plain name or a date is taken for it."""
    candidates = [
        c for c in columns if c.kind == "date" or (c.kind == "number" and _is_time_name(c.name.strip().lower()))
    ]
    plainly_named = [c for c in candidates if _TIME_NAME.fullmatch(c.name.strip().lower())]
    dates = [c for c in candidates if c.kind == "date"]
    both = [c for c in plainly_named if c.kind == "date"]
    for group in (candidates, both, plainly_named, dates):
        if len(group) == 1:
            return group[0].name
    if candidates:
        raise SourceError(
            f"{path}: several columns could be the time ({listing([c.name for c in candidates])}); "
            "choose one with --time-column"
        )
    for c in columns:
        if c.kind == "text" and _is_time_name(c.name.strip().lower()):
            raise SourceError(
                f"{path}: column {c.name!r} is not a time that can be read without doubt (first value {c.example!r}); "
                "write it as ISO 8601, for example 2018-01-31 00:15, or give --sample-rate"
            )
    raise SourceError(
        f"{path}: nothing tells when the samples were taken; give --sample-rate in Hz, or --time-column, "
        f"one of {listing([c.name for c in columns])}"
    )


def _is_time_name(name: str) -> bool:
    return bool(_TIME_WORD.search(name) or _TIME_NAME.fullmatch(name))
