"""What does a weight's change depend on? ``python -m experiments.locality`` writes docs/results/locality.md.

Every rule of learning of the network, and two branches of the ecology, differentiated with respect to everything that
they remember (`trophic.instruments.locality`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from benchmarks import report

import trophic
from trophic.ecology.layout import ADULT
from trophic.instruments.locality import FEW, Dependence, ecology_scalars, network_dependences
from trophic.network.model import Network

SEED = 10_000
PLAIN = {"map": "none", "structure": "none"}
RULES = {
    "default: block-RLS, feedback learned without transport, signed map": Network(),
    "RFLO eligibilities of leaky neurons": Network(trace="rflo", rules=(("leak", 0.5),), **PLAIN),
    "exact forward mode (oracle)": Network(trace="exact", feedback="symmetric", rules=(("leak", 0.5),), **PLAIN),
    "NLMS readout, fixed random feedback": Network(readout="nlms", feedback="fixed", **PLAIN),
    "full RLS readout": Network(readout="rls", **PLAIN),
    "symmetric feedback (control)": Network(feedback="symmetric", **PLAIN),
    "published, as printed": Network.published(),
    "published, as its code runs": Network.published("code"),
}
NAMES = {
    "output": "error", "channels.scaled": "error", "heads.error_power": "gate", "heads.target_power": "gate",
    "x_old": "x(t-1)", "features": "x", "edges.square": "own rms", "blocks.plastic": "kappa", "precision": "P",
    "waiting": "P", "image": "P", "relax": "P", "influence": "dx/dW", "buffer": "own sketches",
    "middle": "own sketches", "sketches": "own sketches", "feedback": "F", "readout": "R",
    "scouts": "F of the map", "weights": "W", "sent": "v", "echo": "h", "evidence": "S", "field": "S", "utility": "U",
}  # fmt: skip


def named(fields: tuple[str, ...]) -> str:
    return ", ".join(dict.fromkeys(NAMES.get(name, name) for name in fields)) or "–"


def verdict(found: Dependence) -> str:
    if not found.local:
        return "**not local**"
    return "local, reads R" if found.transports else "local"


def network_lines() -> list[str]:
    lines = []
    for title, model in RULES.items():
        rows = [
            [d.weight, named(d.sender), named(d.receiver), named(d.broadcast), str(d.n_scalars), verdict(d)]
            for d in network_dependences(model, seed=SEED)
        ]
        header = ["what changes", "from the sender", "from the receiver", "heard by all", "through", "verdict"]
        lines += [f"## {title}", "", *report.table(header, rows), ""]
    return lines


def ecology_lines() -> list[str]:
    t = np.arange(8000) / 1000.0
    rows = []
    for tones in ((50.0, 120.0, 201.0), (117.0, 120.0, 201.0)):
        rng = np.random.default_rng(SEED)
        x = sum(np.cos(2 * np.pi * f * t + f) for f in tones) + 0.1 * rng.standard_normal(len(t))
        model, chunk = trophic.Ecology(f_min_hz=5, f_max_hz=400), trophic.Chunk(x[:, None], sample_period_s=1e-3)
        state = model.init()
        model.advance(state, chunk.part(0, len(chunk) // 2))
        adults = np.flatnonzero(state.branches["status"][0] == ADULT)
        hertz = state.branches["omega"][0] / (2 * np.pi)
        for a in adults:
            counts = [f"{hertz[b]:.0f} Hz: {ecology_scalars(model, chunk, a, b)}" for b in adults if b != a]
            rows.append([f"{hertz[a]:.0f} Hz", ", ".join(counts)])
    return report.table(["branch", "numbers through which it sees the branch at"], rows)


def main() -> None:
    lines = ["# Locality: what a weight's change depends on", "", "Generated; do not edit.", ""]
    lines += [*report.provenance("experiments.locality"), f"- seed {SEED}; five blocks of eight neurons, float64", ""]
    lines += [
        "Every rule is differentiated with respect to every number that the network remembers.",
        "",
        "- *from the sender*, *from the receiver*: what enters from the two blocks that the weight lies between;",
        "  inside a block, and at the readout, there is one",
        "- *heard by all*: numbers that enter directly",
        "- *through*: the rank of the Jacobian with respect to everything at all other blocks, that is, through",
        f"  how many numbers the rest is heard. Up to {FEW} are shared scalars (an error, a norm, a gate):",
        "  the rule is local. Eight, the neurons of a block, is another block's signals",
        "- *reads R*: the rule needs the readout's weights of its own neurons at another synapse",
        "",
        "Births are compared across rows, the best of all wins: a competition that every row hears of.",
        "",
        *network_lines(),
        "## The ecology",
        "",
        "The derivative of one tick of a branch (tuning, evidence, mass, market, life) with respect to all that",
        "another branch is. Two numbers: the shared residual, and the sum of fitness in the market.",
        "",
        *ecology_lines(),
    ]  # fmt: skip
    report.write(Path("docs/results/locality.md"), lines)


if __name__ == "__main__":
    main()
