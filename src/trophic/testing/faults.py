"""What happens to real sensors, done to a clean stream: the faults every learner is measured with.

Each fault takes the clean samples, shape (n,), the sample at which it strikes and a random generator, and returns the
harmed samples and the sample at which the stream is sound again. Faults that `is_bad` marks hold values that no sensor
measured (NaN, infinities, 1e38): a learner must be bit for bit where it would be without them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.guard import NO_MEASUREMENT

Values = NDArray[np.float64]
Strike = Callable[[Values, int, np.random.Generator], int]

N_IN_A_ROW = 1000


class Fault(NamedTuple):
    """One way to be harmed.

    Attributes
    ----------
    strike : callable
        ``strike(values, at, random) -> end``: alters ``values`` in place; the first sample that is sound again.
    is_bad : bool
        The altered samples are no measurements: NaN, infinite, or as large as a mark for "missing".
    factor : float
        What the whole stream, and so any error, was multiplied by.
    """

    strike: Strike
    is_bad: bool = False
    factor: float = 1.0


def _one(value: float) -> Strike:
    def strike(x: Values, at: int, random: np.random.Generator) -> int:
        x[at] = value
        return at + 1

    return strike


def _a_tenth(value: float) -> Strike:
    def strike(x: Values, at: int, random: np.random.Generator) -> int:
        x[at : at + 10 * N_IN_A_ROW][random.random(len(x[at : at + 10 * N_IN_A_ROW])) < 0.1] = value
        return at + 10 * N_IN_A_ROW

    return strike


def _in_a_row(value: float, n: int = N_IN_A_ROW) -> Strike:
    def strike(x: Values, at: int, random: np.random.Generator) -> int:
        x[at : at + n] = value
        return at + n

    return strike


def _at_the_start(value: float) -> Strike:
    def strike(x: Values, at: int, random: np.random.Generator) -> int:
        x[0] = value
        return 1

    return strike


def _saturated(x: Values, at: int, random: np.random.Generator) -> int:
    piece = x[at : at + 10 * N_IN_A_ROW]
    level = 0.5 * np.std(piece)
    np.clip(piece, -level, level, out=piece)
    return at + 10 * N_IN_A_ROW


def _stuck(x: Values, at: int, random: np.random.Generator) -> int:
    x[at : at + 10 * N_IN_A_ROW] = x[at]
    return at + 10 * N_IN_A_ROW


def _all(x: Values, factor: float, offset: float) -> int:
    x *= factor
    x += offset
    return 0


#: By name: value or shape, and how much of the stream.
FAULTS: dict[str, Fault] = {
    f"{name} {extent}": Fault(make(value), is_bad=not abs(value) < NO_MEASUREMENT)
    for name, value in (("NaN", np.nan), ("+inf", np.inf), ("-inf", -np.inf), ("1e38", 1e38), ("1e4", 1e4))
    for extent, make in (
        ("once", _one),
        ("a tenth", _a_tenth),
        ("1000 in a row", _in_a_row),
        ("at t = 0", _at_the_start),
    )
} | {
    "saturated": Fault(_saturated),
    "stuck": Fault(_stuck),
    "lost (zeros)": Fault(_in_a_row(0.0, 10 * N_IN_A_ROW)),
    "1e5 constant": Fault(_in_a_row(0.7, 100_000)),
    "1e6 constant": Fault(_in_a_row(0.7, 1_000_000)),
    "offset 1e4": Fault(lambda x, at, random: _all(x, 1.0, 1e4)),
    "scale 1e-6": Fault(lambda x, at, random: _all(x, 1e-6, 0.0), factor=1e-6),
    "scale 1e6": Fault(lambda x, at, random: _all(x, 1e6, 0.0), factor=1e6),
}


def harmed(name: str, clean: Values, at: int, seed: int = 0) -> tuple[Values, int]:
    """A copy of ``clean`` with the fault called ``name`` from sample ``at`` on, and where it is sound again.

    Examples
    --------
    >>> harmed("NaN once", np.ones(4), at=2)
    (array([ 1.,  1., nan,  1.]), 3)
    """
    values = np.array(clean, dtype=np.float64)
    return values, FAULTS[name].strike(values, at, np.random.default_rng(seed))
