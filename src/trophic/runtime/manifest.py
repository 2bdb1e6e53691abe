"""What is written in a checkpoint beside its arrays, and how it is checked before any of it is believed."""

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

import trophic
from trophic.runtime import container
from trophic.runtime.clock import clock_of
from trophic.runtime.contract import Model, State

FORMAT = "trophic-checkpoint/1"
_PLAIN_KINDS = "biuf"
_MANIFEST = {"format": str, "model": str, "configuration": dict, "clock": dict, "state": dict, "versions": dict}


class CheckpointError(ValueError):
    """A checkpoint cannot be used: damaged, of another model or configuration, or of an unknown format."""


class DamagedCheckpoint(CheckpointError):
    """The bytes of a checkpoint are not those that were written."""


def read_manifest(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a checkpoint holds: model, configuration, clock, versions and the dtype and shape of every array.

    Reads and verifies the whole file, a megabyte at a time. Raises as `load` does.

    Examples
    --------
    >>> import tempfile
    >>> model = trophic.Ecology(f_min_hz=1, f_max_hz=10)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     trophic.save(f"{folder}/night.safetensors", model, model.init())
    ...     manifest = read_manifest(f"{folder}/night.safetensors")
    >>> manifest["model"], manifest["clock"]["n_samples"]
    ('Ecology', 0)
    """
    with opened(Path(path)) as (file, metadata, entries):
        return verified(Path(path), file, metadata, entries)


def describe(
    model: Model[Any, Any], state: State, config: str | None, position: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    clock = clock_of(state)
    manifest = {
        "format": FORMAT,
        "model": type(model).__name__,
        "configuration": json.loads(model.to_json()),
        "clock": {"n_samples": clock.index, "last_time_s": [float.hex(t) for t in clock.last_time_s.tolist()]},
        "state": schema(state),
        "versions": {"trophic": trophic.version, "numpy": np.__version__, "python": platform.python_version()},
    }
    known = {"config": config, "position": position}
    return manifest | {name: value for name, value in known.items() if value is not None}


def schema(state: State) -> dict[str, Any]:
    """dtype and shape of every array, as JSON gives them back."""
    return {name: {"dtype": str(a.dtype), "shape": list(a.shape)} for name, a in state.arrays().items()}


def parts(state: State) -> Iterator[tuple[str, NDArray[Any]]]:
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


def digest_of(manifest: str, arrays: Iterable[tuple[str, np.dtype[Any], tuple[int, ...], Iterable[Any]]]) -> str:
    """SHA-256 over the manifest and every array with its name, dtype and shape."""
    digest = hashlib.sha256(manifest.encode())
    for name, dtype, shape, pieces in sorted(arrays, key=lambda array: array[0]):
        digest.update(f"\n{name} {dtype.str} {shape}\n".encode())
        for piece in pieces:
            digest.update(piece)
    return digest.hexdigest()


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, dict[str, str], dict[str, container.Entry]]]:
    """The file with its header read; what is wrong with its bytes, here or later, as a `CheckpointError`."""
    if not path.is_file():
        raise FileNotFoundError(f"no checkpoint at {path}; trophic.save(path, model, state) writes one")
    with path.open("rb") as file:
        try:
            yield file, *container.read_header(file)
        except container.Damaged as error:
            raise damaged(path, error) from error


def verified(
    path: Path, file: BinaryIO, metadata: Mapping[str, str], entries: Mapping[str, container.Entry]
) -> dict[str, Any]:
    """The manifest, after every byte of the file was compared with the checksum."""
    text = metadata.get("manifest", "")
    arrays = ((name, e.dtype, e.shape, container.pieces(file, e)) for name, e in entries.items())
    if digest_of(text, arrays) != metadata.get("sha256"):
        raise damaged(path, "its checksum does not match its contents")
    try:
        manifest = json.loads(text)
        kinds = {name: type(manifest[name]) for name in _MANIFEST}
        by = manifest["versions"]["trophic"]
        sound = manifest["model"].isidentifier() and re.fullmatch(r"[\w.+!-]{1,64}", by)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(path, "its manifest is not one") from error
    if kinds != _MANIFEST or not sound:
        raise damaged(path, "its manifest is not one")
    if manifest["format"] != FORMAT:
        raise CheckpointError(
            f"{path} has format {manifest['format']!r}, this version reads {FORMAT!r}; load it with the version that "
            f"wrote it or a later one: pip install 'trophic>={by}'"
        )
    return manifest


def damaged(path: Path, why: object) -> DamagedCheckpoint:
    return DamagedCheckpoint(
        f"{path} is damaged or not a checkpoint ({why}); use an earlier one, nothing in this file can be trusted"
    )
