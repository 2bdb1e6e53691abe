"""Does the network find the wiring that a task needs? ``python -m experiments.wiring`` writes docs/results/wiring.md.

32 blocks hear one channel each; the target is the sum of four products across channels and time, so exactly four of the
992 possible edges between blocks are needed (`trophic.signals.wiring`). All have the same slots, readout and plasticity
but for the published presets, which are published throughout. An edge in the wrong direction counts as wrong. Seeds
from 10000 on were never tuned on.
"""

from __future__ import annotations

import dataclasses
import time
from typing import NamedTuple

import numpy as np
from experiments.shared import growth, page

import trophic
from trophic.network.model import Network
from trophic.signals.wiring import wiring_task

SEEDS = range(10_000, 10_008)
N_SAMPLES, N_BLOCKS, N_PAIRS, SCORED = 20_000, 32, 4, 2_000
OURS = Network(n_inputs=N_BLOCKS, n_targets=1, n_blocks=N_BLOCKS, wiring="own")
STILL = dataclasses.replace(OURS, structure="none", map="none")
COMMON = {"n_inputs": N_BLOCKS, "n_targets": 1, "n_blocks": N_BLOCKS, "wiring": "own"}
MODELS = {
    "default": OURS,
    "births without a trial": dataclasses.replace(OURS, structure="gated"),
    "needed edges given, plastic": STILL,
    "needed edges given, frozen": dataclasses.replace(STILL, plasticity="none"),
    "no edges": STILL,
    "random edges in all slots": STILL,
    "SET: random regrowth": STILL,
    "RigL-style: regrowth by gradient": STILL,
    "map as printed, published structure": Network(**COMMON, map="published", structure="published"),
    "map of the code, published structure": Network(**COMMON, map="published_code", structure="published"),
    "published throughout, as printed": Network.published("paper", **COMMON),
    "published throughout, as its code runs": Network.published("code", **COMMON),
}


class Found(NamedTuple):
    """NRMSE at the end; needed, reversed and all edges living at the end; births; microseconds per sample."""

    error: float
    hits: int
    reversed: int
    edges: int
    births: int
    cost_us: float


def run(rule: str, seed: int) -> Found:
    """One rule on one draw of the task."""
    task = wiring_task(N_SAMPLES, N_BLOCKS, N_PAIRS, np.random.default_rng(seed))
    rng = np.random.default_rng(seed + 1)
    model = MODELS[rule]
    state = model.init(seed)
    if rule.startswith("needed"):
        growth.connect(model, state, task.pairs, rng)
    if rule.startswith(("random", "SET", "RigL")):
        growth.connect(model, state, growth.random_pairs(model, rng), rng)
    values = np.concatenate([task.inputs, task.target], axis=1)
    start = time.perf_counter()
    if rule.startswith(("SET", "RigL")):
        errors, births = growth.run(model, state, values, "set" if rule.startswith("SET") else "rigl", rng)
    else:
        info = model.advance(state, trophic.Chunk(values, sample_period_s=1.0))
        errors, births = info.error, int(info.n_births[-1])
    cost_us = 1e6 * (time.perf_counter() - start) / N_SAMPLES
    error = page.nrmse(task.target[-SCORED:, 0] + errors[-SCORED:, 0], task.target[-SCORED:, 0])
    found = {tuple(edge) for edge in model.edges(state).tolist()}
    needed = {tuple(pair) for pair in task.pairs.tolist()}
    backwards = {(pre, post) for post, pre in needed}
    return Found(error, len(found & needed), len(found & backwards), len(found), births, cost_us)


def main() -> None:
    rows = []
    for rule in MODELS:
        run(rule, 0)  # compile before timing
        runs = [run(rule, seed) for seed in SEEDS]
        error, hits, backwards, edges, births, cost = (np.array(column) for column in zip(*runs, strict=True))
        precision = f"{hits.sum() / edges.sum():.2f}" if edges.sum() else "–"
        recall = f"{hits.sum() / (N_PAIRS * len(SEEDS)):.2f}"
        counts = [str(backwards.sum()), str(edges.sum()), str(births.sum()), f"{np.median(cost):.0f}"]
        rows.append([rule, page.spread(error), recall, precision, *counts])
        print(" | ".join(rows[-1]), flush=True)
    header = ["rule", "NRMSE", "recall", "precision", "reversed", "edges", "births", "us/sample"]
    lines = [
        f"- {N_SAMPLES} samples, {N_BLOCKS} blocks of {OURS.block_size} with {OURS.n_slots} slots for others",
        f"- {N_PAIRS} planted edges of {N_BLOCKS * (N_BLOCKS - 1)}",
        f"- NRMSE over the last {SCORED} samples; *reversed*, *edges* (living at the end) and *births* of all seeds",
        "",
        *page.table(header, rows),
    ]
    page.write("wiring", "Wiring: are the edges found that a task needs?", lines, SEEDS)


if __name__ == "__main__":
    main()
