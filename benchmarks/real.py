"""Real recordings with known answers: ``python -m benchmarks.real --data FOLDER``.

One set of defaults for all; only the band is stated, one per kind of recording. Writes ``real.md`` and one picture per
recording into ``--out``. The recordings are not part of the repository: ``--data`` (or ``TROPHIC_DATA``) names their
folder.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np

import trophic
from benchmarks import report
from benchmarks.judges import PRESENT, presence
from benchmarks.recordings import RECORDINGS, Recording
from trophic.ecology.decomposition import Decomposition

HEADER = (
    "recording",
    "samples",
    "true line (Hz): measured (share of the time present)",
    "other questions",
    "living at the end",
    "",
    "k samples/s",
)


def examine(recording: Recording, data: Path, pictures: Path) -> tuple[tuple[str, ...], str]:
    """A row of the table, and a sentence on what was missed; draws the picture."""
    x, rate_hz = recording.read(data)
    start = time.process_time()
    found = trophic.decompose(x, sample_rate_hz=rate_hz, f_min_hz=recording.band_hz[0], f_max_hz=recording.band_hz[1])
    seconds = time.process_time() - start
    assert isinstance(found, Decomposition)
    cells, missed = [], []
    for line_hz in recording.lines_hz:
        share, measured = presence(found, line_hz, recording.tolerance)
        ok = share >= PRESENT
        cells.append(f"{line_hz:.5g}: {measured:.5g} ({100 * share:.0f} %)" + ("" if ok else " **missed**"))
        if not ok:
            missed.append(f"{line_hz:.5g} Hz is followed {100 * share:.0f} % of the time")
    answers = []
    for judge in recording.judges:
        answer, ok = judge(found, data)
        answers.append(answer + ("" if ok else " **missed**"))
        if not ok:
            missed.append(answer)
    slug = "".join(c if c.isalnum() else "-" for c in recording.name.lower()).strip("-")
    found.plot(title=recording.name).savefig(pictures / f"{slug}.png", dpi=55)
    living, pace = str(len(found.components)), f"{len(x) / seconds / 1e3:.0f}"
    row = (recording.name, f"{len(x)}", "; ".join(cells), "; ".join(answers), living, recording.note, pace)
    sentence = f"- {recording.name}: {'; '.join(missed)}. {recording.why}".rstrip() if missed else ""
    return row, sentence


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("TROPHIC_DATA", "../shared/data")))
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--only", default="", help="part of a recording's name")
    options = parser.parse_args()
    if not options.data.is_dir():
        parser.error(f"no recordings at {options.data}: give --data or set TROPHIC_DATA")
    pictures = options.out / "real"
    pictures.mkdir(parents=True, exist_ok=True)
    trophic.decompose(np.random.default_rng(0).standard_normal(500), sample_rate_hz=1.0)  # compile before timing
    body, missed = [], []
    for recording in RECORDINGS:
        if options.only in recording.name:
            row, sentence = examine(recording, options.data, pictures)
            body.append(row)
            missed += [sentence] if sentence else []
            print(" | ".join(row), flush=True)
    lines = ["# Real recordings", "", "Generated; do not edit.", "", *report.provenance("benchmarks.real")]
    lines += [
        "- one set of defaults; a line is found when a component is on it (tolerance .5 % unless it is a rhythm) "
        f"for {100 * PRESENT:.0f} % of the time in which it sounds (its own band within 20 dB of the loudest tenth)",
        "- voices have [a page of their own](voice.md)",
        "- pictures: the folder `real/` beside this page",
        "",
        *report.table(HEADER, body),
        "",
        "## What is missed",
        "",
        *(missed or ["Nothing."]),
        "",
    ]
    (options.out / "real.md").write_text("\n".join(lines))


if __name__ == "__main__":
    main()
