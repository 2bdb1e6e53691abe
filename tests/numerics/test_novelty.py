"""Novelty: niches against brute force, tails against closed forms, and what must and must not raise an alarm."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import nab

import trophic
from trophic.novelty.layout import APART, DELAY, N_PEAKS, N_VISITS, NEW, RARE, SETTLE, VOICE, WINDOWS
from trophic.novelty.tail import evidence


def listen(x: np.ndarray, **parameters: object) -> tuple[object, object]:
    model = trophic.Novelty(**parameters)
    state = model.init()
    return state, model.advance(state, trophic.Chunk(np.asarray(x, float)[:, None], sample_period_s=1.0))


@pytest.fixture
def rhythm() -> np.ndarray:
    rng = np.random.default_rng(3)
    return np.sin(2 * np.pi * np.arange(4000) / 50) + 0.1 * rng.normal(size=4000)


def separate_visits(gaps: np.ndarray, apart: int) -> np.ndarray:
    """Distances of the nearest occurrences, each more than ``apart`` samples from all nearer ones."""
    times: list[int] = []
    for time in np.argsort(gaps, kind="stable"):
        if all(abs(time - other) > apart for other in times):
            times.append(int(time))
    return gaps[times]


def test_niches_give_the_distance_to_what_was_seen_once_and_four_times() -> None:
    x = np.random.default_rng(0).normal(size=600).cumsum()
    state, info = listen(x, capacity=4096)
    unit = state.channels["unit"][0]
    for q, w in enumerate(WINDOWS):
        for end in (400, 599):
            ends = range(w - 1, end - DELAY[q] + 1)
            patterns = np.stack([x[e - w + 1 : e + 1] for e in ends])
            gaps = np.sqrt(((patterns - x[end - w + 1 : end + 1]) ** 2).mean(axis=1)) / unit
            brute = separate_visits(gaps, APART[q])
            assert info.novelty[end, 0, NEW + q] == pytest.approx(brute[0], rel=1e-9)
            assert info.novelty[end, 0, RARE + q] == pytest.approx(brute[N_VISITS - 1], rel=1e-9)


def test_few_niches_are_right_to_within_their_radius(rhythm: np.ndarray) -> None:
    """A niche of a niche: radii add when they double. The fourth visit once there are far more than four."""
    few_state, few = listen(rhythm, capacity=64)
    _, all_ = listen(rhythm, capacity=4096)
    for q in range(len(WINDOWS)):
        radius = few_state.covers["radius"][0, q]
        assert few_state.covers["n"][0, q] <= 64
        excess = (few.novelty - all_.novelty)[SETTLE:, 0, NEW + q]
        assert excess.min() > -1e-9
        assert excess.max() <= 2.0 * radius + 1e-9
        rare = (few.novelty - all_.novelty)[1000:, 0, RARE + q]
        assert np.abs(rare).max() <= 2.0 * radius + 1e-9


def test_what_came_once_is_not_new_but_rare(rhythm: np.ndarray) -> None:
    """A dip that comes again is as near to its first coming as noise allows; only the fourth coming makes it common."""
    x = rhythm.copy()
    comings = 1500 + 400 * np.arange(6)
    for begin in comings:
        x[begin : begin + 40] -= 4.0
    _, info = listen(x, capacity=4096)
    new, rare = (info.novelty[comings + 30, 0, first + 2] for first in (NEW, RARE))
    assert new[0] > 1.0
    assert (new[1:] < 0.2).all()
    assert (rare[:4] > 1.0).all()
    assert (rare[4:] < 0.2).all()
    alarms = np.flatnonzero(info.alarm[:, 0])
    assert all(((alarms >= begin) & (alarms < begin + 60)).any() for begin in comings[:2])


def test_evidence_is_the_tail_probability_of_a_pareto_law() -> None:
    rng = np.random.default_rng(1)
    model = trophic.Novelty()
    rules, xi, errors = model._constants(), 0.5, []
    for _ in range(200):
        sample = np.sort(rng.random(20_000) ** -xi)
        voice = np.zeros(1, dtype=VOICE).view(np.recarray)
        voice["n_peaks"] = N_PEAKS
        v = 2.0 * sample[-1]
        got = evidence(voice[0], sample[-N_PEAKS:].copy(), v, len(sample), rules)
        errors.append(got - np.log10(v) / xi)  # P(V > v) = v^(-1/xi)
    # Hill's estimate from ten peaks scatters by a third, and is a little low: half a decade of bias is allowed
    assert abs(np.mean(errors)) < 5 * np.std(errors) / np.sqrt(len(errors)) + 0.5
    assert np.std(errors) < 1.5


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("spike", lambda x: np.concatenate([x[:1], x[1:] + 3])),
        ("dead sensor", lambda x: np.zeros_like(x)),
        ("wrong phase", lambda x: -x),
        ("step", lambda x: x + 2),
    ],
)
def test_what_was_never_heard_raises_an_alarm(name: str, change: object, rhythm: np.ndarray) -> None:
    x = rhythm.copy()
    x[3000:3040] = change(x[3000:3040])
    _, info = listen(x)
    _, clean = listen(rhythm)
    alarms = np.flatnonzero(info.alarm[:, 0])
    assert ((alarms >= 3000) & (alarms < 3100)).any(), name
    assert not clean.alarm[2990:3100].any()


def test_a_known_rhythm_raises_few_alarms() -> None:
    """Rhythms in heavy-tailed noise, 20 draws of 3,500 samples: about 1.3 alarms in 1,000, and never 2 on average."""
    n_alarms = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = np.sin(2 * np.pi * np.arange(4000) / 50) + 0.3 * rng.standard_t(4, size=4000)
        n_alarms.append(int(listen(x)[1].alarm[500:].sum()))
    assert np.mean(n_alarms) < 7.0


def test_one_great_event_does_not_mask_the_next(rhythm: np.ndarray) -> None:
    """Because a response saturates; one that does not is still remembered three hundred samples later."""
    x = rhythm.copy()
    x[2000] = 1e9
    x[2300:2340] = 0.0
    heard = {s: listen(x, rules=(("saturation", s),))[1].alarm[:, 0] for s in (7.0, 1e6)}
    assert heard[7.0][2000]
    assert heard[1e6][2000]
    assert heard[7.0][2300:2350].any()
    assert not heard[1e6][2300:2350].any()


def test_a_dead_sensor_is_no_new_normal(rhythm: np.ndarray) -> None:
    """After 100,000 equal samples the rhythm is as familiar, and what is strange as strange, as before."""
    dead = np.full(100_000, rhythm[1999])
    before, after = rhythm[:2000], rhythm[2000:]
    state, _ = listen(np.concatenate([before, dead]))
    twin, _ = listen(before)
    for name in ("level_fast", "level_slow"):
        assert abs(state.channels[name] - twin.channels[name]) < 0.2
    model = trophic.Novelty()
    info = model.advance(state, trophic.Chunk(after[:, None], len(before) + len(dead), sample_period_s=1.0))
    assert info.alarm[60:].sum() <= 2
    spike = model.advance(state, trophic.Chunk(np.array([[9.0]]), state.clock.index, sample_period_s=1.0))
    assert spike.alarm.all()


def test_offset_and_scale_do_not_matter(rhythm: np.ndarray) -> None:
    _, info = listen(rhythm)
    for scale, offset in ((1e-6, 0.0), (1e6, 0.0), (1.0, 1e4)):
        _, other = listen(scale * rhythm + offset)
        np.testing.assert_allclose(other.score, info.score, atol=1e-6)


def test_bad_samples_are_not_heard(rhythm: np.ndarray) -> None:
    x = np.insert(rhythm, [1000, 1500, 1501], [np.nan, np.inf, -np.inf])
    state, info = listen(x)
    _, clean = listen(rhythm)
    good = np.isfinite(x)
    np.testing.assert_array_equal(info.score[good], clean.score)
    assert np.isnan(info.score[~good]).all()
    assert state.clock.n_bad[0] == 3


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"n_channels": 0}, "n_channels must be"),
        ({"capacity": 3}, "capacity must be an integer in 16..65536"),
        ({"rules": (("vigilance", 1.0),)}, "no constant named 'vigilance'"),
        ({"rules": (("alarm", -1.0),)}, "rule alarm must be positive"),
    ],
)
def test_bad_parameters_are_named(parameters: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        trophic.Novelty(**parameters)


def test_the_benchmark_scores_as_published() -> None:
    """Values of the scoring function are those of the benchmark's own documentation; perfection is 100, silence 0."""
    worth = nab.worth_at(np.array([-1.0, -0.5, 0.0, 1.0]))
    np.testing.assert_allclose(worth, [0.98661, 0.84828, 0, -0.98661], atol=5e-6)
    series = [nab.Series(str(k), np.zeros(1000), ((400 + k, 450 + k), (700, 760))) for k in range(3)]
    perfect = [np.zeros(1000) for _ in series]
    for k, score in enumerate(perfect):
        score[[400 + k, 700]] = 1.0
    assert nab.judge(perfect, series, 0.5).other == pytest.approx(100)
    assert nab.judge(perfect, series, 0.5).fixed == pytest.approx(100)
    assert nab.judge([np.zeros(1000)] * 3, series, 0.5).fixed == 0.0
    late = np.zeros(1000)
    late[[400, 700, 300]] = 1.0  # a false alarm before any window costs its whole weight
    assert nab.points(late, series[0], np.array([0.5]))[0] == pytest.approx(2 - nab.FALSE_ALARM)
