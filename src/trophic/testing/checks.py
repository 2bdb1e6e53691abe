"""The checks themselves, one function each: ``check(model, make_chunk)`` raises AssertionError with a sentence."""

from __future__ import annotations

import dataclasses
import gc
import inspect
import itertools
import json
import math
import tempfile
import tracemalloc
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.checkpoint import load, save
from trophic.runtime.clock import clock_of
from trophic.runtime.contract import Model, State
from trophic.runtime.sinks import concatenate
from trophic.testing.compare import all_finite, require, require_apart, require_same, schema_of
from trophic.testing.streams import N_SAMPLES, MakeChunk, feed, halfway, poisoned, with_gaps

CHUNK_SIZES = (1, 2, 3, 7, 64, 1000)
# A poisoned stream has consumed more samples than the clean one; nothing else may tell them apart.
COUNTERS = frozenset({"clock.n_samples", "clock.last_index", "clock.n_bad", "clock.n_late", "clock.n_gaps"})


class NotApplicable(unittest.SkipTest):
    """A check has nothing to check in this model; the message says why."""


class LocalityProbe(NamedTuple):
    """One thing a unit must not be able to see. A model's ``locality_probe(state)`` yields these.

    Attributes
    ----------
    what : str
        What was altered, and out of whose sight, for the message.
    altered : State
        A copy of the state with that altered.
    watched : callable
        ``watched(state) -> array``: what the unit learns; must come out bit-equal with and without the alteration.
    n_samples : int or None
        Samples to learn from before the two are compared, where what was altered comes round to the unit in the end
        (through an error that all share, say); None for a thousand.
    """

    what: str
    altered: State
    watched: Callable[[Any], NDArray[Any]]
    n_samples: int | None = None


def _check_contract(model: Any, make_chunk: MakeChunk) -> None:
    require(isinstance(model, Model), f"{type(model).__name__} must be a subclass of trophic.Model")
    kind: Any = type(model)
    hash(model)
    text = model.to_json()
    require(kind.from_json(text) == model, f"{kind.__name__}.from_json({text!r}) must give back {model}")
    try:
        kind(**json.loads(text), not_a_parameter=1)
    except TypeError:
        pass
    else:
        raise AssertionError(f"{kind.__name__}(not_a_parameter=1) must raise TypeError")
    state = model.init(seed=0)
    clock_of(state)
    for name, array in state.arrays().items():
        is_plain = isinstance(array, np.ndarray) and not array.dtype.hasobject
        require(is_plain, f"state field {name!r} must be an array of plain data, is {type(array).__name__}")
    info = model.advance(state, make_chunk(64, True))
    require(dataclasses.is_dataclass(info), f"advance() must return an Info dataclass, returned {type(info).__name__}")


def _check_continuity(model: Model[Any, Any], make_chunk: MakeChunk) -> None:
    state, rest = halfway(model, make_chunk)
    before = state.copy()
    skipping = dataclasses.replace(rest, first_sample=rest.first_sample + 1)
    try:
        model.advance(state, skipping)
    except ValueError:
        require_same(before, state, "a refused chunk must leave the state as it was")
    else:
        raise AssertionError("a chunk that leaves out one sample must raise ValueError (use trophic.runtime.guard)")


def _check_determinism(model: Model[Any, Any], make_chunk: MakeChunk) -> None:
    chunk = with_gaps(make_chunk(N_SAMPLES, True))
    runs = []
    for _ in range(2):
        state = model.init(seed=5)
        runs.append((state, feed(model, state, chunk, 64)))
    require_same(runs[0][0], runs[1][0], "two runs with one seed and the same data")
    require_same(runs[0][1], runs[1][1], "the Infos of two runs with one seed and the same data")


def _check_seed(model: Model[Any, Any], make_chunk: MakeChunk) -> None:
    """A seed enters through init only: another instance, seeded otherwise, continues a loaded State alike."""
    state, rest = halfway(model, make_chunk)
    twin = dataclasses.replace(model)
    loaded = twin.init(seed=11).load(state.arrays())
    ours, theirs = feed(model, state, rest, 64), feed(twin, loaded, rest, 64)
    require_same(state, loaded, "a State loaded into another instance, initialised with another seed, and continued")
    require_same(ours, theirs, "the Infos of a State loaded into another instance and continued")


def _check_chunk_invariance(model: Model[Any, Any], make_chunk: MakeChunk) -> None:
    for regular in (True, False):
        chunk = with_gaps(make_chunk(N_SAMPLES, regular))
        whole = model.init(seed=1)
        infos = feed(model, whole, chunk, N_SAMPLES)
        for size in CHUNK_SIZES:
            state = model.init(seed=1)
            pieces = feed(model, state, chunk, size)
            kind = "regular" if regular else "irregular"
            case = f"chunks of {size} against one of {N_SAMPLES} samples, {kind} stream"
            require_same(whole, state, case)
            require_same(infos, pieces, f"the Infos of {case}")


def _check_step_purity(model: Model[Any, Any], make_chunk: MakeChunk) -> None:
    state, rest = halfway(model, make_chunk)
    before, samples = state.copy(), rest.values.copy()
    new, _ = model.step(state, rest)
    require_same(before, state, "step() must leave the old state as it was")
    require_same({"values": samples}, {"values": rest.values}, "step() must leave the chunk as it was")
    require_apart(state, new, "the new state of step() and the old one")


def _check_step_is_advance(model: Model[Any, Any], make_chunk: MakeChunk) -> None:
    state, rest = halfway(model, make_chunk)
    new, info = model.step(state, rest)
    reported = model.advance(state, rest)
    require_same(new, state, "step() against advance()")
    require_same(concatenate([info]), concatenate([reported]), "the Info of step() against that of advance()")


def _check_predict_purity(model: Model[Any, Any], make_chunk: MakeChunk) -> None:
    predict = getattr(model, "predict", None)
    if predict is None:
        raise NotApplicable("the model has no predict()")
    state, rest = halfway(model, make_chunk)
    before = state.copy()
    needed = [p for p in inspect.signature(predict).parameters.values() if p.default is p.empty]
    predict(*(state, rest)[: len(needed)])
    require_same(before, state, "predict() must leave the state as it was")


def _check_save_load(model: Model[Any, Any], make_chunk: MakeChunk) -> None:
    state, rest = halfway(model, make_chunk)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "state.safetensors")
        save(path, model, state)
        loaded = load(path, model)
    require_same(state, loaded, "a State saved and loaded")
    ours, theirs = feed(model, state, rest, 64), feed(model, loaded, rest, 64)
    require_same(state, loaded, "a State saved, loaded and continued against one that went on")
    require_same(ours, theirs, "the Infos after loading against those of the run that went on")


def _check_copy_independence(model: Model[Any, Any], make_chunk: MakeChunk) -> None:
    state, rest = halfway(model, make_chunk)
    before, copied = state.copy(), state.copy()
    require_apart(state, copied, "a State and its copy")
    feed(model, copied, rest, 64)
    require_same(before, state, "a State whose copy went on")


def _check_bounded_memory(model: Model[Any, Any], make_chunk: MakeChunk) -> None:
    n_warm, n_window, n_windows, size = 200, 100, 40, 64
    n_pieces = n_warm + n_windows * n_window
    pieces = iter(make_chunk(n_pieces * size, True).split([size] * n_pieces))
    state = model.init(seed=0)
    tracemalloc.start()
    try:
        for piece in itertools.islice(pieces, n_warm):
            model.advance(state, piece)
        schema, level, growth = schema_of(state), _traced_bytes(), math.inf
        for _ in range(n_windows):  # a leak grows in every window, a cache stops when it is full
            for piece in itertools.islice(pieces, n_window):
                model.advance(state, piece)
            before, level = level, _traced_bytes()
            growth = min(growth, (level - before) / n_window)
            if growth < 16:
                break
    finally:
        tracemalloc.stop()
    require(schema_of(state) == schema, f"the State must keep its size, went from {schema} to {schema_of(state)}")
    require(growth < 16, f"memory grew by {growth:.0f} bytes per chunk of {size} samples in all of {n_windows} windows")


def _check_nan_containment(model: Model[Any, Any], make_chunk: MakeChunk) -> None:
    clean_chunk = make_chunk(N_SAMPLES, False)
    clean, harmed = model.init(seed=0), model.init(seed=0)
    feed(model, clean, clean_chunk, 64)
    feed(model, harmed, poisoned(clean_chunk), 64)
    counters = frozenset(name for name in clean.arrays() if ".".join(name.split(".")[-2:]) in COUNTERS)  # at any depth
    require_same(clean, harmed, "an irregular stream against itself with bad and late samples added", counters)

    regular = make_chunk(N_SAMPLES, True)
    clean, harmed = model.init(seed=0), model.init(seed=0)
    feed(model, clean, regular, 64)
    feed(model, harmed, with_gaps(regular), 64)
    for name, array in harmed.arrays().items():
        was_finite = all_finite(clean.arrays()[name])
        require(all_finite(array) or not was_finite, f"state array {name!r} is not finite after bad samples")
    require(bool(clock_of(harmed).n_bad.all()), "clock.n_bad must count the bad samples of every channel")


def _check_time_bases(model: Model[Any, Any], make_chunk: MakeChunk) -> None:
    for regular in (True, False):
        chunk = make_chunk(N_SAMPLES, regular)
        state = model.init(seed=0)
        feed(model, state, chunk, 64)
        clock, kind = clock_of(state), "regular" if regular else "irregular"
        require(clock.index == N_SAMPLES, f"the clock of a {kind} stream must be at {N_SAMPLES}, is at {clock.index}")
        expected_s = chunk.time_stamps_s()[-1]
        require(
            bool((clock.last_time_s == expected_s).all()),
            f"the last time stamp of a {kind} stream must be {expected_s} s in every channel, is {clock.last_time_s}",
        )


def _check_channels(model: Any, make_chunk: MakeChunk) -> None:
    if not hasattr(model, "n_channels"):
        raise NotApplicable("the model has no parameter n_channels")
    chunk = with_gaps(make_chunk(N_SAMPLES, True))
    if model.n_channels == 1:
        model = dataclasses.replace(model, n_channels=5)
        columns = [np.roll(chunk.values[:, 0], 17 * k) for k in range(model.n_channels)]
        chunk = dataclasses.replace(chunk, values=np.stack(columns, axis=1))
    for channel in (0, model.n_channels - 1):
        others = np.arange(model.n_channels) != channel
        values = chunk.values.copy()
        values[:, others] = -3 * values[::-1, others]
        runs = []
        for case in (chunk, dataclasses.replace(chunk, values=values)):
            state = model.init(seed=0)
            infos = feed(model, state, case, 64)
            of_state = {k: a[channel] for k, a in state.arrays().items() if a.shape[:1] == (model.n_channels,)}
            of_infos = {k: a[:, channel] for k, a in infos.items() if a.shape[1:2] == (model.n_channels,)}
            runs.append((of_state, of_infos))
        require_same(runs[0][0], runs[1][0], f"channel {channel} while the other channels changed")
        require_same(runs[0][1], runs[1][1], f"the Infos of channel {channel} while the other channels changed")


def _check_locality(model: Any, make_chunk: MakeChunk) -> None:
    if not hasattr(model, "locality_probe"):
        raise NotApplicable("the model has no locality_probe(state)")
    first, rest = make_chunk(N_SAMPLES, True).split([N_SAMPLES // 2])
    state = model.init(seed=3)
    feed(model, state, first, 64)
    probes = list(model.locality_probe(state.copy()))
    require(bool(probes), "locality_probe(state) must yield at least one LocalityProbe")
    for what, altered, watched, n_samples in probes:
        clean, piece = state.copy(), rest.part(0, n_samples or len(rest))
        before = watched(clean).tobytes()
        feed(model, clean, piece, 64)
        feed(model, altered, piece, 64)
        require(before != watched(clean).tobytes(), f"the unit learns nothing, so that nothing shows, with {what}")
        require_same({"watched": watched(clean)}, {"watched": watched(altered)}, f"what a unit learns, with {what}")


CHECKS: tuple[Callable[[Any, MakeChunk], None], ...] = (
    _check_contract,
    _check_continuity,
    _check_determinism,
    _check_seed,
    _check_chunk_invariance,
    _check_step_purity,
    _check_step_is_advance,
    _check_predict_purity,
    _check_save_load,
    _check_copy_independence,
    _check_bounded_memory,
    _check_nan_containment,
    _check_time_bases,
    _check_channels,
    _check_locality,
)


def _traced_bytes() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
