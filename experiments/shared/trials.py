"""Agents over seeds: every trial's episodes kept in ``out/``, so that rows of a table can be run one at a time."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trophic.agents.control import Control
from trophic.agents.report import moving_average

SEEDS = range(10_000, 10_008)  # never tuned on
WINDOW = 100
FIRST = 427  # episodes of the paper's run


@dataclass(frozen=True)
class Trial:
    """The episodes of one seed, in order, and the seconds they took together."""

    seed: int
    returns: NDArray[np.float64]
    steps: NDArray[np.int64]
    seconds: float

    def successes(self, goal: float, first: int = FIRST) -> float:
        """Part of the first episodes with a return above ``goal``."""
        return float((self.returns[:first] > goal).mean())

    def solved(self, goal: float) -> int | None:
        """Episode at which the mean of a hundred returns first exceeded ``goal``."""
        above = np.flatnonzero(moving_average(self.returns, WINDOW) > goal)
        return int(above[0]) + WINDOW if len(above) else None

    def steps_until(self, episode: int | None) -> int | None:
        """Steps of the environment until the end of that episode."""
        return None if episode is None else int(self.steps[:episode].sum())

    def last(self, n: int = WINDOW) -> float:
        """Mean of the last ``n`` returns."""
        return float(self.returns[-n:].mean())


def train(make_env: Callable[[], Any], model: Any, seed: int, n_episodes: int) -> Trial:
    """One seed of one agent."""
    control = Control(make_env(), model, seed)
    start = time.perf_counter()
    control.run(n_episodes)
    seconds = time.perf_counter() - start
    returns = np.array([episode.total for episode in control.episodes])
    return Trial(seed, returns, np.array([episode.steps for episode in control.episodes]), seconds)


def of_row(
    name: str, row: str, make_env: Callable[[], Any], model: Any, n_episodes: int, seeds: Iterable[int] = SEEDS
) -> list[Trial]:
    """The trials of a row, which are kept in ``out/<name>``.

    All are run; with ``--rows NAME ...`` those of these rows, with ``--missing`` those that are not kept there, and the
    others are read. ``--seeds N`` takes the first N seeds only.
    """
    seeds = list(seeds)
    if "--seeds" in sys.argv:
        seeds = seeds[: int(sys.argv[sys.argv.index("--seeds") + 1])]
    path = Path("out") / name / f"{row.replace('/', '-')}.json"
    wanted = sys.argv[sys.argv.index("--rows") + 1 :] if "--rows" in sys.argv else [row]
    trials = [] if row in wanted and "--missing" not in sys.argv else _kept(path, model)
    if row not in wanted:
        return trials
    for seed in sorted(set(seeds) - {trial.seed for trial in trials}):
        trials.append(train(make_env, model, seed, n_episodes))
        done = trials[-1]
        print(f"{row}, seed {seed}: last {WINDOW} {done.last():.1f}, {done.seconds:.0f} s", flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = [[t.seed, t.returns.tolist(), t.steps.tolist(), t.seconds] for t in trials]
        path.write_text(json.dumps({"model": model.to_json(), "trials": kept}), encoding="utf-8")
    return trials


def _kept(path: Path, model: Any) -> list[Trial]:
    """Kept trials, if they are of this very model."""
    if not path.exists():
        return []
    content = json.loads(path.read_text(encoding="utf-8"))
    if content["model"] != model.to_json():
        return []
    return [Trial(s, np.array(r), np.array(n), seconds) for s, r, n, seconds in content["trials"]]


def environments() -> str:
    """A line that says which environments these were."""
    return f"Gymnasium {version('gymnasium')}, Box2D {version('box2d')}."


def median(values: Sequence[float | None]) -> str:
    """Median with None as never; its range in brackets."""
    known = sorted(np.inf if value is None else float(value) for value in values)
    middle = known[(len(known) - 1) // 2 : len(known) // 2 + 1]

    def show(value: float) -> str:
        return f"{value:.0f}" if np.isfinite(value) else "never"

    return f"{show(sum(middle) / len(middle))} ({show(known[0])}..{show(known[-1])})"
