"""How a running learner is doing, for Prometheus: plain text over HTTP on the loopback interface."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from trophic.runtime.clock import Clock, clock_of
from trophic.runtime.sockets import check_host

_PER_CHANNEL = {
    "trophic_bad_samples_total": ("n_bad", "Samples dropped because a value or time stamp was NaN or infinite."),
    "trophic_late_samples_total": ("n_late", "Samples dropped because their time stamp was not after the last."),
    "trophic_gaps_total": ("n_gaps", "Runs of dropped samples that a good sample ended."),
}


class Metrics:
    """A sink that serves the counters of a run at ``http://host:port/metrics``.

    Parameters
    ----------
    port : int
        0 .. 65535; 0 lets the system choose (see attribute ``port``).
    host : str
        Address to listen on.
    allow_remote : bool
        Let ``host`` be other than loopback.

    Raises
    ------
    ValueError
        If ``host`` is not loopback and ``allow_remote`` is False.
    OSError
        If the port is taken.

    Examples
    --------
    >>> import numpy as np, trophic
    >>> metrics = Metrics(0)
    >>> model = trophic.Ecology(f_min_hz=2, f_max_hz=400)
    >>> _ = trophic.run(model, np.array([1.0, np.nan, 2.0]), sample_rate_hz=1000, sinks=[metrics])
    >>> [line for line in metrics.text().splitlines() if line.startswith("trophic_bad")]
    ['trophic_bad_samples_total{channel="0"} 1']
    """

    def __init__(self, port: int, host: str = "127.0.0.1", allow_remote: bool = False) -> None:
        check_host(host, allow_remote)
        self._clock: Clock | None = None
        self._written_s = time.time()
        self._others: dict[str, tuple[str, Callable[[], float]]] = {}
        self._server = _Server((host, port), _Handler)
        self._server.text = self.text
        self.port: int = self._server.server_address[1]
        serve = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="trophic-metrics", daemon=True)
        serve.start()

    def add(self, name: str, meaning: str, function: Callable[[], float]) -> None:
        """Serve ``function()`` as well; a name that ends in ``_total`` is a counter."""
        self._others[name] = (meaning, function)

    def begin(self, state: Any) -> None:
        """Serve this State's clock."""
        self._clock = clock_of(state)

    def write(self, info: Any) -> None:
        """Note that a chunk was done."""
        self._written_s = time.time()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()

    def text(self) -> str:
        """What is served."""
        lines = []

        def metric(name: str, meaning: str, values: dict[str, float]) -> None:
            kind = "counter" if name.endswith("_total") else "gauge"
            lines.extend([f"# HELP {name} {meaning}", f"# TYPE {name} {kind}"])
            lines.extend(f"{name}{label} {value!r}" for label, value in values.items())

        metric("trophic_last_chunk_seconds", "Unix time when the last chunk was done.", {"": self._written_s})
        if self._clock is not None:
            metric("trophic_samples_total", "Samples consumed, good or bad.", {"": self._clock.index})
            for name, (field, meaning) in _PER_CHANNEL.items():
                counts = enumerate(getattr(self._clock, field).tolist())
                metric(name, meaning, {f'{{channel="{channel}"}}': n for channel, n in counts})
        for name, (meaning, function) in self._others.items():
            metric(name, meaning, {"": function()})
        return "\n".join(lines) + "\n"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    text: Callable[[], str]


class _Handler(BaseHTTPRequestHandler):
    timeout = 5.0  # a client that sends nothing holds its thread no longer

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        known = self.path.partition("?")[0] == "/metrics"
        body = self.server.text().encode() if known else b"the counters are at /metrics\n"
        self.send_response(200 if known else 404)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """A scrape every few seconds is no news."""
