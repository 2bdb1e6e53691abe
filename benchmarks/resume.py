"""Stopped, saved, loaded in a new process and gone on: is it the learner that was never stopped?

``python -m benchmarks.resume`` prints the table; `benchmarks.reliability` puts it on its page. Each learner takes
2 n steps at once, twice, to see that it does the same; then n steps, is saved as its documentation says, and a new
process loads it and takes the other n.
Compared bit by bit: every number it learned, and every prediction of the second half (of agents: what the policy
answers to a hundred observations). Agents take the second half by a second call of ``learn`` also when they are not
stopped, so that no schedule of a rate tells the two apart.
"""

from __future__ import annotations

import argparse
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

N, LAGS, SEED = 5000, 16, 10_000
HEADER = ["learner", "saved by", "half", "never stopped, twice", "stopped: what it learned", "its predictions"]
Arrays = list[np.ndarray]


class Learner(NamedTuple):
    """One learner of one library, as functions of whatever it is there.

    ``feed(it, first, last) -> (it, predictions)``, ``save(it, path)``, ``load(path) -> it``, ``learned(it) -> arrays``.
    """

    package: str
    saved_by: str
    half: str
    begin: Callable[[], Any]
    feed: Callable[[Any, int, int], tuple[Any, np.ndarray]]
    save: Callable[[Any, Path], object]
    load: Callable[[Path], Any]
    learned: Callable[[Any], Arrays]


def stream() -> np.ndarray:
    """Two tones in noise, shape (2 N,)."""
    index = np.arange(2 * N)
    tones = np.cos(2 * np.pi * 0.05 * index) + 0.5 * np.cos(2 * np.pi * 0.12 * index + 1)
    return tones + 0.1 * np.random.default_rng(SEED).standard_normal(2 * N)


def pickled(it: Any, path: Path) -> None:
    """As the documentation of libraries without a format of their own says."""
    path.write_bytes(pickle.dumps(it))


def unpickled(path: Path) -> Any:
    """What `pickled` wrote, by this program, a moment ago."""
    return pickle.loads(path.read_bytes())


def by_lags(
    predict: Callable[[Any, np.ndarray], float], learn: Callable[[Any, np.ndarray, float], object]
) -> Callable[[Any, int, int], tuple[Any, np.ndarray]]:
    """Predict each sample from the last `LAGS`, then learn from it."""

    def feed(it: Any, first: int, last: int) -> tuple[Any, np.ndarray]:
        values, found = stream(), []
        for i in range(max(first, LAGS), last):
            found.append(float(predict(it, values[i - LAGS : i])))
            learn(it, values[i - LAGS : i], values[i])
        return it, np.array(found)

    return feed


# ---- trophic --------------------------------------------------------------------------------------------------


def ours(name: str, field: str, **arguments: Any) -> Learner:
    """A model that listens; it and its State go together."""
    import trophic

    model = getattr(trophic, name)(**arguments)

    def feed(state: Any, first: int, last: int) -> tuple[Any, np.ndarray]:
        result = trophic.run(model, stream()[first:last], state, sample_rate_hz=1000, chunk_size=64)
        return result.state, np.concatenate([getattr(info, field).reshape(-1) for info in result.infos or []])

    return Learner(
        "trophic", "`trophic.save`", f"{N:,} samples", lambda: model.init(SEED), feed,
        lambda state, path: trophic.save(path, model, state), lambda path: trophic.load(path, model),
        lambda state: list(state.arrays().values()),
    )  # fmt: skip


def our_agent(n_episodes: int = 30) -> Learner:
    """Actor and critic in a cart with a pole."""
    import trophic

    def feed(control: Any, first: int, last: int) -> tuple[Any, np.ndarray]:
        control.run(n_episodes)
        return control, np.array([control.predict(seen, deterministic=True)[0] for seen in observations()])

    return Learner(
        "trophic", "`Control.save`", f"{n_episodes} episodes", lambda: trophic.Control("CartPole-v1", seed=SEED), feed,
        lambda control, path: control.save(path), lambda path: trophic.Control.load(path, "CartPole-v1"),
        lambda control: list(control.agent.state.arrays().values()),
    )  # fmt: skip


# ---- others ---------------------------------------------------------------------------------------------------


def padasip_rls() -> Learner:
    """An RLS filter."""
    import padasip

    return Learner(
        "padasip", "pickle (nothing documented)", f"{N:,} samples",
        lambda: padasip.filters.FilterRLS(n=LAGS, mu=0.999, w="zeros"),
        by_lags(lambda it, past: it.predict(past), lambda it, past, target: it.adapt(target, past)),
        pickled, unpickled, lambda it: [it.w, it.R],
    )  # fmt: skip


def sklearn_sgd() -> Learner:
    """Scaler and SGD by partial_fit."""
    from sklearn.linear_model import SGDRegressor
    from sklearn.preprocessing import StandardScaler

    def predict(it: Any, past: np.ndarray) -> float:
        return it[1].predict(it[0].transform(past[None]))[0] if hasattr(it[1], "coef_") else 0.0

    def learn(it: Any, past: np.ndarray, target: float) -> None:
        it[0].partial_fit(past[None])
        it[1].partial_fit(it[0].transform(past[None]), [target])

    return Learner(
        "scikit-learn", "pickle", f"{N:,} samples", lambda: (StandardScaler(), SGDRegressor(random_state=0)),
        by_lags(predict, learn), pickled, unpickled,
        lambda it: [it[0].mean_, it[0].var_, it[1].coef_, it[1].intercept_, np.array(it[1].t_)],
    )  # fmt: skip


def river_linear() -> Learner:
    """Scaler and linear regression."""
    from river import linear_model, preprocessing

    def named(past: np.ndarray) -> dict[int, float]:
        return dict(enumerate(past.tolist()))

    def learned(it: Any) -> Arrays:
        regression = it["LinearRegression"]
        return [np.array([regression.weights[i] for i in range(LAGS)]), np.array(regression.intercept)]

    return Learner(
        "river", "pickle", f"{N:,} samples", lambda: preprocessing.StandardScaler() | linear_model.LinearRegression(),
        by_lags(
            lambda it, past: it.predict_one(named(past)), lambda it, past, target: it.learn_one(named(past), target)
        ),
        pickled, unpickled, learned,
    )  # fmt: skip


def reservoir() -> Learner:
    """100 units and an RLS readout."""
    from reservoirpy.nodes import RLS, Reservoir

    def feed(it: Any, first: int, last: int) -> tuple[Any, np.ndarray]:
        (body, readout), values, found = it, stream(), []
        for i in range(first, last - 1):
            state, target = body.run(values[i : i + 1, None]), values[i + 1 : i + 2, None]
            if i > 0:
                found.append(float(readout.run(state)[0, 0]))
            readout.partial_fit(state, target)
        return it, np.array(found[-(N - 1) :])

    return Learner(
        "reservoirpy", "pickle", f"{N:,} samples",
        lambda: (Reservoir(100, lr=0.5, sr=0.9, seed=1), RLS(forgetting=0.999)), feed, pickled, unpickled,
        lambda it: [it[0].state["out"], it[1].Wout, it[1].bias, it[1].P],
    )  # fmt: skip


def baselines(algorithm: str, n_steps: int) -> Learner:
    """An algorithm of Stable-Baselines3 in a cart with a pole; off-policy ones with their replay buffer."""
    import stable_baselines3

    kind = getattr(stable_baselines3, algorithm)
    has_buffer = algorithm == "DQN"

    def feed(it: Any, first: int, last: int) -> tuple[Any, np.ndarray]:
        it.learn(n_steps, reset_num_timesteps=first == 0)
        return it, it.predict(observations().astype(np.float32), deterministic=True)[0]

    def save(it: Any, path: Path) -> None:
        it.save(path)
        if has_buffer:
            it.save_replay_buffer(path.with_suffix(".buffer"))

    def load(path: Path) -> Any:
        import gymnasium

        it = kind.load(path, env=gymnasium.make("CartPole-v1"), device="cpu")
        if has_buffer:
            it.load_replay_buffer(path.with_suffix(".buffer"))
        return it

    return Learner(
        "stable_baselines3", "`save`, `load`" + (" and the replay buffer's" if has_buffer else ""),
        f"{n_steps:,} steps", lambda: kind("MlpPolicy", "CartPole-v1", seed=0, device="cpu"), feed, save, load,
        lambda it: [part.detach().numpy() for part in it.policy.state_dict().values()],
    )  # fmt: skip


def observations() -> np.ndarray:
    """A hundred places a cart and its pole may be in, shape (100, 4)."""
    return np.random.default_rng(1).normal(scale=[1.0, 1.0, 0.1, 1.0], size=(100, 4))


LEARNERS: dict[str, tuple[str, Callable[[], Learner]]] = {
    "trophic.Ecology": ("trophic", lambda: ours("Ecology", "residual", f_min_hz=5, f_max_hz=400)),
    "trophic.Network": ("trophic", lambda: ours("Network", "prediction", n_blocks=4, block_size=16)),
    "trophic.Forecaster": ("trophic", lambda: ours("Forecaster", "forecast")),
    "trophic.Novelty": ("trophic", lambda: ours("Novelty", "score")),
    "trophic.Control, actor and critic": ("trophic", our_agent),
    "padasip RLS .999": ("padasip", padasip_rls),
    "scikit-learn SGD, partial_fit": ("scikit-learn", sklearn_sgd),
    "River linear": ("river", river_linear),
    "reservoirpy RLS .999": ("reservoirpy", reservoir),
    "Stable-Baselines3 PPO": ("stable_baselines3", lambda: baselines("PPO", 8192)),
    "Stable-Baselines3 DQN": ("stable_baselines3", lambda: baselines("DQN", N)),
}


# ---- the three processes --------------------------------------------------------------------------------------


def stage(name: str, which: str, folder: Path) -> None:
    """``whole`` (or ``again``), ``first`` or ``second``; what it ends in goes to a file in ``folder``."""
    learner, path = LEARNERS[name][1](), folder / "saved"
    it = learner.load(path) if which == "second" else learner.feed(learner.begin(), 0, N)[0]
    if which == "first":
        learner.save(it, path)
        return
    it, predictions = learner.feed(it, N, 2 * N)
    parts = [np.ascontiguousarray(part) for part in learner.learned(it)]
    learned = np.frombuffer(b"".join(part.tobytes() for part in parts), dtype=np.uint8)
    about = np.array([learner.saved_by, learner.half, version(learner.package)])
    np.savez(folder / f"{which}.npz", learned=learned, predictions=predictions, about=about)


def row(name: str, pythons: Sequence[str]) -> list[str] | None:
    """A row of the table, from the first of ``pythons`` that has the package; None if none has."""
    asked = f"import sys\nfrom importlib.metadata import version\nprint(version({LEARNERS[name][0]!r}))"
    for python in pythons:
        if subprocess.run([python, "-c", asked], capture_output=True).returncode == 0:
            break
    else:
        return None
    with tempfile.TemporaryDirectory() as where:
        for which in ("whole", "again", "first", "second"):
            call = [python, "-W", "ignore", "-m", "benchmarks.resume", "--stage", which, "--folder", where, name]
            subprocess.run(call, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, cwd=Path(__file__).parents[1])
        whole, again, second = (np.load(Path(where, f"{which}.npz")) for which in ("whole", "again", "second"))
        saved_by, half, release = whole["about"].tolist()
        compared = ((again, "learned"), (second, "learned"), (second, "predictions"))
        return [f"{name} ({release})", saved_by, half, *(same(whole[what], other[what]) for other, what in compared)]


def same(a: np.ndarray, b: np.ndarray) -> str:
    """``every bit equal``, or how many differ."""
    if a.shape != b.shape:
        return f"another number of them: {len(b):,} instead of {len(a):,}"
    differing = int(np.count_nonzero(a != b))
    if a.tobytes() == b.tobytes():
        return "every bit equal"
    return f"{100 * differing / len(a):.0f} % of {'bytes' if a.dtype == np.uint8 else 'predictions'} differ"


def rows(pythons: Sequence[str], names: Sequence[str] = tuple(LEARNERS)) -> list[list[str]]:
    """The table's rows; what none of ``pythons`` has is left out."""
    found = []
    for name in names:
        if (line := row(name, pythons)) is not None:
            print(" | ".join(line), flush=True)
            found.append(line)
    return found


def main() -> None:
    """Print the table, or be one of its processes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.resume", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", default=list(LEARNERS))
    parser.add_argument("--with", dest="pythons", nargs="*", default=[], help="other Pythons, with other packages")
    parser.add_argument("--stage", choices=("whole", "again", "first", "second"))
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.stage:
        stage(options.names[0], options.stage, options.folder)
    else:
        rows([sys.executable, *options.pythons], options.names)


if __name__ == "__main__":
    main()
