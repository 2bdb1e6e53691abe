"""`Agent`: a model that acts together with its State, for a loop of your own."""

from __future__ import annotations

import os
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trophic.agents.acting import ActingModel
from trophic.agents.actor_critic import ActorCritic
from trophic.agents.environments import Spaces, spaces_of
from trophic.runtime.checkpoint import load, save
from trophic.runtime.guard import NO_MEASUREMENT


class Agent:
    """An acting model and its State, driven by observations and rewards.

    Parameters
    ----------
    model : ActorCritic or ActiveInference
        The configuration.
    seed : int
        Of the State, >= 0, if none is given.
    state : State, optional
        Where to go on, at the beginning of an episode. It is used, not copied.
    spaces : Spaces, optional
        How actions look outside. Default: numbers from 0, or components in [-1, 1].

    Attributes
    ----------
    model, state : as above
    n_bad : int
        Transitions not learned from, because reward or observation was NaN, infinite or from 1e36 on. A bad entry of
        an observation is taken to be what it was last; the agent acts on, and no weight has changed.

    Examples
    --------
    >>> import numpy as np, trophic
    >>> agent = trophic.Agent(trophic.ActorCritic(n_observations=2, n_actions=2, actor_blocks=1, critic_blocks=1))
    >>> observation = np.array([0.1, -0.3])
    >>> action = agent.act(observation)
    >>> action in (0, 1)
    True
    >>> agent.learn(1.0, np.array([0.2, -0.2]), terminated=False, truncated=False)
    >>> agent.learn(float("nan"), np.array([0.2, -0.2]), terminated=True, truncated=False)
    >>> agent.n_bad
    1
    """

    def __init__(
        self, model: ActingModel[Any], seed: int = 0, *, state: Any = None, spaces: Spaces | None = None
    ) -> None:
        if not isinstance(model, ActingModel):
            raise TypeError(f"model must act (ActorCritic, ActiveInference), got {type(model).__name__}")
        self.model = model
        self.state = model.init(seed) if state is None else state
        n = model.n_observations
        ones = (1.0,) * model.n_actions
        low = tuple(-one for one in ones)
        self.spaces = spaces or Spaces(n, model.policy, model.n_actions, low=low, high=ones)
        self._held: NDArray[np.float64] | None = None  # the last observation; None between episodes
        self._given: Any = None  # the object that it came in

    @classmethod
    def of(cls, env: Any, model: ActingModel[Any] | None = None, seed: int = 0) -> Self:
        """An agent for the spaces of a Gymnasium environment; ``model`` defaults to an `ActorCritic` that fits.

        Raises
        ------
        SpaceError
            If the spaces are not supported.
        ValueError
            If ``model`` has other sizes.
        """
        spaces = spaces_of(env)
        model = fitting(spaces) if model is None else model
        ours = (model.n_observations, model.policy, model.n_actions)
        theirs = (spaces.n_observations, spaces.policy, spaces.n_actions)
        if ours != theirs:
            raise ValueError(
                f"model has (n_observations, policy, n_actions) = {ours}, the environment needs {theirs}; "
                "trophic.agents.agent.fitting(spaces) gives one that fits"
            )
        return cls(model, seed, spaces=spaces)

    @property
    def n_bad(self) -> int:
        """Transitions not learned from."""
        return int(self.state.shared["n_bad"][0])

    @property
    def in_episode(self) -> bool:
        """Whether an episode has begun and not ended."""
        return self._held is not None

    def act(self, observation: ArrayLike) -> Any:
        """The action after ``observation``, shape (n_observations,).

        The first observation of an episode begins it. A later one has been seen by `learn` already; if it is another,
        the episode is taken to have been left, and a new one begins.
        """
        if self._held is None or observation is not self._given:
            seen = self._checked(observation)
            if self._held is None or not np.array_equal(np.where(_is_number(seen), seen, self._held), self._held):
                self._held = np.where(_is_number(seen), seen, 0.0)
                self.model.begin(self.state, self._held)
        return self.spaces.to_environment(self.model.action(self.state))

    def learn(self, reward: float, next_observation: ArrayLike, terminated: bool, truncated: bool) -> None:
        """Learn from what followed the last action.

        Parameters
        ----------
        reward : float
            NaN and infinity are counted in ``n_bad`` and teach nothing.
        next_observation : array, shape (n_observations,)
            At the end of an episode, its last one.
        terminated, truncated : bool
            Whether the episode ended of itself, or was cut off (its future still counts).
        """
        if self._held is None:
            raise ValueError("learn() without an episode; begin one with act(first observation)")
        seen, reward = self._checked(next_observation), float(reward)
        good = _is_number(seen)
        if good.all() and abs(reward) < NO_MEASUREMENT:
            self.model.proceed(self.state, reward, seen, bool(terminated), bool(truncated))
        else:
            seen = np.where(good, seen, self._held)
            self.model.skip(self.state, seen, bool(terminated or truncated))
        self._held = None if terminated or truncated else seen
        self._given = next_observation

    def abandon(self) -> None:
        """Leave the present episode; the next observation begins a new one."""
        self._held = None

    def save(self, path: str | os.PathLike[str], *, keep: int = 1) -> None:
        """Write the State, `trophic.save`. What goes on later begins a new episode."""
        save(path, self.model, self.state, keep=keep)

    @classmethod
    def load(cls, path: str | os.PathLike[str], model: ActingModel[Any], *, spaces: Spaces | None = None) -> Self:
        """The agent that `save` wrote, at the beginning of an episode."""
        return cls(model, state=load(path, model), spaces=spaces)

    def _checked(self, observation: ArrayLike) -> NDArray[np.float64]:
        seen = np.array(observation, dtype=np.float64)
        if seen.shape != (self.model.n_observations,):
            raise ValueError(
                f"observation must have shape ({self.model.n_observations},), got {seen.shape}; "
                "flatten it, or build the agent with Agent.of(env)"
            )
        return seen


def fitting(spaces: Spaces, **parameters: Any) -> ActorCritic:
    """An `ActorCritic` for an environment's spaces; other parameters are its own."""
    return ActorCritic(
        n_observations=spaces.n_observations,
        n_actions=spaces.n_actions,
        policy=spaces.policy,
        horizon=spaces.limit,
        **parameters,
    )


def _is_number(values: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.abs(values) < NO_MEASUREMENT  # False for NaN
