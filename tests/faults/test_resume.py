"""A learner stopped anywhere, in any way, goes on bit for bit as if it had never been stopped."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

import trophic
from trophic.runtime import autosave as autosave_module
from trophic.runtime import durable
from trophic.runtime.autosave import Autosave
from trophic.runtime.checkpoint import CheckpointWriteError, load, load_newest, model_of, read_manifest, save
from trophic.runtime.contract import Chunk, State

from . import models
from .blocks import Block
from .conftest import at_scale

HERE = str(Path(__file__).parent)
MODELS = models.public_models()


class Life(RuleBasedStateMachine):
    """Steps, growth, looks, saves, loads and copies in any order, against a twin fed the same samples in peace."""

    name = "Ecology"

    @initialize(seed=st.integers(0, 3))
    def begin(self, seed: int) -> None:
        self.model = MODELS[self.name]
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name, "x.safetensors")
        self.state, self.twin = self.model.init(seed), self.model.init(seed)
        self.saved: tuple[State, int] | None = None

    @rule(n=st.integers(1, 400), bad=st.booleans())
    def chunk(self, n: int, bad: bool) -> None:
        chunk = models.chunk(n, self.state.clock.index, bad)
        self.model.advance(self.state, chunk)
        for piece in chunk.split([1, 7] + [64] * (n // 64)):
            self.model.advance(self.twin, piece)

    @rule(n=st.integers(1, 60))
    def step(self, n: int) -> None:
        chunk = models.chunk(n, self.state.clock.index)
        self.state, _ = self.model.step(self.state, chunk)
        self.model.advance(self.twin, chunk)

    @precondition(lambda self: self.name == "Network")
    @rule()
    def grow(self) -> None:
        """Long enough for new wires."""
        chunk = models.chunk(3000, self.state.clock.index)
        self.model.advance(self.state, chunk)
        for piece in chunk.split([1000, 999]):
            self.model.advance(self.twin, piece)

    @rule(n=st.integers(1, 60))
    def freeze(self, n: int) -> None:
        """What is only looked at stays: a step whose result is thrown away, and a prediction."""
        before = self.state.copy()
        self.model.step(self.state, models.chunk(n, self.state.clock.index))
        if hasattr(self.model, "predict"):
            self.model.predict(self.state)
        assert self.state.equals(before)

    @rule()
    def save(self) -> None:
        save(self.path, self.model, self.state, keep=2)
        self.saved = self.twin.copy(), self.state.clock.index

    @precondition(lambda self: self.saved)
    @rule()
    def load(self) -> None:
        """Back to the last checkpoint; the twin goes back to its memory of that moment."""
        assert self.saved is not None
        self.state, self.twin = load(self.path, self.model), self.saved[0].copy()
        assert self.state.clock.index == self.saved[1]

    @rule()
    def copy(self) -> None:
        self.state = self.state.copy()

    @rule()
    def compare(self) -> None:
        assert self.state.equals(self.twin)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()
            assert self.state.equals(self.twin)


@pytest.mark.parametrize("name", MODELS)
def test_any_order_of_steps_saves_and_loads(name: str, figure: Callable[..., None]) -> None:
    n_runs, n_operations = at_scale(12, 500), at_scale(15, 50)
    kind: Any = type(f"{name}Life", (Life,), {"name": name})
    limits = settings(max_examples=n_runs, stateful_step_count=n_operations, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(kind, settings=limits)
    figure(runs=n_runs, operations=n_operations, differing_bits=0)


def test_growing_grows() -> None:
    """What `Life.grow` is for: within a run of operations a network has wires that it was not born with."""
    model: Any = MODELS["Network"]
    infos = trophic.run(model, models.signal(6000), sample_rate_hz=1000).infos or []
    assert sum(int(info.n_births.sum()) for info in infos) > 0


# ---- kill -9 and go on ----------------------------------------------------------------------------------------

GO_ON = """
import sys
sys.path.insert(0, sys.argv[1])
import models, numpy as np, trophic
from trophic.runtime.autosave import Autosave
from trophic.runtime.checkpoint import load_newest
from trophic.runtime.sinks import Callback
_, here, name, path, signal, every = sys.argv
model = models.public_models()[name]
x = np.load(signal, mmap_mode="r")
try:
    state = load_newest(path, model)[0]
except FileNotFoundError:
    state = model.init()
done = state.clock.index
def tell(info):
    global done
    done += 500
    print(done, flush=True)
trophic.run(model, x[done:], state, sample_rate_hz=1000, chunk_size=500, collect=False, sinks=[Callback(tell)],
            checkpoint=Autosave(path, every_samples=int(every), keep=2))
"""


def digest(state: State) -> str:
    found = hashlib.sha256()
    for name, array in state.arrays().items():
        found.update(name.encode() + array.tobytes())
    return found.hexdigest()


@pytest.mark.parametrize("name", MODELS)
def test_killed_over_and_over_ends_in_the_same_bits(tmp_path: Path, name: str, figure: Callable[..., None]) -> None:
    n_kills, n_samples, every = at_scale((2, 30_000, 4000), (50, 1_000_000, 5000))
    path, model = tmp_path / "x.safetensors", MODELS[name]
    x = models.signal(n_samples)
    np.save(tmp_path / "signal.npy", x)
    random = np.random.default_rng(3)
    targets = np.sort(random.integers(1000, n_samples - 2000, size=n_kills)).tolist()
    arguments = [HERE, name, str(path), str(tmp_path / "signal.npy"), str(every)]
    killed, most_repeated = 0, 0
    for target in [*targets, n_samples + 1]:
        with subprocess.Popen([sys.executable, "-c", GO_ON, *arguments], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            reached = 0
            for line in child.stdout:
                reached = int(line)
                if reached >= target:
                    child.send_signal(signal.SIGKILL)
                    break
            child.stdout.close()
            killed += child.wait() == -signal.SIGKILL
        if path.exists():
            most_repeated = max(most_repeated, reached - load_newest(path, model)[0].clock.index)
    assert killed >= n_kills - 1
    uninterrupted = trophic.run(model, x, sample_rate_hz=1000, collect=False).state
    ended = load(path, model)
    assert digest(ended) == digest(uninterrupted)
    assert most_repeated <= every + 500
    figure(kills=killed, samples=n_samples, digests_equal=1, most_samples_repeated=most_repeated)


# ---- autosave -------------------------------------------------------------------------------------------------

X = np.arange(100.0)


def run(checkpoint: Any, source: Any = X, state: Any = None, **options: Any) -> Any:
    rate = 1.0 if isinstance(source, np.ndarray) else None
    return trophic.run(Block(), source, state, sample_rate_hz=rate, chunk_size=10, checkpoint=checkpoint, **options)


def test_a_path_is_enough(tmp_path: Path) -> None:
    result = run(tmp_path / "x", every=30)
    kept = [load(file, Block()).clock.index for file in durable.generations(tmp_path / "x")]
    assert kept == [100, 90, 60]
    assert load(tmp_path / "x", Block()).equals(result.state)


def test_a_fresh_run_does_not_replace_what_was_learned(tmp_path: Path) -> None:
    half = run(tmp_path / "x", X[:50])
    with pytest.raises(FileExistsError, match=r"already holds a checkpoint; go on from it with state=trophic.load"):
        run(tmp_path / "x")
    whole = run(tmp_path / "x", X[50:], load(tmp_path / "x", Block()))
    assert (half.n_samples, whole.n_samples, whole.state.clock.index) == (50, 50, 100)


def test_a_full_disk_is_survived_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    autosave, n_calls = Autosave(tmp_path / "x", every_samples=20), itertools.count()

    def full(*arguments: Any) -> None:
        if next(n_calls) < 2:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(RuntimeWarning, match="No space left on device.*free some space.*the run goes on"):
        result = run(autosave)
    assert (autosave.n_failed, autosave.n_saved) == (2, 3)
    assert load(tmp_path / "x", Block()).equals(result.state)


def test_a_large_state_is_written_while_the_stream_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk takes nothing before the stream is 30 samples further; the State saved is that of sample 20."""
    monkeypatch.setattr(autosave_module, "LARGE", 1)
    further, write, others = threading.Event(), durable.write, threading.active_count()

    def slow(*arguments: Any) -> None:
        assert further.wait(30)
        write(*arguments)

    def source() -> Iterator[Chunk]:
        for i in range(0, 60, 10):
            if i == 50:
                further.set()
            yield Chunk(X[i : i + 10, None], i, sample_period_s=1.0)

    monkeypatch.setattr(durable, "write", slow)
    autosave = Autosave(tmp_path / "x", every_samples=20, keep=5)
    result = run(autosave, source())
    kept = [load(file, Block()) for file in durable.generations(tmp_path / "x")]
    assert kept[0].equals(result.state)
    assert kept[-1].equals(run(None, X[:20]).state)
    assert autosave.n_saved == len(kept) >= 2
    assert threading.active_count() == others


def test_a_full_disk_beside_the_stream_is_survived_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autosave_module, "LARGE", 1)
    autosave, n_calls, fsync = Autosave(tmp_path / "x", every_samples=20), itertools.count(), os.fsync

    def full(file: int) -> None:
        if next(n_calls) < 1:
            raise OSError(28, "No space left on device")
        fsync(file)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.warns(RuntimeWarning, match="No space left on device.*free some space.*the run goes on"):
        result = run(autosave)
    assert autosave.n_failed == 1
    assert load(tmp_path / "x", Block()).equals(result.state)


def test_a_full_disk_at_the_end_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointWriteError, match="free some space"):
        run(Autosave(tmp_path / "x", every_s=1e9))


def broken(at: int) -> Iterator[Chunk]:
    for i in range(0, at, 10):
        yield Chunk(np.zeros((10, 1)), i, sample_period_s=1.0)
    raise ConnectionResetError("gone")


def test_what_was_learned_before_a_source_failed_is_kept(tmp_path: Path) -> None:
    with pytest.raises(ConnectionResetError):
        run(tmp_path / "x", broken(70))
    assert load(tmp_path / "x", Block()).clock.index == 70


def test_what_a_sink_did_not_get_is_not_saved(tmp_path: Path) -> None:
    class Failing:
        n = 0

        def write(self, info: Any) -> None:
            self.n += 1
            if self.n == 4:
                raise OSError("no pen")

        def close(self) -> None:
            pass

    with pytest.raises(OSError, match="no pen"):
        run(tmp_path / "x", every=20, sinks=[Failing()])
    assert load(tmp_path / "x", Block()).clock.index == 20


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"every_samples": 0}, "every_samples must be >= 1, got 0"),
        ({"every_s": float("nan")}, "every_s must be > 0 seconds, got nan"),
        ({"keep": 0}, "keep must be >= 1 checkpoint, got 0"),
    ],
)
def test_a_policy_out_of_range_is_refused(tmp_path: Path, arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Autosave(tmp_path / "x", **arguments)
    with pytest.raises(ValueError, match="every=5 needs checkpoint=path"):
        trophic.run(Block(), X, sample_rate_hz=1.0, every=5)


def test_a_missing_folder_is_known_before_the_work(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make it first"):
        run(tmp_path / "none" / "x")


# ---- golden files ---------------------------------------------------------------------------------------------

GOLDEN = Path(__file__).parents[1] / "golden"


def test_a_file_of_the_first_format_loads(tmp_path: Path) -> None:
    state = load(GOLDEN / "block-format-1.safetensors", Block())
    assert (state.clock.index, state.block.tolist()) == (12, [12] * 4)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("ecology-*.safetensors")), ids=lambda path: path.name)
def test_a_learner_of_an_earlier_version_goes_on_or_names_who_can(path: Path) -> None:
    manifest = read_manifest(path)
    model = model_of(path, manifest)
    try:
        state = load(path, model)
    except ValueError as refused:
        assert f"trophic {manifest['versions']['trophic']}" in str(refused)  # noqa: PT017
        assert manifest["versions"]["trophic"] != trophic.version, "not yet released? python tests/golden/make.py"
        return
    model.advance(state, models.chunk(500, state.clock.index))
    assert state.clock.index == manifest["clock"]["n_samples"] + 500
