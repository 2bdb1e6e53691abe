"""The experts: regressions on a delay line, on the network's state, and on the last season (Numba).

All forecast the increment y(t + h) - y(t): with zero weights every one of them is the persistence forecast, which is
also what its prior pulls it towards. A regression for horizon h learns from z(t - h) when y(t) arrives, with the gain
it had then: exact recursive least squares, one P for all channels and horizons.
"""

from __future__ import annotations

import math

from trophic.engines.native import native, vectorised
from trophic.forecasting.layout import HISTORY, SEASON_FEATURES, SEASON_PRIOR
from trophic.network.readout import square_pass


@vectorised
def inner(a, b):
    """sum of a b."""
    total = 0.0
    for i in range(a.shape[0]):
        total += a[i] * b[i]
    return total


@native
def gain(expert, slot, memory, prior):
    """Take features z (already in the ring) into P; the gain P z/(lambda + z^T P z) goes into the ring.

    Where the mean of P's diagonal has grown to the prior it is no longer divided by lambda: without excitation it
    stays there instead of winding up.
    """
    z = expert.features[slot]
    k = expert.gains[slot]
    n = z.shape[0]
    trace = square_pass(expert.precision, z, expert.pending, k, expert.relax[0])
    spread = inner(z, k)
    if not spread >= 0.0:  # rounding has made P indefinite: start again from the prior
        expert.precision[:] = 0.0
        for i in range(n):
            expert.precision[i, i] = prior
            k[i] = prior * z[i]
        spread = inner(z, k)
        trace = prior * n
    scale = 1.0 / math.sqrt(memory + spread)
    for i in range(n):
        expert.pending[i] = k[i] * scale
        k[i] *= scale * scale
    expert.relax[0] = 1.0 / memory if trace < prior * n else 1.0


@native
def learn(expert, slot, channel, horizon, increment):
    """R <- R + e g with the features and the gain of the time when the forecast was made."""
    w = expert.weights[channel, horizon]
    e = increment - inner(w, expert.features[slot])
    g = expert.gains[slot]
    for i in range(w.shape[0]):
        w[i] += e * g[i]


@native
def forget(expert, c, n_channels, n_lags, prior):
    """Weights from and to channel c are void; P, which joins all channels, starts again from the prior."""
    expert.weights[c] = 0.0
    for k in range(n_lags + 1):
        column = 1 + k * n_channels + c
        expert.weights[:, :, column] = 0.0
    expert.precision[:] = 0.0
    for i in range(expert.precision.shape[0]):
        expert.precision[i, i] = prior
    expert.pending[:] = 0.0
    expert.gains[:] = 0.0
    expert.relax[0] = 1.0


@native
def season_features(history, now, ahead, season, f):
    """What the last two seasons say about y(now + ahead) - y(now); ahead < season, 2 season + ahead < HISTORY.

    ``season`` may be several of them: the fewest that are longer than ``ahead``.
    """
    mask = HISTORY - 1
    here = history[now & mask]
    then = history[(now + ahead - season) & mask]
    f[0] = 1.0
    f[1] = then - history[(now - season) & mask]
    f[2] = then - here
    f[3] = history[(now + ahead - 2 * season) & mask] - here
    f[4] = history[(now + ahead - season - 1) & mask] - here
    f[5] = history[(now + ahead - season + 1) & mask] - here


@native
def reset_season(w, p):
    """The seasonal random walk, y(t + h) = y(t) + y(t + h - s) - y(t - s), as the prior."""
    w[:] = 0.0
    w[1] = 1.0
    p[:] = 0.0
    for i in range(SEASON_FEATURES):
        p[i, i] = SEASON_PRIOR


@native
def learn_season(w, p, f, k, increment, memory):
    """Recursive least squares in a handful of features; k is room for P f."""
    n = SEASON_FEATURES
    spread = memory
    e = increment
    trace = 0.0
    for i in range(n):
        trace += p[i, i]
        e -= w[i] * f[i]
        k[i] = inner(p[i], f)
        spread += f[i] * k[i]
    if not spread > 0.0:  # rounding has made P indefinite
        reset_season(w, p)
        return
    relax = 1.0 / memory if trace < SEASON_PRIOR * n else 1.0
    for i in range(n):
        w[i] += e * k[i] / spread
        for j in range(i + 1):
            p[i, j] = (p[i, j] - k[i] * k[j] / spread) * relax
            p[j, i] = p[i, j]
