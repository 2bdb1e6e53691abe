"""What cannot be read as a stream is refused in one line that names the file, the place and the fix."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import soundfile

from trophic.runtime.sources import SUFFIXES, SourceError, open_source


def _table(header: str, row: str, n: int = 40) -> str:
    return header + "\n" + "".join(row.format(i=i) + "\n" for i in range(n))


_TEXT_ERRORS = {
    "empty": ("", {}, "is empty"),
    "only a header": ("time,x\n", {}, "no rows"),
    "only comments": ("# nothing\n\n", {}, "no rows"),
    "too short": (_table("time,x", "{i},{i}", 15), {}, "only 15 samples, at least 16"),
    "no such column": (_table("time,wind", "{i},{i}"), {"column": "wund"}, "did you mean 'wind'"),
    "column number too high": (_table("time,wind", "{i},{i}"), {"column": "2"}, "available: 'time', 'wind'"),
    "text column": (_table("time,sky,x", "{i},grey,1"), {"column": "sky"}, "does not hold numbers .first value 'grey'"),
    "no numbers at all": (_table("a,b", "x,y"), {}, "no numeric column"),
    "a column without any value": (_table("a", "nan"), {"sample_rate_hz": 1.0}, "every value of 'a' is missing"),
    "all missing": (_table("time,x,y", "{i},,1"), {"column": "x"}, "'x' holds no finite value in 40 rows"),
    "a word far down": (
        _table("time,x", "{i},1") + "41,oops\n42,1\n",
        {},
        "data row 41, column 'x': 'oops' is not a number",
    ),
    "a bad date far down": (
        _table("date,x", "2020-01-{i:02d},1", 0) + "".join(f"2020-01-{i:02d},1\n" for i in range(1, 30)) + "soon,1\n",
        {},
        "data row 30, column 'date': 'soon' is not a date",
    ),
    "a row too long": (_table("time,x", "{i},1") + "41,1,2\n", {}, "line 42: Expected 2 columns, got 3"),
    "no time": (_table("a,b", "{i},1"), {}, "give --sample-rate in Hz, or --time-column"),
    "two times": (_table("start time,end time,x", "{i},{i},1"), {}, "choose one with --time-column"),
    "ambiguous dates": (_table("date,x", "03/04/2020,1"), {}, "ISO 8601"),
    "time stands still": (_table("time,x", "7,{i}"), {}, "does not advance"),
    "time runs backwards": (_table("time,x", "-{i},{i}"), {}, "does not advance"),
    "mostly backwards": (_table("time,x", "1,{i}", 20) + _table("2,1", "{i},3"), {}, "sort the rows by time"),
    "rate and time column": (
        _table("time,x", "{i},1"),
        {"sample_rate_hz": 1.0, "time_column": "time"},
        "not both",
    ),
    "rate zero": (_table("time,x", "{i},1"), {"sample_rate_hz": 0.0}, "sample rate must be in"),
    "unknown unit": (_table("time,x", "{i},1"), {"time_unit": "fortnight"}, "is not one of ns, us"),
    "binary": ("time,x\n1,\0\n", {}, "not text .a zero byte at byte 9"),
}


@pytest.mark.parametrize("case", _TEXT_ERRORS)
def test_text_errors_name_the_file_and_the_fix(tmp_path, case):
    text, options, message = _TEXT_ERRORS[case]
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(SourceError, match=message) as caught:
        list(open_source(path, **options))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def _save_npz(path: Path, **members: object) -> None:
    with path.open("wb") as file:
        np.savez(file, **members)  # type: ignore[arg-type]


_FILE_ERRORS = {
    "no file": (lambda p: None, "a.wav", {}, "no such file"),
    "directory": (lambda p: p.mkdir(), "a.wav", {}, "is a directory"),
    "unknown suffix": (lambda p: p.write_text("x"), "a.docx", {}, r"unknown suffix '\.docx'; known are \.wav"),
    "no suffix": (lambda p: p.write_text("x"), "recording", {}, "unknown suffix"),
    "text as wav": (lambda p: p.write_text("hello " * 50), "a.wav", {}, "cannot be read as audio"),
    "text as npy": (lambda p: p.write_text("hello " * 50), "a.npy", {}, "cannot be read as a NumPy array"),
    "text as npz": (lambda p: p.write_text("hello " * 50), "a.npz", {}, "cannot be read as a NumPy archive"),
    "text as parquet": (lambda p: p.write_text("hello " * 50), "a.parquet", {}, "cannot be read as Parquet"),
    "text as gz": (lambda p: p.write_text("hello " * 50), "a.csv.gz", {}, "cannot be read as text"),
    "short wav": (lambda p: soundfile.write(p, np.zeros(9), 8000), "a.wav", {}, "only 9 samples"),
    "wav of NaN": (
        lambda p: soundfile.write(p, np.full(99, np.nan), 8000, subtype="FLOAT"),
        "a.wav",
        {},
        "no finite value",
    ),
    "no such channel": (
        lambda p: soundfile.write(p, np.zeros((99, 2)), 8000),
        "a.wav",
        {"column": "middle"},
        "no channel 'middle'; available: 'left', 'right'",
    ),
    "time column of audio": (
        lambda p: soundfile.write(p, np.zeros(99), 8000),
        "a.wav",
        {"time_column": "t"},
        "no time column",
    ),
    "npy without rate": (lambda p: np.save(p, np.zeros(99)), "a.npy", {}, "give --sample-rate"),
    "npy of text": (lambda p: np.save(p, np.array(["a"] * 99)), "a.npy", {}, "save real numbers"),
    "npy of complex": (lambda p: np.save(p, np.zeros(99) + 1j), "a.npy", {}, "array of complex128"),
    "npy of three axes": (lambda p: np.save(p, np.zeros((9, 9, 9))), "a.npy", {}, r"shape \(9, 9, 9\)"),
    "pickled npy": (
        lambda p: np.save(p, np.array([{}, []], dtype=object), allow_pickle=True),
        "a.npy",
        {},
        "Array can't be memory-mapped: Python objects",
    ),
    "npz of nothing": (lambda p: _save_npz(p), "a.npz", {}, "it is empty"),
    "npz of text": (lambda p: _save_npz(p, a=np.array(["x"] * 99)), "a.npz", {}, "no array of real numbers"),
    "npz time too short": (
        lambda p: _save_npz(p, x=np.zeros(99), time=np.arange(98.0)),
        "a.npz",
        {},
        "'time' have shape",
    ),
    "npz rate zero": (lambda p: _save_npz(p, x=np.zeros(99), fs=0), "a.npz", {}, "states a sample rate of 0"),
    "too many channels": (
        lambda p: np.save(p, np.zeros((200, 100))),
        "a.npy",
        {"sample_rate_hz": 1.0},
        "100 channels, at most 64",
    ),
    "parquet without rows": (
        lambda p: pyarrow.parquet.write_table(pyarrow.table({"time": pyarrow.array([], pyarrow.float64())}), p),
        "a.parquet",
        {},
        "no rows",
    ),
}


@pytest.mark.parametrize("case", _FILE_ERRORS)
def test_file_errors_name_the_file_and_the_fix(tmp_path, case):
    make, name, options, message = _FILE_ERRORS[case]
    path = tmp_path / name
    make(path)
    with pytest.raises(SourceError, match=message) as caught:
        list(open_source(path, **options))
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("hidden", "suffix"), [("soundfile", ".wav"), ("pyarrow.csv", ".csv"), ("pyarrow.parquet", ".parquet")]
)
def test_a_missing_decoder_names_the_extra(tmp_path, monkeypatch, hidden, suffix):
    monkeypatch.setitem(__import__("sys").modules, hidden, None)
    path = tmp_path / f"a{suffix}"
    path.write_text("anything")
    with pytest.raises(SourceError, match=r"pip install 'trophic\[io\]'"):
        open_source(path)


def test_every_suffix_is_lower_case_and_known_once():
    assert len(set(SUFFIXES)) == len(SUFFIXES)
    assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in SUFFIXES)
