"""Stream AC(lambda): actor and critic of two dense layers each, exact backpropagation, one sample at a time.

After M. Elsayed, G. Vasan and A. R. Mahmood, Streaming deep reinforcement learning finally works, arXiv 2410.14606
(2024): layer normalisation, leaky rectifiers, sparse initial weights, and ObGD, a step bounded by the size of the
traces. Written from the paper, with its constants; observations, rewards, the time and the limit of time are treated
exactly as trophic's agents treat them (`trophic.agents.normaliser`), so that only the learner differs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trophic.agents import normaliser
from trophic.agents.acting import ActingModel
from trophic.agents.layout import CHANNEL, RULE_TABLE, RULES, SHARED
from trophic.agents.policy import softmax
from trophic.engines.native import entry, inlined, native, vectorised
from trophic.network.credit import add_scaled
from trophic.network.dynamics import uniform
from trophic.network.readout import dot
from trophic.runtime.clock import Clock
from trophic.runtime.contract import State

WEIGHT, TRACE = range(2)
NORMAL, ACTIVE, BACK = range(3)  # rows of a layer's units: normalised sums, activities (and 1), gradients


class Mlp(NamedTuple):
    """Weights and traces, (2, out, in + 1) per layer, and the units of the hidden layers."""

    first: NDArray[np.float32]
    second: NDArray[np.float32]
    head: NDArray[np.float32]
    units: NDArray[np.float32]  # (2 layers, 3, width + 1)
    scale: NDArray[np.float32]  # (2,) 1/deviation of each layer
    output: NDArray[np.float32]  # (2, heads) outputs and gradients


class Net(NamedTuple):
    """Everything, as the kernels see it; z, channels and shared are those of the normaliser."""

    actor: Mlp
    critic: Mlp
    z: NDArray[np.float32]
    channels: NDArray[np.void]
    action: NDArray[np.float64]
    shared: NDArray[np.void]


@dataclass
class StreamState(State):
    clock: Clock
    actor_first: NDArray[np.float32]
    actor_second: NDArray[np.float32]
    actor_head: NDArray[np.float32]
    critic_first: NDArray[np.float32]
    critic_second: NDArray[np.float32]
    critic_head: NDArray[np.float32]
    units: NDArray[np.float32]
    scale: NDArray[np.float32]
    outputs: NDArray[np.float32]
    z: NDArray[np.float32]
    channels: NDArray[np.void]
    action: NDArray[np.float64]
    shared: NDArray[np.void]

    @cached_property
    def net(self) -> Net:
        n = self.outputs.shape[2] - 1
        weights = (self.actor_first, self.actor_second, self.actor_head)
        actor = Mlp(*weights, self.units[0], self.scale[0], self.outputs[0, :, :n])
        weights = (self.critic_first, self.critic_second, self.critic_head)
        critic = Mlp(*weights, self.units[1], self.scale[1], self.outputs[1, :, :1])
        return Net(actor, critic, self.z, self.channels, self.action, self.shared)


@dataclass(frozen=True)
class StreamAC(ActingModel[StreamState]):
    """Discrete actions only. Parameters as published: kappa 3 and 2, alpha 1, lambda .8, gamma .99, tau .01."""

    n_observations: int = 1
    n_actions: int = 2
    policy: str = "softmax"
    width: int = 128
    horizon: int = 0
    trace: float = 0.8
    actor_kappa: float = 3.0
    critic_kappa: float = 2.0
    entropy: float = 0.01
    sparsity: float = 0.9

    def init(self, seed: int = 0) -> StreamState:
        rng = np.random.default_rng(seed)
        d, n = self.n_observations + (1 if self.horizon else 0), self.width
        shared = np.zeros(1, dtype=SHARED)
        shared["seed"] = seed
        layers = {}
        for name, heads in (("actor", self.n_actions), ("critic", 1)):
            layers[f"{name}_first"] = self._layer(n, d, rng)
            layers[f"{name}_second"] = self._layer(n, n, rng)
            layers[f"{name}_head"] = self._layer(heads, n, rng)
        return StreamState(
            clock=Clock.new(self.n_observations),
            **layers,
            units=np.zeros((2, 2, 3, n + 1), np.float32),
            scale=np.zeros((2, 2), np.float32),
            outputs=np.zeros((2, 2, self.n_actions + 1), np.float32),
            z=np.zeros((2, d + 1), np.float32),
            channels=np.zeros(self.n_observations + 1, dtype=CHANNEL),
            action=np.zeros(1),
            shared=shared,
        )

    def _layer(self, n_out: int, n_in: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """LeCun uniform weights of which a tenth is kept, no bias."""
        weights = rng.uniform(-1, 1, (n_out, n_in)) / math.sqrt(n_in)
        for row in weights:
            row[rng.permutation(n_in)[: math.ceil(self.sparsity * n_in)]] = 0.0
        layer = np.zeros((2, n_out, n_in + 1), np.float32)
        layer[WEIGHT, :, :n_in] = weights
        return layer

    def begin(self, state: StreamState, observation: NDArray[np.float64]) -> None:
        begin(observation, state.net, *self._fixed)

    def proceed(
        self, state: StreamState, reward: float, observation: NDArray[np.float64], terminated: bool, truncated: bool
    ) -> None:
        state.clock.n_samples[0] += 1
        constants = (self.trace, self.actor_kappa, self.critic_kappa, self.entropy)
        proceed(reward, observation, terminated, truncated, state.net, *self._fixed, *constants)

    def action(self, state: StreamState) -> NDArray[np.float64]:
        return state.action

    @cached_property
    def _fixed(self) -> tuple[Any, ...]:
        rules = np.zeros(1, dtype=RULES)
        for name, (value, *_) in RULE_TABLE.items():
            rules[name] = value
        return rules[0], self.horizon


@native
def layer(weights, below, units, scale, at):
    """Sums of one layer, normalised over the layer, then leaky rectified."""
    n = weights.shape[1]
    sums, active = units[NORMAL], units[ACTIVE]
    mean = below.dtype.type(0.0)
    for i in range(n):
        sums[i] = dot(weights[WEIGHT, i], below, below.shape[0])
        mean += sums[i]
    mean /= n
    variance = below.dtype.type(0.0)
    for i in range(n):
        variance += (sums[i] - mean) ** 2
    inverse = below.dtype.type(1.0 / math.sqrt(variance / n + 1e-5))
    scale[at] = inverse
    for i in range(n):
        h = (sums[i] - mean) * inverse
        sums[i] = h
        active[i] = h if h > 0 else below.dtype.type(0.01) * h
    active[n] = 1


@native
def evaluate(mlp, z):
    layer(mlp.first, z, mlp.units[0], mlp.scale, 0)
    layer(mlp.second, mlp.units[0, ACTIVE], mlp.units[1], mlp.scale, 1)
    for h in range(mlp.head.shape[1]):
        mlp.output[0, h] = dot(mlp.head[WEIGHT, h], mlp.units[1, ACTIVE], mlp.head.shape[2])


@vectorised
def absorb(trace, gradient, below, keep, n):
    """trace <- keep trace + gradient below; returns sum |trace|."""
    total = trace[0] - trace[0]
    for k in range(n):
        trace[k] = keep * trace[k] + gradient * below[k]
        total += abs(trace[k])
    return total


@inlined
def through_norm(units, inverse, n):
    """Gradients of activities become gradients of sums, through rectifier and normalisation."""
    back, normal = units[BACK], units[NORMAL]
    mean, along = back.dtype.type(0.0), back.dtype.type(0.0)
    for i in range(n):
        if normal[i] <= 0:
            back[i] *= back.dtype.type(0.01)
        mean += back[i]
        along += back[i] * normal[i]
    mean /= n
    along /= n
    for i in range(n):
        back[i] = inverse * (back[i] - mean - normal[i] * along)


@native
def backward(mlp, z, keep):
    """Traces of all weights, from the gradients of the heads in ``mlp.output[1]``; returns the sum of their sizes."""
    n = mlp.second.shape[1]
    total = 0.0
    low, high = mlp.units[0], mlp.units[1]
    high[BACK] = 0
    low[BACK] = 0
    for h in range(mlp.head.shape[1]):
        add_scaled(high[BACK], mlp.head[WEIGHT, h], mlp.output[1, h], n)
        total += absorb(mlp.head[TRACE, h], mlp.output[1, h], high[ACTIVE], keep, n + 1)
    through_norm(high, mlp.scale[1], n)
    for i in range(n):
        add_scaled(low[BACK], mlp.second[WEIGHT, i], high[BACK, i], n)
        total += absorb(mlp.second[TRACE, i], high[BACK, i], low[ACTIVE], keep, n + 1)
    through_norm(low, mlp.scale[0], n)
    for i in range(n):
        total += absorb(mlp.first[TRACE, i], low[BACK, i], z, keep, z.shape[0])
    return total


@native
def bounded_step(mlp, delta, total, kappa):
    """ObGD with alpha = 1."""
    step = mlp.scale.dtype.type(delta / max(1.0, kappa * max(1.0, abs(delta)) * total))
    for i in range(mlp.first.shape[1]):
        add_scaled(mlp.first[WEIGHT, i], mlp.first[TRACE, i], step, mlp.first.shape[2])
    for i in range(mlp.second.shape[1]):
        add_scaled(mlp.second[WEIGHT, i], mlp.second[TRACE, i], step, mlp.second.shape[2])
    for i in range(mlp.head.shape[1]):
        add_scaled(mlp.head[WEIGHT, i], mlp.head[TRACE, i], step, mlp.head.shape[2])


@native
def arrive(net):
    """The next observation becomes the present; an action is drawn."""
    shared = net.shared[0]
    for c in range(net.z.shape[1]):
        net.z[0, c] = net.z[1, c]
    evaluate(net.actor, net.z[0])
    pi = net.actor.output[1]
    softmax(net.actor.output[0], pi)
    rest, chosen = uniform(shared.seed, shared.step, 0), 0
    while chosen < pi.shape[0] - 1 and rest >= pi[chosen]:
        rest -= pi[chosen]
        chosen += 1
    net.action[0] = chosen
    shared.step += 1


@entry
def begin(observation, net, rules, horizon):
    net.shared[0].age = 0
    net.shared[0].episode += 1
    for mlp in (net.actor, net.critic):
        mlp.first[TRACE] = 0
        mlp.second[TRACE] = 0
        mlp.head[TRACE] = 0
    normaliser.normalise(net, observation, 1, False, horizon, True, True, rules)
    arrive(net)


@entry
def proceed(reward, observation, terminated, truncated, net, rules, horizon, trace, actor_kappa, critic_kappa, entropy):
    shared = net.shared[0]
    shared.age += 1
    ended = terminated or truncated
    scaled = normaliser.reward_unit(net, reward, ended, rules)
    normaliser.normalise(net, observation, 1, False, horizon, True, False, rules)
    keep = net.z.dtype.type(rules.discount * trace)
    evaluate(net.critic, net.z[1])
    future = 0.0 if terminated else rules.discount * float(net.critic.output[0, 0])
    evaluate(net.critic, net.z[0])
    delta = scaled + future - float(net.critic.output[0, 0])
    shared.td_error = delta
    net.critic.output[1, 0] = 1
    total = backward(net.critic, net.z[0], keep)
    bounded_step(net.critic, delta, total, critic_kappa)
    y, g = net.actor.output[0], net.actor.output[1]
    softmax(y, g)
    uncertainty = 0.0
    for h in range(g.shape[0]):
        uncertainty -= float(g[h]) * math.log(float(g[h]) + 1e-12)
    tau = entropy * (1.0 if delta > 0 else -1.0)
    for h in range(g.shape[0]):
        p = float(g[h])
        g[h] = -p - tau * p * (math.log(p + 1e-12) + uncertainty)
    g[int(net.action[0])] += 1
    total = backward(net.actor, net.z[0], keep)
    bounded_step(net.actor, delta, total, actor_kappa)
    if ended:
        shared.finished += 1
    else:
        arrive(net)
