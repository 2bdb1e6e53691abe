"""One compiled call per step of active inference: what followed the last action, and the next action."""

from __future__ import annotations

from trophic.agents import planning, world_model
from trophic.engines.native import entry, native


@native
def inputs_of(world):
    """[o; a; 1] of the present observation and the action that was taken."""
    d = world.seen.shape[1]
    a = world.chosen.shape[1]
    for k in range(d):
        world.inputs[k] = world.seen[1, k]
    for k in range(a):
        world.inputs[d + k] = world.chosen[world.shared[0].plan_age - 1, k]
    world.inputs[d + a] = 1.0


@entry
def transition(world, observation, ended, rules):
    """Learn from what followed the last action."""
    d = observation.shape[0]
    inputs_of(world)
    change = world.course[0]  # free between plans
    for k in range(d):
        change[k] = observation[k] - world.seen[1, k]
    change[d] = 1.0 if ended else 0.0
    world_model.learn(world, world.inputs, change, rules)
    for k in range(d):
        world.seen[0, k] = world.seen[1, k]
        world.seen[1, k] = observation[k]


@entry
def recognise(world, observation, rules):
    """Evidence of the contexts from what followed the last action, and nothing else."""
    d = observation.shape[0]
    inputs_of(world)
    change = world.course[0]
    for k in range(d):
        change[k] = observation[k] - world.seen[1, k]
    change[d] = 0.0
    if world.belief.shape[0] > 1:
        world_model.residuals(world, world.inputs, change)
        world_model.believe(world, world.error, rules)
    for k in range(d):
        world.seen[1, k] = observation[k]


@entry
def choose(world, goals, bounds, preference, policy, n_actions, replan, rules):
    """The next action of the plan, after a new plan if one is due."""
    shared = world.shared[0]
    if shared.plan_age >= replan or shared.has_plan == 0:
        planning.plan(
            world,
            world.seen[1],
            goals,
            bounds,
            preference,
            policy,
            n_actions,
            rules.hold,
            replan,
            rules.epistemic,
            rules.ends > 0.0,
        )
    shared.step += 1
    chosen = world.chosen[shared.plan_age]
    shared.plan_age += 1
    if policy == 1:
        for a in range(n_actions):
            world.action[a] = chosen[a]
    else:
        for a in range(n_actions):
            if chosen[a] > 0.5:
                world.action[0] = a
