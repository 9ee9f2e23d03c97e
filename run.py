"""Runs a crew: `python run.py …` is `newfuse run …`, by default with the crew `api_integration`."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent


def main() -> int:
    """Run the crew named on the command line and return the exit code."""
    if str(ROOT) not in sys.path[:1]:  # under PYTHONSAFEPATH the script's own folder is left out
        sys.path.insert(0, str(ROOT))
    from newfuse.cli import main as newfuse

    return newfuse(["run", *sys.argv[1:]], root=ROOT)


if __name__ == "__main__":
    sys.exit(main())
