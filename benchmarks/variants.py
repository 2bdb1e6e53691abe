"""The ecology with one rule switched off or bent at a time: what `benchmarks.ablation` compares."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trophic.ecology.layout import RULE_TABLE

OFF = 1e9  # a threshold that is never reached
N_PLACEBOS = 8
NUDGE = 0.03


@dataclass(frozen=True)
class Variant:
    """One changed ecology.

    Parameters
    ----------
    rule : str
        The rule in words.
    change : tuple of (name, value)
        Constants of `RULE_TABLE`, or ``budget``.
    base : str
        What it is compared with: ``default`` or the rule of another variant.
    """

    rule: str
    change: tuple[tuple[str, float], ...] = ()
    base: str = "default"


DEFAULT = Variant("default")


def _of(rule: str, base: str = "default", **change: float) -> Variant:
    return Variant(rule, tuple(change.items()), base)


VARIANTS = (
    # frequency and mass
    _of("tuning: half the gain", chi=0.375),
    _of("tuning: twice the gain", chi=1.5),
    _of("growth: half", growth=0.0625),
    _of("growth: twice", growth=0.25),
    _of("mass is never shed", lighten_nats=OFF),
    _of("mass is shed at half the evidence", lighten_nats=2.0),
    _of("mass is shed in small steps", lighten_step=0.1),
    _of("mass is shed in large steps", lighten_step=0.8),
    _of("no vote against neighbours (q once low-passed)", outer=0.0),
    _of("only the vote against neighbours (q twice low-passed)", outer=1.0),
    _of("lightest mass 8", m_min=8.0),
    # evidence
    _of("a larva is voiced at half the evidence", adult_nats=4.75),
    _of("a larva is voiced at twice the evidence", adult_nats=19.0),
    _of("no ring: only the flanks are background", ring=0.0),
    _of("the whole ring is background", ring=1.0),
    _of("income is not smoothed", smooth=OFF),
    _of("no limit to a larva's bite", bite=OFF),
    _of("light larvae earn no more than heavy ones", light_doubt=0.0),
    _of("no thermal floor", floor=0.0),
    # the cost of living
    _of("no upkeep", upkeep=0.0),
    _of("no leak", leak=0.0),
    _of("neither upkeep nor leak", upkeep=0.0, leak=0.0),
    _of("reserve ten times as large", reserve_cap=20.0),
    _of("adults do not starve before their reserve is gone", starve=0.0),
    _of("larvae live for nothing", larva_upkeep=0.0),
    _of("larvae may be in debt", larva_debt=OFF),
    _of("no ghosts", ghost=0.0),
    # social life
    _of("no predation", predation=0.0),
    _of("no exclusion", exclusion=0.0),
    _of("no usurpation", usurp=0.0),
    _of("no fission", light_mass=0.0),
    _of("fission up to mass 100", light_mass=100.0),
    _of("births at twice the distance", zone=2.0),
    # birth
    _of("no births from the fast average", fast_threshold=OFF),
    _of("no births from the slow average", slow_threshold=OFF),
    _of("births at half the fast threshold", fast_threshold=4.0),
    _of("births at half the slow threshold", slow_threshold=4.0),
    _of("listeners do not settle", settle=0.0),
    _of("newborns as narrow as their listener", birth_light=1.0),
    _of("newborns may be heavier than the record", young=0.0),
    # centre, level, market
    _of("short memory of centre and linewidth", patience=8.0),
    _of("the level is the mean of all samples", level_pace=1e-9),
    _of("no reserve in the environment", reserve_share=0.0),
    _of("frozen market", market_periods=OFF),
    _of("budget 200", budget=200.0),
    _of("budget 200, frozen market", base="budget 200", market_periods=OFF, budget=200.0),
    _of("budget 200, no reserve in the environment", base="budget 200", reserve_share=0.0, budget=200.0),
)


def placebos() -> tuple[Variant, ...]:
    """All constants nudged at once by at most `NUDGE`, up or down."""
    rng = np.random.default_rng(0)
    return tuple(
        Variant(
            f"placebo {i + 1}",
            tuple((name, value * math.exp(rng.uniform(-NUDGE, NUDGE))) for name, (value, _) in RULE_TABLE.items()),
        )
        for i in range(N_PLACEBOS)
    )
