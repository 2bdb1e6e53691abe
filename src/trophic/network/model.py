"""`Network`: the configuration, its State and Info, and the way from a chunk to the kernel."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from trophic.network import exact, kernel, published, topology
from trophic.network.intake import admit_rows
from trophic.network.layout import ACTIVITY, BATCH, BIAS, CHOICE, CHOICES, RULE_TABLE, RULES, SLOPE
from trophic.network.readout import ridge
from trophic.network.state import NetworkState, new_state
from trophic.runtime.contract import Chunk, Model
from trophic.runtime.rules import check_names

if TYPE_CHECKING:
    from trophic.testing import LocalityProbe


@dataclass(frozen=True)
class NetworkInfo:
    """What one chunk showed: n samples, H outputs.

    Attributes
    ----------
    prediction : (n, H, horizons) float64
        What was predicted for each sample before it was seen, in the signal's units: ``prediction[t, c, q]`` was made
        ``horizons[q]`` samples before (with targets: for the present target from the present inputs). NaN where there
        was none.
    error : (n, H) float64
        One-step prediction less the value; NaN where the value is missing.
    gate : (n,) float64
        Surprise gate: the part of the targets' power that is still error, 0..1.
    n_births, n_deaths : (n,) int64
        Edges born and dead since the first sample.
    heard : (n, C) bool
        The values that were measurements: neither missing nor so far off that they were taken for a fault.
    """

    prediction: NDArray[np.float64]
    error: NDArray[np.float64]
    gate: NDArray[np.float64]
    n_births: NDArray[np.int64]
    n_deaths: NDArray[np.int64]
    heard: NDArray[np.bool_]


@dataclass(frozen=True)
class Network(Model[NetworkState, NetworkInfo]):
    """A block-sparse recurrent network that learns online, with local credit, and grows its own wiring.

    Without targets it predicts its own next input: no label is needed. With ``n_targets`` > 0 a sample is
    [inputs, targets], and a NaN target is a head that does not learn now.

    Parameters
    ----------
    n_inputs : int
        Input channels, >= 1.
    n_targets : int
        Target channels after the inputs; 0 to predict the next inputs.
    n_blocks, block_size : int
        Blocks and neurons per block, >= 1.
    n_slots : int
        Edges from other blocks that a block can hold, >= 0.
    horizons : tuple of int
        Samples ahead, starting with 1; further horizons are readout heads (without targets only).
    wiring : {"all", "own"}
        Whether a block hears every channel, or channel c enters block c mod n_blocks only.
    readout, feedback, scouting, trace, map, plasticity, structure, homeostasis, protection, scaling : str
        Rules by name, see `layout.CHOICES` and the module of each.
    n_candidates : int
        Pairs that each row watches; 0 for all blocks (cost ~ n_blocks^2).
    precision : {"float32", "float64"}
        Of neurons, weights, readout and map. Units, statistics and clocks are float64 and int64.
    engine : {"native", "accelerated"}
        What runs the rules: Numba, or JAX (on a graphics card, if it has one). The States are the same; for many
        streams at once see `trophic.network.accelerated.Streams`.
    rules : tuple of (name, value)
        Overrides of single constants, `layout.RULE_TABLE`.

    Raises
    ------
    ValueError
        If a parameter is outside its range.

    References
    ----------
    M. J. McCulloch, Self-Evidencing Through Hierarchical Gradient Decomposition, arXiv 2510.17916 (2025), for
    `Network.published`; the defaults replace its rules where they did not work.

    Examples
    --------
    >>> import numpy as np, trophic
    >>> t = np.arange(3000)
    >>> x = np.sin(0.1 * t) * np.sin(0.017 * t)
    >>> model = trophic.Network(n_blocks=4, block_size=8)
    >>> state = model.init(seed=0)
    >>> info = model.advance(state, trophic.Chunk(x[:, None], sample_period_s=1.0))
    >>> error = info.error[2000:, 0]
    >>> bool(np.std(error) < 0.02 * np.std(x))
    True
    >>> model.predict(state).shape
    (1, 1)
    """

    n_inputs: int = 1
    n_targets: int = 0
    n_blocks: int = 16
    block_size: int = 16
    n_slots: int = 2
    horizons: tuple[int, ...] = (1,)
    wiring: str = "all"
    readout: str = "block_rls"
    feedback: str = "learned"
    scouting: str = "random"
    trace: str = "matched"
    map: str = "signed"
    plasticity: str = "gated"
    structure: str = "confirmed"
    homeostasis: str = "none"
    protection: str = "none"
    scaling: str = "running"
    n_candidates: int = 0
    precision: str = "float32"
    engine: str = "native"
    rules: tuple[tuple[str, float], ...] = ()

    def __post_init__(self) -> None:
        limits = {"n_inputs": 1, "n_targets": 0, "n_blocks": 1, "block_size": 1, "n_slots": 0, "n_candidates": 0}
        for name, low in limits.items():
            value = getattr(self, name)
            if not (isinstance(value, int) and low <= value <= 1 << 20):
                raise ValueError(f"{name} must be an integer in {low}..{1 << 20}, got {value!r}")
        named = {**CHOICES, "wiring": ("all", "own"), "precision": ("float32", "float64")}
        named["engine"] = ("native", "accelerated")
        for name, allowed in named.items():
            value = getattr(self, name)
            if value not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
        self._check_horizons()
        self._check_choices()
        self._check_rules()

    def _check_horizons(self) -> None:
        h = self.horizons
        whole = all(isinstance(x, int) for x in h)
        if not (whole and h and h[0] == 1 and all(a < b for a, b in itertools.pairwise(h)) and h[-1] <= 1 << 16):
            raise ValueError(f"horizons must be increasing integers that start with 1, got {h!r}; for example (1, 4)")
        if self.n_targets and h != (1,):
            raise ValueError(f"horizons must be (1,) with targets, got {h!r}; shift the targets instead")

    def _check_choices(self) -> None:
        if self.structure in ("gated", "confirmed") and self.map != "signed":
            raise ValueError(f"structure={self.structure!r} needs map='signed', got {self.map!r}")
        if self.structure == "published" and self.map not in ("published", "published_code"):
            raise ValueError(f"structure='published' needs map='published' or 'published_code', got {self.map!r}")
        if self.trace == "exact":
            self._check_exact()
        if self.n_candidates > self.n_blocks:
            raise ValueError(f"n_candidates must be in 0..n_blocks = {self.n_blocks}, got {self.n_candidates}")
        if self.n_candidates and self.map != "signed":
            raise ValueError(f"n_candidates must be 0 with map={self.map!r}, which watches all pairs")

    def _check_exact(self) -> None:
        if self.plasticity not in ("none", "gated"):
            raise ValueError(f"plasticity must be 'gated' or 'none' with trace='exact', got {self.plasticity!r}")
        n = self.n_blocks * self.block_size
        n_numbers = n * n * (1 + self.n_slots) * self.block_size
        if n_numbers > exact.LIMIT:
            raise ValueError(
                f"trace='exact' keeps (n_blocks block_size)^2 (1 + n_slots) block_size numbers, at most {exact.LIMIT}, "
                f"got {n_numbers}; take fewer or smaller blocks, fewer slots, or trace='rflo'"
            )

    def _check_rules(self) -> None:
        check_names(self.rules, RULE_TABLE)
        for name, value in self.rules:
            if not math.isfinite(value):
                raise ValueError(f"rule {name} must be finite, got {value}")
        constants = self._constants()
        for name, low, high in (("leak", 0.0, 1.0), ("forgetting", 0.0, 1.0), ("map_rate", 0.0, 1.0)):
            value = float(constants[name])
            if not low < value <= high:
                raise ValueError(f"rule {name} must be in ({low:g}, {high:g}], got {value}")
        for name in ("far", "patience"):
            if not float(constants[name]) >= 1.0:
                raise ValueError(f"rule {name} must be at least 1, got {float(constants[name])}")
        for name, unit in (("period", BATCH), ("trial", 64)):
            value = float(constants[name])
            if not (value >= unit and value % unit == 0):
                raise ValueError(f"rule {name} must be a positive multiple of {unit} samples, got {value}")

    @classmethod
    def published(cls, form: str = "paper", **parameters: Any) -> Self:
        """The network of arXiv 2510.17916 as printed (``form="paper"``) or as its public code runs (``"code"``).

        Where the two disagree, `trophic.network.published` says how. Other parameters are those of `Network`.

        Examples
        --------
        >>> Network.published(n_blocks=4).readout
        'nlms'
        """
        choices, rules = published.configuration(form, parameters.get("block_size", cls.block_size))
        rules.update(parameters.pop("rules", ()))
        return cls(**{**choices, **parameters, "rules": tuple(rules.items())})

    @property
    def n_outputs(self) -> int:
        """Channels that are predicted: the targets, or without any the inputs."""
        return self.n_targets or self.n_inputs

    def init(self, seed: int = 0) -> NetworkState:
        """A State before its first sample; ``seed`` >= 0 draws the weights and all later randomness."""
        return new_state(self, self._constants(), seed)

    def advance(self, state: NetworkState, chunk: Chunk) -> NetworkInfo:
        """Consume ``chunk`` (n_inputs + n_targets columns), updating ``state`` in place."""
        return self.listen(state, chunk, np.empty((0, 0), dtype=self.precision))

    def predict(self, state: NetworkState) -> NDArray[np.float64]:
        """What the network expects after the last sample, shape (H, horizons), in the signal's units.

        With targets: its output for the last sample's inputs.
        """
        row = state.issued[int(state.shared["step"][0]) % len(state.issued)]
        return row.reshape(len(self.horizons), self.n_outputs).T.copy()

    def features(self, state: NetworkState, chunk: Chunk) -> NDArray[np.floating]:
        """z = [x; u; 1] after each sample of ``chunk``, shape (n, D), of a network that goes on; ``state`` stays."""
        z = np.zeros((len(chunk), state.features.size), dtype=self.precision)
        self.listen(state.copy(), chunk, z)
        return z

    def fit(self, state: NetworkState, chunk: Chunk, targets: NDArray[np.floating], penalty: float) -> NetworkState:
        """A State whose one-step heads are the ridge regression of ``targets`` (n, H) on the features of ``chunk``.

        Offline, and in scaled units of the heads' channels at the end of ``chunk``; rows with a NaN are left out.
        """
        new = state.copy()
        z = np.zeros((len(chunk), state.features.size), dtype=self.precision)
        self.listen(new, chunk, z)
        channels = new.channels[-self.n_outputs :] if self.n_targets else new.channels
        scaled = (targets - channels["origin"]) / channels["unit"]
        rows = np.isfinite(scaled).all(axis=1)
        new.readout[: self.n_outputs] = ridge(z[rows], scaled[rows], penalty)
        return new

    def edges(self, state: NetworkState) -> NDArray[np.int64]:
        """Edges between different blocks, shape (n_edges, 2): receiving block, sending block."""
        return topology.pairs(state.slots)

    def locality_probe(self, state: NetworkState) -> Iterator[LocalityProbe]:
        """For `trophic.testing`: what other blocks learn by and with, out of sight of block 0 for one sample.

        Their activity stays: the norms and errors that it enters are shared. `trophic.instruments.locality` has the
        whole account.
        """
        from trophic.testing import LocalityProbe

        size, altered = self.block_size, state.copy()
        away = np.setdiff1d(np.arange(self.n_blocks), state.slots[0])
        altered.feedback.reshape(len(state.feedback), self.n_blocks, size)[:, away] += 1
        altered.scouts.reshape(len(state.scouts), self.n_blocks, size)[:, away] += 1
        for array in (altered.evidence, altered.field, altered.utility, altered.trials["sum"]):
            array[away[: len(array)]] += 1
        if not self.n_targets:  # with targets the forward step comes first, and these enter the error through it
            neurons = altered.neurons.reshape(len(state.neurons), self.n_blocks, size)
            neurons[SLOPE : ACTIVITY + 1, away] += 1
            altered.weights[away] += 1
            if len(altered.eligibility):
                altered.eligibility[away] += 1

        def learned(state: NetworkState) -> NDArray[np.floating]:
            parts = [state.weights[0], state.readout[:, :size], state.feedback[:, :size], state.neurons[BIAS, :size]]
            return np.concatenate([part.ravel() for part in parts])

        what = "feedback, credit, traces, weights and evidence of blocks that it does not hear altered"
        yield LocalityProbe(what, altered, learned, n_samples=1)

    def listen(self, state: NetworkState, chunk: Chunk, features: NDArray[np.floating]) -> NetworkInfo:
        """Consume ``chunk`` as `advance` does, and fill ``features`` (n, D) with z = [x; u; 1] after each sample."""
        good, is_sample = admit_rows(state.clock, chunk)
        values = np.ascontiguousarray(chunk.values, dtype=np.float64)
        if self.engine == "accelerated":
            from trophic.network.accelerated import streams  # JAX takes a second to import

            shown = streams.advance_one(self, state, values, good, is_sample, features.size > 0)
            features[...] = shown[2] if features.size else features
            return self._info(values, good, shown[3], shown[0], shown[1])
        prediction = np.empty((len(chunk), self.n_outputs, len(self.horizons)))
        prediction.fill(np.nan)
        monitor = np.empty((len(chunk), 3))
        inputs = np.empty(self.n_inputs, dtype=self.precision)
        heard = good.copy()  # the kernel strikes far values out
        kernel.run(
            values,
            heard,
            is_sample,
            inputs,
            state.net(),
            self._choices,
            self._rules,
            prediction,
            monitor,
            features,
        )
        return self._info(values, good, heard, prediction, monitor)

    def _info(
        self,
        values: NDArray[np.floating],
        good: NDArray[np.bool_],
        heard: NDArray[np.bool_],
        prediction: NDArray[np.float64],
        monitor: NDArray[np.float64],
    ) -> NetworkInfo:
        """The Info of samples ``values`` (n, C), given what the engine left: predictions and (n, 3) monitors."""
        first = self.n_inputs if self.n_targets else 0
        truth = np.where(good[:, first:], values[:, first:], np.nan)
        return NetworkInfo(
            prediction=prediction,
            error=prediction[:, :, 0] - truth,
            gate=monitor[:, 0],
            n_births=monitor[:, 1].astype(np.int64),
            n_deaths=monitor[:, 2].astype(np.int64),
            heard=heard,
        )

    @functools.cached_property
    def _choices(self) -> NDArray[np.void]:
        """The choices by their codes, (1,)."""
        record = np.zeros(1, dtype=CHOICE)
        for name, allowed in CHOICES.items():
            record[name] = allowed.index(getattr(self, name))
        record["labelled"] = self.n_targets > 0
        record["n_inputs"] = self.n_inputs
        return record

    @functools.cached_property
    def _rules(self) -> NDArray[np.void]:
        return np.array([self._constants()])

    def _constants(self) -> np.void:
        record = np.zeros(1, dtype=RULES)
        changed = dict(self.rules)
        for name, (value, _) in RULE_TABLE.items():
            record[name] = changed.get(name, value)
        if self.scaling == "none":
            record["scale_rate"] = 0.0
        if "prior" not in changed:  # many features: less room for each, or together they fit the noise
            record["prior"] *= min(1.0, (512 / (self.n_blocks * self.block_size)) ** 2)
        return record[0]
