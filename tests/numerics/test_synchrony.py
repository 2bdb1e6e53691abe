"""Lock index and phase locking against closed forms and the simulated null."""

import numpy as np
import pytest
from scipy.special import iv

import trophic
from trophic.instruments import synchrony
from trophic.instruments.pairs import Voices, measure, nearest_ratio
from trophic.instruments.synchrony import PhaseLocking


def locked_value(phases, memory_s, interval_s, **ratio):
    meter = PhaseLocking(memory_s, **ratio)
    state = meter.init(phases.shape[1])
    meter.advance(state, phases, interval_s)
    return meter.value(state)


def test_lock_index_of_noise_keeps_its_false_alarm_rate():
    """R of a coherent average of white noise, as an estimator would compute it: a DFT bin."""
    noise = np.random.default_rng(0).standard_normal((20_000, 64))
    amplitude = 2 / 64 * noise @ np.exp(2j * np.pi * 5 * np.arange(64) / 64)
    evidence = np.abs(amplitude) ** 2 * 64 / 4
    for rate in (0.3, 0.05, 0.01):
        alarms = np.mean(synchrony.lock_index(evidence) > synchrony.lock_threshold(rate))
        assert alarms == pytest.approx(rate, abs=4 * np.sqrt(rate / 20_000))
    assert np.isnan(synchrony.lock_index(np.nan))


@pytest.mark.parametrize("detuning_hz", [0.0, 0.05, 0.4, 30.0])
def test_constant_detuning_has_a_closed_form(detuning_hz):
    """|<e^(j D t)>| over the exponential memory: |1 - r| / |1 - r e^(j D dt)|, exactly."""
    dt, tau = 0.01, 2.0
    t = np.arange(8000) * dt
    phases = np.stack([2 * np.pi * (3 * 1.5 + detuning_hz) * t, 2 * np.pi * 1.5 * t], axis=1)
    value = locked_value(phases, tau, dt, p=3, q=1)[0, 1]
    r = np.exp(-dt / tau)
    assert value == pytest.approx((1 - r) / abs(1 - r * np.exp(2j * np.pi * detuning_hz * dt)), abs=1e-12)
    null = synchrony.null_mean_square(dt, tau, 0.0, 2 * np.pi * detuning_hz)
    assert null == pytest.approx(value**2, rel=1e-9)


def test_ratio_is_that_of_the_frequencies():
    t = np.arange(3000) / 100
    base = 9 * t + 0.3 * np.sin(t)
    phases = np.stack([3 * base + 1, 2 * base - 2], axis=1)
    assert locked_value(phases, 5.0, 0.01, p=3, q=2)[0, 1] == pytest.approx(1, abs=1e-12)
    assert locked_value(phases, 5.0, 0.01, p=2, q=3)[1, 0] == pytest.approx(1, abs=1e-12)
    assert locked_value(phases, 5.0, 0.01, p=2, q=3)[0, 1] < 0.1
    assert locked_value(phases, 5.0, 0.01)[0, 1] < 0.1


def test_early_values_are_means_over_what_was_heard():
    phases = np.array([[0.0, 0.0], [np.pi / 2, 0.0]])
    dt, tau = 0.5, 1.0
    older = np.exp(-dt / tau)
    value = locked_value(phases, tau, dt)
    assert value[0, 1] == pytest.approx(abs(older + 1j) / (1 + older))
    assert locked_value(phases[:1], tau, dt)[0, 1] == 1


def test_chunks_do_not_matter_to_the_bit():
    rng = np.random.default_rng(1)
    phases, intervals = rng.uniform(0, 6, (200, 5)), rng.uniform(0.01, 0.1, 200)
    phases[rng.random(phases.shape) < 0.1] = np.nan
    meter = PhaseLocking(1.0, p=2)
    whole, pieces = meter.init(5), meter.init(5)
    meter.advance(whole, phases, intervals)
    for a, b in ((0, 1), (1, 8), (8, 8), (8, 131), (131, 200)):
        meter.advance(pieces, phases[a:b], intervals[a:b])
    assert whole.equals(pieces)


def test_dead_branches_age_and_newcomers_start_anew():
    phases = np.zeros((40, 3))
    phases[:, 1] = np.random.default_rng(2).uniform(0, 6, 40)
    phases[20:, 1] = 0.0
    individual = np.zeros((40, 3), dtype=int)
    individual[20:, 1] = 7
    phases[:, 2] = np.nan
    meter = PhaseLocking(1.0)
    state = meter.init(3)
    meter.advance(state, phases, 0.1, individual)
    value = meter.value(state)
    assert value[0, 1] == pytest.approx(1)
    assert np.isnan(value[0, 2])
    assert meter.effective_frames(state)[0, 1] < meter.effective_frames(state)[0, 0]
    asleep = np.array([[0.0, np.nan, np.nan]])
    before = state.copy()
    meter.advance(state, asleep, 0.1, individual[-1:])
    assert meter.value(state)[0, 1] == pytest.approx(value[0, 1])
    assert state.weights[0, 1] == pytest.approx(before.weights[0, 1] * np.exp(-0.1))


def test_effective_frames_settle_at_the_closed_form():
    meter = PhaseLocking(1.0)
    state = meter.init(1)
    meter.advance(state, np.zeros((3000, 1)), 0.01)
    frames = meter.effective_frames(state)[0, 0]
    assert frames == pytest.approx(1 / np.tanh(0.005), rel=1e-9)
    assert frames == pytest.approx(1 / synchrony.null_mean_square(0.01, 1.0), rel=1e-9)


@pytest.mark.parametrize(
    ("memory_s", "wander", "detuning"),
    [(50.0, np.inf, 0.0), (100.0, 1.0, 0.0), (50.0, 0.5, 0.8)],
    ids=["independent frames", "wandering", "wandering and detuned"],
)
def test_unlocked_pairs_keep_the_false_alarm_rate(memory_s, wander, detuning):
    """60 tracks are 30 disjoint pairs; 50 looks, four memories apart, at each."""
    rng = np.random.default_rng(5)
    dt = 1.0 if np.isinf(wander) else 0.5
    n_pairs, n_looks, frames = 30, 50, int(4 * memory_s / dt)
    meter = PhaseLocking(memory_s)
    state, values = meter.init(2 * n_pairs), []
    last = np.zeros(2 * n_pairs)
    drift = np.where(np.arange(2 * n_pairs) % 2, 0.0, detuning * dt)
    for _ in range(n_looks):
        if np.isinf(wander):
            phases = rng.uniform(0, 2 * np.pi, (frames, 2 * n_pairs))
        else:  # each track diffuses at half the pair's rate
            phases = last + np.cumsum(rng.normal(drift, np.sqrt(wander * dt), (frames, 2 * n_pairs)), axis=0)
            last = phases[-1]
        meter.advance(state, phases, dt)
        values.append(meter.value(state)[0::2, 1::2].diagonal())
    null = synchrony.null_mean_square(dt, memory_s, wander, detuning)
    observed = np.concatenate(values)
    assert np.mean(observed**2) == pytest.approx(null, rel=4 / np.sqrt(observed.size))
    for rate in (0.2, 0.05):
        alarms = np.mean(observed > synchrony.locking_threshold(rate, null))
        assert alarms == pytest.approx(rate, abs=4 * np.sqrt(rate / observed.size))
        assert synchrony.locking_false_alarm(synchrony.locking_threshold(rate, null), null) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("call", "named"),
    [
        (lambda: synchrony.lock_index(-1.0), "evidence"),
        (lambda: synchrony.lock_threshold(0.0), "false_alarm_rate"),
        (lambda: PhaseLocking(0.0), "memory_s"),
        (lambda: PhaseLocking(1.0, p=0), "p must"),
        (lambda: PhaseLocking(1.0, q=1.5), "q must"),
        (lambda: PhaseLocking(1.0).init(0), "n_branches"),
        (lambda: PhaseLocking(1.0).advance(PhaseLocking(1.0).init(2), np.zeros((3, 1)), 1.0), "phase_rad"),
        (lambda: PhaseLocking(1.0).advance(PhaseLocking(1.0).init(1), np.zeros((3, 1)), 0.0), "interval_s"),
        (lambda: PhaseLocking(1.0).advance(PhaseLocking(1.0).init(1), np.zeros((3, 1)), 1.0, [1]), "individual"),
        (lambda: synchrony.null_mean_square(0.0, 1.0), "interval_s"),
        (lambda: synchrony.null_mean_square(0.1, 1.0, -1.0), "decorrelation_per_s"),
        (lambda: synchrony.locking_threshold(0.1, 2.0), "mean_square"),
    ],
)
def test_errors_name_the_parameter(call, named):
    with pytest.raises(ValueError, match=named):
        call()


# --- components of a record -----------------------------------------------------------------------


def pair_of_oscillators(coupling: float, diffusion: float, seed: int, fs: float = 50.0, duration_s: float = 400.0):
    """x = cos(phi) of phi_a' = omega + K sin(phi_b - phi_a) + noise and its twin: two noisy Kuramoto oscillators."""
    rng = np.random.default_rng(seed)
    n = int(duration_s * fs)
    steps = 2 * np.pi * 5 / fs + rng.normal(0, np.sqrt(2 * diffusion / fs), (n, 2))
    phase = np.zeros((n, 2))
    a = b = 0.0
    for i in range(n):
        pull = coupling / fs * np.sin(b - a)
        a, b = a + steps[i, 0] + pull, b + steps[i, 1] - pull
        phase[i] = a, b
    return np.cos(phase) + 0.05 * rng.standard_normal((n, 2)), fs


@pytest.mark.parametrize(("coupling", "diffusion"), [(0.4, 0.2), (0.2, 0.2), (0.3, 0.05)])
def test_coupled_oscillators_lock_as_the_theory_says(coupling, diffusion):
    """The difference of phases is stationary under von Mises with kappa = K / D, so <cos> = I_1(kappa) / I_0(kappa)."""
    found, chances = [], []
    for seed in range(16):
        x, fs = pair_of_oscillators(coupling, diffusion, seed)
        a, b = trophic.decompose(x, sample_rate_hz=fs)
        locking = a.synchrony(b)
        assert (locking.p[0, 0], locking.q[0, 0]) == (1, 1)
        found.append(locking.locking[0, 0])
        chances.append(locking.false_alarm[0, 0])
    kappa = coupling / diffusion
    if kappa > 1:  # 100 s of weaker coupling may look like chance
        assert np.median(chances) < 0.05
    # one draw holds some K 100 s independent values of deviation .6: two standard errors of sixteen draws
    assert np.mean(found) == pytest.approx(iv(1, kappa) / iv(0, kappa), abs=0.06)


def test_uncoupled_oscillators_are_not_said_to_be_locked():
    chances = []
    for seed in range(8):
        x, fs = pair_of_oscillators(0.0, 0.2, seed)
        a, b = trophic.decompose(x, sample_rate_hz=fs)
        chances.append(a.synchrony(b).false_alarm[0, 0])
    assert min(chances) > 0.01
    assert np.median(chances) > 0.1


def test_tones_in_a_ratio_and_one_beside_it():
    """The octave mistuned by 0.05 Hz runs away: |<e^(jDt)>| = 1/|1 + j D tau|; the third harmonic keeps its phase."""
    rng = np.random.default_rng(0)
    t = np.arange(12_000) / 200
    x = 2 * np.cos(2 * np.pi * 10 * t + 0.5) + np.cos(2 * np.pi * 20.05 * t) + 0.5 * np.cos(2 * np.pi * 30 * t + 0.7)
    found = trophic.decompose(x + 0.05 * rng.standard_normal(len(t)), sample_rate_hz=200.0)
    pairs = found.synchrony(memory_s=5.0)
    assert pairs.p[0].tolist() == [1, 1, 1]
    assert pairs.q[0].tolist() == [1, 2, 3]
    assert pairs.locking[0, 1] == pytest.approx(1 / abs(1 + 2j * np.pi * 0.05 * 5.0), abs=0.01)
    assert pairs.locking[0, 2] == pytest.approx(1.0, abs=1e-3)
    assert pairs.offset_rad[0, 2] == pytest.approx(3 * 0.5 - 0.7, abs=0.02)
    assert np.allclose(pairs.locking, pairs.locking.T)
    assert np.allclose(pairs.locking.diagonal(), 1)
    assert np.all((pairs.lock[0] > 0.999) & (pairs.lock[0] <= 1))
    assert len(pairs.pairs()) == 3
    assert "10 Hz and 30 Hz at 1:3: 1.00" in str(pairs)


def test_two_lines_in_a_ratio_say_nothing_of_a_coupling():
    """Phases that do not wander keep step by themselves: the null is then full locking."""
    t = np.arange(500) / 50.0
    voices = Voices(2 * np.pi * np.outer(t, [4.0, 2.0]), np.array([4.0, 2.0]), np.zeros(2), np.ones(2))
    pairs = measure(t, voices)
    assert pairs.locking[0, 1] == pytest.approx(1)
    assert pairs.false_alarm[0, 1] == pytest.approx(np.exp(-1), abs=0.02)


def test_frames_too_slow_to_see_phases_pass_are_not_locking():
    """10 and 110 Hz seen 50 times a second: every phase difference looks the same."""
    t = np.arange(400) / 50.0
    voices = Voices(2 * np.pi * np.outer(t, [110.0, 10.0]), np.array([110.0, 10.0]), np.full(2, 0.1), np.ones(2))
    assert measure(t, voices).locking[0, 1] == 0
    assert measure(t, voices, max_order=11).locking[0, 1] == pytest.approx(1)


def test_pairs_that_never_met_are_unknown():
    t = np.arange(100) / 10.0
    phase = np.zeros((100, 2))
    phase[:50, 0] = phase[50:, 1] = np.nan
    pairs = measure(t, Voices(phase, np.ones(2), np.ones(2), np.ones(2)))
    assert np.isnan(pairs.locking[0, 1])
    assert np.isnan(pairs.false_alarm[0, 1])


def test_frames_out_of_order_or_without_a_time_are_left_out():
    t = np.arange(400) / 50.0
    phase = 2 * np.pi * np.outer(t, [4.0, 2.1]) + 0.3
    clean = measure(t, Voices(phase, np.array([4.0, 2.1]), np.full(2, 0.1), np.ones(2)))
    where, bad = [50, 200, 400], [np.nan, 1.0, 3.0]
    dirty = Voices(np.insert(phase, where, 0.0, axis=0), np.array([4.0, 2.1]), np.full(2, 0.1), np.ones(2))
    found = measure(np.insert(t, where, bad), dirty)
    assert np.allclose(found.locking, clean.locking, atol=1e-12)
    assert found.memory_s == clean.memory_s


def test_no_components_no_pairs():
    found = trophic.decompose(np.random.default_rng(0).standard_normal(2000), sample_rate_hz=100.0)
    pairs = found.synchrony()
    assert pairs.locking.shape == (len(found), len(found))
    assert pairs.pairs() == []


def test_ratios_are_in_lowest_terms():
    assert nearest_ratio(20.0, 10.0, 8) == (2, 1)
    assert nearest_ratio(3.0, 2.0, 8) == (3, 2)
    assert nearest_ratio(3.0, 2.0, 1) == (1, 1)


def test_channels_of_different_records_are_refused():
    x = np.random.default_rng(0).standard_normal(500)
    with pytest.raises(ValueError, match="other"):
        trophic.decompose(x, sample_rate_hz=10.0).synchrony(trophic.decompose(x, sample_rate_hz=20.0))
    with pytest.raises(ValueError, match="max_order"):
        trophic.decompose(x, sample_rate_hz=10.0).synchrony(max_order=0)
