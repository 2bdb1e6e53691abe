"""Constants of a model's rules: a table of names and defaults, and what a configuration changes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np


def check_names(rules: Iterable[tuple[str, float]], table: Mapping[str, Any]) -> None:
    """Raise a ValueError that lists the known constants if ``rules`` changes another.

    Examples
    --------
    >>> check_names((("leek", 0.5),), {"leak": (1.0, "of a neuron")})
    Traceback (most recent call last):
    ValueError: rules has no constant named 'leek'; known are leak
    """
    for name, _ in rules:
        if name not in table:
            raise ValueError(f"rules has no constant named {name!r}; known are {', '.join(table)}")


def constants(
    rules: Iterable[tuple[str, float]], table: Mapping[str, tuple[Any, ...]], dtype: np.dtype[Any]
) -> np.record:
    """One record with the first entry of every row of ``table``, and what ``rules`` puts in its place.

    Examples
    --------
    >>> table = {"leak": (1.0, "of a neuron"), "bias": (0.2, "deviation")}
    >>> constants((("leak", 0.5),), table, np.dtype([("leak", "f8"), ("bias", "f8")])).tolist()
    (0.5, 0.2)
    """
    values = {name: entry[0] for name, entry in table.items()} | dict(rules)
    return np.rec.array(np.array([tuple(values[name] for name in table)], dtype=dtype))[0]
