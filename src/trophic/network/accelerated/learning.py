"""What one sample teaches the readout, the feedback, biases and shares, as in the native modules of those names."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from trophic.network.accelerated.arrays import Arrays, Plan
from trophic.network.homeostasis import PACE
from trophic.network.protection import EVERY, REST


def compare(s: Arrays, good: jax.Array, plan: Plan) -> Arrays:
    """e = R z - y of every head with a target, 0 of the others."""
    first, n_heads = (plan.n_inputs if plan.labelled else 0), s["feedback"].shape[0]
    active = good[first : first + n_heads]
    target = plan.cast(s["channels.scaled"][first : first + n_heads])
    error = jnp.where(active, s["output"][:n_heads] - target, 0)
    return {"error": error, "heads.active": active.astype(jnp.int64)}


def gate(s: Arrays, plan: Plan, rules: Any) -> Arrays:
    """gamma: mean over active heads of min(1, E e^2/E y^2)."""
    first, n_heads = (plan.n_inputs if plan.labelled else 0), s["feedback"].shape[0]
    active = s["heads.active"] == 1
    rate = jnp.maximum(rules.gate_rate, 1.0 / (1.0 + s["shared.n_learned"]))
    target = s["channels.scaled"][first : first + n_heads]
    error_power, target_power = s["heads.error_power"], s["heads.target_power"]
    error_power = jnp.where(active, error_power + rate * (s["error"] ** 2 - error_power), error_power)
    target_power = jnp.where(active, target_power + rate * (target**2 - target_power), target_power)
    left = jnp.where(active, jnp.minimum(1.0, error_power / (target_power + 1e-300)), 0.0)
    gamma = left.sum() / jnp.maximum(1, active.sum())
    return {"heads.error_power": error_power, "heads.target_power": target_power, "shared.gate": gamma}


def assign(s: Arrays, plan: Plan) -> Arrays:
    """L = F^T e and d = L g for every neuron, and the credit that the map gathers."""
    n, n_heads = s["x"].size, s["feedback"].shape[0]
    feedback = s["readout"][:n_heads, :n] if plan.uses("feedback", "symmetric") else s["feedback"]
    signal = s["error"] @ feedback
    credit = signal * s["slope"]
    scout = (s["error"] @ s["scouts"]) * s["slope"] if plan.uses("scouting", "random") else credit
    return {"feedback_signal": signal, "credit": credit, "scout": scout}


def find_gain(s: Arrays, plan: Plan, rules: Any) -> Arrays:
    """k = P z and D of this sample's z, after the update of P that waited."""
    z = s["features"]
    if plan.uses("readout", "nlms"):
        return {"gain": plan.cast(rules.nlms_rate) * z, "shared.spread": 1e-12 + (z @ z).astype(jnp.float64)}
    blockwise = plan.uses("readout", "block_rls")
    n_parts, part = s["precision"].shape[:2]
    parts, w, f = (a.reshape(n_parts, part) for a in (z, s["waiting"], s["image"]))
    relax = s["relax"][:, None, None]
    if blockwise:
        precision = (s["precision"] - f[:, :, None] * w[:, None, :]) * plan.cast(jnp.sqrt(relax))
        f = jnp.einsum("qmn,qn->qm", precision, parts)
        gain = jnp.einsum("qmn,qm->qn", precision, f)
        power, size = jnp.sum(f * f, axis=1), jnp.sum(precision * precision, axis=(1, 2))
    else:
        precision = (s["precision"] - w[:, :, None] * w[:, None, :]) * plan.cast(relax)
        gain = jnp.einsum("qmn,qn->qm", precision, parts)
        power, size = jnp.sum(parts * gain, axis=1), jnp.trace(precision, axis1=1, axis2=2)
    lost = ~(power >= 0)
    prior, root = plan.cast(rules.prior), plan.cast(jnp.sqrt(rules.prior))
    anew = (root if blockwise else prior) * jnp.eye(part, dtype=precision.dtype)
    precision = jnp.where(lost[:, None, None], anew, precision)
    gain, f = jnp.where(lost[:, None], parts * prior, gain), jnp.where(lost[:, None], parts * root, f)
    power = jnp.where(lost, jnp.sum(parts * gain, axis=1), power).astype(jnp.float64)
    wound_up = jnp.where(lost, 0, size) > part * rules.prior * rules.prior_cap
    spread = rules.forgetting + jnp.sum(power)
    half = 1.0 / (spread * (1.0 + jnp.sqrt(1.0 - power / spread)))
    factor = plan.cast(half if blockwise else 1.0 / jnp.sqrt(spread))
    return {
        "precision": precision,
        "gain": gain.ravel(),
        "waiting": (gain * factor[..., None]).ravel(),
        "image": f.ravel(),
        "relax": jnp.where(wound_up, 1.0, 1.0 / rules.forgetting),
        "shared.spread": spread,
    }


def raise_prior(s: Arrays, j: jax.Array, do: Any, rules: Any) -> Arrays:
    """P of the features of block ``j`` gains ``birth_prior`` on its diagonal."""
    precision, size = s["precision"], s["weights"].shape[-1]
    extra = jnp.where(do, rules.birth_prior, 0.0)
    if precision.shape[0] <= 1:
        own = jnp.arange(precision.shape[-1]) // size == j if precision.size else jnp.zeros(precision.shape[-1])
        added = jnp.diag(jnp.where(own, extra, 0.0)).astype(precision.dtype)
        return {"precision": precision + added}
    w, f = (s[name].reshape(-1, size) for name in ("waiting", "image"))
    root = (precision[j] - jnp.outer(f[j], w[j])) * jnp.sqrt(s["relax"][j]).astype(precision.dtype)
    wide = root.astype(jnp.float64)
    upper = jnp.linalg.cholesky(wide.T @ wide + extra * jnp.eye(size)).T.astype(precision.dtype)
    return {
        "precision": precision.at[j].set(jnp.where(do, upper, precision[j])),
        "waiting": w.at[j].set(jnp.where(do, 0, w[j])).ravel(),
        "image": f.at[j].set(jnp.where(do, 0, f[j])).ravel(),
        "relax": s["relax"].at[j].set(jnp.where(do, 1.0, s["relax"][j])),
    }


def learn_readout(s: Arrays, plan: Plan, rules: Any) -> Arrays:
    """R <- R - e k^T/D for every one-step head, projected to the largest norm allowed."""
    error = s["error"]
    n_heads = error.size
    rows = s["readout"][:n_heads] + plan.cast(-error / s["shared.spread"])[:, None] * s["gain"]
    norm = jnp.sqrt(jnp.sum(rows * rows, axis=1))
    too_long = (norm > rules.readout_cap) & (rules.readout_cap < 1e30) & (error != 0)
    rows = rows * jnp.where(too_long, plan.cast(rules.readout_cap / norm), 1)[:, None]
    return {"readout": s["readout"].at[:n_heads].set(rows)}


def learn_horizons(s: Arrays, good: jax.Array, plan: Plan) -> Arrays:
    """Heads further ahead, from the features and gains of the sample that made the forecast."""
    past, readout = s["past"], s["readout"]
    length, n_heads = past.shape[0], s["error"].size
    if length == 0:
        return {}
    step = s["shared.step"]
    newest = jnp.stack([s["features"], s["gain"] / plan.cast(s["shared.spread"])])
    past = past.at[(step - 1) % length].set(newest)
    target = plan.cast(s["channels.scaled"][:n_heads])
    for q, horizon in enumerate(plan.horizons[1:], start=1):
        then = past[(step - horizon) % length]
        rows = readout[q * n_heads : (q + 1) * n_heads]
        taught = good[:n_heads] & (step >= horizon)
        error = jnp.where(taught, rows @ then[0] - target, 0)
        readout = readout.at[q * n_heads : (q + 1) * n_heads].add(-error[:, None] * then[1])
    return {"past": past, "readout": readout}


def learn_feedback(s: Arrays, plan: Plan, rules: Any) -> Arrays:
    """Feedback weights after the readout has moved by -e k^T/D."""
    error, feedback, n, n_heads = s["error"], s["feedback"], s["x"].size, s["error"].size
    if plan.uses("feedback", "learned"):
        keep = jnp.where(error != 0, plan.cast(1.0 - rules.feedback_decay), 1)[:, None]
        step = plan.cast(-error / s["shared.spread"])[:, None]
        readout = s["readout"].at[:n_heads, :n].multiply(keep)
        return {"feedback": keep * feedback + step * s["gain"][:n], "readout": readout}
    if plan.uses("feedback", "published"):
        difference = error @ (feedback - s["readout"][:n_heads, :n])
        rate = jnp.minimum(rules.feedback_rate, 1.0 / (1e-30 + jnp.sum(error.astype(jnp.float64) ** 2)))
        return {"feedback": feedback - plan.cast(rate) * error[:, None] * difference}
    return {}


def adjust_bias(s: Arrays, plan: Plan, rules: Any) -> Arrays:
    """Published homeostasis: activity traces, and the drift of the bias towards the activity aimed at."""
    x, activity = s["x"], s["activity"]
    power = 1e-9 + jnp.sum(x.astype(jnp.float64) ** 2)
    activity = activity + plan.cast(PACE) * (jnp.abs(x) - activity)
    bias = s["bias"] + plan.cast(rules.bias_rate / power) * (plan.cast(rules.activity) - activity)
    return {"activity": activity, "bias": bias}


def protect(s: Arrays, plan: Plan, rules: Any) -> Arrays:
    """Every few samples the shares of the active heads, and the plasticity kappa of every block."""
    n_heads, n_blocks = s["error"].size, s["slots"].shape[0]
    n = s["x"].size
    active = (s["heads.active"] == 1)[:, None]
    weights = s["readout"][:n_heads, :n].reshape(n_heads, n_blocks, -1)
    part = jnp.sum(weights * s["x"].reshape(n_blocks, -1), axis=2).astype(jnp.float64)
    mean, variance = s["shares"][:, :, 0], s["shares"][:, :, 1]
    difference = jnp.where(active, part - mean, 0.0)
    mean = mean + REST * difference
    variance = jnp.where(active, variance + REST * ((1.0 - REST) * difference**2 - variance), variance)
    leaves = ((s["heads.was_active"] == 1) & (s["heads.active"] == 0))[:, None]
    spare = leaves & (n_blocks * variance < 0.5 * (1e-300 + variance.sum(axis=1, keepdims=True)))
    folded = jnp.where(spare, mean, 0.0).sum(axis=1)
    weights = jnp.where(spare[:, :, None], 0, weights).reshape(n_heads, n)
    bias = s["readout"][:n_heads, n + plan.n_inputs] + plan.cast(folded)
    readout = s["readout"].at[:n_heads, :n].set(weights).at[:n_heads, n + plan.n_inputs].set(bias)
    mean, variance = jnp.where(spare, 0.0, mean), jnp.where(spare, 0.0, variance)
    share = jnp.where(active, 0.0, variance / (1e-300 + variance.sum(axis=1, keepdims=True)))
    after = {
        "shares": jnp.stack([mean, variance], axis=2),
        "readout": readout,
        "heads.was_active": s["heads.active"],
        "heads.silent": jnp.where(active[:, 0], 0, s["heads.silent"]),
    }
    if plan.uses("protection", "ghosts"):
        falls = leaves[:, 0]
        after["heads.silent"] = jnp.where(falls, s["shared.step"], after["heads.silent"])
        after["ghosts"] = s["ghosts"].at[:, 0].set(jnp.where(falls[:, None], s["x"], s["ghosts"][:, 0]))
    carried = up_the_wires(s | {"heads.silent": after["heads.silent"]}, share.max(axis=0))
    after["blocks.plastic"] = 1.0 / (1.0 + (2.0 * n_blocks * carried) ** rules.share_power)
    due = s["shared.n_learned"] % EVERY == 0
    return {name: jnp.where(due, value, s[name]) for name, value in after.items()}


def last_silence(s: Arrays) -> Any:
    """Step at which the last of the heads that have ghosts fell silent; without ghosts no edge is too young."""
    return jnp.max(s["heads.silent"]) if s["ghosts"].shape[0] else jnp.asarray(1 << 62)


def up_the_wires(s: Arrays, share: jax.Array) -> jax.Array:
    """Every block counts as much as any block that hears it, and so on."""
    n_blocks, n_slots = s["slots"].shape
    receiver = jnp.repeat(jnp.arange(n_blocks), n_slots)
    old = (s["slots"] >= 0) & (s["edges.born"] <= last_silence(s))
    sender = jnp.where(old, s["slots"], n_blocks).ravel()  # one too far: dropped

    def spread(carry: tuple[jax.Array, Any]) -> tuple[jax.Array, Any]:
        share, _ = carry
        after = share.at[sender].max(share[receiver], mode="drop")
        return after, jnp.any(after != share)

    return jax.lax.while_loop(lambda carry: carry[1], spread, (share, jnp.asarray(True)))[0]
