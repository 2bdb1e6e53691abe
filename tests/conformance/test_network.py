"""Both forms of the network keep every promise of the conformance suite."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from trophic.network.model import Network
from trophic.runtime.contract import Chunk
from trophic.testing import conformance_checks, default_chunk

CHECKS = dict(conformance_checks())
SMALL = {"n_blocks": 4, "block_size": 8}
MODELS = {
    "default": Network(**SMALL),
    "published": Network.published(**SMALL),
    "code": Network.published("code", **SMALL),
}
# The rules are one compiled program per precision; the configurations below share it.
VARIANTS = {
    "leaky": Network(**SMALL, trace="rflo", protection="shares", rules=(("leak", 0.5), ("noise", 0.01))),
    "ahead": Network(**SMALL, readout="rls", horizons=(1, 4)),
    "gated": Network(n_blocks=6, block_size=5, structure="gated", n_candidates=3, feedback="symmetric"),
    "ghosts": Network(**SMALL, protection="ghosts"),
    "exact": Network(**SMALL, trace="exact", feedback="symmetric", rules=(("leak", 0.5),)),
    "accelerated": Network(**SMALL, engine="accelerated"),
}


def several(n_samples: int, regular: bool) -> Chunk:
    """The suite's stream in three channels."""
    return default_chunk(3)(n_samples, regular)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("name", CHECKS)
def test_conformance(name: str, kind: str) -> None:
    CHECKS[name](MODELS[kind])


@pytest.mark.parametrize("kind", VARIANTS)
@pytest.mark.parametrize("name", ["chunk_invariance", "nan_containment", "save_load"])
def test_conformance_of_variants(name: str, kind: str) -> None:
    CHECKS[name](VARIANTS[kind])


@pytest.mark.parametrize("name", ["chunk_invariance", "nan_containment", "step_purity"])
@pytest.mark.parametrize("n_targets", [0, 1])
def test_conformance_of_several_channels(name: str, n_targets: int) -> None:
    CHECKS[name](Network(**SMALL, n_inputs=3 - n_targets, n_targets=n_targets, wiring="own"), several)


def test_double_precision_is_chunk_invariant() -> None:
    CHECKS["chunk_invariance"](dataclasses.replace(MODELS["default"], precision="float64"))


def test_a_weight_sees_its_row_and_sender_only() -> None:
    """Credit and trace of other blocks do not enter a block's weight change; the readout's D is shared by all."""
    model = Network(**SMALL, readout="nlms", structure="none", map="none", precision="float64")
    rng = np.random.default_rng(0)
    state = model.init(seed=0)
    model.advance(state, Chunk(rng.standard_normal((50, 1)), sample_period_s=1.0))
    altered = state.copy()
    altered.feedback[:, 8:] += 1.0  # the feedback that blocks 1..3 receive
    for s in (state, altered):
        model.advance(s, Chunk(np.array([[0.3]]), first_sample=50, sample_period_s=1.0))
    assert np.array_equal(state.weights[0], altered.weights[0])
    assert not np.array_equal(state.weights[1], altered.weights[1])
