"""The units of what an agent sees and gets, learned on the way (Welford 1962), and kept in the State.

    z = clip((o - mean)/deviation, +-clip)             every observation
    z = clip((o(t) - o(t-1) - mean)/deviation, +-clip)     its change, if the agent senses transients
    r / deviation of the discounted running sum of rewards

The mean of rewards stays: what is bad must remain bad.
"""

from __future__ import annotations

import math

from trophic.engines.native import inlined, native


@inlined
def observe(channel, value):
    """Welford's running mean and sum of squares."""
    channel.n += 1.0
    difference = value - channel.mean
    channel.mean += difference / channel.n
    channel.sum_square += difference * (value - channel.mean)


@inlined
def deviation(channel):
    """The sample standard deviation; 1 before there are two samples."""
    variance = channel.sum_square / (channel.n - 1.0) if channel.n > 1.0 else 1.0
    return math.sqrt(variance + 1e-8)


@inlined
def scaled(channel, value, clip):
    """A value in the units of its channel."""
    return min(clip, max(-clip, (value - channel.mean) / deviation(channel)))


@native
def normalise(net, observation, row, transients, horizon, learning, first, rules):
    """Inputs z of an observation into ``net.z[row]``; counts it, if ``learning``; ``first`` of an episode or not."""
    d = observation.shape[0]
    z = net.z[row]
    for c in range(d):
        channel = net.channels[c]
        if learning:
            observe(channel, observation[c])
        z[c] = scaled(channel, observation[c], rules.input_clip)
        if transients:
            change = net.channels[d + c]
            if first:
                z[d + c] = 0
            else:
                step = observation[c] - channel.previous
                if learning:
                    observe(change, step)
                z[d + c] = scaled(change, step, rules.input_clip)
        channel.previous = observation[c]
    if horizon > 0:
        z[z.shape[0] - 2] = net.shared[0].age / horizon - 0.5
    z[z.shape[0] - 1] = 1


@native
def reward_unit(net, reward, ended, rules):
    """The reward in units of the deviation of the discounted running sum of rewards."""
    shared = net.shared[0]
    channel = net.channels[net.channels.shape[0] - 1]
    shared.inflow = rules.discount * shared.inflow * (0.0 if ended else 1.0) + reward
    observe(channel, shared.inflow)
    return reward / deviation(channel)
