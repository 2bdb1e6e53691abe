"""One sample of one channel: how new is it, how rare is that, and what is worth learning (Numba)."""

from __future__ import annotations

import math

import numpy as np

from trophic.engines.native import entry, native
from trophic.novelty import niches as nests
from trophic.novelty import tail
from trophic.novelty.layout import (
    APART,
    DELAY,
    HISTORY,
    LEVEL,
    N_VISITS,
    N_VOICES,
    N_WINDOWS,
    NEW,
    OFFSETS,
    RARE,
    SETTLE,
    WINDOWS,
)

LONGEST = WINDOWS[-1]
FAR = 1e12  # units: a value further away is as new as this


@entry
def run(
    values, good, channels, voices, peaks, covers, niches, visits, history, recent, winners, settling, rules, response,
    novelty,
):  # fmt: skip
    """Consume values, shape (n, C); fills response, (n, C), decades, and novelty, (n, C, N_VOICES), in units."""
    room = (np.empty(visits.shape[2]), np.empty(N_VISITS), np.empty(N_VISITS, np.int64))
    for c in range(values.shape[1]):
        channel = channels[c]
        memory = (voices[c], peaks[c], covers[c], niches[c], visits[c], history[c], recent[c], winners[c])
        for i in range(values.shape[0]):
            if not good[i, c]:
                continue
            x = values[i, c]
            if channel.settled:
                response[i, c] = hear(x, channel, memory, room, rules, novelty[i, c])
                continue
            response[i, c] = 0.0
            novelty[i, c] = 0.0
            settling[c, channel.n] = x
            channel.n += 1
            if channel.n == SETTLE:
                settle(channel, np.sort(settling[c]))
                for k in range(SETTLE):
                    hear(settling[c, k], channel, memory, room, rules, novelty[i, c])


@native
def settle(channel, ordered):
    """Zero and unit of a channel: median and interquartile range of its first samples, or what there is of a spread."""
    n = ordered.size
    channel.origin = 0.5 * (ordered[n // 2 - 1] + ordered[n // 2])
    channel.unit = ordered[(3 * n) // 4] - ordered[n // 4]
    if channel.unit <= 0.0:
        channel.unit = ordered[n - 1] - ordered[0]
    if channel.unit <= 0.0:
        channel.unit = max(1e-2 * abs(channel.origin), 1e-300)
    channel.n = 0
    channel.settled = 1


@native
def hear(x, channel, memory, room, rules, novelty):
    """The response to one good sample, in decades; ``novelty``, shape (N_VOICES,), is filled.

    A value that has not changed for as long as the longest pattern teaches nothing more: a dead
    sensor is no new normal.
    """
    voices, peaks, covers, niches, visits, history, recent, winners = memory
    u = min(max((x - channel.origin) / channel.unit, -FAR), FAR)
    channel.repeats = channel.repeats + 1 if x == channel.last and channel.n > 0 else 0
    channel.last = x
    is_alive = channel.repeats < LONGEST
    end = channel.n
    channel.n += 1
    channel.n_alive += is_alive
    history[end & (HISTORY - 1)] = u
    for q in range(N_WINDOWS):
        nest = nests.Nest(covers[q], niches, visits[q], visits.shape[1] * OFFSETS[q], WINDOWS[q], APART[q])
        novelty[NEW + q], novelty[RARE + q] = recognise(nest, end, history, recent[q], winners[q], room, is_alive)
        learn(nest, end - DELAY[q], history, recent[q], winners[q], room, voices[NEW + q].usual)
        voices[NEW + q].usual += (novelty[NEW + q] - voices[NEW + q].usual) / (end + 1.0)
    novelty[LEVEL] = move_level(channel, u, is_alive, rules)
    new, rare = 0.0, 0.0
    for v in range(N_VOICES):
        evidence = tail.evidence(voices[v], peaks[v], novelty[v], channel.n, rules)
        new += evidence if v < RARE or v == LEVEL else 0.0
        rare += evidence if v >= RARE else 0.0
        if is_alive:
            tail.remember(voices[v], peaks[v], novelty[v], rules)
    return habituate(channel, min(max(new, rare), rules.saturation), rules)


@native
def recognise(nest, end, history, recent, winners, room, is_alive):
    """Root mean square distances of the pattern that ends now to its nearest and its fourth visit; 0 while there is
    none. ``recent`` keeps the first until the pattern has settled, or -1 if it is not to be learned.
    """
    w = nest.w
    gaps, near, times = room
    now = end & (HISTORY - 1)
    if end + 1 < w:
        recent[now] = -1.0
        return 0.0, 0.0
    winners[now] = nests.recall(nest, history, end, gaps, near, times)
    recent[now] = math.sqrt(near[0] / w) if is_alive else -1.0
    new = math.sqrt(near[0] / w) if near[0] < math.inf else 0.0
    rare = math.sqrt(near[N_VISITS - 1] / w) if near[N_VISITS - 1] < math.inf else 0.0
    return new, rare


@native
def learn(nest, end, history, recent, winners, room, usual):
    """The pattern that ended at ``end``, by now settled, visits the niche that was nearest to it or founds its own."""
    _, _, times = room
    settled = end & (HISTORY - 1)
    if end < 0 or recent[settled] < 0.0:
        return
    if recent[settled] > nest.cover.radius:
        if nests.found(nest, history, end, usual, times):
            winners[:] = -1
    elif winners[settled] >= 0:
        nests.visit(nest, winners[settled], end)


@native
def move_level(channel, u, is_alive, rules):
    """How far the level of the last hundred samples has left that of the last five hundred."""
    if is_alive:
        channel.level_fast += max(rules.fast, 1.0 / channel.n) * (u - channel.level_fast)
        channel.level_slow += max(rules.slow, 1.0 / channel.n) * (u - channel.level_slow)
    return abs(channel.level_fast - channel.level_slow)


@native
def habituate(channel, evidence, rules):
    """What of the evidence is more than the fading memory of the last response (Thompson and Spencer, Psychol. Rev. 73,
    1966). It fades more slowly the longer the stream is known, a dead sensor's time not counted: the chance that
    something is new falls as 1/n.
    """
    channel.since += 1
    fade = max(rules.habituation_min, rules.habituation * channel.n_alive)
    masked = channel.response * math.exp(-channel.since / fade)
    if evidence <= masked:
        return 0.0
    channel.response = evidence
    channel.since = 0
    return evidence - masked
