"""Births and deaths of edges.

Utility of an edge, the part of the loss that it saves (all forms)
    h <- (1 - a) h + g v;   c = R_j h;   U <- EMA(c^2/2 - e c) per head: the loss would rise by U without it.

gated      every 256 samples the candidate with the largest kappa_j z_ji >= theta takes a free slot of row j, else the
           slot of least utility that is of age, else nothing. Weights at birth are -P_j S_ji Q_i^T: the newborn already
           points down the gradient that the map has gathered. Their norm falls with the error that is left (the root
           of the surprise gate): where the network predicts well a birth does not shake it.
confirmed  the same with a second look: a candidate above a lower z goes on trial. Its direction is held, and for the
           next 1024 samples s = <direction, (P^T d)(Q^T xbar)^T> is one signed number with mean zero under no relation.
           Student's t over 32 batches of it decides. The batches absorb autocorrelation, the division by their own
           spread absorbs heavy tails, and one number has a known law where z has many. A relation that several rows
           have found is served by the one that found it best: the others start again with the error it leaves.
           Neither has births while all the error that is left is less than what an edge must save to be kept.
published  viability ||W|| (1 + T) of every edge against a threshold, the percentile 10 + 25 scarcity + 15 demand of
           the living edges' (scarcity = share of slots in use, demand = surprise gate); at most one edge below it dies.
           A pair is drawn at random and grows with probability T/max T, if the row has a free slot (equations (28),
           (29) of arXiv 2510.17916, where the form of scarcity and demand is taken from its public code).
"""

from __future__ import annotations

import math

import numpy as np

from trophic.engines.native import inlined, native
from trophic.network.dynamics import normal, uniform
from trophic.network.edges import free, give_birth, occupy, slot_for, worth
from trophic.network.layout import CONFIRMED, GATED, PUBLISHED_STRUCTURE, SLOPE, TRIALS
from trophic.network.plasticity import project
from trophic.network.topology import connected
from trophic.network.trophic_map import forget, on_trial, pair_evidence, rotate, whiten_all, whitened_direction

NONE = np.int64(-1)  # no row, no slot; for a plain -1 Numba compiles everything that is called with it once more


@inlined
def live(net, rules):
    """Utility of every edge after a sample; needs the error before the readout moved and R."""
    size = net.weights.shape[2]
    rest = net.echo.dtype.type(1.0 - rules.leak)
    for j in range(net.slots.shape[0]):
        for s in range(1, net.slots.shape[1]):
            if net.slots[j, s] < 0:
                continue
            edge = net.edges[j, s]
            echo = net.echo[j, s]
            for k in range(size):
                echo[1, k] = rest * echo[1, k] + net.neurons[SLOPE, j * size + k] * echo[0, k]
            rate = max(rules.map_rate, 1.0 / edge.age)
            for h in range(net.feedback.shape[0]):
                if net.heads[h].active == 0:
                    continue
                c = 0.0
                for k in range(size):
                    c += net.readout[h, j * size + k] * echo[1, k]
                saved = 0.5 * c * c - float(net.error[h]) * c
                net.utility[j, s, h] += rate * (saved - net.utility[j, s, h])


@native
def best_candidate(net, j, threshold, rules):
    """The candidate of row j with the largest evidence of at least ``threshold``: its index (-1 if none) and z."""
    found, best = -1, threshold
    for c in range(net.candidates.shape[1]):
        i = net.candidates[j, c]
        if i == j or connected(net.slots, j, i) or on_trial(net, j, i):
            continue
        open_to_news = net.blocks[j].plastic if net.ghosts.shape[0] == 0 else 1.0
        z = open_to_news * pair_evidence(net, j, c, rules)
        if z >= best:
            best = z
            found = c
    return found, best


@native
def grow_gated(net, n_births, rules):
    """The rows with the strongest evidence get their edge, at most ``n_births`` of them."""
    for _ in range(n_births):
        row, candidate, best = NONE, NONE, rules.threshold
        for j in range(net.slots.shape[0]):
            c, z = best_candidate(net, j, best, rules)
            if c >= 0:
                row, candidate, best = j, c, z
        if row < 0:
            return
        if not give_birth(net, row, candidate, best, rules):
            forget(net, row, candidate)


@inlined
def hold_trials(net, rules):
    """One sample of every trial, s = <direction, credit trace^T>, in the sketches that were just made."""
    rank = net.work.shape[1]
    slot = (net.shared[0].n_map - 1) % net.buffer.shape[0]
    batch = int(rules.trial) // 32
    for j in range(net.slots.shape[0]):
        for q in range(TRIALS):
            trial = net.trials[j, q]
            if trial.source == 0:
                continue
            credit = net.buffer[slot, 0, j]
            trace = net.buffer[slot, 1, trial.source - 1]
            s = 0.0
            for a in range(rank):
                inner = 0.0
                for b in range(rank):
                    inner += net.directions[j, q, a, b] * trace[b]
                s += credit[a] * inner
            trial.batch += s
            trial.n += 1
            if trial.n % batch == 0:
                trial.sum += trial.batch
                trial.square += trial.batch * trial.batch
                trial.batch = 0.0


@native
def verdict(trial):
    """Student's t of the batches so far."""
    n = 32.0
    mean = trial.sum / n
    variance = (trial.square - n * mean * mean) / (n - 1.0)
    return mean / math.sqrt(variance / n + 1e-300)


@native
def end_trials(net, n_births, rules):
    """Of the trials that are over, the best end in a birth; the others forget the pair's evidence."""
    n_blocks = net.slots.shape[0]
    for _ in range(n_births):
        row, slot, best = NONE, NONE, rules.confirm
        for j in range(n_blocks):
            for q in range(TRIALS):
                trial = net.trials[j, q]
                if trial.source > 0 and trial.n >= rules.trial and verdict(trial) >= best:
                    row, slot, best = j, q, verdict(trial)
        if row < 0:
            break
        i = net.trials[row, slot].source - 1
        net.trials[row, slot].source = 0
        c = candidate_of(net, row, i)
        if c >= 0 and give_birth(net, row, c, best, rules):
            for j in range(n_blocks):
                dismiss(net, j, i)
    for j in range(n_blocks):
        for q in range(TRIALS):
            trial = net.trials[j, q]
            if trial.source > 0 and trial.n >= rules.trial:
                dismiss(net, j, trial.source - 1)


@native
def candidate_of(net, j, i):
    """Where row j watches block i; -1 if it does not, or hears it."""
    if connected(net.slots, j, i):
        return -1
    for c in range(net.candidates.shape[1]):
        if net.candidates[j, c] == i:
            return c
    return -1


@native
def dismiss(net, j, i):
    """Row j forgets what it has gathered about block i, and ends its trial: the error is not what it was."""
    for q in range(TRIALS):
        if net.trials[j, q].source == i + 1:
            net.trials[j, q].source = 0
    c = candidate_of(net, j, i)
    if c >= 0:
        forget(net, j, c)


@native
def begin_trials(net, rules):
    """Every row puts its best candidates on trial."""
    for j in range(net.slots.shape[0]):
        for q in range(TRIALS):
            trial = net.trials[j, q]
            if trial.source != 0:
                continue
            c, _ = best_candidate(net, j, rules.scout, rules)
            if c < 0:
                break
            trial.source = net.candidates[j, c] + 1
            trial.n = 0
            trial.batch = 0.0
            trial.sum = 0.0
            trial.square = 0.0
            whitened_direction(net, j, c, net.directions[j, q])


@native
def prune(net, rules):
    """Edges of age that save nothing die."""
    for j in range(net.slots.shape[0]):
        for s in range(1, net.slots.shape[1]):
            if net.slots[j, s] >= 0 and net.edges[j, s].age >= rules.grace and worth(net, j, s) <= rules.keep:
                free(net, j, s)
                net.shared[0].deaths += 1


@native
def published(net, rules):
    """Viability, its percentile threshold, at most one death and one birth."""
    shared = net.shared[0]
    n_blocks, n_slots = net.slots.shape
    size = net.weights.shape[2]
    largest = 0.0
    for j in range(n_blocks):
        for i in range(n_blocks):
            if i != j:
                largest = max(largest, net.field[j, i])
    living, lowest, row, slot = 0, 1e300, NONE, NONE
    for j in range(n_blocks):
        for s in range(1, n_slots):
            if net.slots[j, s] >= 0:
                living += 1
                value = viability(net, j, s)
                if value < lowest:
                    lowest, row, slot = value, j, s
    scarcity = living / max(1.0, n_blocks * (n_slots - 1.0))
    part = (10.0 + 25.0 * scarcity + 15.0 * shared.gate) / 100.0
    if living > 0 and part * living >= 1.0:  # the percentile lies above the lowest edge
        free(net, row, slot)
        shared.deaths += 1
    j = int(uniform(shared.seed, shared.step, 1) * n_blocks)
    i = int(uniform(shared.seed, shared.step, 2) * n_blocks)
    if i == j or connected(net.slots, j, i) or largest <= 0.0:
        return
    if uniform(shared.seed, shared.step, 3) * largest < net.field[j, i]:
        s = slot_for(net, j, rules)
        if s >= 0 and net.slots[j, s] < 0:
            occupy(net, j, s, i, net.field[j, i] / largest, rules)
            for m in range(size):
                for k in range(size):
                    draw = normal(shared.seed, shared.step, 4 + m * size + k)
                    net.weights[j, s, m, k] = rules.birth_gain / math.sqrt(size) * draw


@native
def viability(net, j, s):
    """||W|| (1 + T) of an edge."""
    total = 0.0
    for m in range(net.weights.shape[2]):
        for k in range(net.weights.shape[3]):
            total += float(net.weights[j, s, m, k]) ** 2
    return math.sqrt(total) * (1.0 + net.field[j, net.slots[j, s]])


@native
def update(net, choice, rules):
    """Structure after a sample: trials every sample, the rest every ``period`` samples."""
    if choice.structure == CONFIRMED:
        hold_trials(net, rules)
    n = net.shared[0].n_learned
    if n % int(rules.period) != 0:
        return
    cap = rules.weight_cap * math.sqrt(net.weights.shape[2])
    for j in range(net.slots.shape[0]):
        for s in range(net.slots.shape[1]):
            project(net.weights[j, s], cap)
    if n < rules.warm_up:
        return
    if choice.structure == PUBLISHED_STRUCTURE:
        published(net, rules)
        return
    whiten_all(net, rules)
    prune(net, rules)
    n_births = int(rules.births) if net.shared[0].gate * net.feedback.shape[0] > rules.keep else 0
    if choice.structure == GATED:
        grow_gated(net, n_births, rules)
    else:
        end_trials(net, n_births, rules)
        begin_trials(net, rules)
    rotate(net, rules)
