"""``trophic control``: courses, figure, film, exact resume, and one clear line for what cannot be."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("gymnasium")
from trophic.cli import main
from trophic.runtime.checkpoint import stored_arrays
from trophic.runtime.contract import same_bits

pytestmark = pytest.mark.filterwarnings("ignore:builtin type swig:DeprecationWarning")  # of Box2D
CUE = "trophic.agents.tasks:DelayedCue-v0"


@pytest.fixture
def control(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """``control(environment, *options)`` in this process: exit code, stdout, stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["control", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_two_seeds_with_everything_written(control: Any, tmp_path: Path) -> None:
    out = tmp_path / "results"
    code, stdout, stderr = control("CartPole-v1", "--seeds", "3,4", "--episodes", 12, "--out", out, "--video")
    assert code == 0, stderr
    assert "CartPole-v1: actor-critic, 2 seeds (3, 4), 24 episodes" in stdout
    assert "seed 4, episode 12: mean of the last 12 returns" in stderr
    report = json.loads((out / "report.json").read_text())
    assert [row["seed"] for row in report["seeds"]] == [3, 4]
    assert report["configuration"]["n_observations"] == 4
    assert report["goal"] == 475.0
    rows = (out / "episodes.csv").read_text().splitlines()
    assert rows[0] == "seed,episode,return,steps"
    assert len(rows) == 25
    steps = [int(row.split(",")[3]) for row in rows[1:]]
    assert sum(steps) == sum(row["steps"] for row in report["seeds"])
    assert (out / "figure.png").read_bytes()[:4] == b"\x89PNG"
    assert (out / "agent.gif").read_bytes()[:4] == b"GIF8"
    assert main(["verify", str(out / "agent-3.safetensors")]) == 0


def test_a_killed_run_goes_on_from_its_last_agent(control: Any, tmp_path: Path) -> None:
    """What was recorded after the agent was saved is played again, the same."""
    assert control(CUE, "--seeds", "0,1", "--episodes", 20, "--out", tmp_path)[0] == 0
    whole = (tmp_path / "episodes.csv").read_text()
    assert control(CUE, "--seeds", "0,1", "--episodes", 10, "--out", tmp_path)[0] == 0
    (tmp_path / "episodes.csv").write_text(whole)
    assert control(CUE, "--seeds", "0,1", "--episodes", 20, "--out", tmp_path, "--resume")[0] == 0
    assert (tmp_path / "episodes.csv").read_text() == whole


def test_resume_goes_on_exactly(control: Any, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert control(CUE, "--episodes", 30, "--out", whole)[0] == 0
    assert control(CUE, "--episodes", 13, "--out", parts)[0] == 0
    assert control(CUE, "--episodes", 30, "--out", parts, "--resume")[0] == 0
    assert (parts / "episodes.csv").read_text() == (whole / "episodes.csv").read_text()
    mine, theirs = (stored_arrays(folder / "agent-0.safetensors") for folder in (parts, whole))
    assert mine.keys() == theirs.keys()
    assert all(same_bits(mine[name], theirs[name]) for name in mine)


def test_seeds_are_numbers_and_ranges_of_numbers(control: Any) -> None:
    """One number is one seed, and the report says which; not so many seeds."""
    code, stdout, _ = control(CUE, "--seeds", "2", "--episodes", 2)
    assert code == 0
    assert "actor-critic, 1 seed (2), 2 episodes" in stdout
    code, stdout, _ = control(CUE, "--seeds", "4..6,9", "--episodes", 1)
    assert code == 0
    assert "actor-critic, 4 seeds (4, 5, 6, 9), 4 episodes" in stdout


@pytest.mark.parametrize(("agent", "critic"), [("least-squares", "lstd"), ("published", "td")])
def test_other_agents_by_name(control: Any, agent: str, critic: str) -> None:
    code, stdout, _ = control("CartPole-v1", "--agent", agent, "--episodes", 3, "--json")
    assert code == 0
    assert json.loads(stdout)["configuration"]["critic"] == critic


def test_active_inference_by_name(control: Any) -> None:
    code, stdout, _ = control(
        "trophic.agents.tasks:CueMaze-v0", "--agent", "active-inference", "--episodes", 5, "--json"
    )
    assert code == 0
    assert json.loads(stdout)["seeds"][0]["episodes"] == 5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["NoSuch-v3"], "NoSuch"),
        (["FrozenLake-v1"], "observation space Discrete is not supported"),
        (["CartPole-v1", "--seeds", "1,x"], "--seeds must be whole numbers with commas, or a range as 0..7, got '1,x'"),
        (["CartPole-v1", "--seeds", "7..2"], "a range must go up and name at most 1000 seeds, got '7..2'"),
        (["CartPole-v1", "--seeds", "1,1"], "--seeds must be different numbers"),
        (["CartPole-v1", "--episodes", "0"], "--episodes must be in 1..10000000, got 0"),
        (["CartPole-v1", "--agent", "dqn"], "--agent must be one of actor-critic, least-squares, published, active"),
        (["CartPole-v1", "--video"], "--video needs --out DIR"),
        ([CUE, "--video", "--out", "nowhere"], "cannot render pictures"),
        (["Acrobot-v1", "--agent", "active-inference"], "what to prefer there is not known"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(control: Any, arguments: list[str], message: str) -> None:
    code, _, stderr = control(*arguments)
    assert code == 2
    assert message in stderr
    assert stderr.count("\n") == 1
    assert "Traceback" not in stderr


def test_an_environment_that_raises_leaves_an_agent_to_go_on_with(
    control: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trophic.agents.tasks import DelayedCue

    step, calls = DelayedCue.step, []

    def failing(self: Any, action: Any) -> Any:
        calls.append(1)
        if len(calls) == 60:
            raise OSError("the motor is hot")
        return step(self, action)

    monkeypatch.setattr(DelayedCue, "step", failing)
    code, _, stderr = control(CUE, "--episodes", 8, "--out", tmp_path)
    assert code == 2
    assert "OSError" in stderr
    assert "the motor is hot" in stderr
    assert "--resume goes on" in stderr
    assert len((tmp_path / "episodes.csv").read_text().splitlines()) == 1 + 5
    code, stdout, _ = control(CUE, "--episodes", 8, "--out", tmp_path, "--resume", "--json")
    assert code == 0
    assert json.loads(stdout)["seeds"][0]["episodes"] == 8
