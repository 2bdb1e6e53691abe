"""Checkpoints through kills, failing disks and harm of every kind: the last whole one is always there, and found."""

from __future__ import annotations

import errno
import itertools
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trophic.runtime import durable
from trophic.runtime.checkpoint import (
    CheckpointError,
    CheckpointWriteError,
    DamagedCheckpoint,
    load,
    load_newest,
    model_of,
    read_manifest,
    save,
)

from .blocks import Block, BlockState
from .conftest import SOAK, at_scale

HERE = str(Path(__file__).parent)
MODEL = Block()


def numbered(number: int) -> BlockState:
    return MODEL.init(seed=number)


def number(state: BlockState) -> int:
    (found,) = set(state.block.tolist())
    return found


# ---- generations ----------------------------------------------------------------------------------------------


def test_the_last_n_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    for version in range(5):
        save(path, MODEL, numbered(version), keep=3)
    kept = durable.generations(path)
    assert [file.name for file in kept] == ["x.safetensors", "x.safetensors.1", "x.safetensors.2"]
    assert [number(load(file, MODEL)) for file in kept] == [4, 3, 2]
    assert sorted(tmp_path.iterdir()) == sorted(kept)


def test_a_damaged_newest_gives_way_to_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    for version in range(3):
        save(path, MODEL, numbered(version), keep=3)
    path.write_bytes(path.read_bytes()[:-3])
    state, used, refused = load_newest(path, MODEL)
    assert (number(state), used.name) == (1, "x.safetensors.1")
    assert len(refused) == 1
    assert "x.safetensors is damaged" in refused[0]
    path.unlink()
    assert number(load_newest(path, MODEL)[0]) == 1
    for file in durable.generations(path):
        file.write_bytes(b"")
    with pytest.raises(DamagedCheckpoint):
        load_newest(path, MODEL)
    with pytest.raises(FileNotFoundError):
        load_newest(tmp_path / "none", MODEL)


def test_a_disk_without_links_keeps_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*names: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    for version in range(3):
        save(tmp_path / "x", MODEL, numbered(version), keep=2)
    assert [number(load(file, MODEL)) for file in durable.generations(tmp_path / "x")] == [2, 1]


def test_what_killed_writers_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".x.0123abcd.tmp").touch()
    (tmp_path / ".y.0123abcd.tmp").touch()
    durable.remove_leftovers(tmp_path / "x")
    assert [file.name for file in tmp_path.iterdir()] == [".y.0123abcd.tmp"]


def test_keep_must_be_positive(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="keep must be >= 1 checkpoint, got 0"):
        save(tmp_path / "x", MODEL, numbered(0), keep=0)


# ---- kill -9 --------------------------------------------------------------------------------------------------

SAVING = """
import sys
sys.path.insert(0, sys.argv[1])
from blocks import Block
from trophic.runtime.checkpoint import save
model = Block(n=int(sys.argv[3]))
state = model.init()
for number in range(int(sys.argv[4]), 10**9):
    state.block[:] = number
    save(sys.argv[2], model, state, keep=2)
    print(number, flush=True)
"""


def test_killed_at_any_moment_of_saving(tmp_path: Path, figure: Callable[..., None]) -> None:
    """kill -9 while a 32 MB State is saved over and over: what loads is at most one save old."""
    n_kills, path = at_scale(4, 200), tmp_path / "x.safetensors"
    model = Block(n=(32 << 20) // 8)
    random, saved, oldest, fallbacks = np.random.default_rng(0), -1, 0, 0
    for _ in range(n_kills):
        arguments = [sys.executable, "-c", SAVING, HERE, str(path), str(model.n), str(saved + 1)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            saved = int(child.stdout.readline())
            time.sleep(0.4 * random.random())
            child.send_signal(signal.SIGKILL)
            saved = max([saved, *map(int, child.stdout.read().split())])
        state, used, refused = load_newest(path, model)
        oldest = max(oldest, saved - number(state))
        fallbacks += bool(refused) or used != path
        saved = number(state)
    durable.remove_leftovers(path)
    assert sorted(file.name for file in tmp_path.iterdir()) == [path.name, f"{path.name}.1"]
    assert oldest <= 0  # at worst the save that the kill cut short is lost
    figure(kills=n_kills, loaded=n_kills, saves_lost_of_those_completed=oldest, from_an_older_file=fallbacks)


# ---- failing disks --------------------------------------------------------------------------------------------

CALLS = ("open", "write", "fsync", "link", "replace", "close")


class FailingDisk:
    """The k-th of all system calls that write fails; a failing write has written half."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, k: int, number: int) -> None:
        self.n_calls, self.failed = 0, ""
        for name in CALLS:
            monkeypatch.setattr(os, name, self._wrap(name, getattr(os, name), k, number))

    def _wrap(self, name: str, call: Callable[..., Any], k: int, number: int) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **named: Any) -> Any:
            self.n_calls += 1
            if self.n_calls != k:
                return call(*arguments, **named)
            self.failed = name
            if name == "write":
                call(arguments[0], arguments[1][: len(arguments[1]) // 2])
            if name == "close":
                call(*arguments)
            raise OSError(number, os.strerror(number))

        return wrapped


@pytest.mark.parametrize("number_of_error", [errno.ENOSPC, errno.EIO, errno.EACCES], ids=errno.errorcode.get)
def test_any_system_call_may_fail(tmp_path: Path, number_of_error: int, figure: Callable[..., None]) -> None:
    failures: list[str] = []
    for k in itertools.count(1):
        path = tmp_path / str(k) / "x.safetensors"
        path.parent.mkdir()
        for version in (1, 2, 3):
            save(path, MODEL, numbered(version), keep=3)
        with pytest.MonkeyPatch.context() as patch:
            disk = FailingDisk(patch, k, number_of_error)
            try:
                save(path, MODEL, numbered(4), keep=3)
                break
            except CheckpointWriteError as raised:
                error = raised
        assert (error.errno, error.filename) == (number_of_error, str(path))
        assert "; " in str(error.strerror)
        failures.append(disk.failed)
        after_the_rename = failures.count("replace") >= 3 and disk.failed != "replace"
        assert number(load(path, MODEL)) == (4 if after_the_rename else 3), f"call {k}, {disk.failed}"
        assert not list(path.parent.glob(".*.tmp"))
    assert {*failures} == {*CALLS}
    figure(error=errno.errorcode[number_of_error], calls_failed=len(failures), old_or_new_intact=len(failures))


# ---- harmed files ---------------------------------------------------------------------------------------------


def test_random_bit_flips_are_noticed(tmp_path: Path, figure: Callable[..., None]) -> None:
    path, n_flips = tmp_path / "x", at_scale(300, 10_000)
    save(path, MODEL, numbered(7))
    whole = path.read_bytes()
    random, accepted = np.random.default_rng(1), 0
    for bit in random.integers(8 * len(whole), size=n_flips).tolist():
        harmed = bytearray(whole)
        harmed[bit // 8] ^= 1 << bit % 8
        path.write_bytes(harmed)
        try:
            load(path, MODEL)
            accepted += 1
        except CheckpointError:
            pass
    figure(flips=n_flips, accepted=accepted)
    assert accepted == 0


def test_every_truncation_and_any_addition_is_noticed(tmp_path: Path, figure: Callable[..., None]) -> None:
    path = tmp_path / "x"
    save(path, MODEL, numbered(7))
    whole = path.read_bytes()
    for length in range(0, len(whole), at_scale(5, 1)):
        path.write_bytes(whole[:length])
        with pytest.raises(DamagedCheckpoint):
            load(path, MODEL)
    path.write_bytes(whole + b"\0")
    with pytest.raises(DamagedCheckpoint):
        load(path, MODEL)
    figure(truncations=len(whole), accepted=0)


def container_of(header: dict[str, Any] | bytes, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def hostile(folder: Path) -> Iterator[tuple[str, Path]]:
    """Files made to harm whoever opens them."""

    def entry(dtype: str, shape: list[Any], begin: int, end: int) -> dict[str, Any]:
        return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}

    contents: dict[str, bytes] = {
        "a header of 2**63 bytes": (2**63).to_bytes(8, "little") + b"{}",
        "an array of 2**60 bytes": container_of({"x": entry("F64", [2**57], 0, 2**60)}),
        "a shape that overflows": container_of({"x": entry("F64", [2**32, 2**32], 0, 0)}),
        "negative sizes": container_of({"x": entry("F64", [-1, -1], 0, 8)}, bytes(8)),
        "overlapping arrays": container_of({"x": entry("U8", [8], 0, 8), "y": entry("U8", [8], 0, 8)}, bytes(8)),
        "a name twice": container_of(b'{"x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"x":{}}'),
        "nested brackets": container_of(b"[" * 500_000),
        "nested objects": container_of(b'{"a":' * 100_000),
        "a number of a million digits": container_of(b'{"x":' + b"9" * 1_000_000 + b"}"),
        "no dictionary": container_of(b"[1, 2, 3]"),
        "not UTF-8": container_of(b"\xff\xfe{}"),
        "a path as a name": container_of({"../../../etc/passwd": entry("U8", [4], 0, 4)}, b"root"),
        "an unknown dtype": container_of({"x": entry("object", [1], 0, 8)}, bytes(8)),
        "metadata that are none": container_of({"__metadata__": {"manifest": 1, "sha256": []}}),
        "no manifest": container_of({"__metadata__": {}}),
        "a pickle": b"\x80\x04\x95cos\nsystem\n(S'true'\ntR.",
    }
    for name, content in contents.items():
        path = folder / f"{len(name)}-{abs(hash(name))}"
        path.write_bytes(content)
        yield name, path
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("x", bytes(64 << 20))
    yield "a zip bomb", folder / "bomb.zip"
    sparse = folder / "sparse"
    head = container_of({"x": entry("U8", [2**40], 0, 2**40)})
    with sparse.open("wb") as file:
        file.write(head)
        file.truncate(len(head) + 2**40)
    yield "a hole of a terabyte", sparse


REFUSE = """
import json, resource, sys, time
sys.path.insert(0, sys.argv[1])
from blocks import Block
from trophic.runtime.checkpoint import CheckpointError, load, save
import safetensors.numpy
for name, path in json.load(sys.stdin):
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    try:
        load(path, Block())
        verdict = "accepted"
    except CheckpointError as error:
        verdict = str(error)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([name, verdict, seconds, (after - before) / 1024]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux only")
def test_hostile_files_are_refused_at_once_and_cost_nothing(tmp_path: Path, figure: Callable[..., None]) -> None:
    files = [(name, str(path)) for name, path in hostile(tmp_path)]
    child = subprocess.run(
        [sys.executable, "-c", REFUSE, HERE], input=json.dumps(files), capture_output=True, text=True, check=True
    )
    verdicts = [json.loads(line) for line in child.stdout.splitlines()]
    assert len(verdicts) == len(files)
    for name, verdict, seconds, megabytes in verdicts:
        assert str(tmp_path) in verdict, f"{name}: {verdict}"
        assert megabytes < 64, name
        assert seconds < 1 or not SOAK, name
    figure(files=len(files), worst_s=max(v[2] for v in verdicts), worst_mb=max(v[3] for v in verdicts))


def resealed(path: Path, changes: dict[str, Any]) -> None:
    """Rewrite a checkpoint's manifest with ``changes`` and a checksum that fits: what another version might write."""
    import hashlib

    from safetensors.numpy import load_file
    from safetensors.numpy import save as to_safetensors

    manifest = json.dumps(read_manifest(path) | changes, sort_keys=True)
    arrays = load_file(path)
    digest = hashlib.sha256(manifest.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode() + array.tobytes())
    path.write_bytes(to_safetensors(arrays, {"manifest": manifest, "sha256": digest.hexdigest()}))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"format": "trophic-checkpoint/2", "versions": {"trophic": "3.1.0"}},
            r"format 'trophic-checkpoint/2', this version reads .*pip install 'trophic>=3.1.0'",
        ),
        ({"model": "os.system"}, "its manifest is not one"),
        ({"versions": {"trophic": "\x1b[2J"}}, "its manifest is not one"),
        ({"configuration": [1]}, "its manifest is not one"),
        ({"state": {}}, "has changed since this file was written"),
    ],
)
def test_a_checkpoint_of_another_version(tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    path = tmp_path / "x"
    save(path, MODEL, numbered(1))
    resealed(path, {})
    assert number(load(path, MODEL)) == 1
    resealed(path, changes)
    with pytest.raises(CheckpointError, match=sentence):
        load(path, MODEL)


def test_a_model_is_found_by_its_public_name_only(tmp_path: Path) -> None:
    import trophic

    ecology = trophic.Ecology(f_min_hz=1, f_max_hz=9)
    save(tmp_path / "x", ecology, ecology.init())
    assert model_of("x", read_manifest(tmp_path / "x")) == ecology
    for name in ("run", "load", "Model", "State", "Block"):
        with pytest.raises(CheckpointError, match="which is no model of trophic"):
            model_of("x", {"model": name})
    manifest = read_manifest(tmp_path / "x")
    manifest["configuration"]["colour"] = "red"
    with pytest.raises(CheckpointError, match=r"does not take the configuration in it .*with the version that wrote"):
        model_of("x", manifest)


def test_a_manifest_too_large_is_refused_when_it_is_written(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="need a header above 1048576 bytes"):
        save(tmp_path / "x", MODEL, numbered(0), config="x" * (1 << 20))
    assert not list(tmp_path.iterdir())
