"""Messages over WebSocket (RFC 6455): from a server that is connected to, or from whoever connects to this one.

At most once: what is sent while the connection is down is not received.
"""

from __future__ import annotations

import ipaddress
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from trophic.runtime.messages import MAX_MESSAGE, Backoff, Batch
from trophic.runtime.readers.common import SourceError
from trophic.runtime.sockets import check_host

_POLL_S = 0.2
_TOO_BIG = 1009


class WebSocketClient:
    """The messages that a server sends, text or binary; it is connected to again whenever the connection is lost.

    Parameters
    ----------
    url : str
        ``ws://`` or ``wss://``.
    note : callable
        Gets a sentence when the connection is lost.

    Attributes
    ----------
    connected : bool
        Whether messages can come now.
    n_connections : int
        Times that it was connected.
    port : int or None
        None: it listens on none.

    Raises
    ------
    SourceError
        While iterating: the server refuses (an HTTP status below 500).
    """

    port: int | None = None

    def __init__(self, url: str, note: Callable[[str], object] = lambda sentence: None) -> None:
        self.url, self._note = url, note
        self.n_connections, self.connected = 0, False
        self._stop = threading.Event()

    def __iter__(self) -> Iterator[Batch]:
        from websockets.exceptions import InvalidHandshake, InvalidStatus

        backoff = Backoff(self._stop)
        while not self._stop.is_set():
            try:
                yield from self._connection(backoff)
                reason = "the connection ended"
            except (OSError, EOFError) as error:
                reason = str(error) or type(error).__name__
            except InvalidStatus as error:
                if error.response.status_code < 500:
                    raise SourceError(f"{self.url}: {error}; check the address and the rights to read there") from error
                reason = str(error)
            except InvalidHandshake as error:
                reason = str(error)
            self.connected = False
            if not self._stop.is_set():
                pause_s = backoff.next_s()
                self._note(f"{self.url}: {reason}; connecting again in {pause_s:g} s")
                backoff.wait(pause_s)

    def _connection(self, backoff: Backoff) -> Iterator[Batch]:
        from websockets.exceptions import ConnectionClosed
        from websockets.sync.client import connect

        proxy = None if _is_local(self.url) else True
        options: dict[str, Any] = {"max_size": MAX_MESSAGE, "open_timeout": 10, "close_timeout": 0.5, "proxy": proxy}
        with connect(self.url, **options) as connection:
            self.n_connections, self.connected = self.n_connections + 1, True
            self._note(f"{self.url}: connected")
            backoff.reset()
            while not self._stop.is_set():
                try:
                    yield [(_bytes(connection.recv(timeout=_POLL_S)), 0)]
                except TimeoutError:
                    continue
                except GeneratorExit:  # enough was read: the connection is closed as usual, not as after an error
                    return
                except ConnectionClosed as closed:
                    if closed.sent is not None and closed.sent.code == _TOO_BIG:
                        yield [(None, 0)]
                    return

    def stop(self) -> None:
        """End soon; may be called from another thread."""
        self._stop.set()


class WebSocketServer:
    """The messages of whoever connects. Programs may, web pages may not (their ``Origin`` is refused).

    Parameters
    ----------
    port, host, allow_remote
        As for `trophic.runtime.sockets.TcpListener`.

    Attributes
    ----------
    port : int
        Where it listens.
    connected : bool
        True: it listens.
    n_connections : int
        Connections so far.

    Raises
    ------
    ValueError
        If ``host`` is not loopback and ``allow_remote`` is False.
    OSError
        If the port is taken.
    """

    def __init__(self, port: int, host: str = "127.0.0.1", allow_remote: bool = False) -> None:
        from websockets.sync.server import serve

        check_host(host, allow_remote)
        self.n_connections, self.connected = 0, True
        self._stop = threading.Event()
        self._arrived: queue.Queue[bytes | None] = queue.Queue(maxsize=64)  # then TCP makes the senders wait
        self._server = serve(self._receive, host, port, max_size=MAX_MESSAGE, origins=[None], close_timeout=0.5)
        self.port: int = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, name="trophic-websocket", daemon=True).start()

    def __iter__(self) -> Iterator[Batch]:
        while not self._stop.is_set():
            with suppress(queue.Empty):
                yield [(self._arrived.get(timeout=_POLL_S), 0)]

    def _receive(self, connection: Any) -> None:
        from websockets.exceptions import ConnectionClosed

        self.n_connections += 1
        with suppress(ConnectionClosed):
            while not self._stop.is_set():
                with suppress(TimeoutError):
                    self._put(_bytes(connection.recv(timeout=_POLL_S)))
        closed = connection.protocol.close_sent
        if closed is not None and closed.code == _TOO_BIG:
            self._put(None)

    def _put(self, payload: bytes | None) -> None:
        while not self._stop.is_set():
            with suppress(queue.Full):
                return self._arrived.put(payload, timeout=_POLL_S)

    def stop(self) -> None:
        """End soon; may be called from another thread."""
        self._stop.set()
        self._server.shutdown()


def _bytes(message: str | bytes) -> bytes:
    return message.encode() if isinstance(message, str) else message


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
