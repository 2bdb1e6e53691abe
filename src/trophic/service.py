"""``trophic run``, ``resume``, ``inspect`` and ``verify``: a learner that is left running, and what it left."""

from __future__ import annotations

import atexit
import gc
import json
import math
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from trophic.output import UsageError

if TYPE_CHECKING:
    from trophic.runtime.live import RunSource

#: Exit code after Ctrl-C, with everything saved; SIGTERM gives 143.
INTERRUPTED = 130


@dataclass(frozen=True)
class Run:
    """Run a learner as CONFIG describes it: source, model, sinks and checkpoints. Ctrl-C and SIGTERM save and end it.

    It begins anew, and refuses to if there is a checkpoint already.
    """

    config: Positional[Annotated[Path, arg(metavar="CONFIG.toml")]]
    """Description of the run."""


@dataclass(frozen=True)
class Resume:
    """Go on from the newest whole checkpoint of a run; begin anew if there is none. What a service should start."""

    path: Positional[Annotated[Path, arg(metavar="CONFIG.toml|CHECKPOINT")]]
    """The description of the run, or a checkpoint that it wrote."""


@dataclass(frozen=True)
class Inspect:
    """Show what is in a checkpoint: model, clock, arrays and their sizes, health."""

    checkpoint: Positional[Annotated[Path, arg(metavar="CHECKPOINT")]]
    """The file."""
    as_json: Annotated[bool, arg(name="json")] = False
    """Print JSON instead of text."""


@dataclass(frozen=True)
class Verify:
    """Check every bit of a checkpoint, and that this version can go on from it. Exit code 0 if so, else 2."""

    checkpoint: Positional[Annotated[Path, arg(metavar="CHECKPOINT")]]
    """The file."""


def run(command: Run) -> int:
    """Do what ``trophic run`` was asked to; the exit code."""
    return _run(command.config, begin_anew=True)


def resume(command: Resume) -> int:
    """Do what ``trophic resume`` was asked to; the exit code."""
    if command.path.suffix == ".toml":
        return _run(command.path, begin_anew=False)
    return _run(_config_of(command.path), begin_anew=False)


def inspect(command: Inspect) -> int:
    """Do what ``trophic inspect`` was asked to; the exit code."""
    from trophic.runtime.checkpoint import read_manifest, stored_arrays

    manifest = _told(read_manifest, command.checkpoint)
    arrays = _told(stored_arrays, command.checkpoint)
    clock = {name: arrays[f"clock.{name}"].tolist() for name in ("last_time_s", "n_bad", "n_late", "n_gaps")}
    not_finite = {name: _n_not_finite(array) for name, array in arrays.items()}
    found = {
        "file": str(command.checkpoint),
        "bytes": command.checkpoint.stat().st_size,
        "model": manifest["model"],
        "written_by": manifest["versions"],
        "configuration": manifest["configuration"],
        "run": manifest.get("config"),
        "clock": {"n_samples": manifest["clock"]["n_samples"], **clock},
        "arrays": {
            name: {"dtype": str(array.dtype), "shape": list(array.shape), "bytes": array.nbytes}
            for name, array in arrays.items()
        },
        "not_finite": {name: n for name, n in not_finite.items() if n and not name.startswith("clock.")},
    }
    print(json.dumps(_finite(found), indent=2) if command.as_json else _text(found))
    return 0


def verify(command: Verify) -> int:
    """Do what ``trophic verify`` was asked to; the exit code."""
    from trophic.runtime.checkpoint import load, model_of, read_manifest

    path = command.checkpoint
    manifest = _told(read_manifest, path)
    _told(load, path, _told(model_of, path, manifest))
    samples = manifest["clock"]["n_samples"]
    print(f"{path}: whole; {manifest['model']} after {samples:,} samples, this version can go on from it")
    return 0


def _told(function: Any, *arguments: Any) -> Any:
    """A call whose errors are the user's to put right."""
    from trophic.runtime.checkpoint import CheckpointError
    from trophic.runtime.readers.common import SourceError
    from trophic.runtime.schema import ConfigError
    from trophic.runtime.sinks import SinkError

    try:
        return function(*arguments)
    except (CheckpointError, ConfigError, SinkError, SourceError, FileNotFoundError, FileExistsError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UsageError(str(error)) from error


# ---- running --------------------------------------------------------------------------------------------------


def _run(path: Path, begin_anew: bool) -> int:
    from trophic.runtime.autosave import Autosave
    from trophic.runtime.checkpoint import load_newest, read_manifest
    from trophic.runtime.config import read_config
    from trophic.runtime.drive import run

    atexit.register(gc.freeze)  # a last search for garbage among the compiled kernels would double the time to stop
    config = _told(read_config, path)
    autosave, state, position = None, None, None
    if config.checkpoint is not None:
        policy = dict(config.checkpoint)
        autosave = Autosave(config.resolve(policy.pop("path")), **policy, config=str(path.absolute()))
        if not begin_anew and (autosave.path.exists() or autosave.path.with_name(f"{autosave.path.name}.1").exists()):
            state, used, refused = _told(load_newest, autosave.path, config.model)
            position = _told(read_manifest, used).get("position")
            for sentence in refused:
                _note(sentence)
            _note(f"going on from {used}, after {state.clock.index:,} samples")
    elif not begin_anew:
        raise UsageError(f"{path}: there is no [checkpoint] to go on from; add one, or use trophic run")
    index = 0 if state is None else state.clock.index
    with ExitStack() as stack:
        source = _told(_source, config, index, position)
        if autosave is not None:
            autosave.source = source
        stack.callback(source.close)
        sinks = _told(_sinks, config, index, source, autosave)
        result = _told(
            lambda: run(
                config.model, source, state, seed=config.run["seed"], chunk_size=config.run["chunk_samples"],
                sinks=sinks, collect=False, checkpoint=autosave,
            )
        )  # fmt: skip
    saved = "" if autosave is None else f", saved in {autosave.path}"
    _note(f"{'stopped' if result.interrupted else 'the source ended'} after {result.n_samples:,} samples{saved}")
    return INTERRUPTED if result.interrupted else 0


def _note(sentence: str) -> None:
    print(f"trophic: note: {sentence}", file=sys.stderr, flush=True)


def _config_of(checkpoint: Path) -> Path:
    """The description of the run that wrote a checkpoint: it must itself name this checkpoint."""
    from trophic.runtime.checkpoint import read_manifest
    from trophic.runtime.config import read_config

    described = _told(read_manifest, checkpoint).get("config")
    if described is None:
        raise UsageError(f"{checkpoint}: was not written by trophic run; go on from it with trophic.load in Python")
    config = _told(read_config, Path(str(described)))
    named = None if config.checkpoint is None else config.resolve(config.checkpoint["path"])
    if named is None or named != checkpoint.absolute():
        raise UsageError(f"{checkpoint}: its run {described} saves to {named} now; use trophic resume CONFIG.toml")
    return config.path


def _source(config: Any, first_sample: int, position: Any) -> RunSource:
    from trophic.runtime.live import RunSource, open_live
    from trophic.runtime.schema import ConfigError
    from trophic.runtime.sources import open_source
    from trophic.runtime.streams import from_sample

    given = dict(config.source)
    n_channels = config.model.init().clock.n_channels
    if given["kind"] != "file":
        return open_live(given, n_channels, first_sample, position, _note)
    del given["kind"]
    source = open_source(config.resolve(given.pop("path")), **given)
    for note in source.notes:
        _note(note)
    if source.n_channels != n_channels:
        raise ConfigError(
            f"{config.path}: [source] {source.path} has {source.n_channels} signals "
            f"({', '.join(source.channel_names)}), the model {n_channels}; "
            "set n_channels in [model], or choose one with column"
        )
    return RunSource(from_sample(source, first_sample), {}, source.channel_names)


def _sinks(config: Any, first_sample: int, source: RunSource, autosave: Any) -> list[Any]:
    from trophic.runtime.metrics import Metrics
    from trophic.runtime.schema import ConfigError
    from trophic.runtime.sinks import JsonLines, LineProtocol
    from trophic.runtime.tables import InfoTable, TrackTable

    sinks: list[Any] = []
    for given in config.sinks:
        if given["kind"] == "jsonl":
            sinks.append(JsonLines(config.resolve(given["path"]), given["fields"], given["when"]))
        elif given["kind"] == "line_protocol":
            path = config.resolve(given["path"])
            sinks.append(LineProtocol(path, given["measurement"], given["fields"], given["when"]))
        elif given["kind"] in ("tracks", "table"):
            path = config.resolve(given["path"])
            if first_sample:  # a table cannot be gone on with: what was written before stays
                path = path.with_name(f"{path.stem}.{first_sample:015d}{path.suffix}")
            if given["kind"] == "table":
                sinks.append(InfoTable(path, given["fields"]))
                continue
            if type(config.model).__name__ != "Ecology":
                raise ConfigError(f"{config.path}: [[sinks]] tracks are those of an Ecology; use kind = 'table'")
            sinks.append(TrackTable(path, source.channel_names))
        else:
            metrics = Metrics(given["port"], given["host"], given["allow_remote"])
            _note(f"metrics at http://{given['host']}:{metrics.port}/metrics")
            for name, (meaning, function) in source.counters.items():
                metrics.add(name, meaning, function)
            if autosave is not None:
                metrics.add("trophic_checkpoints_total", "Checkpoints written.", lambda: autosave.n_saved)
                metrics.add("trophic_checkpoints_failed_total", "And not written.", lambda: autosave.n_failed)
            sinks.append(metrics)
    return sinks


# ---- looking --------------------------------------------------------------------------------------------------


def _n_not_finite(array: Any) -> int:
    import numpy as np

    return int(np.count_nonzero(~np.isfinite(array))) if array.dtype.kind == "f" else 0


def _finite(value: Any) -> Any:
    """NaN and infinities as None, which JSON has."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _text(found: dict[str, Any]) -> str:
    clock, by = found["clock"], found["written_by"]
    lines = [
        f"{found['file']}: {found['model']}, whole, {found['bytes']:,} bytes, written by trophic {by['trophic']}",
        "configuration  " + ", ".join(f"{name} = {value!r}" for name, value in found["configuration"].items()),
        f"clock          {clock['n_samples']:,} samples",
    ]
    for channel, (last_s, *counts) in enumerate(
        zip(clock["last_time_s"], clock["n_bad"], clock["n_late"], clock["n_gaps"])
    ):
        bad, late, gaps = counts
        lines.append(
            f"  channel {channel}: last good sample at {last_s!r} s; {bad:,} bad, {late:,} late, {gaps:,} gaps"
        )
    lines.append(f"arrays         {len(found['arrays'])}")
    for name, array in found["arrays"].items():
        lines.append(f"  {name!r} {array['dtype']}{array['shape']}, {array['bytes']:,} bytes")
    health = ", ".join(f"{n} in {name!r}" for name, n in found["not_finite"].items())
    lines.append(f"not finite     {health or 'nothing'}")
    if found["run"]:
        lines.append(f"run            {found['run']!r}")
    return "\n".join(lines)
