"""Streams by name for the tests of fleets; a module of its own, because workers import it."""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

import trophic

MODEL = trophic.Ecology(f_min_hz=10, f_max_hz=400, n_branches=4)
RATE_HZ = 1000.0


def samples(name: str, n: int) -> np.ndarray:
    """A tone in noise, another for every name; here and there a sample is missing. A longer one begins alike."""
    random, dice = (np.random.default_rng([zlib.crc32(name.encode()), part]) for part in range(2))
    x = np.cos(2 * np.pi * random.uniform(20, 200) * np.arange(n) / RATE_HZ) + 0.1 * random.normal(size=n)
    x[dice.random(n) < 0.001] = np.nan
    return x


def stream(
    name: str, first_sample: int, *, n: int, size: int = 64, pause_s: float = 0.0, log: str = ""
) -> Iterator[trophic.Chunk]:
    """The stream from a sample on; who opens it where is written down in ``log``."""
    if log:
        Path(log, f"{name}.{os.getpid()}.{first_sample}").touch()
    x = samples(name, n)[:, None]
    for start in range(first_sample, n, size):
        time.sleep(pause_s)
        yield trophic.Chunk(x[start : start + size], start, sample_period_s=1 / RATE_HZ)


def streams(**options: float | str) -> partial[Iterator[trophic.Chunk]]:
    return partial(stream, **options)  # type: ignore[arg-type]
