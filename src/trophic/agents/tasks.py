"""Small Gymnasium environments in which memory or curiosity is needed; named ``trophic.agents.tasks:CueMaze-v0`` etc.

CueMaze-v0      go to one of two arms; a cue, which must be fetched first, tells which is rewarded
DelayedCue-v0   a cue at the entrance of a corridor tells which way to turn at its far end
Hidden          a wrapper that hides entries of the observation, such as velocities
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

CENTRE, LEFT, RIGHT, CUE = range(4)


class CueMaze(gymnasium.Env[Any, Any]):
    """The cued T-maze of Friston et al. (2015): centre, left arm, right arm, cue.

    The observation is [at centre, at left, at right, at cue, cue, outcome]. The cue is read only at its place: +1 if
    the right arm is rewarded, -1 if the left one is. An action goes to a place; an arm gives outcome (and reward) +1
    or -1 and ends the episode. After three steps it is cut off.

    Examples
    --------
    >>> maze = CueMaze()
    >>> _ = maze.reset(seed=3)
    >>> seen = maze.step(CUE)[0]
    >>> maze.step(RIGHT if seen[4] > 0 else LEFT)[1]
    1.0
    """

    def __init__(self) -> None:
        self.observation_space = spaces.Box(-1.0, 1.0, (6,), np.float64)
        self.action_space = spaces.Discrete(4)
        self._rewarded, self._place = LEFT, CENTRE

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._rewarded = int(self.np_random.integers(LEFT, RIGHT + 1))
        self._place = CENTRE
        return self._observation(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._place = int(action)
        observation = self._observation()
        return observation, float(observation[5]), self._place in (LEFT, RIGHT), False, {}

    def _observation(self) -> np.ndarray:
        observation = np.zeros(6)
        observation[self._place] = 1.0
        if self._place == CUE:
            observation[4] = 1.0 if self._rewarded == RIGHT else -1.0
        elif self._place != CENTRE:
            observation[5] = 1.0 if self._place == self._rewarded else -1.0
        return observation


class DelayedCue(gymnasium.Env[Any, Any]):
    """A corridor with a cue at its entrance and a junction at its end (after Bakker 2002).

    The observation is [cue, at the junction, noise...]: the cue is +-1 at the first step and 0 afterwards, the noise
    is uniform in -1..1. Every action but the one at the junction only moves on; there, 0 is right after a cue of -1
    and 1 after a cue of +1: reward 1, otherwise -1.

    Parameters
    ----------
    length : int
        Steps between cue and junction, >= 1.
    n_noise : int
        Channels of noise, >= 0.
    """

    def __init__(self, length: int = 10, n_noise: int = 2) -> None:
        if length < 1 or n_noise < 0:
            raise ValueError(f"length must be >= 1 and n_noise >= 0, got {length} and {n_noise}")
        self.observation_space = spaces.Box(-1.0, 1.0, (2 + n_noise,), np.float64)
        self.action_space = spaces.Discrete(2)
        self._length, self._cue, self._age = length, 1.0, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._cue, self._age = float(2 * self.np_random.integers(2) - 1), 0
        return self._observation(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._age += 1
        ended = self._age > self._length
        reward = 0.0
        if ended:
            reward = 1.0 if (int(action) == 1) == (self._cue > 0) else -1.0
        return self._observation(), reward, ended, False, {}

    def _observation(self) -> np.ndarray:
        observation = self.np_random.uniform(-1.0, 1.0, self.observation_space.shape)
        observation[0] = self._cue if self._age == 0 else 0.0
        observation[1] = float(self._age == self._length)
        return observation


class Hidden(gymnasium.ObservationWrapper[Any, Any, Any]):
    """The environment without some entries of its observation.

    Parameters
    ----------
    env : gymnasium.Env
        With a Box of one dimension.
    entries : sequence of int
        What to leave out.

    Examples
    --------
    >>> Hidden(gymnasium.make("CartPole-v1"), [1, 3]).observation_space.shape
    (2,)
    """

    def __init__(self, env: gymnasium.Env[Any, Any], entries: Sequence[int]) -> None:
        super().__init__(env)
        box = env.observation_space
        if not isinstance(box, spaces.Box) or len(box.shape) != 1:
            raise ValueError(f"Hidden needs an observation of one dimension, got {box}")
        self._seen = np.setdiff1d(np.arange(box.shape[0]), entries)
        self.observation_space = spaces.Box(box.low[self._seen], box.high[self._seen], dtype=box.dtype.type)

    def observation(self, observation: Any) -> Any:
        return observation[self._seen]


gymnasium.register("CueMaze-v0", entry_point="trophic.agents.tasks:CueMaze", max_episode_steps=3, reward_threshold=0.0)
gymnasium.register(
    "DelayedCue-v0", entry_point="trophic.agents.tasks:DelayedCue", max_episode_steps=1000, reward_threshold=0.0
)
