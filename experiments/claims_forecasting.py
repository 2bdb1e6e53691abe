"""One step ahead on Mackey-Glass 17, Lorenz and NARMA-10: ``python -m experiments.claims_forecasting``.

8000 samples, predict and then learn, the error over the last 2000. The paper reports .1215 on Mackey-Glass. Beside its
rules stand the same network with frozen recurrent weights, echo state networks with the same readouts, persistence,
and our network with the constants below, plastic and frozen. All hear the series in units of its deviation over the
whole record; one row shows ours when it has to find the unit itself, from the first 256 samples.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from experiments.shared import page
from experiments.shared.learners import Persistence, Reservoir, Trophic, frozen
from numpy.typing import NDArray

from trophic.network.model import Network
from trophic.signals.chaos import lorenz, mackey_glass, narma10

Array = NDArray[np.float64]
SEEDS = range(10_050, 10_055)  # those before these were looked at when the constants below were chosen
N_SAMPLES, SCORED = 8_000, 2_000
# what forecasts want: a longer memory, a small input, calm plasticity, a readout that forgets and is hardly bound
DYNAMICS = (("bias", 0.2), ("rate", 1e-3))
MEMORY = (("forgetting", 0.999),)
# of a block's own weights: on seeds 0..2 full least squares on 512 neurons wants .95 (of .9, .95, 1), the rest .9.
# Seeds 10030..10044 showed what comes of .95 for all: Lorenz at 1.5 (full) and 1.9 (blocks) times the ESN
RADIUS = {("rls", 512): 0.95}
READOUTS: dict[str, dict[str, Any]] = {
    "rls": {"readout": "rls", "precision": "float64", "rules": (*MEMORY, ("prior", 1e6), ("prior_cap", 1e6))},
    "block_rls": {"readout": "block_rls", "precision": "float64", "rules": (*MEMORY, ("prior", 1e4))},
}
# of the input, in its deviations; ours and the ESNs': the best of .05, .1, .2, .3 for the ESN on seeds 0..5
GAIN = {"Mackey-Glass 17": 0.2, "Lorenz": 0.2, "NARMA-10": 0.05}


def series(task: str, seed: int) -> tuple[Array, Array]:
    """Inputs and targets (n, 1) in units of their deviation."""
    rng = np.random.default_rng(seed)
    if task == "NARMA-10":
        u, y = narma10(N_SAMPLES + 1, rng)
        u, y = u[:-1], y[1:]
    else:
        x = mackey_glass(N_SAMPLES + 1, 17, rng) if task[0] == "M" else lorenz(N_SAMPLES + 1, 0.02, rng)[:, 0]
        u, y = x[:-1], x[1:]
    return ((u - u.mean()) / u.std())[:, None], ((y - y.mean()) / y.std())[:, None]


def ours(readout: str, n_units: int, task: str, scaling: str = "none") -> Network:
    """Our network for forecasts: blocks of 32 neurons, nothing else than the constants above."""
    options = dict(READOUTS[readout])
    rules = (
        *DYNAMICS,
        ("self_radius", RADIUS.get((readout, n_units), 0.9)),
        ("input_gain", GAIN[task]),
        *options.pop("rules"),
    )
    shape: dict[str, Any] = {"n_inputs": 1, "n_targets": 1, "n_blocks": n_units // 32, "block_size": 32}
    return Network(**shape, scaling=scaling, rules=rules, **options)


def learners(task: str, n_units: int) -> dict[str, Callable[[int], Any]]:
    """Everything that is compared, by name."""
    gain = GAIN[task]
    full, local = ours("rls", n_units, task), ours("block_rls", n_units, task)
    known: dict[str, Callable[[int], Any]] = {
        "persistence": lambda seed: Persistence(),
        "ESN + RLS": lambda seed: Reservoir(n_units, 1, 1, seed, gain=gain, ridge=1e-6),
        "ours, rls": lambda seed: Trophic(full, seed),
        "ours, rls, frozen": lambda seed: Trophic(frozen(full), seed),
        "ESN + block-RLS": lambda seed: Reservoir(n_units, 1, 1, seed, gain=gain, block=32),
        "ours, block-RLS": lambda seed: Trophic(local, seed),
        "ours, block-RLS, frozen": lambda seed: Trophic(frozen(local), seed),
    }
    if n_units == 256:
        known["ours, rls, own units"] = lambda seed: Trophic(ours("rls", n_units, task, "running"), seed)
        for form in ("paper", "code"):
            model = Network.published(form, n_inputs=1, n_targets=1, scaling="none")
            known[form] = lambda seed, model=model: Trophic(model, seed)
            known[f"{form}, frozen"] = lambda seed, model=model: Trophic(frozen(model), seed)
    return known


def compare(task: str, n_units: int) -> dict[str, Array]:
    """NRMSE of every learner and seed."""
    errors = {}
    for name, make in learners(task, n_units).items():
        of_seeds = []
        for seed in SEEDS:
            u, y = series(task, seed)
            of_seeds.append(page.nrmse(make(seed).feed(u, y)[-SCORED:], y[-SCORED:]))
        errors[name] = np.array(of_seeds)
        print(task, n_units, name, page.spread(of_seeds), flush=True)
    return errors


RATIOS = (
    ("ours, rls", "ESN + RLS", 1.3),
    ("ours, block-RLS", "ESN + block-RLS", 1.5),
    ("ours, rls", "ours, rls, frozen", 1.1),
    ("ours, block-RLS", "ours, block-RLS, frozen", 1.1),
    ("code", "code, frozen", np.nan),
)


def main() -> None:
    found = {(task, n): compare(task, n) for n in (256, 512) for task in GAIN}
    names = list(found["Lorenz", 256])
    rows = [[name, *(page.spread(e[name]) if name in e else "" for e in found.values())] for name in names]
    lines = page.table(["NRMSE", *(f"{task}, {n}" for task, n in found)], rows)
    lines += ["## Ratios", "", "Of the geometric means over seeds.", ""]
    rows = []
    for ours_, theirs, asked in RATIOS:
        ratios = [np.exp(np.mean(np.log(e[ours_] / e[theirs]))) if ours_ in e else np.nan for e in found.values()]
        row = [f"{ours_} / {theirs}", "" if np.isnan(asked) else f"<= {asked}"]
        rows.append([*row, *("" if np.isnan(r) else f"{r:.2f}" for r in ratios)])
    lines += page.table(["", "asked", *(f"{task}, {n}" for task, n in found)], rows)
    page.write("claims_forecasting", "Forecasts one step ahead", lines, SEEDS)


if __name__ == "__main__":
    main()
