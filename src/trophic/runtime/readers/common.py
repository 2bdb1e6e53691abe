"""What every file reader shares: the error it raises, what it hands back, how a column is named."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from trophic.runtime.readers.stamps import StampForm


class SourceError(ValueError):
    """A file cannot be read as a stream. One line: the file, the place in it, and what to do about it."""


class Block(NamedTuple):
    """A piece of a file: ``values`` (n_samples, n_channels) float64, ``stamps`` (n_samples,) or None.

    Stamps are as the file has them: float64 numbers (NaN where missing) or datetime64 (NaT where missing).
    """

    values: NDArray[np.float64]
    stamps: NDArray[Any] | None = None


@dataclass(frozen=True)
class Recording:
    """What a reader learned from the head of a file, and how to go through it.

    Attributes
    ----------
    kind : str
        "audio", "array" or "table".
    channel_names : tuple of str
        One name per channel.
    blocks : callable
        ``blocks(chunk_size)`` starts at the beginning and yields `Block`s of at most ``chunk_size`` samples.
    sample_rate_hz : float or None
        The rate the file itself states.
    stamps : StampForm or None
        How the file's time column is written; None where it has none.
    n_samples : int or None
        Samples per channel, where the head of the file tells.
    trusted : bool
        The samples cannot be missing or malformed (plain integer audio): no need to survey them before the work.
    notes : tuple of str
        What was left out and what was guessed, one sentence each.
    """

    kind: str
    channel_names: tuple[str, ...]
    blocks: Callable[[int], Iterator[Block]]
    sample_rate_hz: float | None = None
    stamps: StampForm | None = None
    n_samples: int | None = None
    trusted: bool = False
    notes: tuple[str, ...] = field(default=())


@contextmanager
def decoding(path: Path, what: str, place: Callable[[], str] = str) -> Iterator[None]:
    """Turn whatever a decoder raises on a damaged file into a one-line `SourceError`, with the place reached by then.

    Decoders fed with arbitrary bytes raise nearly anything (OSError, ValueError, KeyError, zlib.error,
    MemoryError, ...), so only calls into a decoder belong under this context.
    """
    try:
        yield
    except (SourceError, ModuleNotFoundError):
        raise
    except Exception as error:
        reason = re.sub(r"Row #(\d+)", r"line \1", " ".join(str(error).split()))  # Arrow counts the header
        reason = "".join(c if c.isprintable() else "?" for c in reason[:200]).rstrip(".") or type(error).__name__
        raise SourceError(f"{path}: cannot be read as {what}{place()}: {reason}") from error


def missing_extra(path: Path, package: str) -> SourceError:
    """The error for a file whose decoder is not installed."""
    return SourceError(f"{path}: reading this format needs {package}; install it with: pip install 'trophic[io]'")


def pick(path: Path, names: Sequence[str], wanted: str, what: str = "column") -> int:
    """Index of the column or channel called ``wanted``, which may also be its index counted from 0.

    Examples
    --------
    >>> pick(Path("a.csv"), ["t", "left", "right"], "right")
    2
    >>> pick(Path("a.csv"), ["t", "left", "right"], "0")
    0
    """
    if wanted in names:
        return list(names).index(wanted)
    if wanted.strip().lstrip("-").isdecimal() and 0 <= int(wanted) < len(names):
        return int(wanted)
    close = difflib.get_close_matches(wanted, names, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise SourceError(f"{path}: no {what} {wanted!r}; {hint}available: {listing(names)}")


def listing(names: Sequence[str], most: int = 12) -> str:
    """Names for an error message, cut where it would no longer be read."""
    shown = ", ".join(repr(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def rechunk(block: Block, chunk_size: int) -> Iterator[Block]:
    """``block`` in pieces of at most ``chunk_size`` samples (views, no copies)."""
    for start in range(0, len(block.values), chunk_size):
        piece = slice(start, start + chunk_size)
        yield Block(block.values[piece], None if block.stamps is None else block.stamps[piece])
