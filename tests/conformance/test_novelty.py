"""The novelty detector keeps the contract."""

from __future__ import annotations

import pytest

import trophic
from trophic.testing import conformance_checks

CHECKS = dict(conformance_checks())

SKIPPED = {"locality": "it has no weights: niches are samples, kept or not"}


@pytest.mark.parametrize("name", [name for name in CHECKS if name not in SKIPPED])
def test_conformance(name: str) -> None:
    CHECKS[name](trophic.Novelty(n_channels=2, capacity=32))
