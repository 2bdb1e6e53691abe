"""The peers against closed forms: a benchmark is only as fair as its opponents are right."""

import numpy as np
import pytest
from benchmarks.cases import CASES, draw_of, evaluate
from benchmarks.measures import GROUPS, Measure, Target
from benchmarks.peers import PEERS, esprit, hopf_pool, kalman, msogi_fll, periodogram, sinusoidal_model, stft_peaks
from benchmarks.scoring import Draw, Outcome, frequency_bound_hz, held_since, match

from trophic.signals import generators as g

FS = 1000.0
T = g.regular_times(4.0, FS)


def test_esprit_is_exact_without_noise():
    lines = np.array([37.0, 41.3, 222.7])
    np.testing.assert_allclose(
        esprit.line_frequencies(g.tones(T, lines, [1.0, 0.3, 0.1], 0.4), FS, 3), lines, rtol=1e-8
    )


def test_hankel_operator_is_the_hankel_matrix():
    x = np.random.default_rng(0).standard_normal(12)
    dense = np.array([[x[i + j] for j in range(8)] for i in range(5)])
    operator = esprit.hankel_operator(x, 5, 8)
    np.testing.assert_allclose(operator @ np.eye(8), dense, atol=1e-12)
    np.testing.assert_allclose(operator.H @ np.eye(5), dense.T, atol=1e-12)


def test_periodogram_finds_lines_and_amplitudes():
    found = periodogram.decompose(g.tones(T, [20.0, 123.4], [1.0, 0.2], 0.1), None, FS, 2.0, 450.0)
    np.testing.assert_allclose(np.sort(found.frequency_hz), [20.0, 123.4], atol=0.005)
    np.testing.assert_allclose(np.sort(found.amplitude), [0.2, 1.0], rtol=0.01)


def test_one_sogi_settles_on_the_tone():
    found = msogi_fll.decompose(g.tones(T, 50.0, 0.7), None, FS, 30.0, 80.0, 1)
    assert found.frequency_hz[0] == pytest.approx(50.0, rel=1e-6)
    assert found.amplitude[0] == pytest.approx(0.7, rel=1e-4)


def test_sogi_bandwidth_is_the_textbook_one():
    """With a frozen frequency, v/x = k w s/(s^2 + k w s + w^2): amplitude at a detuned input."""
    k, tuned_hz, input_hz = 0.2, 50.0, 54.0
    t = g.regular_times(2.0, 20_000.0)
    x = g.tones(t, input_hz)
    omega = 2 * np.pi * np.array([tuned_hz])
    _, _, error = msogi_fll.track(x, t, omega, 1.0, 1e4, k, 0.0, 1)
    s, w = 2j * np.pi * input_hz, 2 * np.pi * tuned_hz
    gain = abs(1 - k * w * s / (s**2 + k * w * s + w**2))
    assert np.sqrt(2 * np.mean(error[20_000:] ** 2)) == pytest.approx(gain, rel=0.01)


def test_one_hopf_oscillator_learns_the_tone():
    found = hopf_pool.decompose(g.tones(T, 50.0, 1.0), None, FS, 40.0, 75.0, 1)
    assert found.frequency_hz[0] == pytest.approx(50.0, rel=2e-3)
    assert np.mean(found.residual[-500:] ** 2) < 0.01


def test_kalman_filter_comes_near_the_bound():
    rng, lines = np.random.default_rng(1), np.array([40.0, 47.0])
    x = g.tones(T, lines) + 0.1 * rng.standard_normal(len(T))
    found = kalman.decompose(x, None, FS, 2.0, 450.0, 2, drift=1e-3, wander=1e-5)
    bound = frequency_bound_hz(Draw(x, T, FS, 2.0, 450.0, 0.01, lines, np.ones(2), np.zeros(2)))
    assert np.all(np.abs(np.sort(found.frequency_hz) - lines) < 6 * bound)


def test_stft_frames_carry_amplitude_and_phase():
    x = g.tones(T, 60.3, 0.8, 0.5)
    centre_s, frames = stft_peaks.analyse(x, FS, 2.0, 450.0, 4)
    assert all(len(frame.frequency_hz) == 1 for frame in frames)
    for time_s, frame in zip(centre_s[::50], frames[::50], strict=True):
        assert frame.frequency_hz[0] == pytest.approx(60.3, abs=0.01)
        assert frame.amplitude[0] == pytest.approx(0.8, rel=0.01)
        assert np.cos(frame.phase_rad[0] - (2 * np.pi * 60.3 * time_s + 0.5)) > 0.999


def test_sinusoidal_model_continues_a_sweep_as_one_track():
    x = g.warbling_tone(T, g.sweep_hz(T, 50.0, 90.0)) + 0.01 * np.random.default_rng(0).standard_normal(len(T))
    centre_s, frames = stft_peaks.analyse(x, FS, 2.0, 450.0, 4, window_s=0.25)
    partials = sinusoidal_model.join(centre_s, frames, 4, 4.0)
    assert np.all(partials.identity[:, 0] == 0)
    assert np.mean(partials.identity[:, 1:] >= 0) < 0.02
    np.testing.assert_allclose(partials.frequency_hz[:, 0], np.interp(centre_s, T, g.sweep_hz(T, 50.0, 90.0)), atol=0.2)
    y = sinusoidal_model.resynthesise(partials, len(x), FS)
    inside = (centre_s[0] + 0.1 < T) & (centre_s[-1] - 0.1 > T)
    assert np.mean((x - y)[inside] ** 2) < 1e-2 * np.mean(x[inside] ** 2)


@pytest.mark.parametrize(("package", "name"), [("vmdpy", "VMD"), ("ssqueezepy", "synchrosqueezing")])
def test_packages_recover_two_tones(package, name):
    pytest.importorskip(package)
    x = g.tones(T, [40.0, 130.0]) + 0.01 * np.random.default_rng(0).standard_normal(len(T))
    found = PEERS[name].decompose(x, None, FS, 2.0, 450.0, 2)
    np.testing.assert_allclose(np.sort(found.frequency_hz), [40.0, 130.0], rtol=0.01)


def test_single_tone_bound_is_the_textbook_one():
    """Rife and Boorstyn 1974, for a real tone: var(f) = 24 sigma^2 fs^2/((2 pi)^2 A^2 N (N^2 - 1))."""
    n, amplitude, noise = len(T), 0.5, 0.3
    draw = Draw(T, T, FS, 2.0, 450.0, noise**2, np.array([100.25]), np.array([amplitude]), np.array([0.3]))
    expected = np.sqrt(24 * noise**2 * FS**2 / ((2 * np.pi) ** 2 * amplitude**2 * n * (n**2 - 1)))
    assert frequency_bound_hz(draw)[0] == pytest.approx(expected, rel=1e-3)


def test_match_is_one_to_one():
    np.testing.assert_array_equal(match(np.array([10.0, 10.4]), np.array([10.3, 10.1]), 0.5), [1, 0])
    np.testing.assert_array_equal(match(np.array([10.0, 20.0]), np.array([10.1]), 0.5), [0, -1])
    assert held_since(np.array([True, False, True, True])) == 2
    assert held_since(np.array([True, False])) == 2


def test_an_oracle_scores_perfectly():
    def oracle(x, times_s, sample_rate_hz, f_min_hz, f_max_hz, n_branches):
        draw = draw_of(CASES["five tones 20 dB"], 3)
        time_s, ones = draw.time_s[::100], np.ones((len(draw.time_s[::100]), 1))
        clean = g.tones(draw.time_s, draw.lines_hz, draw.lines_amplitude, draw.lines_phase_rad)
        f, a = draw.lines_hz, draw.lines_amplitude
        return Outcome(f, a, 0 * f, time_s, ones * f, ones * a, ones * 0 * f, ones * f > 0, draw.x - clean)

    (row,) = evaluate(oracle, ["five tones 20 dB"], [3])
    assert row["order_right"] == 1
    assert row["error_crlb_4"] == 0
    assert row["residual_noise"] == pytest.approx(1.0, rel=0.05)


def test_same_seed_same_signal():
    case = CASES["rhythm Q 10"]
    np.testing.assert_array_equal(draw_of(case, 5).x, draw_of(case, 5).x)
    assert not np.array_equal(draw_of(case, 5).x, draw_of(case, 6).x)


def test_measures_summarise_what_was_found():
    rows = [{"error_0": 3.0, "error_1": 1.0, "hit": 1.0}, {"error_0": 4.0, "error_1": np.nan, "hit": 0.0}]
    rms = Measure("RMSE of the worst", "error_*", "rms")
    assert rms.value(rows) == pytest.approx(np.sqrt(12.5))
    assert Measure("hits", "hit", "share").text(rows) == "1/2"
    assert Target(rms, at_most=4.0).met(rows)
    assert not Target(rms, at_most=3.0).met(rows)
    assert not Target(Measure("absent", "absent", "rms"), at_most=3.0).met(rows)


def test_an_endless_wait_counts():
    rows = [{"wait": 5.0}, {"wait": np.inf}, {"wait": np.inf}]
    assert Measure("wait", "wait", "median").text(rows) == "never"


def test_every_case_has_a_group_and_every_target_a_score():
    def deaf(x, times_s, sample_rate_hz, f_min_hz, f_max_hz, n_branches):
        none = np.zeros(0)
        frames = np.zeros((200, 0))
        return Outcome(none, none, none, np.linspace(0, len(x) / FS, 200), frames, frames, frames, frames > 0, x)

    for case in CASES.values():
        if case.group != "noise":
            (row,) = evaluate(deaf, [case], [0])
            for measure in (*GROUPS[case.group][1], *(target.measure for target in case.targets)):
                assert measure.text([row])
            assert row.get("order_right", 0.0) == 0.0
