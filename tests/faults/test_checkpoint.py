"""Checkpoints: what goes in comes out bit for bit, and a harmed or foreign file is refused with advice."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from safetensors.numpy import load_file

from trophic.runtime.checkpoint import CheckpointError, load, read_manifest, save
from trophic.runtime.clock import Clock
from trophic.runtime.contract import Chunk, Model, State

BRANCH = np.dtype([("frequency_hz", "f8"), ("z", "c16"), ("born", "i8", (2,)), ("alive", "?")])


@dataclass
class Inner(State):
    flags: NDArray[np.bool_]


@dataclass
class Mixed(State):
    clock: Clock
    inner: Inner
    weights: NDArray[Any]
    phasors: NDArray[np.complex128]
    branches: NDArray[np.void]
    none: NDArray[np.float64]


@dataclass(frozen=True)
class Keeper(Model[Mixed, None]):
    """A State with an array of every kind."""

    n: int = 3
    dtype: str = "float64"
    rate: float = 0.1

    def init(self, seed: int = 0) -> Mixed:
        random = np.random.default_rng(seed)
        branches = np.zeros((2, self.n), BRANCH)
        branches["z"] = random.standard_normal((2, self.n)) * 1j
        branches["born"] = random.integers(2**62, size=(2, self.n, 2))
        return Mixed(
            Clock.new(self.n),
            Inner(random.random(self.n) > 0.5),
            np.asfortranarray(random.standard_normal((self.n, 4)).astype(self.dtype)),
            random.standard_normal(self.n) + 1j,
            branches,
            np.zeros((0, 3)),
        )

    def advance(self, state: Mixed, chunk: Chunk) -> None:
        state.clock.tick(chunk)


@dataclass(frozen=True)
class Other(Keeper):
    """Another model with the same State."""


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int8", "uint64", "bool"])
def test_every_kind_of_array_comes_back_bit_for_bit(tmp_path: Path, dtype: str) -> None:
    model = Keeper(dtype=dtype)
    state = model.init(seed=7)
    save(tmp_path / "x.safetensors", model, state)
    loaded = load(tmp_path / "x.safetensors", model)
    assert loaded.equals(state)
    assert loaded.weights.flags.f_contiguous
    assert not any(np.shares_memory(a, b) for a, b in zip(loaded.arrays().values(), state.arrays().values()))


@given(arrays.arrays(np.float64, (3, 4), elements=st.floats(width=64)))
def test_every_bit_pattern_of_a_float_survives(tmp_path_factory: pytest.TempPathFactory, weights: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "floats.safetensors"
    state = Keeper().init()
    state.weights[...] = weights
    save(path, Keeper(), state)
    assert load(path, Keeper()).equals(state)


def test_any_safetensors_reader_can_open_the_file(tmp_path: Path) -> None:
    state = Keeper().init(seed=7)
    save(tmp_path / "x.safetensors", Keeper(), state)
    tensors = load_file(tmp_path / "x.safetensors")
    assert tensors["weights"].tolist() == state.weights.tolist()
    assert tensors["phasors/real"].tolist() == state.phasors.real.tolist()
    assert tensors["branches/born"].tolist() == state.branches["born"].tolist()
    assert tensors["inner.flags"].tolist() == state.inner.flags.tolist()


def test_the_manifest_tells_what_the_file_holds(tmp_path: Path) -> None:
    model = Keeper(rate=0.25)
    state = model.init()
    model.advance(state, Chunk(np.zeros((5, 3)), sample_period_s=1.0))
    save(tmp_path / "x.safetensors", model, state)
    manifest = read_manifest(tmp_path / "x.safetensors")
    assert manifest["model"] == "Keeper"
    assert Keeper(**manifest["configuration"]) == model
    assert manifest["clock"]["n_samples"] == 5
    assert manifest["state"]["weights"] == {"dtype": "float64", "shape": [3, 4]}
    assert set(manifest["versions"]) == {"trophic", "numpy", "python"}


def test_any_single_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path, harmed = tmp_path / "x.safetensors", tmp_path / "harmed.safetensors"
    save(path, Keeper(), Keeper().init())
    content = bytearray(path.read_bytes())
    for position in range(0, len(content), 7):
        bit = 1 << position % 8
        content[position] ^= bit
        harmed.write_bytes(content)
        content[position] ^= bit
        with pytest.raises(CheckpointError, match="is damaged or not a checkpoint"):
            load(harmed, Keeper())


@pytest.mark.parametrize("kept", [0, 7, 8, 200, -1])
def test_a_truncated_file_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "x.safetensors"
    save(path, Keeper(), Keeper().init())
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=r"is damaged .* use an earlier one"):
        load(path, Keeper())


def test_a_pickle_is_never_executed(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sprung",))

    (tmp_path / "x.safetensors").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(CheckpointError):
        load(tmp_path / "x.safetensors", Keeper())
    assert not (tmp_path / "sprung").exists()


def test_a_missing_file_and_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no checkpoint at .*trophic.save"):
        load(tmp_path / "none.safetensors", Keeper())
    with pytest.raises(FileNotFoundError):
        save(tmp_path / "none" / "x.safetensors", Keeper(), Keeper().init())


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (Other(), "was saved by Keeper, this model is Other; pass the model it was saved by"),
        (Keeper(rate=0.2, n=4), r"was saved with n=3 \(this model: 4\), rate=0.1 \(this model: 0.2\)"),
    ],
)
def test_another_model_or_configuration_is_refused(tmp_path: Path, model: Keeper, sentence: str) -> None:
    path = tmp_path / "x.safetensors"
    save(path, Keeper(), Keeper().init())
    with pytest.raises(CheckpointError, match=sentence):
        load(path, model)


def test_a_changed_state_layout_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.safetensors"
    save(path, Keeper(), Keeper().init())
    monkeypatch.setattr(sys.modules[__name__], "BRANCH", np.dtype([("z", "c16"), ("born", "i8", (2,))]))
    with pytest.raises(CheckpointError, match=r"has changed since this file was written: \['branches'\] differ"):
        load(path, Keeper())


def test_objects_cannot_be_saved(tmp_path: Path) -> None:
    state = Keeper().init()
    state.weights = np.array([{}], dtype=object)
    with pytest.raises(CheckpointError, match="'weights' has dtype object, which a checkpoint cannot hold"):
        save(tmp_path / "x.safetensors", Keeper(), state)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_previous_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    path = tmp_path / "x.safetensors"
    save(path, Keeper(), Keeper().init(seed=1))

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(OSError, match="No space left"):
        save(path, Keeper(), Keeper().init(seed=2))
    monkeypatch.undo()
    assert load(path, Keeper()).equals(Keeper().init(seed=1))
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]


SAVE_FOR_EVER = """
import sys, trophic
model = trophic.Ecology(f_min_hz=2, f_max_hz=400)
state = model.init()
while True:
    trophic.save(sys.argv[1], model, state)
    print("saved", flush=True)
"""

CONTINUE = """
import sys, numpy as np, trophic
path, signal, out = sys.argv[1:]
model = trophic.Ecology.from_json(sys.stdin.read())
result = trophic.run(model, np.load(signal), trophic.load(path, model), sample_rate_hz=1000)
trophic.save(out, model, result.state)
"""


def test_a_process_killed_while_saving_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    import trophic

    path = tmp_path / "x.safetensors"
    process = subprocess.Popen([sys.executable, "-c", SAVE_FOR_EVER, path], stdout=subprocess.PIPE)
    assert process.stdout is not None
    with process:
        for _ in range(25):
            assert process.stdout.readline() == b"saved\n"
        process.send_signal(signal.SIGKILL)
    model = trophic.Ecology(f_min_hz=2, f_max_hz=400)
    assert load(path, model).equals(model.init())


def test_another_process_goes_on_bit_for_bit(tmp_path: Path) -> None:
    import trophic

    model = trophic.Ecology(f_min_hz=2, f_max_hz=400)
    x = np.cos(2 * np.pi * 50 * np.arange(4000) / 1000) + 0.1 * np.random.default_rng(0).standard_normal(4000)
    paths = [str(tmp_path / name) for name in ("half.safetensors", "rest.npy", "end.safetensors")]
    half = trophic.run(model, x[:1777], sample_rate_hz=1000)
    save(paths[0], model, half.state)
    np.save(paths[1], x[1777:])
    subprocess.run([sys.executable, "-c", CONTINUE, *paths], input=model.to_json(), text=True, check=True)
    uninterrupted = trophic.run(model, x, sample_rate_hz=1000)
    assert load(paths[2], model).equals(uninterrupted.state)
    assert json.loads(model.to_json()) == read_manifest(paths[2])["configuration"]
