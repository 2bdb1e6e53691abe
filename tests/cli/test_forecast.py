"""``trophic forecast`` on recordings of which more is known than they say."""

from __future__ import annotations

import csv
import json
import signal
import sys
import time

import numpy as np
import pyarrow.parquet
import pytest
import soundfile

from trophic.cli import main

from .conftest import save_csv, save_npy, spawn, two_tones

SIGNAL_KEYS = ("time_s", "channel", "signal")


@pytest.fixture
def forecast(capsys):
    """``forecast(file, *options)`` in this process: exit code, stdout, stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        code = main(["forecast", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def save_hourly(folder, n=1500):
    """A day of 24 hours, a level, noise of .3, ten missing cells, and one broken hour in the unscored beginning."""
    rng = np.random.default_rng(0)
    x = np.tile(rng.standard_normal(24).cumsum(), n // 24 + 1)[:n] + 100 + 0.3 * rng.standard_normal(n)
    x[120] += 5000
    cells = ["" if 700 <= i < 710 else f"{value:.4f}" for i, value in enumerate(x)]
    start = np.datetime64("2024-01-01T00:00")
    path = folder / "hourly.csv"
    path.write_text("date,load\n" + "".join(f"{start + np.timedelta64(i, 'h')},{c}\n" for i, c in enumerate(cells)))
    return path, x


def test_table_report_and_files(tmp_path, forecast):
    path, x = save_hourly(tmp_path)
    code, out, err = forecast(path, "--horizon", "6,24", "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    headline, *rest = out.splitlines()
    assert headline.startswith("hourly.csv: 1500 samples, ")
    assert [line.split()[0] for line in rest if line.strip() and line.split()[0].isdigit()] == ["1", "6", "24"]
    assert "season 24 samples (1 d)" in out
    assert "bad samples 10 of 1500" in out
    assert "2024-03-04 05:00" not in out
    assert "2024-03-03 12:00" in out  # the hour after the last

    report = json.loads((tmp_path / "out" / "report.json").read_text())
    (channel,) = report["channels"]
    assert (channel["name"], channel["season"], channel["n_bad"]) == ("load", 24, 10)
    assert report["coverage"] == 0.9
    for row in channel["horizons"]:
        # after a few hundred samples the committee has not yet caught up with the right baseline, but is near it
        assert row["nrmse"] < 1.5 * min(row["persistence"], row["seasonal"])
        assert row["coverage"] == pytest.approx(0.9, abs=0.05)
        assert row["next"]["lower"] < row["next"]["forecast"] < row["next"]["upper"]
        assert sum(row["trust"].values()) == pytest.approx(1.0)
    table = pyarrow.parquet.read_table(tmp_path / "out" / "forecast.parquet").to_pydict()
    assert len(table["signal"]) == report["n_rows"] == 1500
    assert table["anomaly"][120]
    known = np.isfinite(table["signal"])
    np.testing.assert_allclose(np.array(table["signal"])[known], x[known], atol=1e-4)
    error = np.array(table["prediction_6"])[1300:] - x[1300:]
    assert np.sqrt(np.mean(error**2)) < 0.6  # .3 is noise
    assert (tmp_path / "out" / "figure.png").stat().st_size > 20_000


def test_without_arrow_the_table_is_csv(tmp_path, forecast, monkeypatch):
    path, _ = save_hourly(tmp_path, 300)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, out, err = forecast(path, "--out", tmp_path / "out")
    assert code == 0
    assert "no figure.png without matplotlib" in err
    assert out.rstrip().endswith("report.json")
    with (tmp_path / "out" / "forecast.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 300
    assert tuple(rows[0])[:3] == SIGNAL_KEYS


def test_json_is_what_python_finds(tmp_path, forecast):
    import trophic

    x = two_tones(2000)
    code, out, _ = forecast(save_npy(tmp_path, x), "--sample-rate", 1000, "--horizon", 3, "--coverage", 0.8, "--json")
    assert code == 0
    rows = json.loads(out)["channels"][0]["horizons"]
    found = trophic.forecast(x, horizon=3, sample_rate_hz=1000, coverage=0.8)
    assert [row["nrmse"] for row in rows] == found.skill["nrmse"][0].tolist()
    assert [row["next"]["forecast"] for row in rows] == found.next[0, :, 0].tolist()
    assert rows[0]["coverage"] == pytest.approx(0.8, abs=0.05)


def test_channels_each_have_a_table_and_a_figure(tmp_path, forecast):
    path = tmp_path / "two.wav"
    x = two_tones(600)
    soundfile.write(path, np.stack([x, 0.5 * np.roll(x, 1)], axis=1), 1000, subtype="PCM_24")
    code, out, _ = forecast(path, "--out", tmp_path / "out")
    assert code == 0
    assert "2 channels" in out
    assert len(list((tmp_path / "out").glob("figure-*.png"))) == 2


def test_random_times_are_put_on_a_grid(tmp_path, forecast):
    times_s = np.cumsum(np.random.default_rng(0).exponential(1.25, 1200))
    rows = (f"{time_s:.4f},{np.sin(2 * np.pi * time_s / 24):.6f}\n" for time_s in times_s)
    path = tmp_path / "random.csv"
    path.write_text("time_s,x\n" + "".join(rows))
    errors = []
    for options in ((), ("--step", "1")):
        code, out, err = forecast(path, "--horizon", "6", "--json", *options)
        assert (code, err) == (0, "")
        report = json.loads(out)
        errors.append(report["channels"][0]["horizons"][-1]["nrmse"])
    assert errors[1] < 0.5 * errors[0]


def test_a_record_too_short_to_learn_from_is_told_as_it_is(tmp_path, forecast):
    code, out, _ = forecast(save_csv(tmp_path, two_tones(20)), "--horizon", 30)
    assert code == 0
    assert " - " in out


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--horizon", "0"], "--horizon must be whole numbers from 1 to 512 with commas, got '0'"),
        (["--horizon", "4,x"], "--horizon must be whole numbers from 1 to 512 with commas, got '4,x'"),
        (["--horizon", "513"], "got '513'"),
        (["--coverage", "90"], "--coverage must be in (0, 1), got 90.0"),
        (["--column", "y"], "y"),
        (["--step", "0"], "--step must be in"),
        (["--pcm", "s16le"], "belongs to standard input"),
    ],
)
def test_bad_usage_is_one_line_and_exit_code_2(tmp_path, forecast, options, sentence):
    code, out, err = forecast(save_csv(tmp_path, two_tones(100)), *options)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1


def test_the_input_is_never_overwritten(tmp_path, forecast):
    table = tmp_path / "forecast.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"t": np.arange(100.0), "x": np.arange(100.0)}), table)
    code, _, err = forecast(table, "--sample-rate", 1, "--out", tmp_path)
    assert code == 2
    assert "would overwrite the input" in err


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT as a terminal sends it")
def test_ctrl_c_keeps_what_was_learned(tmp_path):
    path = tmp_path / "long.wav"
    soundfile.write(path, np.tile(two_tones(10_000), 200), 1000)
    process = spawn("forecast", path, "--out", tmp_path / "out", "--json")
    while not (tmp_path / "out" / "forecast.parquet").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 130, err
    assert "interrupted after" in err
    assert "Traceback" not in err
    printed = json.loads(out)
    assert printed["interrupted"]
    assert 0 < printed["n_samples"] < printed["n_samples_in_file"]
    assert pyarrow.parquet.read_table(tmp_path / "out" / "forecast.parquet").num_rows == printed["n_samples"]
    assert (tmp_path / "out" / "figure.png").exists()
