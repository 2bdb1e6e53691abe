"""The forecaster keeps the contract."""

from __future__ import annotations

import pytest

import trophic
from trophic.testing import conformance_checks

CHECKS = dict(conformance_checks())


SKIPPED = {"channels": "every channel is forecast from all", "locality": "one P serves all features: not local"}


@pytest.mark.parametrize("name", [name for name in CHECKS if name not in SKIPPED])
def test_conformance(name: str) -> None:
    CHECKS[name](trophic.Forecaster(horizons=(1, 3), delays=8, n_blocks=2, block_size=4))
