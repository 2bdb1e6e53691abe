"""Where hidden plasticity must prove itself: ``python -m experiments.agents_memory``.

What matters is hidden, so the present observation does not suffice. Beside each plastic agent stands its twin with a
fixed reservoir: the same neurons, wiring, inputs and critic, and only the actor's heads learn. Leaky neurons (a < 1)
remember by themselves, and their synapses carry the forward trace of that memory (RFLO, e-prop).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from experiments.shared import page
from experiments.shared.trials import SEEDS, Trial, environments, of_row

from trophic.agents.actor_critic import ActorCritic
from trophic.agents.environments import make
from trophic.agents.tasks import Hidden

NAME = "agents_memory"
CUE = "trophic.agents.tasks:DelayedCue-v0"
SMALL: dict[str, Any] = {"n_actions": 2}


def masked(name: str, entries: list[int]) -> Any:
    """An environment without its velocities."""
    return Hidden(make(name), entries)


#: Task: environment, plastic agent, episodes.
TASKS: dict[str, tuple[Callable[[], Any], ActorCritic, int]] = {
    "delayed cue, 10 steps, leak 0.3": (
        partial(make, CUE, length=10),
        ActorCritic.least_squares(n_observations=4, **SMALL, rules=(("leak", 0.3),)),
        3000,
    ),
    "delayed cue, 20 steps, leak 0.15": (
        partial(make, CUE, length=20),
        ActorCritic.least_squares(n_observations=4, **SMALL, rules=(("leak", 0.15),)),
        3000,
    ),
    "delayed cue, 10 steps, no leak": (
        partial(make, CUE, length=10),
        ActorCritic.least_squares(n_observations=4, **SMALL),
        3000,
    ),
    "CartPole without velocities": (
        partial(masked, "CartPole-v1", [1, 3]),
        ActorCritic.least_squares(n_observations=2, **SMALL),
        300,
    ),
    "CartPole without velocities, transients": (
        partial(masked, "CartPole-v1", [1, 3]),
        ActorCritic.least_squares(n_observations=2, **SMALL, transients=True),
        300,
    ),
    "LunarLander without velocities, transients": (
        partial(masked, "LunarLander-v3", [2, 3, 5]),
        ActorCritic.least_squares(n_observations=5, n_actions=4, horizon=1000, transients=True),
        500,
    ),
}


def cells(task: str, plastic: list[Trial], fixed: list[Trial]) -> list[str]:
    """One row: mean return over the last hundred episodes of both."""
    better = sum(p.last() > f.last() for p, f in zip(plastic, fixed))
    row = [task, page.spread(t.last() for t in plastic), page.spread(t.last() for t in fixed)]
    return [*row, f"{better}/{len(plastic)}", str(len(plastic[0].returns))]


def main() -> None:
    rows = []
    for task, (env, model, episodes) in TASKS.items():
        plastic = of_row(NAME, task, env, model, episodes)
        fixed = of_row(NAME, f"{task}, fixed", env, replace(model, plasticity="none"), episodes)
        if plastic and fixed:
            rows.append(cells(task, plastic, fixed))
    lines = [
        "Mean of the last hundred returns. A delayed cue pays +1 or -1, so chance is 0; CartPole pays at most 500; a "
        "landing on the moon more than 200. The fourth column says of how many seeds a row is. " + environments(),
        "",
        *page.table(["task", "plastic", "fixed reservoir", "plastic is better", "episodes"], rows),
    ]
    page.write(NAME, "Memory: plastic agents and fixed reservoirs", lines, SEEDS)


if __name__ == "__main__":
    main()
