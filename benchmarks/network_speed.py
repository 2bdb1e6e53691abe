"""How fast is the network? ``python -m benchmarks.network_speed`` writes ``network_speed.md`` into ``--out``.

All jobs are timed in turn, round after round, by the processor time of this process, so that neighbours on the machine
disturb all alike; a number is the median over rounds, with the range. The bandwidth of memory that a large network is
held against is measured in the same rounds.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from benchmarks import report
from trophic import Chunk
from trophic.network.accelerated import Streams
from trophic.network.model import Network, NetworkState

LARGE_BLOCKS, LARGE_SIZE, LARGE_EDGES, LARGE_SAMPLES = 4096, 32, 3, 40
COLD = """import time, numpy as np, trophic
model = trophic.Network(engine={engine!r}, precision={precision!r})
start = time.process_time()
model.advance(model.init(), trophic.Chunk(np.zeros((20, 1)), sample_period_s=1.0))
print(time.process_time() - start)"""


@dataclasses.dataclass
class Job:
    """Something to time: ``work(first)`` consumes ``n_samples`` samples from sample ``first`` on, of ``streams``."""

    label: str
    work: Callable[[int], object]
    n_samples: int
    streams: int = 1
    done: int = 0
    cost_us: list[float] = dataclasses.field(default_factory=list)  # per sample and stream, one per round

    def turn(self, counts: bool) -> None:
        """One round."""
        start = time.process_time()
        self.work(self.done)
        spent = time.process_time() - start
        self.done += self.n_samples
        if counts:
            self.cost_us.append(1e6 * spent / self.n_samples / self.streams)


def signal(first: int, n: int) -> np.ndarray:
    """Noise is what never lets plasticity rest; the same at every sample of every job."""
    t = np.arange(first, first + n)
    return (np.sin(0.3 * t) + 0.5 * np.sin(t * t * 0.017))[:, None]


def chunk(first: int, n: int) -> Chunk:
    return Chunk(signal(first, n), first_sample=first, sample_period_s=1.0)


def advancing(label: str, model: Network, n: int, state: NetworkState | None = None) -> Job:
    """A network that goes on from round to round."""
    state = model.init() if state is None else state
    return Job(label, lambda first: model.advance(state, chunk(first, n)), n)


def one_by_one(label: str, model: Network, n: int) -> Job:
    """The same, one call per sample."""
    state = model.init()

    def work(first: int) -> None:
        for piece in chunk(first, n).split([1] * n):
            model.advance(state, piece)

    return Job(label, work, n)


def batch(label: str, model: Network, n: int, streams: int) -> Job:
    """Many streams of the accelerated engine."""
    together = Streams(model, [model.init(k) for k in range(streams)])
    return Job(label, lambda first: together.advance([chunk(first, n)] * streams), n, streams)


def reservoir(units: int, n: int) -> Job:
    """reservoirpy's fixed reservoir: no readout, nothing learned."""
    from reservoirpy.nodes import Reservoir

    node = Reservoir(units, sr=0.9, lr=1.0, seed=0)
    return Job(f"reservoirpy, fixed reservoir of {units}", lambda first: node.run(signal(first, n)), n)


def small_jobs(n: int) -> list[Job]:
    """16 blocks of 16."""
    default, plain = Network(), Network(map="none", structure="none")
    return [
        advancing("native, all default rules", default, n),
        advancing("native, plastic, no map and no births", plain, n),
        advancing("native, weights held still", dataclasses.replace(plain, plasticity="none"), n),
        one_by_one("native, one call per sample", default, n // 10),
        batch("accelerated, all default rules", default, n // 2, 1),
        batch("accelerated, 16 streams at once, each", default, n // 20, 16),
        reservoir(256, n // 10),
        reservoir(1000, n // 20),
    ]


def large() -> tuple[Job, float]:
    """131,072 neurons, every slot in use; and the bytes that a step cannot but read and write."""
    model = Network(
        n_blocks=LARGE_BLOCKS, block_size=LARGE_SIZE, n_slots=LARGE_EDGES, map="none", structure="none", wiring="own"
    )
    state = model.init()
    rng = np.random.default_rng(0)
    state.slots[:, 1:] = rng.integers(0, LARGE_BLOCKS, (LARGE_BLOCKS, LARGE_EDGES))
    state.weights[:, 1:] = 0.01
    moved = 2 * (state.weights.nbytes + state.precision.nbytes)
    label = f"{LARGE_BLOCKS * LARGE_SIZE:,} neurons, {1 + LARGE_EDGES} slots a row"
    return advancing(label, model, LARGE_SAMPLES, state), float(moved)


def memory() -> Job:
    """Reading and writing 256 MiB once; ``n_samples`` counts bytes."""
    room = np.zeros(1 << 25)
    return Job("memory, x += 1", lambda first: np.add(room, 1.0, out=room), 2 * room.nbytes)


def cold(engine: str, precision: str) -> float:
    """Seconds of processor time of the first samples in a process whose cache is empty."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        code = COLD.format(engine=engine, precision=precision)
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


def spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.3g} ({min(values):.3g}..{max(values):.3g})"


def page(small: list[Job], big: Job, moved: float, ram: Job, colds: dict[str, float], options: str) -> list[str]:
    base = statistics.median(small[0].cost_us)
    rows = []
    for job in small:
        median = statistics.median(job.cost_us)
        rows.append([job.label, spread(job.cost_us), f"{1e6 / median:,.0f}", f"{median / base:.2f}"])
    over = statistics.median(small[3].cost_us) - base
    per_second = 1e6 / statistics.median(big.cost_us)
    bytes_per_second = 1e6 / statistics.median(ram.cost_us)
    return [
        "# Speed of the network", "", "Generated; do not edit.", "", *report.provenance("benchmarks.network_speed"),
        options, "", "256 neurons (16 blocks of 16), one input, single precision:", "",
        *report.table(["", "us per sample", "samples/s", "time / native"], rows), "",
        f"A call of its own for every sample costs {over:.1f} us on top of the compiled step.", "",
        "## 131,072 neurons", "",
        *report.table(
            ["", "us per step", "steps/s", "GB moved per step", "GB/s", "of the memory's"],
            [[big.label, spread(big.cost_us), f"{per_second:.0f}", f"{moved / 1e9:.3f}",
              f"{moved * per_second / 1e9:.1f}", f"{moved * per_second / bytes_per_second:.2f}"]],
        ), "",
        f"Every weight and every entry of P is read and written once a step: {moved / 1e9:.3f} GB. This core reads and "
        f"writes {bytes_per_second / 1e9:.1f} GB/s in a loop that does nothing else, "
        f"which bounds it to {bytes_per_second / moved:.0f} steps/s.", "",
        "## The first call", "",
        *report.table(["engine, precision", "seconds to compile"], [[k, f"{v:.0f}"] for k, v in colds.items()]), "",
        "The native engine keeps what it has compiled on disk: later processes start in a second.",
    ]  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.network_speed", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--samples", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    small, (big, moved), ram = small_jobs(options.samples), large(), memory()
    for k in range(options.rounds + 1):
        for job in (*small, big, ram):
            job.turn(counts=k > 0)
        print(f"round {k} of {options.rounds}", flush=True)
    colds = {f"{e}, {p}": cold(e, p) for e, p in (("native", "float32"), ("accelerated", "float32"))}
    told = (
        f"- median (range) of {options.rounds} interleaved rounds, processor time; load average {load:.1f} before and "
        f"{os.getloadavg()[0]:.1f} after, on {os.cpu_count()} cores"
    )
    report.write(options.out / "network_speed.md", page(small, big, moved, ram, colds, told))


if __name__ == "__main__":
    main()
