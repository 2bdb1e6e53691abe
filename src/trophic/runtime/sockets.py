"""Bytes from the network, on the loopback interface unless told otherwise."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator

_PIECE = 1 << 16


def check_host(host: str, allow_remote: bool) -> None:
    """ValueError unless ``host`` is a loopback address, or listening to others is asked for."""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local and not allow_remote:
        raise ValueError(
            f"host must be a loopback address such as 127.0.0.1, got {host!r}; anyone who reaches another address can "
            "write to the stream: set allow_remote = true if that is meant"
        )


class TcpListener:
    """The bytes that whoever connects sends, one connection at a time, and an empty piece at the end of each.

    Parameters
    ----------
    port : int
        0 .. 65535; 0 lets the system choose (see attribute ``port``).
    host : str
        Address to listen on.
    allow_remote : bool
        Let ``host`` be other than loopback.
    reconnect : bool
        When a connection ends, wait for the next; False ends the stream with the first.

    Raises
    ------
    ValueError
        If ``host`` is not loopback and ``allow_remote`` is False.
    OSError
        If the port is taken.

    Examples
    --------
    >>> listener = TcpListener(0, reconnect=False)
    >>> with socket.create_connection(("127.0.0.1", listener.port)) as sender:
    ...     sender.sendall(b"1.5")
    >>> b"".join(listener)
    b'1.5'
    """

    def __init__(self, port: int, host: str = "127.0.0.1", allow_remote: bool = False, reconnect: bool = True) -> None:
        check_host(host, allow_remote)
        self._reconnect = reconnect
        self._server = socket.create_server((host, port), backlog=1)
        self.port: int = self._server.getsockname()[1]

    def __iter__(self) -> Iterator[bytes]:
        with self._server:
            while True:
                connection, _ = self._server.accept()
                with connection:
                    yield from _received(connection)
                yield b""
                if not self._reconnect:
                    return


class UdpListener:
    """The datagrams sent to a port, each followed by an empty piece.

    A datagram must hold whole rows: UDP may lose or swap datagrams. Time stamps in the rows show both.

    Parameters
    ----------
    port, host, allow_remote
        As for `TcpListener`.

    Raises
    ------
    ValueError, OSError
        As `TcpListener`.

    Examples
    --------
    >>> listener = UdpListener(0)
    >>> with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
    ...     _ = sender.sendto(b"1.5", ("127.0.0.1", listener.port))
    >>> pieces = iter(listener)
    >>> next(pieces)
    b'1.5'
    >>> pieces.close()
    """

    def __init__(self, port: int, host: str = "127.0.0.1", allow_remote: bool = False) -> None:
        check_host(host, allow_remote)
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, port))
        except OSError:
            self._socket.close()
            raise
        self.port: int = self._socket.getsockname()[1]

    def __iter__(self) -> Iterator[bytes]:
        with self._socket:
            while True:
                yield self._socket.recv(_PIECE)
                yield b""


def _received(connection: socket.socket) -> Iterator[bytes]:
    try:
        while piece := connection.recv(_PIECE):
            yield piece
    except ConnectionError:
        return  # a sender that vanished has sent all it will
