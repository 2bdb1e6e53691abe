"""How many edges grow where none is needed: ``python -m experiments.claims_specificity``.

Nine streams of 20,000 samples of every kind, 32 blocks with a channel each. Every birth is a false alarm. Beside the
default stand births without a trial, the published maps with the published structure rule, and regrowth by gradient.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from experiments.shared import growth, page
from experiments.wiring import MODELS
from numpy.typing import NDArray

import trophic
from trophic.signals.wiring import wiring_task

Array = NDArray[np.float64]
SEEDS = range(10_000, 10_009)
N_SAMPLES, N_BLOCKS = 20_000, 32


def independent(rng: np.random.Generator, correlation: float = 0.5) -> Array:
    """Inputs and a target (the last column) that know nothing of each other."""
    return wiring_task(N_SAMPLES, N_BLOCKS + 1, 1, rng, correlation).inputs


def heavy(rng: np.random.Generator) -> Array:
    """Student's t with three degrees of freedom drives the same recursion."""
    a = rng.standard_t(3, (N_SAMPLES, N_BLOCKS + 1)) / np.sqrt(3)
    for t in range(1, N_SAMPLES):
        a[t] = 0.5 * a[t - 1] + np.sqrt(0.75) * a[t]
    return a


def distracted(rng: np.random.Generator) -> Array:
    """Inputs that share half of their variance; the target is independent of them."""
    a = independent(rng)
    common = independent(rng)[:, :1]
    a[:, :-1] = (a[:, :-1] + common) / np.sqrt(2)
    return a


def local(rng: np.random.Generator) -> Array:
    """A target that its blocks can make alone: squares and products in time of single channels."""
    a = independent(rng)
    late = np.concatenate([a[:1], a[:-1]])
    a[:, -1] = (a[:, 0] ** 2 + a[:, 1] * late[:, 1] + 2 * a[:, 2] + a[:, 3] ** 3) / 2
    return a


STREAMS: dict[str, Callable[[np.random.Generator], Array]] = {
    "AR(.5)": independent,
    "AR(.9)": lambda rng: independent(rng, 0.9),
    "heavy tails": heavy,
    "correlated inputs": distracted,
    "target without cross terms": local,
}
RULES = (
    "default",
    "births without a trial",
    "map as printed, published structure",
    "map of the code, published structure",
    "RigL-style: regrowth by gradient",
)


def births(rule: str, values: Array, seed: int) -> int:
    model = MODELS[rule]
    state = model.init(seed)
    if not rule.startswith("RigL"):
        return int(model.advance(state, trophic.Chunk(values, sample_period_s=1.0)).n_births[-1])
    rng = np.random.default_rng(seed)
    growth.connect(model, state, growth.random_pairs(model, rng), rng)
    return growth.run(model, state, values, "rigl", rng)[1]


def main() -> None:
    rows = []
    for rule in RULES:
        row = [rule]
        for make in STREAMS.values():
            row.append(str(sum(births(rule, make(np.random.default_rng(seed)), seed) for seed in SEEDS)))
        rows.append(row)
        print(" | ".join(row), flush=True)
    pairs = N_BLOCKS * (N_BLOCKS - 1)
    lines = [f"Births in all {len(SEEDS)} streams of {N_SAMPLES} samples together, {pairs} possible edges each.", ""]
    lines += page.table(["rule", *STREAMS], rows)
    page.write("claims_specificity", "Specificity: births where nothing is to be found", lines, SEEDS)


if __name__ == "__main__":
    main()
