"""Many streams of one network at once: their States on the device, advanced chunk by chunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from trophic.network.accelerated import arrays, loop
from trophic.network.accelerated.arrays import Entry, Plan
from trophic.network.intake import admit_rows
from trophic.network.layout import CHOICES
from trophic.network.state import NetworkState

if TYPE_CHECKING:
    from trophic.network.model import Network, NetworkInfo
    from trophic.runtime.contract import Chunk


def plan_for(models: Sequence[Network], state: NetworkState) -> Plan:
    """What is compiled for these models, which differ in their constants only."""
    model = models[0]
    views = arrays.named(state)
    return Plan(
        choices=tuple(getattr(model, name) for name in CHOICES),
        n_inputs=model.n_inputs,
        labelled=model.n_targets > 0,
        horizons=model.horizons,
        noisy=any(dict(m.rules).get("noise", 0.0) > 0 for m in models),
        real=model.precision,
        entries=tuple(Entry(name, str(view.dtype), view.shape) for name, view in views.items()),
    )


class Streams:
    """Independent streams through networks that differ in their seeds and constants only, advanced together.

    Parameters
    ----------
    models : Network or sequence of Network
        One for all streams, or one per stream; only ``rules`` may differ between them.
    states : sequence of NetworkState
        One per stream, from ``model.init(seed)`` or from a run with either engine. They are copied.

    Raises
    ------
    ValueError
        If there is no stream, or models differ in more than ``rules``.

    Notes
    -----
    The streams live on JAX's default device. Their results are those of the native engine but for rounding: sums are
    taken in another order. Rare work (map, births) is done for all streams when it is due for one, so streams that
    lose samples at different times cost a little more than streams in step.

    Examples
    --------
    >>> import numpy as np, trophic
    >>> from trophic.network.accelerated import Streams
    >>> model = trophic.Network(n_blocks=2, block_size=4, precision="float64")
    >>> t = np.arange(300)
    >>> chunks = [trophic.Chunk(np.sin(w * t)[:, None], sample_period_s=1.0) for w in (0.1, 0.2)]
    >>> streams = Streams(model, [model.init(seed) for seed in (0, 1)])
    >>> infos = streams.advance(chunks)
    >>> alone = model.init(seed=1)
    >>> bool(np.allclose(infos[1].prediction, model.advance(alone, chunks[1]).prediction, equal_nan=True))
    True
    >>> bool(np.allclose(streams.states()[1].readout, alone.readout))
    True
    """

    def __init__(self, models: Network | Sequence[Network], states: Sequence[NetworkState]) -> None:
        self.models = list(models) if isinstance(models, Sequence) else [models] * len(states)
        if not states or len(self.models) != len(states):
            raise ValueError(f"states must hold one State per model and at least one, got {len(states)} states and "
                             f"{len(self.models)} models; pass one model for all")  # fmt: skip
        _check_alike(self.models)
        self._states = [state.copy() for state in states]  # their clocks are up to date, the rest by `states`
        self._plan = plan_for(self.models, states[0])
        with jax.enable_x64(True):
            self._packed = arrays.pack(self._states, self._plan.entries)
            self._rules = jnp.asarray(np.stack([np.array(list(m._constants().tolist())) for m in self.models]))

    def advance(self, chunks: Sequence[Chunk]) -> list[NetworkInfo]:
        """Consume one chunk per stream, all of one length; what each showed.

        Raises
        ------
        ValueError
            If the number of chunks is not that of the streams, or their lengths differ.
        """
        if len(chunks) != len(self._states) or len({len(chunk) for chunk in chunks}) != 1:
            raise ValueError(f"chunks must be {len(self._states)}, all of one length, got lengths "
                             f"{[len(chunk) for chunk in chunks]}")  # fmt: skip
        taken = [admit_rows(state.clock, chunk) for state, chunk in zip(self._states, chunks)]
        values = np.stack([np.asarray(chunk.values, dtype=np.float64) for chunk in chunks], axis=1)
        good, is_sample = (np.stack(parts, axis=1) for parts in zip(*taken))
        prediction, monitor, _, heard = self.run(values, good, is_sample, False)
        return [
            model._info(chunk.values, good[:, k], heard[:, k], prediction[:, k], monitor[:, k])
            for k, (model, chunk) in enumerate(zip(self.models, chunks))
        ]

    def run(
        self, values: NDArray[Any], good: NDArray[Any], is_sample: NDArray[Any], show_features: bool
    ) -> tuple[NDArray[Any], ...]:
        """Advance over rows that the guard has seen, (n, streams, ..): predictions, monitors, features, heard."""
        shown: list[list[NDArray[Any]]] = [[], [], [], []]
        with jax.enable_x64(True):
            for start in range(0, len(values), loop.PIECE):
                n = min(loop.PIECE, len(values) - start)
                piece = [np.zeros((loop.PIECE + 1, *a.shape[1:]), a.dtype) for a in (values, good, is_sample)]
                for padded, a in zip(piece, (values, good, is_sample)):
                    padded[:n] = a[start : start + n]
                self._packed, parts = loop.run(
                    self._packed, loop.Samples(*piece), np.int64(n), self._rules, self._plan, show_features
                )
                for kept, part in zip(shown, parts):
                    kept.append(np.asarray(part[:n]))
        if not len(values):
            return (*(np.zeros((0, len(self._states), 0)) for _ in shown[:3]), good)
        return tuple(np.concatenate(parts) for parts in shown)

    def states(self) -> list[NetworkState]:
        """The State of every stream, as copies that either engine can continue."""
        for k, state in enumerate(self._states):
            self.write_back(k, state)
        return [state.copy() for state in self._states]

    def write_back(self, k: int, state: NetworkState) -> None:
        """Fill ``state`` with all that stream ``k`` remembers, but for its clock."""
        arrays.write_back(self._packed, k, self._plan.entries, state, self.models[k].readout == "rls")


def _check_alike(models: Sequence[Network]) -> None:
    for name in models[0].__dataclass_fields__:
        values = {getattr(model, name) for model in models}
        if name != "rules" and len(values) > 1:
            raise ValueError(f"models of one batch may differ in rules only, got {name} = {sorted(map(str, values))}; "
                             "make one batch for each")  # fmt: skip


def advance_one(
    model: Network, state: NetworkState, values: NDArray[Any], good: NDArray[Any], is_sample: NDArray[Any],
    show_features: bool,
) -> tuple[NDArray[Any], ...]:  # fmt: skip
    """One stream, in place: predictions (n, H, horizons), monitors (n, 3), features (n or 0, D), heard (n, C)."""
    streams = Streams(model, [state])
    shown = streams.run(values[:, None], good[:, None], is_sample[:, None], show_features)
    streams.write_back(0, state)
    return tuple(part[:, 0] for part in shown)
