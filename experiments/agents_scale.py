"""LunarLander-v3 with larger actors, up to the paper's 1024 neurons: ``python -m experiments.agents_scale``.

The rule for the step size against N: heads move by alpha 128/N, hidden synapses, whose fan-in stays, by alpha. Beside
it the same without the rule (every synapse by alpha). --rows and --missing as in `experiments.shared.trials`.
"""

from __future__ import annotations

from typing import Any

from experiments.shared import page
from experiments.shared.trials import SEEDS, environments, median, of_row

from trophic.agents.actor_critic import ActorCritic
from trophic.agents.environments import make

NAME, GOAL, EPISODES = "agents_scale", 200.0, 430
SIZES: dict[str, Any] = {"n_observations": 8, "n_actions": 4, "horizon": 1000}


def row_of(name: str, n_blocks: int, rules: tuple[tuple[str, float], ...]) -> list[str]:
    """One row of the table, or nothing if it was never run."""
    model = ActorCritic.least_squares(**SIZES, actor_blocks=n_blocks, rules=rules)
    trials = of_row(NAME, name, lambda: make("LunarLander-v3"), model, EPISODES)
    if not trials:
        return []
    solved = [trial.solved(GOAL) for trial in trials]
    return [
        name,
        page.spread((100 * trial.successes(GOAL) for trial in trials), 3, " %"),
        f"{sum(s is not None for s in solved)}/{len(trials)}",
        median(solved),
        page.spread((trial.last() for trial in trials), 3),
    ]


def main() -> None:
    rows = []
    for n_blocks in (4, 16, 32):
        neurons = 32 * n_blocks
        rows.append(row_of(f"{neurons} neurons in {n_blocks} blocks", n_blocks, ()))
        if n_blocks > 4:
            rule = (("reference", float(neurons)),)
            rows.append(row_of(f"{neurons} neurons in {n_blocks} blocks, without the rule", n_blocks, rule))
    header = ["actor", "successes in 427", "solved by 430", "at episode", "last 100"]
    lines = ["Under solved stands of how many seeds a row is.", ""]
    lines += [*page.table(header, [row for row in rows if row]), environments()]
    page.write(NAME, "Agents: larger actors", lines, SEEDS)


if __name__ == "__main__":
    main()
