"""The judges of `benchmarks.voice` against voices whose pitch is known."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks import voice
from benchmarks.pitch import yin
from benchmarks.voice import RATE_HZ, STEP_S, Present

T = np.arange(2 * RATE_HZ) / RATE_HZ
GLIDE_HZ = 180 + 40 * np.sin(2 * np.pi * 1.5 * T)
PHASE = 2 * np.pi * np.cumsum(GLIDE_HZ) / RATE_HZ
HEIGHTS = (1.0, 0.8, 0.5, 0.02, 0.3)  # the fourth harmonic is 34 dB down


def glottal() -> np.ndarray:
    return sum(a * np.cos(k * PHASE + k) for k, a in enumerate(HEIGHTS, start=1))


@pytest.fixture(scope="module")
def pitch():
    return yin(glottal(), RATE_HZ, step_s=STEP_S)


def truth(pitch) -> Present:
    """The components as they are."""
    at = np.round(pitch.time_s * RATE_HZ).astype(int)
    k = np.arange(1, len(HEIGHTS) + 1)
    ones = np.ones((len(at), 1))
    return Present(pitch.time_s, GLIDE_HZ[at][:, None] * k, ones * HEIGHTS, PHASE[at][:, None] * k + k)


def test_the_reference_pitch_is_that_of_a_gliding_voice(pitch):
    at = np.round(pitch.time_s * RATE_HZ).astype(int)
    assert pitch.voiced.all()
    assert np.abs(pitch.f0_hz / GLIDE_HZ[at] - 1).max() < 0.02
    assert np.median(np.abs(pitch.f0_hz / GLIDE_HZ[at] - 1)) < 0.005


def test_noise_and_silence_have_no_pitch():
    rng = np.random.default_rng(0)
    x = np.where(T < 1, rng.standard_normal(len(T)), 0.0)
    assert yin(x, RATE_HZ).voiced.mean() < 0.02


def test_reference_lines_are_the_strong_harmonics(pitch):
    lines = voice.reference_lines(glottal(), pitch)
    orders = [np.round(row / f0).astype(int).tolist() for row, f0 in zip(lines, pitch.f0_hz, strict=True)]
    assert np.mean([order == [1, 2, 3, 5] for order in orders]) > 0.9


def test_the_truth_scores_full_marks_and_its_half_half(pitch):
    x = glottal()
    lines = voice.reference_lines(x, pitch)
    known = voice.score(x, pitch, lines, truth(pitch))
    assert known.followed > 0.98
    assert known.astray == 0
    assert known.line_error < 0.02
    assert known.prediction < 0.15  # the glide within one period
    weak = voice.strongest(truth(pitch), np.full(len(pitch.time_s), 2))
    half = voice.score(x, pitch, lines, weak)
    assert half.followed == pytest.approx(0.5, abs=0.05)
    assert half.n_present == 2
    left = np.sqrt((0.5**2 + 0.3**2 + 0.02**2) / sum(a**2 for a in HEIGHTS))  # rms of what was left out
    assert half.prediction == pytest.approx(left, abs=0.05)


def test_where_the_lines_are_followed(pitch):
    """The first two harmonics only, and only from 100 ms on: of the four strong lines the other two never."""
    lines = voice.reference_lines(glottal(), pitch)
    late = np.where(np.arange(len(pitch.time_s)) * STEP_S >= 0.1 - 1e-9, 2, 0)
    per_frame, stretch, *shares = voice.where(voice.strongest(truth(pitch), late), pitch, lines)
    assert float(per_frame) == pytest.approx(4, abs=0.2)
    assert stretch == f"{1e3 * STEP_S * len(pitch.time_s):.0f} ms"
    first, second, third, middle, above, *by_age = (float(s.rstrip("%") or -1) for s in shares)
    assert first == second > 90
    assert third == middle == 0
    assert above == -1  # no such line
    assert by_age[:2] == [0, 0]
    assert by_age[2:] == pytest.approx([50, 50], abs=6)


def test_nobody_present_predicts_nothing(pitch):
    x = glottal()
    nobody = Present(pitch.time_s, *(np.full((len(pitch.time_s), 3), np.nan) for _ in range(3)))
    score = voice.score(x, pitch, voice.reference_lines(x, pitch), nobody)
    assert (score.followed, score.prediction, score.n_present) == (0, 1, 0)


def test_persistence_is_exact_for_a_periodic_wave():
    x = np.cos(2 * np.pi * 200 * T) + np.cos(2 * np.pi * 400 * T + 1)  # a period of 80 samples
    pitch = yin(x, RATE_HZ)
    assert voice.prediction_error(x, pitch, voice.persistence(x, pitch)) < 1e-6


def test_the_sinusoidal_model_finds_steady_harmonics():
    x = sum(a * np.cos(2 * np.pi * 200 * k * T) for k, a in enumerate(HEIGHTS, start=1))
    pitch = yin(x, RATE_HZ)
    lines = voice.reference_lines(x, pitch)
    for centred in (False, True):
        present = voice.sinusoidal_model(x, pitch.time_s, 0.04, centred)
        followed, error, _ = voice.follow(present, pitch, lines)
        assert followed > 0.9
        assert error < 0.01
    assert voice.prediction_error(x, pitch, lambda i, u: voice.continuation(present, i, u)) < 0.2
