"""Servers for the tests of live sources: Mosquitto, Kafka's protocol, WebSocket, and a sound card that is none."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .learners import free_port, wait_for

MOSQUITTO = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


class Broker:
    """Mosquitto on loopback; it remembers sessions over a restart."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port, self.folder = free_port(), folder
        lines = [f"listener {self.port} 127.0.0.1", f"persistence_location {folder}/", "persistence true", "user root"]
        (folder / "mosquitto.conf").write_text("\n".join([*lines, *(options or ("allow_anonymous true",))]) + "\n")
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Broker:
        command = [str(MOSQUITTO), "-c", str(self.folder / "mosquitto.conf")]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        wait_for(self._listens)
        return self

    def __exit__(self, *exception: object) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(10)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def publish(self, payloads: list[bytes], **options: Any) -> None:
        """Every one, in order; returns when the broker has them all."""
        publish = pytest.importorskip("paho.mqtt.publish", reason="needs paho-mqtt")
        messages = [{"topic": "mains", "payload": payload, "qos": 1, **options} for payload in payloads]
        publish.multiple(messages, "127.0.0.1", self.port)


def broker_folder(tmp_path: Path) -> Path:
    if MOSQUITTO is None:
        pytest.skip("needs the broker mosquitto: apt install mosquitto")
    pytest.importorskip("paho.mqtt.client", reason="needs paho-mqtt")
    folder = tmp_path / "broker"
    folder.mkdir()
    return folder


class Wire:
    """A TCP connection to a port on loopback, through another port, that can be cut."""

    def __init__(self, port: int) -> None:
        self._there = ("127.0.0.1", port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Everything that is connected now; who connects again is let through."""
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._server.close()
        self.cut()
        for end in self._ends:
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                here, _ = self._server.accept()
                there = socket.create_connection(self._there)
                self._ends += [here, there]
                for a, b in ((here, there), (there, here)):
                    threading.Thread(target=self._forward, args=(a, b), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(64):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)


class Brokers:
    """A cluster that lives as long as its producer; TROPHIC_KAFKA=host:port is a real one to be used instead."""

    def __init__(self) -> None:
        self.kafka = pytest.importorskip("confluent_kafka", reason="needs confluent-kafka")
        real = os.environ.get("TROPHIC_KAFKA")
        settings = {"bootstrap.servers": real} if real else {"test.mock.num.brokers": 1, "bootstrap.servers": "none"}
        self.producer = self.kafka.Producer(settings | {"log_level": 0})
        broker = next(iter(self.producer.list_topics(timeout=10).brokers.values()))
        self.address = f"{broker.host}:{broker.port}"
        self.topic = f"mains-{os.getpid()}-{time.monotonic_ns()}"
        self.producer.list_topics(self.topic, timeout=10)  # which creates it

    def publish(self, payloads: list[bytes]) -> None:
        for payload in payloads:
            self.producer.produce(self.topic, payload, partition=0)
        assert self.producer.flush(30) == 0

    def described(self, more: str = 'sample_rate_hz = 1000\nstart = "earliest"') -> str:
        return f'kind = "kafka"\nbrokers = "{self.address}"\ntopic = "{self.topic}"\n{more}'


@contextmanager
def websocket_server(handler: Callable[[Any], None], port: int = 0, **options: Any) -> Iterator[int]:
    serve = pytest.importorskip("websockets.sync.server", reason="needs websockets").serve
    with serve(handler, "127.0.0.1", port, max_size=None, **options) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
    thread.join(10)


class PretendedCard:
    """What sounddevice has, over samples that are known; for machines without a sound card."""

    class PortAudioError(Exception):
        pass

    def __init__(self, samples: np.ndarray, overflow_at: int) -> None:
        self.samples, self.overflow_at, self.read_to = samples, overflow_at, 0
        self.options: dict[str, Any] = {}

    def InputStream(self, **options: Any) -> PretendedCard:
        self.options = options
        return self

    def __enter__(self) -> PretendedCard:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def read(self, n: int) -> tuple[np.ndarray, bool]:
        if self.read_to >= len(self.samples):
            raise self.PortAudioError("Device unavailable")
        block = self.samples[self.read_to : self.read_to + n]
        overflowed = self.read_to <= self.overflow_at < self.read_to + n
        self.read_to += n
        return block, overflowed
