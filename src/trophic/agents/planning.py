"""Planning as inference: policies are sequences of actions, judged by their expected free energy.

    G(pi) = sum_t -E_b[ln p(o_t | C)] - w_e sum_t 1/2 sum_k ln(1 + Var_b[o_tk]/sigma_k^2)

The first term is risk: how unlikely the predicted observations are under what is preferred (C). The second is what
would be learned: where the blocks disagree about what will be observed, observing it tells them apart. Both belong to
the policy. E_b and Var_b run over the blocks, weighted by the evidence of their contexts.

Preferences: *hold*, -ln p = 1/2 sum_k ((o_k - C_k)/width_k)^2 over the observations that have a width; *reach*,
-ln p = 1 at every step before the first one with o_k >= C_k for all k with a width. A block's course ends where it
predicts so, and with it its part in both terms.
"""

from __future__ import annotations

import math

from trophic.agents.layout import GAUSSIAN
from trophic.agents.world_model import sense
from trophic.engines.native import inlined, native
from trophic.network.dynamics import uniform
from trophic.network.readout import dot

HOLD, REACH = range(2)


@native
def propose(world, n_actions, policy, hold, replan):
    """Random sequences of actions, each held for a random time; the first is what is left of the present plan."""
    shared = world.shared[0]
    n, horizon = world.plans.shape[0], world.plans.shape[1]
    for t in range(horizon):
        source = min(t + replan, horizon - 1)
        for a in range(world.plans.shape[2]):
            world.plans[0, t, a] = world.chosen[source, a]
    first = 1 if shared.has_plan == 1 else 0
    item = 1
    for q in range(first, n):
        left = 0
        for t in range(horizon):
            if left == 0:
                left = 1 + int(hold * uniform(shared.seed, shared.step, item))
                item += 1
                fresh(world, q, t, n_actions, policy, item)
                item += world.plans.shape[2]
            else:
                for a in range(world.plans.shape[2]):
                    world.plans[q, t, a] = world.plans[q, t - 1, a]
            left -= 1


@inlined
def fresh(world, q, t, n_actions, policy, item):
    """A random action: one of the numbers, or a component each from -1, 0, 1 or between."""
    shared = world.shared[0]
    if policy == GAUSSIAN:
        for a in range(n_actions):
            u = 3.0 * uniform(shared.seed, shared.step, item + a) - 1.5
            world.plans[q, t, a] = min(1.0, max(-1.0, u))
    else:
        chosen = int(n_actions * uniform(shared.seed, shared.step, item))
        for a in range(n_actions):
            world.plans[q, t, a] = 1.0 if a == chosen else 0.0


@inlined
def risk(o, target, width, preference):
    """-ln p(o | C), up to a constant."""
    total = 0.0
    reached = True
    for k in range(target.shape[0]):
        if width[k] > 0.0:
            total += 0.5 * ((o[k] - target[k]) / width[k]) ** 2
            reached = reached and o[k] >= target[k]
    if preference == REACH:
        return 0.0 if reached else 1.0
    return total


@inlined
def imagine(world, b, o, action, bounds, inputs, features):
    """One step of block b's course, in place; the last prediction is whether the episode has ended."""
    d = o.shape[0] - 1
    for k in range(d):
        inputs[k] = o[k]
    for a in range(action.shape[0]):
        inputs[d + a] = action[a]
    inputs[d + action.shape[0]] = 1
    sense(world.sensors[b], inputs, features)
    n = features.shape[0]
    for k in range(d):
        change = dot(world.readout[b, k], features, n)
        o[k] = min(bounds[1, k], max(bounds[0, k], o[k] + change))
    o[d] = dot(world.readout[b, d], features, n)


@inlined
def gain(world, course, alive):
    """1/2 sum_k ln(1 + Var_b[o_k]/sigma_k^2) over the blocks whose course goes on."""
    d = course.shape[1] - 1
    n_blocks = course.shape[0]
    per_context = n_blocks // world.belief.shape[0]
    total = 0.0
    for k in range(d):
        weight, mean, square = 0.0, 0.0, 0.0
        for b in range(n_blocks):
            w = alive[b] * world.belief[b // per_context] / per_context
            weight += w
            mean += w * course[b, k]
            square += w * course[b, k] * course[b, k]
        if weight > 1e-6:
            variance = max(0.0, square / weight - (mean / weight) ** 2)
            total += weight * 0.5 * math.log(1.0 + variance / world.noise[k])
    return total


@native
def expected_free_energy(world, q, start, goals, bounds, preference, epistemic, ends):
    """G of policy q; its two parts go to ``world.energy[q]``."""
    n_blocks = world.readout.shape[0]
    per_context = n_blocks // world.belief.shape[0]
    course, alive = world.course, world.alive
    inputs, features = world.inputs, world.work[0]
    d = start.shape[0]
    for b in range(n_blocks):
        alive[b] = 1.0
        for k in range(d):
            course[b, k] = start[k]
        course[b, d] = 0.0
    total_risk, total_gain = 0.0, 0.0
    for t in range(world.plans.shape[1]):
        for b in range(n_blocks):
            if alive[b] > 0.0:
                imagine(world, b, course[b], world.plans[q, t], bounds, inputs, features)
        total_gain += gain(world, course, alive)
        for b in range(n_blocks):
            weight = world.belief[b // per_context] / per_context
            cost = risk(course[b], goals[0], goals[1], preference)
            total_risk += weight * cost
            if (preference == REACH and cost == 0.0) or (ends and course[b, d] > 0.5):
                alive[b] = 0.0
    world.energy[q, 0] = total_risk
    world.energy[q, 1] = total_gain
    return total_risk - epistemic * total_gain


@native
def plan(world, start, goals, bounds, preference, policy, n_actions, hold, replan, epistemic, ends):
    """The policy of lowest expected free energy becomes the plan; equals are decided by chance."""
    shared = world.shared[0]
    propose(world, n_actions, policy, hold, replan)
    best, least = 0, 1e300
    for q in range(world.plans.shape[0]):
        g = expected_free_energy(world, q, start, goals, bounds, preference, epistemic, ends)
        g += 1e-9 * uniform(shared.seed, shared.step, -1000 - q)
        if g < least:
            best, least = q, g
    for t in range(world.plans.shape[1]):
        for a in range(world.plans.shape[2]):
            world.chosen[t, a] = world.plans[best, t, a]
    shared.has_plan = 1
    shared.plan_age = 0
