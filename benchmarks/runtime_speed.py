"""What the runtime costs around the learners: ``python -m benchmarks.runtime_speed``.

Guard, clock and sinks beside a step, checkpoints, recordings from end to end, fleets, live sources. Writes
``runtime_speed.md`` into ``--out``. All jobs are timed in turn, round after round; a number is the median over rounds,
with the range. What one thread computes is judged by processor time; what waits for the disk, a server or other
threads, by wall time, which says something only on idle cores: the load is printed with the result.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

import trophic
from benchmarks import report
from trophic.cli import main as command_line
from trophic.runtime.clock import Clock
from trophic.runtime.guard import admit, without_marks
from trophic.runtime.live import open_live
from trophic.runtime.sinks import JsonLines

CHUNK = 64
FS = 1000.0
BRIEF = {"Ecology": ("time_s", "frequency_hz", "amplitude"), "Network": ("prediction", "gate")}


@dataclass
class Job:
    """Something to time: ``work()`` handles ``n`` things; ``unit`` is what is reported of one of them."""

    label: str
    work: Callable[[], object]
    n: int
    wall: bool = False
    cost_s: list[float] = field(default_factory=list)

    def turn(self) -> None:
        """One round."""
        clock = time.perf_counter if self.wall else time.process_time
        start = clock()
        self.work()
        self.cost_s.append((clock() - start) / self.n)

    @property
    def median_s(self) -> float:
        """Seconds per thing."""
        return statistics.median(self.cost_s)

    def show(self, scale: float) -> str:
        """Median and range, times ``scale``."""
        return f"{scale * self.median_s:.3g} ({scale * min(self.cost_s):.3g}..{scale * max(self.cost_s):.3g})"

    def rate(self) -> str:
        """Things per second."""
        return f"{1 / self.median_s:,.0f} ({1 / max(self.cost_s):,.0f}..{1 / min(self.cost_s):,.0f})"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.runtime_speed", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args(arguments)
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        groups = {
            "step": step_jobs(folder),
            "checkpoint": checkpoint_jobs(folder),
            "recording": recording_jobs(folder),
            "fleet": fleet_jobs(),
            "live": live_jobs(),
        }
        measure([job for jobs in groups.values() for job in jobs], options.rounds)
        size = (folder / "large.safetensors").stat().st_size
    load = f"load average {load_before:.1f} before and {os.getloadavg()[0]:.1f} after, on {os.cpu_count()} cores"
    report.write(options.out / "runtime_speed.md", page(groups, size, f"{options.rounds} interleaved rounds; {load}"))


def measure(jobs: Sequence[Job], rounds: int) -> None:
    """One round that compiles and warms up, then those that count."""
    for counted in [False, *[True] * rounds]:
        for job in jobs:
            job.turn()
            if not counted:
                job.cost_s.clear()


def tones(n: int, n_streams: int = 1) -> np.ndarray:
    """(n_streams, n): three tones in noise; seed 0."""
    t = np.arange(n) / FS
    clean = sum(a * np.cos(2 * np.pi * f * t) for f, a in ((50, 1.0), (120, 0.5), (210, 0.25)))
    return clean + 0.1 * np.random.default_rng(0).normal(size=(n_streams, n))


# ---- what stands around a step --------------------------------------------------------------------------------


def step_jobs(folder: Path) -> list[Job]:
    """Per chunk of 64 samples: the step, and what guard, clock, sink and loop add to it."""
    jobs = []
    for model in (trophic.Ecology(f_min_hz=2, f_max_hz=450, track_every=CHUNK), trophic.Network(n_inputs=1)):
        name, x = type(model).__name__, tones(CHUNK * 300)[0][:, None]
        chunks = [trophic.Chunk(x[i : i + CHUNK], i, sample_period_s=1 / FS) for i in range(0, len(x), CHUNK)]
        sink = JsonLines(folder / f"{name}.jsonl")
        brief = JsonLines(folder / f"{name}.brief.jsonl", BRIEF[name])

        def advance(model: Any = model, chunks: Any = chunks) -> Any:
            state, info = model.init(), None
            for chunk in chunks:
                info = model.advance(state, chunk)
            return info

        info = advance()  # of the last chunk: numbers, where the first has nulls

        def guard(chunks: Any = chunks) -> None:
            clock = Clock.new()
            for chunk in chunks:
                admit(clock, without_marks(chunk))
                clock.tick(chunk)

        def write(info: Any = info, sink: Any = sink, n: int = len(chunks)) -> None:
            for _ in range(n):
                sink.write(info)

        def run(model: Any = model, chunks: Any = chunks, sink: Any = sink) -> None:
            trophic.run(model, chunks, collect=False, chunk_size=CHUNK, sinks=[Unclosed(sink)])

        works = {
            "step": advance,
            "guard and clock": guard,
            f"JSON lines of {', '.join(BRIEF[name])}": partial(write, sink=brief),
            "JSON lines of every field": write,
            "run with guard, clock, and those lines": partial(run, sink=brief),
        }
        jobs += [Job(f"{name}: {label}", work, len(chunks)) for label, work in works.items()]
    return jobs


class Unclosed:
    """A sink that outlives the run."""

    def __init__(self, sink: Any) -> None:
        self.write = sink.write

    def close(self) -> None:
        """Later."""


def checkpoint_jobs(folder: Path) -> list[Job]:
    """A Network of 131,072 neurons: 4,096 blocks of 32, four slots a row."""
    model = trophic.Network(n_blocks=4096, block_size=32, n_slots=3, map="none", structure="none", wiring="own")
    state, path = model.init(), folder / "large.safetensors"
    spare = state.copy()
    return [
        Job("save, 131,072 neurons", lambda: trophic.save(path, model, state), 1, wall=True),
        Job("copy of it, all that the stream of a run waits for", lambda: spare.load(state.arrays()), 1, wall=True),
        Job("load, 131,072 neurons", lambda: trophic.load(path, model), 1, wall=True),
    ]


def recording_jobs(folder: Path) -> list[Job]:
    """``trophic decompose`` of a WAV file, with the report and the track table, from the file to the last byte."""
    n, path = 2_000_000, folder / "tones.wav"
    soundfile.write(path, 0.4 * tones(n)[0], 44100, subtype="PCM_16")

    def decompose(*options: str) -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            assert command_line(["decompose", str(path), "--json", *options]) == 0

    def from_a_shell() -> None:
        command = [sys.executable, "-m", "trophic", "decompose", str(path), "--json"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    return [
        Job("decompose x.wav --json, wall time", decompose, n, wall=True),
        Job("the same, processor time", decompose, n),
        Job("the same from a shell, with Python's start and imports, wall time", from_a_shell, n, wall=True),
    ]


# ---- fleets ---------------------------------------------------------------------------------------------------


def fleet_jobs(n_streams: int = 200, n_chunks: int = 32) -> list[Job]:
    """Streams times samples, in chunks of 64."""
    model = trophic.Ecology(f_min_hz=10, f_max_hz=400, n_branches=8, track_every=1 << 40)
    x, names = tones(CHUNK * n_chunks, n_streams), [f"s{i}" for i in range(n_streams)]
    blocks = [x[:, i : i + CHUNK] for i in range(0, CHUNK * n_chunks, CHUNK)]

    def singles() -> None:
        states = [model.init() for _ in names]
        for k, block in enumerate(blocks):
            for i, row in enumerate(block):
                chunk = trophic.Chunk(row[:, None], CHUNK * k, sample_period_s=1 / FS)
                states[i] = trophic.run(model, chunk, states[i], collect=False).state

    def advances() -> None:
        states = [model.init() for _ in names]
        for k, block in enumerate(blocks):
            for state, row in zip(states, block):
                model.advance(state, trophic.Chunk(row[:, None], CHUNK * k, sample_period_s=1 / FS))

    def block_wise(n_threads: int | None) -> None:
        fleet = trophic.Fleet(model, names, n_threads=n_threads)
        for block in blocks:
            fleet.advance_block(block, FS)

    def chunk_wise() -> None:
        fleet = trophic.Fleet(model, names, n_threads=1)
        for k, block in enumerate(blocks):
            fleet.advance(
                {n: trophic.Chunk(row[:, None], CHUNK * k, sample_period_s=1 / FS) for n, row in zip(names, block)}
            )

    n = n_streams * CHUNK * n_chunks
    return [
        Job("a loop of trophic.run", singles, n),
        Job("a loop of model.advance", advances, n),
        Job("Fleet.advance, one thread", chunk_wise, n),
        Job("Fleet.advance_block, one thread", lambda: block_wise(1), n),
        Job(f"Fleet.advance_block, {os.cpu_count()} threads, wall time", lambda: block_wise(None), n, wall=True),
    ]


# ---- live sources ---------------------------------------------------------------------------------------------

QUEUE = {"queue_samples": 1 << 20, "queue_policy": "block", "sample_rate_hz": FS, "format": "json", "dtype": None}
ECOLOGY = trophic.Ecology(f_min_hz=10, f_max_hz=400, n_branches=8, track_every=1 << 40)


def live_jobs(n: int = 4000) -> list[Job]:
    """Messages of one JSON number each, and of a thousand, from a server on loopback into an Ecology."""
    numbers = [repr(value).encode() for value in tones(n)[0].tolist()]
    blocks = [b"[" + b",".join(b"[%s]" % x for x in numbers[i : i + 1000]) + b"]" for i in range(0, n, 1000)] * 25
    return [
        Job("websocket, a number a message", lambda: websocket(numbers, n), n, wall=True),
        Job("websocket, 1,000 a message", lambda: websocket(blocks, 25 * n), 25 * n, wall=True),
        Job("kafka, a number a message", lambda: kafka(numbers, n), n, wall=True),
        Job("kafka, 1,000 a message", lambda: kafka(blocks, 25 * n), 25 * n, wall=True),
    ]


def websocket(messages: list[bytes], n: int) -> None:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.server import serve

    def send(connection: Any) -> None:
        with contextlib.suppress(ConnectionClosed):  # the learner has had enough
            for message in messages:
                connection.send(message)

    with serve(send, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.socket.getsockname()[1]
        learn({"kind": "websocket", "url": f"ws://127.0.0.1:{port}", **QUEUE}, n)
        server.shutdown()


def kafka(messages: list[bytes], n: int) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
    broker = next(iter(producer.list_topics(timeout=10).brokers.values()))
    for message in messages:
        producer.produce("x", message, partition=0)
    producer.flush()
    place = {"brokers": f"{broker.host}:{broker.port}", "topic": "x", "partition": 0, "start": "earliest"}
    learn({"kind": "kafka", "settings": None, **place, **QUEUE}, n)


def learn(given: dict[str, Any], n: int) -> None:
    source = open_live(given, 1)
    trophic.run(ECOLOGY, first(source, n), collect=False)
    source.close()


def first(chunks: Any, n: int) -> Iterator[trophic.Chunk]:
    for chunk in chunks:
        yield chunk.part(0, min(n, len(chunk)))
        n -= len(chunk)
        if n <= 0:
            return


# ---- the page -------------------------------------------------------------------------------------------------


def page(groups: dict[str, list[Job]], size: int, how: str) -> list[str]:
    save = groups["checkpoint"]
    base = groups["fleet"][0].median_s
    return [
        "# What the runtime costs", "", "Generated; do not edit.", "", *report.provenance("benchmarks.runtime_speed"),
        f"- median (range) of {how}", "",
        f"## Around a step, chunks of {CHUNK} samples, processor time", "",
        *report.table(["", "us per chunk", "of the step"], step_rows(groups["step"])), "",
        "The step includes its own guard and clock; `guard and clock` is that part measured alone. "
        f"Guard, clock and the first kind of lines together: {together(groups['step'])}.", "",
        "## Checkpoints, wall time", "",
        *report.table(["", "s"], [[job.label, job.show(1)] for job in save]), "",
        f"The file has {size / 1e6:.0f} MB; it is hashed, written, flushed to the disk and renamed.", "",
        "## Recordings, from the file to the report", "",
        *report.table(["", "samples/s"], [[job.label, job.rate()] for job in groups["recording"]]), "",
        "2,000,000 samples of 16 bits at 44.1 kHz, one channel; reading, decomposing and the report.", "",
        "## Fleets of ecologies, chunks of 64 samples", "",
        *report.table(
            ["", "streams x samples/s", "times a loop of trophic.run"],
            [[job.label, job.rate(), f"{base / job.median_s:.1f}"] for job in groups["fleet"]],
        ), "",
        "200 streams, 8 branches each, no reports; processor time but for the last row.", "",
        "## Live sources, from the server's send to the Ecology's State, wall time", "",
        *report.table(["", "samples/s"], [[job.label, job.rate()] for job in groups["live"]]), "",
        "Sender, server and learner share the cores. Kafka is the cluster that librdkafka has for tests; its rows "
        "include writing the messages there.",
    ]  # fmt: skip


def together(jobs: Sequence[Job]) -> str:
    """What guard, clock and lines of some fields add up to, per model, of its step."""
    shares, n = [], len(BRIEF)
    for i in range(0, len(jobs), len(jobs) // n):
        step, guard, lines = jobs[i : i + 3]
        share = 100 * (guard.median_s + lines.median_s) / step.median_s
        shares.append(f"{share:.1f} % of a step of {step.label.partition(':')[0]}")
    return ", ".join(shares)


def step_rows(jobs: Sequence[Job]) -> Iterator[list[str]]:
    step_s = 1.0
    for job in jobs:
        if job.label.endswith(": step"):
            step_s = job.median_s
        yield [job.label, job.show(1e6), f"{100 * job.median_s / step_s:.0f} %"]


if __name__ == "__main__":
    main()
