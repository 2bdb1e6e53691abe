"""Speed of agents in LunarLander-v3, one process, one core: ``python -m experiments.agents_speed``.

Every agent acts and learns in the same environment; the best of several stretches of steps counts, because a machine
that does other work only ever makes them longer. PyTorch and Stable-Baselines3 are timed where they are installed
(``pip install torch stable-baselines3``).
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from benchmarks import report
from benchmarks.peers.stream_ac import StreamAC
from experiments.shared import page

from trophic.agents.actor_critic import ActorCritic
from trophic.agents.agent import Agent
from trophic.agents.control import Control
from trophic.agents.environments import make

NAME = "agents_speed"
SIZES: dict[str, Any] = {"n_observations": 8, "n_actions": 4, "horizon": 1000}
STRETCH, STRETCHES = 250, 40


def best(work: Callable[[int], object], n: int = STRETCH, stretches: int = STRETCHES) -> float:
    """Microseconds per step, the fastest of several stretches of ``n`` steps."""
    work(n)
    found = []
    for _ in range(stretches):
        start = time.perf_counter()
        work(n)
        found.append((time.perf_counter() - start) / n)
    return 1e6 * min(found)


def environment_alone() -> float:
    """A step of the environment with random actions, resets included as the agents have them."""
    env = make("LunarLander-v3")
    env.reset(seed=0)
    rng = np.random.default_rng(0)

    def work(n: int) -> None:
        for action in rng.integers(4, size=n).tolist():
            _, _, terminated, truncated, _ = env.step(action)
            if terminated or truncated:
                env.reset()

    return best(work)


def agent_alone(model: Any) -> float:
    """act and learn on made-up observations: everything but the environment."""
    agent, rng = Agent(model, seed=0), np.random.default_rng(0)
    seen, rewards = rng.standard_normal((STRETCH + 1, 8)), rng.standard_normal(STRETCH)
    seen_rows, reward_list = list(seen), rewards.tolist()
    agent.act(seen_rows[0])

    def work(n: int) -> None:
        for t in range(n):
            agent.learn(reward_list[t], seen_rows[t + 1], False, False)
            agent.act(seen_rows[t + 1])

    return best(work)


def together(model: Any) -> float:
    """Agent and environment."""
    control = Control("LunarLander-v3", model, seed=0)
    return best(lambda n: control.learn(n))


def torch_stream() -> float:
    """Stream AC(lambda) in PyTorch with one thread, and the environment."""
    import torch
    from benchmarks.peers.stream_ac_torch import StreamACTorch

    torch.set_num_threads(1)
    env, agent = make("LunarLander-v3"), StreamACTorch(8, 4)
    seen: list[Any] = [env.reset(seed=0)[0]]

    def work(n: int) -> None:
        for _ in range(n):
            action = agent.act(seen[0])
            after, reward, terminated, truncated, _ = env.step(action)
            agent.learn(seen[0], action, float(reward), after, terminated)
            seen[0] = env.reset()[0] if terminated or truncated else after

    return best(work, 100, 10)


def stable_baselines(name: str) -> float:
    """DQN or PPO of Stable-Baselines3 with its default settings, one thread; its mean, for its work comes in bursts."""
    import stable_baselines3
    import torch

    torch.set_num_threads(1)
    agent = getattr(stable_baselines3, name)("MlpPolicy", "LunarLander-v3", device="cpu", seed=0)
    agent.learn(2048)
    n = 8192
    start = time.perf_counter()
    agent.learn(n, reset_num_timesteps=False)
    return 1e6 * (time.perf_counter() - start) / n


def main() -> None:
    environment = environment_alone()
    default = ActorCritic(**SIZES)
    models = {
        "actor-critic, 4 blocks of 32 and 1024 cells": default,
        "least-squares critic, 4 + 8 blocks of 32 (384 neurons)": ActorCritic.least_squares(**SIZES),
        "least-squares critic, 32 + 8 blocks of 32 (1280 neurons)": ActorCritic.least_squares(**SIZES, actor_blocks=32),
        "stream AC(lambda), backpropagation, Numba": StreamAC(n_observations=8, n_actions=4, horizon=1000),
    }
    rows = []
    for name, model in models.items():
        alone, both = agent_alone(model), together(model)
        rows.append([name, f"{alone:.0f}", f"{alone / environment:.1f}", f"{1e6 / both:,.0f}"])
    if importlib.util.find_spec("torch") is not None:
        both = torch_stream()
        rows.append(["stream AC(lambda), backpropagation, PyTorch", "", "", f"{1e6 / both:,.0f}"])
    if importlib.util.find_spec("stable_baselines3") is not None:
        rows += [
            [f"Stable-Baselines3 {name}, defaults", "", "", f"{1e6 / stable_baselines(name):,.0f}"]
            for name in ("DQN", "PPO")
        ]
    lines = ["# Speed of agents", "", "Generated; do not edit.", "", *report.provenance(f"experiments.{NAME}"), ""]
    lines += [
        f"A step of LunarLander-v3 alone takes {environment:.0f} us. Asked for: at most twice as much on top.",
        "",
    ]
    lines += page.table(["agent", "us per step, agent alone", "x environment", "steps/s with environment"], rows)
    lines += [
        "The fastest of many stretches on a machine that did other work at the time; Stable-Baselines3: the mean."
    ]
    report.write(page.RESULTS / f"{NAME}.md", lines)


if __name__ == "__main__":
    main()
