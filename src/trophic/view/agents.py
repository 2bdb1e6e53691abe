"""Figures of agents: how returns rose, with the spread over seeds, and a film of one at work."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from trophic.agents.report import WINDOW, moving_average

COLOURS = ("#1f5a8c", "#c1432e", "#3a7d44", "#8a5fa8", "#b8860b", "#4d4d4d", "#d1749f", "#2a9d9d")
MAX_FRAMES = 1000


def draw(
    returns: Mapping[Any, NDArray[np.float64]],
    path: str | Path,
    *,
    title: str = "",
    goal: float | None = None,
) -> Figure:
    """The learning curves of the seeds of one agent: every seed's moving average, their median, every return.

    Parameters
    ----------
    returns : mapping of seed to float64 array, shape (n_episodes,)
    path : path
        The suffix (.png, .pdf, .svg) chooses the format.
    title : str
    goal : float, optional
        Return that counts as a success.
    """
    return draw_groups({"": returns}, path, title=title, goal=goal, every_return=True)


def draw_groups(
    groups: Mapping[str, Mapping[Any, NDArray[np.float64]]],
    path: str | Path,
    *,
    title: str = "",
    goal: float | None = None,
    every_return: bool = False,
) -> Figure:
    """Learning curves of several agents: median over seeds of the moving average, and the range of all seeds."""
    figure = Figure(figsize=(8.6, 4.6), dpi=150, facecolor="white", layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for colour, (name, returns) in zip(COLOURS * len(groups), groups.items()):
        curves = [_curve(values) for values in returns.values()]
        if every_return:
            for values in returns.values():
                axes.plot(np.arange(len(values)) + 1, values, ".", ms=1.5, color="#b9bdc6", zorder=1)
            for curve in curves:
                axes.plot(np.arange(len(curve)) + 1, curve, lw=0.7, color=colour, alpha=0.5)
        n = min((len(curve) for curve in curves), default=0)
        if n == 0:
            continue
        together = np.array([curve[:n] for curve in curves])
        x = np.arange(n) + 1
        axes.fill_between(x, together.min(axis=0), together.max(axis=0), color=colour, alpha=0.15, lw=0)
        axes.plot(x, np.median(together, axis=0), color=colour, lw=1.8, label=f"{name} ({len(curves)} seeds)".strip())
    if goal is not None:
        axes.axhline(goal, color="#3b3f47", lw=0.7, ls="--")
    axes.set_xlabel("episode")
    axes.set_ylabel(f"return, mean of the last {WINDOW}")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    axes.set_title(title, fontsize=10)
    figure.savefig(path)
    return figure


def _curve(returns: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the last hundred returns after every episode; of all so far before there are a hundred."""
    early = np.cumsum(returns[: WINDOW - 1]) / np.arange(1, len(returns[: WINDOW - 1]) + 1)
    return np.concatenate([early, moving_average(returns, WINDOW)])


def film(env_id: str, checkpoint: Path, model: Any, path: Path, *, seed: int = 0, every: int = 2) -> None:
    """An animated GIF of one episode of a saved agent that always takes its most probable action.

    Parameters
    ----------
    env_id : str
        A name for ``gymnasium.make``; the environment must render "rgb_array".
    checkpoint : Path
        What `Control.save` wrote.
    model : ActingModel
        Its configuration.
    path : Path
        The file to write.
    seed : int
        Of the episode.
    every : int
        Steps per picture, >= 1.

    Raises
    ------
    SpaceError
        If the environment cannot render.
    """
    from PIL import Image

    from trophic.agents.control import Control
    from trophic.agents.environments import make

    env = make(env_id, render_mode="rgb_array")
    control = Control.load(checkpoint, env, model)
    observation, _ = env.reset(seed=seed)
    activity, ended, step = None, False, 0
    pictures: list[Any] = []
    while not ended and len(pictures) < MAX_FRAMES:
        if step % every == 0:
            picture = Image.fromarray(env.render())
            picture.thumbnail((300, 300))
            pictures.append(picture.convert("P", palette=Image.Palette.ADAPTIVE, colors=64))
        action, activity = control.predict(observation, activity, deterministic=True)
        observation, _, terminated, truncated, _ = env.step(action)
        ended = terminated or truncated
        step += 1
    env.close()
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=40, loop=0, optimize=True)
