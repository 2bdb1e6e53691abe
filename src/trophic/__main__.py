"""``python -m trophic``."""

import sys

from trophic.cli import main

if __name__ == "__main__":
    sys.exit(main())
