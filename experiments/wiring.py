"""Does the network find the wiring that a task needs? ``python experiments/wiring.py`` writes docs/results/wiring.md.

32 blocks hear one channel each; the target is the sum of four products across channels and time, so exactly four of the
992 possible edges between blocks are needed (`trophic.signals.wiring`). Beside the default stand: no growth at all, the
needed wiring given from the start, births without a trial, and the rules of the paper and of its public code. An edge
in the wrong direction counts as wrong. Seeds from 10000 on were never tuned on.
"""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from benchmarks import report

import trophic
from trophic.network.model import Network, NetworkState
from trophic.signals.wiring import WiringTask, wiring_task

SEEDS = range(10_000, 10_008)
N_SAMPLES, N_BLOCKS, N_PAIRS, SCORED = 20_000, 32, 4, 2_000
COMMON = {"n_inputs": N_BLOCKS, "n_targets": 1, "n_blocks": N_BLOCKS, "wiring": "own"}
RULES = {
    "default": Network(**COMMON),
    "needed edges given, none grow": Network(**COMMON, structure="none"),
    "no edges, none grow": Network(**COMMON, structure="none"),
    "births without a trial": Network(**COMMON, structure="gated"),
    "published, as printed": Network.published("paper", **COMMON),
    "published, as its code runs": Network.published("code", **COMMON),
}


def given(model: Network, state: NetworkState, task: WiringTask, seed: int) -> None:
    """Put the needed edges, with random weights, where the network would grow them."""
    rng = np.random.default_rng(seed)
    size = model.block_size
    for post, pre in task.pairs:
        state.slots[post, 1] = pre
        state.weights[post, 1] = 0.2 / np.sqrt(size) * rng.standard_normal((size, size))


def run(rule: str, seed: int) -> tuple[float, int, int, float]:
    """NRMSE at the end, needed edges found, edges in all, microseconds per sample."""
    task = wiring_task(N_SAMPLES, N_BLOCKS, N_PAIRS, np.random.default_rng(seed))
    model = RULES[rule]
    state = model.init(seed)
    if rule.startswith("needed"):
        given(model, state, task, seed)
    values = np.concatenate([task.inputs, task.target], axis=1)
    start = time.perf_counter()
    info = model.advance(state, trophic.Chunk(values, sample_period_s=1.0))
    cost_us = 1e6 * (time.perf_counter() - start) / N_SAMPLES
    with np.errstate(over="ignore", invalid="ignore"):
        error = float(np.sqrt(np.mean(info.error[-SCORED:, 0] ** 2)) / np.std(task.target[-SCORED:, 0]))
    found = {tuple(edge) for edge in model.edges(state)}
    needed = {tuple(pair) for pair in task.pairs}
    return error, len(found & needed), len(found), cost_us


def main() -> None:
    rows = []
    for rule in RULES:
        run(rule, 0)  # compile before timing
        errors, hits, edges, cost = (
            np.array(column) for column in zip(*(run(rule, seed) for seed in SEEDS), strict=True)
        )
        recall = hits.sum() / (N_PAIRS * len(SEEDS))
        precision = f"{hits.sum() / edges.sum():.2f}" if edges.sum() else "–"
        spread = f"{errors.mean():.3f} ({errors.min():.3f}..{errors.max():.3f})"
        rows.append([rule, spread, f"{recall:.2f}", precision, str(edges.sum()), f"{np.median(cost):.0f}"])
        print(" | ".join(rows[-1]), flush=True)
    lines = ["# Wiring: are the edges found that a task needs?", "", "Generated; do not edit.", ""]
    lines += [*report.provenance("experiments.wiring"), f"- {len(SEEDS)} seeds from {SEEDS[0]} on, {N_SAMPLES} samples"]
    lines += [f"- {N_BLOCKS} blocks of {Network().block_size}, {N_PAIRS} planted edges of {N_BLOCKS * (N_BLOCKS - 1)}"]
    lines += ["- NRMSE over the last 2,000 samples, mean (range); edges living at the end, all seeds together", ""]
    lines += report.table(["rule", "NRMSE", "recall", "precision", "edges", "us/sample"], rows)
    Path("docs/results/wiring.md").write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main()
