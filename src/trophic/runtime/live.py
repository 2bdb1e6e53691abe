"""The source that the description of a run names: its samples, its counters, and where to go on after a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from typing import Any

from trophic.runtime.contract import Chunk
from trophic.runtime.kafka import KafkaMessages, KafkaPartition
from trophic.runtime.messages import JsonRows, Ledger, MessageStream
from trophic.runtime.microphone import Microphone
from trophic.runtime.mqtt import MqttMessages, MqttTopic
from trophic.runtime.queues import Queue
from trophic.runtime.readers.common import SourceError
from trophic.runtime.sockets import TcpListener, UdpListener
from trophic.runtime.streams import CsvLines, Decoder, LiveStream, Pcm, standard_input
from trophic.runtime.websocket import WebSocketClient, WebSocketServer

_NEEDED = {
    "websocket": ("websockets", "websockets"),
    "mqtt": ("paho.mqtt", "paho-mqtt"),
    "kafka": ("confluent_kafka", "confluent-kafka"),
    "microphone": ("sounddevice", "sounddevice"),
}

Counters = dict[str, tuple[str, Callable[[], float]]]


class RunSource:
    """The chunks of a run's source, and what there is to count about it.

    Parameters
    ----------
    chunks : iterable of Chunk
        May block.
    counters : dict
        Name of a metric to its meaning and a function that gives its value.
    channel_names : tuple of str
        Names of the signals.
    stop : callable
        The source is to end soon and release what it holds; called from any thread.
    """

    def __init__(
        self,
        chunks: Iterable[Chunk],
        counters: Counters,
        channel_names: tuple[str, ...] = (),
        stop: Callable[[], object] = lambda: None,
    ) -> None:
        self._chunks, self.counters, self.channel_names, self.stop = chunks, counters, channel_names, stop
        self._iterator: Iterator[Chunk] | None = None

    def __iter__(self) -> Iterator[Chunk]:
        self._iterator = iter(self._chunks)
        return self._iterator

    def close(self) -> None:
        """Let the source go."""
        self.stop()
        if self._iterator is not None and hasattr(self._iterator, "close"):
            self._iterator.close()  # type: ignore[attr-defined]

    def position(self, index: int) -> dict[str, Any] | None:
        """What the checkpoint of a State of ``index`` samples must say for the source to go on there; JSON."""
        return None

    def saved(self, index: int) -> None:
        """Such a checkpoint was written."""


class KafkaSource(RunSource):
    """A partition whose offset is kept in the checkpoint."""

    def __init__(self, messages: KafkaMessages, ledger: Ledger, counters: Counters, names: tuple[str, ...]) -> None:
        super().__init__(ledger, counters, names, messages.stop)
        self._messages, self._ledger = messages, ledger

    def position(self, index: int) -> dict[str, Any] | None:
        mark, rows = self._ledger.settle(index)
        offset = self._messages.offset if mark is None else mark + 1
        place = self._messages.place
        if offset is None:  # not yet known where a new learner begins
            return None
        return {"topic": place.topic, "partition": place.partition, "offset": offset, "rows": rows}


class MqttSource(RunSource):
    """A topic whose messages are acknowledged when they were consumed, or not before they were saved."""

    def __init__(
        self, messages: MqttMessages, ledger: Ledger, at_once: bool, counters: Counters, names: tuple[str, ...]
    ) -> None:
        super().__init__(self._acknowledged(ledger, at_once), counters, names, messages.stop)
        self._messages, self._ledger = messages, ledger

    def saved(self, index: int) -> None:
        mark, _ = self._ledger.settle(index)
        if mark is not None:
            self._messages.settle(mark)

    def _acknowledged(self, ledger: Ledger, at_once: bool) -> Iterator[Chunk]:
        for chunk in ledger:
            yield chunk
            if at_once:
                self.saved(chunk.first_sample + len(chunk))


def open_live(
    given: dict[str, Any],
    n_channels: int,
    first_sample: int = 0,
    position: Any = None,
    note: Callable[[str], object] = lambda sentence: None,
) -> RunSource:
    """The live source that a checked section ``[source]`` describes.

    Parameters
    ----------
    given : dict
        Settings of a kind other than "file"; every key is there.
    n_channels : int
        Signals of the model.
    first_sample : int
        Where the State stands.
    position : dict or None
        Of the source, in the checkpoint that the State is from.
    note : callable
        Gets sentences for the user: where it listens, that a connection is lost.

    Raises
    ------
    SourceError
        If a package or a device is missing, or ``position`` is of another source.
    OSError
        If a port is taken.
    """
    kind, rate_hz = given["kind"], given["sample_rate_hz"]
    _check_installed(kind)
    names = tuple(str(channel) for channel in range(n_channels))
    if kind == "microphone":
        microphone = Microphone(rate_hz, n_channels, given["device"], first_sample)
        queue = _queue(microphone, given)
        lost = ("Times the sound card lost samples.", lambda: microphone.n_overflows)
        return RunSource(queue, _queue_counters(queue) | {"trophic_overflows_total": lost}, names, microphone.stop)
    width = n_channels + (rate_hz is None)
    decoder = _decoder(given, n_channels, width)
    counters: Counters = {
        "trophic_malformed_rows_total": ("Lines, frames or messages that were no row.", lambda: decoder.n_malformed)
    }
    if kind in ("stdin", "tcp", "udp"):
        queue = _queue(LiveStream(_pieces(kind, given, note), decoder, rate_hz, first_sample), given)
        return RunSource(queue, counters | _queue_counters(queue), names)
    if kind == "kafka":
        offset, rows = _kafka_position(given, position)
        partition = KafkaMessages(_partition(given), offset, note)
        stream = MessageStream(partition, decoder, width, rate_hz, first_sample, skip_rows=rows)
        return KafkaSource(partition, Ledger(stream, first_sample, rows), counters, names)
    messages = _websocket(given, note) if kind == "websocket" else MqttMessages(_topic(given), note)
    queue = _queue(MessageStream(messages, decoder, width, rate_hz, first_sample), given)
    counters |= _queue_counters(queue) | {
        "trophic_connected": ("1 while messages can come.", lambda: float(messages.connected)),
        "trophic_connections_total": ("Times a connection was made.", lambda: messages.n_connections),
    }
    if isinstance(messages, MqttMessages):
        return MqttSource(messages, Ledger(queue, first_sample), given["acknowledge"] == "consumed", counters, names)
    return RunSource(queue, counters, names, messages.stop)


def _check_installed(kind: str) -> None:
    module, package = _NEEDED.get(kind, ("", ""))
    try:
        found = not module or find_spec(module) is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        raise SourceError(f"kind = {kind!r} needs {package}; install it with: pip install 'trophic[{kind}]'")


def _decoder(given: dict[str, Any], n_channels: int, width: int) -> Decoder:
    if given["format"] == "pcm":
        return Pcm(given["dtype"], n_channels)
    if given["format"] == "json":
        return JsonRows(n_channels, timed=given["sample_rate_hz"] is None)
    return CsvLines(width, header=given["kind"] in ("stdin", "tcp", "udp"))


def _queue(chunks: Iterable[Chunk], given: dict[str, Any]) -> Queue:
    return Queue(chunks, given["queue_samples"], given["queue_policy"])


def _queue_counters(queue: Queue) -> Counters:
    return {
        "trophic_queue_dropped_samples_total": ("Samples the queue had no room for.", lambda: queue.n_dropped),
        "trophic_queue_waiting_samples": ("Samples in the queue.", lambda: queue.n_waiting),
    }


def _pieces(kind: str, given: dict[str, Any], note: Callable[[str], object]) -> Iterable[bytes]:
    if kind == "stdin":
        return standard_input()
    listener = (TcpListener if kind == "tcp" else UdpListener)(given["port"], given["host"], given["allow_remote"])
    note(f"listening on {kind} {given['host']}:{listener.port}")
    return listener


def _websocket(given: dict[str, Any], note: Callable[[str], object]) -> WebSocketClient | WebSocketServer:
    if given["url"] is not None:
        return WebSocketClient(given["url"], note)
    server = WebSocketServer(given["port"], given["host"], given["allow_remote"])
    note(f"listening on websocket {given['host']}:{server.port}")
    return server


def _topic(given: dict[str, Any]) -> MqttTopic:
    names = ("topic", "host", "port", "qos", "client_id", "protocol", "username", "tls")
    return MqttTopic(**{name: given[name] for name in names}, password=_secret(given["password_env"]))


def _partition(given: dict[str, Any]) -> KafkaPartition:
    pairs = (setting.partition("=")[::2] for setting in given["settings"] or ())
    settings = tuple((name, _secret(value[1:]) or "" if value.startswith("$") else value) for name, value in pairs)
    return KafkaPartition(given["brokers"], given["topic"], given["partition"], given["start"], settings)


def _secret(variable: str | None) -> str | None:
    if variable is None:
        return None
    if variable not in os.environ:
        raise SourceError(f"there is no environment variable {variable!r}; set it to the password")
    return os.environ[variable]


def _kafka_position(given: dict[str, Any], position: Any) -> tuple[int | None, int]:
    """The offset to go on from, and the rows of that message that were learned."""
    if position is None:
        return None, 0
    names, place = ("topic", "partition"), position if isinstance(position, dict) else {}
    numbers = [place.get(name) for name in ("offset", "rows")]
    sound = all(isinstance(number, int) and 0 <= number < 1 << 63 for number in numbers)
    if not sound or any(place.get(name) != given[name] for name in names):
        raise SourceError(
            f"the checkpoint is of a run that read {position!r}, this one reads topic {given['topic']!r}, partition "
            f"{given['partition']}; give the source as it was, or begin anew with a new checkpoint"
        )
    return place["offset"], place["rows"]
