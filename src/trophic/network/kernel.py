"""The sample loop (Numba): units, learning from the target that has arrived, the forward step, forecasts.

Without targets (label-free) the target of the state left by sample t - 1 is sample t: learn first, then step. With
targets a sample is [inputs, targets]: step first, then learn. Both call one `learn` on the state of the last step.
"""

from __future__ import annotations

import math

from trophic.engines.native import inlined, native
from trophic.network import (
    credit,
    dynamics,
    edges,
    exact,
    homeostasis,
    plasticity,
    protection,
    readout,
    scaling,
    structure,
    trophic_map,
)
from trophic.network.layout import NO_PROTECTION, NO_STRUCTURE
from trophic.network.scaling import SETTLE


@inlined
def compare(good, net, choice):
    """e = R z - y of every head with a target, 0 of the others; the number of heads with a target."""
    real = net.error.dtype.type
    first = choice.n_inputs if choice.labelled == 1 else 0
    n_active = 0
    for h in range(net.feedback.shape[0]):
        active = good[first + h]
        net.heads[h].active = 1 if active else 0
        net.error[h] = 0
        if active:
            n_active += 1
            net.error[h] = net.output[h] - real(net.channels[first + h].scaled)
    return n_active


@inlined
def gate(good, net, choice, rules):
    """gamma: mean over active heads of min(1, E e^2/E y^2)."""
    first = choice.n_inputs if choice.labelled == 1 else 0
    total, n_active = 0.0, 0
    rate = max(rules.gate_rate, 1.0 / (1.0 + net.shared[0].n_learned))
    for h in range(net.feedback.shape[0]):
        head = net.heads[h]
        if head.active == 0:
            continue
        head.error_power += rate * (float(net.error[h]) ** 2 - head.error_power)
        head.target_power += rate * (net.channels[first + h].scaled ** 2 - head.target_power)
        total += min(1.0, head.error_power / (head.target_power + 1e-300))
        n_active += 1
    net.shared[0].gate = total / max(1, n_active)


@native
def learn_horizons(good, net):
    """Heads further ahead, from the features and gains of the sample that made the forecast."""
    shared = net.shared[0]
    real = net.error.dtype.type
    length = net.past.shape[0]
    n_heads = net.feedback.shape[0]
    n = net.features.shape[0]
    if length == 0:
        return
    newest = net.past[(shared.step - 1) % length]
    for k in range(n):
        newest[0, k] = net.features[k]
        newest[1, k] = net.gain[0, k] / real(shared.spread)
    for q in range(1, net.horizons.shape[0]):
        if shared.step < net.horizons[q]:
            continue
        then = net.past[(shared.step - net.horizons[q]) % length]
        for h in range(n_heads):
            if good[h]:
                row = net.readout[q * n_heads + h]
                error = readout.dot(row, then[0], n) - real(net.channels[h].scaled)
                readout.move(row, then[1], -error)


@inlined
def learn(good, net, choice, rules):
    """Everything that one sample teaches; ``good`` says which channels have a value."""
    shared = net.shared[0]
    if compare(good, net, choice) == 0 or shared.step < SETTLE:
        if net.past.shape[0] > 0:
            net.past[(shared.step - 1) % net.past.shape[0]] = 0
        return
    shared.n_learned += 1
    gate(good, net, choice, rules)
    edges.grow_older(net)
    if choice.structure != NO_STRUCTURE:
        structure.live(net, rules)
    credit.assign(net, choice)
    readout.find_gain(net, choice, rules)
    readout.learn(net, rules)
    learn_horizons(good, net)
    credit.learn_feedback(net, choice, rules)
    if choice.protection != NO_PROTECTION:
        protection.update(net, choice, rules)
    trophic_map.update(net, choice, rules)
    plasticity.update(net, choice, rules)
    if choice.homeostasis == 1:
        homeostasis.update(net, rules)
    if choice.structure != NO_STRUCTURE:
        structure.update(net, choice, rules)


@inlined
def issue(net, choice):
    """The forecasts of this sample, in the signals' units."""
    n_heads = net.feedback.shape[0]
    first = choice.n_inputs if choice.labelled == 1 else 0
    row = net.issued[net.shared[0].step % net.issued.shape[0]]
    for q in range(net.output.shape[0]):
        channel = net.channels[first + q % n_heads]
        row[q] = channel.origin + channel.unit * float(net.output[q])


@inlined
def step(good, inputs, net, choice, rules):
    """The forward step on the scaled inputs; a missing one is what the network expected (or its mean)."""
    real = inputs.dtype.type
    clip = real(rules.input_clip)
    for c in range(inputs.shape[0]):
        if good[c]:
            u = real(net.channels[c].scaled)
        elif choice.labelled == 1:
            u = real(0.0)
        else:
            u = net.output[c]
        inputs[c] = min(clip, max(-clip, u))
    dynamics.forward(inputs, net, choice, rules)
    credit.trace(net, choice, rules)
    if net.influence.shape[0] > 0:
        exact.advance(net, rules)
    readout.predict(net)
    issue(net, choice)


@native
def recall(net, ago, prediction):
    """What was forecast for the present sample, by horizon; NaN before there was a forecast.

    ``ago`` is 1 before the step on the present sample; 0 after it, for targets, whose forecast is the present output.
    """
    n_heads = net.feedback.shape[0]
    length = net.issued.shape[0]
    for q in range(net.horizons.shape[0]):
        past = net.shared[0].step + ago - net.horizons[q]
        for h in range(n_heads):
            prediction[h, q] = net.issued[(past + 1 - ago) % length, q * n_heads + h] if past >= ago else math.nan


@native
def may_learn(good, net, choice):
    """Whether there is a state to learn on: with targets, one that all inputs have driven."""
    if net.shared[0].step == 0:
        return False
    if choice.labelled == 1:
        for c in range(choice.n_inputs):
            if not good[c]:
                return False
    return True


@native
def run(values, good, is_sample, inputs, net, choices, constants, prediction, monitor, features):
    """Advance over the rows of ``values`` (n, C); fills ``prediction`` (n, H, horizons) and ``monitor`` (n, 3).

    ``features`` (n, D) receives z of every row, if its D is not 0. Choices and constants come as arrays of one record:
    a bare record costs microseconds to pass.
    """
    choice, rules = choices[0], constants[0]
    labelled = choice.labelled == 1
    for t in range(values.shape[0]):
        if is_sample[t]:
            scaling.take_in(values[t], good[t], net, choice, rules)
            for turn in range(2):
                if labelled == (turn == 0):
                    step(good[t], inputs, net, choice, rules)
                    if labelled:
                        recall(net, 0, prediction[t])
                else:
                    if not labelled:
                        recall(net, 1, prediction[t])
                    if may_learn(good[t], net, choice):
                        learn(good[t], net, choice, rules)
            for k in range(features.shape[1]):
                features[t, k] = net.features[k]
        monitor[t, 0] = net.shared[0].gate
        monitor[t, 1] = net.shared[0].births
        monitor[t, 2] = net.shared[0].deaths
