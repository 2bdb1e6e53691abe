"""MQTT and Kafka: real brokers on loopback, restarted, hostile senders, and learners stopped in the middle."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import trophic
from trophic.runtime.autosave import Autosave
from trophic.runtime.checkpoint import load, read_manifest
from trophic.runtime.config import read_config
from trophic.runtime.live import open_live
from trophic.runtime.readers.common import SourceError

from .learners import (
    ECOLOGY,
    HOSTILE,
    HUGE,
    NAN,
    Taken,
    described,
    encoded,
    ended,
    first,
    free_port,
    learner,
    opened,
    signal_of,
    stopped_over_and_over,
    wait_for,
)
from .servers import Broker, Brokers, Wire, broker_folder

# ---- MQTT, with Mosquitto -------------------------------------------------------------------------------------


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(broker_folder(tmp_path)) as running:
        yield running


def mqtt(broker: Broker, more: str = "sample_rate_hz = 1000", qos: int = 1) -> str:
    session = '\nclient_id = "learner"' if qos else ""
    return f'kind = "mqtt"\ntopic = "mains"\nport = {broker.port}\nqos = {qos}{session}\n{more}'


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
@pytest.mark.parametrize("qos", [0, 1])
def test_mqtt_messages_come_in_order_over_restarts_of_the_broker(tmp_path: Path, qos: int, protocol: str) -> None:
    broker, notes = Broker(broker_folder(tmp_path)), []
    source = opened(tmp_path, mqtt(broker, f'sample_rate_hz = 1000\nprotocol = "{protocol}"', qos), notes)
    with Taken(source) as taken:
        wait_for(lambda: notes)  # the broker is not there yet
        connected = source.counters["trophic_connected"][1]
        for turn in range(3):
            with broker:
                wait_for(connected)
                broker.publish(encoded(range(100 * turn, 100 * turn + 100)))
                taken.until(100 * turn + 100)
                time.sleep(0.3)  # an acknowledgement that the broker does not get is a message sent again
        assert taken.values == list(range(300))
    assert "Connection refused; connecting again in 0.1 s" in notes[0]


def test_mqtt_takes_no_message_twice_and_none_that_was_retained(tmp_path: Path, broker: Broker) -> None:
    broker.publish([b"-1"], retain=True)
    source = opened(tmp_path, mqtt(broker, "sample_rate_hz = 1000\nqueue_samples = 1"))
    chunks = iter(source)
    threading.Timer(0.5, broker.publish, [encoded(range(50))]).start()
    seen = [next(chunks)]
    for turn in range(2):  # what waits unacknowledged here is sent again after each restart of the broker
        broker.__exit__()
        time.sleep(0.3)
        broker.__enter__()
        broker.publish(encoded(range(50 + 10 * turn, 60 + 10 * turn)))
    while sum(map(len, seen)) < 70:
        seen.append(next(chunks))
    source.close()
    # Mosquitto 2.0 gives back in another order what it had to restore from its disk.
    assert sorted(x for chunk in seen for x in chunk.values[:, 0]) == list(range(70))


def test_mqtt_over_a_wire_that_is_cut_loses_nothing_and_takes_nothing_twice(tmp_path: Path) -> None:
    running = Broker(broker_folder(tmp_path), "allow_anonymous true", "max_queued_messages 0")  # 1000 by default
    with running as broker, closing(Wire(broker.port)) as wire:
        source = opened(tmp_path, mqtt(broker).replace(str(broker.port), str(wire.port)))
        with Taken(source) as taken:
            wait_for(source.counters["trophic_connected"][1])
            sender = threading.Thread(target=broker.publish, args=(encoded(range(3000)),))
            sender.start()
            for n in (200, 700, 1500):
                taken.until(n)
                wire.cut()
            values = taken.until(3000)
            sender.join()
    assert source.counters["trophic_connections_total"][1]() >= 2
    # Mosquitto 2.0 lets what is published while it gives back what it kept come between.
    assert sorted(values) == list(range(3000))


def test_mqtt_drops_are_counted_and_do_not_stall_the_broker(tmp_path: Path, broker: Broker) -> None:
    more = 'sample_rate_hz = 1000\nqueue_samples = 10\nqueue_policy = "drop_oldest"'
    source = opened(tmp_path, mqtt(broker, more))
    chunks, n = iter(source), 500  # far more than may wait unacknowledged at the broker
    threading.Timer(0.5, broker.publish, [encoded(range(n))]).start()
    good: list[float] = []
    while not good or good[-1] < n - 1:
        chunk = next(chunks)
        good += chunk.values[np.isfinite(chunk.values)].tolist()
        time.sleep(0.02)
    source.close()
    assert good == sorted(set(good))
    assert len(good) + source.counters["trophic_queue_dropped_samples_total"][1]() == n


def test_hostile_mqtt_messages_are_counted(tmp_path: Path, broker: Broker) -> None:
    source = opened(tmp_path, mqtt(broker, 'sample_rate_hz = 1000\nprotocol = "3.1.1"'))
    with Taken(source) as taken:
        wait_for(source.counters["trophic_connected"][1])
        broker.publish([b"1", *HOSTILE, HUGE, b"2"])
        values = taken.until(len(HOSTILE) + 3)
    np.testing.assert_equal(values, [1, *[NAN] * (len(HOSTILE) + 1), 2])
    assert source.counters["trophic_malformed_rows_total"][1]() == len(HOSTILE) + 1


def test_late_and_double_stamps_are_dropped_and_counted(tmp_path: Path, broker: Broker) -> None:
    rows = [[0.001 * i, float(np.cos(i))] for i in range(200)]
    sent = [*rows[:50], rows[40], rows[49], *rows[50:], rows[10]]
    source = opened(tmp_path, mqtt(broker, ""))
    threading.Timer(0.5, broker.publish, [encoded(sent)]).start()
    result = trophic.run(ECOLOGY, first(source, len(sent)), chunk_size=7)
    source.close()
    clean = trophic.run(ECOLOGY, np.array(rows)[:, 1], times_s=np.array(rows)[:, 0])
    assert result.state.clock.n_late.tolist() == [3]
    assert result.state.hot.tobytes() == clean.state.hot.tobytes()
    assert result.state.branches.tobytes() == clean.state.branches.tobytes()


def test_a_broker_that_refuses_ends_the_run_in_one_line(tmp_path: Path) -> None:
    broker = Broker(broker_folder(tmp_path), "allow_anonymous false")
    with broker, learner("run", described(tmp_path, mqtt(broker))) as process:
        code, err = ended(process)
    assert (code, err.count("\n")) == (2, 1)
    assert "the broker refuses the connection (Not authorized); check user, password and client_id" in err


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize(
    ("number", "acknowledge"), [(signal.SIGTERM, "consumed"), (signal.SIGKILL, "saved")], ids=["SIGTERM", "SIGKILL"]
)
def test_mqtt_goes_on_where_a_learner_was_stopped(
    tmp_path: Path, number: signal.Signals, acknowledge: str, figure: Callable[..., None]
) -> None:
    """Bit for bit, where the learner could say goodbye; a kill loses nothing either.

    A kill between a save and the broker's hearing of its acknowledgement lets what was saved come again.
    """
    x = signal_of(1000)
    options = ["allow_anonymous true", "max_inflight_messages 0", "max_queued_messages 0"]
    with Broker(broker_folder(tmp_path), *options) as broker:
        more = f'sample_rate_hz = 1000\nacknowledge = "{acknowledge}"'
        path = described(tmp_path, mqtt(broker, more))
        n_stops = stopped_over_and_over(path, broker.publish, encoded(x.tolist()), number, n_samples=1000)
    state = load(tmp_path / "x.safetensors", ECOLOGY)
    repeated = state.clock.index - len(x)
    assert 0 <= repeated <= (0 if number is signal.SIGTERM else len(x) * n_stops // (n_stops + 1))
    assert repeated or state.equals(trophic.run(ECOLOGY, x, sample_rate_hz=1000).state)
    figure(source="mqtt", signal=number.name, stops=n_stops, messages=len(x), repeated=repeated)


# ---- Kafka, with the brokers that librdkafka has for tests (its wire protocol, on loopback) ------------------


@pytest.fixture
def kafka() -> Brokers:
    return Brokers()


def test_kafka_begins_where_told_and_counts_hostile_messages(tmp_path: Path, kafka: Brokers) -> None:
    kafka.publish([b"1", *HOSTILE, b"2"])
    source = opened(tmp_path, kafka.described())
    with Taken(source) as taken:
        np.testing.assert_equal(taken.until(len(HOSTILE) + 2), [1, *[NAN] * len(HOSTILE), 2])
    assert source.counters["trophic_malformed_rows_total"][1]() == len(HOSTILE)
    late = opened(tmp_path, kafka.described("sample_rate_hz = 1000"))
    with Taken(late) as taken:
        wait_for(lambda: late.position(0))
        kafka.publish([b"3"])
        assert taken.until(1) == [3]


def test_a_kafka_topic_that_is_not_there_is_an_error(tmp_path: Path, kafka: Brokers) -> None:
    kafka.publish([b"1"])
    source = opened(tmp_path, kafka.described("sample_rate_hz = 1000\npartition = 99"))
    with Taken(source) as taken, pytest.raises(SourceError, match="partition 99: there is none; create it, or correct"):
        taken.until(1)


def test_kafka_brokers_that_are_away_are_waited_for(tmp_path: Path) -> None:
    pytest.importorskip("confluent_kafka", reason="needs confluent-kafka")
    notes: list[str] = []
    source = opened(tmp_path, f'kind = "kafka"\nbrokers = "127.0.0.1:{free_port()}"\ntopic = "a"', notes)
    with Taken(source):
        wait_for(lambda: notes)
    assert "trying again in 0.1 s" in notes[0]


@pytest.mark.parametrize(
    ("position", "sentence"),
    [
        ({"offset": 7, "rows": 0}, "message 7 is not there (kept are 0 to 2)"),
        ({"offset": 1, "rows": 0, "topic": "x"}, "the checkpoint is of a run that read"),
        ({"offset": "1", "rows": 0}, "the checkpoint is of a run that read"),
        ("rubbish", "the checkpoint is of a run that read 'rubbish', this one reads topic"),
    ],
)
def test_a_kafka_offset_that_cannot_be_gone_on_from_is_an_error(
    tmp_path: Path, kafka: Brokers, position: Any, sentence: str
) -> None:
    kafka.publish([b"1", b"2"])
    given = read_config(described(tmp_path, kafka.described())).source
    if isinstance(position, dict):
        position = {"topic": kafka.topic, "partition": 0} | position
    with pytest.raises(SourceError, match=re.escape(sentence)):
        list(open_live(given, 1, position=position))


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
def test_kafka_goes_on_where_a_learner_was_stopped(
    tmp_path: Path, kafka: Brokers, number: signal.Signals, figure: Callable[..., None]
) -> None:
    """Bit for bit, and messages of several rows too: the offset is in the checkpoint."""
    x = signal_of(3000)
    path = described(tmp_path, kafka.described('start = "earliest"'))
    rows = [[0.001 * i, value] for i, value in enumerate(x.tolist())]
    payloads = encoded([rows[i : i + 3] for i in range(0, len(rows), 3)])
    n_stops = stopped_over_and_over(path, kafka.publish, payloads, number, n_samples=3000)
    expected = trophic.run(ECOLOGY, x, times_s=np.array(rows)[:, 0])
    assert load(tmp_path / "x.safetensors", ECOLOGY).equals(expected.state)
    figure(source="kafka", signal=number.name, stops=n_stops, messages=len(payloads), lost=0, repeated=0)


def test_a_kafka_message_half_learned_is_gone_on_with(tmp_path: Path, kafka: Brokers) -> None:
    """Chunks of a run end within messages: the checkpoint says how many rows of the next one were learned."""
    x = signal_of(1000)
    kafka.publish(encoded([part.tolist() for part in x.reshape(10, 100, 1)]))
    given = read_config(described(tmp_path, kafka.described())).source
    path, state, position = tmp_path / "y.safetensors", None, None
    for stop in (30, 170, 400, 1000):
        index = 0 if state is None else state.clock.index
        autosave = Autosave(path, every_samples=10)
        source = open_live(given, 1, index, position)
        autosave.source = source
        rows = first(source, stop - index)
        state = trophic.run(ECOLOGY, rows, state, chunk_size=7, checkpoint=autosave).state
        source.close()
        position = read_manifest(path)["position"]
        assert (position["offset"], position["rows"]) == divmod(stop, 100)
    assert load(path, ECOLOGY).equals(trophic.run(ECOLOGY, x, sample_rate_hz=1000).state)
