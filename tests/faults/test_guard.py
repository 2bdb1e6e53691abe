"""The guard against a sample-by-sample reference in exact arithmetic, and against broken clocks."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trophic
from trophic.runtime.clock import Clock
from trophic.runtime.contract import Chunk
from trophic.runtime.guard import admit

NAN = math.nan
# Mostly good samples and stamps: runs of late ones must occur, and bad ones among them.
BAD = {0: NAN, 1: math.inf, 2: -math.inf}
values = st.integers(0, 12).map(lambda n: BAD.get(n, 1e35 if n == 3 else n / 4))
stamps = st.integers(0, 40).map(lambda n: BAD.get(n, n / 8 - 2))
sizes_of_chunks = st.lists(st.integers(1, 7), max_size=8)


def feed(clock: Clock, chunk: Chunk, sizes: list[int]) -> list[np.ndarray]:
    """values, dt_s, times_s and absolute index of all good samples of channel 0."""
    parts = []
    for piece in chunk.split(sizes):
        admitted = admit(clock, piece)
        parts.append((*admitted[:3], admitted.position + piece.first_sample))
        clock.tick(piece)
    return [np.concatenate(column) for column in zip(*parts)]


def regular(signal: list[float], **other: Any) -> Chunk:
    return Chunk(np.array(signal)[:, None], sample_period_s=0.1, **other)


@given(st.lists(values, min_size=1, max_size=40), sizes_of_chunks)
def test_regular_intervals_are_index_differences_times_the_period(signal: list[float], sizes: list[int]) -> None:
    clock = Clock.new()
    got, dt_s, times_s, index = feed(clock, regular(signal, start_time_s=3.0), sizes)
    good = [i for i, x in enumerate(signal) if math.isfinite(x)]
    assert index.tolist() == good
    assert got.tolist() == [signal[i] for i in good]
    steps = [b - a for a, b in pairwise(good)]
    period = Fraction(0.1)
    assert dt_s.tolist() == [float(period * n) for n in ([1, *steps] if good else [])]
    assert times_s.tolist() == [3.0 + float(period * i) for i in good]
    assert (int(clock.n_bad[0]), int(clock.n_late[0])) == (len(signal) - len(good), 0)
    assert int(clock.n_gaps[0]) == sum(n > 1 for n in steps) + bool(good and good[0] > 0)


@settings(max_examples=400)
@given(st.lists(st.tuples(values, stamps), min_size=4, max_size=40), sizes_of_chunks)
def test_irregular_samples_must_come_in_order(samples: list[tuple[float, float]], sizes: list[int]) -> None:
    clock = Clock.new()
    signal, times = np.array(samples).T
    got, dt_s, times_s, index = feed(clock, Chunk(signal[:, None], times_s=times), sizes)
    good: list[int] = []
    n_bad = n_late = 0
    for i, (x, t) in enumerate(samples):
        if not (math.isfinite(x) and math.isfinite(t)):
            n_bad += 1
        elif good and t <= samples[good[-1]][1]:
            n_late += 1
        else:
            good.append(i)
    assert index.tolist() == good
    assert got.tolist() == [samples[i][0] for i in good]
    expected = [samples[i][1] for i in good]
    assert times_s.tolist() == expected
    assert dt_s.tolist() == [b - a for a, b in zip(expected[:1] + expected, expected)]
    assert (int(clock.n_bad[0]), int(clock.n_late[0])) == (n_bad, n_late)


def test_one_channel_s_bad_sample_is_nobody_else_s() -> None:
    clock = Clock.new(2)
    chunk = Chunk(np.array([[1.0, NAN], [2.0, 5.0]]), sample_period_s=0.5)
    assert admit(clock, chunk, 0).values.tolist() == [1.0, 2.0]
    assert admit(clock, chunk, 1).values.tolist() == [5.0]
    assert clock.n_bad.tolist() == [0, 1]
    assert clock.first_time_s.tolist() == [0.0, 0.5]


def test_intervals_stay_exact_where_time_stamps_no_longer_resolve_a_sample() -> None:
    clock = Clock.new()
    far = 2**55
    clock.n_samples[0] = far
    clock.last_index[0] = far - 3
    clock.last_time_s[0] = float(far - 3) * 0.1
    admitted = admit(clock, regular([1.0, 1.0], first_sample=far))
    assert admitted.dt_s.tolist() == [3 * 0.1, 0.1]


@pytest.mark.parametrize("first_sample", [0, 4, 6])
def test_a_chunk_out_of_turn_is_refused_before_anything_changes(first_sample: int) -> None:
    clock = Clock.new()
    feed(clock, regular([1.0] * 5), [])
    before = clock.copy()
    with pytest.raises(ValueError, match=f"first_sample must be 5.*got {first_sample}; feed the chunks in order"):
        admit(clock, regular([1.0], first_sample=first_sample))
    assert clock.equals(before)


def test_a_changed_time_base_or_channel_count_is_refused() -> None:
    clock = Clock.new()
    feed(clock, regular([1.0] * 5), [])
    before = clock.copy()
    with pytest.raises(ValueError, match=r"sample 4 was at 0.4 s, but sample_period_s=0.2 .* put it at 0.8 s"):
        admit(clock, Chunk(np.ones((1, 1)), first_sample=5, sample_period_s=0.2))
    with pytest.raises(ValueError, match=r"start_time_s=1.0 put it at 1.4 s"):
        admit(clock, regular([1.0], first_sample=5, start_time_s=1.0))
    with pytest.raises(ValueError, match="values has 2 channels, this state has 1"):
        admit(clock, Chunk(np.ones((1, 2)), first_sample=5, sample_period_s=0.1))
    assert clock.equals(before)
    with pytest.raises(ValueError, match="n_channels must be >= 1, got 0"):
        Clock.new(0)


def test_a_period_of_single_precision_is_the_same_period_in_every_chunk() -> None:
    clock = Clock.new()
    period_s: Any = np.float32(0.1)
    times_s = feed(clock, Chunk(np.ones((6, 1)), sample_period_s=period_s), [2, 3])[2]
    assert times_s.tolist() == [i * float(period_s) for i in range(6)]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            {"values": np.ones(3), "sample_period_s": 1.0},
            r"got ndarray of shape \(3,\); for one channel pass x\[:, None\]",
        ),
        ({"values": [[1.0]], "sample_period_s": 1.0}, "must be an array .* got list"),
        ({"values": np.ones((3, 1))}, "give exactly one of sample_period_s"),
        ({"values": np.ones((3, 1)), "sample_period_s": 1.0, "times_s": np.arange(3.0)}, "give exactly one"),
        ({"values": np.ones((3, 1)), "times_s": np.arange(2.0)}, r"shape \(3,\), got shape \(2,\)"),
        ({"values": np.ones((3, 1)), "sample_period_s": 0.0}, "in .0, inf. seconds, got 0.0"),
        ({"values": np.ones((3, 1)), "sample_period_s": NAN}, "in .0, inf. seconds, got nan"),
        ({"values": np.ones((3, 1)), "sample_period_s": 1.0, "start_time_s": math.inf}, "start_time_s must be finite"),
    ],
)
def test_a_malformed_chunk_says_what_to_do(arguments: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Chunk(**arguments)


MODELS = (trophic.Ecology(5, 400), trophic.Network(n_blocks=2, block_size=4), trophic.Novelty())


@pytest.mark.parametrize("model", MODELS)
def test_marks_for_missing_pass_no_gate(model: Any) -> None:
    """Also a model that is fed by hand takes 9.97e36 for what it is: no sample."""
    x = np.sin(0.3 * np.arange(400))[:, None]
    marked, missing = x.copy(), x.copy()
    marked[[100, 101, 250], 0] = 9.96921e36, -1e38, np.inf
    missing[[100, 101, 250], 0] = np.nan
    states = [model.init(), model.init()]
    for state, values in zip(states, (marked, missing)):
        model.advance(state, Chunk(values, sample_period_s=1e-3))
    assert states[0].equals(states[1])
    assert states[0].clock.n_bad[0] == 3
