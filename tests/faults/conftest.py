"""Two sizes of every fault: seconds in `make test`, the full count in `make soak` (TROPHIC_SOAK=1)."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

SOAK = os.environ.get("TROPHIC_SOAK") == "1"
FIGURES = Path(os.environ.get("TROPHIC_FIGURES", "out/soak.jsonl"))

T = TypeVar("T")


def at_scale(fast: T, soak: T) -> T:
    """``soak`` in `make soak`, else ``fast``."""
    return soak if SOAK else fast


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Keep what a test measured: one line per test in out/soak.jsonl, in `make soak` only."""

    def keep(**values: float | str) -> None:
        if SOAK:
            FIGURES.parent.mkdir(parents=True, exist_ok=True)
            with FIGURES.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"test": request.node.name, **values}) + "\n")

    return keep
