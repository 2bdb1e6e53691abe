"""What only a process of its own can show: exit codes, signals, pipes, memory."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.csv
import pyarrow.parquet
import pytest
import soundfile

from .conftest import TONES, save_csv, save_wav, spawn, two_tones

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


def test_json_alone_on_stdout_and_nothing_on_stderr(tmp_path):
    process = spawn("decompose", save_csv(tmp_path, two_tones()), "--json")
    out, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    components = json.loads(out)["channels"][0]["components"]
    assert [c["frequency_hz"] for c in components] == pytest.approx([f for f, _ in TONES], rel=1e-3)


def test_an_error_is_one_line_and_exit_code_2(tmp_path):
    process = spawn("decompose", tmp_path / "nowhere.wav")
    out, err = process.communicate()
    assert (process.returncode, out) == (2, "")
    assert err == f"trophic: error: {tmp_path / 'nowhere.wav'}: no such file\n"


@posix_only
def test_ctrl_c_reports_what_was_learned_so_far(tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, np.tile(two_tones(10_000), 1000), 1000)
    process = spawn("decompose", path, "--out", tmp_path / "out", "--json", "--f-min", 10)
    while not (tmp_path / "out" / "tracks.parquet").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert "interrupted after" in err
    assert "Traceback" not in err
    printed = json.loads(out)
    assert printed["interrupted"]
    assert 0 < printed["n_samples"] < printed["n_samples_in_file"] == 10_000_000
    assert json.loads((tmp_path / "out" / "report.json").read_text())["n_samples"] == printed["n_samples"]
    assert [c["frequency_hz"] for c in printed["channels"][0]["components"][:2]] == pytest.approx([50, 120], rel=1e-3)
    tracks = pyarrow.parquet.read_table(tmp_path / "out" / "tracks.parquet")
    assert tracks["time_s"].to_numpy().max() <= printed["n_samples"] / 1000


@posix_only
def test_a_reader_that_goes_away_is_no_error(tmp_path):
    with spawn("decompose", save_wav(tmp_path, two_tones(2000))) as process:
        process.stdout.close()
        err = process.stderr.read()
    assert (process.returncode, err) == (0, "")


def test_a_terminal_without_unicode_still_gets_the_table(tmp_path):
    path = tmp_path / "spike.npz"
    np.savez(path, x=two_tones(), fs=5e5, names=np.array(["µV"]))
    process = spawn("decompose", path, env=os.environ | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": _paths()})
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "2 components" in out


def _paths() -> str:
    return os.pathsep.join(path for path in sys.path if path)


# ---- memory ---------------------------------------------------------------------------------------------------

_PEAK = """
import resource, sys
from trophic.cli import main
code = main(sys.argv[1:])
scale = 1 if sys.platform == "darwin" else 1024
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale, file=sys.stderr)
sys.exit(code)
"""


def peak_bytes(path: Path, *options: object) -> int:
    out = path.with_suffix(".out")
    process = spawn("decompose", path, "--out", out, "--json", "--f-min", 100, "--f-max", 400, *options, code=_PEAK)
    _, err = process.communicate()
    assert process.returncode == 0, err
    return int(err.split()[-1])


def _save_big(path: Path, n: int) -> Path:
    """Many channels of n samples, written piece by piece."""
    rng = np.random.default_rng(0)
    if path.suffix == ".wav":
        with soundfile.SoundFile(path, "w", 1000, 64, "PCM_16") as file:
            for start in range(0, n, 10_000):
                file.write(rng.normal(scale=0.1, size=(min(10_000, n - start), 64)))
        return path
    names = ["time", *(f"x{i}" for i in range(12))]
    for start in range(0, n, 10_000):
        table = pyarrow.table([np.arange(start, min(start + 10_000, n)) / 1000, *rng.normal(size=(12, 10_000))], names)
        if path.suffix == ".csv":
            with path.open("ab") as file:
                pyarrow.csv.write_csv(table, file, pyarrow.csv.WriteOptions(include_header=start == 0))
    return path


@posix_only
@pytest.mark.parametrize(
    ("suffix", "n", "options"), [(".wav", 400_000, ("--channel", 5)), (".csv", 200_000, ("--column", "x3"))]
)
def test_memory_does_not_grow_with_the_file(tmp_path, suffix, n, options):
    """About 50 MB of one channel among many: reading it whole would take 200 MB (audio) or 50 MB (text) more."""
    small = peak_bytes(_save_big(tmp_path / f"small{suffix}", 20_000), *options)
    path = _save_big(tmp_path / f"big{suffix}", n)
    assert path.stat().st_size > 45e6
    assert peak_bytes(path, *options) - small < 40e6
