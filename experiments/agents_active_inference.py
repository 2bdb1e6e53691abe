"""Active inference, with and without its epistemic term: ``python -m experiments.agents_active_inference``."""

from __future__ import annotations

from typing import Any

import numpy as np
from experiments.shared import page
from experiments.shared.trials import SEEDS, Trial, environments, of_row

from trophic.agents.active_inference import ActiveInference
from trophic.agents.environments import make, spaces_of

NAME = "agents_active_inference"
EPISODES = {"MountainCar-v0": 10, "CartPole-v1": 10, "trophic.agents.tasks:CueMaze-v0": 200, "Pendulum-v1": 10}


def first(trial: Trial, goal: float) -> str:
    """Number of the first episode with a return above ``goal``."""
    reached = np.flatnonzero(trial.returns > goal)
    return str(int(reached[0]) + 1) if len(reached) else "-"


def trials(task: str, epistemic: bool) -> list[Trial]:
    model: Any = ActiveInference.for_task(task, spaces_of(make(task)))
    if not epistemic:
        model = ActiveInference.for_task(task, spaces_of(make(task)), rules=(("epistemic", 0.0),))
    name = task.rpartition(":")[2] + ("" if epistemic else ", no epistemic term")
    return of_row(NAME, name, lambda: make(task), model, EPISODES[task])


def main() -> None:
    car, rows = "MountainCar-v0", []
    for epistemic in (True, False):
        found = trials(car, epistemic)
        rows.append(
            [
                "MountainCar" + ("" if epistemic else ", no epistemic term"),
                " ".join(first(trial, -200.0) for trial in found),
                page.spread(trial.last(5) for trial in found),
                page.spread(trial.steps.sum() for trial in found),
            ]
        )
    lines = page.table(["task", "goal first reached in episode", "mean of the last five returns", "steps in all"], rows)
    rows = []
    for epistemic in (True, False):
        found = trials("CartPole-v1", epistemic)
        rows.append(
            [
                "CartPole" + ("" if epistemic else ", no epistemic term"),
                " ".join(first(trial, 474.0) for trial in found),
                page.spread(trial.last(5) for trial in found),
                page.spread(trial.steps.sum() for trial in found),
            ]
        )
    header = ["task", "at least 475 first in episode", "mean of the last five returns", "steps in all"]
    lines += page.table(header, rows)
    rows = []
    for epistemic in (True, False):
        found = trials("trophic.agents.tasks:CueMaze-v0", epistemic)
        rows.append(
            [
                "cue T-maze" + ("" if epistemic else ", no epistemic term"),
                page.spread((100 * (trial.returns[50:] > 0).mean() for trial in found), 3, " %"),
                page.spread((100 * (trial.returns[-100:] > 0).mean() for trial in found), 3, " %"),
                page.spread(trial.steps[-100:].mean() for trial in found),
            ]
        )
    header = ["task", "right in episodes 51-200", "right in the last 100", "steps per episode, last 100"]
    lines += page.table(header, rows)
    rows = []
    for epistemic in (True, False):
        found = trials("Pendulum-v1", epistemic)
        rows.append(
            [
                "Pendulum (continuous)" + ("" if epistemic else ", no epistemic term"),
                page.spread(trial.returns[0] for trial in found),
                page.spread(trial.last(5) for trial in found),
            ]
        )
    lines += page.table(["task", "first return", "mean of the last five returns"], rows)
    lines.append(environments())
    page.write(NAME, "Active inference: acting to know", lines, SEEDS)


if __name__ == "__main__":
    main()
