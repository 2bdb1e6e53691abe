"""What the tests of live sources share: learners that are started, fed, stopped and started again."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import trophic
from trophic.runtime.checkpoint import read_manifest
from trophic.runtime.config import read_config
from trophic.runtime.live import RunSource, open_live
from trophic.runtime.messages import MAX_MESSAGE

from .conftest import at_scale

ECOLOGY = trophic.Ecology(f_min_hz=10, f_max_hz=400, n_branches=4)
MODEL = 'model = {kind = "Ecology", f_min_hz = 10, f_max_hz = 400, n_branches = 4}\n'
NAN = float("nan")
HOSTILE = [
    b"",
    b"\xff\xfe\x00",
    b"rubbish",
    b"[" * 100_000,
    b"9" * 6000,
    b'{"x": {"x": 1}}',
    b"[1, 2]",
    b'"1"',
    b"true",
]
HUGE = b"[" + b"1," * (MAX_MESSAGE // 2) + b"1]"


def wait_for(condition: Callable[[], Any], timeout_s: float = 120.0) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def described(folder: Path, source: str, checkpoint: str = "every_samples = 100") -> Path:
    path = folder / "run.toml"
    sink = '[[sinks]]\nkind = "jsonl"\npath = "x.jsonl"\nfields = ["n_bad"]'
    saving = f'[checkpoint]\npath = "x.safetensors"\n{checkpoint}'
    path.write_text(f"{MODEL}[source]\n{source}\n{saving}\n{sink}")
    return path


def opened(tmp_path: Path, source: str, notes: list[str] | None = None) -> RunSource:
    given = read_config(described(tmp_path, source)).source
    return open_live(given, 1, note=(notes if notes is not None else []).append)


class Taken:
    """The rows of a source as a thread takes them."""

    def __init__(self, source: RunSource) -> None:
        self.values: list[float] = []
        self.error: BaseException | None = None
        self.source = source
        self.thread = threading.Thread(target=self._take, daemon=True)
        self.thread.start()

    def __enter__(self) -> Taken:
        return self

    def __exit__(self, *exception: object) -> None:
        self.source.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()

    def _take(self) -> None:
        try:
            for chunk in self.source:
                self.values += chunk.values[:, 0].tolist()
        except BaseException as error:
            self.error = error

    def until(self, n: int) -> list[float]:
        wait_for(lambda: len(self.values) >= n or self.error)
        if self.error is not None:
            raise self.error
        return self.values


def encoded(numbers: Any) -> list[bytes]:
    return [json.dumps(number).encode() for number in numbers]


def first(chunks: Iterable[trophic.Chunk], n_samples: int) -> Iterator[trophic.Chunk]:
    """The first samples of a stream; the source is not closed."""
    for chunk in chunks:
        yield chunk.part(0, min(n_samples, len(chunk)))
        n_samples -= len(chunk)
        if n_samples <= 0:
            return


@contextmanager
def learner(command: str, path: Path) -> Iterator[subprocess.Popen[str]]:
    arguments = [sys.executable, "-m", "trophic", command, str(path)]
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def connected(process: subprocess.Popen[str]) -> None:
    """Wait until it says so."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "connected" in line:
            return
    raise AssertionError(f"ended with {process.wait()}: {lines}")


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, err = process.communicate(timeout=60)
    return process.returncode, err


def reports(folder: Path) -> int:
    path = folder / "x.jsonl"
    return path.read_text().count("\n") if path.exists() else 0


def stopped_over_and_over(
    path: Path, send: Callable[[list[bytes]], None], payloads: list[bytes], number: signal.Signals, n_samples: int
) -> int:
    """Start the learner, send a part of the messages, stop it with some in flight; and at last let it have the rest.

    Returns how often it was stopped.
    """
    trophic.run(ECOLOGY, signal_of(10), sample_rate_hz=1000)  # kernels that are compiled here are not there
    n_stops, folder = at_scale(2, 30), path.parent
    part = len(payloads) // (n_stops + 1)
    for stop in range(n_stops):
        before = reports(folder)
        with learner("resume", path) as process:
            if stop == 0:
                connected(process)
            sender = threading.Thread(target=send, args=(payloads[stop * part : (stop + 1) * part],))
            sender.start()
            wait_for(lambda before=before: reports(folder) > before)
            process.send_signal(number)
            code, err = ended(process)
            sender.join(30)
        assert code in (128 + signal.SIGTERM, -signal.SIGKILL), err
        assert "Traceback" not in err
    assert n_samples % 100 == 0  # a checkpoint every 100 samples
    saved, before = folder / "x.safetensors", reports(folder)
    with learner("resume", path) as process:
        send(payloads[n_stops * part :])
        wait_for(lambda: reports(folder) > before)  # repeated messages may have filled the checkpoint before it began
        wait_for(lambda: saved.exists() and read_manifest(saved)["clock"]["n_samples"] >= n_samples)
        process.send_signal(signal.SIGTERM)
        assert ended(process)[0] == 128 + signal.SIGTERM
    return n_stops


def signal_of(n: int) -> np.ndarray:
    t = np.arange(n) / 1000
    return np.round(np.cos(2 * np.pi * 50 * t) + 0.5 * np.cos(2 * np.pi * 120 * t), 6)
