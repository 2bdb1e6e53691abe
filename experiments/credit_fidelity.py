"""How close is local credit to the gradient? ``python -m experiments.credit_fidelity`` writes its page.

A network whose weights are held still hears one of three signals while its readout learns. Its true spatial credit
lambda_t = R^T e_t is kept for every sample, so that the exact gradient of what was really lost, sum_t dL_t/dW, follows
by JAX's reverse mode through the whole stretch (`trophic.instruments.gradients`). What is judged is the temporal and
structural credit: the maps, for all pairs of blocks, connected or not; the traces, for the weights there are.

Spatial credit is judged by itself: the angle between the feedback weights and the readout's that they stand for, over
the training of networks that are plastic.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from experiments.shared import page

from trophic import Chunk
from trophic.instruments.gradients import Recurrent, by_block, frozen, reverse_mode, reverse_mode_of_samples, trajectory
from trophic.network.layout import FEEDBACK, RANK, X
from trophic.network.model import Network
from trophic.network.topology import sketches
from trophic.signals.chaos import mackey_glass
from trophic.signals.wiring import wiring_task

BLOCKS, SIZE, WARM, LENGTH, REACH, SAMPLES = 16, 16, 3000, 2000, 80, 12
TASKS = ("noise", "Mackey-Glass", "wiring")
LEAKS = (1.0, 0.3)
ALIGNED_AT = (32, 100, 300, 1000, 3000, 10_000)  # samples
FEEDBACKS = {
    "fixed": Network(feedback="fixed"),
    "learned (default)": Network(),
    "learned, with a decay of 1e-4": Network(rules=(("feedback_decay", 1e-4),)),
    "published": Network(feedback="published", rules=(("feedback_rate", 1e-2),)),
    "symmetric": Network(feedback="symmetric"),
}


class Stretch(NamedTuple):
    """What a network went through: its weights, inputs (n, C), states (n + 1, N) and true credit (n, N)."""

    net: Recurrent
    inputs: np.ndarray
    states: np.ndarray
    adjoints: np.ndarray
    slots: np.ndarray


def signal(task: str, seed: int, n: int = WARM + LENGTH + 1) -> tuple[np.ndarray, int]:
    """Standardised samples (n, C) and the number of targets among the columns."""
    rng = np.random.default_rng(seed)
    if task == "wiring":
        made = wiring_task(n, BLOCKS, 4, rng)
        return np.concatenate([made.inputs, made.target], axis=1), 1
    x = rng.standard_normal(n) if task == "noise" else mackey_glass(n, 17, rng)
    return ((x - x.mean()) / x.std())[:, None], 0


def hear(task: str, leak: float, seed: int) -> Stretch:
    """Let the readout settle, then note the credit of every sample."""
    values, n_targets = signal(task, seed)
    model = Network(
        n_inputs=values.shape[1] - n_targets, n_targets=n_targets, n_blocks=BLOCKS, block_size=SIZE,
        wiring="own" if n_targets else "all", feedback="symmetric", plasticity="none", structure="none", map="none",
        scaling="none", precision="float64", rules=(("leak", leak),),
    )  # fmt: skip
    state = model.init(seed)
    rng = np.random.default_rng(seed)
    for j in range(BLOCKS):  # two random edges a row, as strong as newborn ones
        state.slots[j, 1:] = rng.choice(np.delete(np.arange(BLOCKS), j), 2, replace=False)
        state.weights[j, 1:] = 0.2 / np.sqrt(SIZE) * rng.standard_normal((2, SIZE, SIZE))
    model.advance(state, Chunk(values[:WARM], sample_period_s=1.0))
    net, start, adjoints = frozen(state, leak), state.neurons[X].copy(), []
    for t in range(WARM, WARM + LENGTH + 1):
        model.advance(state, Chunk(values[t : t + 1], first_sample=t, sample_period_s=1.0))
        adjoints.append(state.neurons[FEEDBACK].copy())
    first = 0 if n_targets else 1  # without targets the credit of a state comes with the next sample
    inputs = values[WARM : WARM + LENGTH, : model.n_inputs]
    return Stretch(
        net, inputs, trajectory(net, inputs, start), np.array(adjoints[first : LENGTH + first]), state.slots.copy()
    )


def slopes(s: Stretch) -> np.ndarray:
    """g of every sample, (n, N): a (1 - h^2) with a h = x(t) - (1 - a) x(t-1)."""
    h = (s.states[1:] - (1 - s.net.leak) * s.states[:-1]) / s.net.leak
    return s.net.leak * (1 - h * h)


def traces(s: Stretch, kind: str) -> np.ndarray:
    """Traces of the senders, (n, N): matched to the neuron's own memory, or as published."""
    stay, come, source = 1 - s.net.leak, 1.0, s.states[:-1]
    if kind == "published":
        stay = float(np.exp(-0.1))
        come, source = (1 - stay) * (1 - s.net.leak), s.states[1:]
        come = come or 1.0  # with a = 1 the printed factor is zero; a factor changes no correlation
    trace = np.zeros_like(source)
    trace[0] = come * source[0]
    for t in range(1, len(source)):
        trace[t] = stay * trace[t - 1] + come * source[t]
    return trace


def rflo(s: Stretch) -> Iterator[np.ndarray]:
    """The eligibility eps <- (1 - a) eps + g x(t-1)^T of every sample, (N, N)."""
    eligibility = np.zeros((len(s.net.bias),) * 2)
    for g, x in zip(slopes(s), s.states):
        eligibility = (1 - s.net.leak) * eligibility + np.outer(g, x)
        yield eligibility


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a.ravel() @ b.ravel() / np.linalg.norm(a) / np.linalg.norm(b))


def maps(s: Stretch, seed: int) -> dict[str, tuple[float, float, float]]:
    """By map: Pearson and cosine of block norms with the exact ones, and the cosine of the gradients themselves."""
    exact = by_block(reverse_mode(s.net, s.inputs, s.states[0], s.adjoints), SIZE)
    credit = s.adjoints * slopes(s)
    full = by_block(credit.T @ traces(s, "matched"), SIZE)
    rng = np.random.default_rng(seed)
    p, q = sketches(BLOCKS, SIZE, RANK, rng, np.float64)
    small = np.einsum("jlp,jilm,imq->jipq", p, full, q)
    means = [a.reshape(LENGTH, BLOCKS, SIZE).mean(axis=2) for a in (credit, traces(s, "published"))]
    printed = np.einsum("tj,ti->ji", np.abs(means[0]), np.abs(means[1]))[:, :, None, None]
    noise = [rng.standard_normal(full.shape) for _ in range(2)]
    apart = ~np.eye(BLOCKS, dtype=bool)

    def judged(found: np.ndarray, truth: np.ndarray) -> tuple[float, float, float]:
        norms = [np.linalg.norm(a, axis=(2, 3))[apart] for a in (found, truth)]
        signed = cosine(found[apart], truth[apart]) if found.shape == truth.shape else np.nan
        return correlation(*norms), cosine(*norms), signed

    return {
        "signed, all of it": judged(full, exact),
        f"signed, sketch of rank {RANK}": judged(small, exact),
        "published": judged(printed, exact),
        "two random vectors": judged(*noise),
    }


def eligibilities(s: Stretch, seed: int) -> dict[str, tuple[float, float]]:
    """By trace: Pearson of dL_t/dW with the exact one over the weights there are, per sample and summed up."""
    rng = np.random.default_rng(seed)
    times = np.sort(rng.choice(np.arange(REACH, LENGTH), SAMPLES, replace=False))
    pasts = np.array([s.inputs[t - REACH + 1 : t + 1] for t in times])
    exact = reverse_mode_of_samples(s.net, pasts, s.states[times - REACH + 1], s.adjoints[times], REACH)
    total = reverse_mode(s.net, s.inputs, s.states[0], s.adjoints)
    there = np.zeros((BLOCKS, BLOCKS), dtype=bool)
    there[np.arange(BLOCKS)[:, None], s.slots] = True
    weights = np.kron(there, np.ones((SIZE, SIZE), dtype=bool)) & ~np.eye(len(total), dtype=bool)
    credit = s.adjoints * slopes(s)
    found = {}
    for kind in ("matched", "published"):
        trace = traces(s, kind)
        found[kind] = np.einsum("tl,tm->tlm", credit[times], trace[times]), credit.T @ trace
    samples, summed = [], np.zeros_like(total)
    for t, eligibility in enumerate(rflo(s)):
        pushed = s.adjoints[t][:, None] * eligibility
        summed += pushed
        if t in times:
            samples.append(pushed)
    found["RFLO"] = np.array(samples), summed
    noise = rng.standard_normal((2, *total.shape))
    table = {
        kind: (correlation(a[:, weights], exact[:, weights]), correlation(b[weights], total[weights]))
        for kind, (a, b) in found.items()
    }
    return table | {"two random vectors": (correlation(*noise[:, weights]),) * 2}


def alignments(kind: str, task: str, seed: int) -> tuple[list[float], float]:
    """Cosine between feedback and readout weights at the times `ALIGNED_AT`, and the error over the last tenth."""
    values, n_targets = signal(task, seed, ALIGNED_AT[-1])
    model = dataclasses.replace(
        FEEDBACKS[kind], n_inputs=values.shape[1] - n_targets, n_targets=n_targets, n_blocks=BLOCKS, block_size=SIZE,
        wiring="own" if n_targets else "all",
    )  # fmt: skip
    state, cosines, errors = model.init(seed), [], np.zeros(0)
    for first, last in itertools.pairwise((0, *ALIGNED_AT)):
        info = model.advance(state, Chunk(values[first:last], first_sample=first, sample_period_s=1.0))
        readout = state.readout[:, : state.feedback.shape[1]].astype(float)
        used = readout if kind == "symmetric" else state.feedback.astype(float)
        cosines.append(cosine(used, readout))
        errors = np.append(errors, info.error[:, 0])
    tail = values[-ALIGNED_AT[-1] // 10 :, -1]
    return cosines, page.nrmse(tail + errors[-len(tail) :], tail)


def alignment_lines() -> list[str]:
    """The table and the figure of the angles."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(TASKS), figsize=(10, 3), sharey=True, layout="constrained")
    lines = ["## Feedback: its angle with the readout", ""]
    lines += [
        "Cosine between F and R over training, of plastic networks with the default rules; F begins at random,",
        "R at zero.",
        "",
    ]
    for axis, task in zip(axes, TASKS):
        rows = []
        for kind in FEEDBACKS:
            cosines, errors = zip(*(alignments(kind, task, seed) for seed in page.SEEDS), strict=True)
            columns = np.array(cosines).T
            rows.append(
                [kind, *(f"{c.mean():.2f} ({c.min():.2f}..{c.max():.2f})" for c in columns), page.spread(errors)]
            )
            degrees = np.degrees(np.arccos(np.clip(columns, -1, 1)))
            axis.plot(ALIGNED_AT, degrees.mean(axis=1), marker=".", label=kind)
            axis.fill_between(ALIGNED_AT, degrees.min(axis=1), degrees.max(axis=1), alpha=0.15)
            print(task, " | ".join(rows[-1]), flush=True)
        axis.set(title=task, xscale="log", xlabel="samples")
        lines += [f"{task}:", "", *page.table(["feedback", *(f"{t:,}" for t in ALIGNED_AT), "NRMSE"], rows)]
    axes[0].set(ylabel="angle (degrees)", ylim=(0, 100))
    axes[0].legend(fontsize=7)
    figure.savefig(page.RESULTS / "credit_fidelity.png", dpi=110)
    plt.close(figure)
    return [*lines, "![angle between feedback and readout](credit_fidelity.png)", ""]


def main() -> None:
    lines = [
        f"{BLOCKS} blocks of {SIZE}, two random edges a row, weights held still; {WARM} samples for the readout",
        f"(block-RLS) to settle, then {LENGTH} whose gradient is taken. White noise and Mackey-Glass 17 are forecast,",
        "the wiring task has a target. All estimates get the true spatial credit R^T e.",
        "",
    ]  # fmt: skip
    for leak in LEAKS:
        credits = {task: [hear(task, leak, seed) for seed in page.SEEDS] for task in TASKS}
        of_maps = {t: [maps(s, k) for s, k in zip(runs, page.SEEDS)] for t, runs in credits.items()}
        of_traces = {t: [eligibilities(s, k) for s, k in zip(runs, page.SEEDS)] for t, runs in credits.items()}
        lines += [f"## Leak a = {leak:g}", ""]
        heads = ["Pearson of block norms", "cosine of block norms", "cosine of gradients"]
        for column, title in enumerate(heads):
            rows = [
                [kind, *(page.spread(run[kind][column] for run in of_maps[t]) for t in TASKS)]
                for kind in of_maps["noise"][0]
                if np.isfinite(of_maps["noise"][0][kind][column])
            ]
            lines += [f"Maps, {title}, all pairs of different blocks:", "", *page.table(["map", *TASKS], rows)]
        for column, title in enumerate(("single samples", "summed over the stretch")):
            rows = [
                [kind, *(page.spread(run[kind][column] for run in of_traces[t]) for t in TASKS)]
                for kind in of_traces["noise"][0]
            ]
            lines += [f"Traces, Pearson over the weights there are, {title}:", "", *page.table(["trace", *TASKS], rows)]
    lines += alignment_lines()
    lines += [
        "The cosine of block norms, by which such maps have been judged, compares vectors of positive numbers: two",
        "random ones reach .99. The cosine of the gradients themselves has no such floor.",
    ]  # fmt: skip
    page.write("credit_fidelity", "Credit: how close to the gradient?", lines)


if __name__ == "__main__":
    main()
