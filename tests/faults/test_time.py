"""Time: no count of samples, gap or stamp makes a learner go wrong, and none makes it grow."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trophic
from trophic.runtime.contract import Chunk
from trophic.testing.compare import all_finite, require_same

from .conftest import SOAK, at_scale
from .models import public_models, signal

ECOLOGY = trophic.Ecology(f_min_hz=5, f_max_hz=400)
EDGES = (2**24, 2**31, 2**32, 2**53)


def started_at(model: Any, index: int, n: int = 3000) -> Any:
    """The State of a stream whose clock stood at ``index`` when it began."""
    state = model.init()
    for name, array in state.arrays().items():
        if name.endswith("clock.n_samples"):  # a model inside a model has a clock of its own
            array[0] = index
    values = signal(n)
    values[n // 2 : n // 2 + 50] = np.nan
    for start in range(0, n, 500):
        model.advance(state, Chunk(values[start : start + 500], index + start, sample_period_s=1e-3))
    return state


def without_stamps(state: Any) -> dict[str, Any]:
    """The arrays of a State with the fields that are dates, by their names, set to zero."""
    arrays = {name: array.copy() for name, array in state.arrays().items()}
    for array in arrays.values():
        for name in {"born_s", "time_s"} & {*(array.dtype.names or ())}:
            array[name] = 0.0
    return arrays


@pytest.mark.parametrize("edge", EDGES, ids=["2^24", "2^31", "2^32", "2^53"])
@pytest.mark.parametrize("name", public_models())
def test_across_every_edge_of_a_counter(name: str, edge: int) -> None:
    """What an ecology learns across 2^24 ... 2^53 samples is bit for bit what it learns from the first sample on.

    Where randomness is a function of the absolute sample, as in a network, the clock is right and all is finite.
    """
    model = public_models()[name]
    first, far = (without_stamps(started_at(model, index)) for index in (0, edge - 1500))
    stamps = {key for key in first if key.startswith("clock.")}
    if name == "Ecology":
        require_same(first, far, f"a stream across sample {edge}", stamps)
    assert all(all_finite(far[key]) or not all_finite(first[key]) for key in first)
    assert far["clock.n_samples"].tolist() == [edge + 1500]
    assert far["clock.last_index"].tolist() == [edge + 1499]


@pytest.mark.parametrize("gap_s", [1.0, 60.0, 3600.0, 86_400.0], ids=["second", "minute", "hour", "day"])
def test_a_gap_is_gone_through(gap_s: float) -> None:
    """Whatever was missed, the error a minute after it is that of a stream without a gap."""
    left = {}
    for gap in (0.0, gap_s):
        index = np.arange(95_000)
        stamps = index * 1e-3 + gap * (index >= 30_000)
        noise = 0.1 * np.random.default_rng(0).standard_normal(len(index))
        values = np.cos(2 * np.pi * 50 * stamps) + 0.5 * np.cos(2 * np.pi * 120 * stamps + 1) + noise
        result = trophic.run(ECOLOGY, values, times_s=stamps)
        residual = np.concatenate([info.residual[-5000:, 0] for info in result.infos or []])[-5000:]
        left[gap] = float(np.sqrt(np.mean(residual**2)))
        assert int(result.state.clock.n_late[0]) == 0
    assert left[gap_s] <= 1.05 * left[0.0]


def test_late_duplicate_and_bad_stamps_are_dropped_and_counted() -> None:
    random = np.random.default_rng(1)
    stamps = np.arange(5000) * 1e-3
    values = np.cos(2 * np.pi * 50 * stamps)
    where = np.sort(random.choice(np.arange(10, 5000), size=300, replace=False))
    kinds = np.resize([0, 1, 2], 300)
    bad = np.select([kinds == 0, kinds == 1], [stamps[where - 1], stamps[where - 7]], np.nan)
    harmed = trophic.run(ECOLOGY, np.insert(values, where, 9.0), times_s=np.insert(stamps, where, bad), collect=False)
    clean = trophic.run(ECOLOGY, values, times_s=stamps, collect=False)
    counters = {f"clock.{name}" for name in ("n_samples", "last_index", "n_bad", "n_late", "n_gaps")}
    require_same(clean.state, harmed.state, "a stream with late, doubled and unreadable stamps", counters)
    assert (int(harmed.state.clock.n_late[0]), int(harmed.state.clock.n_bad[0])) == (200, 100)


def tone(n: int, frequency: float, size: int = 1 << 16) -> Iterator[Chunk]:
    """cos(2 pi f n) for n samples at 1 kHz; the phase in two parts, exact far beyond 1e8 samples."""
    for start in range(0, n, size):
        index = np.arange(start, min(start + size, n), dtype=np.int64)
        turns = np.modf(index * frequency)[0]
        yield Chunk(np.cos(2 * np.pi * turns)[:, None], start, sample_period_s=1e-3)


def test_a_pure_tone_is_held_for_ever(figure: Callable[..., None]) -> None:
    n, cycles = at_scale(200_000, 100_000_000), 50 / 1024
    result = trophic.run(ECOLOGY, tone(n, cycles), chunk_size=1 << 16, collect=False)
    (found,) = ECOLOGY.components(result.state)
    frequency = abs(found["frequency_hz"] / (1000 * cycles) - 1)
    amplitude = abs(found["amplitude"] - 1)
    phase = abs(np.angle(np.exp(1j * (found["phase_rad"] - 2 * np.pi * ((n - 1) * cycles % 1)))))
    figure(samples=n, frequency_error=float(frequency), amplitude_error=float(amplitude), phase_error_rad=float(phase))
    assert frequency < 1e-6
    assert amplitude < 1e-3
    assert phase < 1e-3


GROW = """
import sys, itertools
sys.path.insert(0, sys.argv[1])
import numpy as np, trophic
from trophic.runtime.autosave import Autosave
from trophic.runtime.contract import Chunk
from trophic.runtime.sinks import Callback, JsonLines
_, here, folder, n_warm, n = sys.argv
block = np.random.default_rng(0).standard_normal((4096, 1))
def source():
    for i in range((int(n_warm) + int(n)) // 4096):
        yield Chunk(block, 4096 * i, sample_period_s=1e-3)
done = 0
def tell(info):
    global done
    done += 4096
    if done > int(n_warm) and done % (4096 * 64) == 0:
        pages = int(open("/proc/self/statm").read().split()[1])
        print(done, pages * 4096, flush=True)
trophic.run(trophic.Ecology(f_min_hz=5, f_max_hz=400), source(), collect=False,
            sinks=[Callback(tell), JsonLines(folder + "/x.jsonl", ["time_s"])],
            checkpoint=Autosave(folder + "/x.safetensors", every_samples=1_000_000))
"""


@pytest.mark.skipif(not SOAK or sys.platform != "linux", reason="minutes; in make soak, on Linux")
def test_memory_does_not_grow(tmp_path: Path, figure: Callable[..., None]) -> None:
    """Less than 1 kB of resident memory per million samples after the warm-up, with checkpoints and a sink."""
    arguments = [sys.executable, "-c", GROW, str(Path(__file__).parent), str(tmp_path), "20000000", "100000000"]
    lines = subprocess.run(arguments, capture_output=True, text=True, check=True).stdout.split()
    done, resident = np.array(lines, dtype=float).reshape(-1, 2).T
    quarter = len(done) // 4
    spans = [slice(0, quarter), slice(-quarter, None)]
    early, late = ((np.median(done[span]), np.median(resident[span])) for span in spans)
    slope = (late[1] - early[1]) / (late[0] - early[0]) * 1e6
    figure(samples=int(done[-1]), resident_mb=float(resident[-1] / 1e6), bytes_per_million_samples=float(slope))
    assert slope < 1000
