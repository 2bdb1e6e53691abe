"""The conformance suite on a model as a third party would write it, and on copies of it broken in one way each."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from trophic.runtime.clock import Clock
from trophic.runtime.contract import Chunk, Model, State
from trophic.runtime.guard import admit
from trophic.testing import LocalityProbe, NotApplicable, check_model, conformance_checks, default_chunk


@dataclass
class AverageState(State):
    clock: Clock
    mean: NDArray[np.float64]


@dataclass(frozen=True)
class AverageInfo:
    error: NDArray[np.float64]
    n_bad: int


@dataclass(frozen=True)
class Average(Model[AverageState, AverageInfo]):
    """Exponential moving average of every channel on its own clock."""

    tau_s: float = 0.1
    n_channels: int = 1

    def init(self, seed: int = 0) -> AverageState:
        return AverageState(Clock.new(self.n_channels), np.random.default_rng(seed).standard_normal(self.n_channels))

    def advance(self, state: AverageState, chunk: Chunk) -> AverageInfo:
        error = np.full(chunk.values.shape, np.nan)
        for channel in range(self.n_channels):
            samples = admit(state.clock, chunk, channel)
            mean = state.mean[channel]
            for value, dt_s, position in zip(samples.values, samples.dt_s, samples.position):
                error[position, channel] = value - mean
                mean += (1 - np.exp(-dt_s / self.tau_s)) * (value - mean)
            state.mean[channel] = mean
        state.clock.tick(chunk)
        return AverageInfo(error, n_bad=int(np.isnan(error).sum()))

    def predict(self, state: AverageState) -> NDArray[np.float64]:
        return state.mean.copy()

    def locality_probe(self, state: AverageState) -> Iterator[LocalityProbe]:
        altered = state.copy()
        altered.mean[1:] += 1.0
        yield LocalityProbe("the means of the other channels altered", altered, lambda s: s.mean[:1])


CHECKS = dict(conformance_checks())


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("n_channels", [1, 3])
def test_a_sound_model_passes(name: str, n_channels: int) -> None:
    CHECKS[name](Average(n_channels=n_channels))


class Undecided(Average):
    """Not deterministic: noise from a global generator."""

    def advance(self, state: AverageState, chunk: Chunk) -> AverageInfo:
        info = super().advance(state, chunk)
        state.mean += 1e-9 * np.random.default_rng().standard_normal()
        return info


class Remembering(Average):
    """Keeps the seed outside the State."""

    def init(self, seed: int = 0) -> AverageState:
        object.__setattr__(self, "_drift", seed * 1e-6)
        return super().init(seed)

    def advance(self, state: AverageState, chunk: Chunk) -> AverageInfo:
        info = super().advance(state, chunk)
        state.mean += self.__dict__["_drift"]
        return info


class PerChunk(Average):
    """Does something once per chunk instead of once per sample."""

    def advance(self, state: AverageState, chunk: Chunk) -> AverageInfo:
        info = super().advance(state, chunk)
        state.mean *= 0.999
        return info


class PerChunkInfo(Average):
    """Reports a number that depends on how the stream was cut."""

    def advance(self, state: AverageState, chunk: Chunk) -> AverageInfo:
        info = super().advance(state, chunk)
        return dataclasses.replace(info, error=info.error - np.nanmean(info.error) if len(chunk) > 500 else info.error)


class LiveInfo(Average):
    """Reports a view of its State, which changes afterwards."""

    def advance(self, state: AverageState, chunk: Chunk) -> AverageInfo:
        super().advance(state, chunk)
        return AverageInfo(state.mean, 0)


class Unguarded(Average):
    """Takes every sample as it comes: one NaN and the mean is NaN for ever."""

    def advance(self, state: AverageState, chunk: Chunk) -> AverageInfo:
        info = super().advance(state, chunk)
        state.mean += 0.0 * chunk.values.sum(axis=0)
        return info


class CountsBadSamples(Average):
    """A bad sample leaves a finite trace in what is learned."""

    def advance(self, state: AverageState, chunk: Chunk) -> AverageInfo:
        info = super().advance(state, chunk)
        state.mean -= 1e-3 * info.n_bad
        return info


class Mutating(Average):
    """A step that works in place."""

    def step(self, state: AverageState, chunk: Chunk) -> tuple[AverageState, AverageInfo]:
        return state, self.advance(state, chunk)


class OtherStep(Average):
    """A step with a life of its own."""

    def step(self, state: AverageState, chunk: Chunk) -> tuple[AverageState, AverageInfo]:
        new, info = super().step(state, chunk)
        new.mean += 1e-12
        return new, info


class LearningPredict(Average):
    """A prediction that learns."""

    def predict(self, state: AverageState) -> NDArray[np.float64]:
        state.mean *= 0.5
        return state.mean


_LEAK: list[NDArray[Any]] = []


class Leaking(Average):
    """Keeps every chunk."""

    def advance(self, state: AverageState, chunk: Chunk) -> AverageInfo:
        _LEAK.append(chunk.values.copy())
        return super().advance(state, chunk)


class Growing(Average):
    """Its State grows with the stream."""

    def advance(self, state: AverageState, chunk: Chunk) -> AverageInfo:
        info = super().advance(state, chunk)
        state.mean = np.concatenate([state.mean, state.mean[:1]])
        return info


class Shared(AverageState):
    def copy(self) -> Any:
        return Shared(self.clock.copy(), self.mean)


class ShallowCopy(Average):
    """Copies of its State share an array."""

    def init(self, seed: int = 0) -> AverageState:
        fresh = super().init(seed)
        return Shared(fresh.clock, fresh.mean)


class Coupled(Average):
    """Every channel sees the mean of all."""

    def advance(self, state: AverageState, chunk: Chunk) -> AverageInfo:
        info = super().advance(state, chunk)
        state.mean += 1e-3 * (state.mean.mean() - state.mean)
        return info


class Forgetful(Average):
    """Part of what it needs is not in the State, so a loaded one goes on differently."""

    def advance(self, state: AverageState, chunk: Chunk) -> AverageInfo:
        info = super().advance(state, chunk)
        state.__dict__["seen"] = state.__dict__.get("seen", 0) + len(chunk)
        state.mean += 1e-9 * state.__dict__["seen"]
        return info


class Skipping(Average):
    """Takes any chunk for the next one."""

    def advance(self, state: AverageState, chunk: Chunk) -> AverageInfo:
        return super().advance(state, dataclasses.replace(chunk, first_sample=state.clock.index))


class Belated(Average):
    """Keeps a time of its own."""

    def advance(self, state: AverageState, chunk: Chunk) -> AverageInfo:
        late_s = 0.0 if chunk.sample_period_s is None else 1.0
        return super().advance(state, dataclasses.replace(chunk, start_time_s=late_s))


class SkippingAndBelated(Skipping, Belated):
    """Two faults at once."""


@dataclass(frozen=True)
class Permissive(Average):
    """Swallows unknown keywords."""

    def __init__(self, **configuration: Any) -> None:
        for name in ("tau_s", "n_channels"):
            object.__setattr__(self, name, configuration.get(name, getattr(Average, name)))


BROKEN = [
    (Undecided, "determinism", "two runs with one seed"),
    (Remembering, "seed", "initialised with another seed"),
    (PerChunk, "chunk_invariance", "chunks of 1 against one of 2100 samples, regular stream: array 'mean'"),
    (PerChunkInfo, "chunk_invariance", "the Infos of chunks of 1 against"),
    (LiveInfo, "chunk_invariance", "the Infos of chunks"),
    (Unguarded, "nan_containment", "array 'mean' differs in 1 of 1 entries"),
    (CountsBadSamples, "nan_containment", "array 'mean'"),
    (Mutating, "step_purity", r"step\(\) must leave the old state"),
    (OtherStep, "step_is_advance", r"step\(\) against advance"),
    (LearningPredict, "predict_purity", r"predict\(\) must leave the state"),
    (Leaking, "bounded_memory", r"memory grew by \d+ bytes per chunk"),
    (Growing, "bounded_memory", "must keep its size"),
    (ShallowCopy, "copy_independence", "share the memory of array 'mean'"),
    (Coupled, "channels", "channel 0 while the other channels changed: array 'mean'"),
    (Forgetful, "save_load", "saved, loaded and continued"),
    (Belated, "time_bases", "last time stamp of a regular stream"),
    (Skipping, "continuity", "leaves out one sample must raise ValueError"),
    (Permissive, "contract", "must raise TypeError"),
]


@pytest.mark.parametrize(("kind", "name", "sentence"), BROKEN, ids=[f"{k.__name__}-{n}" for k, n, _ in BROKEN])
def test_a_broken_model_is_caught_by_name(kind: type[Average], name: str, sentence: str) -> None:
    with pytest.raises(AssertionError, match=f"^{name}: .*{sentence}"):
        CHECKS[name](kind())
    _LEAK.clear()


def test_the_locality_probe_catches_a_unit_that_sees_others() -> None:
    with pytest.raises(AssertionError, match="locality: what a unit learns, with the means of the other channels"):
        CHECKS["locality"](Coupled(n_channels=3))


def test_checks_that_do_not_apply_say_why() -> None:
    class Bare(Average):
        locality_probe = predict = property()  # neither can be read

    with pytest.raises(NotApplicable, match="no predict"):
        CHECKS["predict_purity"](Bare())
    with pytest.raises(NotApplicable, match="no locality_probe"):
        CHECKS["locality"](Bare())


def test_the_report_lists_what_was_left_out() -> None:
    report = check_model(Average(), skip={"bounded_memory": "no time today"})
    assert report.skipped == {"bounded_memory": "no time today"}
    assert set(report.passed) == set(CHECKS) - {"bounded_memory"}
    assert "skipped  bounded_memory: no time today" in str(report)


def test_check_model_names_every_broken_promise() -> None:
    with pytest.raises(AssertionError, match=r"(?s)breaks 2 of .*continuity: .*time_bases: "):
        check_model(SkippingAndBelated())
    with pytest.raises(ValueError, match=r"skip names no such check: \['speed'\]"):
        check_model(Average(), skip={"speed": "slow"})


def test_a_failing_model_is_reported_not_crashed_on() -> None:
    class Broken(Average):
        def advance(self, state: AverageState, chunk: Chunk) -> AverageInfo:
            raise IndexError("list index out of range")

    with pytest.raises(AssertionError, match="determinism: Broken raised IndexError: list index out of range"):
        CHECKS["determinism"](Broken())


def test_own_data_can_be_given() -> None:
    asked: list[tuple[int, bool]] = []

    def make_chunk(n_samples: int, regular: bool) -> Chunk:
        asked.append((n_samples, regular))
        return default_chunk(2)(n_samples, regular)

    CHECKS["time_bases"](Average(n_channels=2), make_chunk)
    assert [regular for _, regular in asked] == [True, False]
