"""`TrackTable`: every living branch of every frame, and nothing else, whatever the number of chunks."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet
import pytest

from trophic.runtime.tables import TrackTable

FIELDS = ("frequency_hz", "amplitude", "phase_rad", "mass", "share", "bandwidth_hz")


def report(first_frame: int, n_frames: int = 50, n_channels: int = 2, n_branches: int = 3) -> SimpleNamespace:
    rng = np.random.default_rng(first_frame)
    shape = (n_frames, n_channels, n_branches)
    alive = rng.random(shape) < 0.4
    tracks = {name: np.where(alive, rng.normal(size=shape), np.nan) for name in FIELDS}
    individual = rng.integers(1, 99, size=shape)
    return SimpleNamespace(time_s=first_frame + np.arange(n_frames) / 64, alive=alive, individual=individual, **tracks)


@pytest.fixture(params=[".parquet", ".csv"])
def path(tmp_path, request):
    return tmp_path / f"tracks{request.param}"


def read(path):
    if path.suffix == ".parquet":
        return pyarrow.parquet.read_table(path).to_pylist()
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        {k: v if k == "channel" else int(v) if k == "individual" else float(v) for k, v in row.items()} for row in rows
    ]


@pytest.mark.parametrize("rows_per_group", [1, 100, 1 << 16])
def test_a_row_per_living_branch(path, monkeypatch, rows_per_group):
    monkeypatch.setattr("trophic.runtime.tables._ROWS", rows_per_group)
    infos = [report(k) for k in range(5)]
    table = TrackTable(path, ["left", "right"])
    for info in infos:
        table.write(info)
    table.close()
    rows = read(path)
    expected = [
        {
            "time_s": info.time_s[f],
            "channel": ("left", "right")[c],
            "individual": info.individual[f, c, k],
            **{name: getattr(info, name)[f, c, k] for name in FIELDS},
        }
        for info in infos
        for f, c, k in np.argwhere(info.alive)
    ]
    assert rows == expected
    assert table.n_rows == len(expected)


def test_rows_are_on_disk_before_the_end(path, monkeypatch):
    """An hour's tracks do not wait in memory for the hour to end."""
    monkeypatch.setattr("trophic.runtime.tables._ROWS", 100)
    table = TrackTable(path, ["left", "right"])
    empty = path.stat().st_size
    for k in range(40):
        table.write(report(k))
    written = path.stat().st_size
    table.close()
    assert written > empty + 0.5 * (path.stat().st_size - empty)


def test_no_life_gives_an_empty_table(path):
    info = report(0)
    info.alive[:] = False
    table = TrackTable(path, ["left", "right"])
    table.write(info)
    table.close()
    assert read(path) == []


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must end in \.parquet or \.csv"):
        TrackTable(tmp_path / "tracks.xlsx", ["x"])
