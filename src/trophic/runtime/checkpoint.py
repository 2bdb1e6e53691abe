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
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_safetensors

import trophic
from trophic.runtime.contract import Model, State, StateT
from trophic.runtime.drive import clock_of

FORMAT = "trophic-checkpoint/1"
_PLAIN_KINDS = "biuf"


class CheckpointError(ValueError):
    """A checkpoint cannot be used: damaged, of another model or configuration, or of an unknown format."""


def save(path: str | os.PathLike[str], model: Model[StateT, Any], state: StateT) -> None:
    """Write ``state`` to the file ``path``; a file already there is replaced in one step, or not at all.

    Parameters
    ----------
    path : path
        File to write, by custom ``*.safetensors``. Its folder must exist.
    model : Model
        The model the State belongs to; its class name and configuration are stored with it.
    state : State
        What to store. Arrays of booleans, integers, floats, complex numbers and records of these.

    Raises
    ------
    CheckpointError
        If an array of the State has a dtype that is not plain data.
    OSError
        If the file cannot be written. A checkpoint already at ``path`` is then untouched.

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
    arrays = {name: np.ascontiguousarray(part) for name, part in _parts(state)}
    manifest = json.dumps(_manifest(model, state), sort_keys=True)
    metadata = {"manifest": manifest, "sha256": _digest(manifest, arrays)}
    _write_durably(path, to_safetensors(arrays, metadata))


def load(path: str | os.PathLike[str], model: Model[StateT, Any]) -> StateT:
    """Read the State that `save` wrote to ``path``, for a model of the same class and configuration.

    The State continues bit for bit where it was saved.

    Raises
    ------
    CheckpointError
        If the file is damaged, or belongs to another model, configuration or format.
    FileNotFoundError
        If there is no such file.
    """
    manifest, arrays = _read(Path(path))
    _check_same_model(path, manifest, model)
    state = model.init()
    if differing := _differing(manifest["state"], _schema(state)):
        raise CheckpointError(
            f"{path}: the State of {type(model).__name__} has changed since this file was written: {differing[:3]} "
            f"differ; load it with the version that wrote it, trophic {manifest['versions']['trophic']}"
        )
    for name, target in _parts(state):
        target[...] = arrays[name]
    return state


def read_manifest(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a checkpoint holds: model, configuration, clock, versions and the dtype and shape of every array.

    Reads and verifies the whole file. Raises as `load` does.
    """
    return _read(Path(path))[0]


def _manifest(model: Model[Any, Any], state: State) -> dict[str, Any]:
    clock = clock_of(state)
    return {
        "format": FORMAT,
        "model": type(model).__name__,
        "configuration": json.loads(model.to_json()),
        "clock": {"n_samples": clock.index, "last_time_s": [float.hex(t) for t in clock.last_time_s.tolist()]},
        "state": _schema(state),
        "versions": {"trophic": trophic.version, "numpy": np.__version__, "python": platform.python_version()},
    }


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


def _digest(manifest: str, arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over the manifest and every array with its name, dtype and shape."""
    digest = hashlib.sha256(manifest.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"\n{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).view(np.uint8).data if array.ndim else array.tobytes())
    return digest.hexdigest()


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; trophic.save(path, model, state) writes one")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise _damaged(path, error) from error
    manifest = metadata.get("manifest", "")
    if _digest(manifest, arrays) != metadata.get("sha256"):
        raise _damaged(path, "its checksum does not match its contents")
    content = json.loads(manifest)
    if content["format"] != FORMAT:
        raise CheckpointError(f"{path} has format {content['format']!r}, this version reads {FORMAT!r}; update trophic")
    return content, arrays


def _damaged(path: Path, why: object) -> CheckpointError:
    return CheckpointError(
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


def _write_durably(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    if os.name == "posix":  # elsewhere a folder cannot be opened to flush the rename
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
