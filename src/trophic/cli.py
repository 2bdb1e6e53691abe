"""The command line: what oscillates in a file, what comes next, and what `trophic.service` does for runs of months."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro
from tyro.conf import Positional, arg

from trophic import service
from trophic.agents.command import Control, control
from trophic.forecasting.command import Forecast, forecast
from trophic.output import OutputFolder, UsageError
from trophic.terminal import complain, on_file, opened, progress, show

if TYPE_CHECKING:
    from trophic.ecology.model import Ecology
    from trophic.runtime.sources import Source

#: Exit codes beside 0.
BAD_USAGE, INTERRUPTED = 2, service.INTERRUPTED

#: Upper bound of the rows in a table of tracks.
MAX_TRACK_ROWS = 2_000_000

_FROM_FILE = "(default: from the file)"


@dataclass(frozen=True)
class Decompose:
    """Find what oscillates in a file: frequency, amplitude, linewidth and history of every component.

    FILE is audio (.wav, .flac, .ogg, .mp3 ...), a table (.csv, .tsv, .txt, .parquet ...) or NumPy (.npy, .npz). It is
    read block by block: it may be larger than memory. Missing values (empty, NaN) and gaps are welcome. FILE may be -
    for standard input, which is read to its end (or Ctrl-C) first: lines of numbers, or raw samples with --pcm.
    """

    file: Positional[Annotated[Path, arg(metavar="FILE")]]
    """The recording."""
    column: Annotated[
        str | None, arg(metavar="NAME", aliases=["--channel"], help_behavior_hint="(default: every signal in the file)")
    ] = None
    """The column, channel or array to decompose, by name or by number from 0."""
    time_column: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: the obvious one)")] = None
    """The column of time stamps: ISO 8601 dates, 19580329, years or numbers."""
    time_unit: Annotated[str | None, arg(metavar="UNIT", help_behavior_hint="(default: from its name, else s)")] = None
    """Unit of a numeric time column: ns, us, ms, s, min, h, day or year."""
    sample_rate: Annotated[float | None, arg(metavar="HZ", help_behavior_hint=_FROM_FILE)] = None
    """Samples per second, if the file has no time column or states a wrong rate."""
    f_min: Annotated[float | None, arg(metavar="HZ", help_behavior_hint="(default: four periods in the record)")] = None
    """Lowest frequency searched."""
    f_max: Annotated[float | None, arg(metavar="HZ", help_behavior_hint="(default: .45 of the sample rate)")] = None
    """Highest frequency searched."""
    branches: Annotated[int, arg(metavar="N")] = 16
    """Most components per channel."""
    budget: Annotated[float, arg(metavar="MASS")] = 1e6
    """Metabolic flux to share: less makes components quicker to adapt and less precise."""
    pcm: Annotated[str | None, arg(metavar="FORMAT", help_behavior_hint="(default: lines of numbers)")] = None
    """Format of raw samples on standard input: u8, s16le, s32le, f32le, f64le (or be); needs --sample-rate."""
    channels: Annotated[int, arg(metavar="N")] = 1
    """Interleaved channels of raw samples on standard input."""
    out: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="(default: write nothing)")] = None
    """Folder for components.csv, tracks.parquet, report.json and figure.png."""
    as_json: Annotated[bool, arg(name="json")] = False
    """Print the report as JSON instead of a table."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; default ``sys.argv[1:]``.

    Returns
    -------
    int
        0; 2 for bad usage or input, explained in one line on stderr; 130 after Ctrl-C, with what was learned
        until then reported and written.

    Examples
    --------
    >>> main(["decompose", "nowhere.wav"])  # stderr: trophic: error: nowhere.wav: no such file
    2
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if arguments == ["--version"]:
            import trophic

            print(f"trophic {trophic.version}")
            return 0
        command = tyro.extras.subcommand_cli_from_dict(
            {kind.__name__.lower(): kind for kind in _COMMANDS},
            prog="trophic",
            description="Self-organising learners for streams.",
            args=arguments,
            config=(tyro.conf.FlagCreatePairsOff,),
        )
        code = _COMMANDS[type(command)](command)
        sys.stdout.flush()
        return code
    except SystemExit as stop:  # tyro has printed its help (0) or what is wrong with the arguments (2)
        return stop.code if isinstance(stop.code, int) else BAD_USAGE
    except BrokenPipeError:  # the reader of our output (head, less) has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return complain("interrupted", INTERRUPTED)
    except OSError as error:
        return complain(f"{error.filename or ''}: {error.strerror or error}".lstrip(": "), BAD_USAGE)
    except UsageError as error:
        return complain(str(error), BAD_USAGE)


def decompose(command: Decompose) -> int:
    """Do what ``trophic decompose`` was asked to; the exit code."""
    return on_file(command.file, command.pcm, command.channels, lambda path: _decompose(command, path))


_COMMANDS: dict[type, Callable[[Any], int]] = {
    Decompose: decompose,
    Forecast: forecast,
    Control: control,
    service.Run: service.run,
    service.Resume: service.resume,
    service.Inspect: service.inspect,
    service.Verify: service.verify,
}


def _decompose(command: Decompose, path: Path) -> int:
    from trophic.report import LateTracks, Report, Tally
    from trophic.runtime.drive import run
    from trophic.runtime.sinks import Callback

    source = opened(command, path)
    model = _model(command, source)
    output = None if command.out is None else OutputFolder(command.out, source, model)
    tally, late = Tally(source.n_channels), LateTracks()
    with progress(source) as advance:
        sinks = [
            tally,
            late,
            Callback(lambda info: advance(len(info.residual))),
            *([] if output is None else output.sinks),
        ]
        result = run(model, source, sinks=sinks, collect=False, chunk_size=source.chunk_size)
    report = Report.of(source, model, result.state, tally, late, result.interrupted)
    files = [] if output is None else output.write(report)
    show(report, files, command.as_json)
    if result.interrupted:
        share = report.n_samples / source.n_samples
        return complain(f"interrupted after {100 * share:.0f} % of {source.path}", INTERRUPTED)
    return 0


def _model(command: Decompose, source: Source) -> Ecology:
    """The ecology for a source; its band and budget checked in the words of the command line."""
    from trophic.ecology.decomposition import default_band
    from trophic.ecology.model import Ecology

    if not 1 <= command.branches <= 1024:
        raise UsageError(f"--branches must be in 1..1024, got {command.branches}")
    if not 0 < command.budget < math.inf:
        raise UsageError(f"--budget must be in (0, inf), got {command.budget}")
    rate_hz = source.typical_rate_hz
    try:
        f_min, f_max = default_band(rate_hz, source.duration_s)
        f_min = f_min if command.f_min is None else command.f_min
        f_max = f_max if command.f_max is None else command.f_max
        if not 0 < f_min < f_max <= rate_hz / 2:
            raise UsageError(
                f"need 0 < --f-min < --f-max <= {rate_hz / 2:g} Hz, half the sample rate of {source.path}; "
                f"got --f-min {f_min:g}, --f-max {f_max:g}"
            )
        return Ecology(
            f_min_hz=f_min,
            f_max_hz=f_max,
            n_branches=command.branches,
            n_channels=source.n_channels,
            budget=command.budget,
            track_every=track_every(source.n_samples, source.n_channels * command.branches),
        )
    except UsageError:
        raise
    except ValueError as error:
        raise UsageError(f"{source.path}: {error}") from error


def track_every(n_samples: int, n_tracks: int) -> int:
    """Samples per track frame: 64, fewer in a short record, more if the table of tracks would grow too long.

    Examples
    --------
    >>> track_every(2_000, 16), track_every(1_000_000, 16), track_every(3600 * 44_100, 16)
    (1, 64, 1271)
    """
    fine_enough = max(1, min(64, n_samples // 4096))
    return max(fine_enough, math.ceil(n_samples * n_tracks / MAX_TRACK_ROWS))
