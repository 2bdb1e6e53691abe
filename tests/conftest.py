"""What all tests share: repeatable property tests, and the folder of real recordings if there is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("trophic", derandomize=True, deadline=None, print_blob=False)
settings.load_profile("trophic")


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder of recordings that do not ship with the package; the test is skipped where there is none."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    root = Path(os.environ.get("TROPHIC_DATA", beside))
    if not root.is_dir():
        pytest.skip("no recordings: set TROPHIC_DATA to their folder")
    return root
