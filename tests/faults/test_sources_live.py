"""Messages, WebSocket and sound card: real servers on loopback, hostile senders, connections lost and made again."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trophic
from trophic.runtime.config import read_config
from trophic.runtime.messages import JsonRows, Ledger, MessageStream
from trophic.runtime.readers.common import SourceError
from trophic.runtime.schema import ConfigError
from trophic.runtime.streams import CsvLines

from .learners import (
    ECOLOGY,
    HOSTILE,
    HUGE,
    NAN,
    Taken,
    described,
    free_port,
    opened,
    wait_for,
)
from .servers import PretendedCard, websocket_server

# ---- messages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timed", "n_channels", "payload", "rows"),
    [
        (False, 1, b"3.5", [[3.5]]),
        (False, 1, b'{"x": 2}', [[2]]),
        (False, 2, b"[1, null]", [[1, NAN]]),
        (False, 2, b'[{"x": [1, 2]}, {"x": [3, "4"]}, [5, 6]]', [[1, 2], [NAN, NAN], [5, 6]]),
        (False, 1, b"[]", []),
        (False, 1, b"NaN", [[NAN]]),
        (True, 1, b'{"t": 10, "x": 1}', [[10, 1]]),
        (True, 2, b"[[0.5, 1, 2], [1.0, 3]]", [[0.5, 1, 2], [NAN, NAN, NAN]]),
        (True, 1, b'{"x": 1}', [[NAN, 1]]),
        (True, 1, b"[true, 1]", [[NAN, NAN]]),
    ],
)
def test_json_rows(timed: bool, n_channels: int, payload: bytes, rows: list) -> None:
    decoder = JsonRows(n_channels, timed)
    np.testing.assert_equal(decoder.feed(payload), np.array(rows, float).reshape(-1, n_channels + timed))


@pytest.mark.parametrize("payload", [*HOSTILE, None, HUGE], ids=lambda p: "refused" if p is None else p[:12])
def test_a_hostile_message_is_one_missing_sample_and_counted(payload: bytes | None) -> None:
    decoder = JsonRows(1)
    state = ECOLOGY.init()
    stream = MessageStream([[(b"1", 0), (payload, 1), (b"2", 2)]], decoder, 1, sample_rate_hz=1000.0)
    result = trophic.run(ECOLOGY, stream, state)
    clean = trophic.run(ECOLOGY, np.array([1, NAN, 2]), sample_rate_hz=1000)
    assert decoder.n_malformed == 1
    assert result.state.equals(clean.state)


def test_csv_messages_have_no_headers() -> None:
    decoder = CsvLines(1, header=False)
    batch = [(b"1\n2", 0), (b"hello", 1), (b"", 2), (b"3", 3)]
    (chunk,) = MessageStream([batch], decoder, 1, sample_rate_hz=1.0)
    np.testing.assert_equal(chunk.values[:, 0], [1, 2, NAN, 3])
    assert chunk.messages == ((0, 2), (1, 1), (2, 0), (3, 1))


def test_a_ledger_settles_whole_messages() -> None:
    batches = [[(b"[[1], [2], [3]]", 10)], [(b"[]", 11)], [(b"4", 12), (b"[[5], [6]]", 13)]]
    ledger = Ledger(MessageStream(batches, JsonRows(1), 1, 1.0, first_sample=7, skip_rows=1), 7, skip_rows=1)
    assert [x for chunk in ledger for x in chunk.values[:, 0]] == [2, 3, 4, 5, 6]
    settled = [ledger.settle(index) for index in range(7, 13)]
    assert settled == [(None, 1), (None, 2), (11, 0), (12, 0), (12, 1), (13, 0)]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ('kind = "websocket"\nsample_rate_hz = 1', "needs either the key url, of a server to read, or port"),
        ('kind = "websocket"\nurl = "http://x"', "url must be an address that begins with ws:// or wss://"),
        ('kind = "websocket"\nport = 1\nhost = "0.0.0.0"', "host must be a loopback address"),
        ('kind = "mqtt"\ntopic = "a"\nqos = 1', "needs the key client_id with qos = 1"),
        ('kind = "mqtt"\ntopic = "a"\nqos = 2', "qos must be 0 or 1, got 2"),
        ('kind = "mqtt"\ntopic = ""', "topic must be a name in quotes, got ''"),
        ('kind = "mqtt"\ntopic = "a"\nacknowledge = "saved"', "acknowledge = 'saved' needs qos = 1 and a section"),
        ('kind = "kafka"\ntopic = "a"', "needs the key brokers"),
        ('kind = "kafka"\nbrokers = "x"\ntopic = "a"\nsettings = ["x"]', 'settings must be a list of "name=value"'),
        ('kind = "kafka"\nbrokers = "x"\ntopic = "a"\nqueue_policy = "fail"', "has no key 'queue_policy'"),
        ('kind = "microphone"', "needs the key sample_rate_hz"),
    ],
)
def test_a_wrong_description_names_the_key(tmp_path: Path, source: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(sentence)):
        read_config(described(tmp_path, source))


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trophic.runtime.live.find_spec", lambda name: None)
    with pytest.raises(SourceError, match=re.escape("needs paho-mqtt; install it with: pip install 'trophic[mqtt]'")):
        opened(tmp_path, 'kind = "mqtt"\ntopic = "a"')


def test_a_missing_password_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no environment variable 'TROPHIC_NO_SUCH'"):
        opened(tmp_path, 'kind = "mqtt"\ntopic = "a"\npassword_env = "TROPHIC_NO_SUCH"')


# ---- WebSocket ------------------------------------------------------------------------------------------------


def websocket(port: int, more: str = "sample_rate_hz = 100") -> str:
    return f'kind = "websocket"\nurl = "ws://127.0.0.1:{port}"\n{more}'


def test_a_websocket_is_connected_to_again_and_again(tmp_path: Path) -> None:
    numbers, notes = itertools.count(1), []

    def three(connection: Any) -> None:
        for _ in range(2):
            connection.send(str(next(numbers)))
        connection.send(f'{{"x": {next(numbers)}}}'.encode())

    with websocket_server(three) as port:
        source = opened(tmp_path, websocket(port), notes)
        with Taken(source) as taken:
            assert taken.until(9)[:9] == list(range(1, 10))
    assert source.counters["trophic_connections_total"][1]() >= 3
    assert "the connection ended; connecting again in 0.1 s" in notes[1]


def test_a_websocket_server_that_is_away_is_waited_for(tmp_path: Path) -> None:
    port, notes = free_port(), []
    with Taken(opened(tmp_path, websocket(port, 'format = "csv"'), notes)) as taken:
        wait_for(lambda: len(notes) >= 2)
        with websocket_server(lambda connection: connection.send("0.5,7\n0.6,8"), port):
            assert taken.until(2)[:2] == [7, 8]
    assert "refused; connecting again in 0.2 s" in notes[1]


def test_a_websocket_message_too_big_costs_a_connection_and_a_sample(tmp_path: Path) -> None:
    turns = iter([HUGE, b"[1]"])
    with websocket_server(lambda connection: connection.send(next(turns, b"2"))) as port:
        source = opened(tmp_path, websocket(port))
        with Taken(source) as taken:
            np.testing.assert_equal(taken.until(3)[:3], [NAN, 1, 2])
        assert source.counters["trophic_malformed_rows_total"][1]() == 1


def test_a_websocket_that_refuses_ends_the_run_and_one_that_is_busy_does_not(tmp_path: Path) -> None:
    statuses, notes = iter([503, 404]), []

    def refuse(connection: Any, request: Any) -> Any:
        return connection.respond(next(statuses), "not now")

    with (
        websocket_server(lambda connection: None, process_request=refuse) as port,
        Taken(opened(tmp_path, websocket(port), notes)) as taken,
        pytest.raises(SourceError, match=r"HTTP 404; check the address"),
    ):
        taken.until(1)
    assert "HTTP 503; connecting again in 0.1 s" in notes[0]


def test_a_websocket_listener_takes_programs_and_refuses_pages(tmp_path: Path) -> None:
    client = pytest.importorskip("websockets.sync.client", reason="needs websockets")
    notes: list[str] = []
    pcm = 'kind = "websocket"\nport = 0\nformat = "pcm"\ndtype = "s16le"\nsample_rate_hz = 9'
    source = opened(tmp_path, pcm, notes)
    url = "ws://127.0.0.1:" + notes[0].rpartition(":")[2]
    with Taken(source) as taken:
        for payload in (b"\0\x40\0\xc0", b"\0"):  # the second is half a sample
            with client.connect(url, proxy=None) as sender:
                sender.send(payload)
        assert taken.until(2) == [0.5, -0.5]
        with client.connect(url, proxy=None) as sender:
            sender.send(HUGE * 2)
        np.testing.assert_equal(taken.until(3)[2:], [NAN])
        assert source.counters["trophic_malformed_rows_total"][1]() == 2
        with pytest.raises(Exception, match="403"):
            client.connect(url, origin="https://example.org", proxy=None)


# ---- sound card -----------------------------------------------------------------------------------------------

MICROPHONE = 'kind = "microphone"\nsample_rate_hz = 48000'


def test_a_microphone_is_read_block_by_block_until_it_is_unplugged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sounddevice", reason="needs sounddevice and PortAudio", exc_type=(ImportError, OSError))
    samples = np.linspace(-1, 1, 7200, dtype=np.float32)[:, None]
    card = PretendedCard(samples, overflow_at=3000)
    monkeypatch.setattr("trophic.runtime.microphone._portaudio", lambda: card)
    source = opened(tmp_path, f'{MICROPHONE}\ndevice = "usb"')
    with Taken(source) as taken:
        with pytest.raises(SourceError, match="Device unavailable; is it still plugged in"):
            taken.until(7201)
        assert taken.values == samples[:, 0].tolist()
    assert card.options == {"samplerate": 48000, "channels": 1, "device": "usb", "dtype": "float32"}
    assert source.counters["trophic_overflows_total"][1]() == 1


def test_a_real_microphone(tmp_path: Path) -> None:
    sounddevice = pytest.importorskip(
        "sounddevice", reason="needs sounddevice and PortAudio", exc_type=(ImportError, OSError)
    )
    try:
        rate_hz = sounddevice.query_devices(kind="input")["default_samplerate"]
    except sounddevice.PortAudioError:
        pytest.skip("needs a sound card (or jackd -d dummy)")
    source = opened(tmp_path, f'kind = "microphone"\nsample_rate_hz = {rate_hz}')
    with Taken(source) as taken:
        assert np.isfinite(taken.until(int(rate_hz / 5))).all()


def test_no_microphone_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("sounddevice", reason="needs sounddevice and PortAudio", exc_type=(ImportError, OSError))
    with pytest.raises(SourceError, match=r"microphone no such card: 1 channels at 48000 Hz cannot be recorded \("):
        opened(tmp_path, f'{MICROPHONE}\ndevice = "no such card"')
