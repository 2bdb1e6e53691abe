"""What an agent needs to know of a Gymnasium environment: its spaces, its limit of time, its seeds.

The environment's randomness is a function of (seed, episode): every episode begins with ``env.reset(seed=...)``. An
interrupted training that goes on at the beginning of an episode is therefore the uninterrupted one, bit for bit,
whatever the environment keeps inside (a physics engine cannot be written to a file).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MAX_CHANNELS = 4096


class SpaceError(ValueError):
    """A space that an agent cannot sense or act in; the message says what to wrap it in."""


class EnvironmentFailure(RuntimeError):
    """An environment raised, or broke its own contract; the agent's State is whole."""


@dataclass(frozen=True)
class Spaces:
    """Sizes of an environment's spaces.

    Attributes
    ----------
    n_observations : int
        Entries of the observation vector.
    policy : {"softmax", "gaussian"}
        For a Discrete space, or a bounded Box.
    n_actions : int
        Number of actions, or components of one.
    first : int
        Number of the first discrete action.
    low, high : tuple of float
        Bounds of the components; empty for discrete actions.
    limit : int
        Most steps of an episode; 0 if unknown.
    """

    n_observations: int
    policy: str
    n_actions: int
    first: int = 0
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    limit: int = 0

    def to_environment(self, action: NDArray[np.float64]) -> Any:
        """An action as the environment takes it: its number, or components clipped to the bounds.

        Examples
        --------
        >>> Spaces(3, "gaussian", 1, low=(-2.0,), high=(2.0,)).to_environment(np.array([0.5]))
        array([1.], dtype=float32)
        """
        if self.policy == "softmax":
            return self.first + int(action[0])
        low, high = np.array(self.low), np.array(self.high)
        return np.clip((low + high) / 2 + (high - low) / 2 * action, low, high).astype(np.float32)


def spaces_of(env: Any) -> Spaces:
    """The spaces of a Gymnasium environment.

    Raises
    ------
    SpaceError
        If observations are no vector of numbers, or actions are neither Discrete nor a bounded vector.

    Examples
    --------
    >>> import gymnasium
    >>> spaces_of(gymnasium.make("CartPole-v1"))
    Spaces(n_observations=4, policy='softmax', n_actions=2, first=0, low=(), high=(), limit=500)
    """
    from gymnasium import spaces

    seen, acted = env.observation_space, env.action_space
    if not isinstance(seen, spaces.Box):
        raise SpaceError(
            f"observation space {type(seen).__name__} is not supported, only Box vectors; "
            "wrap the environment in gymnasium.wrappers.FlattenObservation"
        )
    if len(seen.shape) != 1 or not 1 <= seen.shape[0] <= MAX_CHANNELS:
        raise SpaceError(
            f"observations must be vectors of 1..{MAX_CHANNELS} numbers, got shape {seen.shape}; reduce images to "
            "features, or wrap a small array in gymnasium.wrappers.FlattenObservation"
        )
    limit = getattr(env.spec, "max_episode_steps", None) or 0
    if isinstance(acted, spaces.Discrete):
        return Spaces(seen.shape[0], "softmax", int(acted.n), first=int(acted.start), limit=limit)
    if not isinstance(acted, spaces.Box):
        raise SpaceError(
            f"action space {type(acted).__name__} is not supported, only Discrete and Box vectors; "
            "turn its actions into one of these with a gymnasium.ActionWrapper"
        )
    if len(acted.shape) != 1 or not np.isfinite([acted.low, acted.high]).all():
        raise SpaceError(
            f"continuous actions must be bounded vectors, got shape {acted.shape} in {acted.low.min()}.."
            f"{acted.high.max()}; give them bounds with gymnasium.wrappers.RescaleAction"
        )
    low, high = acted.low.astype(float), acted.high.astype(float)
    return Spaces(seen.shape[0], "gaussian", acted.shape[0], 0, tuple(low.tolist()), tuple(high.tolist()), limit)


def episode_seed(seed: int, episode: int) -> int:
    """The seed of an environment's episode: 32 bits that are a function of (seed, episode), both >= 0.

    Examples
    --------
    >>> episode_seed(0, 0) == episode_seed(0, 0), episode_seed(0, 0) == episode_seed(0, 1)
    (True, False)
    """
    return int(np.random.SeedSequence([seed, episode]).generate_state(1)[0])


def make(name: str, **options: Any) -> Any:
    """``gymnasium.make(name)``, with what is wrong in one sentence.

    Raises
    ------
    SpaceError
        If gymnasium is not installed, or does not know or cannot build the environment.
    """
    try:
        import gymnasium
    except ImportError as error:
        raise SpaceError("gymnasium is not installed: pip install 'trophic[rl]'") from error
    try:
        return gymnasium.make(name, **options)
    except (gymnasium.error.Error, ImportError, TypeError, ValueError) as error:
        raise SpaceError(f"{name}: {' '.join(str(error).split())}") from error
