"""Live sources: bytes cut anywhere, lines of rubbish, senders that come and go, queues that are full."""

from __future__ import annotations

import itertools
import math
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import trophic
from trophic.runtime.contract import Chunk
from trophic.runtime.metrics import Metrics
from trophic.runtime.queues import Queue, QueueOverflow
from trophic.runtime.sockets import TcpListener, UdpListener
from trophic.runtime.streams import MAX_LINE, PCM_FORMATS, CsvLines, LiveStream, Pcm, chunks_of, from_sample

from .blocks import Block

NAN = math.nan


def cut(data: bytes, edges: list[int]) -> list[bytes]:
    where = [0, *sorted(edge % (len(data) + 1) for edge in edges), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(where)]


@given(st.lists(st.integers(0, 10**6), max_size=6), st.sampled_from(list(PCM_FORMATS)), st.integers(1, 3))
def test_pcm_may_be_cut_anywhere(edges: list[int], dtype: str, n_channels: int) -> None:
    kind, full_scale = PCM_FORMATS[dtype]
    frames = np.linspace(0 if kind == "u1" else -0.99 * full_scale, 0.99 * full_scale, 10 * n_channels).astype(kind)
    decoder = Pcm(dtype, n_channels)
    rows = [decoder.feed(piece) for piece in cut(frames.tobytes(), edges)]
    expected = frames.reshape(10, n_channels) / full_scale - (kind == "u1")
    assert np.concatenate(rows).tolist() == pytest.approx(expected, abs=1e-12)
    assert np.abs(expected).max() <= 1


def test_a_frame_cut_short_is_counted() -> None:
    decoder = Pcm("f32le", 1)
    assert decoder.feed(bytes(7)).shape == (1, 1)
    assert decoder.finish().shape == (0, 1)
    assert decoder.n_malformed == 1


@given(st.lists(st.integers(0, 10**6), max_size=6))
def test_lines_may_be_cut_anywhere(edges: list[int]) -> None:
    text = b'time,x\r\n0.5,1\n\n1.0,"2"\n1.5,\n2.0,2,2\nrubbish\n2.5, 3e0\n\xff,4\n3.5,inf'
    lines = CsvLines(2)
    rows = np.concatenate([*(lines.feed(piece) for piece in cut(text, edges)), lines.finish()])
    expected = [[0.5, 1], [1, 2], [1.5, NAN], [NAN, NAN], [NAN, NAN], [2.5, 3], [NAN, 4], [3.5, math.inf]]
    np.testing.assert_equal(rows, expected)
    assert lines.n_malformed == 2


def test_a_line_without_an_end_costs_no_memory() -> None:
    lines = CsvLines(1)
    for _ in range(50):
        assert len(lines.feed(b"9" * MAX_LINE)) == 0
    assert len(lines._rest) <= MAX_LINE
    np.testing.assert_equal(lines.feed(b"9\n5\n"), [[NAN], [5.0]])
    assert lines.n_malformed == 1


def test_any_iterator_is_a_source() -> None:
    def sensor() -> Iterator[tuple[float, float | None]]:
        for i in range(10):
            yield float(i), None if i == 3 else -float(i)

    model = trophic.Ecology(f_min_hz=1, f_max_hz=4, n_channels=2)
    result = trophic.run(model, chunks_of(sensor(), sample_rate_hz=10, chunk_size=4))
    assert (result.n_samples, result.state.clock.n_bad.tolist()) == (10, [0, 1])
    with pytest.raises(ValueError, match="samples 2 and on have 3 channels, those before 2"):
        list(chunks_of([(1, 2), (1, 2), (1, 2, 3)], sample_rate_hz=1, chunk_size=2))


@pytest.mark.parametrize("at", [0, 1, 9, 10, 11, 25, 30])
def test_a_stream_goes_on_where_a_state_stands(at: int) -> None:
    chunks = [Chunk(np.arange(10.0)[:, None] + 10 * i, 10 * i, sample_period_s=1.0) for i in range(3)]
    left = list(from_sample(chunks, at))
    assert [x for chunk in left for x in chunk.values[:, 0]] == list(range(at, 30))
    assert not left or left[0].first_sample == at


# ---- queues ---------------------------------------------------------------------------------------------------


def ones(n_chunks: int, size: int = 4, regular: bool = True) -> Iterator[Chunk]:
    for i in range(n_chunks):
        if regular:
            yield Chunk(np.ones((size, 2)), size * i, sample_period_s=0.5)
        else:
            yield Chunk(np.ones((size, 2)), size * i, times_s=0.5 * np.arange(size * i, size * (i + 1)))


class HandOver:
    """A source that has delivered everything before the first chunk is taken."""

    def __init__(self, chunks: Iterator[Chunk]) -> None:
        self.chunks, self.done = chunks, threading.Event()

    def __iter__(self) -> Iterator[Chunk]:
        yield from self.chunks
        self.done.set()


def test_a_queue_that_blocks_loses_nothing() -> None:
    queue = Queue(ones(100), max_samples=8)
    assert [chunk.first_sample for chunk in queue] == list(range(0, 400, 4))
    assert (queue.n_dropped, queue.n_waiting) == (0, 0)


@pytest.mark.parametrize("regular", [True, False])
def test_a_queue_that_drops_counts_and_keeps_the_clock_right(regular: bool) -> None:
    source = HandOver(ones(2500, regular=regular))
    queue = Queue(source, max_samples=16, policy="drop_oldest")
    chunks = iter(queue)
    first = next(chunks)
    assert source.done.wait(10)
    rest = list(chunks)
    everything = [first, *rest]
    n_missing = sum(int(np.isnan(chunk.values[:, 0]).sum()) for chunk in everything)
    n_good = sum(int((chunk.values[:, 0] == 1).sum()) for chunk in everything)
    assert n_good + queue.n_dropped == 10_000
    assert queue.n_dropped > 0
    assert n_missing == (queue.n_dropped - first.first_sample if regular else 0)
    for before, after in itertools.pairwise(everything):
        assert after.first_sample == before.first_sample + len(before)
    assert everything[-1].time_stamps_s()[-1] == 0.5 * 9999


def test_a_queue_that_fails_says_so_after_what_it_held() -> None:
    source = HandOver(ones(10))
    queue, taken = Queue(source, max_samples=8, policy="fail"), []

    def take_slowly() -> None:
        for chunk in queue:
            threading.Event().wait(0.02)
            taken.append(chunk)

    with pytest.raises(QueueOverflow, match="make it larger, choose the policy drop_oldest"):
        take_slowly()
    assert [chunk.first_sample for chunk in taken] == [4 * i for i in range(len(taken))]


def test_a_source_that_fails_in_its_thread_fails_the_run() -> None:
    def failing() -> Iterator[Chunk]:
        yield from ones(2)
        raise ConnectionResetError("the sensor is gone")

    with pytest.raises(ConnectionResetError, match="the sensor is gone"):
        list(Queue(failing(), max_samples=100))


def test_a_queue_abandoned_lets_its_source_go() -> None:
    closed = threading.Event()

    def endless() -> Iterator[Chunk]:
        try:
            for i in itertools.count():
                yield Chunk(np.ones((4, 1)), 4 * i, sample_period_s=1.0)
        finally:
            closed.set()

    chunks = iter(Queue(endless(), max_samples=8))
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    assert closed.wait(10)


@pytest.mark.parametrize(
    ("arguments", "sentence"), [((0,), "max_samples must be >= 1, got 0"), ((1, "hope"), "policy")]
)
def test_a_queue_of_no_size_or_policy_is_refused(arguments: tuple, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Queue([], *arguments)


# ---- sockets --------------------------------------------------------------------------------------------------


def test_senders_come_and_go() -> None:
    listener = TcpListener(0)
    stream = LiveStream(listener, CsvLines(1), sample_rate_hz=10.0)
    chunks, seen = iter(stream), []
    for text in (b"x\n1\n2\n3", b"x\n4\n5"):  # neither ends its last line; both begin with a header
        with socket.create_connection(("127.0.0.1", listener.port)) as sender:
            sender.sendall(text)
        while len(seen) < 3 or (text.startswith(b"x\n4") and len(seen) < 5):
            seen += next(chunks).values[:, 0].tolist()
    assert seen == [1, 2, 3, 4, 5]
    chunks.close()  # type: ignore[attr-defined]
    del chunks


def test_datagrams_hold_whole_rows() -> None:
    listener = UdpListener(0)
    chunks = iter(LiveStream(listener, Pcm("s16le", 1), sample_rate_hz=10.0))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for data in (b"\0\x40\0", b"\0\x20"):  # the first has a byte too many
            sender.sendto(data, ("127.0.0.1", listener.port))
    assert [next(chunks).values.tolist(), next(chunks).values.tolist()] == [[[0.5]], [[0.25]]]
    chunks.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", [TcpListener, UdpListener, Metrics])
def test_only_loopback_unless_asked(kind: type) -> None:
    for host in ("0.0.0.0", "192.168.0.1", "example.org", "::"):
        with pytest.raises(ValueError, match=r"must be a loopback address .* allow_remote = true"):
            kind(0, host)


def test_metrics_are_served() -> None:
    metrics = Metrics(0)
    metrics.add("trophic_queue_dropped_samples_total", "Dropped.", lambda: 7)
    state = Block().init()
    state.clock.n_samples[0], state.clock.n_bad[0] = 2**60 + 1, 3
    metrics.begin(state)
    url = f"http://127.0.0.1:{metrics.port}"
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    assert f"trophic_samples_total {2**60 + 1}" in lines
    assert 'trophic_bad_samples_total{channel="0"} 3' in lines
    assert "trophic_queue_dropped_samples_total 7" in lines
    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        urllib.request.urlopen(f"{url}/etc/passwd", timeout=10)
    refused.value.close()
    metrics.close()
