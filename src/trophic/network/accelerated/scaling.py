"""Units of the channels, as in `trophic.network.scaling`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from trophic.network.accelerated.arrays import Arrays, Plan
from trophic.network.accelerated.dynamics import predict
from trophic.network.scaling import FLAT, SETTLE, SPOILT, WATCHED


def proper_unit(mean: jax.Array, variance: jax.Array) -> jax.Array:
    """The running standard deviation; of a constant, its size; of zero, 1."""
    unit = jnp.maximum(jnp.sqrt(variance), 1e-12 * jnp.abs(mean))
    return jnp.where(unit > 0, unit, 1.0)


def screen(s: Arrays, row: jax.Array, good: jax.Array, rules: Any) -> Arrays:
    """The values that are measurements, and far ones counted; channels whose far values have stayed begin anew."""
    watched = good & (rules.scale_rate > 0) & (s["channels.n"] > WATCHED) & (s["channels.variance"] > 0)
    far = watched & (jnp.abs(row - s["channels.origin"]) > rules.far * s["channels.unit"])
    count = jnp.where(
        watched, jnp.where(far, s["channels.far"] + 1, jnp.maximum(s["channels.far"] - 1, 0)), s["channels.far"]
    )
    anew = far & (count >= rules.patience)
    return {
        "measured": good & ~(far & ~anew),
        "channels.far": jnp.where(anew, 0, count),
        "channels.n": jnp.where(anew, 0, s["channels.n"]),
    }


def begin(s: Arrays, row: jax.Array, heard: jax.Array, n: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Mean and variance of the second half of the first 4, 8 .. 256 samples."""
    half = sum((n > k) * (k - k // 2) for k in (1, 2, 4, 8, 16, 32, 64, 128))  # the largest power of two below n
    m = jnp.where(n > 1, jnp.maximum(n - half, 1), 1)
    heard &= n <= 256
    difference = row - s["channels.half_mean"]
    mean = s["channels.half_mean"] + difference / m
    variance = (1.0 - 1.0 / m) * (s["channels.half_variance"] + difference * difference / m)
    return jnp.where(heard, mean, s["channels.half_mean"]), jnp.where(heard, variance, s["channels.half_variance"])


def observe(s: Arrays, row: jax.Array, good: jax.Array, rules: Any) -> tuple[Arrays, jax.Array]:
    """Running moments after one sample, and the channels whose origin and unit should move."""
    heard = good & (rules.scale_rate > 0)
    flat = jnp.where(row == s["channels.last"], s["channels.flat"] + 1, 0)
    unchanged = {
        "channels.flat": jnp.where(heard, flat, s["channels.flat"]),
        "channels.last": jnp.where(heard, row, s["channels.last"]),
    }
    heard &= (flat < FLAT) & ((flat == 0) | (s["channels.n"] != 1))
    n = s["channels.n"] + heard
    mean, variance = s["channels.mean"], s["channels.variance"]
    rate = jnp.maximum(rules.scale_rate, 1.0 / jnp.maximum(n, 1))
    difference = row - mean
    mean = jnp.where(heard, mean + rate * difference, mean)
    variance = jnp.where(heard, (1.0 - rate) * (variance + rate * difference * difference), variance)
    half_mean, half_variance = begin(s, row, heard, n)
    early = heard & (n <= 256) & (n & (n - 1) == 0)
    spoilt = early & (n >= 8) & (variance > SPOILT**2 * half_variance) & (half_variance > 0)
    mean, variance = jnp.where(spoilt, half_mean, mean), jnp.where(spoilt, half_variance, variance)
    deviation, unit = proper_unit(mean, variance), s["channels.unit"]
    late = (jnp.abs(mean - s["channels.origin"]) > unit) | (deviation > 2.0 * unit) | (deviation < 0.5 * unit)
    after = {"n": n, "mean": mean, "variance": variance, "half_mean": half_mean, "half_variance": half_variance}
    return unchanged | {f"channels.{name}": value for name, value in after.items()}, early | (heard & (n > 256) & late)


def move_units(s: Arrays, due: jax.Array, plan: Plan) -> Arrays:
    """Channels that are ``due`` take their running mean and deviation; readout and features follow.

    With ratio and shift of all channels at once: R_h z stays, in the signals' units, whatever moved.
    """
    origin = jnp.where(due, s["channels.mean"], s["channels.origin"])
    unit = jnp.where(due, proper_unit(s["channels.mean"], s["channels.variance"]), s["channels.unit"])
    counts = due & (s["channels.n"] > 1)  # nothing was forecast in the unit before the first
    ratio = jnp.where(counts, s["channels.unit"] / unit, 1.0)
    shift = jnp.where(counts, (s["channels.origin"] - origin) / unit, 0.0)
    n, c, n_heads = s["x"].size, plan.n_inputs, s["feedback"].shape[0]
    first = c if plan.labelled else 0
    of_head, shift_of_head = (a[first + jnp.arange(s["readout"].shape[0]) % n_heads] for a in (ratio, shift))
    readout = s["readout"]
    on_inputs, bias = readout[:, n : n + c], readout[:, n + c]
    bias = bias - plan.cast(on_inputs * (shift / ratio)[:c]).sum(axis=1)
    readout = readout.at[:, n : n + c].set(on_inputs * plan.cast(1.0 / ratio[:c])).at[:, n + c].set(bias)
    readout = readout * plan.cast(of_head)[:, None]
    readout = readout.at[:, n + c].add(plan.cast(shift_of_head))
    moved = counts & ((ratio != 1.0) | (shift != 0.0))
    unsettled = moved & (s["channels.n"] <= SETTLE)  # units that may have been absurd have taught nothing
    of_unsettled = unsettled[first + jnp.arange(len(readout)) % n_heads]
    readout = jnp.where(of_unsettled[:, None], 0, readout)
    readout = readout.at[:, n : n + c].set(jnp.where(unsettled[:c], 0, readout[:, n : n + c]))
    features = s["features"].at[n : n + c].set(plan.cast(s["features"][n : n + c] * ratio[:c] + shift[:c]))
    feedback, start = s["feedback"], s["first_feedback"]
    if start.shape[0]:  # what it has learned follows the readout, what it began with stays
        kept = jnp.where(of_unsettled, 0.0, of_head)[:n_heads]
        feedback = start + plan.cast(kept)[:, None] * (feedback - start)
    after = {"readout": readout, "features": features, "feedback": feedback}
    return after | {"channels.origin": origin, "channels.unit": unit, "moved": jnp.any(moved[:c])}


def restart_all(s: Arrays, rules: Any, plan: Plan) -> Arrays:
    """Where units of inputs have moved P starts again, and R but for its part on the inputs; the state goes to rest."""
    moved = s["moved"]
    precision = s["precision"]
    if not plan.uses("readout", "nlms"):
        prior = jnp.sqrt(rules.prior) if plan.uses("readout", "block_rls") else rules.prior
        precision = jnp.where(moved, plan.cast(prior) * jnp.eye(precision.shape[-1], dtype=plan.real), precision)
    after = {
        "precision": precision,
        "waiting": jnp.where(moved & (precision.size > 0), 0, s["waiting"]),
        "image": jnp.where(moved & (precision.size > 0), 0, s["image"]),
        "relax": jnp.where(moved, 1.0, s["relax"]),
        "readout": jnp.where(moved, s["readout"].at[:, : s["x"].size].set(0), s["readout"]),
        "x": jnp.where(moved, 0, s["x"]),
        "past": jnp.where(moved, 0, s["past"]),
        "influence": jnp.where(moved, 0, s["influence"]),
    }
    if s["first_feedback"].shape[0]:
        after["feedback"] = jnp.where(moved, s["first_feedback"], s["feedback"])
    s = s | after
    output = predict(s)["output"]
    return after | {"output": jnp.where(moved, output, s["output"])}


def take_in(s: Arrays, row: jax.Array, good: jax.Array, plan: Plan, rules: Any) -> Arrays:
    """Moments, units and scaled values of one sample of all channels; ``measured`` says which are measurements."""
    row = jnp.where(good, row, 0.0)
    s = s | screen(s, row, good, rules)
    good = s["measured"]
    observed, due = observe(s, row, good, rules)
    s = s | observed
    s |= move_units(s, due, plan)
    scaled = (row - s["channels.origin"]) / s["channels.unit"]
    scaled = jnp.where(rules.scale_rate > 0, jnp.clip(scaled, -rules.far, rules.far), scaled)
    s["channels.scaled"] = jnp.where(good, scaled, s["channels.scaled"])
    s |= restart_all(s, rules, plan)
    del s["moved"]
    return s
