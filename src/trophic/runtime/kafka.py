"""Messages of one partition of a Kafka topic, read with confluent-kafka.

Exactly once, as far as the learner goes: the offset is saved in the checkpoint, in one step with what was learned, and
Kafka keeps the messages. No consumer group is joined and nothing is committed there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from trophic.runtime.messages import Backoff, Batch
from trophic.runtime.readers.common import SourceError

STARTS = ("latest", "earliest")
_AT_ONCE = 1024
_POLL_S = 0.2
_ANSWER_S = 1.0  # a signal waits for it


@dataclass(frozen=True)
class KafkaPartition:
    """Where to read. Order is kept within a partition only, so that a partition is a stream.

    Attributes
    ----------
    brokers : str
        ``host:port``, several with commas.
    topic : str
        Its name.
    partition : int
        >= 0.
    start : {"latest", "earliest"}
        Where a new learner begins: with what comes from now on, or with all that is kept.
    settings : tuple of (name, value)
        Of librdkafka, for authentication and the like.
    """

    brokers: str
    topic: str
    partition: int = 0
    start: str = "latest"
    settings: tuple[tuple[str, str], ...] = ()


class KafkaMessages:
    """The messages of a partition, in order, from an offset on; iterate over it once. Marks are offsets.

    Parameters
    ----------
    place : KafkaPartition
        Where to read.
    offset : int or None
        First message; None for ``place.start``.
    note : callable
        Gets a sentence when the brokers cannot be reached.

    Attributes
    ----------
    offset : int or None
        The first message, once it is known.

    Raises
    ------
    SourceError
        While iterating: there is no such topic or partition, the offset is no longer kept, or the brokers refuse.
    """

    def __init__(
        self,
        place: KafkaPartition,
        offset: int | None = None,
        note: Callable[[str], object] = lambda sentence: None,
    ) -> None:
        self.place, self.offset, self._note = place, offset, note
        self._stop = threading.Event()

    def __iter__(self) -> Iterator[Batch]:
        from confluent_kafka import TopicPartition

        consumer = self._consumer()
        try:
            if not self._find(consumer):
                return
            assert self.offset is not None
            consumer.assign([TopicPartition(self.place.topic, self.place.partition, self.offset)])
            self._note(f"{self._where()}: connected, from message {self.offset} on")
            while not self._stop.is_set():
                messages = consumer.consume(num_messages=_AT_ONCE, timeout=_POLL_S)
                for message in messages:
                    self._check(message.error())
                batch = [(message.value(), message.offset()) for message in messages if message.error() is None]
                if batch:
                    yield batch
        finally:
            consumer.close()

    def stop(self) -> None:
        """End soon; may be called from another thread."""
        self._stop.set()

    def _consumer(self) -> Any:
        from confluent_kafka import Consumer, KafkaException

        settings: dict[str, Any] = {
            "bootstrap.servers": self.place.brokers,
            "group.id": "trophic",  # required; only named, as partitions are assigned and not subscribed to
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "reconnect.backoff.max.ms": 30_000,
            "log_level": 2,
        }
        try:
            return Consumer(settings | dict(self.place.settings))
        except KafkaException as error:
            raise SourceError(f"{self._where()}: {error.args[0].str()}; correct the settings") from error

    def _find(self, consumer: Any) -> bool:
        """Wait for the brokers, and find where to begin. False if told to stop meanwhile."""
        from confluent_kafka import KafkaException, TopicPartition

        backoff, place = Backoff(self._stop), self.place
        while not self._stop.is_set():
            try:
                found = consumer.list_topics(place.topic, timeout=_ANSWER_S).topics[place.topic]
                if found.error is not None or place.partition not in found.partitions:
                    raise SourceError(f"{self._where()}: there is none; create it, or correct topic and partition")
                first, end = consumer.get_watermark_offsets(
                    TopicPartition(place.topic, place.partition), timeout=_ANSWER_S
                )
            except KafkaException as error:
                if error.args[0].code() not in _unreachable():
                    raise SourceError(f"{self._where()}: {error.args[0].str()}; check the settings") from error
                pause_s = backoff.next_s()
                self._note(f"{self._where()}: {error.args[0].str()}; trying again in {pause_s:g} s")
                backoff.wait(pause_s)
                continue
            if self.offset is None:
                self.offset = end if place.start == "latest" else first
            if not first <= self.offset <= end:
                raise self._gone(f"kept are {first} to {end}")
            return True
        return False

    def _check(self, error: Any) -> None:
        from confluent_kafka import KafkaError

        if error is None:
            return
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise self._gone(error.str())
        if error.fatal() or error.code() not in _unreachable():
            raise SourceError(f"{self._where()}: {error.str()}; check the settings and the rights to read there")
        self._note(f"{self._where()}: {error.str()}; waiting for it")

    def _gone(self, why: str) -> SourceError:
        return SourceError(
            f"{self._where()}: message {self.offset} is not there ({why}), so the stream has a hole or is another; "
            "let Kafka keep messages for longer, or begin anew with a new checkpoint"
        )

    def _where(self) -> str:
        return f"kafka {self.place.brokers} {self.place.topic!r} partition {self.place.partition}"


def _unreachable() -> tuple[int, ...]:
    """Errors that pass when the brokers are back."""
    from confluent_kafka import KafkaError

    return (
        KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._RESOLVE,
        KafkaError.LEADER_NOT_AVAILABLE, KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION, KafkaError.BROKER_NOT_AVAILABLE,
    )  # fmt: skip
