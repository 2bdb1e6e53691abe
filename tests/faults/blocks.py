"""A model whose State is as large as asked for, and as easily checked as it is large."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trophic.runtime.clock import Clock
from trophic.runtime.contract import Chunk, Model, State


@dataclass
class BlockState(State):
    clock: Clock
    block: NDArray[np.int64]


@dataclass(frozen=True)
class Block(Model[BlockState, Any]):
    """Every entry of its block is the number of samples it has seen."""

    n: int = 4

    def init(self, seed: int = 0) -> BlockState:
        return BlockState(Clock.new(), np.full(self.n, seed))

    def advance(self, state: BlockState, chunk: Chunk) -> None:
        state.clock.tick(chunk)
        state.block += len(chunk)
