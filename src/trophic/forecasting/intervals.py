"""How sure a forecast is: adaptive conformal bounds, surprise, anomalies and drift (Numba)."""

from __future__ import annotations

import math
from statistics import NormalDist

from trophic.engines.native import native

SCALE_RATE = 0.03
FIRST_BOUND = 2.0  # bounds of the first interval, in mean absolute errors
FAST, SLOW = 0.02, 0.001  # rates of the short and the long memory of the error power
FEW = 20  # errors that say nothing yet
EXACT = 1e-9  # units: errors that are rounding, and say nothing either
WARM_UP = 100  # good samples before there are anomalies
ALARM_STEP = 0.25  # nats by which the threshold of anomalies rises at each
TAIL = 4.0  # degrees of freedom of the error's distribution


@native
def widen(trust, error, above, below, ahead, coverage, rate):
    """Adaptive conformal bounds: each moves at every miss, so that it misses (1 - coverage)/2 in the long run.

    Gibbs and Candes, Adaptive conformal inference under distribution shift, NeurIPS 2021; here in the form that
    tracks the quantile itself (Angelopoulos, Candes and Tibshirani, Conformal PID control, NeurIPS 2023), in units of
    the running mean absolute error. No assumption on the errors is needed for the long-run coverage. A miss is one of
    the bounds that were issued, ``ahead`` samples ago: what is corrected now shows only as many samples later, and
    errors that far ahead come in runs as long, so steps are shorter by as much.
    """
    trust.n += 1
    step = 10.0 * max(rate, 0.25 / (1.0 + trust.n)) / ahead
    miss = 0.5 * (1.0 - coverage)
    trust.high += step * ((1.0 if above else 0.0) - miss)
    trust.low -= step * ((1.0 if below else 0.0) - miss)
    trust.high = max(trust.high, trust.low)
    trust.covered += ((0.0 if above or below else 1.0) - trust.covered) / trust.n
    pace = max(SCALE_RATE, 1.0 / trust.n)
    # an outlier counts as one of twenty errors, or as the usual error, which a scale that has died down grows again by
    limit = max(20.0 * trust.scale, math.sqrt(trust.power)) if trust.n > FEW else abs(error)
    trust.scale += pace * (min(abs(error), limit) - trust.scale)
    trust.power += (error * error - trust.power) / trust.n


@native
def doubt(trust):
    """Nothing is known about the errors of a forecast."""
    trust.n = 0
    trust.scale = 0.0
    trust.covered = 0.0
    trust.power = 0.0
    trust.low = -FIRST_BOUND
    trust.high = FIRST_BOUND


def first_threshold(alarm_rate: float) -> float:
    """Surprise, in nats, that one error in ``1 / alarm_rate`` exceeds if errors are normal: where `judge` begins."""
    return (TAIL + 1.0) / 2.0 * math.log1p(NormalDist().inv_cdf(1.0 - alarm_rate / 2.0) ** 2 / TAIL)


@native
def surprise(channel, error):
    """Nats by which the error is less likely than none, under a Student t of TAIL degrees of freedom.

    0 while too few errors are known to tell.
    """
    if channel.n < FEW:
        return 0.0
    power = channel.slow_power + 1e-300
    return 0.5 * (TAIL + 1.0) * math.log1p(error * error / (TAIL * power))


@native
def judge(channel, error, alarm_rate, drift):
    """Surprise, anomaly flag and drift flag of one error; updates what they are measured against.

    The threshold is a running quantile, so that one sample in 1/alarm_rate is an anomaly whatever the errors'
    distribution. Drift is error power, of errors cut at three deviations, above its long-term mean.
    """
    s = surprise(channel, error)
    n = channel.n
    is_anomaly = n > WARM_UP and s > channel.threshold
    if is_anomaly:
        channel.threshold += ALARM_STEP * (1.0 - alarm_rate)
    elif n > WARM_UP:
        channel.threshold = max(1.0, channel.threshold - ALARM_STEP * alarm_rate)
    power = error * error
    limit = 9.0 * channel.slow_power if n > FEW and channel.slow_power > EXACT * EXACT else power
    channel.fast_power += max(FAST, 1.0 / (1.0 + n)) * (min(power, limit) - channel.fast_power)
    channel.slow_power += max(SLOW, 1.0 / (1.0 + n)) * (min(power, limit) - channel.slow_power)
    drifting = n > 200 and channel.fast_power > (0.5 if channel.in_drift > 0 else 1.0) * drift * channel.slow_power
    channel.n_drifts += 1 if drifting and channel.in_drift == 0 else 0
    channel.in_drift = 1 if drifting else 0
    channel.n_anomalies += 1 if is_anomaly else 0
    channel.surprise = s
    return s, is_anomaly, drifting
