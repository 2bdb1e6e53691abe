"""Files harmed in any way give samples or one sentence: the file, the row or byte, and what to do."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import soundfile

from trophic.runtime.readers.common import SourceError
from trophic.runtime.sources import open_source

from .conftest import at_scale

N = 600
X = np.cos(np.arange(N) / 7)


def wav(path: Path) -> None:
    soundfile.write(path, X, 1000, subtype="PCM_24")


def csv(path: Path) -> None:
    path.write_text("time,x,y\n" + "".join(f"{i / 1000:.3f},{value:.6f},{-value:.3f}\n" for i, value in enumerate(X)))


def parquet(path: Path) -> None:
    moments = np.datetime64("2024-01-01", "us") + np.arange(N) * np.timedelta64(1000, "us")
    pyarrow.parquet.write_table(pyarrow.table({"time": moments, "x": X}), path, row_group_size=200)


def npy(path: Path) -> None:
    np.save(path, X)


WRITERS: dict[str, Callable[[Path], None]] = {"wav": wav, "csv": csv, "parquet": parquet, "npy": npy}


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """One of the harms of disks, transfers and editors."""
    changed, where = bytearray(data), int(len(data) * random.random() ** 2)
    kind = random.integers(7)
    if kind == 0:
        changed[where] ^= 1 << int(random.integers(8))
    elif kind == 1:
        for at in random.integers(len(data), size=int(random.integers(2, 50))):
            changed[at] = int(random.integers(256))
    elif kind == 2:
        del changed[where:]
    elif kind == 3:
        del changed[where : where + int(random.integers(1, 500))]
    elif kind == 4:
        changed[where:where] = random.bytes(int(random.integers(1, 500)))
    elif kind == 5:
        changed[where : where + 512] = bytes(len(changed[where : where + 512]))
    else:
        other = int(random.integers(len(data)))
        changed[where : where + 256], changed[other : other + 256] = (
            changed[other : other + 256],
            changed[where : where + 256],
        )
    return bytes(changed)


@pytest.mark.parametrize("suffix", WRITERS)
def test_mutations(tmp_path: Path, suffix: str, figure: Callable[..., None]) -> None:
    path, sound = tmp_path / f"x.{suffix}", tmp_path / f"sound.{suffix}"
    WRITERS[suffix](sound)
    data, random = sound.read_bytes(), np.random.default_rng([1, *suffix.encode()])
    n_read = n_refused = n_placed = 0
    for _ in range(at_scale(50, 1000)):
        path.write_bytes(mutated(data, random))
        try:
            source = open_source(path, sample_rate_hz=1000 if suffix == "npy" else None)
            assert sum(len(chunk) for chunk in source) <= source.n_samples
            n_read += 1
        except SourceError as refused:
            message = str(refused)
            assert message.startswith(str(path)), message
            assert "\n" not in message
            assert len(message) < 1000
            n_placed += bool(re.search(r"\b(row|rows|line|byte|bytes|column|sample|samples)\b", message))
            n_refused += 1
    figure(mutations=n_read + n_refused, read=n_read, refused=n_refused, refusals_with_a_place=n_placed)
    assert n_read > 0
    assert n_refused > 0


@pytest.mark.parametrize(
    ("row", "line", "place"),
    [
        (40, "0.040,oops,1", "data row 41, column 'x': 'oops' is not a number"),
        (40, "never,1,2", "data row 41, column 'time': 'never' is not a number"),
        (40, "0.040,1", "line 42: Expected 3 columns, got 2"),
        (40, "0.040,1,2,3", "line 42: Expected 3 columns, got 4"),
        (40, "0.040,1,1e99", "data row 41: holds values up to 1e.99"),
    ],
)
def test_the_row_is_named(tmp_path: Path, row: int, line: str, place: str) -> None:
    path = tmp_path / "x.csv"
    csv(path)
    lines = path.read_text().splitlines()
    lines[row + 1] = line
    path.write_text("\n".join(lines))
    with pytest.raises(SourceError, match=place):
        list(open_source(path))
