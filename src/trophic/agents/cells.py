"""A critic of competing cells: a soft partition of what is observed, and first-order TD(lambda) on its parts.

    p = W_in [z; 1],       x_j = e^p_j/sum_i e^p_i over the cells i of j's block
    e <- gamma lambda e + [x; 1],       dw = alpha delta e/max(||[x; 1]||^2, 2 alpha e^T d)

with d = [x(t); 1] - gamma' [x(t+1); 1]. W_in is random and stays. In a block the cells inhibit each other, so that
their activities sum to 1, and many blocks are many overlapping partitions: tile coding (Albus 1975; Sutton 1996) with
random, soft tiles. All tanh units answer to everything, which makes their correlations large and a first-order
rule slow; of these cells few answer to an observation, and what is learned there hardly changes what was
learned elsewhere. Blocks go from coarse cells without a bias, which tell directions, to fine ones, which
also tell far from near: a place that is new has a value that is still 0. The step is bounded so that an update never
corrects more than half of its own surprise (after Dabney and Barto 2012).
"""

from __future__ import annotations

from trophic.agents.layout import DRIVE, X_NEXT, E, W, X
from trophic.engines.native import decayed, native, vectorised
from trophic.network.credit import add_scaled


@vectorised
def partition(drive, out, n):
    """e^p/sum e^p over one block."""
    top = drive[0]
    for k in range(n):
        top = max(top, drive[k])
    total = top - top
    for k in range(n):
        out[k] = decayed(top - drive[k])
        total += out[k]
    for k in range(n):
        out[k] /= total


@native
def look_ahead(pop, z):
    """x(t+1), in row X_NEXT; the present activity stays."""
    size, drive = pop.recurrent.shape[3], pop.neurons[DRIVE]
    n = pop.feedback.shape[1]
    drive[:] = 0
    for c in range(z.shape[0]):
        add_scaled(drive, pop.inputs[W, c], z[c], n)
    for start in range(0, n, size):
        partition(drive[start : start + size], pop.neurons[X_NEXT, start : start + size], size)
    pop.neurons[X_NEXT, n] = 1


@native
def learn(pop, keep, discount, delta, rate):
    """One transition from X to X_NEXT: the readout moves, the cells stay."""
    w, e, x, after = pop.readout[W, 0], pop.readout[E, 0], pop.neurons[X], pop.neurons[X_NEXT]
    n = x.shape[0]
    power, overlap = 0.0, 0.0
    for k in range(n):
        e[k] = keep * e[k] + x[k]
        power += x[k] * x[k]
        overlap += e[k] * (x[k] - discount * after[k])
    add_scaled(w, e, w.dtype.type(rate * delta / max(power, 2.0 * rate * overlap)), n)
