"""Human units: seconds as minutes or years, frequencies per day, values with their standard error."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

TimeAxis = Literal["seconds", "dates", "samples"]

MINUTE_S, HOUR_S, DAY_S, YEAR_S = 60.0, 3600.0, 86400.0, 365.25 * 86400.0
MONTH_S = YEAR_S / 12


class Unit(NamedTuple):
    """``symbol`` as printed; ``size`` in seconds or Hz: a value in this unit is value / size."""

    symbol: str
    size: float


SAMPLE, PER_SAMPLE = Unit("samples", 1.0), Unit("cycles/sample", 1.0)
HERTZ = Unit("Hz", 1.0)
TIME_UNITS = (
    Unit("µs", 1e-6),
    Unit("ms", 1e-3),
    Unit("s", 1.0),
    Unit("min", MINUTE_S),
    Unit("h", HOUR_S),
    Unit("d", DAY_S),
    Unit("y", YEAR_S),
)
SLOW_UNITS = (Unit("per hour", 1 / HOUR_S), Unit("per day", 1 / DAY_S), Unit("per year", 1 / YEAR_S))
SLOW_HZ = 2e-3  # below this, a frequency in Hz says nothing to anybody


def time_unit(duration_s: float, time_axis: TimeAxis = "seconds") -> Unit:
    """The largest unit of which ``duration_s`` (seconds) has at least three.

    Examples
    --------
    >>> time_unit(0.5).symbol, time_unit(100.0).symbol, time_unit(200.0).symbol, time_unit(1e9).symbol
    ('ms', 's', 'min', 'y')
    """
    if time_axis == "samples":
        return SAMPLE
    fitting = [unit for unit in TIME_UNITS if duration_s >= 3 * unit.size]
    return fitting[-1] if fitting else TIME_UNITS[0]


def frequency_unit(frequency_hz: float, time_axis: TimeAxis = "seconds") -> Unit:
    """Hz, or a count per hour, day or year if ``frequency_hz`` (typical of what is shown, Hz) is slow.

    Examples
    --------
    >>> frequency_unit(50.0).symbol, frequency_unit(3e-8).symbol
    ('Hz', 'per year')
    """
    if time_axis == "samples":
        return PER_SAMPLE
    if frequency_hz >= SLOW_HZ:
        return HERTZ
    fitting = [unit for unit in SLOW_UNITS if frequency_hz >= 0.3 * unit.size]
    return fitting[0] if fitting else SLOW_UNITS[-1]


def duration(seconds: float, time_axis: TimeAxis = "seconds") -> str:
    """A duration or period in words.

    Examples
    --------
    >>> duration(0.02), duration(44714.2), duration(1.0006 * YEAR_S), duration(3.5, "samples")
    ('20 ms', '12.42 h', '1.001 y', '3.5 samples')
    """
    if time_axis == "samples":
        return f"{seconds:.4g} samples"
    fitting = [unit for unit in TIME_UNITS if seconds >= 0.9995 * unit.size]
    unit = fitting[-1] if fitting else TIME_UNITS[0]
    return f"{seconds / unit.size:.4g} {unit.symbol}"


def concise(value: float, standard_error: float = math.nan, digits: int = 4) -> str:
    """A value with its standard error in brackets, in units of its last digit; ``digits`` significant without one.

    Examples
    --------
    >>> concise(246.98123, 0.0123), concise(0.05214, 0.004), concise(1234.5, 30.0), concise(3.14159)
    ('246.981(12)', '0.052(4)', '1230(30)', '3.142')
    >>> concise(2.5e-9, 1e-10), concise(float("nan"))
    ('2.50(10)e-09', '-')
    """
    if not math.isfinite(value):
        return "-"
    if not (math.isfinite(standard_error) and standard_error > 0):
        return f"{value:.{digits}g}"
    magnitude = math.floor(math.log10(max(abs(value), standard_error)))
    if not -4 <= magnitude < 7:
        power = 10.0**magnitude
        return f"{concise(value / power, standard_error / power)}e{magnitude:+03d}"
    exponent = math.floor(math.log10(standard_error))
    if standard_error / 10.0**exponent < 1.95:  # a leading 1 deserves a second digit
        exponent -= 1
    if exponent >= 0:
        step = 10**exponent
        return f"{round(value / step) * step}({round(standard_error / step) * step})"
    decimals = -exponent
    return f"{value:.{decimals}f}({round(standard_error * 10**decimals)})"
