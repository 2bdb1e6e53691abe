"""Criticality, memory, feedback alignment and the ablation of normalisation: ``python -m experiments.claims_dynamics``.

Claimed of the network of arXiv 2510.17916: its spectral radius organises itself to 1, it remembers its input for 6 to 8
samples (R^2 above .4), its feedback aligns with its readout within 50,000 samples, and without the normalisation of its
updates it diverges. Each is measured on the published network and on what stands beside it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from experiments.claims_forecasting import ours
from experiments.shared import page
from experiments.shared.learners import CLAIMANTS, CODE, PAPER, Reservoir, Trophic, frozen
from numpy.typing import NDArray

import trophic
from trophic.instruments.criticality import branching_ratio, lyapunov_exponents, spectral_radius, step_jacobian
from trophic.instruments.memory import memory_curve
from trophic.network.layout import SLOPE
from trophic.network.model import Network, NetworkState
from trophic.signals.chaos import mackey_glass

Array = NDArray[np.float64]
FORECAST = ours("block_rls", 256, "Mackey-Glass 17")
AGES = (0, 1_000, 10_000, 30_000)
PROBED = 400


def dense(state: NetworkState) -> Array:
    """W of the whole network, row = receiving neuron."""
    n_blocks, n_slots, size = state.weights.shape[:3]
    w = np.zeros((n_blocks, size, n_blocks, size))
    for j in range(n_blocks):
        for s in range(n_slots):
            i = state.slots[j, s]
            if i >= 0:
                w[j, :, i] += state.weights[j, s].T
    return w.reshape(n_blocks * size, -1)


def unit_series(n: int, rng: np.random.Generator) -> Array:
    """Mackey-Glass 17 in 0..1, as the paper has it, shape (n, 1)."""
    x = mackey_glass(n, 17, rng, substeps=1)[:, None]
    return (x - x.min()) / (x.max() - x.min())


def criticality(model: Network, state: NetworkState, drive: Array, seed: int) -> tuple[float, float, float, float]:
    """Spectral radius of W, mean one of the step Jacobian, Lyapunov exponent, branching ratio (under white noise)."""
    still = frozen(model)
    probe = state.copy()
    w, leak = dense(state), float(dict(model.rules).get("leak", 1.0))
    jacobians, at = [], int(probe.clock.last_index[0]) + 1
    for row in drive[:PROBED]:
        values = np.array([[*row, np.nan]])
        still.advance(probe, trophic.Chunk(values, first_sample=at, sample_period_s=1.0))
        at += 1
        jacobians.append(step_jacobian(w, probe.neurons[SLOPE], leak))
    noise = 0.5 + 0.25 * np.random.default_rng(seed).standard_normal((6_000, 1))
    chunk = trophic.Chunk(np.concatenate([noise, np.full_like(noise, np.nan)], axis=1), at, sample_period_s=1.0)
    x = still.features(probe, chunk)[500:, : len(w)]
    return (
        spectral_radius(w),
        float(np.mean([spectral_radius(j) for j in jacobians[:: PROBED // 10]])),
        float(lyapunov_exponents(jacobians, skipped=50)[0]),
        branching_ratio(np.abs(x).sum(axis=1), 10),
    )


def criticality_table() -> list[str]:
    rows = []
    for name, model in (("paper", PAPER), ("code", CODE), ("code, frozen", frozen(CODE)), ("default", FORECAST)):
        found: dict[int, list[Any]] = {age: [] for age in AGES}
        for seed in page.SEEDS:
            x = unit_series(AGES[-1] + PROBED + 1, np.random.default_rng(seed))
            learner = Trophic(model, seed)
            learner.feed(x[:20], np.full((20, 1), np.nan))
            for age, until in zip(AGES, (*AGES[1:], None), strict=True):
                found[age].append(criticality(model, learner.state, x[age : age + PROBED], seed))
                if until:
                    learner.feed(x[age:until], x[age + 1 : until + 1])
        for age in AGES:
            columns = zip(*found[age], strict=True)
            rows.append([name if not age else "", str(age), *(page.spread(c) for c in columns)])
            print(rows[-1], flush=True)
    header = ["", "samples", "radius of W", "radius of the step Jacobian", "Lyapunov exponent", "branching ratio"]
    return page.table(header, rows)


def memory_table() -> list[str]:
    """R^2 of the input so many samples ago, and the sum over 60 delays, of fixed states of 256 neurons."""
    delays, n = (1, 2, 4, 6, 8, 12, 20), 6_000
    rows = []
    kinds = {
        "paper": PAPER,
        "code": CODE,
        "default": Network(n_inputs=1, n_targets=1, precision="float64"),
        "ours for forecasts": ours("block_rls", 256, "Mackey-Glass 17", "running"),
    }
    for name in (*kinds, "ESN, gain .3", "ESN, gain .05"):
        curves = []
        for seed in page.SEEDS:
            u = 0.5 * np.random.default_rng(seed).standard_normal(n)
            if name in kinds:
                model = frozen(kinds[name])
                values = np.stack([u, np.full(n, np.nan)], axis=1)
                z = model.features(Trophic(model, seed).state, trophic.Chunk(values, sample_period_s=1.0))
                z = np.delete(z, 256, axis=1)  # not the input itself
            else:
                esn = Reservoir(256, 1, 1, seed, gain=0.3 if name.endswith(".3") else 0.05)
                z = np.ones((n, 257))
                x = np.zeros(256)
                for t in range(n):
                    x = np.tanh(esn.w @ x + esn.w_in[:, 0] * u[t] * 2 + esn.b)
                    z[t, :256] = x
            curves.append(memory_curve(z[300:], u[300:], 60, 1e-10))
        curves = np.array(curves)
        row = [page.spread(curves[:, d - 1], 2) for d in delays]
        rows.append([name, *row, page.spread(curves.sum(axis=1))])
        print(rows[-1], flush=True)
    return page.table(["R^2 at delay", *map(str, delays), "sum"], rows)


def alignment_table() -> list[str]:
    """Cosine of feedback and readout weights of the neurons, on Mackey-Glass."""
    ages = (1_000, 10_000, 50_000)
    rows = []
    kinds = {
        "published feedback, code": CODE,
        "the same, recurrent weights frozen": frozen(CODE),
        "published feedback, paper": PAPER,
        "default: learned without transport": Network(n_inputs=1, n_targets=1),
        "default with fixed feedback": Network(n_inputs=1, n_targets=1, feedback="fixed"),
    }
    for name, model in kinds.items():
        found = []
        for seed in page.SEEDS:
            x = unit_series(ages[-1] + 1, np.random.default_rng(seed))
            learner, at, row = Trophic(model, seed), 0, []
            for age in ages:
                learner.feed(x[at:age], x[at + 1 : age + 1])
                at = age
                f, r = learner.state.feedback[0].astype(float), learner.state.readout[0, :256].astype(float)
                row.append(f @ r / (np.linalg.norm(f) * np.linalg.norm(r)))
            found.append(row)
        rows.append([name, *(page.spread(c) for c in zip(*found, strict=True))])
        print(rows[-1], flush=True)
    return page.table(["cosine after", *map(str, ages)], rows)


def least_mean_squares(z: Array, y: Array, rate: float, normalised: bool) -> Array:
    """Predictions of R z before y is shown; R <- R + rate e z, or rate e z/||z||^2."""
    r, out = np.zeros(z.shape[1]), np.empty(len(z))
    with np.errstate(over="ignore", invalid="ignore"):
        for t, row in enumerate(z):
            out[t] = r @ row
            r += rate * (y[t] - out[t]) * row / (row @ row + 1e-9 if normalised else 1.0)
    return out


def ablation_table() -> list[str]:
    """5000 samples of Mackey-Glass, NRMSE over the last 1000."""
    names = (
        "published, code",
        "the same, recurrent weights frozen",
        "frozen states, NLMS with step 1",
        "frozen states, LMS with step 1",
        "frozen states, LMS with step 0.5 over the mean power",
    )
    found = []
    for seed in page.SEEDS:
        x = unit_series(5_001, np.random.default_rng(seed))
        u, y = x[:-1], x[1:]
        row = [page.nrmse(Trophic(m, seed).feed(u, y)[-1000:], y[-1000:]) for m in (CODE, frozen(CODE))]
        still = frozen(CODE)
        z = still.features(Trophic(still, seed).state, trophic.Chunk(np.concatenate([u, y], 1), sample_period_s=1.0))
        z = z[:, :256].astype(float)
        power = float(np.mean(np.sum(z**2, axis=1)))
        for rate, normalised in ((1.0, True), (1.0, False), (0.5 / power, False)):
            row.append(page.nrmse(least_mean_squares(z, y[:, 0], rate, normalised)[-1000:], y[-1000:, 0]))
        found.append(row)
    return page.table(
        ["", "NRMSE"], [[n, page.spread(c)] for n, c in zip(names, zip(*found, strict=True), strict=True)]
    )


def rollout(learner: Any, x: Array, rng: np.random.Generator) -> float:
    """NRMSE of the paper's rollout: the input is the last prediction, but every prediction is corrected at once.

    5000 samples of scheduled sampling first: the true input ever more rarely, its probability falling from 1 to .01.
    """
    last, predictions = x[0], []
    for t in range(6_000):
        forced = t <= 200 or (t < 5_000 and rng.random() < 0.01 ** (t / 5_000))
        target = x[t + 1 : t + 2] if t >= 200 else np.full((1, 1), np.nan)
        last = learner.feed((x[t] if forced else last)[None], target)[0]
        predictions.append(last)
        if not np.isfinite(last).all():
            return float("inf")
    return page.nrmse(np.array(predictions)[-1_000:], x[5_001:6_001])


def rollout_table() -> list[str]:
    rows = []
    for name, make in CLAIMANTS.items():
        errors = []
        for seed in page.SEEDS:
            rng = np.random.default_rng(seed)
            errors.append(rollout(make(seed), unit_series(6_001, rng), rng))
        rows.append([name, page.spread(errors)])
        print(rows[-1], flush=True)
    return page.table(["", "NRMSE (reported: .1215, persistence .1516)"], rows)


def main() -> None:
    lines = [
        "## Spectral radius, Lyapunov exponent, branching ratio while learning Mackey-Glass",
        "",
        f"*step Jacobian*: (1 - a) I + diag(g) W, mean over {PROBED} samples; the Lyapunov exponent (nats per sample)",
        "belongs to the same samples, learning paused. Branching ratio of sum |x| under white noise.",
        "",
        *criticality_table(),
        "## Memory",
        "",
        "Independent normal inputs of deviation .5, ridge regression on 70 % of 6000 states, scored on the rest.",
        "",
        *memory_table(),
        "## Alignment of the feedback",
        "",
        *alignment_table(),
        "## Without the normalisation",
        "",
        "5000 samples of Mackey-Glass, the last 1000 scored.",
        "",
        *ablation_table(),
        "## Mackey-Glass as the paper has it",
        "",
        "A rollout that hears its own predictions, while the true value corrects every one of them.",
        "",
        *rollout_table(),
    ]
    page.write("claims_dynamics", "Criticality, memory, feedback, normalisation", lines)


if __name__ == "__main__":
    main()
