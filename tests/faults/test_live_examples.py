"""Every description in docs/live.md is run, against a server on loopback."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import trophic
from trophic.runtime.config import RunConfig, read_config
from trophic.runtime.live import open_live

from .learners import first, signal_of, wait_for
from .servers import Broker, Brokers, PretendedCard, broker_folder, websocket_server

PAGE = Path(__file__).parents[2] / "docs" / "live.md"
BLOCKS = re.findall(r"^```toml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
N = 300
X = signal_of(N)


def learned(folder: Path, text: str, send: Callable[[RunConfig, list[str]], object] | None = None) -> trophic.State:
    """The State after N samples of a description."""
    (folder / "run.toml").write_text(text)
    config, notes = read_config(folder / "run.toml"), []
    source = open_live(config.source, 1, note=notes.append)
    if send is not None:
        threading.Thread(target=send, args=(config, notes), daemon=True).start()
    result = trophic.run(config.model, first(source, N))
    source.close()
    return result.state


def expected(text: str, folder: Path, **time: object) -> trophic.State:
    (folder / "run.toml").write_text(text)
    return trophic.run(read_config(folder / "run.toml").model, X, **(time or {"sample_rate_hz": 1000})).state


def block(kind: str, key: str = "") -> str:
    (text,) = (text for text in BLOCKS if f'kind = "{kind}"' in text and key in text)
    return text


def test_each_is_tested_here() -> None:
    assert len(BLOCKS) == 5


def test_websocket_client(tmp_path: Path) -> None:
    text = block("websocket", "url =")
    with websocket_server(lambda connection: connection.send(json.dumps([[x] for x in X]))) as port:
        state = learned(tmp_path, text.replace("8765", str(port)))
    assert state.equals(expected(text, tmp_path))


def test_websocket_server(tmp_path: Path) -> None:
    client = pytest.importorskip("websockets.sync.client", reason="needs websockets")
    text = block("websocket", "port =")

    def send(config: RunConfig, notes: list[str]) -> None:
        with client.connect("ws://" + notes[0].split()[-1], proxy=None) as connection:
            connection.send(X.astype("<f4").tobytes())

    state = learned(tmp_path, text.replace("8765", "0"), send)
    model = read_config(tmp_path / "run.toml").model
    assert state.equals(trophic.run(model, X.astype("<f4").astype(float), sample_rate_hz=1000).state)


def test_mqtt(tmp_path: Path) -> None:
    text, stamps = block("mqtt"), np.arange(N) / 1000
    with Broker(broker_folder(tmp_path), "allow_anonymous true", "max_inflight_messages 0") as broker:
        rows = [json.dumps({"t": t, "x": x}).encode() for t, x in zip(stamps.tolist(), X.tolist())]

        def send(config: RunConfig, notes: list[str]) -> None:
            wait_for(lambda: notes)
            broker.publish(rows, topic="plant/mains")

        state = learned(tmp_path, text.replace("1883", str(broker.port)), send)
    assert state.equals(expected(text, tmp_path, times_s=stamps))


def test_kafka(tmp_path: Path) -> None:
    text, kafka = block("kafka"), Brokers()
    kafka.publish([json.dumps(x).encode() for x in X])
    text = text.replace("127.0.0.1:9092", kafka.address).replace('"mains"', f'"{kafka.topic}"')
    assert learned(tmp_path, text).equals(expected(text, tmp_path))


def test_microphone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sounddevice", reason="needs sounddevice and PortAudio", exc_type=(ImportError, OSError))
    card = PretendedCard(np.tile(X, 10).astype(np.float32)[:, None], overflow_at=-1)
    monkeypatch.setattr("trophic.runtime.microphone._portaudio", lambda: card)
    text = block("microphone")
    state = learned(tmp_path, text)
    model = read_config(tmp_path / "run.toml").model
    assert state.equals(trophic.run(model, X.astype(np.float32), sample_rate_hz=48000).state)
