"""The folder that ``--out`` fills."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import re
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
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

        self._folder = folder
        self._tracks_path = table_path(folder, "tracks")
        self._figures = figure_paths(folder, source.channel_names)
        names = ("components.csv", "report.json")
        claim(folder, [*(folder / name for name in names), self._tracks_path, *self._figures], source.path)
        self._table = TrackTable(self._tracks_path, source.channel_names)
        self._overviews = [_overview(source, model, channel) for channel in range(len(self._figures))]
        dated = [o if source.epoch_s is None else _Dated(o, source.epoch_s) for o in self._overviews]
        self.sinks: list[Any] = [self._table, *dated]

    def write(self, report: Report) -> list[Path]:
        """Write what waits for the end of the run: components.csv, report.json and the figures; the paths of all."""
        report.write_components(self._folder / "components.csv")
        if self._figures:
            from trophic.view import figures

            for path, overview, channel in zip(self._figures, self._overviews, report.channels):
                with any_script():
                    figures.draw(overview, channel.components, path, title=title_of(report.source, channel.name))
        write_json(self._folder / "report.json", report.to_dict() | {"n_track_rows": self._table.n_rows})
        names = ("components.csv", self._tracks_path.name, "report.json")
        return [self._folder / name for name in names] + self._figures


def claim(folder: Path, paths: Sequence[Path], input_path: Path) -> None:
    """Make the folder and see that every file in it can be written, now rather than an hour later."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"--out {folder}: cannot be written to: {error.strerror}") from error
    for path in paths:
        if path.is_dir() or (path.exists() and not os.access(path, os.W_OK)):
            raise UsageError(f"--out {folder}: {path.name} is in the way and cannot be overwritten")
        if path.exists() and input_path.exists() and path.samefile(input_path):
            raise UsageError(f"--out {folder}: would overwrite the input {input_path}; choose another folder")


def table_path(folder: Path, name: str) -> Path:
    """A table in the folder: Parquet, or CSV without pyarrow."""
    return folder / f"{name}.{'parquet' if importlib.util.find_spec('pyarrow') is not None else 'csv'}"


def figure_paths(folder: Path, channel_names: Sequence[str]) -> list[Path]:
    """One figure per channel, at most MAX_FIGURES; none, and a note on stderr, without matplotlib."""
    if importlib.util.find_spec("matplotlib") is None:
        print("trophic: note: no figure.png without matplotlib: pip install 'trophic[view]'", file=sys.stderr)
        return []
    if len(channel_names) == 1:
        return [folder / "figure.png"]
    plain = [re.sub(r"[^\w.-]+", "-", name)[:60].strip("-.") for name in channel_names[:MAX_FIGURES]]
    return [folder / f"figure-{index}-{name}.png" for index, name in enumerate(plain)]


@contextlib.contextmanager
def any_script() -> Iterator[None]:
    """Names in a script that the font lacks are drawn without complaint."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")
        yield


def title_of(source: Source, channel: str) -> str:
    """File and channel as matplotlib can draw them: one line, no undecodable bytes, dollars that begin no formula."""
    name = source.path.name + (f", {channel}" if source.n_channels > 1 else "")
    return " ".join(name.encode("utf-8", "replace").decode().split()).replace("$", r"\$")


def write_json(path: Path, content: dict[str, Any]) -> None:
    """``content`` as a file of JSON."""
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def _overview(source: Source, model: Ecology, channel: int) -> Overview:
    from trophic.view.overview import Overview

    axis = "seconds" if source.epoch_s is None else "dates"
    return Overview(model.f_min_hz, model.f_max_hz, source.sample_rate_hz, channel=channel, time_axis=axis)
