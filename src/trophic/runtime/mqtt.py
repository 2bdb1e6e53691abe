"""Messages of an MQTT topic (OASIS MQTT 5.0 and 3.1.1), read with paho-mqtt.

QoS 0 is at most once. QoS 1 with a persistent session is at least once: a message is acknowledged when it was learned
(or saved), so the broker keeps what a learner that was stopped, or whose queue was full, has not yet had.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from trophic.runtime.messages import MAX_MESSAGE, Backoff, Batch
from trophic.runtime.readers.common import SourceError

PROTOCOLS = ("5", "3.1.1")
_POLL_S = 0.5
_AT_ONCE = 256
_REMEMBERED = 4096
_ANSWER_S = 10.0
_FOR_EVER = 0xFFFFFFFF  # a session that does not expire, MQTT 5.0, section 3.1.2.11.2


class _Letter(NamedTuple):
    mark: int
    content: int


@dataclass(frozen=True)
class MqttTopic:
    """Where to read.

    Attributes
    ----------
    topic : str
        Name or filter.
    host : str
        The broker's address.
    port : int
        1883 by custom, 8883 with TLS.
    qos : int
        0 (at most once) or 1 (at least once, needs ``client_id``).
    client_id : str
        Name of the session; the broker keeps messages for it.
    protocol : {"5", "3.1.1"}
        Of MQTT.
    username, password : str or None
        If the broker wants them.
    tls : bool
        Encrypt, and check the broker's certificate.
    """

    topic: str
    host: str = "127.0.0.1"
    port: int = 1883
    qos: int = 0
    client_id: str = ""
    protocol: str = "5"
    username: str | None = None
    password: str | None = None
    tls: bool = False


class MqttMessages:
    """The messages of a topic, in the order the broker sends them; iterate over it once.

    A lost connection is made again, with pauses of 0.1 to 30 s. Retained messages are old and left out. A message that
    is delivered again though it is here already (a reconnection in between) is taken once.

    Parameters
    ----------
    place : MqttTopic
        Where to read.
    note : callable
        Gets a sentence when the connection is lost.

    Attributes
    ----------
    connected : bool
        Whether messages can come now.
    n_connections, n_repeated : int
        Times that it was connected; messages delivered again and left out.

    Raises
    ------
    SourceError
        While iterating: the broker refuses the user, the session's name or the topic.
    """

    def __init__(self, place: MqttTopic, note: Callable[[str], object] = lambda sentence: None) -> None:
        self.place, self._note = place, note
        self.n_connections = self.n_repeated = 0
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._woken, self._waking = socket.socketpair()
        self._waking.setblocking(False)
        self._arrived: list[tuple[bytes | None, int]] = []
        self._unsettled: dict[int, _Letter] = {}  # by packet identifier, in order
        self._answered: dict[int, _Letter] = {}  # the last acknowledged: the broker may not have heard it
        self._n_messages = 0
        self._begun = False
        self._settled = -1
        self._refusal: str | None = None
        self.connected = False

    def __iter__(self) -> Iterator[Batch]:
        client, backoff, self._begun = self._client(), Backoff(self._stop), True
        try:
            while not self._stop.is_set():
                reason = self._connect(client)
                while reason is None and not self._stop.is_set():
                    reason = self._exchange(client)
                    if self.connected:
                        backoff.reset()
                    if self._arrived and (reason or len(self._arrived) >= _AT_ONCE or not _readable(client)):
                        batch, self._arrived = self._arrived, []
                        yield batch
                self.connected = False
                if self._refusal:
                    raise SourceError(f"{self._where()}: {self._refusal}")
                if not self._stop.is_set():
                    pause_s = backoff.next_s()
                    self._note(f"{self._where()}: {reason}; connecting again in {pause_s:g} s")
                    backoff.wait(pause_s)
        finally:
            self._acknowledge(client)
            client.disconnect()
            self._woken.close()
            self._waking.close()
            self._ended.set()

    def settle(self, mark: int) -> None:
        """Messages up to that mark need not be sent again. May be called from another thread."""
        self._settled = max(self._settled, mark)
        self._wake()

    def stop(self) -> None:
        """Acknowledge what was settled and end; may be called from another thread, and waits for at most a second."""
        self._stop.set()
        self._wake()
        if not self._ended.wait(1.0 if self._begun else 0.0):
            self._waking.close()
            self._woken.close()

    def _wake(self) -> None:
        with suppress(OSError):  # full of earlier wakings, or closed
            self._waking.send(b"\0")

    # ---- the thread that iterates ---------------------------------------------------------------------------

    def _client(self) -> Any:
        from paho.mqtt import client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        place, five = self.place, self.place.protocol == "5"
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=place.client_id,
            clean_session=None if five else place.qos == 0,
            protocol=paho.MQTTv5 if five else paho.MQTTv311,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        if place.username is not None:
            client.username_pw_set(place.username, place.password)
        if place.tls:
            client.tls_set()
        client.on_connect, client.on_subscribe, client.on_message = self._connected, self._granted, self._message
        return client

    def _connect(self, client: Any) -> str | None:
        """None, or why it could not be tried."""
        options = {}
        if self.place.protocol == "5":
            from paho.mqtt.packettypes import PacketTypes
            from paho.mqtt.properties import Properties

            properties = Properties(PacketTypes.CONNECT)
            properties.MaximumPacketSize = MAX_MESSAGE + (1 << 17)
            properties.SessionExpiryInterval = _FOR_EVER if self.place.qos else 0
            options = {"clean_start": self.place.qos == 0, "properties": properties}
        try:
            client.connect(self.place.host, self.place.port, keepalive=60, **options)
        except OSError as error:
            return error.strerror or str(error)
        self._deadline_s = time.monotonic() + _ANSWER_S
        return None

    def _exchange(self, client: Any) -> str | None:
        """Read and write what can be; None, or why the connection is lost."""
        connection = client.socket()
        if connection is None:
            return "the broker closed the connection"
        if not self.connected and time.monotonic() > self._deadline_s:
            return f"no answer within {_ANSWER_S:g} s"
        pending = getattr(connection, "pending", int)()  # bytes that TLS has decrypted already
        reading, writing, _ = select.select(
            [connection, self._woken],
            [connection] if client.want_write() else [],
            [],
            0 if pending or self._arrived else _POLL_S,
        )
        if self._woken in reading:
            self._woken.recv(4096)
        self._acknowledge(client)
        codes = [client.loop_misc()]
        if connection in reading or pending:
            codes.append(client.loop_read())
        if connection in writing:
            codes.append(client.loop_write())
        return None if not any(codes) and not self._refusal else "the connection is lost"

    def _acknowledge(self, client: Any) -> None:
        while self._unsettled:
            packet, letter = next(iter(self._unsettled.items()))
            if letter.mark > self._settled:
                return
            self._answered[packet] = self._unsettled.pop(packet)
            if len(self._answered) > _REMEMBERED:
                del self._answered[next(iter(self._answered))]
            client.ack(packet, 1)

    def _connected(self, client: Any, userdata: Any, flags: Any, reason_code: Any, properties: Any) -> None:
        if reason_code.is_failure:
            if str(reason_code) not in ("Server unavailable", "Server busy"):
                self._refusal = f"the broker refuses the connection ({reason_code}); check user, password and client_id"
            return
        self.n_connections += 1
        if flags.session_present:  # the subscription, and what was not acknowledged, are still there
            self._begin()
            return
        self._unsettled.clear()
        self._answered.clear()
        client.subscribe(self.place.topic, qos=self.place.qos)

    def _granted(self, client: Any, userdata: Any, packet: int, reason_codes: list[Any], properties: Any) -> None:
        if reason_codes[0].is_failure:
            self._refusal = f"the broker refuses topic {self.place.topic!r} ({reason_codes[0]}); check name and rights"
        else:
            self._begin()

    def _begin(self) -> None:
        self.connected = True
        self._note(f"{self._where()}: connected")

    def _message(self, client: Any, userdata: Any, message: Any) -> None:
        if message.retain:
            if message.qos:
                client.ack(message.mid, 1)
            return
        if message.qos:
            letter, earlier = _Letter(self._n_messages, hash(message.payload)), self._answered.get(message.mid)
            known = self._unsettled.get(message.mid, earlier)
            if message.dup and known is not None and known.content == letter.content:
                self.n_repeated += 1
                if known is earlier:
                    client.ack(message.mid, 1)
                return
            self._unsettled[message.mid] = letter
            self._answered.pop(message.mid, None)
        payload = message.payload if len(message.payload) <= MAX_MESSAGE else None
        self._arrived.append((payload, self._n_messages))
        self._n_messages += 1

    def _where(self) -> str:
        return f"mqtt {self.place.host}:{self.place.port} {self.place.topic!r}"


def _readable(client: Any) -> bool:
    connection = client.socket()
    return connection is not None and bool(select.select([connection], [], [], 0)[0])
