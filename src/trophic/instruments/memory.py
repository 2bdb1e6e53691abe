"""How much of its past input a network still knows: memory capacity (H. Jaeger, GMD report 152, 2001).

For each delay d a linear readout of the state tells the input d samples ago; its R^2 on samples that it was not fitted
to is the memory at that delay. Their sum is the capacity: at most the number of neurons for independent inputs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def memory_curve(features: ArrayLike, inputs: ArrayLike, max_delay: int, penalty: float = 1e-8) -> Array:
    """R^2 of the input ``d`` = 1..max_delay samples ago, shape (max_delay,), at least 0.

    Parameters
    ----------
    features : (n, D)
        State after each sample; a constant among them serves as the bias.
    inputs : (n,)
        The sample that each state has just heard, independent from sample to sample.
    max_delay : int
        Samples, >= 1. The first ``max_delay`` samples are left out; of the others the first 70 % fit the readout, the
        rest score it.
    penalty : float
        Of the ridge regression, in units of the features' mean power times the samples, >= 0.

    Examples
    --------
    A shift register of three knows three samples, and nothing beyond:

    >>> u = np.random.default_rng(0).standard_normal(2000)
    >>> register = np.stack([np.roll(u, d) for d in (1, 2, 3)], axis=1)
    >>> memory_curve(register, u, 5).round(2)
    array([1., 1., 1., 0., 0.])
    """
    z, u = np.asarray(features, dtype=float), np.asarray(inputs, dtype=float)
    if z.ndim != 2 or u.shape != (len(z),):
        raise ValueError(f"features must be (n, D) and inputs (n,), got {z.shape} and {u.shape}")
    if not 1 <= max_delay < len(u) // 2:
        raise ValueError(f"max_delay must be in 1..{len(u) // 2 - 1} for {len(u)} samples, got {max_delay}")
    past = np.stack([u[max_delay - d : len(u) - d] for d in range(1, max_delay + 1)], axis=1)
    z = z[max_delay:]
    split = int(0.7 * len(z))
    gram = z[:split].T @ z[:split]
    gram += penalty * np.trace(gram) / len(gram) * np.eye(len(gram))
    weights = np.linalg.lstsq(gram, z[:split].T @ past[:split], rcond=None)[0]
    error = np.mean((z[split:] @ weights - past[split:]) ** 2, axis=0)
    return np.maximum(0.0, 1.0 - error / np.var(past[split:], axis=0))
