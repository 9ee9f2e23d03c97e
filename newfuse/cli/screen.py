"""One output stream as the commands see it: printable lines out, and no crash whatever reads them."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TextIO

from newfuse.cli.printable import printable, safe_json
from newfuse.errors import NewFuseError

_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


class OutputLost(NewFuseError):
    """What was to be printed could not be, e.g. because the disk is full."""


class Screen:
    """Writes lines to standard output or standard error.

    Who reads them may leave (`| head`), and what cannot be encoded is replaced: neither ends a command.
    """

    def __init__(self, stream: TextIO, *, endures: bool = False) -> None:
        """Write to `stream`; one that endures keeps silent when it cannot be written to, until `check`."""
        self.stream = stream
        self._endures = endures
        self._failure: str | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at it, with a terminal that can be drawn on."""
        return self.stream.isatty() and os.environ.get("TERM") != "dumb"

    def say(self, text: str = "") -> None:
        """Write lines of text; control characters and escape sequences in it are taken out."""
        self._write(f"{printable(text)}\n")

    def murmur(self, text: str) -> None:
        """Write lines of lesser importance, dimmed where that can be seen."""
        line = printable(text)
        plain = not self.is_terminal or "NO_COLOR" in os.environ
        self._write(f"{line}\n" if plain else f"{_DIM}{line}{_PLAIN}\n")

    def say_json(self, text: str) -> None:
        """Write a JSON document; characters a terminal would act on are escaped in it."""
        self._write(f"{safe_json(text.rstrip())}\n")

    def _write(self, text: str) -> None:
        if self.stream.closed:
            return
        try:
            self.stream.write(text)
            self.stream.flush()
        except OSError as exc:
            silence(self.stream)
            if exc.errno != errno.EPIPE:
                self._failure = f"Standard output or error cannot be written: {exc.strerror or exc}."
                if not self._endures:
                    self.check()

    def check(self) -> None:
        """Refuse to go on as if everything that was said had arrived.

        Raises:
            OutputLost: Lines were lost, and not because their reader left.
        """
        if self._failure is not None:
            raise OutputLost(self._failure)


def standard_output(*, endures: bool = False) -> Screen:
    """Return the screen of standard output."""
    return Screen(sys.stdout, endures=endures)


def standard_error(*, endures: bool = True) -> Screen:
    """Return the screen of standard error; by default one whose own failure nobody hears of."""
    return Screen(sys.stderr, endures=endures)


def make_streams_steady() -> None:
    """Let standard output and error take any character, and be there even when the shell closed them."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - for the process's life
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def silence(stream: TextIO) -> None:
    """Point a stream that cannot be written to at nothing, so that later lines and the exit find no error."""
    with contextlib.suppress(OSError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())
        os.close(nothing)
