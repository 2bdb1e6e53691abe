"""``trophic forecast FILE``: what could be known of a file before it was read, and what comes next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from tyro.conf import Positional, arg

from trophic.output import UsageError, any_script, claim, figure_paths, table_path, title_of, write_json
from trophic.service import INTERRUPTED
from trophic.terminal import complain, on_file, opened, progress, show

if TYPE_CHECKING:
    from trophic.forecasting.report import ForecastReport
    from trophic.runtime.sources import Source
    from trophic.view.outlook import Outlook


@dataclass(frozen=True)
class Forecast:
    """Forecast a file sample by sample as it goes by, and beyond its end; with intervals, and skill beside baselines.

    FILE is audio (.wav, .flac, .ogg, .mp3 ...), a table (.csv, .tsv, .txt, .parquet ...) or NumPy (.npy, .npz), or -
    for standard input: lines of numbers, or raw samples with --pcm. It is read block by block, and every sample is
    forecast before it is learned from. A row is a step, as a month is; --step puts what was taken at irregular times,
    or has rows left out, on a regular grid.
    """

    file: Positional[Annotated[Path, arg(metavar="FILE")]]
    """The recording."""
    column: Annotated[
        str | None, arg(metavar="NAME", aliases=["--channel"], help_behavior_hint="(default: every signal in the file)")
    ] = None
    """The column, channel or array to forecast, by name or by number from 0."""
    time_column: Annotated[str | None, arg(metavar="NAME", help_behavior_hint="(default: the obvious one)")] = None
    """The column of time stamps: ISO 8601 dates, 19580329, years or numbers."""
    time_unit: Annotated[str | None, arg(metavar="UNIT", help_behavior_hint="(default: from its name, else s)")] = None
    """Unit of a numeric time column: ns, us, ms, s, min, h, day or year."""
    sample_rate: Annotated[float | None, arg(metavar="HZ", help_behavior_hint="(default: from the file)")] = None
    """Samples per second, if the file has no time column or states a wrong rate."""
    step: Annotated[float | None, arg(metavar="SECONDS", help_behavior_hint="(default: a row is a step)")] = None
    """Step of a regular grid: one without a sample is missing, several samples in one are averaged."""
    horizon: Annotated[str, arg(metavar="N[,N..]")] = "1"
    """Samples ahead, 1 to 512; several with commas. 1 is always among them."""
    coverage: Annotated[float, arg(metavar="PART")] = 0.9
    """Part of the samples that the interval should hold, between 0 and 1."""
    pcm: Annotated[str | None, arg(metavar="FORMAT", help_behavior_hint="(default: lines of numbers)")] = None
    """Format of raw samples on standard input: u8, s16le, s32le, f32le, f64le (or be); needs --sample-rate."""
    channels: Annotated[int, arg(metavar="N")] = 1
    """Interleaved channels of raw samples on standard input."""
    out: Annotated[Path | None, arg(metavar="DIR", help_behavior_hint="(default: write nothing)")] = None
    """Folder for forecast.parquet (forecast.csv without pyarrow), report.json and figure.png."""
    as_json: Annotated[bool, arg(name="json")] = False
    """Print the report as JSON instead of a table."""


def forecast(command: Forecast) -> int:
    """Do what ``trophic forecast`` was asked to; the exit code."""
    return on_file(command.file, command.pcm, command.channels, lambda path: _forecast(command, path))


def _forecast(command: Forecast, path: Path) -> int:
    from trophic.forecasting.model import Forecaster
    from trophic.forecasting.record import chunk_size
    from trophic.forecasting.report import ForecastReport
    from trophic.forecasting.skill import WARM_UP, Alignment, Skill
    from trophic.runtime.drive import run
    from trophic.runtime.sinks import Callback

    horizons = _horizons(command.horizon)
    if not 0 < command.coverage < 1:
        raise UsageError(f"--coverage must be in (0, 1), got {command.coverage}; 0.9 holds nine samples in ten")
    source = opened(command, path)
    if command.step is not None:
        source = _on_grid(source, command.step)
    model = Forecaster(n_inputs=source.n_channels, horizons=horizons, rules=(("coverage", command.coverage),))
    folder = None if command.out is None else _Folder(command.out, source, horizons)
    skill, end = Skill(source.n_channels, horizons, int(WARM_UP * source.n_samples)), _End()
    listeners = [skill, end, *([] if folder is None else folder.listeners)]
    with progress(source) as advance:
        sinks = [Alignment(model, listeners), Callback(lambda info: advance(len(info.signal)))]
        size = min(source.chunk_size, chunk_size(source.n_samples))
        result = run(model, source, sinks=sinks, collect=False, chunk_size=size)
    report = ForecastReport.of(source, model, result.state, skill, end.time_s, result.interrupted)
    show(report, [] if folder is None else folder.write(report), command.as_json)
    if result.interrupted:
        share = report.n_samples / source.n_samples
        return complain(f"interrupted after {100 * share:.0f} % of {source.path}", INTERRUPTED)
    return 0


def _on_grid(source: Source, step_s: float) -> Source:
    from trophic.runtime.grid import LONGEST_GAP, GridSource

    if not (0 < step_s < math.inf and source.duration_s / step_s <= LONGEST_GAP):
        raise UsageError(
            f"--step must be in {source.duration_s / LONGEST_GAP:.2g}..inf seconds for a record of "
            f"{source.duration_s:g} s, got {step_s:g}"
        )
    return GridSource.of(source, step_s)


def _horizons(text: str) -> tuple[int, ...]:
    """The horizons in the words of the command line."""
    from trophic.forecasting.record import horizons_of

    try:
        return horizons_of([int(part) for part in text.split(",")])
    except ValueError as error:
        raise UsageError(f"--horizon must be whole numbers from 1 to 512 with commas, got {text!r}") from error


class _End:
    """A listener that knows when the last sample was."""

    time_s = float("nan")

    def take(self, beside: Any) -> None:
        if len(beside.time_s):
            self.time_s = float(beside.time_s[-1])

    def close(self) -> None:
        """Nothing to release."""


class _Folder:
    """The folder of results: claimed before the work begins, filled while it runs, completed at its end."""

    def __init__(self, folder: Path, source: Source, horizons: tuple[int, ...]) -> None:
        from trophic.forecasting.table import ForecastTable
        from trophic.view.outlook import Outlook

        self._table_path, self._report_path = table_path(folder, "forecast"), folder / "report.json"
        self._figures = figure_paths(folder, source.channel_names)
        claim(folder, [self._table_path, self._report_path, *self._figures], source.path)
        self._table = ForecastTable(self._table_path, source.channel_names, horizons)
        self._outlook: Outlook = Outlook(
            source.n_samples,
            source.n_channels,
            horizons,
            "seconds" if source.epoch_s is None else "dates",
            source.epoch_s or 0.0,
        )
        self.listeners: list[Any] = [self._table, self._outlook]

    def write(self, report: ForecastReport) -> list[Path]:
        """Write what waits for the end of the run; the paths of all."""
        if self._figures:
            from trophic.view import forecasts

            for c, path in enumerate(self._figures):
                title = title_of(report.source, report.source.channel_names[c])
                with any_script():
                    forecasts.draw(self._outlook, report.skill, report.next, channel=c, path=path, title=title)
        write_json(self._report_path, report.to_dict() | {"n_rows": self._table.n_rows})
        return [self._table_path, self._report_path, *self._figures]
