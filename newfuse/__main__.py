"""`python -m newfuse …` is `newfuse …`."""

from __future__ import annotations

import sys

from newfuse.cli import main

if __name__ == "__main__":
    sys.exit(main())
