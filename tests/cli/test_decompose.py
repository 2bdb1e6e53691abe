"""``trophic decompose`` on recordings whose components are known."""

from __future__ import annotations

import csv
import dataclasses
import importlib.util
import json
import os

import numpy as np
import pyarrow.parquet
import pytest
import soundfile

from trophic.cli import MAX_TRACK_ROWS, Decompose, main, track_every
from trophic.view.units import YEAR_S

from .conftest import FORMATS, RATE_HZ, TONES, save_csv, save_npz, save_wav, two_tones


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_components_that_are_in_it(tmp_path, report, name):
    save, options = FORMATS[name]
    channel = report(save(tmp_path, two_tones()), *options)["channels"][0]
    found = [(c["frequency_hz"], c["amplitude"]) for c in channel["components"]]
    assert len(found) == len(TONES)
    for (frequency, amplitude), (true_frequency, true_amplitude) in zip(found, TONES, strict=True):
        assert frequency == pytest.approx(true_frequency, rel=1e-4)
        assert amplitude == pytest.approx(true_amplitude, rel=0.03)
    assert channel["explained"] > 0.9
    assert channel["n_bad"] == (158 if name == "gappy csv" else 0)  # 160 cells, two of them in the missing rows


def test_formats_agree_with_each_other(tmp_path, report):
    """The same float64 samples on the same clock give the same digits, whatever the container."""
    x = two_tones().round(6)
    by_csv = report(save_csv(tmp_path, x))["channels"][0]["components"]
    by_npz = report(save_npz(tmp_path, x))["channels"][0]["components"]
    for a, b in zip(by_csv, by_npz, strict=True):
        assert a["frequency_hz"] == pytest.approx(b["frequency_hz"], rel=1e-12)
        assert a["amplitude"] == pytest.approx(b["amplitude"], rel=1e-9)


def test_the_table_shows_what_the_json_says(tmp_path, decompose, report):
    path = save_wav(tmp_path, two_tones())
    code, out, err = decompose(path)
    first = report(path)["channels"][0]["components"][0]
    assert (code, err) == (0, "")
    headline, *rest = out.splitlines()
    assert headline.startswith("tones.wav: 8000 samples, 1000 Hz, ")
    row = next(line for line in rest if "20 ms" in line)
    frequency, period, unit = row.split()[:3]
    assert float(frequency.split("(")[0]) == pytest.approx(first["frequency_hz"], abs=10 * first["frequency_se_hz"])
    assert (period, unit) == ("20", "ms")
    assert "line" in row
    assert rest[-1].startswith("2 components, explained variance 9")
    assert rest[-1].endswith("bad samples 0 of 8000")


def test_the_report_says_who_keeps_step(tmp_path, report):
    """An octave of which the lower phase is known, and a stranger that is near no ratio."""
    t = np.arange(8000) / 1000
    x = 0.4 * np.cos(2 * np.pi * 50 * t + 0.3) + 0.2 * np.cos(2 * np.pi * 100 * t + 0.1)
    x += 0.1 * np.cos(2 * np.pi * 171 * t) + 0.001 * np.random.default_rng(0).normal(size=len(t))
    synchrony = report(save_wav(tmp_path, x))["channels"][0]["synchrony"]
    octave, stranger, other = synchrony["pairs"]
    assert (octave["a"], octave["b"], octave["ratio"]) == (0, 1, "1:2")
    assert octave["locking"] > 0.99
    assert octave["offset_rad"] == pytest.approx(2 * 0.3 - 0.1, abs=0.02)
    assert max(stranger["locking"], other["locking"]) < 0.1
    assert synchrony["memory_s"] == pytest.approx(2.0, rel=0.01)


def test_slow_rhythms_are_told_in_days_and_years(tmp_path, decompose):
    path = tmp_path / "seasons.csv"
    days = np.arange(0, 40 * 365.25, 7).astype(int)
    moments = np.datetime64("1958-03-29") + days
    values = np.cos(2 * np.pi * days / 365.25) + 0.01 * np.random.default_rng(0).normal(size=len(days))
    path.write_text("date,co2\n" + "".join(f"{str(m).replace('-', '')},{v:.5f}\n" for m, v in zip(moments, values)))
    code, out, _ = decompose(path)
    assert code == 0
    assert "frequency (per year)" in out
    row = next(line for line in out.splitlines() if " y " in line and "(" in line and "samples" not in line)
    assert float(row.split()[0].split("(")[0]) == pytest.approx(1.0, rel=2e-3)
    assert "1958-" in row or "1959-" in row or "196" in row  # born on a date


def test_all_channels_or_the_one_asked_for(tmp_path, report):
    t = np.arange(8000) / RATE_HZ
    stereo = np.column_stack([0.3 * np.cos(2 * np.pi * 80 * t), 0.3 * np.cos(2 * np.pi * 200 * t)])
    stereo += 0.003 * np.random.default_rng(1).normal(size=stereo.shape)
    path = tmp_path / "stereo.wav"
    soundfile.write(path, stereo, int(RATE_HZ), subtype="PCM_24")
    both = report(path)["channels"]
    assert [c["name"] for c in both] == ["left", "right"]
    assert [c["components"][0]["frequency_hz"] for c in both] == pytest.approx([80, 200], rel=1e-3)
    (right,) = report(path, "--channel", "right")["channels"]
    assert right["components"] == both[1]["components"]
    assert right["explained"] == pytest.approx(both[1]["explained"], rel=1e-9)


def test_band_and_branches_are_used(tmp_path, report):
    path = save_wav(tmp_path, two_tones())
    found = report(path, "--f-min", 100, "--f-max", 400, "--branches", 3, "--budget", 5000)
    assert found["band_hz"] == [100.0, 400.0]
    assert (found["configuration"]["n_branches"], found["configuration"]["budget"]) == (3, 5000.0)
    assert all(c["frequency_hz"] > 90 for c in found["channels"][0]["components"])


def test_the_band_may_reach_the_nyquist_frequency(tmp_path, decompose):
    """49 Hz is not the inverse of its inverse in floating point."""
    path = tmp_path / "x.npy"
    np.save(path, two_tones(400))
    assert decompose(path, "--sample-rate", 49, "--f-max", 24.5, "--out", tmp_path / "out")[0] == 0


def test_the_folder_of_results(tmp_path, decompose, report):
    path, folder = save_wav(tmp_path, two_tones()), tmp_path / "deep" / "results"
    code, out, _ = decompose(path, "--out", folder)
    assert code == 0
    names = ["components.csv", "figure.png", "report.json", "tracks.parquet"]
    assert sorted(p.name for p in folder.iterdir()) == names
    assert all(str(folder / name) in out for name in names)
    assert (folder / "figure.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")

    written = json.loads((folder / "report.json").read_text())
    assert {k: v for k, v in written.items() if k != "n_track_rows"} == report(path)
    with (folder / "components.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["frequency_hz"]) for row in rows] == [
        c["frequency_hz"] for c in written["channels"][0]["components"]
    ]

    tracks = pyarrow.parquet.read_table(folder / "tracks.parquet").to_pandas()
    assert len(tracks) == written["n_track_rows"]
    assert set(tracks["channel"]) == {"channel 0"}
    frames = np.unique(tracks["time_s"])
    np.testing.assert_allclose(np.diff(frames).min(), 1 / written["track_rate_hz"], rtol=1e-6)
    last = tracks[tracks["time_s"] == frames[-1]].sort_values("amplitude", ascending=False)
    np.testing.assert_allclose(last["frequency_hz"], [f for f, _ in TONES], rtol=1e-3)


@pytest.mark.parametrize(
    "x",
    [np.zeros(200), np.full(200, 7.0), two_tones(16), np.where(np.arange(500) % 7, np.nan, np.arange(500.0) ** 2 % 11)],
    ids=["zeros", "constant", "shortest", "mostly missing"],
)
def test_results_of_a_recording_that_hardly_is_one(tmp_path, decompose, x):
    path = tmp_path / "poor.npz"
    np.savez(path, x=x, fs=1000)
    code, out, _ = decompose(path, "--out", tmp_path / "out")
    assert code == 0
    assert f"bad samples {np.isnan(x).sum()} of {len(x)}" in out
    written = json.loads((tmp_path / "out" / "report.json").read_text())
    assert pyarrow.parquet.read_table(tmp_path / "out" / "tracks.parquet").num_rows == written["n_track_rows"]
    assert (tmp_path / "out" / "figure.png").stat().st_size > 0


@pytest.mark.skipif(os.name != "posix", reason="such names are not allowed")
@pytest.mark.parametrize(
    "name", [b"cost $5_$6^.npz", b"not \xff utf-8.npz", b"[bold]x.npz", b"two\nlines.npz", "日.npz".encode()]
)
def test_any_file_name(tmp_path, decompose, name):
    """Neither mathematics, nor markup, nor an undecodable byte in a name stops the work."""
    path = tmp_path / os.fsdecode(name)
    save_npz(tmp_path, two_tones(400)).rename(path)
    code, out, err = decompose(path, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert "400 samples" in out
    assert decompose(path, "--json")[0] == 0


def test_a_figure_for_every_channel(tmp_path, decompose):
    path = tmp_path / "stereo.wav"
    soundfile.write(path, np.column_stack([two_tones(2000), two_tones(2000)]), 1000)
    assert decompose(path, "--out", tmp_path / "out")[0] == 0
    assert sorted(p.name for p in (tmp_path / "out").glob("*.png")) == ["figure-0-left.png", "figure-1-right.png"]


def test_without_the_optional_packages(tmp_path, decompose, monkeypatch):
    """NumPy files need neither pyarrow nor matplotlib: tracks become CSV, and a note says what is left out."""
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in ("pyarrow", "matplotlib") else real(name)
    )
    path = save_npz(tmp_path, two_tones())
    code, _, err = decompose(path, "--out", tmp_path / "out")
    assert code == 0
    assert "pip install 'trophic[view]'" in err
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["components.csv", "report.json", "tracks.csv"]
    with (tmp_path / "out" / "tracks.csv").open() as file:
        rows = list(csv.DictReader(file))
    monkeypatch.undo()
    assert decompose(path, "--out", tmp_path / "out")[0] == 0
    tracks = pyarrow.parquet.read_table(tmp_path / "out" / "tracks.parquet").to_pylist()
    assert [{k: str(v) for k, v in row.items()} for row in tracks] == rows


def test_components_that_ended_are_counted(tmp_path, report, decompose):
    t = np.arange(12_000) / RATE_HZ
    x = np.where(t < 6, 0.4 * np.cos(2 * np.pi * 80 * t), 0.0) + 0.004 * np.random.default_rng(2).normal(size=len(t))
    path = save_npz(tmp_path, x)
    channel = report(path)["channels"][0]
    assert channel["n_lived"] > len(channel["components"])
    assert "came and went" in decompose(path)[1]


def test_only_its_own_files_are_overwritten(tmp_path, decompose):
    path = save_wav(tmp_path, two_tones(2000))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    (tmp_path / "out" / "report.json").write_text("old")
    assert decompose(path, "--out", tmp_path / "out")[0] == 0
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert json.loads((tmp_path / "out" / "report.json").read_text())["n_samples"] == 2000


def test_the_report_states_its_circumstances(tmp_path, report):
    found = report(save_wav(tmp_path, two_tones(2000)))
    assert found["versions"].keys() == {"trophic", "numpy", "numba", "python"}
    assert (found["kind"], found["sample_rate_hz"], found["n_samples"]) == ("audio", RATE_HZ, 2000)
    assert not found["interrupted"]
    energy = found["channels"][0]["energy"]
    assert energy.keys() == {"stored", "supplied", "heat", "mass_work", "exchanged", "imbalance"}
    assert energy["supplied"] >= 0


def test_dates_and_years_start_where_the_file_does(tmp_path, report):
    path = tmp_path / "old.csv"
    years = np.arange(1700, 2009)
    path.write_text("YEAR,n\n" + "".join(f"{y},{50 + 40 * np.cos(2 * np.pi * y / 11):.3f}\n" for y in years))
    found = report(path)
    assert (found["time_unit"], found["start"]) == ("year", 1700.0)
    assert found["sample_rate_hz"] == pytest.approx(1 / YEAR_S)


def test_noise_has_no_components(tmp_path, decompose):
    path = tmp_path / "noise.npz"
    np.savez(path, x=np.random.default_rng(5).normal(size=8000), fs=1000)
    code, out, _ = decompose(path)
    assert code == 0
    assert "no component" in out


def test_a_constant_has_no_components_and_nothing_to_explain(tmp_path, report):
    path = tmp_path / "flat.npz"
    np.savez(path, x=np.zeros(500), fs=1000)
    channel = report(path)["channels"][0]
    assert (channel["components"], channel["explained"]) == ([], None)


@pytest.mark.parametrize("n_samples", [16, 2_000, 10**6, 10**9])
@pytest.mark.parametrize("n_tracks", [1, 16, 1024])
def test_tracks_stay_below_their_bound(n_samples, n_tracks):
    every = track_every(n_samples, n_tracks)
    assert -(-n_samples // every) * n_tracks <= MAX_TRACK_ROWS + n_tracks
    assert every <= 64 or n_samples / every * n_tracks > MAX_TRACK_ROWS / 2


def test_version(capsys):
    import trophic

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"trophic {trophic.version}\n"


def test_help_names_every_option(capsys):
    assert main(["decompose", "--help"]) == 0
    out = capsys.readouterr().out
    for field in dataclasses.fields(Decompose):
        option = {"file": "FILE", "as_json": "--json"}.get(field.name, "--" + field.name.replace("_", "-"))
        assert option in out
