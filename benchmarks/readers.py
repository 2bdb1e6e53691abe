"""Reading the recordings of `benchmarks.recordings`: each reader takes their folder, gives samples and rate (Hz)."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

Array = NDArray[np.float64]
Reader = Callable[[Path], tuple[Array, float]]
YEAR_S = 365.25 * 86400


def audio(path: str, end_s: float | None = None) -> Reader:
    def read(data: Path) -> tuple[Array, float]:
        import soundfile

        x, rate = soundfile.read(data / path, dtype="float64", always_2d=True)
        return x[: None if end_s is None else int(end_s * rate), 0], float(rate)

    return read


def column(path: str, rate_hz: float, index: int = 0, **how: object) -> Reader:
    return lambda data: (np.loadtxt(data / path, usecols=index, **how), rate_hz)


def member(path: str, rate_hz: float, pick: Callable[[object], Array]) -> Reader:
    return lambda data: (np.asarray(pick(np.load(data / path)), dtype=np.float64), rate_hz)


def ligo(data: Path) -> tuple[Array, float]:
    import h5py

    with h5py.File(data / "geo/ligo/H-H1_LOSC_4_V2-1126259446-32.hdf5") as file:
        return np.asarray(file["strain/Strain"], dtype=np.float64), 4096.0


def ligo_bandpassed(data: Path) -> tuple[Array, float]:
    """30 to 600 Hz by a causal Butterworth filter, in units of 1e-21."""
    x, rate_hz = ligo(data)
    return 1e21 * sosfilt(butter(4, [30.0, 600.0], "band", fs=rate_hz, output="sos"), x), rate_hz


def mitdb(data: Path) -> tuple[Array, float]:
    """First channel of record 100, format 212: two 12-bit samples in three bytes."""
    raw = np.fromfile(data / "bio/mitdb100/100.dat", dtype=np.uint8).reshape(-1, 3).astype(np.int16)
    first = raw[:, 0] + ((raw[:, 1] & 0x0F) << 8)
    return (np.where(first > 2047, first - 4096, first) / 200.0)[: 360 * 300].astype(np.float64), 360.0


def tide(data: Path) -> tuple[Array, float]:
    """Hourly heights of 2010; the gaps (20 % of the hours at random, and ten days) are cut by `missing`."""
    rows = []
    for line in (data / "geo/tide_honolulu_2010/HNL2010.asc").read_text().splitlines():
        fields = line.split()
        if len(fields) >= 2:
            try:
                rows.append(float(fields[-1]))
            except ValueError:
                continue
    x = np.asarray(rows[-8760:])
    gone = np.random.default_rng(0).random(len(x)) < 0.2
    gone[4000:4240] = True
    return np.where(gone, np.nan, x), 1 / 3600


def monthly_co2(data: Path) -> tuple[Array, float]:
    with (data / "geo/co2_mauna_loa_monthly.csv").open() as file:
        rows = list(csv.reader(file))[1:]
    return np.asarray([float(row[2]) for row in rows]), 12 / YEAR_S


def foot(data: Path) -> tuple[Array, float]:
    """Pitch rate of the left foot, deg/s."""
    rows = np.genfromtxt(data / "motion/gaitmap_imu_sample.csv", delimiter=",", skip_header=2)
    return rows[:, 9], 204.8


def toledo(data: Path) -> tuple[Array, float]:
    """Grid frequency every 2 s from 11:00, until the last minute before the collapse."""
    path = data / "power/iberian_blackout_2025/toledo_3phase_rms_frequency_2s.csv"
    return np.genfromtxt(path, delimiter=",", skip_header=1, usecols=3)[: 93 * 30], 0.5


def fan(configuration: int, speeds: Sequence[int]) -> Reader:
    """Acceleration along y (g) of one configuration, a minute of each speed (percent)."""

    def read(data: Path) -> tuple[Array, float]:
        rows = np.loadtxt(data / "vibration/uci_fan/accelerometer.csv.gz", delimiter=",", skiprows=1)
        here = (rows[:, 0] == configuration) & np.isin(rows[:, 1], speeds)
        return rows[here, 3], 50.0

    return read


def steel(data: Path) -> tuple[Array, float]:
    """Load of a steel plant (kWh) every quarter of an hour of 2018."""
    path = data / "power/uci_steel/steel_industry_15min.csv.gz"
    return np.genfromtxt(path, delimiter=",", skip_header=1, usecols=1), 1 / 900


def year_by_month(path: str, skip: int) -> Reader:
    """A table of a year and twelve months per row; what is not a number ends it or is missing."""

    def read(data: Path) -> tuple[Array, float]:
        values = []
        for line in (data / path).read_text().splitlines()[skip:]:
            fields = line.replace(",", " ").split()
            if fields and fields[0].isdigit():
                values += [float(v) if v.replace(".", "", 1).isdigit() else np.nan for v in fields[1:13]]
        return np.asarray(values), 12 / YEAR_S

    return read


def weekly_co2(data: Path) -> tuple[Array, float]:
    path = data / "geo/co2_mauna_loa_weekly_1958_2001.csv"
    return np.genfromtxt(path, delimiter=",", skip_header=1, usecols=1), 365.25 / 7 / YEAR_S
