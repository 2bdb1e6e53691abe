"""Classic control beside stream AC(lambda) and published replay results: ``python -m experiments.agents_control``.

One configuration for all, the defaults. --rows and --missing as in `experiments.shared.trials`.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers.stream_ac import StreamAC
from experiments.shared import page
from experiments.shared.trials import SEEDS, environments, of_row

from trophic.agents.agent import fitting
from trophic.agents.environments import make, spaces_of

NAME = "agents_control"
EPISODES = {
    "CartPole-v1": 300,
    "Acrobot-v1": 200,
    "MountainCar-v0": 300,
    "Pendulum-v1": 300,
}
#: Mean return after training with replay or batches, tuned settings: rl-baselines3-zoo, benchmark.md.
PUBLISHED = {
    "CartPole-v1": "DQN 500, PPO 500 (50k, 100k steps)",
    "Acrobot-v1": "DQN -77, PPO -74 (100k, 1M)",
    "MountainCar-v0": "DQN -101, PPO -110 (120k, 1M)",
    "Pendulum-v1": "SAC -157, PPO -172 (20k, 100k)",
}


def main() -> None:
    rows = []
    for task, episodes in EPISODES.items():
        spaces = spaces_of(make(task))
        agents: dict[str, Any] = {"actor-critic": fitting(spaces)}
        agents["slow unit of change"] = fitting(spaces, rules=(("variance_decay", 0.9999),))
        agents["fixed reservoir"] = fitting(spaces, plasticity="none")
        if spaces.policy == "softmax":
            sizes: dict[str, Any] = {
                "n_observations": spaces.n_observations,
                "n_actions": spaces.n_actions,
                "horizon": spaces.limit,
            }
            agents["stream AC(lambda)"] = StreamAC(**sizes)
        for name, model in agents.items():
            trials = of_row(NAME, f"{task} {name}", lambda task=task: make(task), model, episodes)
            if trials:
                steps = page.spread((trial.steps.sum() for trial in trials), 3)
                last = page.spread((trial.last() for trial in trials), 3)
                rows.append([task, name, last, str(len(trials)), str(episodes), steps, PUBLISHED[task]])
    header = ["task", "agent", "last 100 returns", "seeds", "episodes", "steps", "published, with replay or batches"]
    lines = [
        "Returns of training episodes, actions drawn from the policy; the published ones are of the finished policy. "
        "MountainCar pays -1 per step until the goal is found, so an agent that never finds it has -200. "
        + environments(),
        "",
        *page.table(header, rows),
    ]
    page.write(NAME, "Classic control", lines, SEEDS)


if __name__ == "__main__":
    main()
