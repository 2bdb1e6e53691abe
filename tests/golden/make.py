"""Write the golden checkpoints of this version. A file of a released version is never written again.

python tests/golden/make.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import trophic

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "faults"))
import models  # noqa: E402
from blocks import Block  # noqa: E402

if __name__ == "__main__":
    block = Block()
    state = block.init()
    block.advance(state, models.chunk(12, 0))
    trophic.save(HERE / "block-format-1.safetensors", block, state)
    ecology = trophic.Ecology(f_min_hz=45, f_max_hz=60, n_branches=2)
    learned = trophic.run(ecology, models.signal(2000), sample_rate_hz=1000, collect=False)
    trophic.save(HERE / f"ecology-{trophic.version}.safetensors", ecology, learned.state)
