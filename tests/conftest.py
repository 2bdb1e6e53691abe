"""What all tests share: repeatable property tests, and the folder of real recordings if there is one."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("trophic", derandomize=True, deadline=None, print_blob=False)
settings.load_profile("trophic")


# A shell that runs the tests in the background leaves SIGINT ignored, and Python then installs no handler. Tests of
# Ctrl-C need what a terminal gives; processes started by the tests inherit it.
if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="module")
def programs_of_one_file() -> Iterator[None]:
    """What JAX compiled for a file of tests is let go at its end: together it comes to gigabytes."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of recordings that do not ship with the package; the test is skipped where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(os.environ.get("TROPHIC_DATA", beside))
    if not root.is_dir():
        pytest.skip("no recordings: set TROPHIC_DATA to their folder")
    return root


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Keep what a test measured, as a line of out/soak.jsonl; in `make soak` only."""

    def keep(**values: float | str) -> None:
        if os.environ.get("TROPHIC_SOAK") == "1":
            path = Path(os.environ.get("TROPHIC_FIGURES", "out/soak.jsonl"))
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"test": request.node.name, **values}) + "\n")

    return keep
