"""One sample of one channel: how new is it, how rare is that, and what is worth learning (Numba)."""

from __future__ import annotations

import math

import numpy as np

from trophic.engines.native import entry, native
from trophic.novelty import niches as nest
from trophic.novelty import tail
from trophic.novelty.layout import COMPRESSED, DELAY, HISTORY, LEVEL, N_VOICES, N_WINDOWS, OFFSETS, SETTLE, WINDOWS

LONGEST = WINDOWS[-1]
FAR = 1e12  # units: a value further away is as new as this


@entry
def run(values, good, channels, voices, peaks, covers, niches, history, recent, settling, rules, response, novelty):
    """Consume values, shape (n, C); fills response, (n, C), decades, and novelty, (n, C, N_VOICES), in units."""
    capacity = niches.shape[1] // OFFSETS[N_WINDOWS]
    for c in range(values.shape[1]):
        channel = channels[c]
        for i in range(values.shape[0]):
            if not good[i, c]:
                continue
            x = values[i, c]
            if channel.settled:
                response[i, c] = hear(
                    x, channel, voices[c], peaks[c], covers[c], niches[c], capacity, history[c], recent[c], rules,
                    novelty[i, c],
                )  # fmt: skip
                continue
            response[i, c] = 0.0
            novelty[i, c] = 0.0
            settling[c, channel.n] = x
            channel.n += 1
            if channel.n == SETTLE:
                settle(channel, np.sort(settling[c]))
                for k in range(SETTLE):
                    hear(
                        settling[c, k], channel, voices[c], peaks[c], covers[c], niches[c], capacity, history[c],
                        recent[c], rules, novelty[i, c],
                    )  # fmt: skip


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
def hear(x, channel, voices, peaks, covers, niches, capacity, history, recent, rules, novelty):
    """The response to one good sample, in decades; ``novelty``, shape (N_VOICES,), is filled.

    A value that has not changed for as long as the longest pattern teaches nothing more: a dead
    sensor is no new normal.
    """
    u = min(max((x - channel.origin) / channel.unit, -FAR), FAR)
    channel.repeats = channel.repeats + 1 if x == channel.last and channel.n > 0 else 0
    channel.last = x
    is_alive = channel.repeats < LONGEST
    end = channel.n
    channel.n += 1
    history[0, end & (HISTORY - 1)] = u
    history[1, end & (HISTORY - 1)] = math.asinh(u)
    for q in range(N_WINDOWS):
        novelty[q] = recognise(q, end, voices[q], covers[q], niches, capacity, history, recent[q])
    novelty[LEVEL] = move_level(channel, u, is_alive, rules)
    total = 0.0
    for q in range(N_VOICES):
        total += tail.evidence(voices[q], peaks[q], novelty[q], channel.n, rules)
        if is_alive:
            tail.remember(voices[q], peaks[q], novelty[q], rules)
    return habituate(channel, total, rules)


@native
def recognise(q, end, voice, cover, niches, capacity, history, recent):
    """Distance of the pattern that ends now to all that have settled; then one that is DELAY old may settle."""
    w = WINDOWS[q]
    base = capacity * OFFSETS[q]
    heard = history[1] if COMPRESSED[q] else history[0]
    mask = HISTORY - 1
    distance = nest.nearest(cover, niches, base, heard, end, w) if end + 1 >= w else math.inf
    recent[end & mask] = distance
    old = end - DELAY[q]
    if old + 1 >= w and recent[old & mask] > cover.radius:
        nest.found(cover, niches, base, capacity, heard, old, w, voice.usual)
    if distance == math.inf:
        return 0.0
    voice.usual += (distance - voice.usual) / (end + 1.0)
    return distance


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
    1966). It fades more slowly the longer the stream is known: the chance that something is new falls as 1/n.
    """
    channel.since += 1
    fade = max(rules.habituation_min, rules.habituation * channel.n)
    masked = channel.response * math.exp(-channel.since / fade)
    if evidence <= masked:
        return 0.0
    channel.response = evidence
    channel.since = 0
    return evidence - masked
