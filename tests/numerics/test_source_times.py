"""Time stamps as files have them, against the calendar of the standard library."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trophic.runtime.readers.stamps import compact_dates, date_pattern
from trophic.runtime.sources import Source, humane_period, open_source
from trophic.view.units import DAY_S, YEAR_S


def stamped(folder: Path, stamps: list[object], name: str = "time", **options: object) -> Source:
    path = folder / "table.csv"
    path.write_text(f"{name},x\n" + "".join(f"{stamp},{i % 5}\n" for i, stamp in enumerate(stamps)))
    return open_source(path, **options)  # type: ignore[arg-type]


def times_of(source: Source) -> np.ndarray:
    return np.concatenate([chunk.time_stamps_s() for chunk in source])


def dates(pattern: str, step: timedelta, n: int = 30, start: datetime = datetime(2021, 5, 1)) -> list[object]:
    return [(start + i * step).strftime(pattern) for i in range(n)]


@pytest.mark.parametrize(
    ("pattern", "step"),
    [
        ("%Y-%m-%d", timedelta(days=1)),
        ("%Y-%m-%dT%H:%M", timedelta(minutes=10)),
        ("%Y-%m-%d %H:%M:%S", timedelta(seconds=90)),
        ("%Y-%m-%dT%H:%M:%S.%f", timedelta(milliseconds=250)),
        ("%Y-%m-%dT%H:%M:%SZ", timedelta(seconds=5)),
        ("%Y-%m-%dT%H:%M:%S+02:00", timedelta(seconds=5)),
        ("%Y%m%d", timedelta(days=7)),
        ("%Y/%m/%d %H:%M", timedelta(hours=6)),
        ("%d-%b-%Y %H:%M:%S", timedelta(seconds=2)),
    ],
)
def test_written_dates(tmp_path, pattern, step):
    source = stamped(tmp_path, dates(pattern, step), name="date")
    assert source.sample_period_s == step.total_seconds()
    assert source.epoch_s == pytest.approx(
        datetime.fromisoformat("2021-05-01T00:00+02:00" if "+" in pattern else "2021-05-01T00:00Z").timestamp()
    )


def test_months_are_not_an_even_grid(tmp_path):
    months = [f"{1990 + i // 12}-{i % 12 + 1:02d}" for i in range(48)]
    source = stamped(tmp_path, months, name="Month date")
    assert source.sample_rate_hz is None
    days = (np.array(months, dtype="datetime64[D]") - np.datetime64("1990-01-01")).astype(float)
    np.testing.assert_allclose(times_of(source), days * DAY_S, rtol=1e-15)
    assert source.typical_rate_hz == pytest.approx(1 / (31 * DAY_S))


@pytest.mark.parametrize("years", [list(range(1700, 1740)), [1700 + i / 4 for i in range(40)]])
def test_years(tmp_path, years):
    source = stamped(tmp_path, years, name="YEAR")
    assert source.sample_period_s == pytest.approx((years[1] - years[0]) * YEAR_S, rel=1e-12)
    assert (source.time_unit, source.start(), source.when(10.5 * YEAR_S)) == ("year", 1700.0, "1710.5")


def test_a_leap_second_of_precision_survives_since_1970(tmp_path):
    """Microseconds in a record whose stamps start in 2021: the subtraction comes before the rounding."""
    moments = [datetime(2021, 5, 1) + timedelta(microseconds=137 * i) for i in range(50)]
    source = stamped(tmp_path, [m.isoformat(timespec="microseconds") for m in moments])
    assert source.sample_period_s == pytest.approx(137e-6, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "per_second"), [("time", 1), ("t_ms", 1e3), ("time [us]", 1e6), ("time (h)", 1 / 3600), ("seconds", 1)]
)
def test_units_in_the_name(tmp_path, name, per_second):
    source = stamped(tmp_path, [i * 0.25 * per_second for i in range(40)], name=name)
    assert source.sample_rate_hz == pytest.approx(4.0, rel=1e-9)


@pytest.mark.parametrize("per_second", [1, 1000, 10**6, 10**9])
def test_counts_since_1970(tmp_path, per_second):
    stamps = [(1_600_000_000 + 60 * i) * per_second for i in range(40)]
    source = stamped(tmp_path, stamps, name="timestamp")
    assert (source.sample_period_s, source.start()) == (60.0, "2020-09-13T12:26:40")


def test_the_unit_can_be_said(tmp_path):
    source = stamped(tmp_path, [113225 + round(i / 24, 7) for i in range(50)], name="t", time_unit="day")
    assert source.sample_period_s == pytest.approx(3600.0, rel=1e-6)


def test_an_assumed_unit_is_said(tmp_path):
    assert "taken to be in seconds" in stamped(tmp_path, list(range(20)), name="when", time_column="when").notes[0]
    assert stamped(tmp_path, list(range(20)), name="time").notes == ()


@pytest.mark.parametrize("decimals", [5, 6, 9])
def test_rounded_stamps_of_an_even_grid_are_regular(tmp_path, decimals):
    """44.1 kHz written to a microsecond: a reader that took the rounding for jitter would smear every line."""
    stamps = [f"{i / 4410:.{decimals}f}" for i in range(2000)]
    assert stamped(tmp_path, stamps).sample_rate_hz == pytest.approx(4410.0, rel=10.0**-decimals)


def test_jitter_is_not_regular(tmp_path):
    jitter = np.random.default_rng(3).uniform(-1e-4, 1e-4, 200)
    source = stamped(tmp_path, [f"{0.01 * i + jitter[i]:.9f}" for i in range(200)])
    assert source.sample_rate_hz is None
    assert source.typical_rate_hz == pytest.approx(100, rel=0.01)


def test_a_gap_is_not_regular(tmp_path):
    source = stamped(tmp_path, [i for i in range(60) if not 20 <= i < 25])
    assert source.sample_rate_hz is None
    assert np.diff(times_of(source)).max() == 6.0


def test_a_few_stamps_out_of_order_are_left_to_the_guard(tmp_path):
    stamps = list(range(100))
    stamps[50], stamps[51] = stamps[51], stamps[50]
    times = times_of(stamped(tmp_path, stamps))
    assert np.flatnonzero(np.diff(times) < 0).tolist() == [50]


@given(st.dates(min_value=datetime(1000, 1, 1).date()))
def test_compact_dates_are_the_calendar(day):
    number = np.array([float(day.strftime("%Y%m%d").zfill(8))])
    assert compact_dates(number)[0] == np.datetime64(day)


@given(st.integers(0, 99_999_999))
def test_other_digits_are_no_dates(number):
    try:
        datetime.strptime(f"{number:08d}", "%Y%m%d")
        is_date = number >= 10_000_000
    except ValueError:
        is_date = False
    assert np.isnat(compact_dates(np.array([float(number)]))[0]) != is_date


@pytest.mark.parametrize("ambiguous", ["03/04/2020", "01/01/18 00:15", "4.5.2020", "12:30", "tomorrow", ""])
def test_ambiguous_dates_are_refused(ambiguous):
    assert date_pattern([ambiguous]) is None


def test_humane_period():
    assert humane_period(1 / (12.4206 * 3600)) == "12.42 h"
    assert humane_period(1 / (11.1 * YEAR_S)) == "11.1 y"
    with pytest.raises(ValueError, match="frequency_hz must be in"):
        humane_period(0.0)
