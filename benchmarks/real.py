"""Real recordings with known answers: ``python -m benchmarks.real --data FOLDER``.

One set of defaults for all; only the band is stated, one per kind of recording. Writes ``real.md`` and one picture per
recording into ``--out``. The recordings are not part of the repository: ``--data`` (or ``TROPHIC_DATA``) names their
folder.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import trophic
from benchmarks import report
from trophic.ecology.decomposition import Decomposition

Array = NDArray[np.float64]
PRESENT = 0.5  # a line counts as found when a component is on it for this share of the time in which it sounds
MUSICAL = (60.0, 5000.0)
YEAR_S = 365.25 * 86400


@dataclass(frozen=True)
class Recording:
    """One recording: how it is read, in which band, and the lines it is known to hold (Hz, relative tolerance)."""

    name: str
    read: Callable[[Path], tuple[Array, float]]
    band_hz: tuple[float, float]
    lines_hz: Sequence[float]
    tolerance: float = 0.005
    note: str = ""


# --- reading --------------------------------------------------------------------------------------------------------


def audio(path: str, end_s: float | None = None) -> Callable[[Path], tuple[Array, float]]:
    def read(data: Path) -> tuple[Array, float]:
        import soundfile

        x, rate = soundfile.read(data / path, dtype="float64", always_2d=True)
        return x[: None if end_s is None else int(end_s * rate), 0], float(rate)

    return read


def column(path: str, rate_hz: float, index: int = 0, **how: object) -> Callable[[Path], tuple[Array, float]]:
    return lambda data: (np.loadtxt(data / path, usecols=index, **how), rate_hz)


def member(path: str, rate_hz: float, pick: Callable[[object], Array]) -> Callable[[Path], tuple[Array, float]]:
    return lambda data: (np.asarray(pick(np.load(data / path)), dtype=np.float64), rate_hz)


def ligo(data: Path) -> tuple[Array, float]:
    import h5py

    with h5py.File(data / "geo/ligo/H-H1_LOSC_4_V2-1126259446-32.hdf5") as file:
        return np.asarray(file["strain/Strain"], dtype=np.float64), 4096.0


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


def harmonics(base_hz: float, n: int = 5) -> list[float]:
    return [base_hz * k for k in range(1, n + 1)]


RECORDINGS = [
    Recording("flute-A4", audio("audio/sms-tools/flute-A4.wav"), MUSICAL, harmonics(443.5)),
    Recording("violin-B3", audio("audio/sms-tools/violin-B3.wav"), MUSICAL, harmonics(246.96)),
    Recording("trumpet-A4", audio("audio/sms-tools/trumpet-A4.wav"), MUSICAL, harmonics(436.5)),
    Recording("vibraphone-C6", audio("audio/sms-tools/vibraphone-C6.wav"), MUSICAL, [1054.4, 2108.7, 3163.0]),
    Recording("cello-double", audio("audio/sms-tools/cello-double.wav"), MUSICAL, [146.96, 220.25]),
    Recording("bendir", audio("audio/sms-tools/bendir.wav", 1.0), MUSICAL, [91.6, 161.5, 224.8, 413.8], 0.02),
    Recording("sine 440 + 490", audio("audio/sms-tools/sine-440-490.wav"), MUSICAL, [440.0, 489.9]),
    Recording("sines 440 + 602 (-54 dB)", audio("audio/sms-tools/sines-440-602-hRange.wav"), MUSICAL, [440.0, 602.0]),
    Recording("mains ENF 001", audio("power/enf_whu/001_ref.wav"), (20.0, 180.0), [50.0, 150.0]),
    Recording("mains ENF 025", audio("power/enf_whu/025_ref.wav"), (20.0, 180.0), [50.0, 150.0]),
    Recording("mains ENF 092", audio("power/enf_whu/092_ref.wav"), (20.0, 180.0), [50.0, 150.0]),
    Recording("ECG 100", mitdb, (0.5, 170.0), [1.258], 0.05, "heart rhythm, 75.5/min"),
    Recording("ECG 208, hum", member("bio/ecg_mitbih208_5min.npz", 360.0, lambda z: z["ecg"]), (20.0, 170.0), [60.0]),
    Recording(
        "shaker",
        member("vibration/endaq/shaker_100hz_ssx70065.npz", 3071.84, lambda z: z["acc"][1]),
        (20.0, 1400.0),
        [99.98, 200.0, 300.0, 500.0],
    ),
    Recording(
        "gait, lumbar",
        member("motion/skdh_lumbar_gait.npz", 197.1, lambda z: z["accel"][:, 0]),
        (0.4, 40.0),
        [1.78, 5.34, 7.12],
        0.05,
    ),
    Recording("LIGO H1", ligo, (30.0, 600.0), [36.7, 60.0, 120.0, 180.0, 331.9], 0.005),
    Recording(
        "tide Honolulu, gaps", tide, (5e-6, 5e-5), [1 / (h * 3600) for h in (12.4206, 23.9345, 25.8193, 12.0)], 0.005
    ),
    Recording("CO2 monthly", monthly_co2, (0.2 / YEAR_S, 5 / YEAR_S), [1 / YEAR_S, 2 / YEAR_S], 0.01),
    Recording("PPG", column("bio/biosppy/ppg.txt", 1000.0, comments="#"), (0.5, 20.0), [1.59], 0.05),
    Recording("walking (chest)", column("bio/biosppy/acc.txt", 100.0, comments="#"), (0.3, 20.0), [0.95, 1.9], 0.05),
    Recording(
        "LFP, M1", member("bio/lfp_parkinson_m1.npy", 1000.0, np.ravel), (2.0, 100.0), [18.0], 0.15, "beta rhythm"
    ),
    Recording(
        "EEG, eyes closed", column("bio/biosppy/eeg_ec.txt", 125.0, comments="#"), (2.0, 55.0), [9.67, 49.95], 0.1
    ),
]


# --- scoring --------------------------------------------------------------------------------------------------------


def sounding(found: Decomposition) -> NDArray[np.bool_]:
    """Track frames in which the recording sounds: its rms within 30 dB of its loudest tenth."""
    edges = np.searchsorted(found.time_s, found.tracks.time_s)
    power = np.nan_to_num(found.signal - np.nanmedian(found.signal)) ** 2
    width = max(1, len(power) // 200)
    smooth = np.convolve(power, np.ones(width) / width, mode="same")[np.minimum(edges, len(power) - 1)]
    return smooth > 1e-3 * np.quantile(smooth, 0.95)


def presence(found: Decomposition, line_hz: float, tolerance: float) -> tuple[float, float]:
    """Share of the sounding time in which a component is on the line, and its median frequency while it is."""
    on = sounding(found)
    tracks = found.tracks
    distance = np.where(tracks.alive, np.abs(tracks.frequency_hz / line_hz - 1), np.inf)
    nearest = np.argmin(distance, axis=1)
    rows = np.arange(len(nearest))
    hit = (distance[rows, nearest] <= tolerance) & on
    measured = float(np.median(tracks.frequency_hz[rows, nearest][hit])) if hit.any() else np.nan
    return float(hit.sum() / max(1, on.sum())), measured


def reference_frequency(x: Array, rate_hz: float, frame_s: float = 2.0, line_hz: float = 50.0) -> tuple[Array, Array]:
    """Frequency of a line per frame: a Hann-weighted least-squares line through the demodulated phase.

    An estimator of its own, with the two sides of each frame in view; its bandwidth is about 1/frame_s.
    """
    n = int(frame_s * rate_hz)
    t = np.arange(n) / rate_hz
    kernel = np.exp(-2j * np.pi * line_hz * t)
    starts = np.arange(0, len(x) - n, n // 2)
    sub = max(1, n // 50)
    centre = (np.arange(50) + 0.5) * sub / rate_hz
    slopes = []
    for start in starts:
        piece = (x[start : start + n] * kernel)[: 50 * sub].reshape(50, sub).mean(axis=1)
        weight = np.hanning(52)[1:-1]
        phase = np.unwrap(np.angle(piece))
        offset = centre - np.average(centre, weights=weight)
        slopes.append(np.sum(weight * offset * phase) / np.sum(weight * offset**2) / (2 * np.pi))
    return starts / rate_hz + frame_s / 2, line_hz + np.asarray(slopes)


def mains_deviation(found: Decomposition, rate_hz: float) -> float:
    """RMS difference (mHz) to the reference, the tracks averaged over the same frames, after the first 20 s."""
    frame_s = 8.0
    centre_s, reference = reference_frequency(found.signal, rate_hz, frame_s)
    tracks = found.tracks
    distance = np.where(tracks.alive, np.abs(tracks.frequency_hz - 50.0), np.inf)
    nearest = np.argmin(distance, axis=1)
    rows = np.arange(len(nearest))
    mine = np.where(distance[rows, nearest] < 1.0, tracks.frequency_hz[rows, nearest], np.nan)
    time_s = tracks.time_s - found.time_s[0]
    errors = [
        np.nanmean(mine[np.abs(time_s - c) < frame_s / 2]) - r
        for c, r in zip(centre_s, reference, strict=True)
        if c > 20.0
    ]
    return 1e3 * float(np.sqrt(np.nanmean(np.square(errors))))


# --- the page -------------------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TROPHIC_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--only", default="", help="part of a recording's name")
    options = parser.parse_args()
    if not options.data.is_dir():
        parser.error(f"no recordings at {options.data}: give --data or set TROPHIC_DATA")
    pictures = options.out / "real"
    pictures.mkdir(parents=True, exist_ok=True)
    trophic.decompose(np.random.default_rng(0).standard_normal(500), sample_rate_hz=1.0)  # compile before timing
    body, missed = [], []
    for recording in RECORDINGS:
        if options.only not in recording.name:
            continue
        x, rate_hz = recording.read(options.data)
        start = time.process_time()
        found = trophic.decompose(
            x, sample_rate_hz=rate_hz, f_min_hz=recording.band_hz[0], f_max_hz=recording.band_hz[1]
        )
        seconds = time.process_time() - start
        assert isinstance(found, Decomposition)
        cells = []
        for line_hz in recording.lines_hz:
            share, measured = presence(found, line_hz, recording.tolerance)
            ok = share >= PRESENT
            cells.append(f"{line_hz:.5g}: {measured:.5g} ({100 * share:.0f} %)" + ("" if ok else " **missed**"))
            if not ok:
                missed.append(f"{recording.name}: {line_hz:.5g} Hz is followed {100 * share:.0f} % of the time.")
        extra = recording.note
        if recording.name.startswith("mains"):
            extra = f"{mains_deviation(found, rate_hz):.2f} mHz rms from the reference"
        speed = f"{len(x) / seconds / 1e3:.0f}"
        body.append((recording.name, f"{len(x)}", "; ".join(cells), str(len(found.components)), extra, speed))
        print(" | ".join(body[-1]), flush=True)
        slug = "".join(c if c.isalnum() else "-" for c in recording.name.lower()).strip("-")
        found.plot(title=recording.name).savefig(pictures / f"{slug}.png", dpi=55)
    header = (
        "recording",
        "samples",
        "true line (Hz): measured (share of the time present)",
        "living at the end",
        "",
        "k samples/s",
    )
    lines = ["# Real recordings", "", "Generated; do not edit.", "", *report.provenance("benchmarks.real")]
    lines += [
        "- one set of defaults; a line is found when a component is on it (tolerance .5 % unless it is a rhythm) "
        f"for {100 * PRESENT:.0f} % of the time in which the recording sounds",
        "- pictures: the folder `real/` beside this page",
        "",
        *report.table(header, body),
        "",
        "## What is missed",
        "",
        *(f"- {sentence}" for sentence in missed or ["Nothing."]),
        "",
    ]
    (options.out / "real.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
