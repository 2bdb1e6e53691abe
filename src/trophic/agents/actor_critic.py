"""Streaming actor-critic on block-sparse recurrent populations: one compiled call per step of the environment."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from trophic.agents import kernel
from trophic.agents.acting import ActingModel
from trophic.agents.layout import CHOICE, CHOICES, RULE_TABLE, RULES
from trophic.agents.state import ActorCriticState, new_state
from trophic.runtime.rules import check_names


@dataclass(frozen=True)
class ActorCritic(ActingModel[ActorCriticState]):
    """Two recurrent populations that learn to act from reward: one pass, no replay, local credit.

    The actor's synapses change by pre, post, a broadcast error and the temporal-difference error; the critic is a soft
    partition by competing cells with a first-order readout (``critic="cells"``; the agent is then strictly local), a
    fixed reservoir with a recursive least-squares readout ("lstd"), or learns like the actor does ("td").
    docs/agents.md has the equations.

    Parameters
    ----------
    n_observations, n_actions : int
        Entries of an observation; actions, or components of one. At least 1, and 2 discrete actions.
    policy : {"softmax", "gaussian"}
        Discrete or continuous actions.
    critic : {"cells", "lstd", "td"}
        First order on competing cells, which see the present only; second order on a reservoir, which remembers; or
        first order on a plastic population.
    actor_blocks, critic_blocks, block_size : int
        Blocks of each population and neurons per block, >= 1. A critic of cells wants about 32 blocks, others 4 to 8.
    n_slots : int
        Other blocks that a block hears, >= 0, drawn at random.
    feedback : {"learned", "fixed", "symmetric"}
        Weights that carry errors to neurons: increments of the readout (Kolen-Pollack), random, or the readout's own.
    plasticity : {"local", "none", "published"}
        With "none" the populations are fixed reservoirs and only readouts learn; "published" is gated Hebb-Oja.
    step : {"variance", "bounded", "nlms"}
        Changes in units of each synapse's own past changes, one bounded step for all (ObGD), or normalised heads.
    structure : {"none", "reward"}
        Keep the random wiring, or let edges be born and replaced by the evidence of reward.
    transients : bool
        Sense the change of every observation beside its level, each in its own unit.
    horizon : int
        Steps after which an episode is cut off, or 0: if known, the time is one of the inputs.
    precision : {"float32", "float64"}
        Of neurons, synapses and least squares. Units and counters are float64 and int64.
    rules : tuple of (name, value)
        Overrides of single constants, `layout.RULE_TABLE`.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    A. Barto, R. Sutton, C. Anderson, Neuronlike adaptive elements (1983). M. Elsayed, G. Vasan, A. R. Mahmood,
    Streaming deep reinforcement learning finally works, arXiv 2410.14606 (2024). J. Boyan, Technical update:
    least-squares temporal difference learning (2002). J. Kolen, J. Pollack, Backpropagation without weight transport
    (1994). M. J. McCulloch, arXiv 2510.17916 (2025), for `ActorCritic.published`.

    Examples
    --------
    Two states, told apart by the observation; the action with its number is rewarded.

    >>> import numpy as np
    >>> model = ActorCritic(n_observations=1, n_actions=2, actor_blocks=1, critic_blocks=1, block_size=8)
    >>> state, rng = model.init(seed=0), np.random.default_rng(0)
    >>> cue = 0.0
    >>> model.begin(state, np.array([cue]))
    >>> rewards = []
    >>> for _ in range(3000):
    ...     rewards.append(float(model.action(state)[0] == cue))
    ...     cue = float(rng.integers(2))
    ...     model.proceed(state, rewards[-1], np.array([cue]), False, False)
    >>> bool(np.mean(rewards[-500:]) > 0.9)
    True
    """

    n_observations: int = 1
    n_actions: int = 2
    policy: str = "softmax"
    critic: str = "cells"
    actor_blocks: int = 4
    critic_blocks: int = 32
    block_size: int = 32
    n_slots: int = 1
    feedback: str = "learned"
    plasticity: str = "local"
    step: str = "variance"
    structure: str = "none"
    transients: bool = False
    horizon: int = 0
    precision: str = "float32"
    rules: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        limits = {
            "n_observations": (1, 1 << 12),
            "n_actions": (2 if self.policy == "softmax" else 1, 1 << 12),
            "actor_blocks": (1, 1 << 10),
            "critic_blocks": (1, 1 << 10),
            "block_size": (1, 1 << 10),
            "n_slots": (0, 1 << 10),
            "horizon": (0, 1 << 40),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if not (isinstance(value, int) and low <= value <= high):
                raise ValueError(f"{name} must be an integer in {low}..{high}, got {value!r}")
        for name, allowed in {**CHOICES, "precision": ("float32", "float64")}.items():
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
        if self.structure == "reward" and self.plasticity != "local":
            raise ValueError(f"structure='reward' needs plasticity='local', got {self.plasticity!r}")
        check_names(self.rules, RULE_TABLE)
        for name, value in self.rules:
            _, low, high, _ = RULE_TABLE[name]
            if not (math.isfinite(value) and low <= value <= high):
                raise ValueError(f"rule {name} must be in [{low:g}, {high:g}], got {value}")

    @classmethod
    def least_squares(cls, **parameters: Any) -> Self:
        """The same actor with recursive LSTD(lambda) on a reservoir of eight blocks: a critic that remembers.

        Its matrix joins all neurons of the critic, so it is not local.

        Examples
        --------
        >>> ActorCritic.least_squares(n_observations=8, n_actions=4).critic
        'lstd'
        """
        return cls(**{"critic": "lstd", "critic_blocks": 8, **parameters})

    @classmethod
    def published(cls, **parameters: Any) -> Self:
        """The rules of arXiv 2510.17916: TD(0) critic, advantage by a trace (GAE), NLMS heads, gated Hebb-Oja.

        The temporal-difference error enters through fixed feedback weights. Value and policy have a population each,
        where the paper has one; an online trace of gamma lambda is its generalised advantage estimate.

        Examples
        --------
        >>> ActorCritic.published(n_observations=8, n_actions=4).plasticity
        'published'
        """
        rules = {
            "critic_trace": 0.0,
            "actor_trace": 0.95,
            "critic_rate": 0.05,
            "actor_rate": 0.02,
            "gaussian_rate": 0.02,
            "leak": 1.0 - math.exp(-1.0),
            "annealing": 0.0,
            "surprise_clip": 1e6,
            **dict(parameters.pop("rules", ())),
        }
        choices = {"critic": "td", "critic_blocks": 4, "plasticity": "published", "step": "nlms", "feedback": "fixed"}
        return cls(**{**choices, **parameters, "rules": tuple(rules.items())})

    @property
    def n_inputs(self) -> int:
        """Inputs of a neuron beside its bias: observations, their changes, the time."""
        return self.n_observations * (2 if self.transients else 1) + (1 if self.horizon else 0)

    @property
    def n_heads(self) -> int:
        """Outputs of the actor: a logit per action, or mean and log deviation per component."""
        return self.n_actions * (2 if self.policy == "gaussian" else 1)

    def init(self, seed: int = 0) -> ActorCriticState:
        """A State before its first observation; ``seed`` >= 0 draws the weights and all later actions."""
        return new_state(self, self.constants(), seed)

    def begin(self, state: ActorCriticState, observation: NDArray[np.float64]) -> None:
        """The first observation, shape (n_observations,), of an episode."""
        kernel.begin(observation, True, False, *self._arguments(state))

    def proceed(
        self,
        state: ActorCriticState,
        reward: float,
        observation: NDArray[np.float64],
        terminated: bool,
        truncated: bool,
    ) -> None:
        """Learn from a transition; unless the episode has ended, draw the next action."""
        state.clock.n_samples[0] += 1
        kernel.proceed(reward, observation, terminated, truncated, *self._arguments(state))

    def play(
        self, state: ActorCriticState, observation: NDArray[np.float64], *, first: bool, greedy: bool = True
    ) -> None:
        """Choose the next action without learning anything; ``first`` begins an episode."""
        if first:
            kernel.begin(observation, False, greedy, *self._arguments(state))
        else:
            kernel.follow(observation, greedy, *self._arguments(state))

    def skip(self, state: ActorCriticState, observation: NDArray[np.float64], ended: bool) -> None:
        """Go on after a transition that cannot be learned from: eligibilities start again."""
        state.clock.n_samples[0] += 1
        kernel.skip(observation, ended, *self._arguments(state))

    def action(self, state: ActorCriticState) -> NDArray[np.float64]:
        """The chosen action: its number from 0, shape (1,), or components in half ranges, shape (n_actions,)."""
        return state.action

    def _arguments(self, state: ActorCriticState) -> tuple[Any, ...]:
        return state.net, *self._fixed

    @cached_property
    def _fixed(self) -> tuple[Any, ...]:
        return self.choice(), self.constants(), self.transients, self.horizon

    def choice(self) -> np.void:
        """The named choices as codes."""
        record = np.zeros(1, dtype=CHOICE)
        for name, allowed in CHOICES.items():
            record[name] = allowed.index(getattr(self, name))
        return record[0]

    def constants(self) -> np.void:
        """The constants of the rules, with this model's overrides."""
        record = np.zeros(1, dtype=RULES)
        changed = dict(self.rules)
        for name, (value, *_) in RULE_TABLE.items():
            record[name] = changed.get(name, value)
        return record[0]
