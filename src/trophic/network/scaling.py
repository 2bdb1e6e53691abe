"""The unit of every channel: running mean and variance, and the origin and unit that are in use.

    scaled = (value - origin)/unit

The running moments move with every good sample; what is in use moves rarely, because every move asks the readout to
learn anew: at samples 1, 2, 4 .. 256 and afterwards when the mean is a unit away or the deviation has changed by a
factor of two. A move leaves every prediction of the readout from the inputs where it was, in the signal's units. A
target that is no input changes the units of its head alone: the other heads keep what they know.

One spike of 1e4 would make the unit a hundred times too large for as long as the moments remember. So a value further
than ``far`` units from the origin is taken for a fault of the sensor, and as missing, until such values outnumber the
others by ``patience``; then the signal is another one, and the moments begin anew. Before that can be told, in the
first samples, it is heard as ``far`` and no further. What spoilt the start is forgotten at samples 8, 16 .. 256, if the
second half of what was heard says that it was that. A constant has no unit: until a second value comes, the first is
counted once. A value that comes again and again (a sensor that is stuck or off) would take the unit down without end,
so after 256 times it is not counted.
"""

from __future__ import annotations

import math

from trophic.engines.native import inlined, native
from trophic.network import credit, readout
from trophic.network.layout import X

SETTLE = 16  # samples of a channel before its unit is worth anything
SPOILT = 30.0  # deviation of all that was heard at first, over that of its second half, that only a fault explains
WATCHED = 64  # samples of a channel before any is taken for a fault
FLAT = 256  # times that a value comes again, after which it says nothing about the unit


@inlined
def is_far(channel, value, rules):
    """Whether a value is no measurement of this channel; begins the moments anew if such values have stayed."""
    if channel.n <= WATCHED or channel.variance == 0.0:
        return False
    if abs(value - channel.origin) <= rules.far * channel.unit:
        channel.far = max(channel.far - 1, 0)
        return False
    channel.far += 1
    if channel.far < rules.patience:
        return True
    channel.far = 0
    channel.n = 0
    return False


@inlined
def begin(channel, value):
    """The moments of the second half of what was heard: they count if all of it says thirty times as much.

    True at samples 1, 2, 4 .. 256, where the unit moves.
    """
    half = 1
    while 2 * half < channel.n:
        half *= 2
    n = channel.n - half if channel.n > 1 else 1
    difference = value - channel.half_mean
    channel.half_mean += difference / n
    channel.half_variance = (1.0 - 1.0 / n) * (channel.half_variance + difference * difference / n)
    if channel.n & (channel.n - 1) != 0:
        return False
    if channel.n >= 8 and channel.variance > SPOILT**2 * channel.half_variance > 0.0:
        channel.mean, channel.variance = channel.half_mean, channel.half_variance
    return True


@inlined
def observe(channel, value, rules):
    """The running moments after one sample; True if origin or unit should move. A flat line leaves them alone."""
    channel.flat = channel.flat + 1 if value == channel.last else 0
    channel.last = value
    if channel.flat >= FLAT or (channel.flat > 0 and channel.n == 1):
        return False
    channel.n += 1
    rate = max(rules.scale_rate, 1.0 / channel.n)
    difference = value - channel.mean
    channel.mean += rate * difference
    channel.variance = (1.0 - rate) * (channel.variance + rate * difference * difference)
    if channel.n <= 256:
        return begin(channel, value)
    deviation = proper_unit(channel)
    moved = abs(channel.mean - channel.origin) > channel.unit
    return moved or deviation > 2.0 * channel.unit or deviation < 0.5 * channel.unit


@native
def proper_unit(channel):
    """The running standard deviation; of a constant, its size; of zero, 1."""
    unit = max(math.sqrt(channel.variance), 1e-12 * abs(channel.mean))
    return unit if unit > 0.0 else 1.0


@native
def move_unit(c, net, choice):
    """Channel c takes its running mean and deviation as origin and unit; True if what the features mean has changed."""
    channel = net.channels[c]
    origin, unit = channel.mean, proper_unit(channel)
    ratio, shift = channel.unit / unit, (channel.origin - origin) / unit
    channel.origin = origin
    channel.unit = unit
    if channel.n == 1 or (ratio == 1.0 and shift == 0.0):  # nothing was forecast in the unit before the first
        return False
    real = net.readout.dtype.type
    n_inputs = choice.n_inputs
    n = net.neurons.shape[1]
    bias = n + n_inputs
    n_heads = net.feedback.shape[0]
    head = c - n_inputs if choice.labelled == 1 else c
    if c < n_inputs:
        net.features[n + c] = real(net.features[n + c] * ratio + shift)
    if channel.n <= SETTLE:  # units that may have been absurd have taught nothing
        if head >= 0:
            net.readout[head::n_heads] = 0
            credit.rescale_feedback(net, head, real(0.0))
        if c < n_inputs:
            net.readout[:, n + c] = 0
        return c < n_inputs
    if head >= 0:
        for k in range(net.horizons.shape[0]):
            row = net.readout[k * n_heads + head]
            for q in range(row.shape[0]):
                row[q] *= real(ratio)
            row[bias] += real(shift)
        credit.rescale_feedback(net, head, real(ratio))
    if c < n_inputs:
        for h in range(net.readout.shape[0]):
            net.readout[h, bias] -= real(net.readout[h, n + c] * shift / ratio)
            net.readout[h, n + c] *= real(1.0 / ratio)
    return c < n_inputs


@native
def take_in(row, good, net, choice, rules):
    """Moments, units and scaled values of one sample of all channels; missing ones, and far ones, which ``good`` then
    calls missing too, are left to the caller."""
    moved = False
    for c in range(row.shape[0]):
        if not good[c]:
            continue
        channel = net.channels[c]
        if rules.scale_rate > 0.0:
            if is_far(channel, row[c], rules):
                good[c] = False
                continue
            if observe(channel, row[c], rules):
                moved = move_unit(c, net, choice) or moved
        channel.scaled = (row[c] - channel.origin) / channel.unit
        if rules.scale_rate > 0.0:
            channel.scaled = min(max(channel.scaled, -rules.far), rules.far)
    if moved:
        readout.restart_all(net, rules)
        credit.restart_feedback(net)
        net.neurons[X] = 0  # the transient from rest shows the readout directions that the attractor hardly visits
        net.past[:] = 0
        net.influence[:] = 0
        readout.predict(net)
