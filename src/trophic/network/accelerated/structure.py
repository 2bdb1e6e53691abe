"""Births and deaths of edges, as in `trophic.network.structure` and `trophic.network.edges`.

What happens at most ``births`` times is a loop over the best; a mask ``do`` says whether there is one.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from trophic.network.accelerated.arrays import Arrays, Plan
from trophic.network.accelerated.dynamics import normal, uniform
from trophic.network.accelerated.learning import raise_prior
from trophic.network.accelerated.plasticity import project
from trophic.network.accelerated.trophic_map import (
    connected,
    forget,
    on_trial,
    pair_evidence,
    rotate,
    whiten_all,
)
from trophic.network.layout import BATCH, TRIALS


def grow_older(s: Arrays) -> Arrays:
    """Every edge is a sample older."""
    return {"edges.age": s["edges.age"] + (s["slots"] >= 0)}


def live(s: Arrays, rules: Any) -> Arrays:
    """Utility of every edge between blocks after a sample."""
    n_blocks, n_heads = s["slots"].shape[0], s["error"].size
    alive = s["slots"][:, 1:] >= 0
    slope = s["slope"].reshape(n_blocks, 1, -1)
    rest = (1.0 - rules.leak).astype(slope.dtype)
    echo = rest * s["echo"][:, 1:] + slope * s["sent"][:, 1:]
    readout = s["readout"][:n_heads, : s["x"].size].reshape(n_heads, n_blocks, -1)
    c = jnp.einsum("hjl,jsl->jsh", readout, echo).astype(jnp.float64)
    rate = jnp.maximum(rules.map_rate, 1.0 / jnp.maximum(s["edges.age"][:, 1:], 1))[:, :, None]
    utility = s["utility"][:, 1:]
    taught = alive[:, :, None] & (s["heads.active"] == 1)
    moved = utility + rate * (0.5 * c * c - s["error"] * c - utility)
    return {
        "echo": s["echo"].at[:, 1:].set(jnp.where(alive[:, :, None], echo, s["echo"][:, 1:])),
        "utility": s["utility"].at[:, 1:].set(jnp.where(taught, moved, utility)),
    }


def worth(s: Arrays) -> jax.Array:
    """Utility of every edge (B, S) over all heads, in units of a head's target power."""
    return jnp.sum(jnp.maximum(0.0, s["utility"]) / (s["heads.target_power"] + 1e-300), axis=2)


def free(s: Arrays, which: jax.Array) -> Arrays:
    """The edges in the mask (B, S) die."""
    after = {"slots": jnp.where(which, -1, s["slots"])}
    names = ["weights", "sent", "echo", "utility", "edges.scale", "edges.square", "edges.age", "edges.evidence"]
    for name in [*names, "eligibility"] if s["eligibility"].shape[0] else names:
        mask = which.reshape(*which.shape, *(1,) * (s[name].ndim - 2))
        after[name] = jnp.where(mask, 0, s[name])
    if s["influence"].shape[0]:
        influence = s["influence"].reshape(-1, *s["weights"].shape)
        after["influence"] = jnp.where(which[:, :, None, None], 0, influence).reshape(s["influence"].shape)
    return after


def slot_for(s: Arrays, j: jax.Array, rules: Any) -> jax.Array:
    """A slot of row j for a newborn: a free one, else the oldest enough of least utility; -1 if there is none."""
    n_slots = s["slots"].shape[1]
    if n_slots == 1:
        return jnp.asarray(-1)
    slots = s["slots"][j, 1:]
    value = jnp.where(s["edges.age"][j, 1:] >= rules.grace, worth(s)[j, 1:], jnp.inf)
    value = jnp.where(slots < 0, -jnp.inf, value)
    return jnp.where(jnp.min(value) < 1e300, 1 + jnp.argmin(value), -1)


def occupy(s: Arrays, at: tuple[jax.Array, jax.Array], i: jax.Array, evidence: Any, do: Any, rules: Any) -> Arrays:
    """Slot ``at`` = (row, slot) now hears block i; its weights are the caller's."""
    j, slot = at
    here = jnp.zeros(s["slots"].shape, bool).at[j, slot].set(do)
    s = s | {"shared.deaths": s["shared.deaths"] + (do & (s["slots"][j, slot] >= 0))} | free(s, here)
    s |= {
        "slots": jnp.where(here, i, s["slots"]),
        "edges.born": jnp.where(here, s["shared.step"], s["edges.born"]),
        "edges.evidence": jnp.where(here, evidence, s["edges.evidence"]),
        "shared.births": s["shared.births"] + do,
    }
    return s | raise_prior(s, j, do, rules) if s["precision"].shape[0] else s


def give_birth(s: Arrays, j: jax.Array, c: jax.Array, evidence: jax.Array, do: Any, rules: Any) -> tuple[Arrays, Any]:
    """An edge from candidate c to row j along the gradient that the map has gathered; whether there was a slot."""
    slot = slot_for(s, j, rules)
    do = do & (slot >= 0)
    i, size = s["candidates"][j, c], s["weights"].shape[-1]
    sender, receiver = s["sketches"][1, i].astype(jnp.float64), s["sketches"][0, j].astype(jnp.float64)
    weights = -(sender @ s["evidence"][j, c].astype(jnp.float64).T) @ receiver.T  # (l_pre, l_post)
    norm = rules.birth_gain * jnp.sqrt(size * s["shared.gate"])
    weights = weights * norm / jnp.sqrt(jnp.sum(weights * weights) + 1e-300)
    s = occupy(s, (j, slot), i, evidence, do, rules)
    grown = jnp.where(do, weights.astype(s["weights"].dtype), s["weights"][j, slot])
    s |= {"weights": s["weights"].at[j, slot].set(grown)}
    return s | forget(s, jnp.zeros(s["candidates"].shape, bool).at[j, c].set(do)), do


def best(z: jax.Array, eligible: jax.Array, threshold: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The last of the largest eligible entries: its flat index, its value, and whether it reaches ``threshold``."""
    flat = jnp.where(eligible, z, -jnp.inf).ravel()
    place = flat.size - 1 - jnp.argmax(flat[::-1])
    return place, flat[place], flat[place] >= threshold


def available(s: Arrays) -> jax.Array:
    """Candidates (B, C) that a row could grow an edge to: not itself, not connected, not on trial."""
    own = s["candidates"] == jnp.arange(len(s["candidates"]))[:, None]
    return ~(own | connected(s, s["candidates"]) | on_trial(s))


def open_to_news(s: Arrays) -> jax.Array:
    """kappa of every row (B, 1); 1 where silent heads have ghosts, which do not hear what is new."""
    return s["blocks.plastic"][:, None] if s["ghosts"].shape[0] == 0 else jnp.ones((len(s["slots"]), 1))


def grow_gated(s: Arrays, n_births: jax.Array, rules: Any) -> Arrays:
    """The rows with the strongest evidence get their edge, at most ``n_births`` of them."""
    n_candidates = s["candidates"].shape[1]

    def grow(_: Any, s: Arrays) -> Arrays:
        place, z, do = best(open_to_news(s) * s["z"], available(s), rules.threshold)
        j, c = place // n_candidates, place % n_candidates
        s, born = give_birth(s, j, c, z, do, rules)
        return s | forget(s, jnp.zeros(s["candidates"].shape, bool).at[j, c].set(do & ~born))

    return jax.lax.fori_loop(0, n_births, grow, s)


def hold_trials(s: Arrays, rules: Any) -> Arrays:
    """One sample of every trial, s = <direction, credit trace^T>, in the sketches that were just made."""
    sketched = s["buffer"][(s["shared.n_map"] - 1) % BATCH]
    source = s["trials.source"]
    held = source > 0
    trace = sketched[1][jnp.maximum(source - 1, 0)]
    along = jnp.einsum("ja,jqab,jqb->jq", sketched[0], s["directions"], trace).astype(jnp.float64)
    n = s["trials.n"] + held
    batch = s["trials.batch"] + jnp.where(held, along, 0.0)
    ends = held & (n % (rules.trial.astype(jnp.int64) // 32) == 0)
    return {
        "trials.n": n,
        "trials.batch": jnp.where(ends, 0.0, batch),
        "trials.sum": s["trials.sum"] + jnp.where(ends, batch, 0.0),
        "trials.square": s["trials.square"] + jnp.where(ends, batch * batch, 0.0),
    }


def verdicts(s: Arrays) -> jax.Array:
    """Student's t of every trial (B, TRIALS) over its batches so far."""
    mean = s["trials.sum"] / 32.0
    variance = (s["trials.square"] - 32.0 * mean * mean) / 31.0
    return mean / jnp.sqrt(variance / 32.0 + 1e-300)


def dismiss(s: Arrays, sources: jax.Array, which: jax.Array) -> Arrays:
    """Rows forget what they gathered about blocks: trials in the mask end, candidates ``sources`` - 1 start again."""
    own = s["candidates"][:, :, None] + 1 == jnp.where(which, sources, 0)[:, None, :]
    found = jnp.any(own, axis=2) & ~connected(s, s["candidates"])
    ended = which & (s["trials.source"] == sources)
    return {"trials.source": jnp.where(ended, 0, s["trials.source"])} | forget(s, found)


def end_trials(s: Arrays, n_births: jax.Array, rules: Any) -> Arrays:
    """Of the trials that are over, the best end in a birth; the others forget the pair's evidence."""

    def settle(_: Any, s: Arrays) -> Arrays:
        over = (s["trials.source"] > 0) & (s["trials.n"] >= rules.trial)
        place, t, do = best(verdicts(s), over, rules.confirm)
        j, q = place // TRIALS, place % TRIALS
        source = s["trials.source"][j, q]
        s = s | {"trials.source": s["trials.source"].at[j, q].set(jnp.where(do, 0, source))}
        own = s["candidates"][j] + 1 == source
        free_to_grow = do & jnp.any(own) & ~jnp.any(s["slots"][j] + 1 == source)
        s, born = give_birth(s, j, jnp.argmax(own), t, free_to_grow, rules)
        return s | dismiss(s, jnp.full_like(s["trials.source"], source), jnp.broadcast_to(born, over.shape))

    s = jax.lax.fori_loop(0, n_births, settle, s)
    over = (s["trials.source"] > 0) & (s["trials.n"] >= rules.trial)
    return s | dismiss(s, s["trials.source"], over)


def begin_trials(s: Arrays, rules: Any) -> Arrays:
    """Every row puts its best candidates on trial, each with the direction in which its relation stands out most."""
    rows = jnp.arange(len(s["candidates"]))
    for q in range(TRIALS):
        z = jnp.where(available(s), open_to_news(s) * s["z"], -jnp.inf)
        c = z.shape[1] - 1 - jnp.argmax(z[:, ::-1], axis=1)
        i = s["candidates"][rows, c]
        starts = (s["trials.source"][:, q] == 0) & (z[rows, c] >= rules.scout)
        left, right = s["whiteners"][0].astype(jnp.float64), s["whiteners"][1][i].astype(jnp.float64)
        tile = s["evidence"][rows, c].astype(jnp.float64)
        direction = jnp.einsum("jkp,jkl,jlm,jnm,jnq->jpq", left, left, tile, right, right)
        kept = jnp.where(starts[:, None, None], direction.astype(s["directions"].dtype), s["directions"][:, q])
        s = s | {"directions": s["directions"].at[:, q].set(kept)}
        s |= {"trials.source": s["trials.source"].at[:, q].set(jnp.where(starts, i + 1, s["trials.source"][:, q]))}
        for name in ("trials.n", "trials.batch", "trials.sum", "trials.square"):
            s |= {name: s[name].at[:, q].set(jnp.where(starts, 0, s[name][:, q]))}
    return s


def prune(s: Arrays, rules: Any) -> Arrays:
    """Edges of age that save nothing die."""
    dead = (s["slots"] >= 0) & (s["edges.age"] >= rules.grace) & (worth(s) <= rules.keep)
    dead = dead.at[:, 0].set(False)
    return {"shared.deaths": s["shared.deaths"] + dead.sum()} | free(s, dead)


def published(s: Arrays, rules: Any) -> Arrays:
    """Viability, its percentile threshold, at most one death and one birth."""
    n_blocks, n_slots = s["slots"].shape
    if n_slots == 1:
        return s
    rows = jnp.arange(n_blocks)
    field = s["field"]
    largest = jnp.maximum(0.0, jnp.max(jnp.where(rows[:, None] == rows, 0.0, field)))
    alive = (s["slots"] >= 0).at[:, 0].set(False)
    norm = jnp.sqrt(jnp.sum(s["weights"].astype(jnp.float64) ** 2, axis=(2, 3)))
    viability = jnp.where(alive, norm * (1.0 + field[rows[:, None], s["slots"]]), jnp.inf)
    living = alive.sum()
    part = (10.0 + 25.0 * living / (n_blocks * (n_slots - 1.0)) + 15.0 * s["shared.gate"]) / 100.0
    dies = (living > 0) & (part * living >= 1.0)  # the percentile lies above the lowest edge
    lowest = jnp.zeros(alive.size, bool).at[jnp.argmin(viability)].set(dies).reshape(alive.shape)
    s = s | {"shared.deaths": s["shared.deaths"] + dies} | free(s, lowest)
    seed, step = s["shared.seed"], s["shared.step"]
    j, i = ((uniform(seed, step, jnp.asarray(k)) * n_blocks).astype(jnp.int64) for k in (1, 2))
    slot = slot_for(s, j, rules)
    room = (slot >= 0) & (s["slots"][j, slot] < 0)
    wanted = (largest > 0.0) & (uniform(seed, step, jnp.asarray(3)) * largest < field[j, i])
    do = (i != j) & ~jnp.any(s["slots"][j] == i) & room & wanted
    s = occupy(s, (j, slot), i, field[j, i] / jnp.where(largest > 0, largest, 1.0), do, rules)
    size = s["weights"].shape[-1]
    draws = normal(seed, step, 4 + jnp.arange(size * size)).reshape(size, size)
    weights = (rules.birth_gain / size**0.5 * draws).astype(s["weights"].dtype)
    return s | {"weights": s["weights"].at[j, slot].set(jnp.where(do, weights, s["weights"][j, slot]))}


def update(s: Arrays, plan: Plan, rules: Any) -> Arrays:
    """What happens every ``period`` samples: projection, deaths, births, trials, other candidates."""
    size = s["weights"].shape[-1]
    s = s | {"weights": project(s["weights"], rules.weight_cap * size**0.5)}
    before = dict(s)  # what follows changes s
    if plan.uses("structure", "published"):
        s = published(s, rules)
    else:
        s |= whiten_all(s, rules)
        s |= {"z": pair_evidence(s, rules)}
        s |= prune(s, rules)
        n_births = jnp.where(s["shared.gate"] * s["error"].size > rules.keep, rules.births, 0).astype(jnp.int32)
        if plan.uses("structure", "gated"):
            s = grow_gated(s, n_births, rules)
        else:
            s = begin_trials(end_trials(s, n_births, rules), rules)
        s |= rotate(s, rules)
        del s["z"]
    ready = s["shared.n_learned"] >= rules.warm_up
    return {name: jnp.where(ready, value, before[name]) for name, value in s.items()}
