"""A fleet over several processes or machines, on a Dask cluster: who dies is replaced, and nothing is lost.

The streams are dealt into shards, each a task that runs `trophic.runtime.fleet.run_fleet`. A task of a worker that
died is started again by Dask on another, where its streams go on from their checkpoints. All workers must see the same
folder. What travels over the network is the model's configuration as JSON, the names, and ``open_source``; States do
not. Dask moves functions with pickle: whoever reaches its ports can run programs there, so keep them on loopback, or
use its TLS.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trophic
from trophic.runtime.clock import clock_of
from trophic.runtime.contract import Model
from trophic.runtime.fleet import OpenSource, run_fleet

if TYPE_CHECKING:
    from distributed import Client

_SHARDS_PER_WORKER = 8


def run_fleet_on(
    client: Client,
    model: Model[Any, Any],
    names: Sequence[str],
    open_source: OpenSource,
    folder: str | os.PathLike[str],
    *,
    every_samples: int = 1_000_000,
    keep: int = 3,
    seed: int = 0,
    n_shards: int | None = None,
) -> dict[str, int]:
    """Run every stream to its end on the workers of ``client``; their States are then in ``folder``.

    Parameters
    ----------
    client : distributed.Client
        Of a running cluster, ``distributed.LocalCluster`` for one machine.
    model : Model
        One of trophic's own.
    names, every_samples, keep, seed
        As for `trophic.runtime.fleet.run_fleet`.
    open_source : callable
        As there; a function of a module that the workers have too.
    folder : path
        As there, the same for all workers.
    n_shards : int or None
        Tasks, 1 .. number of names; None for eight per worker. The streams of a task run in one thread.

    Returns
    -------
    dict of str to int
        Samples that each stream's State has seen.

    Raises
    ------
    ValueError
        If the model is none of trophic's, or ``n_shards`` is out of range.
    Exception
        What a stream raised; the other shards go on, and calling again resumes.
    """
    kind = type(model).__name__
    if getattr(trophic, kind, None) is not type(model):
        raise ValueError(f"model must be one of trophic's own, got {kind}; run_fleet takes any, on one machine")
    workers = len(client.scheduler_info(n_workers=-1)["workers"]) or 1
    n_shards = min(len(names), _SHARDS_PER_WORKER * workers) if n_shards is None else n_shards
    if not 1 <= n_shards <= len(names):
        raise ValueError(f"n_shards must be in 1..{len(names)}, the number of names, got {n_shards}")
    options = {"folder": str(Path(folder).absolute()), "every_samples": every_samples, "keep": keep, "seed": seed}
    futures = [
        client.submit(run_shard, kind, model.to_json(), list(names[shard::n_shards]), open_source, options, pure=False)
        for shard in range(n_shards)
    ]
    seen: dict[str, int] = {}
    shards: Any = client.gather(futures)
    for shard in shards:
        seen |= shard
    return {name: seen[name] for name in names}


def run_shard(
    kind: str, configuration: str, names: list[str], open_source: OpenSource, options: dict[str, Any]
) -> dict[str, int]:
    """One task: the streams ``names`` of ``trophic.<kind>`` with that configuration, to their end. Samples by name."""
    model = getattr(trophic, kind).from_json(configuration)
    fleet = run_fleet(model, names, open_source, n_threads=1, **options)
    return {name: clock_of(state).index for name, state in fleet.states.items()}
