"""The sample loop: `run` advances many streams of one plan over a piece of their samples, in one compiled program.

Every rule is written for one stream and mapped over all of them. What every sample asks for is an inner loop; it ends
where a flush of the map or a change of structure is due for some stream. Those happen in the outer loop, so that no
sample pays for them and the large arrays they change do not travel through the inner one. Lengths are data: one
compilation serves chunks of any length, and how a stream is cut cannot change a bit of the result.

As in `trophic.network.kernel`, without targets a sample is learned from first and then heard; with targets the other
way round.
"""

from __future__ import annotations

import functools
from collections import namedtuple
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from trophic.network.accelerated import dynamics, learning, plasticity, scaling, structure, trophic_map
from trophic.network.accelerated.arrays import FIXED, RARE, Arrays, Packed, Plan, repack, unpack
from trophic.network.kernel import SETTLE
from trophic.network.layout import BATCH, RULE_TABLE

PIECE = 1024  # samples per call of the compiled program, at most
Rules = namedtuple("Rules", tuple(RULE_TABLE))


class Samples(NamedTuple):
    """A piece of the streams, padded by rows that are no samples."""

    values: Any  # (PIECE + 1, streams, C)
    good: Any  # the same shape
    is_sample: Any  # (PIECE + 1, streams)

    def at(self, t: Any) -> Samples:
        """The samples at one time."""
        return Samples(self.values[t], self.good[t], self.is_sample[t])


class Shown(NamedTuple):
    """What the piece showed."""

    prediction: jax.Array  # (PIECE, streams, H, horizons)
    monitor: jax.Array  # (PIECE, streams, 3)
    features: jax.Array  # (PIECE or 0, streams, D)
    heard: jax.Array  # (PIECE, streams, C)


def learn(s: Arrays, good: jax.Array, plan: Plan, rules: Any) -> Arrays:
    """Everything that one sample teaches, but for what is due more rarely."""
    s = s | {"shared.n_learned": s["shared.n_learned"] + 1}
    s |= learning.gate(s, plan, rules)
    s |= structure.grow_older(s)
    if not plan.uses("structure", "none"):
        s |= structure.live(s, rules)
    s |= learning.assign(s, plan)
    s |= learning.find_gain(s, plan, rules)
    s |= learning.learn_readout(s, plan, rules)
    s |= learning.learn_horizons(s, good, plan)
    s |= learning.learn_feedback(s, plan, rules)
    if plan.uses("protection", "shares", "ghosts"):
        s |= learning.protect(s, plan, rules)
    s |= trophic_map.update(s, plan, rules)
    s |= plasticity.update(s, plan, rules)
    if plan.uses("homeostasis", "published"):
        s |= learning.adjust_bias(s, plan, rules)
    if plan.uses("structure", "confirmed"):
        s |= structure.hold_trials(s, rules)
    if plan.uses("map", "signed"):
        s["due.flush"] = s["shared.n_map"] % BATCH == 0
    if not plan.uses("structure", "none"):
        s["due.structure"] = s["shared.n_learned"] % rules.period.astype(jnp.int64) == 0
    return s


def learn_if_taught(s: Arrays, good: jax.Array, plan: Plan, rules: Any, is_sample: Any = True) -> Arrays:
    """`learn`, if there is a sample, a state to learn on, a head with a target, and the units have settled."""
    step = s["shared.step"]
    may = (step > 0) & is_sample
    if plan.labelled:
        may &= jnp.all(good[: plan.n_inputs])
    compared = s | learning.compare(s, good, plan)
    taught = may & jnp.any(compared["heads.active"] == 1) & (step >= SETTLE)
    learned = learn(compared, good, plan, rules)
    length = s["past"].shape[0]
    if length > 0:
        compared["past"] = s["past"].at[(step - 1) % length].set(0)
    return {name: jnp.where(taught, learned[name], jnp.where(may, compared[name], s[name])) for name in s}


def hear(s: Arrays, sample: Samples, vector: jax.Array, plan: Plan) -> tuple[Arrays, jax.Array]:
    """First part of a sample: without targets units, what was forecast, and learning; with targets all of it.

    A row that is no sample has no good value, so that units and learning pass it by.
    """
    rules, is_sample = Rules(*vector), sample.is_sample
    s = scaling.take_in(s, sample.values, sample.good, plan, rules)
    if plan.labelled:
        s = go_on(s, sample, vector, plan)
    recalled = dynamics.recall(s, 0 if plan.labelled else 1, plan)
    return learn_if_taught(s, s["measured"], plan, rules, is_sample), jnp.where(is_sample, recalled, jnp.nan)


def go_on(s: Arrays, sample: Samples, vector: jax.Array, plan: Plan) -> Arrays:
    """The forward step, if there is a sample: without targets the second part of it."""
    after = dynamics.step(s, s["measured"], plan, Rules(*vector))
    return {name: jnp.where(sample.is_sample, after[name], s[name]) for name in s}


def flush_if_due(s: Arrays, vector: jax.Array) -> Arrays:
    """The map's buffer is emptied where it is full."""
    due = s["due.flush"]
    after = {name: jnp.where(due, value, s[name]) for name, value in trophic_map.flush(s, Rules(*vector)).items()}
    return s | after | {"due.flush": jnp.zeros_like(due)}


def change_if_due(s: Arrays, vector: jax.Array, plan: Plan) -> Arrays:
    """Births, deaths and what goes with them, where their time has come."""
    due = s["due.structure"]
    after = structure.update(s, plan, Rules(*vector))
    after = {name: jnp.where(due, after[name], s[name]) for name in s}
    return after | {"due.structure": jnp.zeros_like(due)}


def rare(s: Arrays, vectors: jax.Array, plan: Plan) -> Arrays:
    """What is due for some stream."""

    def if_any(name: str, change: Callable[..., Arrays], s: Arrays) -> Arrays:
        return jax.lax.cond(jnp.any(s[name]), jax.vmap(change), lambda s, _: s, s, vectors)

    if plan.uses("map", "signed"):
        s = if_any("due.flush", flush_if_due, s)
    if not plan.uses("structure", "none"):
        s = if_any("due.structure", functools.partial(change_if_due, plan=plan), s)
    return s


def monitored(s: Arrays) -> jax.Array:
    """Surprise gate, births and deaths of every stream, (streams, 3)."""
    names = ("gate", "births", "deaths")
    return jnp.stack([s[f"shared.{name}"] for name in names], axis=1).astype(jnp.float64)


@functools.partial(jax.jit, static_argnames=("plan", "show_features"), donate_argnames="packed")
def run(
    packed: Packed, samples: Samples, n: jax.Array, vectors: jax.Array, plan: Plan, show_features: bool
) -> tuple[Packed, Shown]:
    """Advance all streams over the first ``n`` rows of ``samples``; ``vectors`` (streams, rules) are the constants."""
    s = unpack(packed, plan.entries)
    streams, (n_heads, dimension) = len(vectors), (s["feedback"].shape[1], s["features"].shape[1])
    s |= {"due.flush": jnp.zeros(streams, bool), "due.structure": jnp.zeros(streams, bool)}
    s |= {
        "measured": jnp.zeros(samples.good.shape[1:], bool)
    }  # which channels of the present sample have a measurement
    fixed = {name: value for name, value in s.items() if name in FIXED}
    slow = {name: value for name, value in s.items() if name in RARE}
    fast = {name: value for name, value in s.items() if name not in fixed and name not in slow}
    shown = Shown(
        jnp.full((PIECE, streams, n_heads, len(plan.horizons)), jnp.nan),
        jnp.zeros((PIECE, streams, 3)),
        jnp.zeros((PIECE if show_features else 0, streams, dimension), plan.real),
        jnp.zeros((PIECE, *samples.good.shape[1:]), bool),
    )

    def heard(t: Any, slow: Arrays, fast: Arrays) -> tuple[Arrays, jax.Array]:
        after, recalled = jax.vmap(functools.partial(hear, plan=plan))(fixed | slow | fast, samples.at(t), vectors)
        return {name: after[name] for name in fast}, recalled

    def sample(t: Any, slow: Arrays, fast: Arrays, shown: Shown) -> tuple[Any, Arrays, Shown]:
        """With targets: sample t. Without: what is left of sample t, and the first part of the next."""
        prediction, features = shown.prediction, shown.features
        if plan.labelled:
            fast, recalled = heard(t, slow, fast)
            prediction = prediction.at[t].set(recalled)
        else:
            after = jax.vmap(functools.partial(go_on, plan=plan))(fixed | slow | fast, samples.at(t), vectors)
            fast = {name: after[name] for name in fast}
        if show_features:
            features = features.at[t].set(fast["features"])
        monitor = shown.monitor.at[t].set(monitored(slow | fast))
        measured = shown.heard.at[t].set(fast["measured"])
        if not plan.labelled:
            fast, recalled = heard(t + 1, slow, fast)
            prediction = prediction.at[t + 1].set(recalled, mode="drop")
        return t + 1, fast, Shown(prediction, monitor, features, measured)

    def stretch(carry: tuple[Any, Arrays, Arrays, Shown]) -> tuple[Any, Arrays, Arrays, Shown]:
        """Samples up to the next time something is due; then that (without targets: first that of the last time)."""
        t, slow, fast, shown = carry
        if not plan.labelled:
            slow, fast = divide(rare(fixed | slow | fast, vectors, plan))
        t, fast, shown = jax.lax.while_loop(
            lambda c: (c[0] < n) & ~jnp.any(c[1]["due.flush"] | c[1]["due.structure"]),
            lambda c: sample(c[0], slow, c[1], c[2]),
            (t, fast, shown),
        )
        if plan.labelled:
            slow, fast = divide(rare(fixed | slow | fast, vectors, plan))
            shown = shown._replace(monitor=shown.monitor.at[t - 1].set(monitored(slow | fast)))
        return t, slow, fast, shown

    def divide(s: Arrays) -> tuple[Arrays, Arrays]:
        return {name: s[name] for name in slow}, {name: s[name] for name in fast}

    start = jnp.asarray(0)
    if not plan.labelled:
        fast, recalled = heard(start, slow, fast)
        shown = shown._replace(prediction=shown.prediction.at[0].set(recalled))
    _, slow, fast, shown = jax.lax.while_loop(lambda c: c[0] < n, stretch, (start, slow, fast, shown))
    return repack(fixed | slow | fast, plan.entries), shown
