"""Readouts: y^ = R z with z = [x; u; 1], error e = y^ - y.

    nlms        R <- R - eta e z^T/||z||^2
    block_rls   per block q of features: k_q = P_q z_q; shared D = lambda + sum_q z_q^T k_q;
                R_q <- R_q - e k_q^T/D,  P_q <- (P_q - k_q k_q^T/D)/lambda. Local but for the scalar D.
    rls         the same with one P over all features: exact least squares, not local
    ridge       offline: R = Y^T Z (Z^T Z + alpha I)^-1

P is kept sound for streams without end. Block-RLS keeps a root of it, P_q = T_q^T T_q, and moves that (Potter 1963):

    f = T z,   k = T^T f,   T <- (T - c f k^T)/sqrt(lambda),   c = 1/(D (1 + sqrt(1 - |f|^2/D)))

which is the same downdate. Whatever is rounded, P stays symmetric and cannot become indefinite, in single precision
too: T has the root of its condition. RLS keeps one triangle of P, and its downdate is w w^T with w = k/sqrt(D), the
same number on both sides of the diagonal. Where the mean of the diagonal of P has grown to 100 times the prior, P is
no longer divided by lambda: without excitation it stays there instead of winding up. And where z^T P z is negative by
rounding, P starts again from the prior.

The update of P that sample t asks for is applied when sample t + 1 multiplies P: one pass over memory, not two.

J. E. Potter, New statistical formulas, Space Guidance Analysis Memo 40, MIT Instrumentation Laboratory (1963).
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
def root_pass(root, z, down, f, k, relax):
    """T <- (T - f c k^T) relax with c k = ``down``, then f = T z and k = T^T f; returns the trace of P, |T|^2."""
    size = k.shape[0]
    for m in range(size):
        k[m] = 0
    trace = z[0] * 0
    for i in range(size):
        row = root[i]
        fi = f[i]
        total = z[0] * 0
        for m in range(size):
            v = (row[m] - fi * down[m]) * relax
            row[m] = v
            total += v * z[m]
            trace += v * v
        f[i] = total
        for m in range(size):
            k[m] += row[m] * total
    return trace


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
        net.precision[q, i, i] = rules.prior if net.precision.shape[0] == 1 else math.sqrt(rules.prior)
    net.gain[1:, q * size : (q + 1) * size] = 0
    net.relax[q] = 1.0


@native
def raise_prior(net, j, rules):
    """P of the features of block j gains ``birth_prior`` on its diagonal: there is something new to be learned."""
    size = net.weights.shape[2]
    extra = rules.birth_prior
    if net.precision.shape[0] == 1:
        for i in range(j * size, (j + 1) * size):
            net.precision[0, i, i] += net.precision.dtype.type(extra)
    elif net.precision.shape[0] > 1:
        apply_waiting(net, j)
        raised_root(net.precision[j], extra, net.spare)


@native
def apply_waiting(net, q):
    """The update of T_q that waits."""
    real = net.neurons.dtype.type
    size = net.precision.shape[1]
    part = slice(q * size, (q + 1) * size)
    down, f = net.gain[1, part], net.gain[2, part]
    relax = real(math.sqrt(net.relax[q]))
    for i in range(size):
        for m in range(size):
            net.precision[q, i, m] = (net.precision[q, i, m] - f[i] * down[m]) * relax
    net.gain[1:, part] = 0
    net.relax[q] = 1.0


@native
def raised_root(root, extra, room):
    """The root of T^T T + extra I, by Cholesky's decomposition: T <- U with U upper triangular."""
    size = root.shape[0]
    for i in range(size):
        for m in range(i, size):
            total = extra if i == m else 0.0
            for k in range(size):
                total += float(root[k, i]) * float(root[k, m])
            room[i, m] = total
    root[:] = 0
    for i in range(size):
        for m in range(i, size):
            total = float(room[i, m])
            for k in range(i):
                total -= float(root[k, i]) * float(root[k, m])
            root[i, m] = math.sqrt(max(total, 1e-12)) if i == m else total / float(root[i, i])


@native
def restart_all(net, rules):
    """All of P starts again, and R but for its part on the inputs: what the features mean has changed."""
    for q in range(net.precision.shape[0]):
        restart(net, q, rules)
    net.readout[:, : net.neurons.shape[1]] = 0


@inlined
def part_gain(net, q, choice, rules):
    """k_q = P_q z_q; returns z_q^T k_q."""
    real = net.neurons.dtype.type
    size = net.precision.shape[1]
    part = slice(q * size, (q + 1) * size)
    z, k, w, f = net.features[part], net.gain[0, part], net.gain[1, part], net.gain[2, part]
    if choice.readout == RLS:
        trace = triangle_pass(net.precision[q], z, w, k, real(net.relax[q]))
        power = float(dot(z, k, size))
    else:
        trace = root_pass(net.precision[q], z, w, f, k, real(math.sqrt(net.relax[q])))
        power = float(dot(f, f, size))
    if not power >= 0.0:
        restart(net, q, rules)
        for i in range(size):
            k[i] = z[i] * real(rules.prior)
            f[i] = z[i] * real(math.sqrt(rules.prior))
        power = float(dot(z, k, size))
        trace = real(0.0)
    net.relax[q] = 1.0 if trace > size * rules.prior * rules.prior_cap else 1.0 / rules.forgetting
    return power


@inlined
def put_off(net, choice, spread):
    """What the next sample is to apply to T (or P), now that D is known."""
    real = net.neurons.dtype.type
    size = net.precision.shape[1]
    for q in range(net.precision.shape[0]):
        factor = 1.0 / math.sqrt(spread)
        if choice.readout == BLOCK_RLS:
            f = net.gain[2, q * size : (q + 1) * size]
            factor = 1.0 / (spread * (1.0 + math.sqrt(1.0 - float(dot(f, f, size)) / spread)))
        for k in range(q * size, (q + 1) * size):
            net.gain[1, k] = net.gain[0, k] * real(factor)


@inlined
def find_gain(net, choice, rules):
    """k and D of this sample's z."""
    real = net.neurons.dtype.type
    n = net.features.shape[0]
    if choice.readout == BLOCK_RLS or choice.readout == RLS:
        spread = rules.forgetting
        for q in range(net.precision.shape[0]):
            spread += part_gain(net, q, choice, rules)
        put_off(net, choice, spread)
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
