"""Which signals does a weight's change depend on? A certificate, from the derivatives of the rules themselves.

A rule is local if the change of a weight from block i to block j is a function of what is at hand: signals of its
sender i, of its receiver j, of the synapse itself, and a few numbers that everyone hears (an error, a norm). It may not
read any other block, except through those numbers.

The test takes a network in the middle of a stream and differentiates one sample's learning (the accelerated engine's
rules, which are tested equal to the native ones) with respect to *every* number that it remembers. For the weights of
one synapse the Jacobian with respect to everything that is neither at its sender nor at its receiver says it all:

    0                 nothing else enters
    rank r            everything else enters through r numbers. A few (an error, a norm) are shared scalars, the same in
                      a network of any size; as many as a block has neurons are another block's signals

Nothing has to be told about which scalars exist; they show as the rank. What enters from the sender and the receiver is
listed by name, with the shared numbers held: a rule that reads *another* synapse's weights there (the readout's, at the
feedback synapse: weight transport) is found by that.

`ecology_scalars` asks the same of the branches of an ecology, by finite differences of its native step.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.contract import Chunk

if TYPE_CHECKING:
    from trophic.ecology.model import Ecology
    from trophic.network.model import Network

Array = NDArray[np.float64]
Learn = Callable[[dict[str, Any], Any, Any, Any], dict[str, Any]]

POST, PRE = 0, 2  # the blocks at both ends of the synapse that is looked at
SHARED, INPUTS = -1, -2  # owners: everyone hears it; the readout's features of inputs and bias
SIZE, BLOCKS = 8, 5
FEW = 3  # shared numbers of a network with one head, at most: its error, a norm and a gate
# arrays by the axis that counts blocks, or neurons in the order of blocks
OF_BLOCKS = {
    0: ("weights", "eligibility", "sent", "echo", "utility", "evidence", "field", "middle", "directions",
        "input_weights"),
    1: ("sketches", "moments", "whiteners", "shares"),
    2: ("buffer",),
}  # fmt: skip
RECORDS_OF_BLOCKS = ("edges.", "blocks.", "trials.")
OF_NEURONS = {
    0: ("x", "x_old", "slope", "trace", "feedback_signal", "credit", "scout", "bias", "activity", "features", "gain",
        "waiting", "image", "influence"),
    1: ("readout", "feedback", "first_feedback", "scouts"),
    2: ("past",),
}  # fmt: skip
LEARNED = {  # what is learned, where it lies, and whether PRE is at that synapse
    "weights between blocks": ("weights", np.s_[POST, 1], True),
    "weights inside a block": ("weights", np.s_[POST, 0], False),
    "bias": ("bias", np.s_[:SIZE], False),
    "feedback": ("feedback", np.s_[:, :SIZE], False),
    "readout": ("readout", np.s_[:, :SIZE], False),
    "readout's P": ("precision", np.s_[0, :SIZE, :SIZE], False),
    "trophic map": ("evidence", np.s_[POST, PRE], True),
    "published trophic map": ("field", np.s_[POST, PRE], True),
    "utility of an edge": ("utility", np.s_[POST, 1], True),
}


class Dependence(NamedTuple):
    """What one kind of weight learns from.

    Attributes
    ----------
    weight : str
        A key of `LEARNED`.
    sender, receiver : tuple of str
        Names of the arrays that enter from the block that sends and the block that receives.
    broadcast : tuple of str
        Names of what everyone hears and that enters directly.
    n_scalars : int
        Numbers through which everything else enters.
    """

    weight: str
    sender: tuple[str, ...]
    receiver: tuple[str, ...]
    broadcast: tuple[str, ...]
    n_scalars: int

    @property
    def local(self) -> bool:
        """Whether nothing enters but sender, receiver and a few shared numbers."""
        return self.n_scalars <= FEW

    @property
    def transports(self) -> bool:
        """Whether it reads weights of the readout without being one of them."""
        return not self.weight.startswith("readout") and "readout" in self.receiver


def shared_numbers(jacobian: Array) -> int:
    """Through how many numbers the outputs (rows) see the inputs (columns): the rank of the Jacobian.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> shared_numbers(np.outer(rng.standard_normal(8), rng.standard_normal(50)))
    1
    >>> shared_numbers(rng.standard_normal((8, 50)))
    8
    >>> shared_numbers(np.zeros((8, 50)))
    0
    """
    size = np.linalg.norm(jacobian, axis=0)
    columns = jacobian[:, size > 1e-12 * max(1e-300, size.max(initial=0.0))]
    if columns.shape[1] == 0:
        return 0
    singular = np.linalg.svd(columns / np.linalg.norm(columns, axis=0), compute_uv=False)
    return int(np.sum(singular > 1e-7 * singular[0]))


def owners(name: str, shape: tuple[int, ...], blockwise: bool) -> NDArray[np.int64]:
    """The block at which each number of an array is kept, or `SHARED` or `INPUTS`; ``blockwise``: P is by block."""
    axes: dict[str, tuple[int, int]] = {n: (axis, 1) for axis, names in OF_BLOCKS.items() for n in names}
    axes |= {n: (axis, SIZE) for axis, names in OF_NEURONS.items() for n in names}
    axes |= {"precision": (0, 1) if blockwise else (1, SIZE)}
    if blockwise:
        axes["relax"] = (0, 1)
    if name.startswith(RECORDS_OF_BLOCKS):
        axes[name] = (0, 1)
    owner = np.full(shape, SHARED, dtype=np.int64)
    if name in axes:
        axis, size = axes[name]
        block = np.arange(shape[axis]) // size
        block[block >= BLOCKS] = INPUTS
        owner[...] = block.reshape(-1, *(1,) * (len(shape) - axis - 1))
    return owner


def network_dependences(model: Network, learn: Learn | None = None, seed: int = 0) -> list[Dependence]:
    """What every kind of weight of ``model`` learns from.

    Parameters
    ----------
    model : Network
        Its rules are what counts; shape and precision are replaced by five blocks of eight neurons in float64.
    learn : callable, optional
        ``learn(arrays, good, plan, rules) -> arrays`` in place of the accelerated engine's, to judge another rule.
    seed : int
        Of the network and of the signal it has heard.

    Returns
    -------
    list of Dependence
        One for each kind of weight that changes.

    Examples
    --------
    >>> import trophic
    >>> found = {d.weight: d for d in network_dependences(trophic.Network(structure="none", map="none"))}
    >>> found["weights between blocks"].local, found["weights between blocks"].transports
    (True, False)
    >>> found["readout"].n_scalars
    1
    """
    import jax
    import jax.numpy as jnp

    from trophic.network.accelerated import arrays, loop, streams

    model, state = _in_the_middle(model, seed)
    plan = streams.plan_for([model], state)
    rules = loop.Rules(*model._constants().tolist())
    with jax.enable_x64(True):
        rules = loop.Rules(*(jnp.asarray(value) for value in rules))
        present = {
            name: jnp.asarray(arrays.whole(name, view) if name == "precision" else np.array(view))
            for name, view in arrays.named(state).items()
        } | {"due.flush": jnp.asarray(False), "due.structure": jnp.asarray(False)}
        names = [name for name, value in present.items() if value.dtype == jnp.float64]
        jacobians = _jacobians(present, names, plan, rules, learn or loop.learn_if_taught)
    blockwise = model.readout != "rls"
    owner = np.concatenate([owners(name, present[name].shape, blockwise).ravel() for name in names])
    label = np.concatenate([np.full(present[name].size, k) for k, name in enumerate(names)])
    unit = np.array([max(1e-12, float(np.abs(present[name]).max(initial=0.0))) for name in names])[label]
    found = []
    for weight, held in jacobians.items():
        at_hand = {POST, PRE} if LEARNED[weight][2] else {POST}
        elsewhere = ~np.isin(owner, [SHARED, *at_hand])
        size = np.abs(held).max(axis=0, initial=0.0) * unit
        enters = size > 1e-12 * max(1e-300, size.max(initial=0.0))
        by = {
            place: tuple(names[k] for k in np.unique(label[enters & (owner == place)])) for place in (PRE, POST, SHARED)
        }
        sender = by[PRE] if PRE in at_hand else ()
        whole = held + _through_the_output(held, present, names, label)
        found.append(Dependence(weight, sender, by[POST], by[SHARED], shared_numbers(whole[:, elsewhere])))
    return found


def _in_the_middle(model: Network, seed: int) -> tuple[Network, Any]:
    """The model's rules in a small network with an edge from PRE to POST, and its State after 300 samples."""
    from trophic.network.layout import NEURON_ROWS, SLOPE, X

    model = dataclasses.replace(
        model, n_inputs=1, n_targets=0, n_blocks=BLOCKS, block_size=SIZE, n_slots=1, n_candidates=0, horizons=(1,),
        wiring="all", precision="float64",
    )  # fmt: skip
    state = model.init(seed)
    rng = np.random.default_rng(seed)
    for j, i in ((POST, PRE), (1, 3), (PRE, 4), (3, POST)):
        state.slots[j, 1] = i
        state.weights[j, 1] = 0.2 * rng.standard_normal((SIZE, SIZE))
    signal = np.sin(0.3 * np.arange(300)) + 0.5 * rng.standard_normal(300)
    model.advance(state, Chunk(signal[:, None], sample_period_s=1.0))
    state.channels["scaled"] += 0.3  # the next sample is not what was expected
    n = BLOCKS * SIZE  # a generic point: rules that saturate neurons leave no derivative
    state.neurons[: NEURON_ROWS - 2] += 0.3 * rng.uniform(-1, 1, (NEURON_ROWS - 2, n))
    state.neurons[X] = state.features[:n] = rng.uniform(-0.9, 0.9, n)
    state.neurons[SLOPE] = rng.uniform(0.2, 1.0, n)
    return model, state


def _jacobians(present: dict[str, Any], names: list[str], plan: Any, rules: Any, learn: Learn) -> dict[str, Array]:
    """Of every kind of weight that changes in a sample, with respect to all numbers in ``names``."""
    import jax
    import jax.numpy as jnp

    from trophic.network.accelerated import dynamics, trophic_map

    ends = np.cumsum([present[name].size for name in names])[:-1]
    good = jnp.ones(1, bool)

    def changes(flat: Any) -> dict[str, Any]:
        parts = jnp.split(flat, ends)
        s = before = present | {name: part.reshape(present[name].shape) for name, part in zip(names, parts)}
        s = learn(s, good, plan, rules)
        s = s | {"weights": dynamics.drive(s, jnp.zeros(1), plan)["weights"]}
        if plan.uses("map", "signed"):
            s = s | trophic_map.flush(s, rules)
        return {k: (s[n][at] - before[n][at]).ravel() for k, (n, at, _) in LEARNED.items() if before[n].size}

    flat = jnp.concatenate([present[name].ravel() for name in names])

    def along(k: Any) -> Any:
        return jax.jvp(changes, (flat,), (jnp.zeros_like(flat).at[k].set(1.0),))

    moves, columns = jax.jit(lambda which: jax.lax.map(along, which, batch_size=128))(jnp.arange(len(flat)))
    return {k: np.asarray(columns[k]).T for k in columns if np.abs(np.asarray(moves[k][0])).max() > 0}


def _through_the_output(held: Array, present: dict[str, Any], names: list[str], label: NDArray[np.int64]) -> Array:
    """What a Jacobian gains where the output is not given, but R z: d(R_h z) = z dR_h + R_h dz."""
    gained = np.zeros_like(held)
    readout, features = np.asarray(present["readout"]), np.asarray(present["features"])
    by_output = held[:, label == names.index("output")]
    gained[:, label == names.index("features")] = by_output @ readout
    outer = by_output[:, :, None] * features
    gained[:, label == names.index("readout")] = outer.reshape(len(held), -1)
    return gained


def ecology_scalars(model: Ecology, chunk: Chunk, branch: int, other: int) -> int:
    """Through how many numbers one branch's next tick sees all that another one is.

    The phasor of either branch and every real number of its record count; the derivatives are central differences.

    Parameters
    ----------
    model : Ecology
        One channel, in float64.
    chunk : Chunk
        A stream to learn from. The sample that is differentiated is the first after its half at which the slow rules
        of ``branch`` are due, so that tuning, evidence, market and life count with the flow.
    branch, other : int
        Slots of two living branches; ValueError if one is dead, or if there is no tick before the stream ends.

    Returns
    -------
    int
        2 for branches apart: the shared residual and the market's sum. Neighbours in frequency see more of each other.

    Examples
    --------
    >>> import trophic
    >>> t = np.arange(4000) / 1000.0
    >>> x = np.cos(2 * np.pi * 50 * t) + 0.5 * np.cos(2 * np.pi * 120 * t)
    >>> model = trophic.Ecology(f_min_hz=5, f_max_hz=400)
    >>> ecology_scalars(model, Chunk(x[:, None], sample_period_s=1e-3), 0, 2)
    2
    """
    from trophic.ecology.layout import COUNT, DEAD, V, Y

    state = model.init()
    position = len(chunk) // 2
    model.advance(state, chunk.part(0, position))
    for k in (branch, other):
        if state.branches["status"][0, k] == DEAD:
            raise ValueError(f"branch and other must be slots of living branches, slot {k} is empty")
    while state.sums[0, COUNT, branch] < state.branches["n_tick"][0, branch] - 1:
        if position == len(chunk) - 1:
            raise ValueError(f"chunk must be longer: no tick of branch {branch} before its end")
        model.advance(state, chunk.part(position, position + 1))
        position += 1
    record = [name for name in state.branches.dtype.names or () if state.branches.dtype[name].kind == "f"]

    def numbers(state: Any, k: int) -> list[NDArray[Any]]:
        """Views of one entry each."""
        return [state.hot[0, row, k : k + 1] for row in (Y, V)] + [state.branches[n][0, k : k + 1] for n in record]

    def ends(entry: int, h: float) -> Array:
        moved = state.copy()
        numbers(moved, other)[entry] += h
        model.advance(moved, chunk.part(position, position + 1))
        return np.concatenate(numbers(moved, branch))

    columns = []
    for entry, view in enumerate(numbers(state, other)):
        h = 1e-5 * max(1e-3, abs(float(view[0])))
        columns.append((ends(entry, h) - ends(entry, -h)) / 2e-5)
    jacobian = np.array(columns).T / np.maximum(1e-6, np.abs(ends(0, 0.0)))[:, None]
    jacobian[np.abs(jacobian) < 1e-9] = 0.0  # rounding
    size = np.linalg.norm(jacobian, axis=0)
    if not size.any():
        return 0
    singular = np.linalg.svd(jacobian[:, size > 0] / size[size > 0], compute_uv=False)
    return int(np.sum(singular > 1e-3 * singular[0]))
