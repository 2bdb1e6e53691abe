"""Running the checks: all at once with a report, or one by one under pytest."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trophic.runtime.contract import Model
from trophic.testing.checks import CHECKS, NotApplicable
from trophic.testing.streams import MakeChunk, default_chunk


@dataclass(frozen=True)
class Report:
    """What `check_model` found: the names of the checks passed, and the reason for each one skipped."""

    model: str
    passed: tuple[str, ...]
    skipped: Mapping[str, str]

    def __str__(self) -> str:
        lines = [f"{self.model}: {len(self.passed)} checks passed, {len(self.skipped)} skipped"]
        lines += [f"  passed   {name}" for name in self.passed]
        lines += [f"  skipped  {name}: {reason}" for name, reason in self.skipped.items()]
        return "\n".join(lines)


def check_model(
    model: Model[Any, Any], *, make_chunk: MakeChunk | None = None, skip: Mapping[str, str] | None = None
) -> Report:
    """Run every conformance check on ``model``.

    Parameters
    ----------
    model : Model
        The model to check. Small capacities make the checks quick.
    make_chunk : callable, optional
        ``make_chunk(n_samples, regular) -> Chunk`` from sample 0 on, for a model that needs particular data.
        Default: two tones and noise at 1000 samples per second (or jittered time stamps) in the model's
        ``n_channels`` channels.
    skip : mapping of str to str, optional
        Checks to leave out, each with the reason, which the report repeats.

    Returns
    -------
    Report

    Raises
    ------
    AssertionError
        If any check fails: one sentence for each, naming the check, what differed and where.

    Examples
    --------
    >>> import trophic
    >>> report = check_model(trophic.Ecology(f_min_hz=20, f_max_hz=200, n_branches=4))
    >>> report.passed[:3]
    ('contract', 'continuity', 'determinism')
    """
    skip = dict(skip or {})
    checks = dict(conformance_checks())
    if unknown := sorted(set(skip) - set(checks)):
        raise ValueError(f"skip names no such check: {unknown}; the checks are {', '.join(checks)}")
    passed: list[str] = []
    failures: list[str] = []
    for name, check in checks.items():
        if name in skip:
            continue
        try:
            check(model, make_chunk)
        except NotApplicable as reason:
            skip[name] = str(reason)
        except AssertionError as failure:
            failures.append(str(failure))
        else:
            passed.append(name)
    if failures:
        raise AssertionError(f"{model} breaks {len(failures)} of {len(checks)} checks\n  " + "\n  ".join(failures))
    return Report(type(model).__name__, tuple(passed), {name: skip[name] for name in checks if name in skip})


def conformance_checks() -> Iterator[tuple[str, Callable[..., None]]]:
    """``(name, check)`` for every check; call ``check(model)`` or ``check(model, make_chunk)``."""
    for function in CHECKS:
        name = function.__name__.removeprefix("_check_")
        yield name, functools.partial(_run_check, name, function)


def _run_check(name: str, function: Callable[..., None], model: Any, make_chunk: MakeChunk | None = None) -> None:
    try:
        function(model, make_chunk or default_chunk(getattr(model, "n_channels", 1)))
    except NotApplicable:
        raise
    except AssertionError as failure:
        raise AssertionError(f"{name}: {failure}") from None
    except Exception as error:
        raise AssertionError(f"{name}: {type(model).__name__} raised {type(error).__name__}: {error}") from error
