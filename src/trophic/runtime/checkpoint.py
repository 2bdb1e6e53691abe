"""Checkpoints: a State on disk, in one file that is either complete and unharmed or refused.

The file is a safetensors container (plain arrays and a JSON header; nothing in it is ever executed). Its
metadata hold a JSON manifest and the SHA-256 of manifest and arrays. It is written under a temporary
name, flushed to the disk and renamed, so that a crash leaves the previous checkpoint in place.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as to_safetensors

import trophic
from trophic.runtime import container, durable
from trophic.runtime.clock import clock_of
from trophic.runtime.contract import Model, State, StateT
from trophic.runtime.durable import CheckpointWriteError

__all__ = [
    "CheckpointError",
    "CheckpointWriteError",
    "DamagedCheckpoint",
    "load",
    "load_newest",
    "model_of",
    "read_manifest",
    "save",
]

FORMAT = "trophic-checkpoint/1"
_PLAIN_KINDS = "biuf"
_MANIFEST = {"format": str, "model": str, "configuration": dict, "clock": dict, "state": dict, "versions": dict}
_MAX_EXCESS = 1 << 28  # bytes: a file that much larger than the State asked for is not even read


class CheckpointError(ValueError):
    """A checkpoint cannot be used: damaged, of another model or configuration, or of an unknown format."""


class DamagedCheckpoint(CheckpointError):
    """The bytes of a checkpoint are not those that were written."""


def save(
    path: str | os.PathLike[str],
    model: Model[StateT, Any],
    state: StateT,
    *,
    keep: int = 1,
    config: str | None = None,
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
    arrays = {name: np.ascontiguousarray(part) for name, part in _parts(state)}
    manifest = json.dumps(_manifest(model, state, config), sort_keys=True)
    digest = _digest(manifest, ((n, a.dtype, a.shape, [a.reshape(-1).view(np.uint8)]) for n, a in arrays.items()))
    content = to_safetensors(arrays, {"manifest": manifest, "sha256": digest})
    if int.from_bytes(content[:8], "little") > container.MAX_HEADER:
        raise CheckpointError(
            f"{path}: {len(arrays)} arrays and a configuration of {len(model.to_json())} characters need a header "
            f"above {container.MAX_HEADER} bytes; keep long tables in the State, as one array"
        )
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
    parts = dict(_parts(state))
    with _opened(path) as (file, metadata, entries):
        size = sum(entry.end - entry.begin for entry in entries.values())
        needed = sum(part.nbytes for part in parts.values())
        if size > needed + _MAX_EXCESS:
            raise CheckpointError(
                f"{path} holds {size} bytes, a State of this {type(model).__name__} has {needed}; it was not read, "
                "give the model the configuration it was saved with"
            )
        manifest = _verified(path, file, metadata, entries)
        _check_same_model(path, manifest, model)
        if differing := _differing(manifest["state"], _schema(state)):
            raise CheckpointError(
                f"{path}: the State of {type(model).__name__} has changed since this file was written: "
                f"{differing[:3]} differ; load it with the version that wrote it, "
                f"trophic {manifest['versions']['trophic']}"
            )
        for name, target in parts.items():
            entry = entries.get(name)
            if entry is None or entry.shape != target.shape or entry.dtype != target.dtype:
                raise _damaged(path, f"array {name!r} is not what its manifest says")
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


def read_manifest(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a checkpoint holds: model, configuration, clock, versions and the dtype and shape of every array.

    Reads and verifies the whole file, a megabyte at a time. Raises as `load` does.

    Examples
    --------
    >>> import tempfile
    >>> model = trophic.Ecology(f_min_hz=1, f_max_hz=10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/night.safetensors", model, model.init())
    ...     manifest = read_manifest(f"{folder}/night.safetensors")
    >>> manifest["model"], manifest["clock"]["n_samples"]
    ('Ecology', 0)
    """
    with _opened(Path(path)) as (file, metadata, entries):
        return _verified(Path(path), file, metadata, entries)


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


def _manifest(model: Model[Any, Any], state: State, config: str | None) -> dict[str, Any]:
    clock = clock_of(state)
    manifest = {
        "format": FORMAT,
        "model": type(model).__name__,
        "configuration": json.loads(model.to_json()),
        "clock": {"n_samples": clock.index, "last_time_s": [float.hex(t) for t in clock.last_time_s.tolist()]},
        "state": _schema(state),
        "versions": {"trophic": trophic.version, "numpy": np.__version__, "python": platform.python_version()},
    }
    return manifest if config is None else manifest | {"config": config}


def _schema(state: State) -> dict[str, Any]:
    """dtype and shape of every array, as JSON gives them back."""
    return {name: {"dtype": str(a.dtype), "shape": list(a.shape)} for name, a in state.arrays().items()}


def _parts(state: State) -> Iterator[tuple[str, NDArray[Any]]]:
    """All arrays of a State as views that safetensors can store, by name."""
    for name, array in state.arrays().items():
        yield from _plain(name, array)


def _plain(name: str, array: NDArray[Any]) -> Iterator[tuple[str, NDArray[Any]]]:
    if array.dtype.names:
        for field in array.dtype.names:
            yield from _plain(f"{name}/{field}", array[field])
    elif array.dtype.kind == "c":
        yield f"{name}/real", np.real(array)
        yield f"{name}/imag", np.imag(array)
    elif array.dtype.kind in _PLAIN_KINDS and array.dtype.itemsize <= 8:
        yield name, array
    else:
        raise CheckpointError(
            f"state array {name!r} has dtype {array.dtype}, which a checkpoint cannot hold; "
            "use booleans, integers, floats up to 64 bits, complex numbers up to 128 bits, or records of these"
        )


def _digest(manifest: str, arrays: Iterable[tuple[str, np.dtype[Any], tuple[int, ...], Iterable[Any]]]) -> str:
    """SHA-256 over the manifest and every array with its name, dtype and shape."""
    digest = hashlib.sha256(manifest.encode())
    for name, dtype, shape, pieces in sorted(arrays, key=lambda array: array[0]):
        digest.update(f"\n{name} {dtype.str} {shape}\n".encode())
        for piece in pieces:
            digest.update(piece)
    return digest.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, dict[str, str], dict[str, container.Entry]]]:
    """The file with its header read; what is wrong with its bytes, here or later, as a `CheckpointError`."""
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; trophic.save(path, model, state) writes one")
    with path.open("rb") as file:
        try:
            yield file, *container.read_header(file)
        except container.Damaged as error:
            raise _damaged(path, error) from error


def _verified(
    path: Path, file: BinaryIO, metadata: Mapping[str, str], entries: Mapping[str, container.Entry]
) -> dict[str, Any]:
    """The manifest, after every byte of the file was compared with the checksum."""
    text = metadata.get("manifest", "")
    arrays = ((name, e.dtype, e.shape, container.pieces(file, e)) for name, e in entries.items())
    if _digest(text, arrays) != metadata.get("sha256"):
        raise _damaged(path, "its checksum does not match its contents")
    try:
        manifest = json.loads(text)
        kinds = {name: type(manifest[name]) for name in _MANIFEST}
        by = manifest["versions"]["trophic"]
        sound = manifest["model"].isidentifier() and re.fullmatch(r"[\w.+!-]{1,64}", by)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(path, "its manifest is not one") from error
    if kinds != _MANIFEST or not sound:
        raise _damaged(path, "its manifest is not one")
    if manifest["format"] != FORMAT:
        raise CheckpointError(
            f"{path} has format {manifest['format']!r}, this version reads {FORMAT!r}; load it with the version that "
            f"wrote it or a later one: pip install 'trophic>={by}'"
        )
    return manifest


def _damaged(path: Path, why: object) -> DamagedCheckpoint:
    return DamagedCheckpoint(
        f"{path} is damaged or not a checkpoint ({why}); use an earlier one, nothing in this file can be trusted"
    )


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
    if differing := _differing(stored, mine):
        changes = ", ".join(f"{name}={stored.get(name)!r} (this model: {mine.get(name)!r})" for name in differing)
        raise CheckpointError(
            f"{path} was saved with {changes}; give the model the configuration that "
            "trophic.runtime.checkpoint.read_manifest(path) shows, or start a new State"
        )
