"""What every command that reads a file shares: standard input as a file, a progress bar, and how a result is said."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from trophic.output import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from trophic.runtime.sources import Source

STDIN = "standard input"


class Printable(Protocol):
    """A result as text and as plain values."""

    def headline(self) -> str: ...

    def tables(self) -> Sequence[RenderableType]: ...

    def to_dict(self) -> dict[str, Any]: ...


def on_file(file: Path, pcm: str | None, channels: int, work: Callable[[Path], int]) -> int:
    """``work(path)`` on a file, or on what standard input held if ``file`` is -; what is wrong as a `UsageError`."""
    from trophic.runtime.readers.common import SourceError

    try:
        if str(file) == "-":
            return _on_stdin(pcm, channels, work)
        if pcm is not None:
            raise UsageError(f"--pcm {pcm} belongs to standard input, got {file}; write - instead")
        return work(file)
    except SourceError as error:
        raise UsageError(str(error)) from error


def opened(command: Any, path: Path) -> Source:
    """The source that a command's options describe, ``path`` holding its data; what is noteworthy goes to stderr."""
    from trophic.runtime.sources import open_source

    source = open_source(
        path,
        column=command.column,
        time_column=command.time_column,
        time_unit=command.time_unit,
        sample_rate_hz=command.sample_rate,
    )
    if path != command.file:
        source = dataclasses.replace(source, path=Path(STDIN))
    for note in source.notes:
        print(f"trophic: note: {note}", file=sys.stderr)
    return source


def _on_stdin(pcm: str | None, channels: int, work: Callable[[Path], int]) -> int:
    from trophic.runtime.readers.common import SourceError
    from trophic.runtime.readers.spool import spool
    from trophic.runtime.streams import standard_input

    if not 1 <= channels <= 64:
        raise UsageError(f"--channels must be in 1..64, got {channels}")
    with tempfile.TemporaryDirectory(prefix="trophic-") as folder:
        path = spool(standard_input(), Path(folder), pcm, channels)
        try:
            return work(path)
        except (SourceError, UsageError) as error:
            raise UsageError(str(error).replace(str(path), STDIN)) from error


def complain(message: str, code: int) -> int:
    """One line on stderr; ``code`` comes back."""
    print(f"trophic: error: {' '.join(message.split())}", file=sys.stderr)
    return code


def show(report: Printable, files: Sequence[Path], as_json: bool) -> None:
    """The report on stdout."""
    from rich.console import Console

    if as_json:
        print(json.dumps(report.to_dict(), indent=2, allow_nan=False))
        return
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show a channel's name still gets the rest
    width = None if sys.stdout.isatty() else 160
    console = Console(markup=False, highlight=False, emoji=False, soft_wrap=True, width=width)
    with console.capture() as rendered:  # printed by print(), for rich has its own idea of a closed pipe
        console.print(report.headline())
        for part in report.tables():
            console.print(part)
        if files:
            console.print(f"written: {', '.join(str(path) for path in files)}")
    print(rendered.get(), end="")


@contextlib.contextmanager
def progress(source: Source) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr, if that is a terminal; yields the function to call with every number of new samples."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[pace]}"),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    start = time.monotonic()
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(source.path.name, total=source.n_samples, pace="")
        done = 0

        def advance(n_samples: int) -> None:
            nonlocal done
            done += n_samples
            speed = done / max(time.monotonic() - start, 1e-9)
            factor = speed / source.typical_rate_hz
            real_time = f", {factor:.3g}x real time" if factor < 1e5 else ""  # of a century it says nothing
            bar.update(task, completed=done, pace=f"{speed:,.0f} samples/s{real_time}")

        yield advance
