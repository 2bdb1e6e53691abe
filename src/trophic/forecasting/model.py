"""`Forecaster`: a network that listens and a committee of readouts that forecast, with calibrated intervals."""

from __future__ import annotations

import dataclasses
import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trophic.forecasting import committee, intervals
from trophic.forecasting.layout import (
    CHANNEL,
    HISTORY,
    N_EXPERTS,
    RULE_TABLE,
    RULES,
    SEASON_FEATURES,
    SEASON_MAX,
    SETTLE,
    TRUST,
    Expert,
    Memory,
)
from trophic.network.intake import admit_rows
from trophic.network.model import Network, NetworkState
from trophic.runtime.clock import Clock
from trophic.runtime.contract import Chunk, Model, State
from trophic.runtime.rules import check_names, constants

ROWS = 1024  # samples for which the network's state is kept at a time


@dataclass
class ExpertState(State):
    """One regression; see `layout.Expert`."""

    weights: NDArray[np.float64]
    precision: NDArray[np.float64]
    pending: NDArray[np.float64]
    relax: NDArray[np.float64]
    features: NDArray[np.float64]
    gains: NDArray[np.float64]

    def expert(self) -> Expert:
        return Expert(*[getattr(self, name) for name in Expert._fields])


@dataclass
class ForecasterState(State):
    """Everything a forecaster remembers: the network's State, four regressions, and `layout.Memory`."""

    clock: Clock
    network: NetworkState
    short: ExpertState
    long: ExpertState
    cautious: ExpertState
    bold: ExpertState
    channels: NDArray[np.void]
    trust: NDArray[np.void]
    settling: NDArray[np.float64]
    history: NDArray[np.float64]
    likeness: NDArray[np.float64]
    season_weights: NDArray[np.float64]
    season_precision: NDArray[np.float64]
    power: NDArray[np.float64]
    opinions: NDArray[np.float64]
    issued: NDArray[np.float64]
    step: NDArray[np.int64]

    def memory(self) -> Memory:
        return Memory(*[getattr(self, name) for name in Memory._fields])

    def bench(self) -> tuple[Expert, Expert, Expert, Expert]:
        return self.short.expert(), self.long.expert(), self.cautious.expert(), self.bold.expert()


@dataclass(frozen=True)
class ForecastInfo:
    """What one chunk showed: n samples, C channels, H horizons, K experts.

    Attributes
    ----------
    signal : (n, C)
        The samples as given.
    time_s : (n,) float64
        Their time stamps, seconds.
    forecast, lower, upper : (n, C, H) float64
        Made at each sample for ``horizons[q]`` samples later, with the bounds of its interval, in the channel's unit.
    surprise : (n, C) float64
        Nats by which the one-step error is less likely than none; NaN at missing values.
    anomaly, drift : (n, C) bool
        The most surprising samples (in the long run a part ``alarm_rate``) and glitches; stretches in which the error
        power is well above its long-term mean.
    season : (n, C) int64
        Samples; 0 while there is none.
    opinions : (n, C, H, K) float64
        What each expert said; names in `layout.EXPERTS`.
    """

    signal: NDArray[np.floating]
    time_s: NDArray[np.float64]
    forecast: NDArray[np.float64]
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]
    surprise: NDArray[np.float64]
    anomaly: NDArray[np.bool_]
    drift: NDArray[np.bool_]
    season: NDArray[np.int64]
    opinions: NDArray[np.float64]


@dataclass(frozen=True)
class Forecaster(Model[ForecasterState, ForecastInfo]):
    """Forecasts every channel of a stream, several horizons at once, with calibrated intervals; no labels, no tuning.

    A `Network` listens to the stream. Its state, a delay line and the last season feed a committee of recursive
    least-squares readouts with different memories, beside persistence and the value a season ago; their forecasts are
    averaged with weights by how well each has done lately. Bounds adapt so that they cover their nominal part in the
    long run whatever the errors' distribution.

    Parameters
    ----------
    n_inputs : int
        Channels, >= 1.
    horizons : tuple of int
        Samples ahead, increasing, the first 1, the last <= 512.
    delays : int
        Samples in the long delay line, over all channels, 4..512; the network's readouts see half of it.
    n_blocks, block_size : int
        Size of the network, see `Network`.
    rules : tuple of (name, value)
        Overrides of single constants, `layout.RULE_TABLE`.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    I. Gibbs and E. Candes, Adaptive conformal inference under distribution shift, NeurIPS 2021. H. Jaeger and H. Haas,
    Harnessing nonlinearity, Science 304 (2004), for least squares on a reservoir.

    Examples
    --------
    >>> import numpy as np, trophic
    >>> t = np.arange(3000)
    >>> x = np.sin(0.3 * t) + 0.5 * np.sin(0.11 * t)
    >>> model = trophic.Forecaster(horizons=(1, 10))
    >>> state = model.init(seed=0)
    >>> info = model.advance(state, trophic.Chunk(x[:, None], sample_period_s=1.0))
    >>> error = info.forecast[2000:-10, 0, 1] - x[2010:]
    >>> bool(np.sqrt(np.mean(error**2)) < 5e-3)
    True
    """

    n_inputs: int = 1
    horizons: tuple[int, ...] = (1,)
    delays: int = 96
    n_blocks: int = 16
    block_size: int = 16
    rules: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        for name, low, high in (("n_inputs", 1, 1 << 16), ("delays", 4, 512)):
            value = getattr(self, name)
            if not (isinstance(value, int) and low <= value <= high):
                raise ValueError(f"{name} must be an integer in {low}..{high}, got {value!r}")
        h = self.horizons
        whole = all(isinstance(x, int) for x in h)
        if not (
            whole and h and h[0] == 1 and all(a < b for a, b in itertools.pairwise(h)) and h[-1] <= SEASON_MAX // 2
        ):
            raise ValueError(
                f"horizons must be increasing integers from 1 to at most {SEASON_MAX // 2}, the first 1, got {h!r}; "
                "for example (1, 4)"
            )
        check_names(self.rules, RULE_TABLE)
        for name, value in self.rules:
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"rule {name} must be positive and finite, got {value}")
        rules = self._constants()
        for name in (
            "coverage",
            "alarm_rate",
            "short_memory",
            "long_memory",
            "cautious_memory",
            "bold_memory",
            "season_memory",
        ):
            if not 0.0 < rules[name] < 1.0:
                raise ValueError(f"rule {name} must be in (0, 1), got {float(rules[name])}")
        self._network()

    def init(self, seed: int = 0) -> ForecasterState:
        """A State before its first sample; ``seed`` >= 0 draws the network."""
        c, h = self.n_inputs, len(self.horizons)
        ring = self.horizons[-1] + 1
        rules = self._constants()
        network = self._network().init(seed)
        lags, extra = self._lags(), network.features.size
        sizes = [1 + c + c * n for n in lags]
        priors = [rules[f"{kind}_prior"] for kind in ("linear", "linear", "cautious", "bold")]
        experts = [
            ExpertState(
                weights=np.zeros((c, h, d)),
                precision=float(prior) * np.eye(d),
                pending=np.zeros(d),
                relax=np.ones(1),
                features=np.zeros((ring, d)),
                gains=np.zeros((ring, d)),
            )
            for d, prior in zip((*sizes[:2], sizes[2] + extra, sizes[3] + extra), priors)
        ]
        trust = np.zeros((c, h), dtype=TRUST)
        trust["low"], trust["high"] = -intervals.FIRST_BOUND, intervals.FIRST_BOUND
        channels = np.zeros(c, dtype=CHANNEL)
        channels["last"] = np.nan
        channels["threshold"] = intervals.first_threshold(float(rules["alarm_rate"]))
        return ForecasterState(
            Clock.new(c),
            network,
            *experts,
            channels=channels,
            trust=trust,
            settling=np.zeros((c, SETTLE)),
            history=np.zeros((c, HISTORY)),
            likeness=np.zeros((c, SEASON_MAX + 1)),
            season_weights=np.zeros((c, h, SEASON_FEATURES)),
            season_precision=np.zeros((c, h, SEASON_FEATURES, SEASON_FEATURES)),
            power=np.zeros((c, h, N_EXPERTS)),
            opinions=np.zeros((ring, c, h, N_EXPERTS)),
            issued=np.zeros((ring, c, h, 3)),
            step=np.zeros(1, dtype=np.int64),
        )

    def advance(self, state: ForecasterState, chunk: Chunk) -> ForecastInfo:
        """Consume ``chunk``, updating ``state`` in place."""
        signal, values = chunk.values, np.array(chunk.values, dtype=np.float64, order="C")
        chunk = dataclasses.replace(chunk, values=values)  # to Numba a read-only array, as of a file, is another type
        good, is_sample = admit_rows(state.clock, chunk)
        n, c, h = len(chunk), self.n_inputs, len(self.horizons)
        issued = np.full((n, c, h, 3), np.nan)
        opinions = np.full((n, c, h, N_EXPERTS), np.nan)
        report = np.zeros((n, c, 4))
        report[:, :, committee.I_SURPRISE] = np.nan
        network, room = self._network(), np.zeros(2 * SEASON_FEATURES)
        horizons, lags, rules = np.array(self.horizons), np.array(self._lags()), self._constants()
        for start in range(0, n, ROWS):
            rows = slice(start, min(start + ROWS, n))
            states = np.zeros((rows.stop - start, state.network.features.size))
            heard = network.listen(state.network, chunk.part(start, rows.stop), states).heard
            committee.run(
                values[rows], good[rows], heard, is_sample[rows], states, state.memory(), state.bench(), lags, horizons,
                rules, room, issued[rows], opinions[rows], report[rows],
            )  # fmt: skip
        return ForecastInfo(
            signal=signal,
            time_s=chunk.time_stamps_s(),
            forecast=issued[..., 0],
            lower=issued[..., 1],
            upper=issued[..., 2],
            surprise=report[:, :, committee.I_SURPRISE],
            anomaly=report[:, :, committee.I_ANOMALY] > 0,
            drift=report[:, :, committee.I_DRIFT] > 0,
            season=report[:, :, committee.I_SEASON].astype(np.int64),
            opinions=opinions,
        )

    def predict(self, state: ForecasterState) -> NDArray[np.float64]:
        """Forecast and bounds after the last sample, shape (C, H, 3), in the channels' units; NaN before the first."""
        channels = state.channels
        unit, origin = channels["unit"][:, None, None], channels["origin"][:, None, None]
        row = origin + unit * state.issued[(int(state.step[0]) - 1) % len(state.issued)]
        last = np.stack([channels["last"], *[np.full(self.n_inputs, np.nan)] * 2], axis=1)[:, None, :]
        return np.where(channels["settled"][:, None, None] > 0, row, last)

    def trust(self, state: ForecasterState) -> NDArray[np.float64]:
        """Weight of each expert of `layout.EXPERTS` in the next forecast, shape (C, H, K), a sum of 1."""
        power = state.power + 1e-30
        weight = (power.min(axis=2, keepdims=True) / power) ** float(self._constants()["sharpness"])
        return weight / weight.sum(axis=2, keepdims=True)

    def _network(self) -> Network:
        rules = (("self_radius", 0.9), ("input_gain", 0.3), ("bias", 0.2), ("leak", 1.0))
        return Network(
            n_inputs=self.n_inputs,
            n_blocks=self.n_blocks,
            block_size=self.block_size,
            structure="none",
            map="none",
            plasticity="none",
            precision="float64",
            rules=rules,
        )

    def _lags(self) -> tuple[int, ...]:
        """Increments per channel in the delay line of each regression."""
        whole = max(4, self.delays // self.n_inputs)
        return 4, whole, max(4, whole // 2), max(4, whole // 2)

    def _constants(self) -> np.record:
        return constants(self.rules, RULE_TABLE, RULES)
