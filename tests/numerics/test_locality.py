"""The certificate of locality: what it says of the rules, and that it catches a rule that is not local."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import trophic
from trophic.instruments.locality import (
    SIZE,
    Dependence,
    ecology_scalars,
    network_dependences,
    owners,
    shared_numbers,
)
from trophic.network.accelerated import loop
from trophic.network.model import Network
from trophic.runtime.contract import Chunk

BETWEEN, INSIDE = "weights between blocks", "weights inside a block"


def certificate(model: Network, learn: Any = None) -> dict[str, Dependence]:
    return {d.weight: d for d in network_dependences(model, learn)}


@pytest.fixture(scope="module")
def default() -> dict[str, Dependence]:
    return certificate(Network())


def test_the_default_rules_are_local(default: dict[str, Dependence]) -> None:
    assert all(d.local for d in default.values())
    assert max(d.n_scalars for d in default.values()) == 1
    weights = default[BETWEEN]
    assert weights.sender == ("trace",)
    assert set(weights.receiver) == {"edges.square", "slope", "blocks.plastic", "feedback"}
    assert not weights.transports
    assert not default["feedback"].transports
    assert default["utility of an edge"].transports  # what an edge saves is known through the readout only
    assert default["readout's P"].n_scalars == 0


def test_full_least_squares_is_not_local_and_symmetric_feedback_transports_weights() -> None:
    found = certificate(Network(readout="rls", feedback="symmetric", map="none", structure="none"))
    assert found["readout"].n_scalars == SIZE  # as many as there are weights to change
    assert not found["readout"].local
    assert found[BETWEEN].local
    assert found[BETWEEN].transports
    assert "feedback" not in found  # it does not change


def test_exact_credit_is_not_local() -> None:
    found = certificate(Network(trace="exact", feedback="fixed", readout="nlms", map="none", structure="none"))
    assert found[BETWEEN].n_scalars > SIZE  # every neuron's influence and credit
    assert not found[BETWEEN].local
    assert not found[INSIDE].local
    assert found["readout"].local


def test_published_rules_share_norms() -> None:
    found = certificate(Network.published())
    assert all(d.local for d in found.values())
    assert found[BETWEEN].n_scalars >= 1  # the norm of the state
    assert found["feedback"].transports  # equation (22) needs R at the feedback synapse


def test_credit_that_comes_back_through_the_wires_is_caught() -> None:
    """One step of backpropagation: a receiver's credit passes through the weights to its sender."""

    def learn(s: dict[str, Any], good: Any, plan: Any, rules: Any) -> dict[str, Any]:
        import jax.numpy as jnp

        s = loop.learn_if_taught(s, good, plan, rules)
        credit, slope = (s[name].reshape(len(s["slots"]), -1) for name in ("credit", "slope"))
        back = jnp.einsum("jsml,jl->jsm", s["weights"][:, 1:], credit)
        sender = jnp.where(s["slots"][:, 1:] >= 0, s["slots"][:, 1:], len(credit))
        through = jnp.zeros_like(credit).at[sender].add(back, mode="drop")
        return s | {"credit": (credit + slope * through).ravel()}

    found = certificate(Network(map="none", structure="none", readout="nlms"), learn)
    assert found[BETWEEN].n_scalars == SIZE  # a neuron's credit for each of the block's neurons
    assert not found[BETWEEN].local
    assert not found[INSIDE].local
    assert found["readout"].local


def test_rank_tells_how_many_numbers_are_shared() -> None:
    rng = np.random.default_rng(0)
    for rank in (1, 2, 5):
        assert shared_numbers(rng.standard_normal((12, rank)) @ rng.standard_normal((rank, 300))) == rank
    assert shared_numbers(rng.standard_normal((12, 300))) == 12


def test_owners() -> None:
    assert owners("readout", (1, 48), True)[0, [0, 8, 39, 40]].tolist() == [0, 1, 4, -2]
    assert owners("precision", (6, 8, 8), True)[3].min() == 3
    assert owners("precision", (1, 42, 42), False)[0, 9, 0] == 1
    assert owners("edges.scale", (5, 3), True)[4].tolist() == [4, 4, 4]
    assert (owners("output", (1,), True) == -1).all()


def test_a_branch_hears_of_another_through_the_residual_and_the_market() -> None:
    t = np.arange(5000) / 1000.0
    x = sum(a * np.cos(2 * np.pi * f * t) for f, a in ((50, 1.0), (120, 0.7), (201, 0.5)))
    x += 0.1 * np.random.default_rng(0).standard_normal(len(t))
    model, chunk = trophic.Ecology(f_min_hz=5, f_max_hz=400), Chunk(x[:, None], sample_period_s=1e-3)
    assert [ecology_scalars(model, chunk, a, b) for a, b in ((0, 1), (1, 0), (2, 1))] == [2, 2, 2]
    with pytest.raises(ValueError, match="slots of living branches, slot 15 is empty"):
        ecology_scalars(model, chunk, 0, 15)
