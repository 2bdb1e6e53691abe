"""`trophic.run`: every kind of source, resuming, sinks, and Ctrl-C at the worst moments."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from trophic.runtime.clock import Clock
from trophic.runtime.contract import Chunk, Model, State
from trophic.runtime.drive import run
from trophic.runtime.guard import admit
from trophic.runtime.sinks import Callback, Collect, Sink


@dataclass
class SumState(State):
    clock: Clock
    total: NDArray[np.float64]


@dataclass(frozen=True)
class SumInfo:
    values: NDArray[np.float64]


@dataclass(frozen=True)
class Sum(Model[SumState, SumInfo]):
    """Adds up the good samples of every channel."""

    n_channels: int = 1

    def init(self, seed: int = 0) -> SumState:
        return SumState(Clock.new(self.n_channels), np.full(self.n_channels, float(seed)))

    def advance(self, state: SumState, chunk: Chunk) -> SumInfo:
        for channel in range(self.n_channels):
            state.total[channel] += admit(state.clock, chunk, channel).values.sum()
        state.clock.tick(chunk)
        return SumInfo(chunk.values)


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


X = np.arange(10.0)


@pytest.mark.parametrize(
    "source",
    [X, X[:, None], list(X), X.astype(np.int16), X.astype(np.float32), Chunk(X[:, None], sample_period_s=1.0)],
    ids=["array", "column", "list", "integers", "float32", "chunk"],
)
@pytest.mark.parametrize("chunk_size", [1, 3, 4096])
def test_every_source_is_cut_and_consumed(source: object, chunk_size: int) -> None:
    rate = None if isinstance(source, Chunk) else 1.0
    result = run(Sum(), source, sample_rate_hz=rate, chunk_size=chunk_size)
    assert result.state.total.tolist() == [45.0]
    assert result.n_samples == result.state.clock.index == 10
    assert result.infos is not None
    assert [len(info.values) for info in result.infos] == [min(chunk_size, 10 - i) for i in range(0, 10, chunk_size)]
    assert all(info.values.dtype.kind == "f" for info in result.infos)
    assert not result.interrupted


def test_time_stamps_and_several_channels() -> None:
    stamps = X**2
    result = run(Sum(n_channels=2), np.stack([X, 2 * X], axis=1), times_s=stamps, chunk_size=4)
    assert result.state.total.tolist() == [45.0, 90.0]
    assert result.state.clock.last_time_s.tolist() == [81.0, 81.0]


def test_a_run_goes_on_where_the_state_stands_and_leaves_the_callers_state_alone() -> None:
    first = run(Sum(), X[:4], sample_rate_hz=8.0, seed=5)
    kept = first.state.copy()
    second = run(Sum(), X[4:], first.state, sample_rate_hz=8.0)
    assert second.n_samples == 6
    assert second.state.equals(run(Sum(), X, sample_rate_hz=8.0, seed=5).state)
    assert first.state.equals(kept)


def test_infos_need_not_be_kept() -> None:
    sizes: list[int] = []
    result = run(
        Sum(),
        X,
        sample_rate_hz=1.0,
        chunk_size=4,
        collect=False,
        sinks=[Callback(lambda i: sizes.append(len(i.values)))],
    )
    assert result.infos is None
    assert sizes == [4, 4, 2]


def test_collect_joins_the_infos_in_order() -> None:
    everything, some = Collect(), Collect(fields=["values"])
    assert isinstance(some, Sink)
    run(Sum(), X, sample_rate_hz=1.0, chunk_size=3, sinks=(everything, some))
    for sink in (everything, some):
        assert sink.arrays()["values"][:, 0].tolist() == X.tolist()
        assert sink.closed


class Faulty(Collect):
    """A sink whose device fails at the second chunk, and again when closing."""

    def write(self, info: object) -> None:
        super().write(info)
        if len(self.infos) == 2:
            raise OSError("no space left on device")

    def close(self) -> None:
        super().close()
        raise OSError("cannot close")


def test_a_failing_sink_ends_the_run_and_every_sink_is_closed() -> None:
    sinks = [Collect(), Faulty(), Collect()]
    with pytest.raises(OSError, match="cannot close") as failure:
        run(Sum(), X, sample_rate_hz=1.0, chunk_size=2, sinks=sinks)
    assert "no space left" in str(failure.value.__context__)
    assert [sink.closed for sink in sinks] == [True, True, True]


def endless(at: int, press: int = 1) -> Iterator[Chunk]:
    """Ones for ever; Ctrl-C while waiting for sample ``at``."""
    for n in itertools.count():
        if n == at:
            for _ in range(press):
                press_ctrl_c()
        yield Chunk(np.ones((1, 1)), first_sample=n, sample_period_s=0.01)


def test_ctrl_c_while_waiting_for_data_keeps_the_state_reached() -> None:
    sink = Collect()
    result = run(Sum(), endless(7), sinks=[sink])
    assert result.interrupted
    assert result.state.total.tolist() == [7.0]
    assert result.n_samples == len(sink.infos) == 7
    assert sink.closed
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@dataclass(frozen=True)
class Interrupted(Sum):
    """Ctrl-C comes in the middle of its third chunk."""

    n_presses: int = 1

    def advance(self, state: SumState, chunk: Chunk) -> SumInfo:
        if chunk.first_sample == 2:
            state.total += 0.5
            for _ in range(self.n_presses):
                press_ctrl_c()
            state.total += 0.5
        return super().advance(state, chunk)


def test_ctrl_c_inside_a_chunk_waits_for_its_end() -> None:
    result = run(Interrupted(), endless(at=-1))
    assert result.interrupted
    assert (result.n_samples, result.state.total.tolist()) == (3, [4.0])


def test_a_second_ctrl_c_does_not_wait() -> None:
    sink = Collect()
    with pytest.raises(KeyboardInterrupt):
        run(Interrupted(n_presses=2), endless(at=-1), sinks=[sink])
    assert sink.closed
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_while_a_sink_closes_is_reported() -> None:
    class Slow(Collect):
        def close(self) -> None:
            press_ctrl_c()
            super().close()

    sink = Slow()
    result = run(Sum(), X, sample_rate_hz=1.0, sinks=[sink])
    assert sink.closed
    assert result.interrupted
    assert result.n_samples == 10


def test_a_handler_of_the_program_is_respected() -> None:
    calls: list[int] = []
    previous = signal.signal(signal.SIGINT, lambda number, frame: calls.append(number))
    try:
        result = run(Sum(), itertools.islice(endless(at=3), 5))
    finally:
        signal.signal(signal.SIGINT, previous)
    assert calls == [signal.SIGINT]
    assert (result.n_samples, result.interrupted) == (5, False)


def test_a_run_works_outside_the_main_thread() -> None:
    totals: list[float] = []
    worker = threading.Thread(target=lambda: totals.append(run(Sum(), X, sample_rate_hz=1.0).state.total[0]))
    worker.start()
    worker.join()
    assert totals == [45.0]


@pytest.mark.parametrize(
    ("source", "arguments", "error", "sentence"),
    [
        (X, {}, ValueError, "give exactly one of sample_rate_hz .* got sample_rate_hz=None"),
        (X, {"sample_rate_hz": 1.0, "times_s": X}, ValueError, "give exactly one of sample_rate_hz"),
        (X, {"sample_rate_hz": -1.0}, ValueError, r"sample_rate_hz must be in \(0, inf\) Hz, got -1.0"),
        (X, {"sample_rate_hz": 1.0, "chunk_size": 0}, ValueError, "chunk_size must be >= 1 sample, got 0"),
        (X, {"times_s": X[:3]}, ValueError, r"shape \(10,\), got shape \(3,\)"),
        (X.reshape(1, 2, 5), {"sample_rate_hz": 1.0}, ValueError, r"got \(1, 2, 5\)"),
        (["a"], {"sample_rate_hz": 1.0}, TypeError, "must hold real numbers, got an array of dtype <U1"),
        (X * 1j, {"sample_rate_hz": 1.0}, TypeError, "real numbers, got an array of dtype complex128"),
        (iter(X), {}, TypeError, "must be an array or yield Chunks, it yielded float64"),
        (endless(-1), {"sample_rate_hz": 1.0}, ValueError, "belong to an array"),
        (np.ones((4, 2)), {"sample_rate_hz": 1.0}, ValueError, "2 channels, this state has 1"),
    ],
)
def test_a_wrong_argument_says_what_to_do(source: object, arguments: dict, error: type, sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        run(Sum(), source, **arguments)


def test_a_state_without_a_clock_is_refused() -> None:
    @dataclass
    class Timeless(State):
        total: NDArray[np.float64]

    class Careless(Sum):
        def init(self, seed: int = 0) -> SumState:
            return Timeless(np.zeros(1))  # type: ignore[return-value]

    with pytest.raises(TypeError, match="Timeless must have a field `clock: Clock`"):
        run(Careless(), X, sample_rate_hz=1.0)
