"""Ten million samples in single precision: ``python -m experiments.stability [n_samples]``.

The default network hears a noisy chaotic series and predicts it, plastic and growing all the time. In each decade: is
everything finite, is the inverse covariance of the readout still positive definite, does the error drift, does memory?
The network with full recursive least squares runs a tenth as long.
"""

from __future__ import annotations

import resource
import sys
import time

import numpy as np
from experiments.shared import page

import trophic
from trophic.network.model import Network, NetworkState
from trophic.signals.chaos import mackey_glass

PIECE = 100_000
MODELS = {"default": Network(), "full RLS": Network(readout="rls", rules=(("forgetting", 0.999),))}


def soundness(state: NetworkState) -> tuple[bool, float]:
    """Whether every number is finite, and the smallest eigenvalue of P over its largest (all blocks)."""
    finite = all(np.isfinite(a).all() for k, a in state.arrays().items() if a.dtype.kind == "f" and "time" not in k)
    p = state.precision.astype(float)
    if len(p) == 1:  # a triangle of P is kept; of blocks a root
        p = np.tril(p) + np.swapaxes(np.tril(p, -1), 1, 2)
    else:
        p = np.swapaxes(p, 1, 2) @ p
    values = np.linalg.eigvalsh(p)
    return finite, float(values[:, 0].min() / values[:, -1].max())


def life(name: str, model: Network, n_samples: int) -> list[list[str]]:
    """A row for every power of ten."""
    rng = np.random.default_rng(page.SEEDS[0])
    state, rows, at, spent = model.init(page.SEEDS[0]), [], 0, 0.0
    marks = [10**k for k in range(4, 9) if 10**k <= n_samples]
    while at < n_samples:
        n = min([PIECE, *(m - at for m in marks if m > at)])
        x = mackey_glass(n, 17, rng)[:, None] + 0.01 * rng.standard_normal((n, 1))
        start = time.perf_counter()
        info = model.advance(state, trophic.Chunk(x, first_sample=at, sample_period_s=1.0))
        spent += time.perf_counter() - start
        at += n
        if at in marks:
            finite, smallest = soundness(state)
            error = page.nrmse(info.prediction[-5000:, 0, 0], x[-5000:, 0])
            size = sum(a.nbytes for a in state.arrays().values())
            resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            row = [name, f"{at:,}", "yes" if finite else "**no**", f"{smallest:.1e}", f"{error:.4f}"]
            row += [str(len(model.edges(state))), f"{np.abs(state.weights).max():.2f}", f"{size:,}"]
            rows.append([*row, f"{resident:.0f}", f"{at / spent:,.0f}"])
            print(" | ".join(rows[-1]), flush=True)
    return rows


def main() -> None:
    n_samples = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    rows = []
    for (name, model), n in zip(MODELS.items(), (n_samples, n_samples // 10), strict=True):
        rows += life(name, model, n)
    header = ["", "samples", "all finite", "P: smallest / largest eigenvalue", "NRMSE", "edges", "largest weight"]
    header += ["bytes of state", "peak memory, MiB", "samples/s"]
    lines = [
        "Mackey-Glass 17 with noise of .01, a new stretch of it every 100,000 samples. All that learns is in single",
        "precision; of block-RLS a root of P is kept, T with P = T^T T, so that P cannot become indefinite.",
        "",
    ]
    page.write("stability", "Ten million samples in single precision", [*lines, *page.table(header, rows)], [10_000])


if __name__ == "__main__":
    main()
