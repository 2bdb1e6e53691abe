"""The season of a channel: the lag at which it is most like itself (Numba)."""

from __future__ import annotations

import math

from trophic.engines.native import native, vectorised
from trophic.forecasting.layout import HISTORY, SEASON_MAX

PATIENCE = 4.0 * SEASON_MAX  # samples over which likeness is averaged
SHORTEST = 3  # samples
CUT = 4.0  # deviations
SURE = 0.02  # rate of the averages below which the deviation is known
LEAD = 0.03  # autocorrelation by which a new season has to be better than the present one


@vectorised
def compare(likeness, history, now, rate):
    """Running mean product of the newest increment with those of each lag before it: a trend is no season.

    Increments are cut at CUT deviations, so that no single value can outweigh the rest.
    """
    mask = HISTORY - 1
    known = rate < SURE and likeness[0] > 0.0
    limit = CUT * math.sqrt(likeness[0]) if known else math.inf
    x = min(max(history[now & mask] - history[(now - 1) & mask], -limit), limit)
    for lag in range(likeness.shape[0]):
        y = min(max(history[(now - lag) & mask] - history[(now - lag - 1) & mask], -limit), limit)
        likeness[lag] += rate * (x * y - likeness[lag])


@native
def whole(period, ahead):
    """The fewest whole seasons that reach back before now from ``ahead`` samples hence, in samples; 0 for none."""
    return period * (ahead // period + 1) if period > 0 else 0


@native
def find(likeness, n, present, threshold):
    """The season (samples, 0 for none) and its autocorrelation.

    Looked for beyond the first lag where the autocorrelation of the increments has fallen below zero, among the lags
    that n samples hold twice: the highest peak near the first lag that comes within LEAD of the highest of all, so that
    one season is not taken for two. The present season stays unless another is better by LEAD.
    """
    power = likeness[0]
    if power <= 0.0:
        return 0, 0.0
    longest = min(SEASON_MAX, n // 2)
    lag = SHORTEST
    while lag < longest and likeness[lag] > 0.0:
        lag += 1
    height = 0.0
    for s in range(lag, longest):
        height = max(height, likeness[s])
    while lag < longest and likeness[lag] <= height - LEAD * power:
        lag += 1
    best = 0
    for s in range(lag, min(longest, lag + lag // 4 + 1)):
        peak = likeness[s] >= likeness[s - 1] and likeness[s] >= likeness[s + 1]
        if peak and (best == 0 or likeness[s] > likeness[best]):
            best = s
    if best == 0 or likeness[best] < threshold * power:
        best = 0
    if present > 0 and likeness[present] > threshold * power and likeness[best] < likeness[present] + LEAD * power:
        best = present
    return best, likeness[best] / power if best > 0 else 0.0
