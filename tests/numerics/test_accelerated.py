"""The accelerated engine against the native one: same State after 1000 samples, births and deaths included."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from trophic.network.accelerated import Streams
from trophic.network.accelerated.arrays import named
from trophic.network.accelerated.dynamics import normal as accelerated_normal
from trophic.network.model import Network, NetworkInfo
from trophic.network.state import NetworkState
from trophic.runtime.contract import Chunk
from trophic.signals.wiring import wiring_task

N = 1000
SMALL: dict[str, Any] = {"n_blocks": 6, "block_size": 5, "precision": "float64"}
# much happens in a thousand samples, at thresholds that mean nothing
BUSY = (
    ("period", 64.0), ("warm_up", 128.0), ("trial", 64.0), ("scout", 1.0), ("confirm", 2.0), ("grace", 100.0),
    ("keep", 0.05), ("threshold", 1.5), ("window", 128.0),
)  # fmt: skip
TASK: dict[str, Any] = {"n_inputs": 6, "wiring": "own", **SMALL}


def chunk(values: np.ndarray, first: int = 0) -> Chunk:
    return Chunk(values, first_sample=first, sample_period_s=1.0)


def labelled(n_targets: int = 1) -> np.ndarray:
    """The wiring task, its target once more with a delay, missing targets and missing inputs."""
    task = wiring_task(N, 6, 2, np.random.default_rng(7))
    targets = [np.roll(task.target, 5 * k, axis=0) for k in range(n_targets)]
    values = np.concatenate([task.inputs, *targets], axis=1)
    values[100:130, 6] = np.nan
    values[500:600, -1] = np.nan
    values[200:204] = np.nan
    values[300, 2] = np.nan
    return values


def unlabelled() -> np.ndarray:
    """A noisy tone whose level and size change, with gaps and faults of the sensor."""
    t = np.arange(N)
    values = (np.sin(0.3 * t) + 0.3 * np.random.default_rng(1).standard_normal(N))[:, None]
    values[600:] = 5 + 4 * values[600:]
    values[:5] = 20.0
    values[[0, 7, 600]] = np.nan
    values[300:320] = np.nan
    values[322:590] = values[321]
    values[[1, 450]] = 1e4
    values[700:780] = -1e5  # longer than the patience of the case that has little
    return values


CASES = {
    "default": (Network(n_targets=1, rules=BUSY, **TASK), labelled(), True),
    "sampled pairs": (
        Network(n_targets=2, n_candidates=3, structure="gated", feedback="symmetric", protection="shares", rules=BUSY,
                **TASK),
        labelled(2),
        True,
    ),
    "leaky, several horizons, full RLS": (
        Network(readout="rls", horizons=(1, 4, 7), trace="rflo", scouting="feedback",
                rules=(*BUSY, ("leak", 0.5), ("noise", 0.01), ("scale_rate", 0.05), ("patience", 50.0)), **SMALL),
        unlabelled(),
        False,
    ),
    "ghosts of silent heads": (
        Network(n_targets=2, protection="ghosts", structure="gated", rules=(*BUSY, ("leak", 0.8), ("noise", 0.01)),
                **TASK),
        labelled(2),
        True,
    ),
    "exact credit": (
        Network(n_targets=1, trace="exact", feedback="symmetric", rules=(*BUSY, ("leak", 0.6)), **TASK),
        labelled(),
        True,
    ),
    "published": (Network.published(n_targets=1, rules=(("warm_up", 128.0),), **TASK), labelled(), True),
    "code": (Network.published("code", **SMALL), unlabelled(), False),
}  # fmt: skip


def require_close(a: NetworkState, b: NetworkState, tolerance: float) -> None:
    """Every array of two States, to ``tolerance`` of its largest entry."""
    ours, theirs = named(a), named(b)
    for name, array in ours.items():
        x, y = np.asarray(array, dtype=float), np.asarray(theirs[name], dtype=float)
        if x.size:
            assert np.max(np.abs(x - y)) <= tolerance * max(1e-3, np.max(np.abs(x))), name


def on(engine: str, model: Network, state: NetworkState, values: np.ndarray, first: int = 0) -> NetworkInfo:
    return dataclasses.replace(model, engine=engine).advance(state, chunk(values, first))


@pytest.mark.parametrize("case", CASES)
def test_engines_agree_and_continue_each_other(case: str) -> None:
    model, values, lives = CASES[case]
    native, accelerated, mixed = model.init(3), model.init(3), model.init(3)
    ours, theirs = on("native", model, native, values), on("accelerated", model, accelerated, values)
    require_close(native, accelerated, 1e-9)
    assert np.allclose(ours.prediction, theirs.prediction, rtol=1e-12, atol=1e-9, equal_nan=True)
    assert np.array_equal(ours.n_births, theirs.n_births)
    assert np.array_equal(ours.n_deaths, theirs.n_deaths)
    assert (ours.n_births[-1] > 1 and ours.n_deaths[-1] > 0) or not lives
    for k, engine in enumerate(("native", "accelerated", "native", "accelerated")):
        on(engine, model, mixed, values[250 * k : 250 * (k + 1)], 250 * k)
    require_close(native, mixed, 1e-9)


def test_features_agree() -> None:
    model, values, _ = CASES["published"]
    states = model.init(3), model.init(3)
    z = [
        dataclasses.replace(model, engine=e).features(s, chunk(values))
        for e, s in zip(("native", "accelerated"), states)
    ]
    assert np.allclose(*z, rtol=0, atol=1e-9)
    assert states[1].equals(model.init(3))


def test_how_a_stream_is_cut_changes_no_bit() -> None:
    model, values, _ = CASES["default"]
    model = dataclasses.replace(model, engine="accelerated")
    whole = model.init(3)
    model.advance(whole, chunk(values))
    for size in (1, 7, 333):
        state = model.init(3)
        for piece in chunk(values).split([size] * (N // size)):
            model.advance(state, piece)
        assert state.equals(whole), size


def test_streams_are_independent_whatever_their_seeds_constants_and_gaps() -> None:
    model, values, _ = CASES["default"]
    models = [model, dataclasses.replace(model, rules=(*BUSY, ("rate", 0.02))), model]
    clean = np.nan_to_num(values)
    data = [values, clean, clean[::-1].copy()]
    streams = Streams(models, [m.init(seed) for seed, m in enumerate(models)])
    infos = [streams.advance([chunk(v[a:b], a) for v in data]) for a, b in ((0, 400), (400, N))]
    for k, (m, v) in enumerate(zip(models, data)):
        alone = m.init(k)
        info = m.advance(alone, chunk(v))
        require_close(alone, streams.states()[k], 1e-9)
        both = np.concatenate([part[k].prediction for part in infos])
        assert np.allclose(both, info.prediction, rtol=0, atol=1e-9, equal_nan=True)


def test_single_precision_agrees_while_nothing_is_decided() -> None:
    """Rounding differs, so decisions may: before the first birth the engines agree to single precision."""
    model = dataclasses.replace(CASES["default"][0], precision="float32")
    native, accelerated = model.init(3), model.init(3)
    values = labelled()[:128]
    on("native", model, native, values)
    on("accelerated", model, accelerated, values)
    require_close(native, accelerated, 2e-3)
    assert accelerated.weights.dtype == np.float32


def test_noise_is_that_of_the_native_engine() -> None:
    import jax

    with jax.enable_x64(True):
        drawn = np.asarray(accelerated_normal(np.int64(7), np.int64(123456789), np.arange(2000)))
    model = Network(n_blocks=40, block_size=50, plasticity="none", map="none", structure="none", precision="float64",
                    rules=(("noise", 1.0), ("leak", 1e-15)))  # fmt: skip
    state = model.init(7)
    state.shared["step"] = 123456789
    z = model.features(state, chunk(np.zeros((1, 1))))
    assert np.allclose(z[0, :2000], drawn, rtol=0, atol=1e-12)


def test_models_of_a_batch_differ_in_constants_only() -> None:
    models = [Network(n_blocks=2), Network(n_blocks=4)]
    with pytest.raises(ValueError, match="may differ in rules only, got n_blocks"):
        Streams(models, [m.init(0) for m in models])
    with pytest.raises(ValueError, match="one State per model and at least one, got 0 states"):
        Streams(models[0], [])
    streams = Streams(models[0], [models[0].init(k) for k in range(2)])
    with pytest.raises(ValueError, match=r"chunks must be 2, all of one length, got lengths \[3\]"):
        streams.advance([chunk(np.zeros((3, 1)))])
    with pytest.raises(ValueError, match="engine must be one of native, accelerated, got 'gpu'"):
        Network(engine="gpu")
