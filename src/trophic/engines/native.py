"""How the kernels are compiled (Numba).

Numba counts references to arrays around every call, two atomic operations per array, and passes an
array as seven words. Called a few dozen times per sample that costs more than the arithmetic. The
kernels only borrow the arrays of a State, they neither create nor keep any; so counting is left to
the `entry` that Python calls, and what runs once or more per sample is inlined.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

COMPILED = {"cache": True, "nogil": True, "error_model": "numpy"}
BORROWED = {**COMPILED, "_nrt": False}
# sums may be reordered, but NaN and infinity keep their meaning
FAST_MATH = {"reassoc", "contract", "arcp", "nsz"}

entry = njit(**COMPILED)
native = njit(**BORROWED)
inlined = njit(**BORROWED, forceinline=True)
vectorised = njit(**BORROWED, forceinline=True, fastmath=FAST_MATH)


@vectorised
def turned(angle):
    """Cosine and sine of an angle (rad), to 1e-15 per turn; polynomials of a quarter of it, which vectorise."""
    turn = angle * (0.5 / math.pi)
    x = 0.5 * math.pi * (turn - np.floor(turn + 0.5))
    q = x * x
    s = q * (-1 / 39916800 + q * (1 / 6227020800 - q / 1307674368000))
    s = x * (1 + q * (-1 / 6 + q * (1 / 120 + q * (-1 / 5040 + q * (1 / 362880 + s)))))
    c = q * (-1 / 3628800 + q * (1 / 479001600 - q / 87178291200))
    c = 1 + q * (-1 / 2 + q * (1 / 24 + q * (-1 / 720 + q * (1 / 40320 + c))))
    s, c = 2 * s * c, c * c - s * s
    return c * c - s * s, 2 * s * c


@vectorised
def decayed(x):
    """e^-x for x >= 0, to 1e-14; a polynomial of a 256th part, which vectorises."""
    y = min(x, 40.0) / 256
    e = 1 - y * (1 - y * (1 / 2 - y * (1 / 6 - y * (1 / 24 - y * (1 / 120 - y * (1 / 720 - y / 5040))))))
    for _ in range(8):
        e *= e
    return e
