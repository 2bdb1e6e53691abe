"""What an agent of active inference remembers, and the constants of its rules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.clock import Clock
from trophic.runtime.contract import State

RULE_TABLE: dict[str, tuple[float, float, float, str]] = {
    "epistemic": (0.02, 0.0, 1e3, "w_e: weight of the information gain"),
    "hold": (24.0, 1.0, 1e4, "longest time that a proposed action is held, in steps"),
    "forgetting": (1.0, 0.5, 1.0, "beta of the least squares, per sample"),
    "prior": (10.0, 1e-9, 1e9, "P_0 of the least squares"),
    "prior_cap": (1e3, 1.0, 1e12, "P is not divided by beta where the mean of its diagonal exceeds this"),
    "dropout": (0.1, 0.0, 0.9, "part of the samples that a block leaves out"),
    "action_gain": (0.5, 0.0, 10.0, "size of the random weights of actions, beside 1 for observations"),
    "bias": (0.7, 0.0, 10.0, "the same for the bias"),
    "noise_rate": (1e-3, 0.0, 1.0, "rate of the running variance sigma^2 of prediction errors"),
    "noise_floor": (1e-8, 1e-300, 1e3, "its smallest sample"),
    "noise_start": (1e-4, 1e-300, 1e3, "its first value"),
    "belief_noise": (0.3, 1e-6, 1e6, "sigma by which an error counts against a context, scaled units"),
    "share": (0.03, 0.0, 1.0, "part of a sample that all contexts learn, whatever their evidence"),
    "ends": (0.0, 0.0, 1.0, "1: a course stops where its block predicts the end of the episode"),
}
RULES = np.dtype([(name, "f8") for name in RULE_TABLE])
PREFERENCES = ("hold", "reach")
SHARED = np.dtype(
    [
        ("seed", "i8"),
        ("step", "i8"),
        ("episode", "i8"),
        ("finished", "i8"),
        ("n_bad", "i8"),
        ("has_plan", "i8"),
        ("plan_age", "i8"),
    ]
)


class World(NamedTuple):
    """All arrays of a State, as the kernels see them. B blocks of l, d observations, A components of an action."""

    sensors: NDArray[np.float64]  # (B, d + A + 1, l) fixed
    readout: NDArray[np.float64]  # (B, d + 1, n) n = l + d + A + 1; the last row predicts the end of the episode
    precision: NDArray[np.float64]  # (B, n, n)
    relax: NDArray[np.float64]  # (B,) 1/beta, or 1
    noise: NDArray[np.float64]  # (d + 1,) sigma^2
    belief: NDArray[np.float64]  # (contexts,)
    plans: NDArray[np.float64]  # (policies, horizon, A)
    chosen: NDArray[np.float64]  # (horizon, A)
    energy: NDArray[np.float64]  # (policies, 2) risk and information gain
    course: NDArray[np.float64]  # (B, d + 1)
    alive: NDArray[np.float64]  # (B,)
    inputs: NDArray[np.float64]  # (d + A + 1,)
    error: NDArray[np.float64]  # (contexts, d + 1)
    work: NDArray[np.float64]  # (2, n)
    seen: NDArray[np.float64]  # (2, d) the observation before and the present one, scaled
    action: NDArray[np.float64]  # (1,) number, or (A,) components
    shared: NDArray[np.void]  # (1,) SHARED


@dataclass
class ActiveInferenceState(State):
    """Everything an agent of active inference remembers; `World` lists the arrays."""

    clock: Clock
    sensors: NDArray[np.float64]
    readout: NDArray[np.float64]
    precision: NDArray[np.float64]
    relax: NDArray[np.float64]
    noise: NDArray[np.float64]
    belief: NDArray[np.float64]
    plans: NDArray[np.float64]
    chosen: NDArray[np.float64]
    energy: NDArray[np.float64]
    course: NDArray[np.float64]
    alive: NDArray[np.float64]
    inputs: NDArray[np.float64]
    error: NDArray[np.float64]
    work: NDArray[np.float64]
    seen: NDArray[np.float64]
    action: NDArray[np.float64]
    shared: NDArray[np.void]

    @cached_property
    def world(self) -> World:
        """The arrays as the kernels take them; they are changed in place, never exchanged."""
        return World(*[getattr(self, name) for name in World._fields])
