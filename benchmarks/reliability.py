"""What bad data do to online learners: ``python -m benchmarks.reliability [--out docs/results/reliability.md]``.

Two tones in noise at 1 kHz: 10 s of clean stream, a fault, 30 s of clean stream, then 5 s in which the error is
measured against that of a run without the fault. The ecology's error is what its components leave of a sample, the
others' that of predicting the next sample from the last 16 (reservoirs: from the last one). Every learner is as its
documentation shows it, with a scaler where it shows one; nothing is done for any of them about bad samples.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import trophic
from trophic.testing.faults import FAULTS, harmed

BEFORE, RECOVERY, WINDOW, LAGS = 10_000, 30_000, 5_000, 16
CHOSEN = (
    "NaN once", "NaN a tenth", "NaN 1000 in a row", "NaN at t = 0", "+inf once", "1e38 once", "1e4 once", "1e4 a tenth",
    "saturated", "stuck", "1e5 constant", "offset 1e4", "scale 1e-6", "scale 1e6",
)  # fmt: skip
Learner = Callable[[np.ndarray], np.ndarray]


def stream(n: int, seed: int) -> np.ndarray:
    """The clean stream, shape (n,)."""
    index = np.arange(n)
    tones = np.cos(2 * np.pi * 0.05 * index) + 0.5 * np.cos(2 * np.pi * 0.12 * index + 1)
    return tones + 0.1 * np.random.default_rng(seed).standard_normal(n)


def ecology(values: np.ndarray) -> np.ndarray:
    """What the ecology leaves of each sample."""
    result = trophic.run(trophic.Ecology(f_min_hz=5, f_max_hz=400), values, sample_rate_hz=1000)
    return np.concatenate([info.residual[:, 0] for info in result.infos or []])


def network(values: np.ndarray) -> np.ndarray:
    """One-step error of the network."""
    model: Any = trophic.Network(n_blocks=4, block_size=16)
    result = trophic.run(model, values, sample_rate_hz=1000)
    return np.concatenate([info.error[:, 0] for info in result.infos or []])


def by_lags(predict: Callable[[np.ndarray], float], learn: Callable[[np.ndarray, float], Any]) -> Learner:
    """Predict each sample from the last `LAGS`, then learn from it."""

    def run(values: np.ndarray) -> np.ndarray:
        error = np.full(len(values), np.nan)
        for i in range(LAGS, len(values)):
            past = values[i - LAGS : i]
            error[i] = float(predict(past)) - values[i]
            learn(past, values[i])
        return error

    return run


def padasip_filter(name: str, **parameters: float) -> Learner:
    """padasip's RLS or NLMS."""
    import padasip

    filter_ = getattr(padasip.filters, name)(n=LAGS, w="zeros", **parameters)
    return by_lags(filter_.predict, lambda past, target: filter_.adapt(target, past))


def sklearn_sgd() -> Learner:
    """StandardScaler and SGDRegressor, both by partial_fit."""
    from sklearn.linear_model import SGDRegressor
    from sklearn.preprocessing import StandardScaler

    scaler, model = StandardScaler(), SGDRegressor()
    fitted = False

    def predict(past: np.ndarray) -> float:
        return model.predict(scaler.transform(past[None]))[0] if fitted else 0.0

    def learn(past: np.ndarray, target: float) -> None:
        nonlocal fitted
        scaler.partial_fit(past[None])
        model.partial_fit(scaler.transform(past[None]), [target])
        fitted = True

    return by_lags(predict, learn)


def river_linear() -> Learner:
    """StandardScaler | LinearRegression."""
    from river import linear_model, preprocessing

    model = preprocessing.StandardScaler() | linear_model.LinearRegression()
    return by_lags(
        lambda past: model.predict_one(dict(enumerate(past.tolist()))),
        lambda past, target: model.learn_one(dict(enumerate(past.tolist())), float(target)),
    )


def reservoir() -> Learner:
    """reservoirpy: 100 units and an RLS readout with forgetting .999."""
    from reservoirpy.nodes import RLS, Reservoir

    def run(values: np.ndarray) -> np.ndarray:
        body, readout = Reservoir(100, lr=0.5, sr=0.9, seed=1), RLS(forgetting=0.999)
        states = body.run(values[:-1, None])
        readout.partial_fit(states[:2], values[1:3, None])
        error = np.full(len(values), np.nan)
        for i in range(2, len(states)):
            error[i + 1] = float(readout.run(states[i : i + 1])[0, 0]) - values[i + 1]
            readout.partial_fit(states[i : i + 1], values[i + 1 : i + 2, None])
        return error

    return run


LEARNERS: dict[str, tuple[str, Callable[[], Learner]]] = {
    "trophic.Ecology": ("trophic", lambda: ecology),
    "trophic.Network": ("trophic", lambda: network),
    "padasip RLS .999": ("padasip", lambda: padasip_filter("FilterRLS", mu=0.999)),
    "padasip NLMS": ("padasip", lambda: padasip_filter("FilterNLMS", mu=0.5)),
    "reservoirpy RLS .999": ("reservoirpy", reservoir),
    "River linear": ("river", river_linear),
    "scikit-learn SGD": ("scikit-learn", sklearn_sgd),
}


def judged(fault: str) -> slice:
    """The samples whose error counts."""
    sound = max(BEFORE, harmed(fault, np.zeros(BEFORE + 200_000), BEFORE)[1])
    return slice(sound + RECOVERY, sound + RECOVERY + WINDOW)


def rms(values: np.ndarray) -> float:
    """Root mean square; not finite if any value is not."""
    with np.errstate(all="ignore"):
        return math.sqrt(np.mean(values**2))


def ratio(make: Callable[[], Learner], fault: str, clean: np.ndarray, reference: np.ndarray) -> str:
    """Error against the clean run's, as a table shows it."""
    window = judged(fault)
    values, _ = harmed(fault, clean[: window.stop], BEFORE)
    try:
        left = make()(values)[window]
    except Exception as error:
        return f"raises {type(error).__name__}"
    found = rms(left) / FAULTS[fault].factor / rms(reference[window])
    return f"{found:.3g}" if math.isfinite(found) else "dead (NaN)"


def table(names: list[str], faults: list[str], seed: int) -> str:
    """The table in Markdown, a row per fault; a learner whose package is missing is left out."""
    columns: dict[str, list[str]] = {}
    clean = stream(max(judged(fault).stop for fault in faults), seed)
    for name in names:
        package, make = LEARNERS[name]
        try:
            release = trophic.version if package == "trophic" else version(package)
        except PackageNotFoundError:
            continue
        start = time.perf_counter()
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            reference = make()(clean)
            columns[f"{name} ({release})"] = [ratio(make, fault, clean, reference) for fault in faults]
        print(name, *columns[f"{name} ({release})"], f"in {time.perf_counter() - start:.0f} s", sep=" | ", flush=True)
    head = [f"| fault | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    return "\n".join([*head, *(f"| {' | '.join(row)} |" for row in zip(faults, *columns.values()))])


def main() -> None:
    """Print the table, and write it where ``--out`` says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learners", nargs="*", default=list(LEARNERS), choices=list(LEARNERS))
    parser.add_argument("--faults", nargs="*", default=list(CHOSEN), choices=list(FAULTS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = table(options.learners, options.faults, options.seed)
    if options.out is not None:
        options.out.write_text(found + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
