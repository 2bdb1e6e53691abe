"""Peers: other methods behind the same door, ``decompose(x, times_s, sample_rate_hz, f_min_hz, f_max_hz, n)``.

Packages where a maintained one exists (vmdpy, ssqueezepy), small clean implementations from the papers otherwise. Every
peer has one setting for all cases, chosen on tuning seeds or the package's own, stated in its file. What a peer is told
beyond the signal is stated in the table: some are given the true number of lines.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from benchmarks.scoring import Outcome


@dataclass(frozen=True)
class Peer:
    """A competing method.

    Parameters
    ----------
    name : str
    module : str
        Module of `benchmarks.peers` that holds ``decompose``.
    knows_order : bool
        Whether it must be told the true number of lines (then it is not asked where nothing oscillates).
    batch : bool
        Whether it needs the whole record at once.
    regular_only : bool
        Whether it needs a regular clock.
    max_samples : int
        Longest record it is asked about: some would take minutes and gigabytes on a longer one.
    package : str or None
        The third-party package it needs.
    settings : dict
        Keywords for ``decompose``.
    """

    name: str
    module: str
    knows_order: bool
    batch: bool
    regular_only: bool = True
    max_samples: int = 1_000_000
    package: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def installed(self) -> bool:
        return self.package is None or find_spec(self.package) is not None

    @property
    def decompose(self) -> Callable[..., Outcome]:
        return partial(import_module(f"benchmarks.peers.{self.module}").decompose, **self.settings)


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer("Hann periodogram", "periodogram", knows_order=False, batch=True),
        Peer("STFT peaks", "stft_peaks", knows_order=False, batch=False),
        Peer("sinusoidal model .5 s", "sinusoidal_model", False, False, settings={"window_s": 0.5}),
        Peer("sinusoidal model 2 s", "sinusoidal_model", False, False, settings={"window_s": 2.0}),
        Peer("ESPRIT", "esprit", knows_order=True, batch=True, max_samples=60_000),
        Peer("EKF oscillators", "kalman", knows_order=True, batch=False, regular_only=False),
        Peer("MSOGI-FLL", "msogi_fll", knows_order=True, batch=False, regular_only=False),
        Peer("adaptive Hopf pool", "hopf_pool", knows_order=True, batch=False, regular_only=False),
        Peer("VMD", "vmd", knows_order=True, batch=True, max_samples=30_000, package="vmdpy"),
        Peer("synchrosqueezing", "synchrosqueezing", True, True, max_samples=12_000, package="ssqueezepy"),
    )
}
