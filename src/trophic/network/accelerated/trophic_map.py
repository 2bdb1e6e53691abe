"""The trophic field map, as in `trophic.network.trophic_map`.

"z" holds the evidence of all candidates, a normal deviate each, where structure is due; elsewhere it does not exist.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from trophic.network.accelerated.arrays import Arrays, Plan
from trophic.network.accelerated.dynamics import blocks, uniform
from trophic.network.layout import BATCH


def listen(s: Arrays, plan: Plan, rules: Any) -> Arrays:
    """Sketches of this sample into the buffer."""
    signals = jnp.stack([blocks(s, s["scout"]), blocks(s, s["trace"])])
    sketched = jnp.einsum("djlr,djl->djr", s["sketches"], signals)
    slot = s["shared.n_map"] % BATCH
    rate = plan.cast(jnp.maximum(rules.map_rate, 1.0 / (s["shared.n_map"] + 1)))
    middle = s["middle"] + rate * (sketched[1] - s["middle"])
    sketched = jnp.stack([sketched[0], sketched[1] - middle])
    after = {
        "buffer": s["buffer"].at[slot].set(sketched),
        "middle": middle,
        "shared.n_map": s["shared.n_map"] + 1,
    }
    if s["candidates"].shape[1] < s["slots"].shape[0]:
        after |= attend(s | after, sketched[1], rules)
    return after


def attend(s: Arrays, sketched: jax.Array, rules: Any) -> Arrays:
    """Running moments of the error's size |e| and of the power of each block's whitened trace."""
    watched = s["shared.n_map"] - rules.warm_up
    rate = jnp.maximum(rules.map_rate, 1.0 / jnp.maximum(watched, 1.0))
    surprise = jnp.sum(jnp.abs(s["error"])).astype(jnp.float64) - s["shared.surprise"]
    square = s["shared.surprise_square"]
    white = jnp.einsum("ipq,iq->ip", s["whiteners"][1], sketched)
    energy = jnp.sum(white * white, axis=1).astype(jnp.float64) - s["blocks.energy"]
    after = {
        "shared.surprise": s["shared.surprise"] + rate * surprise,
        "shared.surprise_square": square + rate * (surprise * surprise - square),
        "blocks.energy": s["blocks.energy"] + rate * energy,
        "blocks.energy_square": s["blocks.energy_square"] + rate * (energy * energy - s["blocks.energy_square"]),
        "blocks.joint": s["blocks.joint"] + rate * (energy * surprise - s["blocks.joint"]),
    }
    return {name: jnp.where(watched > 0, value, s[name]) for name, value in after.items()}


def published(s: Arrays, plan: Plan, rules: Any) -> Arrays:
    """One sample of either published map."""
    size = s["weights"].shape[-1]
    credit, trace = (blocks(s, s[name]).astype(jnp.float64) for name in ("scout", "trace"))
    if plan.uses("map", "published_code"):
        n = s["x"].size
        power = 1e-9 + jnp.sum(s["features"][:n].astype(jnp.float64) ** 2)
        value = jnp.abs(trace @ credit.T) / size / power  # its rows are senders
    else:
        value = jnp.abs(credit.sum(axis=1)[:, None] * trace.sum(axis=1)) / size**2
    return {"field": s["field"] + rules.map_rate * (value - s["field"])}


def update(s: Arrays, plan: Plan, rules: Any) -> Arrays:
    """The map after a sample whose credit has been assigned."""
    if plan.uses("map", "signed"):
        return listen(s, plan, rules)
    if plan.uses("map", "published", "published_code"):
        return published(s, plan, rules)
    return {}


def flush(s: Arrays, rules: Any) -> Arrays:
    """The buffer enters the moments of every block and the evidence of every candidate."""
    stay = (1.0 - rules.map_rate) ** BATCH
    buffer = s["buffer"]
    moments = stay * s["moments"] + jnp.einsum("tdjp,tdjq->djpq", buffer, buffer)
    heard = buffer[:, 1][:, s["candidates"]]  # (BATCH, B, C, RANK)
    others = s["candidates"] != jnp.arange(len(s["candidates"]))[:, None]
    tiles = jnp.einsum("tjp,tjcq->jcpq", buffer[:, 0], heard)
    evidence = stay.astype(tiles.dtype) * s["evidence"] + tiles
    return {"moments": moments, "evidence": jnp.where(others[:, :, None, None], evidence, s["evidence"])}


def whiten(moments: jax.Array, ridge: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """L^-1 of one second moment plus ridge (L L^T), its degrees of freedom, and whether there is power at all."""
    rank = moments.shape[0]
    mean = jnp.trace(moments) / rank
    usable = mean > 0.0
    eye = jnp.eye(rank)
    left = jnp.where(usable, moments / jnp.where(usable, mean, 1.0), eye) + ridge * eye
    lower = jnp.zeros_like(left)
    for q in range(rank):  # Cholesky, column by column
        column = jnp.where(jnp.arange(rank) >= q, left[:, q], 0.0)
        column = column.at[q].set(jnp.maximum(column[q], 1e-12)) / jnp.sqrt(jnp.maximum(left[q, q], 1e-12))
        lower = lower.at[:, q].set(column)
        left = left - column[:, None] * column
    inverse = jnp.zeros_like(lower)
    for p in range(rank):  # forward substitution, row by row
        inverse = inverse.at[p].set((eye[p] - lower[p] @ inverse) / lower[p, p])
    freedom = jnp.where(usable, rank - ridge * jnp.sum(inverse * inverse), 0.0)
    return inverse / jnp.sqrt(jnp.where(usable, mean, 1.0)), freedom, usable


def whiten_all(s: Arrays, rules: Any) -> Arrays:
    """Whiteners and degrees of freedom of all blocks."""
    both = jax.vmap(jax.vmap(whiten, in_axes=(0, None)), in_axes=(0, None))
    inverse, freedom, usable = both(s["moments"], rules.ridge)
    whiteners = jnp.where(usable[:, :, None, None], inverse.astype(s["whiteners"].dtype), s["whiteners"])
    return {"whiteners": whiteners, "blocks.credit_freedom": freedom[0], "blocks.trace_freedom": freedom[1]}


def weight_sums(n: jax.Array, rules: Any) -> tuple[jax.Array, jax.Array]:
    """Sum of the weights, and of their squares, of the last n samples."""
    stay = (1.0 - rules.map_rate) ** BATCH
    m = n // BATCH
    return BATCH * (1.0 - stay**m) / (1.0 - stay), BATCH * (1.0 - stay ** (2 * m)) / (1.0 - stay * stay)


def pair_evidence(s: Arrays, rules: Any) -> jax.Array:
    """Evidence of every candidate (B, C) as a standard normal deviate."""
    n = s["shared.n_map"] - s["since"]
    freedom = s["blocks.credit_freedom"][:, None] * s["blocks.trace_freedom"][s["candidates"]]
    usable = (n >= BATCH) & (freedom > 0.0)
    freedom = jnp.where(usable, freedom, 1.0)
    squares = jnp.where(usable, weight_sums(n, rules)[1], 1.0)
    total = weight_sums(s["shared.n_map"], rules)[0]
    left, right = s["whiteners"][0].astype(jnp.float64), s["whiteners"][1][s["candidates"]].astype(jnp.float64)
    tiles = jnp.einsum("jpk,jckq->jcpq", left, s["evidence"].astype(jnp.float64))
    white = jnp.einsum("jcpk,jcqk->jcpq", tiles, right)
    chi = jnp.sum(white * white, axis=(2, 3)) * total * total / squares
    share = 2.0 / (9.0 * freedom)
    return jnp.where(usable, (jnp.cbrt(chi / freedom) - (1.0 - share)) / jnp.sqrt(share), 0.0)


def connected(s: Arrays, i: jax.Array) -> jax.Array:
    """Whether row j hears block i[j, ..]; ``i`` has rows as first axis."""
    slots = s["slots"].reshape(s["slots"].shape[0], *(1,) * (i.ndim - 1), -1)
    return jnp.any(slots == i[..., None], axis=-1)


def on_trial(s: Arrays) -> jax.Array:
    """Whether a trial of row j is about candidate c, (B, C)."""
    return jnp.any(s["trials.source"][:, None, :] == s["candidates"][:, :, None] + 1, axis=2)


def forget(s: Arrays, which: jax.Array) -> Arrays:
    """The evidence of the candidates in the mask (B, C) starts again."""
    return {
        "evidence": jnp.where(which[:, :, None, None], 0, s["evidence"]),
        "since": jnp.where(which, s["shared.n_map"], s["since"]),
        "z": jnp.where(which, 0.0, s["z"]),
    }


def find_salient(s: Arrays) -> Arrays:
    """The blocks whose trace tells most about the size of the error, by the correlation of the two."""
    spread = jnp.sqrt(s["blocks.energy_square"] * s["shared.surprise_square"] + 1e-300)
    salience = jnp.abs(s["blocks.joint"]) / spread
    found = jax.lax.top_k(salience, s["salient"].size)[1]
    return {"blocks.salience": salience, "salient": found.astype(jnp.int64)}


def rotate(s: Arrays, rules: Any) -> Arrays:
    """Replaces watched candidates whose evidence is ordinary; nothing to do where all pairs are watched."""
    n_blocks, n_candidates = s["candidates"].shape
    if n_candidates == n_blocks:
        return {}
    s = s | find_salient(s)
    rows, trial = jnp.arange(n_blocks), on_trial(s)
    young = (s["shared.n_map"] - s["since"] < rules.window) | (s["z"] > rules.rotation)
    ordinary = ~trial & (connected(s, s["candidates"]) | ~young)

    def replace(c: Any, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        candidates, replaced = carry
        u = uniform(s["shared.seed"], s["shared.step"], 1000003 + rows * n_candidates + c)
        salient = s["salient"][(u * u * s["salient"].size).astype(jnp.int64)]
        i = jnp.where(c % 2 == 1, salient, (u * n_blocks).astype(jnp.int64))
        watched = (i == rows) | connected(s, i) | jnp.any(candidates == i[:, None], axis=1)
        new = ordinary[:, c] & ~watched
        return candidates.at[:, c].set(jnp.where(new, i, candidates[:, c])), replaced.at[:, c].set(new)

    candidates, replaced = jax.lax.fori_loop(0, n_candidates, replace, (s["candidates"], jnp.zeros_like(trial)))
    return s | {"candidates": candidates} | forget(s, replaced)
