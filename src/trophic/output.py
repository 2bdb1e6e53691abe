"""The folder that ``trophic decompose --out`` fills."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trophic.ecology.model import Ecology, EcologyInfo
    from trophic.report import Report
    from trophic.runtime.sources import Source
    from trophic.view.overview import Overview

#: Figures drawn at most, one per channel.
MAX_FIGURES = 16


class UsageError(ValueError):
    """Something the user can put right, in one line."""


@dataclass(frozen=True)
class _Dated:
    """A sink that hands on its Infos with ``offset_s`` added to their times: seconds since 1970 for a figure's axis."""

    sink: Overview
    offset_s: float

    def write(self, info: EcologyInfo) -> None:
        self.sink.write(
            dataclasses.replace(
                info, time_s=info.time_s + self.offset_s, sample_time_s=info.sample_time_s + self.offset_s
            )
        )

    def close(self) -> None:
        self.sink.close()


class OutputFolder:
    """The folder of results: claimed before the work begins, filled while it runs, completed at its end.

    Parameters
    ----------
    folder : Path
        Made if it is not there; only the files named below are overwritten.
    source : Source
        The input.
    model : Ecology
        The configuration that will run over it.

    Attributes
    ----------
    sinks : list of Sink
        For `trophic.run`: tracks.parquet (tracks.csv without pyarrow) and what the figures need.

    Raises
    ------
    UsageError
        The folder or a file in it cannot be written, or is the input.
    """

    def __init__(self, folder: Path, source: Source, model: Ecology) -> None:
        from trophic.runtime.tables import TrackTable

        has_arrow = importlib.util.find_spec("pyarrow") is not None
        has_plots = importlib.util.find_spec("matplotlib") is not None
        self._folder = folder
        self._tracks_path = folder / ("tracks.parquet" if has_arrow else "tracks.csv")
        self._figures = _figure_paths(folder, source.channel_names) if has_plots else []
        if not has_plots:
            print("trophic: note: no figure.png without matplotlib: pip install 'trophic[view]'", file=sys.stderr)
        self._claim(source.path)
        self._table = TrackTable(self._tracks_path, source.channel_names)
        self._overviews = [_overview(source, model, channel) for channel in range(len(self._figures))]
        dated = [o if source.epoch_s is None else _Dated(o, source.epoch_s) for o in self._overviews]
        self.sinks: list[Any] = [self._table, *dated]

    def _claim(self, input_path: Path) -> None:
        """Make the folder and see that every file in it can be written, now rather than an hour later."""
        paths = [self._folder / name for name in ("components.csv", "report.json")]
        paths += [self._tracks_path, *self._figures]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self._folder):
                pass
        except OSError as error:
            raise UsageError(f"--out {self._folder}: cannot be written to: {error.strerror}") from error
        for path in paths:
            if path.is_dir() or (path.exists() and not os.access(path, os.W_OK)):
                raise UsageError(f"--out {self._folder}: {path.name} is in the way and cannot be overwritten")
            if path.exists() and input_path.exists() and path.samefile(input_path):
                raise UsageError(f"--out {self._folder}: would overwrite the input {input_path}; choose another folder")

    def write(self, report: Report) -> list[Path]:
        """Write what waits for the end of the run: components.csv, report.json and the figures; the paths of all."""
        report.write_components(self._folder / "components.csv")
        if self._figures:
            from trophic.view import figures

            for path, overview, channel in zip(self._figures, self._overviews, report.channels):
                title = report.source.path.name + (f", {channel.name}" if len(report.channels) > 1 else "")
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", "Glyph")  # a name in a script that the font lacks
                    figures.draw(overview, channel.components, path, title=_printable(title))
        content = json.dumps(report.to_dict() | {"n_track_rows": self._table.n_rows}, indent=2, allow_nan=False)
        (self._folder / "report.json").write_text(content + "\n", encoding="utf-8")
        names = ("components.csv", self._tracks_path.name, "report.json")
        return [self._folder / name for name in names] + self._figures


def _printable(name: str) -> str:
    """A file's name as matplotlib can draw it: one line, no undecodable bytes, and dollars that begin no formula."""
    return " ".join(name.encode("utf-8", "replace").decode().split()).replace("$", r"\$")


def _figure_paths(folder: Path, channel_names: Sequence[str]) -> list[Path]:
    if len(channel_names) == 1:
        return [folder / "figure.png"]
    plain = [re.sub(r"[^\w.-]+", "-", name)[:60].strip("-.") for name in channel_names[:MAX_FIGURES]]
    return [folder / f"figure-{index}-{name}.png" for index, name in enumerate(plain)]


def _overview(source: Source, model: Ecology, channel: int) -> Overview:
    from trophic.view.overview import Overview

    axis = "seconds" if source.epoch_s is None else "dates"
    return Overview(model.f_min_hz, model.f_max_hz, source.sample_rate_hz, channel=channel, time_axis=axis)
