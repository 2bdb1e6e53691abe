"""One small configuration of every public model that listens, and the stream they all get."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import trophic
from trophic.agents.acting import ActingModel
from trophic.runtime.contract import Chunk, Model

_ARGUMENTS = {
    "Ecology": {"f_min_hz": 2, "f_max_hz": 400, "n_branches": 6},
    "Network": {"n_blocks": 4, "block_size": 8},
    "Novelty": {"capacity": 64},
}


def public_models() -> dict[str, Model]:
    """By name; in its default configuration where none stands above. Models that act have tests of their own."""
    kinds = {name: getattr(trophic, name) for name in trophic.__all__}
    return {
        name: kind(**_ARGUMENTS.get(name, {}))
        for name, kind in kinds.items()
        if isinstance(kind, type)
        and issubclass(kind, Model)
        and kind is not Model
        and not issubclass(kind, ActingModel)
    }


def signal(n: int, first_sample: int = 0, seed: int = 0) -> NDArray[np.float64]:
    """Two tones in noise at 1 kHz, shape (n, 1); noise of a sample depends on its index alone."""
    index = np.arange(first_sample, first_sample + n)
    noise = np.modf(np.sin(12.9898 * (index + 7919 * seed)) * 43758.5453)[0]
    values = np.cos(2 * np.pi * 0.05 * index) + 0.5 * np.cos(2 * np.pi * 0.12 * index + 1) + 0.1 * noise
    return values[:, None]


def chunk(n: int, first_sample: int, bad: bool = False) -> Chunk:
    """The same as a Chunk; ``bad`` loses its middle third."""
    values = signal(n, first_sample)
    if bad:
        values[n // 3 : 2 * n // 3 + 1] = np.nan
    return Chunk(values, first_sample, sample_period_s=1e-3)
