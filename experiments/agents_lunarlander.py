"""LunarLander-v3, one pass, no replay: ``python -m experiments.agents_lunarlander``.

Every row sees the same preprocessing and the same treatment of the limit of time. A success is an episode of training
(actions drawn from the policy) with a return above 200; solved, the first episode at which the mean of the last hundred
returns is above 200. --rows and --missing as in `experiments.shared.trials`.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers.stream_ac import StreamAC
from experiments.shared import page
from experiments.shared.trials import FIRST, SEEDS, Trial, environments, median, of_row

from trophic.agents.actor_critic import ActorCritic
from trophic.agents.environments import make

NAME, GOAL, EPISODES = "agents_lunarlander", 200.0, 500
SIZES: dict[str, Any] = {"n_observations": 8, "n_actions": 4, "horizon": 1000}
ROWS: dict[str, Any] = {
    "strictly local": ActorCritic(**SIZES),
    "strictly local, slow unit of change": ActorCritic(**SIZES, rules=(("variance_decay", 0.9999),)),
    "strictly local, fixed reservoir": ActorCritic(**SIZES, plasticity="none"),
    "local actor, least-squares critic": ActorCritic.least_squares(**SIZES),
    "fixed reservoir, least-squares critic": ActorCritic.least_squares(**SIZES, plasticity="none"),
    "fixed feedback": ActorCritic.least_squares(**SIZES, feedback="fixed"),
    "symmetric feedback": ActorCritic.least_squares(**SIZES, feedback="symmetric"),
    "wiring by reward": ActorCritic.least_squares(**SIZES, structure="reward"),
    "no clip of surprise": ActorCritic.least_squares(**SIZES, rules=(("surprise_clip", 1e6),)),
    "critic that learns like the actor": ActorCritic(
        **SIZES,
        critic="td",
        critic_blocks=4,
        rules=(("actor_rate", 3e-4), ("critic_trace", 0.8), ("surprise_clip", 1e6)),
    ),
    "stream AC(lambda), backpropagation": StreamAC(n_observations=8, n_actions=4, horizon=1000),
    "published rules": ActorCritic.published(**SIZES),
}
TARGETS = [
    "Asked for: at least 40 % successes in the first 427 episodes, solved by episode 430 in 8 of 8 seeds, median at "
    "most 330, mean of episodes 401-500 at least 215; strictly local 33 %, solved by 500 in 6 of 8. All rows from "
    "the least-squares critic to no clip of surprise have that critic. The paper reports "
    "21.5 % successes in one run of 427 episodes. With replay or batches, policies of rl-baselines3-zoo have 154 "
    "(DQN, 100k steps) and 242 (PPO, 1M steps) on the previous version of the task.",
    "",
]


def cells(row: str, trials: list[Trial]) -> list[str]:
    """One row of the table."""
    solved = [trial.solved(GOAL) for trial in trials]
    return [
        row,
        page.spread((100 * trial.successes(GOAL) for trial in trials), 3, " %"),
        f"{sum(s is not None for s in solved)}/{len(trials)}",
        f"{sum(s is not None and s <= 430 for s in solved)}/{len(trials)}",
        median(solved),
        median([trial.steps_until(s) for trial, s in zip(trials, solved)]),
        page.spread((trial.last() for trial in trials), 3),
    ]


def main() -> None:
    found = {row: of_row(NAME, row, lambda: make("LunarLander-v3"), model, EPISODES) for row, model in ROWS.items()}
    found = {row: trials for row, trials in found.items() if trials}
    header = ["agent", f"successes in {FIRST}", "solved", "by 430", "at episode", "at step", "last 100"]
    lines = [*TARGETS, *page.table(header, [cells(row, trials) for row, trials in found.items()])]
    lines += [
        "Under solved stands of how many seeds a row is. "
        "Episode and step are medians (range); last 100 is the mean of the last hundred returns of a course of "
        f"{EPISODES}. " + environments(),
        "",
        "![learning curves](agents_lunarlander.png)",
    ]
    page.write(NAME, "LunarLander: learning to land, one pass", lines, SEEDS)
    draw(found)


def draw(found: dict[str, list[Trial]]) -> None:
    """Learning curves of all rows beside the page."""
    from trophic.view import agents

    curves = {row: {trial.seed: trial.returns for trial in trials} for row, trials in found.items()}
    agents.draw_groups(curves, page.RESULTS / f"{NAME}.png", title="LunarLander-v3", goal=GOAL)


if __name__ == "__main__":
    main()
