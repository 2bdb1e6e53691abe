"""Two sizes of every fault: seconds in `make test`, the full count in `make soak` (TROPHIC_SOAK=1)."""

from __future__ import annotations

import os
from typing import TypeVar

SOAK = os.environ.get("TROPHIC_SOAK") == "1"

T = TypeVar("T")


def at_scale(fast: T, soak: T) -> T:
    """``soak`` in `make soak`, else ``fast``."""
    return soak if SOAK else fast
