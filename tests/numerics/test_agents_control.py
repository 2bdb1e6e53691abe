"""Agents in environments: exact resume, bad environments, spaces, prediction that changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

gymnasium = pytest.importorskip("gymnasium")

# ruff: noqa: E402
from trophic.agents.active_inference import ActiveInference
from trophic.agents.actor_critic import ActorCritic
from trophic.agents.control import Control
from trophic.agents.environments import EnvironmentFailure, SpaceError, make, spaces_of
from trophic.agents.tasks import CueMaze, DelayedCue
from trophic.runtime.checkpoint import CheckpointError

pytestmark = pytest.mark.filterwarnings("ignore:builtin type swig:DeprecationWarning")  # of Box2D
SMALL = {"actor_blocks": 1, "critic_blocks": 1, "block_size": 8}


def small(env: Any, **parameters: Any) -> ActorCritic:
    spaces = spaces_of(env)
    sizes = {"n_observations": spaces.n_observations, "n_actions": spaces.n_actions, "policy": spaces.policy}
    return ActorCritic(**{**sizes, **SMALL, **parameters})


@pytest.mark.parametrize("name", ["CartPole-v1", "LunarLander-v3", "Pendulum-v1", "trophic.agents.tasks:DelayedCue-v0"])
def test_an_interrupted_training_is_the_uninterrupted_one(name: str, tmp_path: Path) -> None:
    """Bit for bit, and from the middle of an episode, which is played again."""
    model = small(make(name))
    whole = Control(make(name), model, seed=5).run(4)
    first = Control(make(name), model, seed=5).run(2)
    first.learn(3)
    first.save(tmp_path / "agent.safetensors")
    second = Control.load(tmp_path / "agent.safetensors", make(name), model)
    assert second.n_episodes == 2
    second.run(2)
    assert second.agent.state.equals(whole.agent.state)
    assert second.n_steps == whole.n_steps
    assert [e.total for e in first.episodes + second.episodes] == [e.total for e in whole.episodes]


def test_active_inference_resumes_exactly(tmp_path: Path) -> None:
    model = ActiveInference.for_task("CueMaze-v0", spaces_of(CueMaze()))
    whole = Control(CueMaze(), model, seed=1).run(20)
    first = Control(CueMaze(), model, seed=1).run(9)
    first.save(tmp_path / "agent.safetensors")
    second = Control.load(tmp_path / "agent.safetensors", CueMaze(), model).run(11)
    assert second.agent.state.equals(whole.agent.state)


def test_another_model_is_refused(tmp_path: Path) -> None:
    env = make("CartPole-v1")
    Control(env, small(env), seed=1).save(tmp_path / "agent.safetensors")
    with pytest.raises(CheckpointError, match="feedback='learned' \\(this model: 'fixed'\\)"):
        Control.load(tmp_path / "agent.safetensors", env, small(env, feedback="fixed"))


def test_steps_and_episodes_are_counted_and_a_callback_can_stop() -> None:
    env = make("CartPole-v1")
    control = Control(env, small(env), seed=1)
    control.learn(total_timesteps=77)
    assert control.n_steps == control.agent.state.clock.index == 77
    seen: list[Any] = []
    control.run(50, lambda episode: seen.append(episode) or len(seen) < 3)
    assert len(seen) == 3
    assert sum(e.steps for e in control.episodes) == control.n_steps
    assert all(e.total == e.steps for e in control.episodes)  # CartPole pays 1 per step


def test_prediction_changes_nothing_and_remembers_its_activity() -> None:
    env = DelayedCue()
    control = Control(env, small(env), seed=1).run(5)
    before = control.agent.state.copy()
    observations = np.random.default_rng(0).uniform(-1, 1, (6, 4))
    activity, actions = None, []
    for row in observations:
        action, activity = control.predict(row, activity, deterministic=True)
        actions.append(action)
    again, _ = control.predict(observations[0], activity, episode_start=True, deterministic=True)
    assert again == actions[0]
    assert control.agent.state.equals(before)


class Broken(gymnasium.Env[Any, Any]):
    """Raises, or returns NaN, once in a while."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2,))
    action_space = gymnasium.spaces.Discrete(2)

    def __init__(self, raises: bool) -> None:
        self.raises, self.n = raises, 0

    def reset(self, *, seed: Any = None, options: Any = None) -> Any:
        return np.zeros(2), {}

    def step(self, action: Any) -> Any:
        self.n += 1
        if self.n == 25 and self.raises:
            raise OSError("the motor is hot")
        bad = self.n % 7 == 0
        return np.array([np.nan if bad else 0.1, 0.2]), np.nan if self.n % 5 == 0 else 1.0, self.n % 10 == 0, False, {}


def test_an_environment_that_raises_costs_nothing_that_was_learned(tmp_path: Path) -> None:
    env = Broken(raises=True)
    model = small(env)
    control = Control(env, model, seed=1)
    with pytest.raises(EnvironmentFailure, match="OSError in episode 2, step 4: the motor is hot"):
        control.run(10)
    assert control.n_steps == 24
    learned = control.agent.state.copy()
    control.save(tmp_path / "agent.safetensors")
    again = Control.load(tmp_path / "agent.safetensors", env, model)
    assert again.agent.state.equals(learned)
    assert again.agent.state.clock.index == 24
    control.run(2)  # and the same object can go on, too
    assert len(control.episodes) == 4


def test_an_environment_of_nan_is_survived_and_counted() -> None:
    env = Broken(raises=False)
    control = Control(env, small(env), seed=1).run(20)
    bad = sum(n % 7 == 0 or n % 5 == 0 for n in range(1, control.n_steps + 1))
    assert control.agent.n_bad == bad
    learned = {
        n: a for n, a in control.agent.state.arrays().items() if not n.startswith("clock") and a.dtype.kind == "f"
    }
    assert all(np.isfinite(array).all() for array in learned.values())


class Odd(gymnasium.Env[Any, Any]):
    def __init__(self, seen: Any, acted: Any) -> None:
        self.observation_space, self.action_space = seen, acted


def test_spaces_that_are_not_supported_are_named() -> None:
    box, spaces = gymnasium.spaces.Box, gymnasium.spaces
    vector, two = box(-1, 1, (3,)), spaces.Discrete(2)
    wrong = [
        (spaces.Discrete(4), two, "observation space Discrete is not supported.*FlattenObservation"),
        (box(0, 255, (8, 8, 3), np.uint8), two, r"vectors of 1..4096 numbers, got shape \(8, 8, 3\)"),
        (vector, spaces.MultiDiscrete([2, 2]), "action space MultiDiscrete is not supported"),
        (vector, box(-np.inf, np.inf, (2,)), "must be bounded vectors.*RescaleAction"),
    ]
    for seen, acted, message in wrong:
        with pytest.raises(SpaceError, match=message):
            spaces_of(Odd(seen, acted))
    with pytest.raises(SpaceError, match="NoSuch-v7"):
        make("NoSuch-v7")
    with pytest.raises(ValueError, match=r"model has .* the environment needs"):
        Control("CartPole-v1", ActorCritic(n_observations=3))


def test_actions_start_where_the_space_does() -> None:
    spaces = spaces_of(Odd(gymnasium.spaces.Box(-1, 1, (3,)), gymnasium.spaces.Discrete(3, start=-1)))
    assert [spaces.to_environment(np.array([float(k)])) for k in range(3)] == [-1, 0, 1]


def test_stable_baselines_style_loop() -> None:
    """The loop of its documentation."""
    env = make("CartPole-v1")
    model = Control(env, small(env), seed=0).learn(total_timesteps=200)
    observation, _ = env.reset(seed=0)
    state, start = None, True
    for _ in range(10):
        action, state = model.predict(observation, state=state, episode_start=start, deterministic=True)
        observation, _, terminated, truncated, _ = env.step(action)
        start = terminated or truncated
        if start:
            observation, _ = env.reset()
