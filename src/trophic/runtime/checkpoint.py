"""Checkpoints: a State on disk, in one file that is either complete and unharmed or refused.

The file is a safetensors container (plain arrays and a JSON header; nothing in it is ever executed). Its
metadata hold a JSON manifest and the SHA-256 of manifest and arrays. It is written under a temporary
name, flushed to the disk and renamed, so that a crash leaves the previous checkpoint in place.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import trophic
from trophic.runtime import container, durable
from trophic.runtime.contract import Model, StateT
from trophic.runtime.durable import CheckpointWriteError
from trophic.runtime.manifest import (
    CheckpointError,
    DamagedCheckpoint,
    damaged,
    describe,
    digest_of,
    opened,
    parts,
    read_manifest,
    schema,
    verified,
)

__all__ = [
    "CheckpointError",
    "CheckpointWriteError",
    "DamagedCheckpoint",
    "load",
    "load_newest",
    "model_of",
    "read_manifest",
    "save",
    "stored_arrays",
]

_MAX_EXCESS = 1 << 28  # bytes: a file that much larger than the State asked for is not even read


def save(
    path: str | os.PathLike[str],
    model: Model[StateT, Any],
    state: StateT,
    *,
    keep: int = 1,
    config: str | None = None,
    position: Mapping[str, Any] | None = None,
) -> None:
    """Write ``state`` to the file ``path``; a file already there is replaced in one step, or not at all.

    Parameters
    ----------
    path : path
        File to write, by custom ``*.safetensors``. Its folder must exist.
    model : Model
        The model the State belongs to; its class name and configuration are stored with it.
    state : State
        What to store. Arrays of booleans, integers, floats, complex numbers and records of these.
    keep : int
        How many checkpoints stay, >= 1: the newest at ``path``, older ones at ``path.1``, ``path.2`` and so on.
    config : str, optional
        The file that describes the run, for `trophic resume`; stored in the manifest as it is.
    position : mapping, optional
        Where its source goes on (plain values); stored in the manifest as it is.

    Raises
    ------
    CheckpointError
        If an array of the State has a dtype that is not plain data, or the manifest is above a megabyte.
    CheckpointWriteError
        If the file cannot be written (an OSError that names the path and the fix). A checkpoint already at ``path``
        is then untouched.

    Examples
    --------
    >>> import tempfile
    >>> model = trophic.Ecology(f_min_hz=1, f_max_hz=10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/night.safetensors", model, model.init(seed=3))
    ...     load(f"{folder}/night.safetensors", model).equals(model.init(seed=3))
    True
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no folder {path.parent} to write {path.name} in; make it first")
    arrays = {name: np.ascontiguousarray(part) for name, part in parts(state)}
    manifest = json.dumps(describe(model, state, config, position), sort_keys=True)
    digest = digest_of(manifest, ((n, a.dtype, a.shape, [a.reshape(-1).view(np.uint8)]) for n, a in arrays.items()))
    try:
        content = container.written(arrays, {"manifest": manifest, "sha256": digest})
    except ValueError as error:
        raise CheckpointError(
            f"{path}: {len(arrays)} arrays and a configuration of {len(model.to_json())} characters need a header "
            f"above {container.MAX_HEADER} bytes; keep long tables in the State, as one array"
        ) from error
    durable.write(path, content, keep)


def load(path: str | os.PathLike[str], model: Model[StateT, Any]) -> StateT:
    """Read the State that `save` wrote to ``path``, for a model of the same class and configuration.

    The State continues bit for bit where it was saved.

    Raises
    ------
    CheckpointError
        If the file is damaged, or belongs to another model, configuration or format.
    FileNotFoundError
        If there is no such file.

    Examples
    --------
    >>> load("nowhere.safetensors", trophic.Ecology(f_min_hz=1, f_max_hz=10))
    Traceback (most recent call last):
    FileNotFoundError: no checkpoint at nowhere.safetensors; trophic.save(path, model, state) writes one
    """
    path = Path(path)
    state = model.init()
    targets = dict(parts(state))
    with opened(path) as (file, metadata, entries):
        size = sum(entry.end - entry.begin for entry in entries.values())
        needed = sum(target.nbytes for target in targets.values())
        if size > needed + _MAX_EXCESS:
            raise CheckpointError(
                f"{path} holds {size} bytes, a State of this {type(model).__name__} has {needed}; it was not read, "
                "give the model the configuration it was saved with"
            )
        manifest = verified(path, file, metadata, entries)
        _check_same_model(path, manifest, model)
        if differing := _differing(manifest["state"], schema(state)):
            raise CheckpointError(
                f"{path}: the State of {type(model).__name__} has changed since this file was written: "
                f"{differing[:3]} differ; load it with the version that wrote it, "
                f"trophic {manifest['versions']['trophic']}"
            )
        for name, target in targets.items():
            entry = entries.get(name)
            if entry is None or entry.shape != target.shape or entry.dtype != target.dtype:
                raise damaged(path, f"array {name!r} is not what its manifest says")
            target[...] = container.read_array(file, entry)
    return state


def load_newest(path: str | os.PathLike[str], model: Model[StateT, Any]) -> tuple[StateT, Path, list[str]]:
    """The newest State among the checkpoints kept at ``path`` that is whole.

    Returns
    -------
    state : State
    used : Path
        The file it is from.
    refused : list of str
        One sentence for every newer file that was damaged.

    Raises
    ------
    CheckpointError
        If every one is damaged, or one is whole but of another model, configuration or version.
    FileNotFoundError
        If there is none.

    Examples
    --------
    >>> import tempfile
    >>> model = trophic.Ecology(f_min_hz=1, f_max_hz=10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "night.safetensors")
    ...     for _ in range(2):
    ...         save(path, model, model.init(), keep=2)
    ...     _ = path.write_bytes(path.read_bytes()[:-1])
    ...     state, used, refused = load_newest(path, model)
    >>> used.name, len(refused)
    ('night.safetensors.1', 1)
    """
    path = Path(path)
    refused: list[DamagedCheckpoint] = []
    for candidate in durable.generations(path):
        try:
            return load(candidate, model), candidate, [str(error) for error in refused]
        except DamagedCheckpoint as error:
            refused.append(error)
    if refused:
        raise refused[0]
    return load(path, model), path, []


def stored_arrays(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """The arrays of a checkpoint by the names they have in the file, whatever the model; verified as by `load`.

    Complex arrays are there as ``name/real`` and ``name/imag``, records as ``name/field``.
    """
    with opened(Path(path)) as (file, metadata, entries):
        verified(Path(path), file, metadata, entries)
        return {name: container.read_array(file, entry) for name, entry in entries.items()}


def model_of(path: str | os.PathLike[str], manifest: Mapping[str, Any]) -> Model[Any, Any]:
    """The model a manifest describes, if it is one of `trophic`'s own; nothing else is ever imported.

    Raises
    ------
    CheckpointError
        If it is not, or this version does not know its configuration.
    """
    name = manifest["model"]
    kind: Any = getattr(trophic, name) if name in trophic.__all__ else None
    if not (isinstance(kind, type) and issubclass(kind, Model) and kind is not Model):
        raise CheckpointError(
            f"{path} was saved by {name}, which is no model of trophic; load it where that is defined"
        )
    try:
        return kind.from_json(json.dumps(manifest["configuration"]))
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: this version's {name} does not take the configuration in it ({error}); "
            f"load it with the version that wrote it, trophic {manifest['versions']['trophic']}"
        ) from error


def _differing(stored: dict[str, Any], mine: dict[str, Any]) -> list[str]:
    """Names whose values differ as JSON text (so that NaN agrees with NaN) or that only one side has."""
    return sorted(n for n in {*stored, *mine} if json.dumps(stored.get(n)) != json.dumps(mine.get(n)))


def _check_same_model(path: str | os.PathLike[str], manifest: dict[str, Any], model: Model[Any, Any]) -> None:
    if manifest["model"] != type(model).__name__:
        raise CheckpointError(
            f"{path} was saved by {manifest['model']}, this model is {type(model).__name__}; "
            "pass the model it was saved by"
        )
    stored, mine = manifest["configuration"], json.loads(model.to_json())
    if unknown := sorted(stored.keys() ^ mine.keys()):
        raise CheckpointError(
            f"{path}: this version's {manifest['model']} has other parameters ({', '.join(unknown)[:200]}); "
            f"load it with the version that wrote it, trophic {manifest['versions']['trophic']}"
        )
    if differing := _differing(stored, mine):
        changes = ", ".join(f"{name}={stored.get(name)!r} (this model: {mine.get(name)!r})" for name in differing)
        raise CheckpointError(
            f"{path} was saved with {changes}; give the model the configuration that "
            "trophic.runtime.checkpoint.read_manifest(path) shows, or start a new State"
        )
