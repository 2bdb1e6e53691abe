"""Bad usage and damaged files: one line on stderr, exit code 2, never a traceback."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from trophic.cli import main

from .conftest import FORMATS, save_csv, save_npz, save_wav, two_tones


def assert_one_line(code: int, out: str, err: str) -> None:
    errors = [line for line in err.splitlines() if not line.startswith("trophic: note: ")]
    assert code == 2
    assert out == ""
    assert len(errors) == 1, err
    assert errors[0].startswith("trophic: error: ")
    assert "Traceback" not in err


_OPTIONS = {
    "no such file": (["nowhere.wav"], "no such file"),
    "directory": (["."], "is a directory"),
    "no such column": (["{csv}", "--column", "y"], "no column 'y'; available: 'time', 'x'"),
    "no such channel": (["{wav}", "--channel", "3"], "no channel '3'"),
    "time as signal": (["{csv}", "--column", "time", "--time-column", "time"], "cannot be both"),
    "rate twice": (["{csv}", "--sample-rate", "5", "--time-column", "time"], "not both"),
    "rate nan": (["{csv}", "--sample-rate", "nan"], "sample rate must be in"),
    "rate negative": (["{csv}", "--sample-rate", "-4"], "sample rate must be in"),
    "unit": (["{csv}", "--time-unit", "moon"], "is not one of ns, us"),
    "band upside down": (["{wav}", "--f-min", "300", "--f-max", "200"], "need 0 < --f-min < --f-max <= 500 Hz"),
    "band above Nyquist": (["{wav}", "--f-max", "501"], "half the sample rate"),
    "band nan": (["{wav}", "--f-min", "nan"], "need 0 < --f-min"),
    "band zero": (["{wav}", "--f-min", "0"], "need 0 < --f-min"),
    "no branches": (["{wav}", "--branches", "0"], "--branches must be in"),
    "no budget": (["{wav}", "--budget", "-1"], "--budget must be in"),
    "budget inf": (["{wav}", "--budget", "inf"], "--budget must be in"),
    "out is a file": (["{wav}", "--out", "{csv}"], "cannot be written to"),
    "out below a file": (["{wav}", "--out", "{csv}/deep"], "cannot be written to"),
    "figure in the way": (["{wav}", "--out", "{taken}"], "figure.png is in the way"),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    (folder / "taken" / "figure.png").mkdir(parents=True)
    x = two_tones(400)
    return {"wav": save_wav(folder, x), "csv": save_csv(folder, x), "taken": folder / "taken"}


@pytest.mark.parametrize("case", _OPTIONS)
def test_bad_options(decompose, files, case):
    arguments, message = _OPTIONS[case]
    code, out, err = decompose(*(argument.format(**files) for argument in arguments))
    assert_one_line(code, out, err)
    assert message in err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["decompose"],
        ["compose", "a.wav"],
        ["decompose", "a.wav", "b.wav"],
        ["decompose", "a.wav", "--fmin", "3"],
        ["decompose", "a.wav", "--f-min", "low"],
        ["decompose", "a.wav", "--branches", "2.5"],
        ["decompose", "a.wav", "--out"],
        ["--verbose"],
    ],
)
def test_bad_usage(capsys, arguments):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err
    assert "Traceback" not in captured.err


def test_a_record_of_too_few_typical_intervals(decompose, tmp_path):
    """Sixteen stamps, but half of them in a burst: what is left is too short for a band."""
    path = tmp_path / "burst.csv"
    stamps = np.cumsum([1.0] * 9 + [0.01] * 7)
    path.write_text("time,x\n" + "".join(f"{t},{t % 3}\n" for t in stamps))
    code, out, err = decompose(path)
    assert_one_line(code, out, err)
    assert "too short" in err


def test_the_input_is_never_overwritten(decompose, tmp_path):
    assert decompose(save_wav(tmp_path, two_tones(3000)), "--out", tmp_path / "out")[0] == 0
    before = (tmp_path / "out" / "tracks.parquet").read_bytes()
    code, out, err = decompose(tmp_path / "out" / "tracks.parquet", "--sample-rate", 9, "--out", tmp_path / "out")
    assert_one_line(code, out, err)
    assert "would overwrite the input" in err
    assert (tmp_path / "out" / "tracks.parquet").read_bytes() == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_a_folder_without_permission(decompose, tmp_path, files):
    (tmp_path / "locked").mkdir(mode=0o500)
    code, out, err = decompose(files["wav"], "--out", tmp_path / "locked")
    assert_one_line(code, out, err)


def test_nothing_is_written_when_the_input_is_bad(decompose, tmp_path):
    assert decompose(tmp_path / "nowhere.wav", "--out", tmp_path / "out")[0] == 2
    assert not (tmp_path / "out").exists()


def test_an_unforeseen_disk_error_is_one_line(decompose, tmp_path, files, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "components.csv")

    monkeypatch.setattr("trophic.report.Report.write_components", full)
    code, out, err = decompose(files["wav"], "--out", tmp_path / "out")
    assert_one_line(code, out, err)
    assert "components.csv: No space left on device" in err


# ---- damaged files --------------------------------------------------------------------------------------------


def _save_flac(folder: Path, x: np.ndarray) -> Path:
    path = folder / "tones.flac"
    soundfile.write(path, x, 1000)
    return path


def _save_gzip(folder: Path, x: np.ndarray) -> Path:
    path = folder / "tones.csv.gz"
    path.write_bytes(gzip.compress(save_csv(folder, x).read_bytes(), mtime=0))
    return path


def _save_deflated(folder: Path, x: np.ndarray) -> Path:
    path = folder / "deflated.npz"
    np.savez_compressed(path, x=x, fs=1000.0)
    return path


_DAMAGED = {name: save for name, (save, _) in FORMATS.items()} | {
    "flac": _save_flac,
    "csv.gz": _save_gzip,
    "compressed npz": _save_deflated,
}


def damage(data: bytes, rng: np.random.Generator) -> bytes:
    """A few bytes changed, a piece cut out or doubled, or the end missing; mostly near the beginning."""
    mutated = bytearray(data)
    kind = rng.integers(4)
    where = int(len(data) * rng.random() ** 3)
    if kind == 0:
        for at in (where + rng.integers(0, 64, size=rng.integers(1, 9))) % len(data):
            mutated[at] = rng.integers(256)
    elif kind == 1:
        del mutated[where : where + int(rng.integers(1, 2000))]
    elif kind == 2:
        mutated[where:where] = mutated[where : where + int(rng.integers(1, 2000))]
    else:
        del mutated[where:]
    return bytes(mutated)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("name", _DAMAGED)
def test_damaged_files(decompose, tmp_path, name, seed):
    """Random bytes give an answer or a line of explanation."""
    path = _DAMAGED[name](tmp_path, two_tones(400))
    rng = np.random.default_rng([seed, *name.encode()])
    path.write_bytes(damage(path.read_bytes(), rng))
    options = ["--sample-rate", "1000"] if path.suffix == ".npy" else []
    code, out, err = decompose(path, "--json", *options)
    if code != 0:
        assert_one_line(code, out, err)
        assert str(path) in err


def test_damage_is_damaging():
    """The mutations are neither all harmless nor all fatal to a WAV file's header."""
    rng = np.random.default_rng(0)
    data = bytes(range(256)) * 10
    damaged = [damage(data, rng) for _ in range(50)]
    assert all(d != data for d in damaged[:10])
    assert {len(d) < len(data) for d in damaged} == {True, False}


def test_archives_are_not_unpickled(decompose, tmp_path):
    """An object array would run code on loading."""
    path = tmp_path / "trap.npz"
    np.savez(path, x=np.array([print, len], dtype=object))
    code, out, err = decompose(path)
    assert_one_line(code, out, err)
    assert "allow_pickle" in err


def test_many_channels_with_the_same_rate_are_asked_about(decompose, tmp_path):
    path = tmp_path / "wide.npy"
    np.save(path, np.zeros((300, 100)))
    code, out, err = decompose(path, "--sample-rate", 10)
    assert_one_line(code, out, err)
    assert "choose one with --column" in err


def test_numbers_too_large_to_work_with_are_told(decompose, tmp_path):
    code, out, err = decompose(save_npz(tmp_path, two_tones(400) * 1e200))
    assert_one_line(code, out, err)
    assert "beyond 1e+60" in err
