"""What bad data and a restart do to online learners: ``python -m benchmarks.reliability``.

Two tones in noise at 1 kHz: 10 s of clean stream, a fault, 30 s of clean stream, then 5 s in which the error is
measured against that of a run without the fault. The ecology's error is what its components leave of a sample, the
others' that of predicting the next sample from the last 16 (reservoirs: from the last one). Every learner is as its
documentation shows it, with a scaler where it shows one; nothing is done for any of them about bad samples.
`benchmarks.resume` stops each of them. Both tables go into ``reliability.md`` in ``--out``.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import time
import warnings
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

import trophic
from benchmarks import report, resume
from trophic.testing.faults import FAULTS, harmed

BEFORE, RECOVERY, WINDOW, LAGS = 10_000, 30_000, 5_000, 16
LONG = 1_000_000  # samples; faults that last so long are done to one seed
BATCH = 50  # rows that scikit-learn gets at a time: a call takes it the better part of a millisecond
CHOSEN = (
    "NaN once", "NaN a tenth", "NaN 1000 in a row", "NaN at t = 0", "+inf once", "1e38 once", "1e4 once", "1e4 a tenth",
    "saturated", "stuck", "1e5 constant", "1e6 constant", "offset 1e4", "scale 1e-6", "scale 1e6",
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
    """StandardScaler and SGDRegressor, both by partial_fit on batches, as for data that do not fit into memory."""
    from numpy.lib.stride_tricks import sliding_window_view
    from sklearn.linear_model import SGDRegressor
    from sklearn.preprocessing import StandardScaler

    def run(values: np.ndarray) -> np.ndarray:
        scaler, model = StandardScaler(), SGDRegressor()
        pasts, error = sliding_window_view(values, LAGS), np.full(len(values), np.nan)
        for i in range(LAGS, len(values), BATCH):
            here = slice(i, min(i + BATCH, len(values)))
            past, target = pasts[i - LAGS : here.stop - LAGS], values[here]
            error[here] = (model.predict(scaler.transform(past)) if i > LAGS else 0.0) - target
            scaler.partial_fit(past)
            model.partial_fit(scaler.transform(past), target)
        return error

    return run


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
    sound = max(BEFORE, harmed(fault, np.zeros(BEFORE + 1_200_000), BEFORE)[1])
    return slice(sound + RECOVERY, sound + RECOVERY + WINDOW)


def rms(values: np.ndarray) -> float:
    """Root mean square; not finite if any value is not."""
    with np.errstate(all="ignore"):
        return math.sqrt(np.mean(values**2))


def ratio(make: Callable[[], Learner], fault: str, seed: int, reference: np.ndarray) -> float | str:
    """Error over the clean run's at the same samples (its last, where the fault outlasts it); or what it raises."""
    window = judged(fault)
    beside = window if window.stop <= len(reference) else slice(len(reference) - WINDOW, len(reference))
    values, _ = harmed(fault, stream(window.stop, seed), BEFORE, seed)
    try:
        left = make()(values)[window]
    except Exception as error:  # whatever another library says to bad data
        return f"raises {type(error).__name__}"
    found = rms(left) / FAULTS[fault].factor / rms(reference[beside])
    return found if math.isfinite(found) else math.inf


def cell(found: list[float | str]) -> str:
    """The median over seeds, as the table shows it."""
    if raised := [outcome for outcome in found if isinstance(outcome, str)]:
        return raised[0]
    middle = statistics.median(outcome for outcome in found if not isinstance(outcome, str))
    return f"{middle:.3g}" if math.isfinite(middle) else "dead (NaN)"


def column(name: str, faults: list[str], seeds: list[int]) -> list[str]:
    """One learner's cells, a row per fault; long faults with the first seed alone."""
    make, start = LEARNERS[name][1], time.perf_counter()
    outcomes: dict[str, list[float | str]] = {fault: [] for fault in faults}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for seed in seeds:
            todo = [f for f in faults if judged(f).stop < LONG or seed == seeds[0]]
            reference = make()(stream(max(stop for f in todo if (stop := judged(f).stop) < LONG), seed))
            for fault in todo:
                outcomes[fault].append(ratio(make, fault, seed, reference))
    cells = [cell(found) for found in outcomes.values()]
    print(name, *cells, f"in {time.perf_counter() - start:.0f} s", sep=" | ", flush=True)
    return cells


def release(package: str) -> str | None:
    """The installed version; None without it."""
    try:
        return trophic.version if package == "trophic" else version(package)
    except PackageNotFoundError:
        return None


def faults_table(names: list[str], faults: list[str], seeds: list[int]) -> list[str]:
    """A row per fault, a column per learner; one whose package is missing is left out."""
    found = {
        f"{name} ({number})": column(name, faults, seeds)
        for name in names
        if (number := release(LEARNERS[name][0])) is not None
    }
    return report.table(["fault", *found], zip(faults, *found.values()))


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reliability", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--learners", nargs="*", default=list(LEARNERS), choices=list(LEARNERS))
    parser.add_argument("--faults", nargs="*", default=list(CHOSEN), choices=list(FAULTS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[10_000, 10_001, 10_002])
    parser.add_argument(
        "--resume-with", nargs="*", default=[], help="other Pythons, for peers that are installed there"
    )
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    resumed = resume.rows([sys.executable, *options.resume_with])
    found = faults_table(options.learners, options.faults, options.seeds)
    lines = [
        "# Bad data and resuming, beside others", "", "Generated; do not edit.", "",
        *report.provenance("benchmarks.reliability"),
        f"- seeds {', '.join(map(str, options.seeds))}; faults of a million samples with the first alone", "",
        "## What a fault leaves behind", "",
        "Error 30 s after the fault over that of the same learner without it, median over the seeds: 1 is unharmed. "
        "The errors themselves are not compared.", "", *found, "",
        "## Stopped, saved, loaded in a new process, gone on", "",
        "Against the same learner that was never stopped; `benchmarks/resume.py` has the steps.", "",
        *report.table(resume.HEADER, resumed),
    ]  # fmt: skip
    report.write(options.out / "reliability.md", lines)


if __name__ == "__main__":
    main()
