"""One interface for everything that stands beside a claim: ``feed(inputs, targets) -> predictions``.

inputs (n, I), targets (n, H), predictions (n, H). A prediction is made before its target is shown; where the target is
NaN nothing is learned. A learner goes on from call to call.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

import trophic
from trophic.network.model import Network, NetworkState

Array = NDArray[np.float64]


class Persistence:
    """The last target seen, at first zero."""

    def __init__(self, n_targets: int = 1) -> None:
        self.last = np.zeros(n_targets)

    def feed(self, inputs: Array, targets: Array) -> Array:
        out = np.empty_like(targets)
        for t, y in enumerate(targets):
            out[t] = self.last
            self.last = np.where(np.isfinite(y), y, self.last)
        return out


class Trophic:
    """A `trophic.Network` with a State; ``model`` has as many inputs and targets as it is fed."""

    def __init__(self, model: Network, seed: int) -> None:
        self.model = model
        self.state: NetworkState = model.init(seed)
        if model.scaling == "none":
            self.state.shared["step"] = 16  # the first samples only settle the units of the channels
        self.n_fed = 0

    def feed(self, inputs: Array, targets: Array) -> Array:
        values = np.concatenate([inputs, targets], axis=1)
        info = self.model.advance(self.state, trophic.Chunk(values, first_sample=self.n_fed, sample_period_s=1.0))
        self.n_fed += len(values)
        return info.prediction[:, :, 0]


class Reservoir:
    """Echo state network (Jaeger 2001) with recursive least squares, in double precision; ours, written here.

    x <- tanh(W x + W_in u + b), W normal with spectral radius ``radius``, W_in normal times ``gain``, b normal times
    ``bias``. The readout of [x; u; 1] minimises sum forgetting^(n - t) e_t^2 + forgetting^n ridge ||R||^2. With
    ``block`` > 0 the inverse covariance is kept for blocks of so many features only (they share the denominator).
    """

    def __init__(
        self,
        n_units: int,
        n_inputs: int,
        n_targets: int,
        seed: int,
        radius: float = 0.9,
        gain: float = 0.3,
        bias: float = 0.2,
        forgetting: float = 0.999,
        ridge: float = 1e-4,
        block: int = 0,
    ) -> None:
        rng = np.random.default_rng(seed)
        w = rng.standard_normal((n_units, n_units)) / np.sqrt(n_units)
        self.w = w * radius / np.abs(np.linalg.eigvals(w)).max()
        self.w_in = gain * rng.standard_normal((n_units, n_inputs))
        self.b = bias * rng.standard_normal(n_units)
        self.x = np.zeros(n_units)
        d = n_units + n_inputs + 1
        size = block or d
        self.r = np.zeros((n_targets, d))
        self.p = np.tile(np.eye(size) / ridge, (-(-d // size), 1, 1))
        self.forgetting = forgetting

    def feed(self, inputs: Array, targets: Array) -> Array:
        out = np.empty_like(targets)
        _advance(self.w, self.w_in, self.b, self.x, self.r, self.p, self.forgetting, inputs, targets, out)
        return out


@njit(cache=True, fastmath={"reassoc", "contract"})
def _advance(w, w_in, b, x, r, p, forgetting, inputs, targets, out):
    n, d = x.shape[0], r.shape[1]
    parts, size = p.shape[0], p.shape[1]
    z, k = np.zeros(parts * size), np.zeros(parts * size)
    for t in range(inputs.shape[0]):
        x[:] = np.tanh(w @ x + w_in @ inputs[t] + b)
        z[:n] = x
        z[n : d - 1] = inputs[t]
        z[d - 1] = 1.0
        out[t] = r @ z[:d]
        if np.isnan(targets[t]).all():
            continue
        spread = forgetting
        for q in range(parts):
            k[q * size : (q + 1) * size] = p[q] @ z[q * size : (q + 1) * size]
        for i in range(d):
            spread += z[i] * k[i]
        for h in range(r.shape[0]):
            if not np.isnan(targets[t, h]):
                step = (targets[t, h] - out[t, h]) / spread
                for i in range(d):
                    r[h, i] += step * k[i]
        k *= 1.0 / np.sqrt(spread)  # so that P stays symmetric to the bit
        for q in range(parts):
            for i in range(size):
                for j in range(size):
                    p[q, i, j] = (p[q, i, j] - k[q * size + i] * k[q * size + j]) / forgetting


def frozen(model: Network) -> Network:
    """The same network whose recurrent weights and wiring never change; its readout learns, its biases as before."""
    return dataclasses.replace(model, plasticity="none", structure="none", map="none")


RAW: dict[str, Any] = {"n_inputs": 1, "n_targets": 1, "scaling": "none"}  # the paper scales its series to 0..1 itself
PAPER, CODE = Network.published("paper", **RAW), Network.published("code", **RAW)
DEFAULT = Network(n_inputs=1, n_targets=1)
CLAIMANTS: dict[str, Callable[[int], Any]] = {
    "paper": lambda seed: Trophic(PAPER, seed),
    "code": lambda seed: Trophic(CODE, seed),
    "code, frozen": lambda seed: Trophic(frozen(CODE), seed),
    "persistence": lambda seed: Persistence(),
    "ESN+RLS": lambda seed: Reservoir(256, 1, 1, seed),
    "default": lambda seed: Trophic(DEFAULT, seed),
    "default, frozen": lambda seed: Trophic(frozen(DEFAULT), seed),
}
"""Who is asked when a claim about one series is repeated: the published rules, ours, and the controls, by seed."""
