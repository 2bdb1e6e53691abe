"""Fleets: the bits of a stream are those it would have alone, in one process, over many, and over a worker's death."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trophic
from trophic.runtime.checkpoint import load, read_manifest
from trophic.runtime.contract import Chunk
from trophic.runtime.fleet import Fleet, run_fleet

from .conftest import at_scale

HERE = str(Path(__file__).parent)
NAMES = [f"s{i}" for i in range(6)]
MODELS = [
    trophic.Ecology(f_min_hz=10, f_max_hz=400, n_branches=4),
    trophic.Ecology(f_min_hz=10, f_max_hz=400, n_branches=4, n_channels=2, precision="float32"),
    trophic.Novelty(capacity=16),
    trophic.Network(n_blocks=4, block_size=8),
]


@pytest.fixture
def fleets(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module as workers import it."""
    monkeypatch.syspath_prepend(HERE)
    return importlib.import_module("fleets")


def channels(model: Any) -> int:
    return model.init().clock.n_channels


def streams_of(model: Any, n: int = 1500) -> np.ndarray:
    """(n_streams, n, C), with bad samples of every kind in the second stream and a leading one in the third."""
    t = np.arange(n) / 1000
    x = np.random.default_rng(0).normal(size=(len(NAMES), n, channels(model))) * 0.1
    x += np.cos(2 * np.pi * 50 * t)[None, :, None]
    x[1, [3, 200, 201, 900], 0] = [np.nan, np.inf, -1e38, np.nan]
    x[2, :5] = np.nan
    return x


@pytest.mark.parametrize("model", MODELS, ids=lambda model: f"{type(model).__name__}{channels(model)}")
@pytest.mark.parametrize("n_threads", [1, 3])
def test_a_stream_of_a_fleet_is_what_it_would_be_alone(model: Any, n_threads: int) -> None:
    x = streams_of(model)
    fleet = Fleet(model, NAMES, n_threads=n_threads)
    fleet.advance_block(x[:, :64], sample_rate_hz=1000, start_time_s=5.0)
    late = np.random.default_rng(1)
    for start in range(64, x.shape[1], 97):  # and streams that take their chunks at different times
        part = {name: row for row, name in enumerate(NAMES) if row % 2 or late.random() < 0.7}
        for row in range(len(NAMES)):
            index = fleet.states[NAMES[row]].clock.index
            stop = min(start + 97, x.shape[1]) if NAMES[row] in part else index
            part[NAMES[row]] = Chunk(x[row, index:stop], index, sample_period_s=1e-3, start_time_s=5.0)  # type: ignore[assignment]
        fleet.advance(part)  # type: ignore[arg-type]
    for row, name in enumerate(NAMES):
        state = fleet.states[name]
        alone = trophic.run(model, x[row, : state.clock.index], sample_rate_hz=1000, start_time_s=5.0).state
        assert state.equals(alone), name


def test_irregular_streams_and_regular_ones_may_be_mixed() -> None:
    model, x = MODELS[0], streams_of(MODELS[0])
    stamps = np.cumsum(np.random.default_rng(2).uniform(0.5e-3, 1.5e-3, x.shape[1]))
    fleet = Fleet(model, NAMES[:2])
    for start in range(0, x.shape[1], 100):
        part = slice(start, start + 100)
        fleet.advance(
            {"s0": Chunk(x[0, part], start, times_s=stamps[part]), "s1": Chunk(x[1, part], start, sample_period_s=1e-3)}
        )
    assert fleet.states["s0"].equals(trophic.run(model, x[0], times_s=stamps).state)
    assert fleet.states["s1"].equals(trophic.run(model, x[1], sample_rate_hz=1000).state)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["a", "../b"], r"names must be made of letters, digits, .* got '\.\./b'"),
        (["a", ""], "names must be made of"),
        ([".a"], "names must be made of"),
        (["a" * 101], "names must be made of"),
        (["a", "b", "a"], "names must differ, got 'a' more than once"),
    ],
)
def test_names_that_are_no_folders_are_refused(names: list[str], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Fleet(MODELS[0], names)


def test_what_does_not_fit_is_refused() -> None:
    fleet = Fleet(MODELS[0], NAMES)
    with pytest.raises(ValueError, match=r"n_streams = 6, got \(5, 3, 1\)"):
        fleet.advance_block(np.zeros((5, 3)), sample_rate_hz=1)
    with pytest.raises(ValueError, match=r"sample_rate_hz must be in \(0, inf\) Hz, got 0"):
        fleet.advance_block(np.zeros((6, 3)), sample_rate_hz=0)
    with pytest.raises(KeyError, match="no stream is named 'x'"):
        fleet.advance({"x": Chunk(np.zeros((3, 1)), sample_period_s=1.0)})
    fleet.advance_block(np.zeros((6, 3)), sample_rate_hz=1)
    with pytest.raises(ValueError, match="keep both for the whole stream") as refused:
        fleet.advance_block(np.zeros((6, 3)), sample_rate_hz=2)
    assert refused.value.__notes__ == ["in stream 's0'"]
    with pytest.raises(ValueError, match="first_sample must be 3"):
        fleet.advance({"s1": Chunk(np.zeros((3, 1)), 4, sample_period_s=1.0)})


# ---- checkpoints ----------------------------------------------------------------------------------------------


def test_a_fleet_goes_on_from_its_checkpoints(tmp_path: Path, fleets: Any) -> None:
    names = [f"s{i}" for i in range(10)]
    run_fleet(fleets.MODEL, names, fleets.streams(n=900), tmp_path, every_samples=200, keep=2)
    kept = sorted(file.name for file in (tmp_path / "s0").iterdir())
    assert kept == ["state.safetensors", "state.safetensors.1"]
    older = {read_manifest(tmp_path / name / "state.safetensors.1")["clock"]["n_samples"] for name in names}
    assert len(older) > 3  # the streams take turns
    newest = tmp_path / "s3" / "state.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])  # harmed: the one before is taken
    fleet = run_fleet(fleets.MODEL, names, fleets.streams(n=2000), tmp_path, every_samples=200, keep=2)
    for name, state in fleet.states.items():
        alone = trophic.run(fleets.MODEL, fleets.samples(name, 2000), sample_rate_hz=1000).state
        assert state.equals(alone)
        assert load(tmp_path / name / "state.safetensors", fleets.MODEL).equals(alone)


RUNNING = """
import sys
sys.path.insert(0, sys.argv[1])
import fleets
from trophic.runtime.fleet import run_fleet
names = [f"s{i}" for i in range(20)]
print("begun", flush=True)
run_fleet(fleets.MODEL, names, fleets.streams(n=20_000, pause_s=0.0002), sys.argv[2], every_samples=1000)
"""


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_fleet_that_is_stopped_over_and_over_ends_in_the_same_bits(tmp_path: Path, fleets: Any) -> None:
    random, codes = np.random.default_rng(3), set()
    for number in [signal.SIGTERM, signal.SIGKILL, signal.SIGINT] * at_scale(1, 10):
        arguments = [sys.executable, "-c", RUNNING, HERE, str(tmp_path)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.5 + 0.5 * random.random())
            child.send_signal(number)
            child.wait(30)
        codes.add(child.returncode)
    assert {128 + signal.SIGTERM, -signal.SIGKILL} <= codes
    names = [f"s{i}" for i in range(20)]
    fleet = run_fleet(fleets.MODEL, names, fleets.streams(n=20_000), tmp_path)
    for name, state in fleet.states.items():
        assert state.equals(trophic.run(fleets.MODEL, fleets.samples(name, 20_000), sample_rate_hz=1000).state)


# ---- over processes -------------------------------------------------------------------------------------------


@contextmanager
def cluster(n_workers: int) -> Iterator[tuple[Any, list[subprocess.Popen[bytes]]]]:
    """A scheduler here and workers in processes of their own that nobody starts again."""
    distributed = pytest.importorskip("distributed", reason="needs distributed")
    paths = [HERE, str(Path(trophic.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    workers: list[subprocess.Popen[bytes]] = []
    with (
        distributed.LocalCluster(n_workers=0, processes=True, dashboard_address=None) as local,
        distributed.Client(local) as client,
    ):
        address = local.scheduler_address
        command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny", "--nthreads", "1"]
        try:
            for _ in range(n_workers):
                workers.append(
                    subprocess.Popen([*command, "--no-dashboard"], env=environment, stderr=subprocess.DEVNULL)
                )
            client.wait_for_workers(n_workers, timeout=60)
            yield client, workers
        finally:
            for worker in workers:
                worker.kill()
                worker.wait(10)


@pytest.mark.filterwarnings("default")  # distributed's own, on losing a worker
@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_a_worker_is_killed_and_its_streams_go_on_elsewhere(
    tmp_path: Path, fleets: Any, figure: Callable[..., None]
) -> None:
    """SIGKILL to one of two: every stream ends in the bits of an uninterrupted run."""
    n_streams, n = at_scale(60, 1000), at_scale(4000, 8000)
    names, log, folder = [f"s{i}" for i in range(n_streams)], tmp_path / "log", tmp_path / "fleet"
    log.mkdir()
    source = fleets.streams(n=n, pause_s=0.001, log=str(log))
    with cluster(2) as (client, workers):
        from trophic.runtime.spread import run_fleet_on

        def kill() -> None:
            victim = workers[0]
            until = time.monotonic() + 60
            while time.monotonic() < until and not any(saved(folder, name) for name in opened_by(log, victim.pid)):
                time.sleep(0.01)
            victim.send_signal(signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        seen = run_fleet_on(client, fleets.MODEL, names, source, folder, every_samples=500, n_shards=4)
        killer.join()
        lost, survivor = workers
        moved = opened_by(log, lost.pid) & opened_by(log, survivor.pid)
    assert lost.returncode == -signal.SIGKILL
    assert seen == dict.fromkeys(names, n)
    assert moved
    assert any(int(file.name.split(".")[2]) for file in log.iterdir())  # not all from their beginning
    for name in names:
        state = load(folder / name / "state.safetensors", fleets.MODEL)
        assert state.equals(trophic.run(fleets.MODEL, fleets.samples(name, n), sample_rate_hz=1000).state), name
    figure(streams=n_streams, workers=2, killed=1, streams_moved=len(moved), states_different=0)


def opened_by(log: Path, pid: int) -> set[str]:
    return {file.name.split(".")[0] for file in log.iterdir() if file.name.split(".")[1] == str(pid)}


def saved(folder: Path, name: str) -> bool:
    return (folder / name / "state.safetensors").exists()


def test_only_own_models_are_spread(tmp_path: Path) -> None:
    from trophic.runtime.spread import run_fleet_on

    from .blocks import Block

    with pytest.raises(ValueError, match="model must be one of trophic's own, got Block"):
        run_fleet_on(None, Block(), ["a"], lambda name, first: [], tmp_path)  # type: ignore[arg-type]
