"""The conformance suite: what every model promises, as checks that anyone can run on a model of their own.

    report = trophic.testing.check_model(MyModel())   # raises AssertionError, one sentence per broken promise
    print(report)

or one pytest case per check:

    @pytest.mark.parametrize(("name", "check"), trophic.testing.conformance_checks())
    def test_conformance(name, check):
        check(MyModel())

A check that does not apply raises `NotApplicable`, which pytest reports as a skip with its reason.
Conventions the checks rely on: a State has a field ``clock: Clock``; State arrays with one entry per channel
have the channel as first axis; Info is a dataclass whose arrays have time as first axis and, if they
have one entry per channel, the channel as second.
"""

from __future__ import annotations

from trophic.testing.checks import LocalityProbe, NotApplicable
from trophic.testing.streams import MakeChunk, default_chunk
from trophic.testing.suite import Report, check_model, conformance_checks

__all__ = [
    "LocalityProbe",
    "MakeChunk",
    "NotApplicable",
    "Report",
    "check_model",
    "conformance_checks",
    "default_chunk",
]
