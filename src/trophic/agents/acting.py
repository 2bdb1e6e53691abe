"""What every model that acts has in common: a State that takes observations and rewards and holds the next action."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.contract import Chunk, Model, StateT


@dataclass(frozen=True)
class ActingModel(Model[StateT, Any], Generic[StateT]):
    """Base of the models that act. One of them is driven by `trophic.Agent`, or with an environment by `Control`.

    ``begin`` and ``proceed`` change the State in place and leave the next action in ``action(state)``. Its field
    ``shared`` counts "episode" (begun), "finished" and "n_bad", and holds the "seed".

    Parameters
    ----------
    n_observations, n_actions : int
        Entries of an observation; actions, or components of one.
    policy : {"softmax", "gaussian"}
        Discrete or continuous actions.
    """

    n_observations: int = 1
    n_actions: int = 2
    policy: str = "softmax"

    def begin(self, state: StateT, observation: NDArray[np.float64]) -> None:
        """The first observation, shape (n_observations,), of an episode."""
        raise TypeError(f"{type(self).__name__} must define begin(state, observation)")

    def proceed(
        self, state: StateT, reward: float, observation: NDArray[np.float64], terminated: bool, truncated: bool
    ) -> None:
        """Learn from a transition; unless the episode has ended, choose the next action."""
        raise TypeError(f"{type(self).__name__} must define proceed(state, reward, observation, terminated, truncated)")

    def play(self, state: StateT, observation: NDArray[np.float64], *, first: bool, greedy: bool = True) -> None:
        """Choose the next action without learning anything; ``first`` begins an episode."""
        raise TypeError(f"{type(self).__name__} must define play(state, observation)")

    def skip(self, state: StateT, observation: NDArray[np.float64], ended: bool) -> None:
        """Go on after a transition that cannot be learned from; what it would have credited is forgotten."""
        raise TypeError(f"{type(self).__name__} must define skip(state, observation, ended)")

    def action(self, state: StateT) -> NDArray[np.float64]:
        """The chosen action: its number from 0, shape (1,), or components in half ranges, shape (n_actions,)."""
        raise TypeError(f"{type(self).__name__} must define action(state)")

    def advance(self, state: StateT, chunk: Chunk) -> Any:
        """Not for models that act: what they see next depends on what they do."""
        raise TypeError(
            f"{type(self).__name__} acts, so it cannot be run over a record; use trophic.Agent(model) in your own "
            "loop, or trophic.Control(env)"
        )
