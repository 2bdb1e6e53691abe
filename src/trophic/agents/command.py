"""``trophic control ENV_ID``: let agents learn to act in an environment, and show what came of it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from trophic.output import UsageError, claim, write_json
from trophic.service import INTERRUPTED
from trophic.terminal import complain, show

if TYPE_CHECKING:
    from trophic.agents.acting import ActingModel
    from trophic.agents.control import Episode

AGENTS = ("actor-critic", "least-squares", "published", "active-inference")


@dataclass(frozen=True)
class Control:
    """Let agents learn to act in a Gymnasium environment: online, one pass, no replay.

    ENV_ID is a name of gymnasium.make with vector observations, such as LunarLander-v3 or module:Name-v0. Every seed is
    an agent and a course of episodes of its own. With --out each agent is saved every ten episodes and at the end, and
    --resume goes on from there as if nothing had happened.
    """

    env_id: Positional[Annotated[str, arg(metavar="ENV_ID")]]
    """The environment."""
    seeds: Annotated[str, arg(metavar="N[,N..]")] = "0"
    """Seeds of weights, actions and episodes, not how many: 7 is the one seed 7, 0,3 the two seeds 0 and 3, and 0..7
    the eight seeds from 0 to 7."""
    episodes: Annotated[int, arg(metavar="N")] = 500
    """Episodes per seed."""
    agent: Annotated[str, arg(metavar="NAME")] = "actor-critic"
    """actor-critic (strictly local), least-squares (the same actor, second-order critic), published (the rules of arXiv
    2510.17916) or active-inference (MountainCar, CartPole, Pendulum, T-maze)."""
    goal: Annotated[float | None, arg(metavar="RETURN", help_behavior_hint="(default: the environment's own)")] = None
    """Return that counts as a success."""
    out: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="(default: write nothing)")] = None
    """Folder for episodes.csv, report.json, figure.png and an agent per seed, agent-SEED.safetensors."""
    video: bool = False
    """Also an episode of the first trained agent, agent.gif; needs --out."""
    resume: bool = False
    """Go on from the agents in --out."""
    as_json: Annotated[bool, arg(name="json")] = False
    """Print the report as JSON instead of a table."""


def control(command: Control) -> int:
    """Do what ``trophic control`` was asked to; the exit code."""
    from trophic.agents.environments import EnvironmentFailure, SpaceError
    from trophic.runtime.manifest import CheckpointError

    try:
        return _control(command)
    except (SpaceError, EnvironmentFailure, CheckpointError, FileNotFoundError) as error:
        raise UsageError(" ".join(str(error).split())) from error


def _control(command: Control) -> int:
    from trophic.agents.report import ControlReport, Course, read_courses, write_courses

    seeds = _checked(command)
    with contextlib.closing(_environment(command)) as env:
        model = model_for(command.agent, command.env_id, env)
        if command.video and "rgb_array" not in env.metadata.get("render_modes", []):
            raise UsageError(f"--video: {command.env_id} cannot render pictures; leave it out")
        folder = command.out
        if folder is not None:
            names = ["episodes.csv", "report.json", "figure.png", "agent.gif"]
            claim(folder, [folder / n for n in names] + [_agent_path(folder, s) for s in seeds], Path("-"))
        earlier = read_courses(folder / "episodes.csv") if command.resume and folder is not None else {}
        courses = [Course(seed, list(earlier.get(seed, []))) for seed in seeds]
        interrupted = False

        def record() -> None:
            if folder is not None:
                write_courses(folder / "episodes.csv", courses)

        try:
            for course in courses:
                _train(command, env, model, course, record)
        except KeyboardInterrupt:
            interrupted = True
        finally:
            record()
        report = ControlReport.of(
            command.env_id, command.agent, model, courses, goal_of(command.goal, env), interrupted
        )
    files = [] if folder is None else _write(command, folder, model, report, seeds)
    show(report, files, command.as_json)
    if interrupted:
        return complain("interrupted; --resume goes on", INTERRUPTED)
    return 0


def _checked(command: Control) -> list[int]:
    """The seeds, after everything that can be seen to be wrong before the work begins."""
    seeds = parse_seeds(command.seeds)
    if min(seeds) < 0 or max(seeds) >= 1 << 32 or len(set(seeds)) < len(seeds):
        raise UsageError(f"--seeds must be different numbers in 0..{(1 << 32) - 1}, got {command.seeds!r}")
    if not 1 <= command.episodes <= 10_000_000:
        raise UsageError(f"--episodes must be in 1..10000000, got {command.episodes}")
    if command.agent not in AGENTS:
        raise UsageError(f"--agent must be one of {', '.join(AGENTS)}, got {command.agent!r}")
    if command.out is None and (command.video or command.resume):
        raise UsageError(f"{'--video' if command.video else '--resume'} needs --out DIR")
    return seeds


def parse_seeds(text: str) -> list[int]:
    """The seeds that a text names: numbers and ranges, with commas.

    Raises
    ------
    UsageError
        If it is anything else, or a range is empty or longer than 1000.

    Examples
    --------
    >>> parse_seeds("7"), parse_seeds("0,3"), parse_seeds("0..2,9")
    ([7], [0, 3], [0, 1, 2, 9])
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        try:
            low, high = int(first), int(last if dots else first)
        except ValueError as error:
            raise UsageError(f"--seeds must be whole numbers with commas, or a range as 0..7, got {text!r}") from error
        if not low <= high < low + 1000:
            raise UsageError(f"--seeds: a range must go up and name at most 1000 seeds, got {part!r}")
        seeds += range(low, high + 1)
    return seeds


def _environment(command: Control) -> Any:
    from trophic.agents.environments import make

    return make(command.env_id)


def model_for(agent: str, env_id: str, env: Any) -> ActingModel[Any]:
    """The configuration behind a name of `AGENTS` for an environment."""
    from trophic.agents.actor_critic import ActorCritic
    from trophic.agents.environments import spaces_of

    spaces = spaces_of(env)
    sizes = {
        "n_observations": spaces.n_observations,
        "n_actions": spaces.n_actions,
        "policy": spaces.policy,
        "horizon": spaces.limit,
    }
    if agent == "active-inference":
        from trophic.agents.active_inference import ActiveInference

        return ActiveInference.for_task(env_id, spaces)
    kind = {
        "actor-critic": ActorCritic,
        "least-squares": ActorCritic.least_squares,
        "published": ActorCritic.published,
    }[agent]
    return kind(**sizes)


def goal_of(goal: float | None, env: Any) -> float | None:
    """The return that counts as a success: given, or the environment's threshold, or none."""
    return goal if goal is not None else getattr(env.spec, "reward_threshold", None)


def _agent_path(folder: Path, seed: int) -> Path:
    return folder / f"agent-{seed}.safetensors"


def _train(command: Control, env: Any, model: ActingModel[Any], course: Any, record: Callable[[], None]) -> None:
    """One seed's episodes, those still missing; agent and episodes are saved every ten, and if the environment fails.

    The episodes go first: those that a killed run's agent has not had are dropped when it goes on.
    """
    from trophic.agents.control import Control as Training
    from trophic.agents.environments import EnvironmentFailure

    path = None if command.out is None else _agent_path(command.out, course.seed)
    if command.resume and path is not None and path.exists():
        training = Training.load(path, env, model)
        del course.episodes[training.n_episodes :]
        if len(course.episodes) < training.n_episodes:
            raise UsageError(f"{path} has had {training.n_episodes} episodes, episodes.csv fewer; train anew")
    else:
        training = Training(env, model, course.seed)
        course.episodes.clear()
    missing = command.episodes - len(course.episodes)
    if missing < 1:
        return
    with _progress(course, command.episodes) as advance:

        def keep(episode: Episode) -> None:
            course.episodes.append((episode.total, episode.steps))
            if path is not None and (len(course.episodes) % 10 == 0 or len(course.episodes) == command.episodes):
                record()
                training.save(path)
            advance()

        try:
            training.run(missing, keep)
        except EnvironmentFailure as error:
            if path is None:
                raise
            training.save(path)
            raise EnvironmentFailure(f"{error}; the agent is in {path}, --resume goes on with it") from error
        except KeyboardInterrupt:
            if path is not None:
                training.save(path)
            raise


@contextlib.contextmanager
def _progress(course: Any, n_episodes: int) -> Iterator[Callable[[], None]]:
    """A bar on stderr, if that is a terminal, with the mean of the last hundred returns; a line per hundred if not."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[running]}"),
        TimeRemainingColumn(),
    )
    terminal = sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not terminal) as bar:
        task = bar.add_task(f"seed {course.seed}", total=n_episodes, completed=len(course.episodes), running="")

        def advance() -> None:
            done = len(course.episodes)
            text = f"mean of the last {min(100, done)} returns {course.running_mean():.1f}"
            bar.update(task, completed=done, running=text)
            if not terminal and (done % 100 == 0 or done == n_episodes):
                print(f"seed {course.seed}, episode {done}: {text}", file=sys.stderr)

        yield advance


def _write(command: Control, folder: Path, model: Any, report: Any, seeds: Sequence[int]) -> list[Path]:
    """report.json, and if possible the figure and the film; the paths of everything written."""
    import importlib.util

    written = [folder / "episodes.csv", folder / "report.json"]
    write_json(folder / "report.json", report.to_dict())
    if importlib.util.find_spec("matplotlib") is None:
        print("trophic: note: no figure.png without matplotlib: pip install 'trophic[view]'", file=sys.stderr)
    else:
        from trophic.view import agents

        returns = {course.seed: course.returns for course in report.courses}
        agents.draw(returns, folder / "figure.png", title=f"{command.env_id}, {command.agent}", goal=report.goal)
        written.append(folder / "figure.png")
    if command.video and _agent_path(folder, seeds[0]).exists():
        from trophic.view import agents

        agents.film(command.env_id, _agent_path(folder, seeds[0]), model, folder / "agent.gif")
        written.append(folder / "agent.gif")
    return written + [path for seed in seeds if (path := _agent_path(folder, seed)).exists()]
