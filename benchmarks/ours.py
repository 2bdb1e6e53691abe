"""`trophic.decompose` behind the benchmark's door."""

from __future__ import annotations

import trophic
from benchmarks.scoring import Array, Outcome

TRACK_RATE_HZ = 100.0


def decompose(
    x: Array,
    times_s: Array | None,
    sample_rate_hz: float | None,
    f_min_hz: float,
    f_max_hz: float,
    n_branches: int = 16,
) -> Outcome:
    """The ecology with its defaults: nothing is told but the band."""
    found = trophic.decompose(
        x,
        sample_rate_hz=sample_rate_hz,
        times_s=times_s,
        f_min_hz=f_min_hz,
        f_max_hz=f_max_hz,
        n_branches=n_branches,
        track_rate_hz=TRACK_RATE_HZ,
    )
    tracks, components = found.tracks, found.components
    return Outcome(
        frequency_hz=components["frequency_hz"],
        amplitude=components["amplitude"],
        bandwidth_hz=components["bandwidth_hz"],
        time_s=tracks.time_s,
        track_frequency_hz=tracks.frequency_hz,
        track_amplitude=tracks.amplitude,
        track_bandwidth_hz=tracks.bandwidth_hz,
        alive=tracks.alive,
        residual=found.residual,
        individual=tracks.individual,
    )
