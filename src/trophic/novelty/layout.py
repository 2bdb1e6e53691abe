"""What a novelty detector remembers, and the constants of its rules. C channels, M niches per window."""

from __future__ import annotations

import numpy as np

WINDOWS = (1, 4, 48)  # samples in a pattern
N_WINDOWS = len(WINDOWS)
OFFSETS = tuple(int(n) for n in np.cumsum((0, *WINDOWS)))
"""Where the niches of each window begin, in samples per niche."""
N_VISITS = 4  # the nearest so many visits tell how rare a pattern is
APART = tuple(max(w, 50) for w in WINDOWS)  # samples: visits closer in time than this are one
NEW, RARE, LEVEL = 0, N_WINDOWS, 2 * N_WINDOWS
"""Who can be surprised: of each window a voice for the nearest visit and one for the fourth, and the level."""
N_VOICES = 2 * N_WINDOWS + 1
HISTORY = 128  # samples that are kept, a power of two: the longest window and its delay fit in
DELAY = tuple(max(w, 20) for w in WINDOWS)  # until a pattern may settle: nothing is like its own beginning
SETTLE = 128  # good samples from which zero and unit of a channel are taken
N_PEAKS = 10  # strongest peaks that are remembered of each voice

CHANNEL = np.dtype(
    [
        ("n", "i8"),  # good samples
        ("n_alive", "i8"),  # of them, those that taught something
        ("settled", "i8"),  # whether zero and unit are fixed
        ("last", "f8"),
        ("repeats", "i8"),  # times that the last value has been repeated
        ("origin", "f8"),  # zero and unit, from the first SETTLE good samples
        ("unit", "f8"),
        ("level_fast", "f8"),
        ("level_slow", "f8"),
        ("response", "f8"),  # the last response that was not masked, in decades
        ("since", "i8"),  # samples since then
        ("n_alarms", "i8"),
    ]
)

VOICE = np.dtype(
    [
        ("n_peaks", "i8"),
        ("peak", "f8"),  # the highest novelty of the present cluster
        ("age", "i8"),  # samples since the cluster began
        ("usual", "f8"),  # mean novelty
    ]
)

COVER = np.dtype(
    [
        ("n", "i8"),  # niches that are taken
        ("radius", "f8"),  # patterns closer than this are one
    ]
)

RULE_TABLE: dict[str, tuple[float, str]] = {
    "alarm": (2.3, "decades of evidence, after habituation, that raise an alarm"),
    "cluster": (5.0, "samples: novelty within this time of a peak belongs to it"),
    "saturation": (7.0, "decades: no response is stronger"),
    "habituation": (
        0.06,
        "after a response, the time in which responses as strong are masked, part of all time so far",
    ),
    "habituation_min": (50.0, "likewise, samples at least"),
    "fast": (0.01, "rate of the fast level, per sample"),
    "slow": (0.002, "rate of the slow level, per sample"),
    "least_tail": (0.02, "smallest tail index: no tail is believed to be thinner"),
    "warm_up": (100.0, "samples that must be known before anything is called new"),
}

RULES = np.dtype([(name, "f8") for name in RULE_TABLE])
