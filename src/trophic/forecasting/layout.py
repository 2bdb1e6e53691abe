"""What a forecaster remembers, and the constants of its rules.

C channels, H horizons, K experts, D features of an expert, h_max the longest horizon.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

EXPERTS = ("persistence", "season", "seasonal", "short", "long", "cautious network", "bold network")
"""Who forecasts: the last value; the value a season ago; a regression on the last season; regressions on a short and a
long delay line; regressions on delay line and network state, one held close to persistence and one hardly held."""

PERSISTENCE, SEASON, SEASONAL, FIRST_LINEAR = range(4)
N_EXPERTS = len(EXPERTS)
N_LINEAR = N_EXPERTS - FIRST_LINEAR

SEASON_FEATURES = 6
SEASON_PRIOR = 0.1  # P_0 of the seasonal regression
SEASON_MAX = 1024  # longest season that is looked for, in samples
HISTORY = 4 * SEASON_MAX  # samples that are kept, a power of two
SETTLE = 32  # good samples from which the unit of a channel is taken
OUTGROWN = 30.0  # units of running mean or deviation, or their inverse, at which a channel needs another unit

CHANNEL = np.dtype(
    [
        ("n", "i8"),  # good samples
        ("settled", "i8"),  # whether zero and unit are fixed
        ("last", "f8"),  # the last good value, as it came
        ("origin", "f8"),  # the channel's zero and unit, from SETTLE good samples
        ("unit", "f8"),
        ("mean", "f8"),  # running, of the scaled values while they change
        ("variance", "f8"),
        ("season", "i8"),  # samples; 0 while there is none
        ("season_strength", "f8"),  # autocorrelation at the season, -1..1
        ("surprise", "f8"),  # nats, of the last good sample
        ("threshold", "f8"),  # nats: one sample in 1 / alarm_rate is more surprising
        ("fast_power", "f8"),  # of the one-step error, short and long memory
        ("slow_power", "f8"),
        ("n_strange", "i8"),  # good values in a row that were not taken for the signal
        ("n_glitches", "i8"),
        ("n_anomalies", "i8"),
        ("n_drifts", "i8"),
        ("in_drift", "i8"),
    ]
)

TRUST = np.dtype(
    [
        ("n", "i8"),  # forecasts that came due
        ("scale", "f8"),  # mean absolute error of the forecast
        ("low", "f8"),  # bounds of the interval, in units of scale
        ("high", "f8"),
        ("covered", "f8"),  # part of the values that fell inside
        ("power", "f8"),  # mean square error
    ]
)

RULE_TABLE: dict[str, tuple[float, str]] = {
    "short_memory": (0.998, "forgetting factor of the short delay line's regression"),
    "long_memory": (0.9999, "of the long delay line's"),
    "cautious_memory": (0.9999, "of the cautious network's"),
    "bold_memory": (0.9998, "of the bold network's"),
    "season_memory": (0.9995, "of the seasonal regression"),
    "linear_prior": (1.0, "P_0 of the delay lines' regressions, in 1/unit^2"),
    "cautious_prior": (1.0, "P_0 of the cautious network's regression"),
    "bold_prior": (1e5, "P_0 of the bold network's regression"),
    "trust_rate": (0.004, "rate at which squared errors of the experts are averaged"),
    "trust_start": (3.0, "head start of the newest errors: the first averages run at this/(this + n)"),
    "sharpness": (4.0, "weight of an expert ~ (its mean square error)^-sharpness"),
    "coverage": (0.9, "nominal coverage of the interval"),
    "interval_rate": (0.02, "step of the adaptive conformal bounds"),
    "alarm_rate": (0.001, "part of the samples that count as anomalies in the long run"),
    "glitch": (300.0, "an error above this many mean absolute errors is taken for a glitch, three times in a row"),
    "drift": (3.0, "error power over its long-term mean that counts as drift"),
    "season_strength": (0.3, "autocorrelation that makes a season"),
}

RULES = np.dtype([(name, "f8") for name in RULE_TABLE])


class Memory(NamedTuple):
    """The arrays of a forecaster as its kernel takes them; the experts' own come as tuples beside it."""

    channels: NDArray[np.void]  # (C,) CHANNEL
    trust: NDArray[np.void]  # (C, H) TRUST
    settling: NDArray[np.float64]  # (C, SETTLE) first good values
    history: NDArray[np.float64]  # (C, HISTORY) scaled values, a ring; missing ones as they were forecast
    likeness: NDArray[np.float64]  # (C, SEASON_MAX + 1) mean products of the scaled values at each lag
    season_weights: NDArray[np.float64]  # (C, H, SEASON_FEATURES)
    season_precision: NDArray[np.float64]  # (C, H, SEASON_FEATURES, SEASON_FEATURES)
    power: NDArray[np.float64]  # (C, H, K) mean square error of each expert
    opinions: NDArray[np.float64]  # (h_max + 1, C, H, K) scaled forecasts, a ring by the time they were made
    issued: NDArray[np.float64]  # (h_max + 1, C, H, 3) forecast and bounds, scaled, likewise
    step: NDArray[np.int64]  # (1,) samples so far


class Expert(NamedTuple):
    """A recursive least-squares regression of all channels and horizons on one set of features."""

    weights: NDArray[np.float64]  # (C, H, D)
    precision: NDArray[np.float64]  # (D, D) P
    pending: NDArray[np.float64]  # (D,) the update that P still has to take
    relax: NDArray[np.float64]  # (1,) and its division by the forgetting factor
    features: NDArray[np.float64]  # (h_max + 1, D) ring of z
    gains: NDArray[np.float64]  # (h_max + 1, D) ring of P z/(lambda + z P z)
