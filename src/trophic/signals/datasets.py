"""Four small recordings that ship with the package: slow signals whose rhythms everybody knows.

All are in the public domain (``data/LICENSES.md``). Time stamps are seconds since 1970-01-01 UTC, negative
before; pass ``time_axis="dates"`` to draw them against calendar years. Yearly and monthly means are dated to
the middle of their interval, with a year of 365.25 days (the Julian year), so that these clocks are exactly regular.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

DAY_S = 86400.0
YEAR_S = 365.25 * DAY_S


@dataclass(frozen=True)
class Recording:
    """One channel of a regular recording.

    Attributes
    ----------
    values : float64 array, shape (n,)
        The samples, in ``meta["unit"]``; NaN where the original is missing.
    times_s : float64 array, shape (n,)
        Seconds since 1970-01-01 UTC.
    sample_rate_hz : float
        Samples per second.
    meta : mapping of str to str
        ``title``, ``unit``, ``source``, ``licence``.
    """

    values: NDArray[np.float64]
    times_s: NDArray[np.float64]
    sample_rate_hz: float
    meta: Mapping[str, str]

    def __len__(self) -> int:
        return len(self.values)


def load_co2_weekly() -> Recording:
    """Atmospheric CO2 at Mauna Loa, weekly means in ppm, 1958 to 2001; 59 of 2284 weeks are missing (NaN).

    A rhythm of one year (and its second harmonic) of about 3 ppm on a rising trend.

    Source: Keeling and Whorf (2004), Scripps CO2 Program, CDIAC, Oak Ridge National Laboratory.

    Examples
    --------
    >>> co2 = load_co2_weekly()
    >>> len(co2), int(np.isnan(co2.values).sum()), float(co2.values[0])
    (2284, 59, 316.1)
    >>> np.datetime64(int(co2.times_s[0]), "s").astype("datetime64[D]")
    np.datetime64('1958-03-29')
    """
    table = _read("co2_weekly.csv")
    days = table[:, 0].astype(np.int64)
    dates = [f"{day // 10000:04d}-{day // 100 % 100:02d}-{day % 100:02d}" for day in days]
    return Recording(
        values=table[:, 1],
        times_s=np.array(dates, dtype="datetime64[s]").astype(np.float64),
        sample_rate_hz=1 / (7 * DAY_S),
        meta={
            "title": "Atmospheric CO2, Mauna Loa, weekly",
            "unit": "ppm",
            "source": "Keeling and Whorf (2004), Scripps CO2 Program, CDIAC, Oak Ridge National Laboratory",
            "licence": "public domain",
        },
    )


def load_sunspots_yearly() -> Recording:
    """Yearly mean sunspot number, 1700 to 2008: the Schwabe cycle of about 11 years, never twice the same.

    Source: National Geophysical Data Center, NOAA.

    Examples
    --------
    >>> sunspots = load_sunspots_yearly()
    >>> len(sunspots), float(sunspots.values.max())
    (309, 190.2)
    """
    table = _read("sunspots_yearly.csv")
    return Recording(
        values=table[:, 1],
        times_s=_calendar_s(table[:, 0] + 0.5),
        sample_rate_hz=1 / YEAR_S,
        meta={
            "title": "Sunspot number, yearly mean",
            "unit": "count",
            "source": "National Geophysical Data Center, NOAA",
            "licence": "public domain",
        },
    )


def load_nino12_monthly() -> Recording:
    """Sea surface temperature of the Nino 1+2 region, monthly means in degrees Celsius, 1950 to 2010.

    A strong annual rhythm beside the irregular one of El Nino, 2 to 8 years.

    Source: Climate Prediction Center, NOAA, ERSST.v3b.

    Examples
    --------
    >>> nino = load_nino12_monthly()
    >>> len(nino), float(nino.values[0]), round(float(nino.values.mean()), 2)
    (732, 23.11, 23.09)
    """
    table = _read("nino12_monthly.csv")
    months = (np.arange(12) + 0.5) / 12
    return Recording(
        values=table[:, 1:].ravel(),
        times_s=_calendar_s((table[:, :1] + months).ravel()),
        sample_rate_hz=12 / YEAR_S,
        meta={
            "title": "Sea surface temperature, Nino 1+2, monthly",
            "unit": "°C",
            "source": "Climate Prediction Center, NOAA, ERSST.v3b",
            "licence": "public domain (work of the US government)",
        },
    )


def load_nile() -> Recording:
    """Yearly flow of the Nile at Aswan in 10^8 m^3, 1871 to 1970: no rhythm, but a step down in 1898/99.

    Source: Cobb (1978), The problem of the Nile: conditional solution to a changepoint problem,
    Biometrika 65, 243-251.

    Examples
    --------
    >>> nile = load_nile()
    >>> len(nile), round(float(nile.values[:28].mean())), round(float(nile.values[28:].mean()))
    (100, 1098, 850)
    """
    table = _read("nile.csv")
    return Recording(
        values=table[:, 1],
        times_s=_calendar_s(table[:, 0] + 0.5),
        sample_rate_hz=1 / YEAR_S,
        meta={
            "title": "Flow of the Nile at Aswan, yearly",
            "unit": "10^8 m^3",
            "source": "Cobb (1978), Biometrika 65, 243-251",
            "licence": "public domain",
        },
    )


def _calendar_s(years: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seconds since 1970-01-01 of decimal calendar years, every year 365.25 days long."""
    return (years - 1970.0) * YEAR_S


def _read(name: str) -> NDArray[np.float64]:
    """A table of numbers with one header line, shape (rows, columns); empty cells become NaN."""
    text = files("trophic.signals").joinpath("data", name).read_text(encoding="ascii")
    return np.genfromtxt(text.splitlines(), delimiter=",", skip_header=1, dtype=np.float64)
