"""The forecaster keeps the contract."""

from __future__ import annotations

import pytest

from trophic.forecasting.model import Forecaster
from trophic.testing import CHECKS


@pytest.mark.parametrize("name", CHECKS)
def test_conformance(name: str) -> None:
    CHECKS[name](Forecaster(horizons=(1, 3), delays=8, n_blocks=2, block_size=4))
