"""Files that survive a crash: written beside their place, flushed to the disk, then renamed into it."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

_FIXES = {
    errno.ENOSPC: "free some space on that disk, or choose a path on another",
    errno.EDQUOT: "free some of the quota, or choose a path on another disk",
    errno.EACCES: "give this user the right to write in that folder, or choose another",
    errno.EPERM: "give this user the right to write in that folder, or choose another",
    errno.EROFS: "the disk is mounted read-only: choose a path on another",
    errno.EIO: "the disk reports a fault: choose a path on another, and check this one",
}
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class CheckpointWriteError(OSError):
    """A checkpoint could not be written; ``filename`` is its path, ``strerror`` says why and what to do.

    What stood at the path before is whole, unless the last step (flushing the folder) failed: then the new one is.
    """

    @classmethod
    def of(cls, error: OSError, path: Path) -> CheckpointWriteError:
        """The error for ``path`` that a system call's error stands for."""
        fix = _FIXES.get(error.errno or 0, "choose another path")
        return cls(error.errno, f"checkpoint not written ({error.strerror or error}); {fix}", str(path))


def write(path: Path, content: Sequence[bytes | memoryview], keep: int = 1) -> None:
    """Put ``content`` at ``path`` in one step, or leave what is there.

    Parameters
    ----------
    path : Path
        The file. Its folder must exist.
    content : sequence of bytes
        All of it, in order.
    keep : int
        How many versions stay, >= 1: the newest at ``path``, older ones at ``path.1``, ``path.2`` and so on.

    Raises
    ------
    CheckpointWriteError
        If a system call failed. ``path`` still holds what it held.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for version in (b"one", b"two", b"three"):
    ...         write(Path(folder, "x"), [version], keep=2)
    ...     [(file.name, file.read_bytes()) for file in generations(Path(folder, "x"))]
    [('x', b'three'), ('x.1', b'two')]
    """
    if keep < 1:
        raise ValueError(f"keep must be >= 1 checkpoint, got {keep}; 3 leaves two to go back to")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        _write_flushed(temporary, content)
        if keep > 1 and path.exists():
            _shift(path, keep)
        os.replace(temporary, path)
        flush_folder(path.parent)
    except OSError as error:
        raise CheckpointWriteError.of(error, path) from error
    finally:
        _remove(temporary)


def generations(path: Path) -> list[Path]:
    """The versions of ``path`` that are there, newest first."""
    numbered = re.compile(re.escape(path.name) + r"\.([1-9]\d{0,8})")
    older = {}
    if path.parent.is_dir():
        older = {int(m[1]): file for file in path.parent.iterdir() if (m := numbered.fullmatch(file.name))}
    return [*([path] if path.exists() else []), *(older[number] for number in sorted(older))]


def remove_leftovers(path: Path) -> None:
    """Remove what writers of ``path`` that were killed have left. Only for the one process that writes there."""
    leftover = re.compile(r"\." + re.escape(path.name) + r"\.[0-9a-f]{8}\.tmp")
    for file in list(path.parent.iterdir()) if path.parent.is_dir() else []:
        if leftover.fullmatch(file.name):
            _remove(file)


def _shift(path: Path, keep: int) -> None:
    """Move every older version one number on and give the newest the number 1 as well: ``path`` is never absent."""
    for number in range(keep - 1, 1, -1):
        older = path.with_name(f"{path.name}.{number - 1}")
        if older.exists():
            os.replace(older, path.with_name(f"{path.name}.{number}"))
    second = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        _link(path, second)
        os.replace(second, path.with_name(f"{path.name}.1"))
    finally:
        _remove(second)


def _link(path: Path, other: Path) -> None:
    try:
        os.link(path, other)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _write_flushed(other, [path.read_bytes()])  # FAT and some network disks know no links


def _write_flushed(path: Path, content: Sequence[bytes | memoryview]) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        for piece in content:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(file, rest) :]
        os.fsync(file)
    finally:
        os.close(file)


def flush_folder(folder: Path) -> None:
    """Make what was renamed or made in ``folder`` survive a crash."""
    if os.name == "posix":  # elsewhere a folder cannot be opened to flush the rename
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):  # a file left over is no reason to lose the error that left it
        path.unlink(missing_ok=True)
