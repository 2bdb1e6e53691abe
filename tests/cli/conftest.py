"""Recordings with a known answer, written in every format, and the command line in and out of process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import soundfile

import trophic
from trophic.cli import main

RATE_HZ = 1000.0
TONES = ((50.0, 0.4), (120.0, 0.2))  # Hz, amplitude


def two_tones(n: int = 8000, rate_hz: float = RATE_HZ, seed: int = 0) -> np.ndarray:
    """Two tones in noise 40 dB below the first."""
    t = np.arange(n) / rate_hz
    tones = sum(amplitude * np.cos(2 * np.pi * f * t + f) for f, amplitude in TONES)
    return tones + 0.004 * np.random.default_rng(seed).normal(size=n)


def save_wav(folder: Path, x: np.ndarray) -> Path:
    path = folder / "tones.wav"
    soundfile.write(path, x, int(RATE_HZ), subtype="PCM_24")
    return path


def save_csv(folder: Path, x: np.ndarray) -> Path:
    path = folder / "tones.csv"
    path.write_text("time,x\n" + "".join(f"{i / RATE_HZ:.3f},{value:.6f}\n" for i, value in enumerate(x)))
    return path


def save_gappy_csv(folder: Path, x: np.ndarray) -> Path:
    """ISO 8601 stamps; rows missing for a while, cells missing here and there."""
    path = folder / "gappy.csv"
    start = datetime(2024, 2, 29, 23, 59, 58)
    lines = ["date,x"]
    for i, value in enumerate(x):
        if not 3000 <= i < 3100:
            stamp = (start + timedelta(milliseconds=i)).isoformat(timespec="milliseconds")
            lines.append(f"{stamp},{'' if i % 50 == 7 else f'{value:.6f}'}")
    path.write_text("\n".join(lines))
    return path


def save_parquet(folder: Path, x: np.ndarray) -> Path:
    path = folder / "tones.parquet"
    moments = np.datetime64("2024-01-01", "us") + np.arange(len(x)) * np.timedelta64(1000, "us")
    pyarrow.parquet.write_table(pyarrow.table({"timestamp": moments, "x": x}), path)
    return path


def save_npy(folder: Path, x: np.ndarray) -> Path:
    path = folder / "tones.npy"
    np.save(path, x)
    return path


def save_npz(folder: Path, x: np.ndarray) -> Path:
    path = folder / "tones.npz"
    np.savez(path, x=x, fs=RATE_HZ)
    return path


#: Format name to its writer and the extra arguments the command line needs for it.
FORMATS: dict[str, tuple[Callable[[Path, np.ndarray], Path], list[str]]] = {
    "wav": (save_wav, []),
    "csv": (save_csv, []),
    "gappy csv": (save_gappy_csv, []),
    "parquet": (save_parquet, []),
    "npy": (save_npy, ["--sample-rate", "1000"]),
    "npz": (save_npz, []),
}


@pytest.fixture
def decompose(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """``decompose(file, *options)`` in this process: exit code, stdout, stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["decompose", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


@pytest.fixture
def report(decompose: Callable[..., tuple[int, str, str]]) -> Callable[..., dict[str, Any]]:
    """``report(file, *options)``: the JSON that ``--json`` prints."""

    def call(*arguments: object) -> dict[str, Any]:
        code, out, err = decompose(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    return call


def spawn(*arguments: object, code: str = "", **options: Any) -> subprocess.Popen[str]:
    """The command line in a process of its own, or Python ``code`` with these arguments."""
    paths = [str(Path(trophic.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    start = ["-c", code] if code else ["-m", "trophic"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": environment} | options
    return subprocess.Popen([sys.executable, *start, *map(str, arguments)], **pipes)
