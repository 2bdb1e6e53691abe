"""Time stamps as people write them, and seconds as the models need them.

Dates (ISO 8601, 19580329, 28-Apr-2025 11:00:00), years (1700, 1958.2027) and plain numbers with a unit all become
float64 seconds since the first stamp. The subtraction happens before the conversion to floating point, so that
microseconds survive in a record that starts in 1970.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.readers.common import SourceError
from trophic.view.units import DAY_S, HOUR_S, MINUTE_S, YEAR_S

#: Seconds per unit of a numeric time column.
UNITS_S = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": MINUTE_S, "h": HOUR_S, "day": DAY_S, "year": YEAR_S}

_SPELLINGS = {
    "ns": "ns|nanoseconds?",
    "us": "us|µs|μs|microseconds?",
    "ms": "ms|msec|milliseconds?",
    "s": "s|secs?|seconds?",
    "min": "mins?|minutes?",
    "h": "h|hrs?|hours?",
    "day": "d|days?",
    "year": "y|yrs?|years?",
}

#: Written dates that cannot be mistaken (03/04/2020 can: it is left to the user), in `strptime` terms.
_PATTERNS = (
    "%Y-%m",
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%d-%b-%Y",
    "%d-%b-%Y %H:%M:%S",
    "%d %b %Y",
    "%d %b %Y %H:%M:%S",
)
_ISO = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d(:?\d\d(:?\d\d([.,]\d+)?)?)?)?(?P<zone>Z|[+-]\d\d(:?\d\d)?)?")


@dataclass(frozen=True)
class StampForm:
    """How one time column is written.

    Attributes
    ----------
    column : str
        Its name.
    unit : str
        "date", or the unit of a numeric column, a key of `UNITS_S`.
    pattern : str
        "number", "datetime64", "yyyymmdd", "since 1970" (a count, in ``count``), "iso" (ISO 8601), "iso zone" (with
        a zone), or a `strptime` pattern.
    count : str
        Unit of a count since 1970.
    assumed : bool
        Nothing in the file tells the unit of this numeric column.
    """

    column: str
    unit: str
    pattern: str = "number"
    count: str = "s"
    assumed: bool = False

    @property
    def is_numeric(self) -> bool:
        """Whether the cells are numbers."""
        return self.pattern in ("number", "yyyymmdd", "since 1970")

    def from_numbers(self, numbers: NDArray[np.float64]) -> NDArray[Any]:
        """Numbers as stamps: datetime64 where they spell or count dates, themselves otherwise."""
        if self.pattern == "yyyymmdd":
            return compact_dates(numbers)
        if self.pattern == "since 1970":
            good = np.isfinite(numbers) & (np.abs(numbers) * UNITS_S[self.count] < 9e9)  # 64-bit ns: 1677 to 2262
            moments = np.rint(np.where(good, numbers, 0.0) * (UNITS_S[self.count] * 1e9)).astype("datetime64[ns]")
            moments[~good] = np.datetime64("NaT")
            return moments
        return numbers

    def from_strings(self, strings: Any) -> NDArray[np.datetime64]:
        """An Arrow array of written dates as datetime64; raises `ValueError` on one that is not a date."""
        import pyarrow

        compute = import_module("pyarrow.compute")
        if not self.pattern.startswith("iso"):
            dates = compute.strptime(strings, self.pattern, "us")
        else:
            zone = "UTC" if self.pattern == "iso zone" else None
            try:
                dates = compute.cast(strings, pyarrow.timestamp("us", zone))
            except pyarrow.ArrowInvalid:  # more than six decimals of a second; nanoseconds span 1677 to 2262 only
                dates = compute.cast(strings, pyarrow.timestamp("ns", zone))
        return dates.to_numpy(zero_copy_only=False)

    def seconds(self, stamps: NDArray[Any], origin: Any) -> NDArray[np.float64]:
        """Stamps as seconds since the stamp ``origin``; NaN where missing."""
        since = stamps - origin
        if since.dtype.kind == "m":
            resolution = np.datetime_data(since.dtype)[0]
            per_second = np.timedelta64(1, "s") / np.timedelta64(1, resolution)
            return since / np.timedelta64(1, resolution) / per_second
        return since * UNITS_S[self.unit]

    def resolution_s(self, stamps: NDArray[Any]) -> float:
        """The last digit the stamps are written to, in seconds: a decimal, a unit of the clock, a float's last bit."""
        if stamps.dtype.kind == "M":
            whole = stamps[~np.isnat(stamps)].astype("datetime64[us]").astype(np.int64)
            steps = (86_400_000_000, 3_600_000_000, 60_000_000, 1_000_000, 1_000, 1)
            return next((step * 1e-6 for step in steps if not np.any(whole % step)), 1e-6)
        finite = stamps[np.isfinite(stamps)]
        for decimals in range(10):
            scaled = finite * 10.0**decimals
            # 1e-4 of a digit: what float64 leaves of a stamp of twelve digits
            if np.all(np.abs(scaled - np.rint(scaled)) < 1e-4):
                return 10.0**-decimals * UNITS_S[self.unit]
        return float(np.spacing(np.max(np.abs(finite)))) * 2 * UNITS_S[self.unit]


def compact_dates(numbers: NDArray[np.float64]) -> NDArray[np.datetime64]:
    """Numbers such as 19580329 as dates; NaT where the digits are no date.

    Examples
    --------
    >>> compact_dates(np.array([19580329.0, 19581301.0]))
    array(['1958-03-29',        'NaT'], dtype='datetime64[D]')
    """
    whole = np.isfinite(numbers) & (numbers == np.rint(numbers)) & (np.abs(numbers) < 1e8)
    digits = np.where(whole, numbers, 0).astype(np.int64)
    year, month, day = digits // 10000, digits // 100 % 100, digits % 100
    good = (year >= 1000) & (month >= 1) & (month <= 12) & (day >= 1)
    months = np.where(good, (year - 1970) * 12 + month - 1, 0).astype("datetime64[M]")
    dates = months.astype("datetime64[D]") + np.where(good, day - 1, 0)
    good &= dates.astype("datetime64[M]") == months  # 31 April is no date
    dates[~good] = np.datetime64("NaT")
    return dates


def date_pattern(samples: Sequence[str]) -> str | None:
    """The pattern all the written dates keep to, None if they are no dates or could be read in two ways.

    Examples
    --------
    >>> date_pattern(["1958-03-29", "1958-04-05T12:00"]), date_pattern(["03/04/2020"])
    ('iso', None)
    """
    matches = [_ISO.fullmatch(sample.strip()) for sample in samples]
    if samples and all(matches):
        zoned = {bool(match and match["zone"]) for match in matches}
        return None if len(zoned) == 2 else "iso zone" if True in zoned else "iso"

    def fits(pattern: str) -> bool:
        try:
            for sample in samples:
                datetime.strptime(sample.strip(), pattern)
        except ValueError:
            return False
        return bool(samples)

    return next((pattern for pattern in _PATTERNS if fits(pattern)), None)


def number_form(path: Path, column: str, numbers: NDArray[np.float64], time_unit: str | None) -> StampForm:
    """The form of a numeric time column, from the unit the user states, its name and its first values.

    A column called year, or a date between 1000 and 3000, counts years of 365.25 days; 19580329 is a date; a name may
    end in a unit (``time_ms``, ``t [h]``); counts since 1970 in s, ms, us or ns show by their size; everything else
    is taken for seconds.

    Raises
    ------
    SourceError
        ``time_unit`` is not one of `UNITS_S`.

    Examples
    --------
    >>> number_form(Path("a.csv"), "t_ms", np.array([0.0, 5.0]), None).unit
    'ms'
    >>> number_form(Path("a.csv"), "year", np.array([1700.0, 1701.0]), None).unit
    'year'
    >>> number_form(Path("a.csv"), "timestamp", np.array([1.6e12, 1.6e12 + 5]), None).pattern
    'since 1970'
    """
    if time_unit is not None:
        if time_unit not in UNITS_S:
            raise SourceError(f"{path}: time unit {time_unit!r} is not one of {', '.join(UNITS_S)}")
        return StampForm(column, time_unit)
    name = column.strip().lower()
    finite = numbers[np.isfinite(numbers)]
    dated = re.search(r"date|year|yr", name) is not None
    if dated and len(finite) and not np.any(np.isnat(compact_dates(finite))):
        return StampForm(column, "date", "yyyymmdd")
    for unit, spelling in _SPELLINGS.items():
        if re.search(rf"(^|[\s_.\[(])({spelling})[\])]?$", name) and name not in ("y", "d"):
            return StampForm(column, unit)
    if dated and len(finite) and np.all((finite >= 1000) & (finite < 3000)):
        return StampForm(column, "year")
    size = float(np.median(finite)) if len(finite) else 0.0
    for unit, least in (("ns", 1e17), ("us", 1e14), ("ms", 1e11), ("s", 3e8)):  # in s: the years 1979 to 5138
        if size > least:
            return StampForm(column, "date", "since 1970", count=unit)
    return StampForm(column, "s", assumed=name not in ("time", "times", "t"))
