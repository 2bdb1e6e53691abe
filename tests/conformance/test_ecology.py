"""The ecology keeps every promise of the conformance suite, in both precisions."""

from __future__ import annotations

import pytest

import trophic
from trophic.testing import conformance_checks

CHECKS = dict(conformance_checks())


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("name", CHECKS)
def test_conformance(name: str, precision: str) -> None:
    CHECKS[name](trophic.Ecology(f_min_hz=2, f_max_hz=400, precision=precision))


@pytest.mark.parametrize("name", ["chunk_invariance", "nan_containment", "channels"])
def test_conformance_of_several_channels(name: str) -> None:
    CHECKS[name](trophic.Ecology(f_min_hz=2, f_max_hz=400, n_branches=8, n_channels=3))
