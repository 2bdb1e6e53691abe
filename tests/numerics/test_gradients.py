"""The exact gradients: forward mode, reverse mode, finite differences and the network's own exact credit agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trophic.instruments.gradients import (
    Recurrent,
    by_block,
    forward_mode,
    frozen,
    reverse_mode,
    reverse_mode_of_samples,
    trajectory,
)
from trophic.network.layout import FEEDBACK, X
from trophic.network.model import Network
from trophic.network.state import NetworkState
from trophic.runtime.contract import Chunk


def case(leak: float, n: int = 7, length: int = 25) -> tuple[Recurrent, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    net = Recurrent(
        rng.standard_normal((n, n)) / np.sqrt(n), rng.standard_normal((n, 2)), 0.3 * rng.standard_normal(n), leak
    )
    return net, rng.standard_normal((length, 2)), rng.standard_normal(n), rng.standard_normal((length, n))


@pytest.mark.parametrize("leak", [1.0, 0.3])
def test_forward_and_reverse_mode_agree(leak: float) -> None:
    net, inputs, start, adjoints = case(leak)
    samples = forward_mode(net, inputs, start, adjoints)
    assert np.allclose(samples.sum(axis=0), reverse_mode(net, inputs, start, adjoints), rtol=1e-12, atol=1e-12)
    ends = [reverse_mode_of_samples(net, inputs[None, :t], start[None], adjoints[t - 1 : t], t)[0] for t in (1, 25)]
    assert np.allclose(ends, samples[[0, 24]], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("leak", [1.0, 0.3])
def test_forward_mode_is_the_finite_difference(leak: float) -> None:
    net, inputs, start, adjoints = case(leak)
    exact = forward_mode(net, inputs, start, adjoints)
    for post, pre in ((0, 0), (3, 6), (6, 2)):
        pushed = []
        for h in (1e-5, -1e-5):
            weights = net.weights.copy()
            weights[post, pre] += h
            states = trajectory(net._replace(weights=weights), inputs, start)[1:]
            pushed.append((adjoints * states).sum(axis=1))
        difference = (pushed[0] - pushed[1]) / 2e-5
        assert np.allclose(exact[:, post, pre], difference, rtol=1e-6, atol=1e-8)


def test_a_frozen_network_goes_on_as_the_network_would() -> None:
    """Weights, the change that waits, inputs and biases of a State: one step equals that of the model."""
    rng = np.random.default_rng(0)
    model = Network(n_inputs=3, n_targets=1, n_blocks=3, block_size=4, wiring="own", precision="float64",
                    scaling="none", map="none", structure="none", rules=(("leak", 0.6),))  # fmt: skip
    state = model.init(1)
    state.slots[0, 1], state.slots[2, 1] = 2, 0
    state.weights[[0, 2], 1] = rng.standard_normal((2, 4, 4))
    values = rng.standard_normal((60, 4))
    model.advance(state, Chunk(values[:40], sample_period_s=1.0))
    assert (state.edges["scale"][:, 0] > 0).all()  # a change waits
    net, x = frozen(state, 0.6), state.neurons[0].copy()
    z = model.features(state, Chunk(values[40:41], first_sample=40, sample_period_s=1.0))
    assert np.allclose(trajectory(net, values[40:41, :3], x)[1], z[0, :12], rtol=0, atol=1e-12)


def oracle(leak: float, **changes: Any) -> tuple[Network, NetworkState, np.ndarray]:
    """A network with exact credit whose weights stay, two edges in it, and what it hears: two inputs, a target."""
    settings: dict[str, Any] = {"n_inputs": 2, "n_targets": 1, "n_blocks": 3, "block_size": 4, "precision": "float64"}
    settings |= {"scaling": "none", "map": "none", "structure": "none", "trace": "exact", "feedback": "symmetric"}
    settings |= {"rules": (("leak", leak), ("rate", 0.0))}
    model = Network(**(settings | changes))
    rng = np.random.default_rng(3)
    state = model.init(2)
    state.slots[0, 1], state.slots[2, 2] = 2, 0
    state.weights[0, 1], state.weights[2, 2] = 0.5 * rng.standard_normal((2, 4, 4))
    return model, state, rng.standard_normal((60, 3))


@pytest.mark.parametrize("engine", ["native", "accelerated"])
@pytest.mark.parametrize("leak", [1.0, 0.3])
def test_exact_credit_of_the_network_is_the_gradient(leak: float, engine: str) -> None:
    """Against real time recurrent learning and reverse mode of `trophic.instruments.gradients`, weights held still."""
    model, state, values = oracle(leak, engine=engine)
    net = frozen(state, leak)
    model.advance(state, Chunk(values, sample_period_s=1.0))
    adjoints = np.zeros((60, 12))
    adjoints[-1] = state.neurons[FEEDBACK]
    exact = forward_mode(net, values[:, :2], np.zeros(12), adjoints)[-1]
    assert np.allclose(exact, reverse_mode(net, values[:, :2], np.zeros(12), adjoints), rtol=1e-12, atol=1e-15)
    found = np.tensordot(adjoints[-1], state.influence, axes=1).reshape(state.weights.shape)
    for j, s in ((0, 0), (0, 1), (1, 0), (2, 0), (2, 2)):
        i = state.slots[j, s]
        block = exact[4 * j : 4 * j + 4, 4 * i : 4 * i + 4].T  # our weights are (sender, receiver)
        there = 1 - np.eye(4) if s == 0 else 1
        assert np.allclose(found[j, s], there * block, rtol=1e-9, atol=1e-14 * np.abs(exact).max())
    assert (found[1, 1:] == 0).all()


def test_influence_is_the_finite_difference() -> None:
    model, state, values = oracle(0.6)
    ends = []
    for h in (1e-6, -1e-6):
        pushed = state.copy()
        pushed.weights[2, 2, 1, 3] += h
        model.advance(pushed, Chunk(values, sample_period_s=1.0))
        ends.append(pushed.neurons[X])
    model.advance(state, Chunk(values, sample_period_s=1.0))
    influence = state.influence.reshape(12, *state.weights.shape)[:, 2, 2, 1, 3]
    assert np.abs(influence).max() > 1e-2
    assert np.allclose(influence, (ends[0] - ends[1]) / 2e-6, rtol=1e-6, atol=1e-8)


def test_exact_credit_moves_the_weights_down_the_gradient() -> None:
    """One sample's change of every edge is along -dL/dW, eta long; of the first sample that is learned, at its rms."""
    model, state, values = oracle(0.6, rules=(("leak", 0.6), ("rate", 0.01)))
    before = state.weights.copy()
    model.advance(state, Chunk(values[:17], sample_period_s=1.0))  # nothing is learned from the first 15
    gradient = np.tensordot(state.neurons[FEEDBACK], state.influence, axes=1).reshape(before.shape)
    change = state.weights - before
    for j, s in ((0, 1), (1, 0), (2, 2)):
        length = np.linalg.norm(change[j, s])
        along = -float(np.sum(change[j, s] * gradient[j, s])) / (length * np.linalg.norm(gradient[j, s]) + 1e-300)
        assert length > 0
        assert along > 0.3
    assert (np.diagonal(change[:, 0], axis1=1, axis2=2) == 0).all()


def test_exact_credit_forgets_dead_edges_and_has_a_limit() -> None:
    model, state, values = oracle(
        1.0, map="signed", structure="confirmed",
        rules=(("period", 16.0), ("warm_up", 16.0), ("grace", 10.0), ("keep", 1e9)),
    )  # fmt: skip
    model.advance(state, Chunk(values, sample_period_s=1.0))
    assert (state.slots[:, 1:] < 0).all()
    influence = state.influence.reshape(12, *state.weights.shape)
    assert (influence[:, :, 1:] == 0).all()
    assert (influence[:, :, 0] != 0).any()
    with pytest.raises(ValueError, match=r"trace='exact' keeps .* numbers, at most 4194304, got 25165824; take fewer"):
        Network(trace="exact", n_blocks=16, block_size=32, n_slots=2)
    with pytest.raises(ValueError, match="plasticity must be 'gated' or 'none' with trace='exact', got 'published'"):
        Network.published(trace="exact")


def test_blocks_and_wrong_shapes() -> None:
    net, inputs, start, adjoints = case(1.0)
    assert by_block(np.ones((6, 6)), 3).shape == (2, 2, 3, 3)
    with pytest.raises(ValueError, match="size must divide the 6 neurons of the gradient, got 4"):
        by_block(np.ones((6, 6)), 4)
    with pytest.raises(ValueError, match=r"adjoints must have one row of 7 neurons per sample, shape \(25, 7\)"):
        forward_mode(net, inputs, start, adjoints[:3])
    with pytest.raises(ValueError, match="inputs must hold reach = 9 samples each"):
        reverse_mode_of_samples(net, inputs[None], start[None], adjoints[:1], 9)
