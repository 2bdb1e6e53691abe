"""Recordings with known answers: how each is read, in which band it is searched, and what it is known to hold.

They are not part of the repository; `benchmarks.real` says where they are looked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import judges
from benchmarks.judges import Judge
from benchmarks.readers import (
    YEAR_S,
    Reader,
    audio,
    column,
    fan,
    foot,
    ligo,
    ligo_bandpassed,
    member,
    mitdb,
    monthly_co2,
    steel,
    tide,
    toledo,
    weekly_co2,
    year_by_month,
)

MUSICAL = (60.0, 5000.0)
LIGO_LINES_HZ = (36.7, 60.0, 120.0, 180.0, 331.9)
DAY_S = 86400.0


@dataclass(frozen=True)
class Recording:
    """One recording.

    Attributes
    ----------
    read : function
        Of the folder of recordings; gives the samples and their rate in Hz.
    band_hz : tuple of float
        Band searched.
    lines_hz, tolerance : sequence of float, float
        The lines it is known to hold, and how far off (relative) a component may be.
    note : str
        What the lines are.
    judges : tuple of Judge
        Questions that only this kind of recording answers.
    why : str
        What is known of the reason of its misses.
    """

    name: str
    read: Reader
    band_hz: tuple[float, float]
    lines_hz: Sequence[float] = ()
    tolerance: float = 0.005
    note: str = ""
    judges: tuple[Judge, ...] = ()
    why: str = ""


def harmonics(base_hz: float, n: int = 5) -> list[float]:
    return [base_hz * k for k in range(1, n + 1)]


RECORDINGS = [
    Recording("flute-A4", audio("audio/sms-tools/flute-A4.wav"), MUSICAL, harmonics(443.5)),
    Recording("violin-B3", audio("audio/sms-tools/violin-B3.wav"), MUSICAL, harmonics(246.96)),
    Recording("trumpet-A4", audio("audio/sms-tools/trumpet-A4.wav"), MUSICAL, harmonics(436.5)),
    Recording("vibraphone-C6", audio("audio/sms-tools/vibraphone-C6.wav"), MUSICAL, [1054.4, 2108.7, 3163.0]),
    Recording(
        "cello-double",
        audio("audio/sms-tools/cello-double.wav"),
        MUSICAL,
        [146.96, 220.25],
        why=("The A is first found after some 40 of its periods."),
    ),
    Recording(
        "bendir",
        audio("audio/sms-tools/bendir.wav", 1.0),
        MUSICAL,
        [91.6, 161.5, 224.8, 413.8],
        0.02,
        why=(
            "The upper modes are 23 to 29 dB below the first, itself a wide decaying line, and are not "
            "voiced in the 30 to 60 periods they last."
        ),
    ),
    Recording(
        "sine 440 + 490",
        audio("audio/sms-tools/sine-440-490.wav"),
        MUSICAL,
        [440.0, 489.9],
        why=("A short beat without noise stays one light branch: fission needs larvae that converge first."),
    ),
    Recording("sines 440 + 602 (-54 dB)", audio("audio/sms-tools/sines-440-602-hRange.wav"), MUSICAL, [440.0, 602.0]),
    Recording(
        "chirp",
        audio("audio/sms-tools/chirp-150-190-linear.wav"),
        MUSICAL,
        judges=(judges.Sweep("189.7 + 625.1 t Hz", lambda t: 189.7 + 625.1 * t),),
        why="One component of mass 2 follows it all the way, 5 to 1 % behind, and overshoots where it sheds mass.",
    ),
    Recording(
        "robin",
        audio("audio/librosa/robin_inspectorj.ogg"),
        (1000.0, 10000.0),
        judges=(judges.Ridge(0.012),),
        why="Its syllables sweep kilohertz within some ten milliseconds.",
    ),
    Recording(
        "humpback whale",
        audio("audio/librosa/humpback_whale_glacier_bay.ogg"),
        (100.0, 3000.0),
        judges=(judges.Ridge(0.093),),
        why="Units of one to three seconds glide and growl; the strongest line changes from one harmonic to another.",
    ),
    *(
        Recording(
            f"mains ENF {number}",
            audio(f"power/enf_whu/{number}_ref.wav"),
            (20.0, 180.0),
            [50.0, 150.0],
            judges=(judges.Mains(),),
        )
        for number in ("001", "025", "092")
    ),
    Recording(
        "mains Toledo, 28 April 2025",
        toledo,
        (0.1, 0.249),
        judges=(judges.During("0.22 Hz, 12:19 to 12:22", 0.22, 0.05, 79 * 60.0, 82 * 60.0),),
        note="grid frequency",
        why=(
            "It rings for 40 periods, sampled 2.3 times each, under slow swings of the grid: heard late and lost early."
        ),
    ),
    Recording("ECG 100", mitdb, (0.5, 170.0), [1.258], 0.05, "heart rhythm, 75.5/min"),
    Recording(
        "ECG 208, hum",
        member("bio/ecg_mitbih208_5min.npz", 360.0, lambda z: z["ecg"]),
        (20.0, 170.0),
        [60.0],
        why=(
            "The QRS complexes have nearly all the power, below the band and in bursts; the hum is heard in "
            "the quiet stretches."
        ),
    ),
    Recording(
        "shaker",
        member("vibration/endaq/shaker_100hz_ssx70065.npz", 3071.84, lambda z: z["acc"][1]),
        (20.0, 1400.0),
        [99.98, 200.0, 300.0, 500.0],
        why="The 500 Hz line, 53 dB below the first, is found half-way.",
    ),
    Recording(
        "gait, lumbar",
        member("motion/skdh_lumbar_gait.npz", 197.1, lambda z: z["accel"][:, 0]),
        (0.4, 40.0),
        [1.78, 5.34, 7.12],
        0.05,
        why=("Around these harmonics the spectrum rises 2 dB above its surroundings, in bumps .7 Hz wide."),
    ),
    Recording(
        "gait, foot",
        foot,
        (0.3, 40.0),
        harmonics(0.925, 4),
        0.06,
        "stride and harmonics",
        judges=(judges.Strides(),),
        why="Stride and step are voiced after five to eight strides, and then held through the turn; the next "
        "harmonics, 14 dB above their surroundings, are not.",
    ),
    Recording("fan, 60 %", fan(1, [60]), (1.0, 24.5), [9.57, 21.29], 0.02, "aliased at 50 Hz"),
    Recording(
        "fan, 17 speeds",
        fan(3, range(20, 101, 5)),
        (1.0, 24.5),
        judges=(judges.Regimes(60.0),),
        note="a new line every minute",
    ),
    Recording(
        "LIGO H1",
        ligo,
        (30.0, 600.0),
        LIGO_LINES_HZ,
        why="Nearly all power lies below the band, and drowns the evidence of single ticks: band-pass first, as below.",
    ),
    Recording(
        "LIGO H1, band-passed",
        ligo_bandpassed,
        (30.0, 600.0),
        LIGO_LINES_HZ,
        why="The weaker mains harmonics are found after 16 and 21 of the 32 seconds, and then held.",
    ),
    Recording(
        "tide Honolulu, gaps",
        tide,
        (5e-6, 5e-5),
        [1 / (h * 3600) for h in (12.4206, 23.9345, 25.8193, 12.0)],
        0.005,
        why=("K1, P1 and O1 are one light component for the first hundred days; O1 then wanders."),
    ),
    Recording("CO2 monthly", monthly_co2, (0.2 / YEAR_S, 5 / YEAR_S), [1 / YEAR_S, 2 / YEAR_S], 0.01),
    Recording(
        "CO2 weekly",
        weekly_co2,
        (0.2 / YEAR_S, 20 / YEAR_S),
        [1 / YEAR_S, 2 / YEAR_S],
        0.01,
        why="The half-year is found half-way.",
    ),
    Recording(
        "Nino 1+2, monthly",
        year_by_month("geo/elnino_nino12_1950_2010.csv", 1),
        (0.1 / YEAR_S, 5 / YEAR_S),
        [1 / YEAR_S],
        0.01,
        "the year",
    ),
    Recording(
        "NINO3, quarterly",
        column("geo/nino3_sst_quarterly.dat", 4 / YEAR_S),
        (0.05 / YEAR_S, 1.8 / YEAR_S),
        [1 / (3.2 * YEAR_S)],
        0.6,
        "El Nino: any rhythm of 2 to 8 years",
        why="El Nino is hardly a rhythm: its spectrum is a band two octaves wide.",
    ),
    Recording(
        "sunspots, monthly",
        year_by_month("geo/sunspots_monthly.dat", 3),
        (0.01 / YEAR_S, 2 / YEAR_S),
        judges=(judges.Onset(1 / (11.1 * YEAR_S), 0.1, 20),),
        note="the cycle of 11 years",
    ),
    Recording(
        "sunspots, yearly",
        column("geo/sunspots_yearly_1700_2008.csv", 1 / YEAR_S, 1, delimiter=",", skiprows=1),
        (0.01 / YEAR_S, 0.45 / YEAR_S),
        judges=(judges.Onset(1 / (11.1 * YEAR_S), 0.1, 20),),
        note="the cycle of 11 years",
    ),
    Recording(
        "steel plant",
        steel,
        (0.05 / DAY_S, 6 / DAY_S),
        [1 / DAY_S, 3 / DAY_S, 4 / DAY_S, 5 / DAY_S, 1 / (7 * DAY_S)],
        0.01,
        "the day, its harmonics, the week",
        why="The week is found late in the year.",
    ),
    Recording("PPG", column("bio/biosppy/ppg.txt", 1000.0, comments="#"), (0.5, 20.0), [1.59], 0.05),
    Recording(
        "walking (chest)",
        column("bio/biosppy/acc.txt", 100.0, comments="#"),
        (0.3, 20.0),
        [0.95, 1.9],
        0.05,
        why="Twenty strides in all; the stride is voiced after ten of them.",
    ),
    Recording(
        "LFP, M1",
        member("bio/lfp_parkinson_m1.npy", 1000.0, np.ravel),
        (2.0, 100.0),
        [18.0],
        0.15,
        "beta rhythm",
        why="Beta comes in two bursts, each with a component of its own after a second and a half.",
    ),
    Recording(
        "EEG, eyes closed",
        column("bio/biosppy/eeg_ec.txt", 125.0, comments="#"),
        (2.0, 55.0),
        [9.67, 24.96, 49.95],
        0.1,
        "alpha, mains and its half",
        why=(
            "At 9.67 and 49.95 Hz the spectrum (16 s windows) rises 2 dB above its surroundings; at "
            "4.69 Hz, found, 8 dB."
        ),
    ),
]
