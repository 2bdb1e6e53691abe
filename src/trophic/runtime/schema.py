"""Checking a table of settings key by key, and saying in a sentence what is wrong with one."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


class ConfigError(ValueError):
    """A run's description is wrong. One line: the file, the key, the value, what is allowed and the fix."""


def _anything(value: Any) -> bool:
    return True


@dataclass(frozen=True)
class Key:
    """One setting.

    Attributes
    ----------
    kind : type
        str, bool, int, float (an integer will do) or list (of strings).
    allowed : str
        The range in words, for the message.
    fix : str
        What to do about a wrong value.
    test : callable
        Whether a value of the right kind is allowed.
    default : value or None
        Where it is left out; None if nothing takes its place.
    required : bool
        It cannot be left out.
    """

    kind: type
    allowed: str
    fix: str
    test: Callable[[Any], bool] = _anything
    default: Any = None
    required: bool = False

    def admits(self, value: Any) -> bool:
        """Whether ``value`` is of the kind and in the range."""
        if self.kind is list:
            return isinstance(value, list) and all(isinstance(item, str) for item in value) and self.test(value)
        if self.kind is float:
            right = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        else:
            right = type(value) is self.kind
        return right and self.test(value)


def checked(where: str, table: Any, keys: Mapping[str, Key]) -> dict[str, Any]:
    """The settings of ``table`` with the defaults filled in.

    Parameters
    ----------
    where : str
        File and section, for the message.
    table : dict
        As read.
    keys : dict of str to Key
        What there may be.

    Raises
    ------
    ConfigError
        For an unknown key, one that is missing, and a value of the wrong kind or out of range.

    Examples
    --------
    >>> keys = {"keep": Key(int, "an integer >= 1", "3 leaves two to go back to", lambda n: n >= 1, default=3)}
    >>> checked("a.toml: [save]", {}, keys)
    {'keep': 3}
    >>> checked("a.toml: [save]", {"keep": 0}, keys)
    Traceback (most recent call last):
    trophic.runtime.schema.ConfigError: a.toml: [save] keep must be an integer >= 1, got 0; 3 leaves two to go back to
    """
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table of settings, got {table!r}; write its name alone in brackets")
    for name in table:
        if name not in keys:
            close = difflib.get_close_matches(name, keys, n=1)
            hint = f"did you mean {close[0]}?" if close else "leave it out"
            raise ConfigError(f"{where} has no key {name!r} (known: {', '.join(keys)}); {hint}")
    for name, key in keys.items():
        if name in table and not key.admits(table[name]):
            raise ConfigError(f"{where} {name} must be {key.allowed}, got {table[name]!r}; {key.fix}")
        if key.required and name not in table:
            raise ConfigError(f"{where} needs the key {name}, {key.allowed}; {key.fix}")
    return {name: table.get(name, key.default) for name, key in keys.items()}


def chosen(where: str, table: Any, kinds: Mapping[str, Any], name: str = "kind") -> str:
    """The value of the key that says what kind of thing a table describes; ConfigError if it is not one of ``kinds``.

    Examples
    --------
    >>> chosen("a.toml: [source]", {"kind": "tpc"}, {"file": 0, "tcp": 0})
    Traceback (most recent call last):
    trophic.runtime.schema.ConfigError: a.toml: [source] kind must be one of file, tcp, got 'tpc'; did you mean 'tcp'?
    """
    if not isinstance(table, dict):
        raise ConfigError(f"{where} must be a table of settings, got {table!r}; write its name alone in brackets")
    found = table.get(name)
    if not isinstance(found, str) or found not in kinds:
        close = difflib.get_close_matches(str(found), kinds, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"write {name} = {next(iter(kinds))!r}, for example"
        got = f"got {found!r}" if name in table else "there is none"
        raise ConfigError(f"{where} {name} must be one of {', '.join(kinds)}, {got}; {hint}")
    return found
