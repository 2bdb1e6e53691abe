"""One compiled call per step of the environment: reward and observation in, action out.

    begin    the first observation of an episode: state at rest, units, forward step, action
    follow   a later observation, without learning
    skip     the same after a transition that cannot be learned from: eligibilities start again
    proceed  a transition: units, critic's x(t+1), delta = r + gamma' V' - V, critic, actor's x(t+1) under its old
             weights, actor's eligibilities and weights, the step is made, action

gamma' is 0 where the episode has ended of itself, and gamma where it was cut off by a limit of time.
"""

from __future__ import annotations

import math

from trophic.agents import cells, critic, hebbian, normaliser, policy, population, structure, traces
from trophic.agents.layout import CELLS, EPS, GAUSSIAN, HEBB_OJA, LSTD, TRACE, X_NEXT, X
from trophic.engines.native import entry, native


@native
def forward(net, row, choice, rules):
    """Both populations look one step ahead on the inputs in a row of z."""
    leak = net.z.dtype.type(rules.leak)
    if choice.critic == CELLS:
        cells.look_ahead(net.critic, net.z[row])
    else:
        population.look_ahead(net.critic, net.z[row], leak)
    population.look_ahead(net.actor, net.z[row], leak)


@native
def arrive(net, choice, rules, greedy):
    """x(t+1) becomes the present; an action is drawn."""
    shared = net.shared[0]
    population.proceed(net.actor)
    population.proceed(net.critic)
    if choice.plasticity == HEBB_OJA:
        hebbian.remember(net.actor, rules.leak)
        hebbian.remember(net.critic, rules.leak)
    for c in range(net.z.shape[1]):
        net.z[0, c] = net.z[1, c]
    population.heads(net.critic, X)
    population.heads(net.actor, X)
    shared.value = net.critic.output[0, 0]
    policy.draw(net.actor, choice, shared, net.action, greedy)
    shared.step += 1


@native
def forget(net, choice):
    """Eligibilities start again."""
    population.forget(net.actor)
    population.forget(net.critic)
    if choice.critic == LSTD:
        net.squares[TRACE] = 0


@entry
def begin(observation, learning, greedy, net, choice, rules, transients, horizon):
    """The first observation of an episode."""
    shared = net.shared[0]
    shared.age = 0
    shared.episode += 1
    net.actor.neurons[:] = 0
    net.critic.neurons[:] = 0
    forget(net, choice)
    normaliser.normalise(net, observation, 1, transients, horizon, learning, True, rules)
    forward(net, 1, choice, rules)
    arrive(net, choice, rules, greedy)


@entry
def follow(observation, greedy, net, choice, rules, transients, horizon):
    """A later observation of an episode, without learning."""
    net.shared[0].age += 1
    normaliser.normalise(net, observation, 1, transients, horizon, False, False, rules)
    forward(net, 1, choice, rules)
    arrive(net, choice, rules, greedy)


@entry
def skip(observation, ended, net, choice, rules, transients, horizon):
    """An observation after a transition that cannot be learned from."""
    net.shared[0].age += 1
    net.shared[0].n_bad += 1
    forget(net, choice)
    normaliser.normalise(net, observation, 1, transients, horizon, False, False, rules)
    if ended:
        net.shared[0].finished += 1
        return
    forward(net, 1, choice, rules)
    arrive(net, choice, rules, False)


@native
def grow(pop, shared, delta, keep, rules):
    """Births in a population that has a map."""
    if pop.power.shape[0] > 0:
        leaky = pop.recurrent.shape[0] > EPS
        shared.births += structure.update(pop, delta, keep, leaky, shared.updates, rules)


@native
def learn(net, choice, rules, reward, terminated):
    """What the transition from x(t) to x(t+1) teaches."""
    real = net.z.dtype.type
    shared = net.shared[0]
    shared.updates += 1
    discount = 0.0 if terminated else rules.discount
    population.heads(net.critic, X)
    value = float(net.critic.output[0, 0])
    population.heads(net.critic, X_NEXT)
    delta = reward + discount * float(net.critic.output[0, 0]) - value
    shared.td_error = delta
    annealed = 1.0 / (1.0 + rules.annealing * (shared.episode - 1))
    shared.surprise += max(1.0 - rules.surprise_decay, 1.0 / shared.updates) * (delta * delta - shared.surprise)
    keep = real(rules.discount * rules.critic_trace)
    leak = real(rules.leak)
    if choice.critic == LSTD:
        critic.learn(net, keep, discount, delta, rules)
    elif choice.critic == CELLS:
        cells.learn(net.critic, keep, discount, delta, rules.cell_rate * annealed)
    else:
        net.critic.output[1, 0] = 1
        total = traces.gather(net.critic, net.z[0], choice, keep, leak)
        grow(net.critic, shared, delta, keep, rules)
        traces.move(net.critic, delta, rules.critic_rate * annealed, total, shared.updates, choice, rules)
    most = rules.surprise_clip * math.sqrt(shared.surprise)
    delta = min(most, max(-most, delta))
    policy.gradient(net.actor, choice, net.action, delta, rules.entropy)
    keep = real(rules.discount * rules.actor_trace)
    total = traces.gather(net.actor, net.z[0], choice, keep, leak)
    grow(net.actor, shared, delta, keep, rules)
    rate = rules.gaussian_rate if choice.policy == GAUSSIAN else rules.actor_rate
    traces.move(net.actor, delta, rate * annealed, total, shared.updates, choice, rules)


@entry
def proceed(reward, observation, terminated, truncated, net, choice, rules, transients, horizon):
    """A transition."""
    shared = net.shared[0]
    shared.age += 1
    ended = terminated or truncated
    scaled = normaliser.reward_unit(net, reward, ended, rules)
    normaliser.normalise(net, observation, 1, transients, horizon, True, False, rules)
    forward(net, 1, choice, rules)
    learn(net, choice, rules, scaled, terminated)
    if ended:
        shared.finished += 1
    else:
        arrive(net, choice, rules, False)
