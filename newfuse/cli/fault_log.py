"""Keeps the program's own faults and warnings in a file beside the store; the console only names it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from pathlib import Path

from newfuse.config import store_folder
from newfuse.errors import NewFuseError
from newfuse.log import ROOT
from newfuse.private_files import make_private_folder, private_opener
from newfuse.redact import redact_text

FILE_NAME = "newfuse.log"
MOST_BYTES = 1_000_000  # then the file is begun anew, and the one before it kept once
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class FaultLog(logging.Handler):
    """Appends log lines of the engine, warnings and worse, to `newfuse.log`; free of secrets, and its owner's alone."""

    def __init__(self, root: Path | None) -> None:
        """Write beside the store of the app at `root`, or of the current folder; the file is made when it is needed."""
        super().__init__(logging.WARNING)
        self.setFormatter(logging.Formatter(FORMAT))
        self._folder: Callable[[], Path] = lambda: store_folder(root)
        self.lines = 0
        """How many entries were kept."""

    @property
    def path(self) -> Path:
        """The file."""
        try:
            return self._folder() / FILE_NAME
        except NewFuseError:  # what is wrong with the setting, its reader says
            return Path(FILE_NAME)

    def lie_in(self, folder: Path) -> None:
        """Keep the file in another folder from now on."""
        self._folder = lambda: folder

    def emit(self, record: logging.LogRecord) -> None:
        """Append one entry; one that cannot be written is lost, and counted nowhere."""
        try:
            path = self.path
            make_private_folder(path.parent)
            if path.exists() and path.stat().st_size > MOST_BYTES:
                path.replace(path.with_suffix(".log.1"))
            with open(path, "a", encoding="utf-8", errors="replace", opener=private_opener) as file:
                file.write(redact_text(self.format(record)) + "\n")
            self.lines += 1
        except OSError:
            return

    def attach(self) -> None:
        """Receive the engine's log lines."""
        root = logging.getLogger(ROOT)
        root.addHandler(self)
        root.propagate = False

    def detach(self) -> None:
        """Receive no more."""
        root = logging.getLogger(ROOT)
        root.removeHandler(self)
        root.propagate = True

    def keep(self, fault: BaseException) -> bool:
        """Write down a fault that ended a command; says whether that worked."""
        before = self.lines
        text = "".join(traceback.format_exception(fault))
        self.handle(logging.LogRecord(ROOT, logging.ERROR, __file__, 0, f"the command broke off\n{text}", None, None))
        return self.lines > before
