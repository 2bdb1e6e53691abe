"""The forward step of a population, and its heads.

    p_j = sum_s W_js x_c(js)(t-1) + W_in [z(t); 1]
    x_j = (1 - a) x_j(t-1) + a tanh p_j,        g_j = a (1 - tanh^2 p_j),        y = R [x; 1]

There is no normalisation of activity, and x = 0 at the start of an episode.
"""

from __future__ import annotations

from trophic.agents.layout import DRIVE, EPS, SLOPE, SLOPE_NEXT, X_NEXT, X_OLD, E, W, X
from trophic.engines.native import decayed, inlined, native, vectorised
from trophic.network.credit import add_scaled
from trophic.network.dynamics import heard
from trophic.network.readout import dot


@vectorised
def saturate(drive, old, new, slope, leak, n):
    """x = (1 - a) x + a tanh p and g = a (1 - tanh^2 p), with tanh |p| = (1 - e^-2|p|)/(1 + e^-2|p|)."""
    for k in range(n):
        p = drive[k]
        e = decayed(2.0 * abs(p))
        size = (1.0 - e) / (1.0 + e)
        h = size if p > 0 else -size
        new[k] = (1.0 - leak) * old[k] + leak * h
        slope[k] = leak * (1.0 - h * h)


@native
def look_ahead(pop, z, leak):
    """x(t+1) and its slope, in rows X_NEXT and SLOPE_NEXT; the present state stays."""
    n = pop.feedback.shape[1]
    size = pop.recurrent.shape[3]
    drive, sum_of_senders = pop.neurons[DRIVE], pop.neurons[X_NEXT]
    drive[:] = 0
    for j in range(pop.slots.shape[0]):
        part = sum_of_senders[j * size : (j + 1) * size]
        for s in range(pop.slots.shape[1]):
            i = pop.slots[j, s]
            if i >= 0:
                heard(pop.recurrent[W, j, s], pop.neurons[X, i * size : (i + 1) * size], part)
                add_scaled(drive[j * size : (j + 1) * size], part, z.dtype.type(1.0), size)
    for c in range(z.shape[0]):
        add_scaled(drive, pop.inputs[W, c], z[c], n)
    saturate(drive, pop.neurons[X], pop.neurons[X_NEXT], pop.neurons[SLOPE_NEXT], leak, n)
    pop.neurons[X_NEXT, n] = 1


@inlined
def proceed(pop):
    """x(t+1) becomes the present state."""
    neurons = pop.neurons
    for k in range(neurons.shape[1]):
        neurons[X_OLD, k] = neurons[X, k]
        neurons[X, k] = neurons[X_NEXT, k]
        neurons[SLOPE, k] = neurons[SLOPE_NEXT, k]


@inlined
def forget(pop):
    """Eligibilities and forward traces start again."""
    for plane in (E, EPS):
        if pop.recurrent.shape[0] > plane:
            pop.recurrent[plane] = 0
            pop.inputs[plane] = 0
    pop.readout[E] = 0
    if pop.power.shape[0] > 0:
        pop.pairs[0] = 0


@inlined
def heads(pop, row):
    """y = R [x; 1] of the state in a row of neurons."""
    for h in range(pop.readout.shape[1]):
        pop.output[0, h] = dot(pop.readout[W, h], pop.neurons[row], pop.neurons.shape[1])
