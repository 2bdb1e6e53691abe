"""Readouts: y^ = R z with z = [x; u; 1], error e = y^ - y.

    nlms        R <- R - eta e z^T/||z||^2
    block_rls   per block q of features: k_q = P_q z_q; shared D = lambda + sum_q z_q^T k_q;
                R_q <- R_q - e k_q^T/D,  P_q <- (P_q - k_q k_q^T/D)/lambda. Local but for the scalar D.
    rls         the same with one P over all features: exact least squares, not local
    ridge       offline: R = Y^T Z (Z^T Z + alpha I)^-1

P is kept sound for streams without end in three ways. The downdate is w w^T with w = k/sqrt(D), which is the same
number on both sides of the diagonal, so P stays symmetric to the bit (the full P is kept as one triangle). Where the
mean of its diagonal has grown to 100 times the prior, P is no longer divided by lambda: without excitation it stays
there instead of winding up. And a block whose z^T P z has become negative by rounding starts again from the prior.

The update of P that sample t asks for is applied when sample t + 1 multiplies P: one pass over memory, not two.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from trophic.engines.native import inlined, native, vectorised
from trophic.network.layout import BLOCK_RLS, RLS


def ridge(features: NDArray[np.floating], targets: NDArray[np.floating], penalty: float) -> NDArray[np.float64]:
    """Ridge regression R, shape (n_targets, D), of targets (n, n_targets) on features (n, D); penalty >= 0.

    Examples
    --------
    >>> z = np.array([[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]])
    >>> ridge(z, 3 * z[:, :1] + 1, 0.0).round(6)
    array([[3., 1.]])
    """
    z = np.asarray(features, dtype=np.float64)
    gram = z.T @ z + penalty * np.eye(z.shape[1])
    weights = np.linalg.lstsq(gram, z.T @ np.asarray(targets, dtype=np.float64), rcond=None)[0]
    return np.ascontiguousarray(weights.T, dtype=np.float64)


@vectorised
def dot(a, b, n):
    """sum of a b over the first n entries."""
    total = a[0] * b[0]
    for k in range(1, n):
        total += a[k] * b[k]
    return total


@inlined
def predict(net):
    """Fills ``net.output`` with R z of all heads; a silent one with a ghost reads that."""
    for h in range(net.readout.shape[0]):
        net.output[h] = dot(net.readout[h], net.features, net.features.shape[0])
    n = net.neurons.shape[1]
    for h in range(net.ghosts.shape[0]):
        if net.heads[h].silent > 0:
            net.output[h] += dot(net.readout[h], net.ghosts[h, 0], n) - dot(net.readout[h], net.features, n)


@vectorised
def square_pass(p, z, w, k, relax):
    """P <- (P - w w^T) relax, then k = P z, of one square block; returns the trace of P."""
    size = k.shape[0]
    for m in range(size):
        k[m] = 0
    for i in range(size):
        wi = w[i]
        zi = z[i]
        for m in range(size):
            v = (p[i, m] - wi * w[m]) * relax
            p[i, m] = v
            k[m] += v * zi
    total = p[0, 0]
    for i in range(1, size):
        total += p[i, i]
    return total


@vectorised
def row_pass(row, z, w, k, i, relax):
    """Row i of the lower triangle: P_im <- (P_im - w_i w_m) relax, k_m += P_im z_i; returns sum P_im z_m (m < i)."""
    wi = w[i]
    zi = z[i]
    total = row[i] * 0
    for m in range(i):
        v = (row[m] - wi * w[m]) * relax
        row[m] = v
        k[m] += v * zi
        total += v * z[m]
    return total


@native
def triangle_pass(p, z, w, k, relax):
    """The same as `square_pass` for a P of which only the lower triangle is kept."""
    size = k.shape[0]
    k[:] = 0
    total = p[0, 0] * 0
    for i in range(size):
        below = row_pass(p[i], z, w, k, i, relax)
        v = (p[i, i] - w[i] * w[i]) * relax
        p[i, i] = v
        total += v
        k[i] += below + v * z[i]
    return total


@native
def restart(net, q, rules):
    """Block q of P starts again from the prior."""
    size = net.precision.shape[1]
    net.precision[q] = 0
    for i in range(size):
        net.precision[q, i, i] = rules.prior
    net.gain[1, q * size : (q + 1) * size] = 0
    net.relax[q] = 1.0


@native
def restart_all(net, rules):
    """All of P starts again, and R but for its part on the inputs: what the features mean has changed."""
    for q in range(net.precision.shape[0]):
        restart(net, q, rules)
    net.readout[:, : net.neurons.shape[1]] = 0


@inlined
def block_gain(net, q, choice, rules):
    """k_q = P_q z_q; returns z_q^T k_q."""
    real = net.neurons.dtype.type
    size = net.precision.shape[1]
    part = slice(q * size, (q + 1) * size)
    z, k, w = net.features[part], net.gain[0, part], net.gain[1, part]
    if choice.readout == RLS:
        trace = triangle_pass(net.precision[q], z, w, k, real(net.relax[q]))
    else:
        trace = square_pass(net.precision[q], z, w, k, real(net.relax[q]))
    power = float(dot(z, k, size))
    if not power >= 0.0:
        restart(net, q, rules)
        for i in range(size):
            k[i] = z[i] * real(rules.prior)
        power = float(dot(z, k, size))
        trace = real(0.0)
    net.relax[q] = 1.0 if trace > size * rules.prior * rules.prior_cap else 1.0 / rules.forgetting
    return power


@inlined
def find_gain(net, choice, rules):
    """k and D of this sample's z."""
    real = net.neurons.dtype.type
    n = net.features.shape[0]
    if choice.readout == BLOCK_RLS or choice.readout == RLS:
        spread = rules.forgetting
        for q in range(net.precision.shape[0]):
            spread += block_gain(net, q, choice, rules)
        shrink = real(1.0 / math.sqrt(spread))
        for k in range(n):
            net.gain[1, k] = net.gain[0, k] * shrink
    else:
        spread = 1e-12 + float(dot(net.features, net.features, n))
        rate = real(rules.nlms_rate)
        for k in range(n):
            net.gain[0, k] = rate * net.features[k]
    net.shared[0].spread = spread


@vectorised
def move(row, k, step):
    """R_h <- R_h + step k."""
    for i in range(row.shape[0]):
        row[i] += step * k[i]


@inlined
def learn(net, rules):
    """R <- R - e k^T/D for every one-step head, projected to the largest norm allowed."""
    real = net.neurons.dtype.type
    for h in range(net.feedback.shape[0]):
        if net.error[h] == 0:
            continue
        move(net.readout[h], net.gain[0], real(-net.error[h] / net.shared[0].spread))
        if rules.readout_cap < 1e30:
            project(net.readout[h], rules.readout_cap)


@native
def project(row, cap):
    """Scales a row down to the norm ``cap`` if it is longer."""
    real = row.dtype.type
    norm = math.sqrt(float(dot(row, row, row.shape[0])))
    if norm > cap:
        for k in range(row.shape[0]):
            row[k] *= real(cap / norm)
