"""Lays rows out in columns."""

from __future__ import annotations

from collections.abc import Sequence

from newfuse.cli.printable import one_line

CELL = 60  # characters of one cell: a longer one would push its neighbours off the screen


def columns(heading: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a heading and rows as aligned columns; what is None is shown as a dash."""
    from rich.cells import cell_len  # knows how wide a character is drawn

    table = [[one_line("–" if cell is None else str(cell), CELL) for cell in row] for row in (heading, *rows)]
    widths = [max(cell_len(row[at]) for row in table) for at in range(len(heading))]

    def line(row: Sequence[str]) -> str:
        padded = (cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True))
        return "  ".join(padded).rstrip()

    return "\n".join(line(row) for row in table)
