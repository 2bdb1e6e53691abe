"""Wiring with 128 and 1024 blocks, and what it costs: ``python -m experiments.wiring_large``.

The task of `experiments.wiring`. At 1024 blocks a row watches a few candidates at a time (`n_candidates`), so that cost
and memory grow with blocks times candidates and not with all pairs.
"""

from __future__ import annotations

import time

import numpy as np
from experiments.shared import page

import trophic
from trophic.network.model import Network, NetworkState
from trophic.signals.wiring import WiringTask, wiring_task

CASES = (  # blocks, pairs, candidates (0: all), samples, seeds
    (128, 6, 0, 20_000, 5),
    (128, 6, 16, 20_000, 5),
    (1024, 8, 32, 20_000, 5),
)


def ours(n_blocks: int, n_candidates: int) -> Network:
    return Network(
        n_inputs=n_blocks, n_targets=1, n_blocks=n_blocks, wiring="own", n_candidates=min(n_candidates, n_blocks)
    )


def run(model: Network, task: WiringTask, seed: int) -> tuple[float, int, int, int, float, NetworkState]:
    """NRMSE at the end, needed edges, edges in the wrong direction, all edges, microseconds per sample, the State."""
    state = model.init(seed)
    values = np.concatenate([task.inputs, task.target], axis=1)
    start = time.perf_counter()
    info = model.advance(state, trophic.Chunk(values, sample_period_s=1.0))
    cost_us = 1e6 * (time.perf_counter() - start) / len(values)
    error = page.nrmse(info.prediction[-2000:, 0, 0], task.target[-2000:, 0])
    found = {tuple(edge) for edge in model.edges(state).tolist()}
    needed = {tuple(pair) for pair in task.pairs.tolist()}
    return error, len(found & needed), len(found & {(i, j) for j, i in needed}), len(found), cost_us, state


def found_table() -> list[str]:
    rows = []
    for n_blocks, n_pairs, n_candidates, n_samples, n_seeds in CASES:
        model = ours(n_blocks, n_candidates)
        runs = []
        for seed in range(page.SEEDS[0], page.SEEDS[0] + n_seeds):
            task = wiring_task(n_samples, n_blocks, n_pairs, np.random.default_rng(seed))
            runs.append(run(model, task, seed)[:-1])
        error, hits, backwards, edges, cost = (np.array(column) for column in zip(*runs, strict=True))
        label = str(n_candidates or "all")
        recall, precision = hits.sum() / (n_pairs * n_seeds), hits.sum() / max(1, edges.sum())
        rows.append([str(n_blocks), str(n_pairs), label, str(n_seeds), f"{recall:.2f}", f"{precision:.2f}"])
        rows[-1] += [str(backwards.sum()), page.spread(error), f"{np.median(cost):.0f}"]
        print(" | ".join(rows[-1]), flush=True)
    header = ["blocks", "edges needed", "candidates", "seeds", "recall", "precision", "reversed", "NRMSE", "us/sample"]
    return page.table(header, rows)


def cost_table() -> list[str]:
    """Microseconds and bytes per sample, block and candidate."""
    rows = []
    for n_blocks, n_candidates in ((256, 8), (256, 32), (1024, 8), (1024, 32)):
        model = ours(n_blocks, n_candidates)
        task = wiring_task(1_500, n_blocks, 1, np.random.default_rng(1))
        *_, cost, state = run(model, task, 1)
        bare = Network(n_inputs=n_blocks, n_targets=1, n_blocks=n_blocks, wiring="own", map="none", structure="none")
        *_, floor, _ = run(bare, task, 1)
        size = sum(a.nbytes for name, a in state.arrays().items() if name in ("evidence", "candidates", "since"))
        per_pair = 1e3 * (cost - floor) / (n_blocks * n_candidates)
        row = [str(n_blocks), str(n_candidates), f"{cost:.0f}", f"{floor:.0f}", f"{per_pair:.1f}"]
        rows.append([*row, f"{size / (n_blocks * n_candidates):.0f}"])
        print(" | ".join(rows[-1]), flush=True)
    header = ["blocks", "candidates", "us/sample", "without the map", "ns per pair watched", "bytes per pair watched"]
    return page.table(header, rows)


def main() -> None:
    lines = ["20,000 samples; recall, precision and reversed edges over all seeds.", "", *found_table()]
    lines += ["## Cost", "", *cost_table()]
    page.write("wiring_large", "Wiring with many blocks", lines)


if __name__ == "__main__":
    main()
