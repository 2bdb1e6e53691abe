"""One sample of the forecaster: judge what came due, learn, remember, forecast (Numba)."""

from __future__ import annotations

import math

from trophic.engines.native import entry, native
from trophic.forecasting import experts, intervals, season
from trophic.forecasting.layout import (
    FIRST_LINEAR,
    HISTORY,
    N_LINEAR,
    OUTGROWN,
    PERSISTENCE,
    SEASON,
    SEASON_FEATURES,
    SEASONAL,
    SETTLE,
)

I_SURPRISE, I_ANOMALY, I_DRIFT, I_SEASON = range(4)
SEASON_EVERY = 64
STRANGE = 3  # values in a row that are not taken for the signal, after which they may be the signal all the same
ROUNDING = 1e-12  # of origin and unit: bounds of a forecast that is exact still hold the value
FURTHEST = 10.0  # deviations from its mean that a signal is taken to reach


@native
def settle(memory, c, value):
    """Zero and unit of a channel are mean and deviation of SETTLE good values, once these differ.

    The unit is at least the one that is there: 0 at first, and see `outgrown`.
    """
    channel = memory.channels[c]
    memory.settling[c, channel.n % SETTLE] = value
    channel.n += 1
    if channel.n < SETTLE:
        return
    mean = 0.0
    for i in range(SETTLE):
        mean += memory.settling[c, i] / SETTLE
    power = 0.0
    for i in range(SETTLE):
        power += (memory.settling[c, i] - mean) ** 2 / SETTLE
    unit = max(math.sqrt(power), channel.unit)
    if unit > 1e-12 * abs(mean):
        channel.settled = 1
        channel.origin = mean
        channel.unit = unit
        channel.mean = 0.0
        channel.variance = 1.0
        channel.n = 0
        memory.history[c] = (value - mean) / unit


@native
def outgrown(channel, scaled):
    """The unit that the signal needs at least, if it has left the present one far behind in level or size; else -1.

    A flat line says nothing about either, and is left out. The unit grows by a fixed factor, so that a signal slower
    than the samples it settles with does not begin again for ever.
    """
    rate = max(1.0 / season.PATIENCE, 1.0 / (SETTLE + channel.n))
    difference = scaled - channel.mean
    channel.mean += rate * difference
    channel.variance = (1.0 - rate) * (channel.variance + rate * difference * difference)
    if channel.variance > OUTGROWN**2:
        return OUTGROWN * channel.unit
    if abs(channel.mean) > OUTGROWN * max(1.0, math.sqrt(channel.variance)):
        return channel.unit
    return 0.0 if channel.variance < OUTGROWN**-2 else -1.0


@native
def begin_again(memory, bench, lags, c, n_channels, rules):
    """Channel c is another signal: what was known about it is void, what it said about the others too."""
    channel = memory.channels[c]
    channel.settled = 0
    channel.n = 0
    channel.n_glitches = 0
    channel.season = 0
    memory.history[c] = 0.0
    memory.likeness[c] = 0.0
    memory.power[c] = 0.0
    memory.opinions[:, c] = 0.0
    memory.issued[:, c] = 0.0
    for q in range(memory.trust.shape[1]):
        intervals.doubt(memory.trust[c, q])
        experts.reset_season(memory.season_weights[c, q], memory.season_precision[c, q])
    priors = (rules.linear_prior, rules.linear_prior, rules.cautious_prior, rules.bold_prior)
    for k in range(N_LINEAR):
        experts.forget(bench[k], c, n_channels, lags[k], priors[k])


@native
def is_glitch(memory, c, value, rules):
    """A single value so far off, from the forecast and from the last value heard, that it cannot be the signal. It is
    believed if as strange a value has come STRANGE times in a row, or more often than anomalies may.
    """
    channel = memory.channels[c]
    trust = memory.trust[c, 0]
    is_common = channel.n_strange >= STRANGE or channel.n_glitches > STRANGE + rules.alarm_rate * channel.n
    if trust.n < 50 or is_common:
        return False
    forecast = memory.issued[(memory.step[0] - 1) % memory.issued.shape[0], c, 0, 0]
    last = (channel.last - channel.origin) / channel.unit
    if min(abs(value - forecast), abs(value - last)) <= rules.glitch * (trust.scale + 1e-9):
        return False
    channel.n_glitches += 1
    return True


@native
def within_reach(channel, value):
    """A value no further out than the signal can be: forecasts from forecasts, and from outliers, run away."""
    reach = FURTHEST * math.sqrt(channel.variance)
    return min(max(value, channel.mean - reach), channel.mean + reach)


@native
def review(memory, c, q, ahead, value, rules):
    """The forecasts for now, made `ahead` samples ago: squared errors of the experts, bounds of the committee."""
    ring = memory.issued.shape[0]
    made = (memory.step[0] - ahead) % ring
    trust = memory.trust[c, q]
    rate = max(rules.trust_rate, rules.trust_start / (rules.trust_start + trust.n))
    for k in range(memory.power.shape[2]):
        e = value - memory.opinions[made, c, q, k]
        memory.power[c, q, k] += rate * (e * e - memory.power[c, q, k])
    error = value - memory.issued[made, c, q, 0]
    above, below = value > memory.issued[made, c, q, 2], value < memory.issued[made, c, q, 1]
    intervals.widen(trust, error, above, below, ahead, rules.coverage, rules.interval_rate)
    return error


@native
def learn(memory, bench, c, q, ahead, value, rules, room):
    """All regressions of channel c, horizon q learn the increment over the last `ahead` samples."""
    t = memory.step[0]
    mask = HISTORY - 1
    history = memory.history[c]
    increment = value - history[(t - ahead) & mask]
    back = season.whole(memory.channels[c].season, ahead)
    if back > 0 and t >= 2 * back + ahead:
        f = room[:SEASON_FEATURES]
        experts.season_features(history, t - ahead, ahead, back, f)
        w = memory.season_weights[c, q]
        p = memory.season_precision[c, q]
        experts.learn_season(w, p, f, room[SEASON_FEATURES : 2 * SEASON_FEATURES], increment, rules.season_memory)
    slot = (t - ahead) % memory.issued.shape[0]
    for k in range(N_LINEAR):
        experts.learn(bench[k], slot, c, q, increment)


@native
def remember(memory, bench, lags, state, n_channels):
    """Build z = [1, values, increments of the delay line, network state] of every expert for this sample."""
    t = memory.step[0]
    mask = HISTORY - 1
    slot = t % memory.issued.shape[0]
    for k in range(N_LINEAR):
        z = bench[k].features[slot]
        z[0] = 1.0
        n = 1
        for c in range(n_channels):
            z[n] = memory.history[c, t & mask]
            n += 1
        for lag in range(lags[k]):
            for c in range(n_channels):
                z[n] = memory.history[c, (t - lag) & mask] - memory.history[c, (t - lag - 1) & mask]
                n += 1
        for i in range(z.shape[0] - n):
            z[n + i] = state[i]


@native
def forecast(memory, bench, c, q, ahead, rules, room):
    """Opinions of all experts, and what the committee makes of them."""
    t = memory.step[0]
    mask = HISTORY - 1
    slot = t % memory.issued.shape[0]
    history = memory.history[c]
    here = history[t & mask]
    opinions = memory.opinions[slot, c, q]
    back = season.whole(memory.channels[c].season, ahead)
    opinions[PERSISTENCE] = here
    opinions[SEASON] = here
    opinions[SEASONAL] = here
    if back > 0 and t >= 2 * back:
        f = room[:SEASON_FEATURES]
        experts.season_features(history, t, ahead, back, f)
        opinions[SEASON] = here + f[2]
        increment = experts.inner(memory.season_weights[c, q], f)
        opinions[SEASONAL] = within_reach(memory.channels[c], here + increment)
    for k in range(N_LINEAR):
        increment = experts.inner(bench[k].weights[c, q], bench[k].features[slot])
        opinions[FIRST_LINEAR + k] = within_reach(memory.channels[c], here + increment)
    combine(memory, c, q, slot, rules)


@native
def combine(memory, c, q, slot, rules):
    """Weights ~ power^-sharpness of each expert; bounds from the committee's own errors."""
    opinions = memory.opinions[slot, c, q]
    power = memory.power[c, q]
    best = power[0]
    for k in range(power.shape[0]):
        best = min(best, power[k])
    total = 0.0
    value = 0.0
    for k in range(power.shape[0]):
        weight = ((best + 1e-30) / (power[k] + 1e-30)) ** rules.sharpness
        total += weight
        value += weight * opinions[k]
    value /= total
    trust = memory.trust[c, q]
    memory.issued[slot, c, q, 0] = value
    memory.issued[slot, c, q, 1] = value + trust.low * trust.scale
    memory.issued[slot, c, q, 2] = value + trust.high * trust.scale


@native
def hear(memory, bench, c, value, horizons, rules, report, room):
    """One good value of a settled channel: review, flags, learning."""
    channel = memory.channels[c]
    t = memory.step[0]
    for q in range(horizons.shape[0]):
        if t >= horizons[q]:
            error = review(memory, c, q, horizons[q], value, rules)
            if q == 0:
                s, anomaly, drifting = intervals.judge(channel, error, rules.alarm_rate, rules.drift)
                report[c, I_SURPRISE] = s
                report[c, I_ANOMALY] = 1.0 if anomaly else 0.0
                report[c, I_DRIFT] = 1.0 if drifting else 0.0
            learn(memory, bench, c, q, horizons[q], value, rules, room)
    channel.n += 1
    rate = max(1.0 / season.PATIENCE, 1.0 / channel.n)
    season.compare(memory.likeness[c], memory.history[c], t, rate)


@native
def look_for_season(memory, c, rules):
    """Once in a while: has the channel a season, or another one?"""
    channel = memory.channels[c]
    found, strength = season.find(memory.likeness[c], channel.n, channel.season, rules.season_strength)
    channel.season_strength = strength
    if found != channel.season:
        channel.season = found
        for q in range(memory.season_weights.shape[1]):
            experts.reset_season(memory.season_weights[c, q], memory.season_precision[c, q])


@native
def publish(memory, c, slot, value, issued, opinions):
    """Forecasts of a channel in its own unit; until it has settled, its last value. A signal that has been refused
    STRANGE times in a row is forecast to stay where it is.
    """
    channel = memory.channels[c]
    shift = 0.0
    if channel.n_strange >= STRANGE:
        shift = value - channel.origin - channel.unit * memory.history[c, memory.step[0] & (HISTORY - 1)]
    rounding = ROUNDING * (abs(channel.origin) + channel.unit)
    for q in range(issued.shape[0]):
        for j in range(3):
            issued[q, j] = channel.origin + channel.unit * memory.issued[slot, c, q, j] + shift
        issued[q, 1] -= rounding
        issued[q, 2] += rounding
        for k in range(opinions.shape[1]):
            opinions[q, k] = channel.origin + channel.unit * memory.opinions[slot, c, q, k]
        if channel.settled == 0:
            issued[q, 0] = channel.last
            issued[q, 1] = math.nan
            issued[q, 2] = math.nan
            opinions[q] = channel.last


@entry
def run(values, good, heard, is_sample, states, memory, bench, lags, horizons, rules, room, issued, opinions, report):
    """Advance by the rows of a chunk; fills ``issued`` (n, C, H, 3), ``opinions`` and ``report`` (n, C, 4).

    What is good but was not ``heard`` by the network is a fault of the sensor, as a glitch is, until it has stayed.
    """
    n_channels = values.shape[1]
    mask = HISTORY - 1
    for i in range(values.shape[0]):
        if not is_sample[i]:
            continue
        t = memory.step[0]
        for c in range(n_channels):
            channel = memory.channels[c]
            usable = heard[i, c]
            if channel.settled == 0:
                if usable:
                    channel.last = values[i, c]
                    settle(memory, c, values[i, c])
                continue
            value = (values[i, c] - channel.origin) / channel.unit
            usable = usable and not is_glitch(memory, c, value, rules)
            if not usable:
                value = memory.issued[(t - 1) % memory.issued.shape[0], c, 0, 0]
            channel.n_strange = channel.n_strange + 1 if good[i, c] and not usable else 0
            if channel.n_strange > 0:
                report[i, c, I_ANOMALY] = 1.0
            if usable and value != memory.history[c, (t - 1) & mask]:
                unit = outgrown(channel, value)
                if unit >= 0.0:
                    begin_again(memory, bench, lags, c, n_channels, rules)
                    channel.last = values[i, c]
                    channel.unit = unit
                    settle(memory, c, values[i, c])
                    continue
            memory.history[c, t & mask] = value
            if usable:
                channel.last = values[i, c]
                hear(memory, bench, c, value, horizons, rules, report[i], room)
            if t % SEASON_EVERY == 0:
                look_for_season(memory, c, rules)
            report[i, c, I_SEASON] = channel.season
        remember(memory, bench, lags, states[i], n_channels)
        slot = t % memory.issued.shape[0]
        experts.gain(bench[0], slot, rules.short_memory, rules.linear_prior)
        experts.gain(bench[1], slot, rules.long_memory, rules.linear_prior)
        experts.gain(bench[2], slot, rules.cautious_memory, rules.cautious_prior)
        experts.gain(bench[3], slot, rules.bold_memory, rules.bold_prior)
        for c in range(n_channels):
            for q in range(horizons.shape[0]):
                forecast(memory, bench, c, q, horizons[q], rules, room)
            publish(memory, c, slot, values[i, c], issued[i, c], opinions[i, c])
        memory.step[0] += 1
