"""How good is it? Every case, `trophic` beside its peers, on fresh seeds: ``python -m benchmarks.quality``.

Writes ``quality.md`` (targets beside results, then one table per group of cases) and three plots into ``--out``.
"""

from __future__ import annotations

import argparse
import fnmatch
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import ours, plots, report
from benchmarks.cases import CASES, FRESH, Case, Row, draw_of, evaluate
from benchmarks.measures import GROUPS
from benchmarks.peers import PEERS, Peer

OURS = "trophic"

Results = dict[str, dict[str, list[Row]]]  # case -> method -> rows


def main(arguments: Sequence[str] | None = None) -> None:
    options = parse(arguments)
    cases = [case for case in CASES.values() if any(fnmatch.fnmatch(case.name, p) for p in options.cases)]
    peers = [PEERS[name] for name in PEERS if any(fnmatch.fnmatch(name, p) for p in options.peers)]
    start = time.perf_counter()
    results = {case.name: run_case(case, peers, options) for case in cases}
    figures = [] if options.no_plots else plots.draw_all(options.out)
    report.write(
        options.out / "quality.md", page(results, peers, figures, seed_note(options, time.perf_counter() - start))
    )


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seeds", type=int, default=50, help="draws per case at most (a case may ask for fewer)")
    parser.add_argument("--peer-seeds", type=int, default=5, help="draws per case for the peers")
    parser.add_argument("--first-seed", type=int, default=FRESH, help=f"below {FRESH}: tuning seeds")
    parser.add_argument("--cases", nargs="+", default=["*"], help="names or patterns, such as 'pair*'")
    parser.add_argument("--peers", nargs="*", default=["*"], help="names or patterns; nothing for none")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--no-plots", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    return parser.parse_args(arguments)


def run_case(case: Case, peers: Sequence[Peer], options: argparse.Namespace) -> dict[str, list[Row]]:
    """Rows of every method that can be asked."""
    first, n_ours = options.first_seed, min(options.seeds, case.n_seeds)
    rows = {OURS: evaluate(ours.decompose, [case], range(first, first + n_ours), processes=options.processes)}
    print(f"{case.name}: {'; '.join(m.label + ' ' + m.text(rows[OURS]) for m in GROUPS[case.group][1])}", flush=True)
    for peer in peers:
        order = askable(peer, case)
        if order is not None:
            seeds = range(first, first + min(options.peer_seeds, n_ours))
            rows[peer.name] = evaluate(peer.decompose, [case], seeds, order, options.processes)
    return rows


def askable(peer: Peer, case: Case) -> int | None:
    """How many components to ask a peer for in a case, or None when the case is beyond it."""
    draw = draw_of(case, 0)
    n_true = max(len(draw.lines_hz), draw.path_hz.shape[1], 1 if case.group == "rhythm" else 0)
    too_long = len(draw.x) > peer.max_samples
    irregular = peer.regular_only and draw.sample_rate_hz is None
    if not peer.installed or too_long or irregular or (peer.knows_order and n_true == 0):
        return None
    return n_true if peer.knows_order else 16


def seed_note(options: argparse.Namespace, seconds: float) -> str:
    kind = "never tuned on" if options.first_seed >= FRESH else "available for tuning"
    return f"seeds from {options.first_seed} on ({kind}), medians and means with quartiles; {seconds / 60:.0f} minutes"


def page(results: Results, peers: Sequence[Peer], figures: Sequence[tuple[str, str]], note: str) -> list[str]:
    """The whole page, as lines."""
    lines = ["# Quality: the ecology beside its peers", "", "Generated; do not edit.", ""]
    lines += report.provenance("benchmarks.quality")
    lines += [
        f"- {note}",
        "- definitions: `benchmarks/scoring.py` and the docstrings of `benchmarks/draws.py`",
        "",
        "## What was asked for",
        "",
    ]
    lines += [*target_table(results), ""]
    for group, (title, measures) in GROUPS.items():
        names = [name for name in results if CASES[name].group == group]
        if names:
            header = ("case", "method", *(measure.label for measure in measures), "s per draw")
            body = [
                (name if method == OURS else "", method, *(m.text(rows) for m in measures), seconds_per_draw(rows))
                for name in names
                for method, rows in results[name].items()
            ]
            lines += [f"## {title}", "", *report.table(header, body), ""]
    for file, caption in figures:
        lines += [f"![{caption}]({file})", "", caption, ""]
    return lines + peer_notes(peers)


def target_table(results: Results) -> list[str]:
    """Every target of every case that ran: asked, got, met."""
    rows = [
        (name, str(target), target.measure.text(methods[OURS]), "yes" if target.met(methods[OURS]) else "**no**")
        for name, methods in results.items()
        for target in CASES[name].targets
    ]
    met = sum(row[-1] == "yes" for row in rows)
    return [f"{met} of {len(rows)} met.", "", *report.table(("case", "asked", "got", "met"), rows)]


def seconds_per_draw(rows: Sequence[Row]) -> str:
    """Median seconds per draw (the first draw may hold a compilation)."""
    elapsed = sorted(row["elapsed_s"] for row in rows)
    return f"{elapsed[len(elapsed) // 2]:.2g}"


def peer_notes(peers: Sequence[Peer]) -> list[str]:
    """What each peer is told and needs."""
    lines = [
        "## The peers",
        "",
        "Methods that need the whole record at once see the future: their delays mean nothing.",
        "",
    ]
    for peer in peers:
        notes = ["told the true number of lines" if peer.knows_order else "told nothing but the band"]
        notes.append("the whole record at once" if peer.batch else "streaming")
        if peer.regular_only:
            notes.append("regular clocks only")
        if not peer.installed:
            notes.append(f"not run: the package {peer.package} is not installed")
        lines.append(f"- **{peer.name}** (`benchmarks/peers/{peer.module}.py`): {', '.join(notes)}")
    return lines


if __name__ == "__main__":
    main()
