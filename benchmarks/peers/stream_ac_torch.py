"""Stream AC(lambda) in PyTorch, as its authors publish it: autograd, one sample at a time; for speed only.

The algorithm is that of `benchmarks.peers.stream_ac`, with the units of observations and rewards left out of the count.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn


def layers(n_in: int, n_out: int, width: int) -> nn.Sequential:
    """Two hidden layers with layer normalisation and leaky rectifiers."""
    hidden: list[nn.Module] = []
    for size in (n_in, width):
        hidden += [nn.Linear(size, width), nn.LayerNorm(width, elementwise_affine=False), nn.LeakyReLU()]
    return nn.Sequential(*hidden, nn.Linear(width, n_out))


class StreamACTorch:
    """Actor and critic with eligibility traces and the bounded step ObGD."""

    def __init__(self, n_observations: int, n_actions: int, width: int = 128) -> None:
        self._actor, self._critic = layers(n_observations, n_actions, width), layers(n_observations, 1, width)
        self._traces = [[torch.zeros_like(p) for p in net.parameters()] for net in (self._actor, self._critic)]

    def act(self, observation: np.ndarray) -> int:
        """An action drawn from the policy."""
        with torch.no_grad():
            logits = self._actor(torch.from_numpy(observation))
        return int(torch.distributions.Categorical(logits=logits).sample())

    def learn(self, observation: np.ndarray, action: int, reward: float, after: np.ndarray, ended: bool) -> None:
        """One transition."""
        o, o_after = torch.from_numpy(observation), torch.from_numpy(after)
        value = self._critic(o)
        with torch.no_grad():
            future = 0.0 if ended else 0.99 * float(self._critic(o_after))
        delta = reward + future - float(value.detach())
        policy = torch.distributions.Categorical(logits=self._actor(o))
        objective = policy.log_prob(torch.tensor(action)) + 0.01 * np.sign(delta) * policy.entropy()
        for net, traces, goal, kappa in (
            (self._actor, self._traces[0], objective, 3.0),
            (self._critic, self._traces[1], value.sum(), 2.0),
        ):
            self._step(net, traces, goal, delta, kappa, ended)

    def _step(
        self, net: nn.Module, traces: list[Any], objective: torch.Tensor, delta: float, kappa: float, ended: bool
    ) -> None:
        gradients = torch.autograd.grad(objective, list(net.parameters()))
        with torch.no_grad():
            total = 0.0
            for trace, gradient in zip(traces, gradients):
                trace.mul_(0.99 * 0.8).add_(gradient)
                total += float(trace.abs().sum())
            step = delta / max(1.0, kappa * max(1.0, abs(delta)) * total)
            for parameter, trace in zip(net.parameters(), traces):
                parameter.add_(trace, alpha=step)
                if ended:
                    trace.zero_()
