"""Online forecasters of other libraries, predict first and learn later, each with the settings it is tried at.

Every peer is a function (x, horizon) -> forecasts (n,), where entry t was made at t - horizon from samples up to then;
what a forecast is for is only learned from when it has been seen. Missing samples are what was last seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Peer = Callable[[Array, int], Array]


def held(x: Array) -> Array:
    """The series with missing samples replaced by the last good one."""
    index = np.maximum.accumulate(np.where(np.isfinite(x), np.arange(len(x)), 0))
    return np.where(np.isfinite(x[index]), x[index], np.nanmean(x[:50]))


def scaled(x: Array) -> tuple[Array, float, float]:
    """Held samples in units of the first 100 samples' deviation about their mean."""
    y = held(x)
    origin, unit = float(np.mean(y[:100])), float(np.std(y[:100])) or 1.0
    return (y - origin) / unit, origin, unit


def delay_line(y: Array, n: int) -> Array:
    """Rows [1, y(t), y(t - 1) ... y(t - n + 1)]."""
    padded = np.concatenate([np.full(n - 1, y[0]), y])
    return np.column_stack([np.ones(len(y)), np.lib.stride_tricks.sliding_window_view(padded, n)[:, ::-1]])


def persistence(x: Array, horizon: int) -> Array:
    """What is, stays."""
    out = np.full(len(x), np.nan)
    out[horizon:] = held(x)[:-horizon]
    return out


def padasip_rls(x: Array, horizon: int, lags: int, memory: float) -> Array:
    """padasip's recursive least squares on a delay line."""
    import padasip

    y, origin, unit = scaled(x)
    z = delay_line(y, lags)
    model = padasip.filters.FilterRLS(n=lags + 1, mu=memory, eps=0.1, w="zeros")
    out = np.full(len(x), np.nan)
    for t in range(horizon, len(x)):
        out[t] = model.predict(z[t - horizon])
        if np.isfinite(x[t]):
            model.adapt(y[t], z[t - horizon])
    return origin + unit * out


def reservoirpy_rls(x: Array, horizon: int, radius: float, memory: float, units: int = 200) -> Array:
    """reservoirpy's echo state network, its states read out by its own recursive least squares."""
    from reservoirpy.nodes import RLS, Reservoir

    y, origin, unit = scaled(x)
    states = Reservoir(units, sr=radius, input_scaling=0.3, lr=1.0, seed=0).run(y[:, None])
    z = np.column_stack([states, y])
    model = RLS(alpha=1e-2, forgetting=memory)
    out = np.full(len(x), np.nan)
    for t in range(horizon, len(x)):
        past = z[t - horizon][None, :]
        if model.initialized:
            out[t] = np.ravel(model.run(past))[0]
        if np.isfinite(x[t]):
            model.partial_fit(past, np.array([[y[t]]]))
    return origin + unit * out


def river_bayesian(x: Array, horizon: int, lags: int) -> Array:
    """River's Bayesian linear regression on a delay line."""
    from river import linear_model

    return _river(x, horizon, lags, linear_model.BayesianLinearRegression())


def river_forest(x: Array, horizon: int, lags: int) -> Array:
    """River's aggregated Mondrian forest on a delay line."""
    from river import forest

    return _river(x, horizon, lags, forest.AMFRegressor(n_estimators=10, seed=0))


def _river(x: Array, horizon: int, lags: int, model: object) -> Array:
    y, origin, unit = scaled(x)
    z = delay_line(y, lags)[:, 1:]
    rows = [dict(enumerate(row.tolist())) for row in z]
    out = np.full(len(x), np.nan)
    for t in range(horizon, len(x)):
        out[t] = model.predict_one(rows[t - horizon])  # type: ignore[attr-defined]
        if np.isfinite(x[t]):
            model.learn_one(rows[t - horizon], float(y[t]))  # type: ignore[attr-defined]
    return origin + unit * out


def peers(n: int) -> Iterator[tuple[str, str, Peer]]:
    """(library's method, setting, forecaster) for a series of n samples; the slow ones only where they end."""
    yield "persistence", "", persistence
    for lags in (4, 16, 48):
        for memory in (0.998, 0.9999):
            yield "padasip RLS", f"{lags} lags, {memory}", partial(padasip_rls, lags=lags, memory=memory)
    for radius, memory in ((0.9, 0.999), (0.9, 0.9999)) if n <= 12_000 else ((0.9, 0.9999),):
        setting = f"200 units, radius {radius}, {memory}"
        yield "reservoirpy ESN+RLS", setting, partial(reservoirpy_rls, radius=radius, memory=memory)
    for lags in (16, 48) if n <= 12_000 else (16,):
        yield "River Bayesian linear", f"{lags} lags", partial(river_bayesian, lags=lags)
    if n <= 2_500:
        for lags in (4, 12):
            yield "River AMF", f"{lags} lags", partial(river_forest, lags=lags)
