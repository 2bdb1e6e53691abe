"""How rare a novelty is: peaks over threshold (Numba).

The N_PEAKS highest separate peaks so far are the tail of a voice's novelty. Above the lowest of them, u, exceedances
of a heavy tail fall as (v/u)^(-1/xi) (Pickands; Balkema and de Haan), with Hill's estimate of xi (Ann. Stat. 3, 1975).
A novelty v is exceeded with probability (N_PEAKS/n) (u/v)^(1/xi) per sample; its evidence is minus the decimal
logarithm of that.
"""

from __future__ import annotations

import math

from trophic.engines.native import native
from trophic.novelty.layout import N_PEAKS


@native
def evidence(voice, peaks, v, n, rules):
    """Decades by which novelty ``v`` is rarer than once per sample; 0 within what is known."""
    if voice.n_peaks < N_PEAKS or n < rules.warm_up or v <= 0.0:
        return 0.0
    u = peaks[0]
    for k in range(1, N_PEAKS):
        u = min(u, peaks[k])
    if v <= u:
        return 0.0
    u = max(u, 1e-12 * v)
    xi = 0.0
    for k in range(N_PEAKS):
        xi += math.log(max(peaks[k], u) / u)
    xi = max(xi / (N_PEAKS - 1), rules.least_tail)
    return math.log10(n / N_PEAKS) + math.log10(v / u) / xi


@native
def remember(voice, peaks, v, rules):
    """Take ``v`` into the present cluster, or end it: its peak counts once, whatever its length."""
    voice.age += 1
    if voice.age <= rules.cluster:
        voice.peak = max(voice.peak, v)
        return
    if voice.peak > 0.0:
        if voice.n_peaks < N_PEAKS:
            peaks[voice.n_peaks] = voice.peak
            voice.n_peaks += 1
        else:
            lowest = 0
            for k in range(1, N_PEAKS):
                if peaks[k] < peaks[lowest]:
                    lowest = k
            peaks[lowest] = max(peaks[lowest], voice.peak)
    voice.peak = v
    voice.age = 0
