"""`python -m newfuse …` is `newfuse …`."""

from __future__ import annotations

import os  # loaded when Python starts: nothing may be looked for yet
import sys


def import_from_elsewhere() -> None:
    """Leave the current folder out of the imports, unless `newfuse` itself comes from it.

    `python -m` looks there first, for every library: a file `typer.py` in a folder of data would be run.
    """
    own = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))  # noqa: PTH120 - pathlib is not loaded yet
    try:
        here = os.getcwd()  # noqa: PTH109 - as above
    except OSError:  # it was deleted
        return
    if not sys.flags.safe_path and sys.path[:1] == [here] and os.path.realpath(here) != own:
        del sys.path[0]


if __name__ == "__main__":
    import_from_elsewhere()
    from newfuse.cli import main

    sys.exit(main())
