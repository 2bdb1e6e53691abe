"""Markdown pages of results: what ran, where, and the tables."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numpy", "scipy", "numba", "jax", "vmdpy", "ssqueezepy", "padasip", "reservoirpy", "river")


def provenance(module: str) -> list[str]:
    """Lines that say how the page was made: command, commit, processor, versions.

    Parameters
    ----------
    module : str
        The module that was run, such as ``benchmarks.quality``.
    """
    command = shlex.join(["python", "-m", module, *sys.argv[1:]])
    return [
        f"- command: `{command}`",
        f"- commit: {commit()}",
        f"- processor: {processor()}, {os.cpu_count()} cores seen",
        f"- Python {platform.python_version()}, {', '.join(_versions())}",
    ]


def commit() -> str:
    """The short hash of the checkout, marked when files differ from it; ``unknown`` outside a repository."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "src", "benchmarks")
        return git("rev-parse", "--short", "HEAD") + (" with uncommitted changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def processor() -> str:
    """The processor's name as the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A markdown table, as lines."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]


def write(path: Path, lines: Iterable[str]) -> None:
    """Write a page and say where."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"wrote {path}")


def _versions() -> Iterable[str]:
    for package in PACKAGES:
        try:
            yield f"{package} {version(package)}"
        except PackageNotFoundError:
            continue
