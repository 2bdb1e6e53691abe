"""``trophic run``, ``resume``, ``inspect``, ``verify``: descriptions, signals, live sources, exit codes."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trophic
from trophic.cli import main
from trophic.runtime.checkpoint import load, read_manifest
from trophic.runtime.config import read_config
from trophic.runtime.schema import ConfigError

from .conftest import TONES, save_csv, save_wav, spawn, two_tones

SOAK = os.environ.get("TROPHIC_SOAK") == "1"
MODEL = {"kind": "Ecology", "f_min_hz": 10, "f_max_hz": 400, "n_branches": 4}
ECOLOGY = trophic.Ecology(f_min_hz=10, f_max_hz=400, n_branches=4)
posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")


def toml(value: Any) -> str:
    """Plain values as TOML writes them."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {toml(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return json.dumps(value)


def describe(folder: Path, **sections: Any) -> Path:
    path = folder / "run.toml"
    path.write_text("\n".join(f"{name} = {toml(value)}" for name, value in ({"model": MODEL} | sections).items()))
    return path


@pytest.fixture
def trophic_does(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


# ---- descriptions ---------------------------------------------------------------------------------------------

FILE = {"kind": "file", "path": "x.wav"}
KINDS = "file, stdin, tcp, udp, websocket, mqtt, kafka, microphone"
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "section": ({"source": FILE, "sink": {}}, "no section [sink] (known: model, source, run, checkpoint, sinks)"),
    "no source": ({}, "needs a section [source]; say where the samples come from"),
    "kind": (
        {"source": {"kind": "tpc"}},
        f"[source] kind must be one of {KINDS}, got 'tpc'; did you mean",
    ),
    "no kind": ({"source": {}}, f"[source] kind must be one of {KINDS}, there is none"),
    "no table": ({"source": 3}, "[source] must be a table of settings, got 3"),
    "unknown key": ({"source": FILE | {"colum": "x"}}, "has no key 'colum' (known: kind, path, column"),
    "missing key": ({"source": {"kind": "file"}}, "[source] needs the key path, a path in quotes"),
    "model": ({"source": FILE, "model": {"kind": "Ecologie"}}, "got 'Ecologie'; did you mean 'Ecology'?"),
    "parameter": ({"source": FILE, "model": MODEL | {"f_mn_hz": 1}}, "[model] Ecology has no parameter 'f_mn_hz'"),
    "range": ({"source": FILE, "model": MODEL | {"f_min_hz": -1}}, "[model] f_min_hz and f_max_hz must satisfy 0 <"),
    "type": ({"source": FILE, "model": MODEL | {"f_min_hz": "low"}}, "[model] '<' not supported"),
    "keep": (
        {"source": FILE, "checkpoint": {"path": "x", "keep": 0}},
        "[checkpoint] keep must be an integer >= 1, got 0",
    ),
    "bool": ({"source": FILE, "checkpoint": {"path": "x", "keep": True}}, "keep must be an integer >= 1, got True; 3"),
    "every": ({"source": FILE, "checkpoint": {"path": "x", "every_s": 0}}, "every_s must be a number > 0, in seconds"),
    "port": (
        {"source": {"kind": "tcp", "format": "csv", "port": 70000}},
        "port must be an integer in 0..65535, got 70000",
    ),
    "remote": (
        {"source": {"kind": "udp", "format": "csv", "port": 0, "host": "0.0.0.0"}},
        "[source] host must be a loopback address such as 127.0.0.1, got '0.0.0.0'",
    ),
    "pcm": ({"source": {"kind": "stdin", "format": "pcm"}}, "[source] needs the key dtype with format = 'pcm'"),
    "csv": ({"source": {"kind": "stdin", "format": "csv", "dtype": "u8"}}, "dtype belongs to format = 'pcm', got 'u8'"),
    "policy": (
        {"source": {"kind": "stdin", "format": "csv", "queue_policy": "hope"}},
        "queue_policy must be one of block, drop_oldest, fail, got 'hope'",
    ),
    "sink": ({"source": FILE, "sinks": [{"kind": "jsonl", "path": "y"}, {"kind": "fax"}]}, "[[sinks]] number 2: kind"),
    "sinks": ({"source": FILE, "sinks": {"kind": "jsonl"}}, "sinks must be a list of tables"),
    "suffix": (
        {"source": FILE, "sinks": [{"kind": "tracks", "path": "y.xls"}]},
        "path must be a path that ends in .parquet or .csv, got 'y.xls'",
    ),
    "measurement": (
        {"source": FILE, "sinks": [{"kind": "line_protocol", "path": "y", "measurement": "a b"}]},
        "measurement must be a name of letters and digits, got 'a b'",
    ),
    "columns": (
        {"source": FILE, "sinks": [{"kind": "table", "path": "y.csv", "fields": []}]},
        "fields must be a list of names in quotes, got []",
    ),
    "fields": (
        {"source": FILE, "sinks": [{"kind": "jsonl", "path": "y", "fields": [1]}]},
        "fields must be a list of names",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_description_names_the_key_and_the_fix(trophic_does, tmp_path, case):
    sections, sentence = WRONG[case]
    path = describe(tmp_path, **sections)
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        read_config(path)
    code, out, err = trophic_does("run", path)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith(f"trophic: error: {path}: ")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"[model", "is not TOML"),
        (b"\xff\xfe", "is not TOML"),
        (b"a = " + b"[" * 100_000, "is not TOML"),
        (b"#" * (2 << 20), "is larger than 1048576 bytes"),
        (None, "no such file"),
    ],
)
def test_what_is_no_description_is_refused(trophic_does, tmp_path, content, sentence):
    path = tmp_path / "run.toml"
    if content is not None:
        path.write_bytes(content)
    code, _, err = trophic_does("run", path)
    assert code == 2
    assert sentence in err
    assert err.count("\n") == 1


def test_channels_must_fit(trophic_does, tmp_path):
    save_wav(tmp_path, np.stack([two_tones(400)] * 2, axis=1))
    code, _, err = trophic_does("run", describe(tmp_path, source={"kind": "file", "path": "tones.wav"}))
    assert code == 2
    assert "has 2 signals (left, right), the model 1; set n_channels in [model], or choose one with column" in err


# ---- a file, from run to verify -------------------------------------------------------------------------------


def test_a_run_is_saved_resumed_inspected_and_verified(trophic_does, tmp_path):
    x = two_tones(6000)
    save_wav(tmp_path, x[:4000])
    path = describe(
        tmp_path,
        source={"kind": "file", "path": "tones.wav"},
        run={"chunk_samples": 500},
        checkpoint={"path": "x.safetensors", "every_samples": 1000, "keep": 2},
        sinks=[
            {"kind": "jsonl", "path": "x.jsonl", "fields": ["time_s", "frequency_hz"]},
            {"kind": "tracks", "path": "t.csv"},
            {"kind": "line_protocol", "path": "x.line", "measurement": "mains", "fields": ["amplitude", "n_bad"]},
            {"kind": "table", "path": "residual.csv", "fields": ["sample_time_s", "residual"]},
        ],
    )
    assert trophic_does("run", path)[0] == 0
    lines = (tmp_path / "x.line").read_text().splitlines()
    assert len(lines) == 8
    assert re.fullmatch(r"mains amplitude_0_\d+=\d\S*,n_bad=0i 3999000000", lines[-1])
    rows = (tmp_path / "residual.csv").read_text().splitlines()
    assert (len(rows), rows[0], rows[1].split(",")[0]) == (4001, "sample_time_s,residual", "0.0")
    saved = tmp_path / "x.safetensors"
    assert read_manifest(saved)["clock"]["n_samples"] == 4000
    assert read_manifest(f"{saved}.1")["clock"]["n_samples"] == 3000
    assert len((tmp_path / "x.jsonl").read_text().splitlines()) == 8

    code, _, err = trophic_does("run", path)
    assert code == 2
    assert "already holds a checkpoint" in err

    save_wav(tmp_path, x)
    saved.write_bytes(saved.read_bytes()[:-1])
    code, _, err = trophic_does("resume", path)
    assert code == 0
    assert "is damaged or not a checkpoint" in err
    assert "going on from" in err
    uninterrupted = trophic.run(ECOLOGY, trophic.runtime.sources.open_source(tmp_path / "tones.wav"))
    assert load(saved, ECOLOGY).equals(uninterrupted.state)
    lines = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    assert [round(line["time_s"], 3) for line in lines[-2:]] == [5.499, 5.999]
    assert (tmp_path / "residual.000000000003000.csv").read_text().splitlines()[1].startswith("3.0,")
    assert (tmp_path / "t.000000000003000.csv").exists()

    assert trophic_does("resume", saved)[0] == 0  # nothing left to do; found by the description it names
    code, out, _ = trophic_does("inspect", saved)
    assert code == 0
    assert f"{saved}: Ecology, whole" in out
    assert "6,000 samples" in out
    assert "'hot' float64" in out
    assert "not finite     nothing" in out
    code, out, _ = trophic_does("inspect", saved, "--json")
    assert json.loads(out)["clock"]["n_samples"] == 6000
    assert trophic_does("verify", saved)[:2] == (
        0,
        f"{saved}: whole; Ecology after 6,000 samples, this version can go on from it\n",
    )


def test_harm_and_absence_are_one_line(trophic_does, tmp_path):
    path = tmp_path / "x.safetensors"
    trophic.save(path, ECOLOGY, ECOLOGY.init())
    for command in ("resume", "inspect", "verify"):
        assert trophic_does(command, tmp_path / "none")[::2] == (
            2,
            f"trophic: error: no checkpoint at {tmp_path / 'none'}; trophic.save(path, model, state) writes one\n",
        )
    code, _, err = trophic_does("resume", path)
    assert code == 2
    assert "was not written by trophic run" in err
    path.write_bytes(path.read_bytes()[:-1])
    for command in ("resume", "inspect", "verify"):
        code, out, err = trophic_does(command, path)
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert "is damaged or not a checkpoint" in err


def test_resume_needs_a_checkpoint_policy_and_begins_where_there_is_none(trophic_does, tmp_path):
    save_wav(tmp_path, two_tones(500))
    source = {"kind": "file", "path": "tones.wav"}
    code, _, err = trophic_does("resume", describe(tmp_path, source=source))
    assert code == 2
    assert "there is no [checkpoint] to go on from" in err
    path = describe(tmp_path, source=source, checkpoint={"path": "x.safetensors"})
    assert trophic_does("resume", path)[0] == 0
    assert load(tmp_path / "x.safetensors", ECOLOGY).clock.index == 500
    path.rename(tmp_path / "moved.toml")
    code, _, err = trophic_does("resume", tmp_path / "x.safetensors")
    assert code == 2
    assert "run.toml: no such file" in err


# ---- live -----------------------------------------------------------------------------------------------------


def heard(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Wait for a line on stderr."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(pattern, line):
            return found
    raise AssertionError(f"ended with {process.wait()} before {pattern!r}")


def test_raw_samples_on_standard_input(tmp_path):
    path = describe(
        tmp_path,
        source={"kind": "stdin", "format": "pcm", "dtype": "s16le", "sample_rate_hz": 1000},
        checkpoint={"path": "x.safetensors"},
    )
    samples = np.round(two_tones(3000) * 2**15).astype("<i2")
    process = spawn("run", path, stdin=subprocess.PIPE)
    process.stdin.buffer.write(samples.tobytes() + b"\0")
    _, err = process.communicate()
    assert process.returncode == 0, err
    expected = trophic.run(ECOLOGY, samples / 2**15, sample_rate_hz=1000)
    assert load(tmp_path / "x.safetensors", ECOLOGY).equals(expected.state)


@posix_only
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_saves_and_ends_a_live_run(tmp_path, number, code, figure):
    path = describe(
        tmp_path,
        source={"kind": "tcp", "port": 0, "format": "csv", "sample_rate_hz": 1000},
        checkpoint={"path": "x.safetensors"},
        sinks=[{"kind": "metrics", "port": 0}],
    )
    slowest_s, n_samples = 0.0, 0
    for _ in range(100 if SOAK else 1):
        with spawn("resume", path) as process:
            port = int(heard(process, r"listening on tcp 127.0.0.1:(\d+)")[1])
            url = heard(process, r"metrics at (http://\S+)")[1]
            with socket.create_connection(("127.0.0.1", port)) as sender:
                sender.sendall(b"1\n2\nnan\n4\n5\n")
                n_samples += 5
                while f"trophic_samples_total {n_samples}" not in scraped(url):
                    time.sleep(0.02)
                started = time.monotonic()
                process.send_signal(number)
                process.wait(timeout=30)
                slowest_s = max(slowest_s, time.monotonic() - started)
            err = process.stderr.read()
        assert process.returncode == code, err
        assert "Traceback" not in err
        state = load(tmp_path / "x.safetensors", ECOLOGY)
        assert (state.clock.index, int(state.clock.n_bad[0])) == (n_samples, n_samples // 5)
    if SOAK:
        figure(signal=signal.Signals(number).name, times=100, slowest_s=slowest_s)
        assert slowest_s < 2


def scraped(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


# ---- decompose - ----------------------------------------------------------------------------------------------


def piped(data: bytes, *options: object) -> tuple[int, str, str]:
    process = spawn("decompose", "-", *options, stdin=subprocess.PIPE)
    process.stdin.buffer.write(data)
    out, err = process.communicate()
    return process.returncode, out, err


def test_lines_piped_into_decompose(tmp_path):
    code, out, err = piped(save_csv(tmp_path, two_tones()).read_bytes(), "--json", "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["file"] == "standard input"
    assert [c["frequency_hz"] for c in found["channels"][0]["components"]] == pytest.approx(
        [f for f, _ in TONES], rel=1e-3
    )


def test_raw_samples_piped_into_decompose():
    samples = np.stack([two_tones(), -two_tones()], axis=1).astype("<f4")
    code, out, err = piped(samples.tobytes(), "--pcm", "f32le", "--channels", 2, "--sample-rate", 1000, "--json")
    assert (code, err) == (0, "")
    for channel in json.loads(out)["channels"]:
        assert [c["frequency_hz"] for c in channel["components"]] == pytest.approx([f for f, _ in TONES], rel=1e-3)


@pytest.mark.parametrize(
    ("data", "options", "sentence"),
    [
        (b"", [], "standard input: is empty (0 bytes)"),
        (b"a,b\n1,2\n", [], "standard input: "),
        (bytes(64), ["--pcm", "s16"], "standard input: --pcm must be one of u8, s16le"),
        (
            bytes(64),
            ["--pcm", "s16le"],
            "standard input: nothing tells when the samples were taken; give --sample-rate",
        ),
        (bytes(64), ["--pcm", "s16le", "--channels", "0"], "--channels must be in 1..64, got 0"),
    ],
)
def test_rubbish_piped_into_decompose(data, options, sentence):
    code, out, err = piped(data, *options)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1


def test_pcm_belongs_to_standard_input(trophic_does, tmp_path):
    code, _, err = trophic_does("decompose", save_wav(tmp_path, two_tones(400)), "--pcm", "s16le")
    assert code == 2
    assert "belongs to standard input" in err


def test_the_example_is_a_sound_description():
    config = read_config(Path(__file__).parents[2] / "examples" / "mains.toml")
    assert (config.model.f_max_hz, config.source["queue_policy"], len(config.sinks)) == (65, "drop_oldest", 2)


def test_every_alarm_is_a_line(tmp_path: Path) -> None:
    x = np.sin(0.2 * np.arange(3000))
    x[[1500, 2600]] = 5.0, -7.0
    np.savetxt(tmp_path / "x.csv", x, header="x", comments="")
    (tmp_path / "run.toml").write_text(
        """model = {kind = "Novelty", capacity = 64}
source = {kind = "file", path = "x.csv", sample_rate_hz = 10.0}
sinks = [{kind = "jsonl", path = "alarms.jsonl", fields = ["time_s", "score"], when = "alarm"}]
run = {chunk_samples = 700}
"""
    )
    assert main(["run", str(tmp_path / "run.toml")]) == 0
    lines = [json.loads(line) for line in (tmp_path / "alarms.jsonl").read_text().splitlines()]
    times = [line["time_s"] for line in lines]
    assert 150.0 in times
    assert 260.0 in times
    assert all(line["score"][0] > 0.99 for line in lines)


def test_a_sink_of_what_the_report_lacks_names_what_it_has(trophic_does, tmp_path):
    save_wav(tmp_path, two_tones(400))
    for sink, sentence in (
        ({"kind": "table", "path": "t.csv", "fields": ["score"]}, "EcologyInfo has no array 'score'; it has time_s, "),
        ({"kind": "table", "path": "t.csv", "fields": ["n_bad"]}, "EcologyInfo has no array 'n_bad'"),
        ({"kind": "jsonl", "path": "x", "fields": ["score"]}, "EcologyInfo has no field 'score'; it has time_s, "),
        ({"kind": "jsonl", "path": "x", "when": "alarm"}, "when = 'alarm' is no field of booleans"),
    ):
        path = describe(tmp_path, source={"kind": "file", "path": "tones.wav"}, sinks=[sink])
        code, _, err = trophic_does("run", path)
        assert code == 2
        assert sentence in err
        assert err.count("\n") == 1
