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
    n_parts, part = s["precision"].shape[:2]
    parts, w = z.reshape(n_parts, part), s["waiting"].reshape(n_parts, part)
    relax = plan.cast(s["relax"])[:, None, None]
    precision = (s["precision"] - w[:, :, None] * w[:, None, :]) * relax
    gain = plan.cast(jnp.einsum("qmn,qn->qm", precision, parts.astype(precision.dtype)))
    power = jnp.sum(parts * gain, axis=1)
    lost = ~(power >= 0)
    prior = plan.cast(rules.prior)
    precision = jnp.where(lost[:, None, None], prior * jnp.eye(part, dtype=precision.dtype), precision)
    gain = jnp.where(lost[:, None], parts * prior, gain)
    power = jnp.where(lost, jnp.sum(parts * gain, axis=1), power)
    size = jnp.where(lost, 0, jnp.trace(precision, axis1=1, axis2=2))
    wound_up = size > part * rules.prior * rules.prior_cap
    spread = rules.forgetting + jnp.sum(power.astype(jnp.float64))
    return {
        "precision": precision,
        "gain": gain.ravel(),
        "waiting": gain.ravel() * plan.cast(1.0 / jnp.sqrt(spread)),
        "relax": jnp.where(wound_up, 1.0, 1.0 / rules.forgetting),
        "shared.spread": spread,
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
        "blocks.plastic": 1.0 / (1.0 + (2.0 * n_blocks * up_the_wires(s, share.max(axis=0))) ** rules.share_power),
    }
    due = s["shared.n_learned"] % EVERY == 0
    return {name: jnp.where(due, value, s[name]) for name, value in after.items()}


def up_the_wires(s: Arrays, share: jax.Array) -> jax.Array:
    """Every block counts as much as any block that hears it, and so on."""
    n_blocks, n_slots = s["slots"].shape
    receiver = jnp.repeat(jnp.arange(n_blocks), n_slots)
    sender = jnp.where(s["slots"] >= 0, s["slots"], n_blocks).ravel()  # one too far: dropped

    def spread(carry: tuple[jax.Array, Any]) -> tuple[jax.Array, Any]:
        share, _ = carry
        after = share.at[sender].max(share[receiver], mode="drop")
        return after, jnp.any(after != share)

    return jax.lax.while_loop(lambda carry: carry[1], spread, (share, jnp.asarray(True)))[0]
