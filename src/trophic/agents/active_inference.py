"""Active inference: acting so that what is preferred will be observed, and what is unknown will be learned."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from trophic.agents import inference_kernel
from trophic.agents.acting import ActingModel
from trophic.agents.environments import SpaceError, Spaces
from trophic.agents.inference_state import PREFERENCES, RULE_TABLE, RULES, SHARED, ActiveInferenceState
from trophic.runtime.clock import Clock
from trophic.runtime.rules import check_names

#: What is preferred in known environments: come to the flag; hold the pole up; stand upright; get the reward.
TASKS: dict[str, dict[str, Any]] = {
    "MountainCar-v0": {
        "target": (0.5, 0.0),
        "width": (1.0, 0.0),
        "preference": "reach",
        "origin": (-0.3, 0.0),
        "unit": (0.6, 0.035),
        "low": (-1.2, -0.07),
        "high": (0.6, 0.07),
        "n_blocks": 16,
        "block_size": 16,
        "n_policies": 100,
        "horizon": 120,
    },
    "CartPole-v1": {
        "target": (0.0, 0.0, 0.0, 0.0),
        "width": (1.2, 0.0, 0.05, 0.0),
        "origin": (0.0, 0.0, 0.0, 0.0),
        "unit": (2.4, 1.5, 0.2, 1.5),
        "horizon": 30,
        "replan": 2,
        "rules": (("hold", 5.0),),
    },
    "Pendulum-v1": {
        "target": (1.0, 0.0, 0.0),
        "width": (0.3, 0.0, 4.0),
        "origin": (0.0, 0.0, 0.0),
        "unit": (1.0, 1.0, 4.0),
        "low": (-1.0, -1.0, -8.0),
        "high": (1.0, 1.0, 8.0),
        "n_blocks": 16,
        "block_size": 16,
        "n_policies": 100,
        "horizon": 40,
        "replan": 4,
        "rules": (("hold", 8.0),),
    },
    "CueMaze-v0": {
        "target": (0.0, 0.0, 0.0, 0.0, 0.0, 0.5),
        "width": (0.0, 0.0, 0.0, 0.0, 0.0, 1.0),
        "preference": "reach",
        "n_contexts": 2,
        "horizon": 3,
        "replan": 1,
        "n_policies": 64,
        "rules": (
            ("hold", 1.0),
            ("epistemic", 0.5),
            ("ends", 1.0),
            ("forgetting", 0.95),
            ("share", 0.03),
            ("dropout", 0.5),
        ),
    },
}


@dataclass(frozen=True)
class ActiveInference(ActingModel[ActiveInferenceState]):
    """An agent with an ensemble world model that plans by expected free energy.

    It is given no reward: ``target`` and ``width`` say which observations it prefers. Every few steps it draws action
    sequences, predicts each with every block, and follows the one of lowest risk minus information gain
    (`trophic.agents.planning`); every transition teaches the blocks (`trophic.agents.world_model`).

    Parameters
    ----------
    n_observations, n_actions : int
        Entries of an observation; actions, or components of one.
    policy : {"softmax", "gaussian"}
        Discrete or continuous actions.
    target, width : tuple of float
        Preferred observations and tolerances, in the observation's units; an entry of width 0 does not matter.
    preference : {"hold", "reach"}
        Gaussian preference at every step, or to come to ``target`` or beyond once.
    origin, unit : tuple of float
        Scale of the observations: (o - origin)/unit enters the model. Empty for 0 and 1.
    low, high : tuple of float
        Bounds of predictions, in the observation's units; empty for +-4 units.
    n_blocks, block_size : int
        Blocks of the ensemble and tanh units in each.
    n_contexts : int
        Groups of blocks, one per value of what stays through an episode and is not observed; divides ``n_blocks``.
    n_policies, horizon : int
        Sequences drawn for each plan and their steps.
    replan : int
        Steps after which a new plan is made, 1..horizon.
    rules : tuple of (name, value)
        Overrides of single constants, `RULE_TABLE`.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    K. Friston, F. Rigoli, D. Ognibene, C. Mathys, T. FitzGerald, G. Pezzulo, Active inference and epistemic value
    (2015). P. Shyam, W. Jaskowski, F. Gomez, Model-based active exploration (2019), for disagreement as information.

    Examples
    --------
    A point on a line, moved by -1, 0 or 1; it should come to 3. Information must weigh about as much as risk does, or
    an action that was never tried stays untried.

    >>> import numpy as np
    >>> model = ActiveInference(
    ...     n_observations=1, n_actions=3, target=(3.0,), width=(1.0,), n_blocks=4, block_size=4, horizon=6, replan=1,
    ...     rules=(("epistemic", 5.0),))
    >>> state, place = model.init(seed=0), 0.0
    >>> model.begin(state, np.array([place]))
    >>> for _ in range(60):
    ...     place += float(model.action(state)[0]) - 1
    ...     model.proceed(state, 0.0, np.array([place]), False, False)
    >>> bool(abs(place - 3) <= 1)
    True
    """

    n_observations: int = 1
    n_actions: int = 2
    policy: str = "softmax"
    target: tuple[float, ...] = (0.0,)
    width: tuple[float, ...] = (1.0,)
    preference: str = "hold"
    origin: tuple[float, ...] = ()
    unit: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    n_blocks: int = 8
    block_size: int = 32
    n_contexts: int = 1
    n_policies: int = 80
    horizon: int = 30
    replan: int = 4
    rules: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        whole = ("n_observations", "n_actions", "n_blocks", "block_size", "n_contexts", "n_policies", "horizon")
        for name in (*whole, "replan"):
            value = getattr(self, name)
            if not (isinstance(value, int) and 1 <= value <= 1 << 16):
                raise ValueError(f"{name} must be an integer in 1..{1 << 16}, got {value!r}")
        if self.n_blocks % self.n_contexts:
            raise ValueError(f"n_contexts must divide n_blocks = {self.n_blocks}, got {self.n_contexts}")
        if self.replan > self.horizon:
            raise ValueError(f"replan must be in 1..horizon = {self.horizon}, got {self.replan}")
        if self.policy not in ("softmax", "gaussian") or self.preference not in PREFERENCES:
            raise ValueError(
                f"policy must be softmax or gaussian, preference {' or '.join(PREFERENCES)}; "
                f"got {self.policy!r}, {self.preference!r}"
            )
        d = self.n_observations
        for name in ("target", "width", "origin", "unit", "low", "high"):
            values = getattr(self, name)
            if len(values) != d and (values or name in ("target", "width")):
                raise ValueError(f"{name} must have n_observations = {d} entries, got {len(values)}")
        if any(not u > 0 for u in self.unit) or any(not w >= 0 for w in self.width):
            raise ValueError(f"unit must be > 0 and width >= 0, got {self.unit} and {self.width}")
        check_names(self.rules, RULE_TABLE)
        for name, value in self.rules:
            _, low, high, _ = RULE_TABLE[name]
            if not low <= value <= high:
                raise ValueError(f"rule {name} must be in [{low:g}, {high:g}], got {value}")

    @classmethod
    def for_task(cls, name: str, spaces: Spaces, **parameters: Any) -> Self:
        """The configuration for a task whose preferences are known (`TASKS`); other parameters override it.

        Raises
        ------
        SpaceError
            If they are not known.

        Examples
        --------
        >>> ActiveInference.for_task("MountainCar-v0", Spaces(2, "softmax", 3)).preference
        'reach'
        """
        name = name.rpartition(":")[2]
        if name not in TASKS:
            raise SpaceError(
                f"{name}: what to prefer there is not known, only for {', '.join(TASKS)}; "
                "use trophic.ActiveInference(target=..., width=...) in Python"
            )
        sizes = {"n_observations": spaces.n_observations, "n_actions": spaces.n_actions, "policy": spaces.policy}
        rules = {**dict(TASKS[name].get("rules", ())), **dict(parameters.pop("rules", ()))}
        return cls(**{**sizes, **TASKS[name], **parameters, "rules": tuple(rules.items())})

    def init(self, seed: int = 0) -> ActiveInferenceState:
        """A State before its first observation; ``seed`` >= 0 draws the blocks and all proposals."""
        rng = np.random.default_rng(seed)
        d, a, b = self.n_observations, self.n_actions, self.n_blocks
        n_inputs = d + a + 1
        n = self.block_size + n_inputs
        rules = self._constants
        gains = np.concatenate([np.ones(d), np.full(a, rules["action_gain"]), [rules["bias"]]])
        shared = np.zeros(1, dtype=SHARED)
        shared["seed"] = seed
        return ActiveInferenceState(
            clock=Clock.new(d),
            sensors=gains[:, None] * rng.standard_normal((b, n_inputs, self.block_size)),
            readout=np.zeros((b, d + 1, n)),
            precision=np.tile(rules["prior"] * np.eye(n), (b, 1, 1)),
            relax=np.ones(b),
            noise=np.full(d + 1, float(rules["noise_start"])),
            belief=np.full(self.n_contexts, 1 / self.n_contexts),
            plans=np.zeros((self.n_policies, self.horizon, a)),
            chosen=np.zeros((self.horizon, a)),
            energy=np.zeros((self.n_policies, 2)),
            course=np.zeros((b, d + 1)),
            alive=np.zeros(b),
            inputs=np.zeros(n_inputs),
            error=np.zeros((self.n_contexts, d + 1)),
            work=np.zeros((2, n)),
            seen=np.zeros((2, d)),
            action=np.zeros(a if self.policy == "gaussian" else 1),
            shared=shared,
        )

    def begin(self, state: ActiveInferenceState, observation: NDArray[np.float64]) -> None:
        """The first observation, shape (n_observations,), of an episode."""
        state.shared["episode"] += 1
        self._start(state, observation)

    def proceed(
        self,
        state: ActiveInferenceState,
        reward: float,
        observation: NDArray[np.float64],
        terminated: bool,
        truncated: bool,
    ) -> None:
        """Learn from a transition (``reward`` is not used); unless the episode has ended, choose the next action."""
        state.clock.n_samples[0] += 1
        inference_kernel.transition(state.world, self._scaled(observation), terminated, self._constants)
        if terminated or truncated:
            state.shared["finished"] += 1
        else:
            self._choose(state)

    def play(
        self, state: ActiveInferenceState, observation: NDArray[np.float64], *, first: bool, greedy: bool = True
    ) -> None:
        """Choose the next action without learning about the world; what context it is may be inferred."""
        if first:
            self._start(state, observation)
            return
        inference_kernel.recognise(state.world, self._scaled(observation), self._constants)
        self._choose(state)

    def skip(self, state: ActiveInferenceState, observation: NDArray[np.float64], ended: bool) -> None:
        """Go on after a transition that cannot be learned from."""
        state.clock.n_samples[0] += 1
        state.shared["n_bad"] += 1
        state.seen[1] = self._scaled(observation)
        if ended:
            state.shared["finished"] += 1
        else:
            self._choose(state)

    def action(self, state: ActiveInferenceState) -> NDArray[np.float64]:
        """The chosen action: its number from 0, shape (1,), or components in half ranges, shape (n_actions,)."""
        return state.action

    def _start(self, state: ActiveInferenceState, observation: NDArray[np.float64]) -> None:
        state.belief[:] = 1 / self.n_contexts
        state.shared["has_plan"] = 0
        state.shared["plan_age"] = self.replan
        state.seen[1] = self._scaled(observation)
        self._choose(state)

    def _choose(self, state: ActiveInferenceState) -> None:
        inference_kernel.choose(state.world, *self._fixed)

    def _scaled(self, observation: NDArray[np.float64]) -> NDArray[np.float64]:
        origin, unit = self._scale
        return (observation - origin) / unit

    @cached_property
    def _scale(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        d = self.n_observations
        return np.array(self.origin or (0.0,) * d), np.array(self.unit or (1.0,) * d)

    @cached_property
    def _constants(self) -> np.void:
        record = np.zeros(1, dtype=RULES)
        changed = dict(self.rules)
        for name, (value, *_) in RULE_TABLE.items():
            record[name] = changed.get(name, value)
        return record[0]

    @cached_property
    def _fixed(self) -> tuple[Any, ...]:
        origin, unit = self._scale
        goals = np.array([(np.array(self.target) - origin) / unit, np.array(self.width) / unit])
        d = self.n_observations
        low = (np.array(self.low) - origin) / unit if self.low else np.full(d, -4.0)
        high = (np.array(self.high) - origin) / unit if self.high else np.full(d, 4.0)
        preference = PREFERENCES.index(self.preference)
        gaussian = int(self.policy == "gaussian")
        return goals, np.array([low, high]), preference, gaussian, self.n_actions, self.replan, self._constants
