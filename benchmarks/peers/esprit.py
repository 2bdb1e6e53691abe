"""ESPRIT, told the true number of lines: rotational invariance of the signal subspace.

The subspace comes from the singular vectors of the Hankel matrix with half the record in each column, found by Lanczos
iteration with products by FFT. A real line is a pair of complex exponentials.

Source: R. Roy and T. Kailath, "ESPRIT - estimation of signal parameters via rotational invariance techniques", IEEE
Trans. ASSP 37 (1989) 984-995.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft
from scipy.sparse.linalg import LinearOperator, svds

from benchmarks.peers.frames import Array, require_regular, stationary
from benchmarks.scoring import Outcome


def line_frequencies(x: Array, sample_rate_hz: float, n_lines: int) -> Array:
    """Frequencies of ``n_lines`` real lines, shape (n_lines,) or fewer, in Hz, ascending."""
    rows = len(x) // 2
    columns = len(x) - rows + 1
    left, _, _ = svds(hankel_operator(x, rows, columns), k=2 * n_lines, rng=np.random.default_rng(0))
    rotation = np.linalg.lstsq(left[:-1], left[1:], rcond=None)[0]
    angle = np.angle(np.linalg.eigvals(rotation))
    return np.sort(angle[angle > 0]) * sample_rate_hz / (2 * np.pi)


def hankel_operator(x: Array, rows: int, columns: int) -> LinearOperator:
    """The matrix ``H[i, j] = x[i + j]`` as products by FFT."""
    size = next_fast_len(len(x) + max(rows, columns))
    spectrum = rfft(x, size)

    def correlate(v: Array, n_out: int) -> Array:
        return irfft(spectrum * np.conj(rfft(v.ravel(), size)), size)[:n_out]

    return LinearOperator(
        (rows, columns), matvec=lambda v: correlate(v, rows), rmatvec=lambda v: correlate(v, columns), dtype=float
    )


def decompose(
    x: Array, times_s: Array | None, sample_rate_hz: float, f_min_hz: float, f_max_hz: float, n_branches: int = 16
) -> Outcome:
    """Exactly ``n_branches`` lines (those inside the band), constant over the record."""
    require_regular(times_s, "ESPRIT")
    frequency = line_frequencies(x, sample_rate_hz, n_branches)
    return stationary(x, sample_rate_hz, frequency[(frequency >= f_min_hz) & (frequency <= f_max_hz)])
