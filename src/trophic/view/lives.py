"""Who lived when: the tracks of an overview sorted into individuals, each with a colour of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from trophic.view.overview import Scene

Array = NDArray[np.float64]

# Told apart in this order with all common forms of colour blindness, and dark enough for thin lines
# (after Okabe and Ito 2008, and Tol 2021).
PALETTE = (
    "#0072B2", "#D55E00", "#009E73", "#AA3377", "#56B4E9", "#E69F00",
    "#332288", "#CC6677", "#44AA99", "#882255", "#999933", "#7A5C3E",
)  # fmt: skip
OTHERS = "#9a9a9a"


@dataclass(frozen=True)
class Life:
    """One individual's track; arrays of shape (n,), n >= 1, named and in units as in `Scene.tracks`."""

    individual: int
    colour: str
    survives: bool
    time_s: Array
    frequency_hz: Array
    amplitude: Array
    mass: Array
    share: Array
    bandwidth_hz: Array

    @property
    def named(self) -> bool:
        """Whether it has a colour of its own."""
        return self.colour != OTHERS


def lives_of(scene: Scene) -> list[Life]:
    """All individuals, those with the most energy (squared amplitude times time) first.

    The first dozen get a colour; survivors before the dead, so that the components of the table have one.
    """
    frame, slot = np.nonzero(scene.tracks["alive"]) if scene.tracks else (np.empty(0, int), np.empty(0, int))
    if not len(frame):
        return []
    who = scene.tracks["individual"][frame, slot]
    order = np.lexsort((frame, who))
    frame, slot, who = frame[order], slot[order], who[order]
    pieces = np.split(np.arange(len(who)), np.flatnonzero(np.diff(who)) + 1)
    energy = [float(np.sum(scene.tracks["amplitude"][frame[p], slot[p]] ** 2)) for p in pieces]
    last = frame.max()
    survives = [bool(frame[p[-1]] == last) for p in pieces]
    rank = sorted(range(len(pieces)), key=lambda i: (not survives[i], -energy[i]))
    lives = []
    for place, i in enumerate(rank):
        at = frame[pieces[i]], slot[pieces[i]]
        lives.append(
            Life(
                individual=int(who[pieces[i][0]]),
                colour=PALETTE[place] if place < len(PALETTE) else OTHERS,
                survives=survives[i],
                time_s=scene.track_time_s[at[0]],
                **{
                    name: scene.tracks[name][at]
                    for name in ("frequency_hz", "amplitude", "mass", "share", "bandwidth_hz")
                },
            )
        )
    return lives


def owner(components: NDArray[np.void], lives: list[Life]) -> list[Life | None]:
    """The life each component ends: of the survivors the one nearest in frequency and mass; None without tracks."""
    free = [life for life in lives if life.survives]
    found: list[Life | None] = [None] * len(components)
    if not free:
        return found
    distance = np.array(
        [
            [
                100 * abs(np.log(c["frequency_hz"] / life.frequency_hz[-1])) + abs(np.log(c["mass"] / life.mass[-1]))
                for life in free
            ]
            for c in components
        ]
    )
    for _ in range(min(distance.shape)):
        i, j = np.unravel_index(np.argmin(distance), distance.shape)
        found[i] = free[j]
        distance[i, :] = distance[:, j] = np.inf
    return found
