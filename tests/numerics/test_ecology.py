"""The ecology against closed forms, an independent float64 reference, and its own invariances."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import trophic
from trophic.instruments.bounds import tone_bound
from trophic.instruments.oracle import deflated_bank
from trophic.signals import generators as g

FS = 1000.0
TONES = np.array([60.0, 143.0])
AMPLITUDES = np.array([1.0, 0.5])
PHASES = np.array([0.3, -1.0])


def two_tones(n: int, noise: float, seed: int = 0) -> np.ndarray:
    t = np.arange(n) / FS
    rng = np.random.default_rng(seed)
    return g.tones(t, TONES, AMPLITUDES, PHASES) + noise * rng.standard_normal(n)


def grow(x, model=None, **clock):
    model = model or trophic.Ecology(f_min_hz=5, f_max_hz=450)
    result = trophic.run(model, x, **(clock or {"sample_rate_hz": FS}))
    return model, result.state, result.infos


def test_two_tones_come_out_with_frequency_amplitude_and_phase_near_the_bound():
    n, noise = 10_000, 0.1
    model, state, _ = grow(two_tones(n, noise))
    table = model.components(state)
    assert len(table) == 2
    last = (n - 1) / FS
    for row, hz, amplitude, phase in zip(table, TONES, AMPLITUDES, PHASES, strict=True):
        bound = tone_bound(amplitude, noise, n, FS)
        assert abs(row["frequency_hz"] - hz) < 5 * bound.frequency_hz
        assert abs(row["amplitude"] - amplitude) < 8 * bound.amplitude
        truth = phase + 2 * np.pi * hz * last
        assert abs(np.angle(np.exp(1j * (row["phase_rad"] - truth)))) < 0.1


def test_a_clean_tone_leaves_nothing_behind():
    model, state, infos = grow(two_tones(10_000, 0.0))
    residual = np.concatenate([info.residual for info in infos])[5000:]
    assert np.std(residual) < 1e-3
    assert np.allclose(model.components(state)["frequency_hz"][:2], TONES, atol=1e-4)


def test_a_frozen_ecology_is_the_deflated_bank_of_the_oracle():
    frozen = (
        ("chi", 0.0),
        ("growth", 0.0),
        ("lighten_nats", 1e9),
        ("fast_threshold", 1e300),
        ("slow_threshold", 1e300),
    )
    free = trophic.Ecology(f_min_hz=0.1, f_max_hz=450)  # so low that the level has no slope yet
    still = dataclasses.replace(free, rules=frozen)
    x = two_tones(5000, 0.1)
    start, n = 4000, 1000
    state = trophic.run(free, x[:start], sample_rate_hz=FS).state
    b = state.branches[0]
    b["status"][b["status"] == 1] = 0  # larvae on trial are silent, but might be promoted
    state.hot[0, :, b["status"] == 0] = 0.0
    voiced = b["status"] == 2
    omega = np.append(b["omega"][voiced], 0.0)
    z = np.append((state.hot[0, 0] + 1j * state.hot[0, 1])[voiced], state.shared[0]["level"])
    before, gamma, residual = still.energy(state), np.empty((n, len(omega))), np.empty(n)
    for i in range(n):
        chunk = trophic.Chunk(x[start + i : start + i + 1, None], first_sample=start + i, sample_period_s=1 / FS)
        info = still.advance(state, chunk)
        gamma[i] = np.append(state.branches[0]["gamma"][voiced], state.shared[0]["level_gamma"])
        residual[i] = info.residual[0, 0]
    bank = deflated_bank(np.arange(n) / FS, x[start:], omega, gamma, z_start=z * np.exp(1j * omega / FS))
    assert np.max(np.abs(residual - bank.residual)) < 1e-9
    after = still.energy(state)
    assert after.heat - before.heat == pytest.approx(bank.ledger.heat, rel=1e-9)
    assert after.supplied - before.supplied == pytest.approx(bank.ledger.supplied, rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_energy_ledger_closes_through_births_deaths_and_changes_of_mass(seed):
    x = two_tones(12_000, 0.1, seed)
    x[4000:8000] = np.random.default_rng(seed).standard_normal(4000)  # the tones go and come back
    model, state, _ = grow(x)
    assert state.shared[0]["deaths"] > 0
    assert model.energy(state).relative_imbalance < 1e-11


def test_it_does_not_know_the_unit_of_amplitude_or_time():
    """Powers of two scale floating-point numbers exactly: nothing but the unit may change, not one bit."""
    x = two_tones(6000, 0.2)
    model, state, _ = grow(x)
    base = model.components(state)
    _, louder, _ = grow(2.0**20 * x)
    slow_model = trophic.Ecology(f_min_hz=5 / 8, f_max_hz=450 / 8)
    _, slower, _ = grow(x, slow_model, sample_rate_hz=FS / 8)
    loud, slow = model.components(louder), slow_model.components(slower)
    assert np.array_equal(loud["frequency_hz"], base["frequency_hz"])
    assert np.array_equal(loud["amplitude"], 2.0**20 * base["amplitude"])
    assert np.allclose(8 * slow["frequency_hz"], base["frequency_hz"], rtol=1e-12)
    assert np.allclose(slow["amplitude"], base["amplitude"], rtol=1e-12)


@pytest.mark.parametrize("kind", ["white", "ar1", "walk", "impulses", "steps"])
def test_noise_has_no_components(kind):
    """100 s each. `make bench` found none in 10,000 s per kind: less than 1 % false alarms per run of this test."""
    rng, n = np.random.default_rng(20), 100_000
    noise = {
        "white": lambda: rng.standard_normal(n),
        "ar1": lambda: g.ar1_noise(n, 0.95, rng),
        "walk": lambda: g.random_walk(n, rng),
        "impulses": lambda: g.impulsive_noise(n, rng),
        "steps": lambda: g.level_steps(n, 1000.0, rng),
    }[kind]()
    _, _, infos = grow(noise)
    assert not any(info.alive.any() for info in infos)


@pytest.mark.parametrize("clock", [g.poisson_times, lambda d, fs, rng: g.thinned_times(d, fs, 0.5, rng)])
def test_irregular_times_are_no_special_case(clock):
    rng = np.random.default_rng(3)
    t = clock(10.0, FS, rng)
    x = g.tones(t, TONES, AMPLITUDES, PHASES) + 0.1 * rng.standard_normal(len(t))
    model, state, _ = grow(x, times_s=t)
    table = model.components(state)
    assert len(table) == 2
    assert np.allclose(table["frequency_hz"], TONES, atol=0.01)


def test_missing_samples_are_the_same_as_absent_ones():
    x = two_tones(6000, 0.1)
    t = np.arange(6000) / FS
    bad = np.random.default_rng(5).random(6000) < 0.1
    with_nan = np.where(bad, np.nan, x)
    model, holey, _ = grow(with_nan, times_s=t)
    _, absent, _ = grow(x[~bad], times_s=t[~bad])
    assert np.array_equal(model.components(holey), model.components(absent))


def test_channels_are_ecologies_of_their_own():
    a, b = two_tones(5000, 0.1, 1), two_tones(5000, 0.3, 2)
    both = trophic.Ecology(f_min_hz=5, f_max_hz=450, n_channels=2)
    _, state, _ = grow(np.stack([a, b], axis=1), both)
    for channel, x in enumerate((a, b)):
        model, alone, _ = grow(x)
        assert np.array_equal(both.components(state, channel), model.components(alone))


def test_float32_agrees_with_float64():
    x = two_tones(8000, 0.1)
    single = trophic.Ecology(f_min_hz=5, f_max_hz=450, precision="float32")
    _, state, _ = grow(x, single)
    model, reference, _ = grow(x)
    short, long = single.components(state), model.components(reference)
    assert np.allclose(short["frequency_hz"], long["frequency_hz"], atol=2e-3)
    assert np.allclose(short["amplitude"], long["amplitude"], atol=5e-3)


def test_a_tone_that_moves_is_the_same_individual():
    rng = np.random.default_rng(0)
    t = g.regular_times(10.0, FS)
    x = g.warbling_tone(t, np.where(t < 5, 50.0, 52.0), 1.0, 0.0) + 0.07 * rng.standard_normal(len(t))
    _, _, infos = grow(x)
    alive = np.concatenate([i.alive[:, 0] for i in infos])
    individual = np.concatenate([i.individual[:, 0] for i in infos])
    frequency = np.concatenate([i.frequency_hz[:, 0] for i in infos])
    final = individual[-1][alive[-1]]
    assert len(final) == 1
    assert frequency[-1][alive[-1]][0] == pytest.approx(52.0, abs=0.05)
    assert np.any(individual[4500] == final[0]), "the line that was at 50 Hz has died instead of moving"


def test_a_rhythm_is_one_component_with_its_own_linewidth():
    """AR(2), Q = 20: median of five draws (a single 60 s estimate of Q is within 2x in about 9 of 10)."""
    centre, quality = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x = g.rhythm(60_000, FS, 20.0, 20.0, rng) + 0.3 * rng.standard_normal(60_000)
        model, state, infos = grow(x)
        strongest = model.components(state)[0]
        assert np.mean([info.alive[:, 0].any(axis=1).mean() for info in infos[5:]]) > 0.9
        centre.append(strongest["frequency_hz"])
        quality.append(strongest["frequency_hz"] / strongest["bandwidth_hz"])
    assert np.median(centre) == pytest.approx(20.0, rel=0.02)
    assert 10 < np.median(quality) < 40


def test_a_small_budget_buys_little_precision():
    x = two_tones(10_000, 0.1)
    poor = trophic.Ecology(f_min_hz=5, f_max_hz=450, budget=200.0)
    _, state, _ = grow(x, poor)
    table = poor.components(state)
    assert np.all(table["mass"] <= 1.05 * 200 * table["share"])
    model, rich, _ = grow(x)
    assert np.all(model.components(rich)["mass"] > 3 * table["mass"])


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"f_min_hz": 0.0}, "f_min_hz"),
        ({"f_max_hz": 4.0}, "f_max_hz"),
        ({"n_branches": 0}, "n_branches"),
        ({"budget": -1.0}, "budget"),
        ({"track_every": 0}, "track_every"),
        ({"precision": "float16"}, "precision"),
        ({"rules": (("chy", 1.0),)}, "chy"),
    ],
)
def test_a_bad_parameter_is_named(wrong, named):
    with pytest.raises(ValueError, match=named):
        trophic.Ecology(**{"f_min_hz": 5, "f_max_hz": 450, **wrong})
