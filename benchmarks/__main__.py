"""Every benchmark, one after the other, each in a process of its own: ``python -m benchmarks [NAME ...]``.

Those that need recordings which are not part of the repository are left out, with a line that says so, unless
``TROPHIC_DATA`` names their folder or it lies at ``../shared/data``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

PACKAGED = ("speed", "runtime_speed", "network_speed", "quality", "ablation", "reliability")
RECORDED = ("real", "voice", "forecast", "nab")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("names", nargs="*", default=[*PACKAGED, *RECORDED], help="some of them")
    names = parser.parse_args().names
    folder = Path(os.environ.get("TROPHIC_DATA", "../shared/data"))
    failed = []
    for name in names:
        if name in RECORDED and not folder.is_dir():
            print(f"{name}: left out, no recordings at {folder}; set TROPHIC_DATA", flush=True)
            continue
        print(f"{name}:", flush=True)
        if subprocess.run([sys.executable, "-m", f"benchmarks.{name}"]).returncode:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
