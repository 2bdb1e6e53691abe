"""The wiring task: a target that only the right edges between blocks can produce."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class WiringTask(NamedTuple):
    """Inputs (n, B), target (n, 1) and the edges it needs, (K, 2): receiving block p, sending block q."""

    inputs: Array
    target: Array
    pairs: NDArray[np.int64]


def wiring_task(n_samples: int, n_channels: int, n_pairs: int, rng: np.random.Generator, correlation: float = 0.5):
    """Products across channels and time: y(t) = sum over pairs (p, q) of a_p(t) a_q(t - 1)/sqrt(K).

    Channel i is an independent AR(1) process a_i of unit variance. When channel i enters block i only, exactly the
    edges q -> p are needed: block p must know what block q heard one sample ago. The reversed edge does not help.
    Pairs share no channel, which needs n_channels >= 2 n_pairs.

    Examples
    --------
    >>> task = wiring_task(1000, 8, 2, np.random.default_rng(0))
    >>> task.inputs.shape, task.target.shape, task.pairs.shape
    ((1000, 8), (1000, 1), (2, 2))
    >>> p, q = task.pairs.T
    >>> a = task.inputs
    >>> bool(np.allclose(task.target[1:, 0], (a[1:, p] * a[:-1, q]).sum(axis=1) / np.sqrt(2)))
    True
    """
    if not 1 <= n_pairs <= n_channels // 2:
        raise ValueError(
            f"n_pairs must be in 1..{n_channels // 2} (half of n_channels, pairs share no channel), got {n_pairs}"
        )
    if not -1 < correlation < 1:
        raise ValueError(f"correlation must be in (-1, 1), got {correlation}")
    a = rng.standard_normal((n_samples + 1, n_channels))
    drive = math.sqrt(1 - correlation**2)
    for t in range(1, n_samples + 1):
        a[t] = correlation * a[t - 1] + drive * a[t]
    pairs = rng.permutation(n_channels)[: 2 * n_pairs].reshape(n_pairs, 2)
    p, q = pairs.T
    target = (a[1:, p] * a[:-1, q]).sum(axis=1) / math.sqrt(n_pairs)
    return WiringTask(a[1:], target[:, None], pairs)
