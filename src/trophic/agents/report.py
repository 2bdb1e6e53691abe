"""What came of a training: the course of every seed, and its figures in one table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from rich.console import RenderableType

WINDOW = 100  # episodes of a moving average


@dataclass
class Course:
    """The episodes of one seed as (return, steps), in order.

    Examples
    --------
    >>> Course(3, [(10.0, 5), (20.0, 7)]).running_mean()
    15.0
    """

    seed: int
    episodes: list[tuple[float, int]]

    @property
    def returns(self) -> NDArray[np.float64]:
        """Sum of rewards per episode."""
        return np.array([total for total, _ in self.episodes], dtype=np.float64)

    def running_mean(self) -> float:
        """Mean of the last hundred returns; NaN without any."""
        return float(np.mean(self.returns[-WINDOW:])) if self.episodes else float("nan")

    def solved_at(self, goal: float) -> int | None:
        """Episodes until the mean of a hundred returns exceeded ``goal``; None if it never did."""
        means = moving_average(self.returns, WINDOW)
        above = np.flatnonzero(means > goal)
        return int(above[0]) + WINDOW if len(above) else None

    def to_dict(self, goal: float | None) -> dict[str, Any]:
        """Plain values for a report."""
        returns = self.returns
        row: dict[str, Any] = {"seed": self.seed, "episodes": len(returns), "steps": sum(n for _, n in self.episodes)}
        if len(returns):
            row |= {"mean_return_last_100": self.running_mean(), "best_return": float(returns.max())}
        if goal is not None:
            row |= {"successes": int((returns > goal).sum()), "solved_at": self.solved_at(goal)}
        return row


def moving_average(values: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Means of every ``n`` consecutive values, shape (len - n + 1,); empty if there are fewer.

    Examples
    --------
    >>> moving_average(np.array([1.0, 2.0, 3.0]), 2)
    array([1.5, 2.5])
    """
    if len(values) < n:
        return np.empty(0)
    total = np.cumsum(np.concatenate([[0.0], values]))
    return (total[n:] - total[:-n]) / n


@dataclass(frozen=True)
class ControlReport:
    """The result of ``trophic control``."""

    env_id: str
    agent: str
    configuration: str
    courses: Sequence[Course]
    goal: float | None
    interrupted: bool

    @classmethod
    def of(
        cls, env_id: str, agent: str, model: Any, courses: Sequence[Course], goal: float | None, interrupted: bool
    ) -> ControlReport:
        return cls(env_id, agent, model.to_json(), courses, goal, interrupted)

    def headline(self) -> str:
        n = sum(len(course.episodes) for course in self.courses)
        numbers = ", ".join(str(course.seed) for course in self.courses)
        seeds = f"{len(self.courses)} seed{'' if len(self.courses) == 1 else 's'} ({numbers})"
        return f"{self.env_id}: {self.agent}, {seeds}, {n} episodes"

    def tables(self) -> list[RenderableType]:
        from rich import box
        from rich.table import Table

        table = Table(box=box.SIMPLE_HEAD)
        names = ["seed", "episodes", "steps", "mean of the last 100", "best"]
        if self.goal is not None:
            names += [f"returns > {self.goal:g}", "solved at episode"]
        for name in names:
            table.add_column(name, justify="right")
        for course in self.courses:
            row = course.to_dict(self.goal)
            cells = [str(row[key]) for key in ("seed", "episodes", "steps")]
            cells += [f"{row[k]:.1f}" if k in row else "-" for k in ("mean_return_last_100", "best_return")]
            if self.goal is not None:
                cells += [str(row["successes"]), str(row["solved_at"] or "-")]
            table.add_row(*cells)
        return [table]

    def to_dict(self) -> dict[str, Any]:
        import json

        return {
            "environment": self.env_id,
            "agent": self.agent,
            "configuration": json.loads(self.configuration),
            "goal": self.goal,
            "interrupted": self.interrupted,
            "seeds": [course.to_dict(self.goal) for course in self.courses],
        }


def write_courses(path: Path, courses: Sequence[Course]) -> None:
    """All episodes as a table: seed, episode, return, steps."""
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["seed", "episode", "return", "steps"])
        for course in courses:
            for number, (total, steps) in enumerate(course.episodes):
                rows.writerow([course.seed, number, repr(total), steps])


def read_courses(path: Path) -> dict[int, list[tuple[float, int]]]:
    """What `write_courses` wrote, by seed; empty without a file."""
    found: dict[int, list[tuple[float, int]]] = {}
    if path.exists():
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                found.setdefault(int(row["seed"]), []).append((float(row["return"]), int(row["steps"])))
    return found
