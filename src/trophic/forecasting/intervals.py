"""How sure a forecast is: adaptive conformal bounds, surprise, anomalies and drift (Numba)."""

from __future__ import annotations

import math

from trophic.engines.native import native

SCALE_RATE = 0.01
FAST, SLOW = 0.02, 0.001  # rates of the short and the long memory of the error power
TAIL = 4.0  # degrees of freedom of the error's distribution


@native
def widen(trust, error, coverage, rate):
    """Adaptive conformal bounds: each moves at every miss, so that it misses (1 - coverage)/2 in the long run.

    Gibbs and Candes, Adaptive conformal inference under distribution shift, NeurIPS 2021; here in the form that
    tracks the quantile itself (Angelopoulos, Candes and Tibshirani, Conformal PID control, NeurIPS 2023), in units of
    the running mean absolute error. No assumption on the errors is needed for the long-run coverage.
    """
    trust.n += 1
    step = max(rate, 0.5 / (1.0 + trust.n))
    r = error / (trust.scale + 1e-300)
    miss = 0.5 * (1.0 - coverage)
    above = 1.0 if r > trust.high else 0.0
    below = 1.0 if r < trust.low else 0.0
    trust.high += step * 10.0 * (above - miss)
    trust.low -= step * 10.0 * (below - miss)
    trust.high = max(trust.high, trust.low)
    trust.covered += (1.0 - above - below - trust.covered) / trust.n
    pace = max(SCALE_RATE, 1.0 / trust.n)
    trust.scale += pace * (min(abs(error), 20.0 * trust.scale if trust.n > 20 else abs(error)) - trust.scale)
    trust.power += (error * error - trust.power) / trust.n


@native
def surprise(channel, error):
    """Nats by which the error is less likely than none, under a Student t with 4 degrees of freedom."""
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
    is_anomaly = s > channel.threshold and n > 100
    rate = max(0.5 * alarm_rate, 1.0 / (1.0 + n)) * 50.0
    if s > channel.threshold:
        channel.threshold += rate * (1.0 - alarm_rate) * 10.0
    else:
        channel.threshold = max(1.0, channel.threshold - rate * alarm_rate * 10.0)
    power = error * error
    limit = 9.0 * channel.slow_power if n > 20 else power
    channel.fast_power += max(FAST, 1.0 / (1.0 + n)) * (min(power, limit) - channel.fast_power)
    channel.slow_power += max(SLOW, 1.0 / (1.0 + n)) * (min(power, limit) - channel.slow_power)
    drifting = n > 200 and channel.fast_power > (0.5 if channel.in_drift > 0 else 1.0) * drift * channel.slow_power
    channel.n_drifts += 1 if drifting and channel.in_drift == 0 else 0
    channel.in_drift = 1 if drifting else 0
    channel.n_anomalies += 1 if is_anomaly else 0
    channel.surprise = s
    return s, is_anomaly, drifting
