"""Exact gradients of a recurrent network, to judge local credit by.

The network is that of `trophic.network` with its weights held still,

    p(t) = W x(t-1) + W_in u(t) + b,    x(t) = (1 - a) x(t-1) + a tanh p(t),    g = a (1 - tanh^2 p),

and what is asked for is dL_t/dW for a loss that reaches the network through its state only, given its gradient there,
lambda_t = dL_t/dx(t). A squared error 1/2 |R z - y|^2 has lambda = R_x^T e.

Forward mode (real time recurrent learning, Williams and Zipser 1989) carries the influence of every weight on every
neuron along, J_k,lm(t) = dx_k(t)/dW_lm:

    J(t) = (1 - a) J(t-1) + g (W J(t-1) + delta_kl x_m(t-1)),    dL_t/dW_lm = sum_k lambda_k J_k,lm(t)

Reverse mode is JAX's. The two share no line of code and are tested against each other and against finite differences.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from trophic.network.state import NetworkState

Array = NDArray[np.float64]


class Recurrent(NamedTuple):
    """A network whose weights stay: N neurons, C inputs.

    Attributes
    ----------
    weights : (N, N)
        W, row = receiving neuron.
    input_weights : (N, C)
    bias : (N,)
    leak : float
        a, in (0, 1].
    """

    weights: Array
    input_weights: Array
    bias: Array
    leak: float


def frozen(state: NetworkState, leak: float) -> Recurrent:
    """The network of a State as it will take its next step, weight changes that wait included.

    Parameters
    ----------
    state : NetworkState
        Of a network whose inputs all have weights to every block (``wiring="all"``) or to their own.
    leak : float
        The rule ``leak`` of its model, in (0, 1].

    Examples
    --------
    >>> import trophic
    >>> net = frozen(trophic.Network(n_blocks=2, block_size=3).init(seed=0), 1.0)
    >>> net.weights.shape, bool((net.weights[:3, 3:] == 0).all())
    ((6, 6), True)
    """
    from trophic.network.layout import BIAS, CREDIT, TRACE

    n_blocks, n_slots, size = state.weights.shape[:3]
    neurons = state.neurons.astype(np.float64).reshape(len(state.neurons), n_blocks, size)
    weights = np.zeros((n_blocks, size, n_blocks, size))
    inputs = np.zeros((n_blocks, size, len(state.channels)))
    for j in range(n_blocks):
        for s in range(n_slots):
            i = state.slots[j, s]
            if i >= 0:
                change = state.edges["scale"][j, s] * np.outer(neurons[CREDIT, j], neurons[TRACE, i])
                weights[j, :, i] += state.weights[j, s].T - (change * (1 - np.eye(size)) if s == 0 else change)
        for f, channel in enumerate(state.feeds[j]):
            if channel >= 0:
                inputs[j, :, channel] += state.input_weights[j, f]
    n = n_blocks * size
    n_inputs = int(state.feeds.max()) + 1
    return Recurrent(weights.reshape(n, n), inputs.reshape(n, -1)[:, :n_inputs], neurons[BIAS].ravel(), leak)


def trajectory(net: Recurrent, inputs: Array, start: Array) -> Array:
    """States x(0) .. x(n), shape (n + 1, N), from ``start`` (N,) under ``inputs`` (n, C)."""
    states = [np.asarray(start, dtype=np.float64)]
    for u in inputs:
        p = net.weights @ states[-1] + net.input_weights @ u + net.bias
        states.append((1 - net.leak) * states[-1] + net.leak * np.tanh(p))
    return np.array(states)


def forward_mode(net: Recurrent, inputs: Array, start: Array, adjoints: Array) -> Array:
    """dL_t/dW of every sample, by real time recurrent learning.

    Parameters
    ----------
    net : Recurrent
        Costs N^4 operations a sample and N^3 numbers: for some dozens of neurons.
    inputs : (n, C)
        u(1) .. u(n).
    start : (N,)
        x(0), which no weight has influenced.
    adjoints : (n, N)
        lambda_t = dL_t/dx(t).

    Returns
    -------
    (n, N, N) float64
        Row = receiving neuron.

    Examples
    --------
    >>> net = Recurrent(np.array([[0.5]]), np.array([[1.0]]), np.zeros(1), 1.0)
    >>> forward_mode(net, np.ones((2, 1)), np.zeros(1), np.ones((2, 1)))[:, 0, 0].round(4)
    array([0.    , 0.1703])
    """
    n_neurons = len(net.bias)
    _check_adjoints(net, inputs, adjoints)
    influence = np.zeros((n_neurons, n_neurons, n_neurons))
    states = trajectory(net, inputs, start)
    gradients = np.zeros((len(inputs), n_neurons, n_neurons))
    own = np.arange(n_neurons)
    for t, u in enumerate(inputs):
        p = net.weights @ states[t] + net.input_weights @ u + net.bias
        slope = net.leak * (1 - np.tanh(p) ** 2)
        pushed = np.tensordot(net.weights, influence, axes=1)
        pushed[own, own] += states[t]
        influence = (1 - net.leak) * influence + slope[:, None, None] * pushed
        gradients[t] = np.tensordot(adjoints[t], influence, axes=1)
    return gradients


def reverse_mode(net: Recurrent, inputs: Array, start: Array, adjoints: Array) -> Array:
    """sum_t dL_t/dW, shape (N, N), by JAX's reverse mode; arguments as `forward_mode`, for hundreds of neurons.

    Examples
    --------
    >>> net = Recurrent(np.array([[0.5]]), np.array([[1.0]]), np.zeros(1), 1.0)
    >>> reverse_mode(net, np.ones((2, 1)), np.zeros(1), np.ones((2, 1))).round(4)
    array([[0.1703]])
    """
    import jax

    _check_adjoints(net, inputs, adjoints)
    with jax.enable_x64(True):
        return np.asarray(_compiled_gradient()(net.weights, tuple(net[1:]), inputs, start, adjoints))


def reverse_mode_of_samples(net: Recurrent, inputs: Array, states: Array, adjoints: Array, reach: int) -> Array:
    """dL_t/dW of single samples, each through its own past of ``reach`` samples.

    Parameters
    ----------
    net : Recurrent
    inputs : (k, reach, C)
        What led to each of k samples.
    states : (k, N)
        The state ``reach`` samples before each.
    adjoints : (k, N)
        lambda of each.
    reach : int
        >= 1; exact but for what the network has forgotten by then.

    Returns
    -------
    (k, N, N) float64
    """
    if inputs.shape[1] != reach:
        raise ValueError(f"inputs must hold reach = {reach} samples each, got shape {inputs.shape}")
    late = np.zeros((reach, adjoints.shape[1]))
    gradients = []
    for u, x, adjoint in zip(inputs, states, adjoints):
        late[-1] = adjoint
        gradients.append(reverse_mode(net, u, x, late))
    return np.array(gradients)


def by_block(gradient: Array, size: int) -> Array:
    """A gradient (N, N) by pairs of blocks, shape (B, B, l, l): [receiving block, sending block].

    Examples
    --------
    >>> by_block(np.arange(16.0).reshape(4, 4), 2)[1, 0]
    array([[ 8.,  9.],
           [12., 13.]])
    """
    n = len(gradient)
    if n % size:
        raise ValueError(f"size must divide the {n} neurons of the gradient, got {size}")
    return gradient.reshape(n // size, size, n // size, size).swapaxes(1, 2)


def _check_adjoints(net: Recurrent, inputs: Array, adjoints: Array) -> None:
    if np.shape(adjoints) != (len(inputs), len(net.bias)):
        raise ValueError(
            f"adjoints must have one row of {len(net.bias)} neurons per sample, shape ({len(inputs)}, "
            f"{len(net.bias)}), got {np.shape(adjoints)}; zeros where a sample has no loss"
        )


@functools.cache
def _compiled_gradient() -> Any:
    """Gradient with respect to W of sum_t lambda_t x(t)."""
    import jax
    import jax.numpy as jnp

    def weighted(weights: Any, rest: Any, inputs: Any, start: Any, adjoints: Any) -> Any:
        input_weights, bias, leak = rest

        def step(x: Any, sample: Any) -> Any:
            u, adjoint = sample
            x = (1 - leak) * x + leak * jnp.tanh(weights @ x + input_weights @ u + bias)
            return x, adjoint @ x

        return jnp.sum(jax.lax.scan(step, start, (inputs, adjoints))[1])

    return jax.jit(jax.grad(weighted))
