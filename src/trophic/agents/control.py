"""`Control`: an agent in an environment, with the words of Stable-Baselines3: ``learn``, ``predict``, ``save``."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from trophic.agents.acting import ActingModel
from trophic.agents.agent import Agent
from trophic.agents.environments import EnvironmentFailure, episode_seed, make
from trophic.runtime.checkpoint import load, save


@dataclass(frozen=True)
class Episode:
    """A finished episode: its number from 0, the sum of its rewards, its steps, and whether it ended of itself."""

    number: int
    total: float
    steps: int
    terminated: bool


class Control:
    """An agent that learns in one Gymnasium environment.

    Parameters
    ----------
    env : gymnasium.Env or str
        Or its name for ``gymnasium.make``. Vector observations; discrete or bounded continuous actions.
    model : ActorCritic or ActiveInference, optional
        Default: an `ActorCritic` that fits the spaces.
    seed : int
        Of weights, actions, and of the environment's episodes, >= 0.

    Attributes
    ----------
    agent : Agent
    episodes : list of Episode
        Those finished since this object was made.

    Raises
    ------
    SpaceError
        If the environment is unknown or its spaces are not supported.

    Examples
    --------
    >>> control = Control("CartPole-v1", seed=1)
    >>> control.learn(total_timesteps=2000).n_steps
    2000
    >>> action, _ = control.predict([0.0, 0.1, 0.0, -0.1], deterministic=True)
    >>> action in (0, 1)
    True
    """

    def __init__(self, env: Any, model: ActingModel[Any] | None = None, seed: int = 0) -> None:
        self.env = make(env) if isinstance(env, str) else env
        self.seed = seed
        self.agent = Agent.of(self.env, model, seed)
        self.episodes: list[Episode] = []
        self.n_steps = 0
        self._safe = self.agent.state.copy()
        self._observation: Any = None
        self._total, self._age = 0.0, 0

    @property
    def n_episodes(self) -> int:
        """Episodes finished by this agent, also those before it was saved and loaded."""
        return int(self._safe.shared["finished"][0])

    def learn(self, total_timesteps: int, callback: Callable[[Episode], object] | None = None) -> Self:
        """Take ``total_timesteps`` steps; an episode cut short goes on at the next call.

        Parameters
        ----------
        total_timesteps : int
            At least 1.
        callback : callable, optional
            Called with every finished `Episode`; if it returns False, learning stops there.

        Raises
        ------
        EnvironmentFailure
            If the environment raises. What was learned until then stays in ``agent``; the episode is left.
        """
        if total_timesteps < 1:
            raise ValueError(f"total_timesteps must be >= 1, got {total_timesteps}")
        end = self.n_steps + total_timesteps
        while self.n_steps < end:
            episode = self._step()
            if episode is not None and callback is not None and callback(episode) is False:
                break
        return self

    def run(self, n_episodes: int, callback: Callable[[Episode], object] | None = None) -> Self:
        """Finish ``n_episodes`` more episodes; otherwise as `learn`."""
        if n_episodes < 1:
            raise ValueError(f"n_episodes must be >= 1, got {n_episodes}")
        last = len(self.episodes) + n_episodes
        while len(self.episodes) < last:
            episode = self._step()
            if episode is not None and callback is not None and callback(episode) is False:
                break
        return self

    def predict(
        self,
        observation: ArrayLike,
        state: Any = None,
        episode_start: ArrayLike | None = None,
        deterministic: bool = False,
    ) -> tuple[Any, Any]:
        """The action after ``observation`` and the activity that the next call needs; nothing learned changes.

        Parameters
        ----------
        observation : array, shape (n_observations,)
        state : optional
            What the previous call returned; None at the beginning of an episode.
        episode_start : bool, optional
            True begins a new episode whatever ``state`` is.
        deterministic : bool
            The most probable action instead of one drawn from the policy.
        """
        seen = np.asarray(observation, dtype=np.float64)
        first = state is None or bool(np.any(episode_start if episode_start is not None else False))
        player = self.agent.state.copy() if state is None or first else state.copy()
        self.agent.model.play(player, seen, first=first, greedy=deterministic)
        return self.agent.spaces.to_environment(self.agent.model.action(player)), player

    def save(self, path: str | os.PathLike[str], *, keep: int = 1) -> None:
        """Write the State of the last episode's end; `load` continues from there as if nothing had happened.

        An episode in progress is not in it: the environment's inside cannot be written. It is played again, with the
        same seed and the same draws, so the result is the uninterrupted one bit for bit.
        """
        save(path, self.agent.model, self._safe, keep=keep)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], env: Any, model: ActingModel[Any] | None = None, seed: int | None = None
    ) -> Self:
        """Go on from what `save` wrote, in an environment of the same kind.

        Raises
        ------
        CheckpointError
            If the file is damaged or of another model.
        """
        control = cls(env, model)
        control._safe = load(path, control.agent.model)
        control.agent.state = control._safe.copy()
        control.seed = int(control._safe.shared["seed"][0]) if seed is None else seed
        control.n_steps = control._safe.clock.index
        return control

    def _step(self) -> Episode | None:
        """One step of the environment, and a reset before it if one is due; the episode, if it ended."""
        agent = self.agent
        try:
            if self._observation is None:
                number = int(agent.state.shared["episode"][0])
                self._observation, _ = self.env.reset(seed=episode_seed(self.seed, number))
                self._total, self._age = 0.0, 0
            action = agent.act(self._observation)
            observation, reward, terminated, truncated, _ = self.env.step(action)
            agent.learn(reward, observation, terminated, truncated)
        except KeyboardInterrupt:
            raise
        except Exception as error:
            agent.abandon()
            self._observation, self._safe = None, agent.state.copy()
            where = f"episode {agent.state.shared['episode'][0] - 1}, step {self._age}"
            raise EnvironmentFailure(f"{self.env} raised {type(error).__name__} in {where}: {error}") from error
        self._observation = observation
        self._total += float(reward)
        self._age += 1
        self.n_steps += 1
        if not (terminated or truncated):
            return None
        self._observation = None
        self._safe = agent.state.copy()
        episode = Episode(self.n_episodes - 1, self._total, self._age, bool(terminated))
        self.episodes.append(episode)
        return episode
