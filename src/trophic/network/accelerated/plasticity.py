"""How weights between neurons change, as in `trophic.network.plasticity`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from trophic.network.accelerated.arrays import Arrays, Plan
from trophic.network.accelerated.dynamics import blocks, without_self
from trophic.network.accelerated.learning import last_silence


def change_scale(s: Arrays, square: jax.Array, rules: Any) -> tuple[jax.Array, jax.Array]:
    """Of every edge (B, S): the running mean square of its change, and eta over its root, clipped."""
    alive, before = s["slots"] >= 0, s["edges.square"]
    after = before + jnp.maximum(0.001, 1.0 / jnp.maximum(s["edges.age"], 1)) * (square - before)
    young = s["edges.born"] > last_silence(s)
    amount = rules.rate * s["shared.gate"] * jnp.where(young, 1.0, s["blocks.plastic"][:, None])
    limit = rules.rate_clip**2 * after
    clip = jnp.where(square > limit, jnp.sqrt(limit / jnp.maximum(square, 1e-300)), 1.0)
    scale = amount / jnp.sqrt(after + 1e-30) * clip
    return jnp.where(alive, after, before), jnp.where(alive, scale, 0.0)


def gated(s: Arrays, plan: Plan, rules: Any) -> Arrays:
    """The scale of every edge's change; with eligibilities per weight, or exact gradients, the change itself."""
    senders = s["slots"]
    credit, trace, slope, signal, x_old = (
        blocks(s, s[name]) for name in ("credit", "trace", "slope", "feedback_signal", "x_old")
    )
    if plan.uses("trace", "exact"):
        gradient = (signal.ravel() @ s["influence"]).reshape(s["weights"].shape)
        square, scale = change_scale(s, jnp.sum(gradient * gradient, axis=(2, 3)).astype(jnp.float64), rules)
        change = plan.cast(scale)[:, :, None, None] * gradient
        return {"weights": s["weights"] - without_self(change), "edges.square": square}
    if s["eligibility"].shape[0] == 0:
        loud = jnp.sum(credit * credit, axis=1).astype(jnp.float64)
        heard = jnp.sum(trace * trace, axis=1).astype(jnp.float64)
        square, scale = change_scale(s, loud[:, None] * heard[senders], rules)
        return {"edges.square": square, "edges.scale": scale}
    alive = (senders >= 0)[:, :, None, None]
    rest = plan.cast(1.0 - rules.leak)
    eligibility = rest * s["eligibility"] + x_old[senders][:, :, :, None] * slope[:, None, None, :]
    eligibility = jnp.where(alive, eligibility, s["eligibility"])
    push = eligibility * signal[:, None, None, :]
    square, scale = change_scale(s, jnp.sum(push * push, axis=(2, 3)).astype(jnp.float64), rules)
    change = plan.cast(scale)[:, :, None, None] * push
    return {"eligibility": eligibility, "weights": s["weights"] - without_self(change), "edges.square": square}


def hebb_oja(s: Arrays, plan: Plan, rules: Any) -> Arrays:
    """Published change of every edge, with its projections."""
    senders = s["slots"]
    size = s["weights"].shape[-1]
    x = s["x"].astype(jnp.float64)
    scale = 1.0 / (1e-9 + jnp.sum(x * x))
    gates = jnp.tanh(scale * s["feedback_signal"] * (1.0 - x * x))
    pre = [blocks(s, a)[senders][:, :, :, None] for a in (gates, scale * s["trace"], scale * x)]
    post = [blocks(s, a)[:, None, None, :] for a in (gates, scale * s["trace"], scale * x)]
    (_, trace, x_sender), (gate, trace_post, x_receiver) = pre, post
    if plan.uses("plasticity", "published_code"):  # sender and receiver exchanged
        gate, x_sender, x_receiver = pre[0], x_receiver, x_sender
    weights = s["weights"]
    oja = x_sender * (x_receiver - x_sender * weights)
    change = gate * (rules.hebb * trace * trace_post + rules.oja * oja) - rules.decay * weights
    change = without_self(plan.cast(jnp.where((senders >= 0)[:, :, None, None], change, 0.0)))
    weights = weights + project(change, rules.change_cap)
    return {"weights": project(weights, rules.weight_cap * size**0.5)}


def project(weights: jax.Array, cap: jax.Array) -> jax.Array:
    """Every block (.., l, l) scaled down to the Frobenius norm ``cap`` if it is larger."""
    total = jnp.sum(weights.astype(jnp.float64) ** 2, axis=(-2, -1), keepdims=True)
    shrink = jnp.where(total > cap * cap, cap / jnp.sqrt(jnp.maximum(total, 1e-300)), 1.0)
    return weights * shrink.astype(weights.dtype)


def update(s: Arrays, plan: Plan, rules: Any) -> Arrays:
    """Weight changes of one sample."""
    if plan.uses("plasticity", "gated"):
        return gated(s, plan, rules)
    if plan.uses("plasticity", "published", "published_code"):
        return hebb_oja(s, plan, rules)
    return {}
