"""Many ecologies in one compiled loop: what `trophic.runtime.fleet` does with streams whose samples are all good.

What the guard does for one channel of one chunk is done here for all at once; `clean` picks the streams for which it
has nothing to refuse.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trophic.ecology.kernel import run_channel
from trophic.engines.native import entry
from trophic.runtime.guard import NO_MEASUREMENT

Stacked = dict[str, NDArray[Any]]


def clean(
    stacked: Stacked, rows: NDArray[np.int64], values: NDArray[np.float64], first: NDArray[np.int64],
    period_s: float, start_s: float,
) -> NDArray[np.bool_]:  # fmt: skip
    """Which of the chunks ``values`` (m, n, C), n > 0, of the streams ``rows`` (m,) continue them without a bad sample.

    Parameters
    ----------
    stacked : dict
        Arrays of the States by name, with the stream as first axis.
    first : int64 array, shape (m,)
        Index of the first sample of each chunk.
    period_s, start_s : float
        Time base of all.
    """
    good = (np.abs(values) < NO_MEASUREMENT).all(axis=(1, 2))  # false for NaN as well
    last = stacked["clock.last_index"][rows]
    expected_s = start_s + last * period_s
    same_time_base = ((last < 0) | (expected_s == stacked["clock.last_time_s"][rows])).all(axis=1)
    return good & same_time_base & (first == stacked["clock.n_samples"][rows, 0])


def advance(
    model: Any, stacked: Stacked, rows: NDArray[np.int64], values: NDArray[np.float64],
    period_s: float, start_s: float, n_threads: int,
) -> None:  # fmt: skip
    """Consume `clean` chunks ``values`` (m, n, C) of the streams ``rows`` (m,) of an Ecology, in place."""
    m, n = values.shape[:2]
    index = stacked["clock.n_samples"][rows, 0]
    last = stacked["clock.last_index"][rows]
    position = np.arange(n, dtype=np.int64)
    times_s = start_s + (index[:, None] + position).astype(np.float64) * period_s
    first_dt_s = np.where(last >= 0, (index[:, None] - last) * period_s, period_s)
    samples = np.ascontiguousarray(values.transpose(0, 2, 1))
    bank, rules, soil = model._bank(), model._rules, stacked["soil"]
    soil = soil.reshape(*soil.shape[:2], -1)
    names = ("hot", "sums", "branches", "steps", "ticks", "shared")
    hot, sums, branches, steps, ticks, shared = (stacked[name] for name in names)

    def some(part: NDArray[np.int64]) -> None:
        run_streams(
            part, rows, samples, np.full(n, period_s), first_dt_s, times_s, position,
            hot, sums, branches, soil, steps, ticks, shared, bank, rules, np.empty(n),
            np.empty(0, dtype=np.int64), np.empty((0, 8, model.n_branches)),
        )  # fmt: skip

    parts = np.array_split(np.arange(m), n_threads)
    if n_threads == 1:
        some(parts[0])
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            for _ in pool.map(some, parts):
                pass
    _record(stacked, rows, index, last, times_s)


def _record(
    stacked: Stacked, rows: NDArray[np.int64], index: NDArray[np.int64], last: NDArray[np.int64],
    times_s: NDArray[np.float64],
) -> None:  # fmt: skip
    """The clocks behind chunks of good samples, as `trophic.runtime.guard` and `Clock.tick` leave them."""
    n = times_s.shape[1]
    stacked["clock.n_gaps"][rows] += index[:, None] - last > 1
    stacked["clock.first_time_s"][rows] = np.where(last < 0, times_s[:, :1], stacked["clock.first_time_s"][rows])
    stacked["clock.last_index"][rows] = index[:, None] + n - 1
    stacked["clock.last_time_s"][rows] = times_s[:, -1:]
    stacked["clock.n_samples"][rows, 0] += n


@entry
def run_streams(
    part, rows, samples, dts, first_dt_s, times_s, position,
    hot, sums, branches, soil, steps, ticks, shared, bank, rules, residual, frame_position, frames,
):  # fmt: skip
    """`trophic.ecology.kernel.run_channel` for every channel of the streams ``rows[part]``; no tracks are kept."""
    for i in part:
        stream = rows[i]
        for c in range(samples.shape[1]):
            dts[0] = first_dt_s[i, c]
            run_channel(
                samples[i, c], dts, times_s[i], position, hot[stream, c], sums[stream, c], branches[stream, c],
                soil[stream, c], steps[stream, c], ticks[stream, c], shared[stream, c], bank, rules,
                residual, frame_position, frames,
            )  # fmt: skip
