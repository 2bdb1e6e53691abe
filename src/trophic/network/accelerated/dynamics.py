"""The forward step and the traces, as in `trophic.network.dynamics` and `trophic.network.credit`.

Every function takes the arrays of one stream by name and returns those that it changes.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from trophic.network.accelerated.arrays import Arrays, Plan

_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def mixed(key: jax.Array) -> jax.Array:
    """Finaliser of SplitMix64: 64 random bits that are a function of ``key`` (uint64)."""
    z = key + jnp.uint64(_GOLDEN)
    z = (z ^ (z >> jnp.uint64(30))) * jnp.uint64(_FIRST)
    z = (z ^ (z >> jnp.uint64(27))) * jnp.uint64(_SECOND)
    return z ^ (z >> jnp.uint64(31))


def uniform(seed: Any, step: Any, item: Any) -> jax.Array:
    """Numbers in (0, 1) that are a function of (seed, step, item)."""
    keys = [jnp.asarray(k).astype(jnp.uint64) for k in (seed, step, item)]
    bits = mixed(mixed(mixed(keys[0]) ^ keys[1]) ^ keys[2])
    return ((bits >> jnp.uint64(11)).astype(jnp.float64) + 0.5) * (1.0 / 9007199254740992.0)


def normal(seed: Any, step: Any, item: Any) -> jax.Array:
    """Standard normal numbers of (seed, step, item), by Box and Muller."""
    radius = jnp.sqrt(-2.0 * jnp.log(uniform(seed, step, 2 * item)))
    return radius * jnp.cos(2.0 * math.pi * uniform(seed, step, 2 * item + 1))


def blocks(s: Arrays, signal: jax.Array) -> jax.Array:
    """A signal of all neurons, (N,), by block, (B, l)."""
    return signal.reshape(s["slots"].shape[0], -1)


def drive(s: Arrays, inputs: jax.Array, plan: Plan) -> Arrays:
    """p of every block, and v of every edge; weights take the change that waits, W <- W - scale trace credit^T."""
    senders = s["slots"]
    x, trace, credit = (blocks(s, s[name]) for name in ("x", "trace", "credit"))
    weights = s["weights"]
    if plan.uses("plasticity", "gated") and s["eligibility"].shape[0] == 0:
        scaled = plan.cast(s["edges.scale"])[:, :, None] * trace[senders]
        change = scaled[:, :, :, None] * credit[:, None, None, :]
        weights = weights - without_self(change)
    heard = jnp.einsum("bsml,bsm->bsl", weights, x[senders])
    p = blocks(s, s["bias"]) + fed(s, inputs) + heard.sum(axis=1)
    return {"weights": weights, "sent": heard, "p": p.ravel(), "edges.scale": jnp.zeros_like(s["edges.scale"])}


def fed(s: Arrays, inputs: jax.Array) -> jax.Array:
    """W_in u of every block, (B, l)."""
    u = jnp.where(s["feeds"] >= 0, inputs[s["feeds"]], 0)
    return jnp.einsum("bfl,bf->bl", s["input_weights"], u)


def without_self(change: jax.Array) -> jax.Array:
    """``change`` (B, S, l, l) without self-connections: slot 0 is the block itself."""
    size = change.shape[-1]
    keep = jnp.ones((change.shape[1], size, size), change.dtype).at[0].set(1 - jnp.eye(size, dtype=change.dtype))
    return change * keep


def forward(s: Arrays, inputs: jax.Array, plan: Plan, rules: Any) -> Arrays:
    """One step of all blocks on the scaled inputs (C,); z = [x; u; 1] in "features"."""
    driven = drive(s, inputs, plan)
    leak = plan.cast(rules.leak)
    h = jnp.tanh(driven.pop("p"))
    n, noise = h.size, plan.cast(0.0)
    if plan.noisy:
        noise = plan.cast(rules.noise * normal(s["shared.seed"], s["shared.step"], jnp.arange(n)))
    x = (1 - leak) * s["x"] + leak * h + noise
    if plan.uses("protection", "ghosts"):
        driven["ghosts"] = haunt(s | driven, inputs, noise, plan, rules)
    features = s["features"].at[:n].set(x).at[n : n + inputs.size].set(inputs).at[n + inputs.size].set(1)
    step = s["shared.step"] + 1
    slope = leak * (1 - h * h)
    return driven | {"x_old": s["x"], "x": x, "slope": slope, "features": features, "shared.step": step}


def trace(s: Arrays, plan: Plan, rules: Any) -> Arrays:
    """Traces of senders after a forward step."""
    stay, come, source = 1.0 - rules.leak, 1.0, s["x_old"]
    if plan.uses("trace", "published"):
        stay = math.exp(-0.1)
        come, source = (1.0 - stay) * (1.0 - rules.leak), s["x"]
    elif plan.uses("trace", "published_code"):
        stay, come, source = math.exp(-1.0 / 30.0), 1.0 - math.exp(-1.0 / 3.0), s["x"]
    return {"trace": plan.cast(stay) * s["trace"] + plan.cast(come) * source}


def influence(s: Arrays, rules: Any) -> jax.Array:
    """dx/dW after a forward step, for exact credit, as in `trophic.network.exact`."""
    n_blocks, _, size = s["weights"].shape[:3]
    before = s["influence"].reshape(n_blocks, size, -1)
    pushed = jnp.einsum("bsml,bsmw->blw", s["weights"], before[s["slots"]])  # the weights of a free slot are zero
    heard = jnp.where(s["slots"][:, :, None] >= 0, blocks(s, s["x_old"])[s["slots"]], 0)
    ends = without_self(jnp.broadcast_to(heard[..., None], s["weights"].shape))  # x_m of the weight from m to l
    own = ends[:, None, :, :, :] * jnp.eye(size, dtype=ends.dtype)[None, :, None, None, :]  # (B, k, S, m, l), k = l
    rows = jnp.arange(n_blocks)
    pushed = pushed.reshape(n_blocks, size, n_blocks, -1).at[rows, :, rows].add(own.reshape(n_blocks, size, -1))
    slope = blocks(s, s["slope"])[:, :, None]
    rest = (1.0 - rules.leak).astype(before.dtype)
    return (rest * before + slope * pushed.reshape(before.shape)).reshape(s["influence"].shape)


def haunt(s: Arrays, inputs: jax.Array, noise: Any, plan: Plan, rules: Any) -> jax.Array:
    """Ghosts (H, 2, N) of the silent heads, one step on: the network with the edges of when each fell silent."""
    driven = blocks(s, s["bias"]) + fed(s, inputs)
    leak = plan.cast(rules.leak)

    def one(ghost: jax.Array, silent: jax.Array) -> jax.Array:
        old = (s["slots"] >= 0) & (s["edges.born"] <= silent)
        sender = jnp.where(old[:, :, None], blocks(s, ghost[0])[s["slots"]], 0)
        p = driven + jnp.einsum("bsml,bsm->bl", s["weights"], sender)
        now = (1 - leak) * ghost[0] + leak * jnp.tanh(p.ravel()) + noise
        return jnp.where(silent > 0, jnp.stack([now, ghost[0]]), ghost)

    return jax.vmap(one)(s["ghosts"], s["heads.silent"])


def predict(s: Arrays) -> Arrays:
    """R z of all heads; a silent one with a ghost reads that."""
    output = s["readout"] @ s["features"]
    n_ghosts = s["ghosts"].shape[0]
    if n_ghosts:
        away = jnp.where((s["heads.silent"] > 0)[:, None], s["ghosts"][:, 0] - s["features"][: s["x"].size], 0)
        missed = jnp.sum(s["readout"][:n_ghosts, : s["x"].size] * away, axis=1)
        output = output.at[:n_ghosts].add(missed)
    return {"output": output}


def issue(s: Arrays, plan: Plan) -> Arrays:
    """The forecasts of this sample, in the signals' units."""
    n_heads = s["feedback"].shape[0]
    first = plan.n_inputs if plan.labelled else 0
    channel = first + jnp.arange(s["output"].size) % n_heads
    row = s["channels.origin"][channel] + s["channels.unit"][channel] * s["output"]
    return {"issued": s["issued"].at[s["shared.step"] % s["issued"].shape[0]].set(row)}


def step(s: Arrays, good: jax.Array, plan: Plan, rules: Any) -> Arrays:
    """The forward step; a missing input is what the network expected (with targets: its mean)."""
    expected = plan.cast(0.0) if plan.labelled else s["output"][: plan.n_inputs]
    scaled = jnp.where(good[: plan.n_inputs], plan.cast(s["channels.scaled"][: plan.n_inputs]), expected)
    clip = plan.cast(rules.input_clip)
    inputs = jnp.clip(scaled, -clip, clip)
    s = s | forward(s, inputs, plan, rules)
    s |= trace(s, plan, rules)
    if plan.uses("trace", "exact"):
        s |= {"influence": influence(s, rules)}
    s |= predict(s)
    return s | issue(s, plan)


def recall(s: Arrays, ago: int, plan: Plan) -> jax.Array:
    """What was forecast for the present sample, (H, horizons); NaN before there was a forecast."""
    n_heads = s["feedback"].shape[0]
    columns = []
    for q, horizon in enumerate(plan.horizons):
        past = s["shared.step"] + ago - horizon
        row = s["issued"][(past + 1 - ago) % s["issued"].shape[0], q * n_heads : (q + 1) * n_heads]
        columns.append(jnp.where(past >= ago, row, jnp.nan))
    return jnp.stack(columns, axis=1)
