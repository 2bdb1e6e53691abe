"""The exact gradients: forward mode, reverse mode and finite differences agree; local credit where it is exact."""

from __future__ import annotations

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
from trophic.network.model import Network
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


def test_blocks_and_wrong_shapes() -> None:
    net, inputs, start, adjoints = case(1.0)
    assert by_block(np.ones((6, 6)), 3).shape == (2, 2, 3, 3)
    with pytest.raises(ValueError, match="size must divide the 6 neurons of the gradient, got 4"):
        by_block(np.ones((6, 6)), 4)
    with pytest.raises(ValueError, match=r"adjoints must have one row of 7 neurons per sample, shape \(25, 7\)"):
        forward_mode(net, inputs, start, adjoints[:3])
    with pytest.raises(ValueError, match="inputs must hold reach = 9 samples each"):
        reverse_mode_of_samples(net, inputs[None], start[None], adjoints[:1], 9)
