"""Named loggers under one root, and the one place that decides where their lines go."""

from __future__ import annotations

import logging

ROOT = "newfuse"


def logger(name: str) -> logging.Logger:
    """Return the logger of one room or class, e.g. `logger("IntegrationRegistry")`."""
    return logging.getLogger(f"{ROOT}.{name}")


def configure(level: int = logging.WARNING) -> None:
    """Send the engine's log lines to standard error; called by the command line only, never by the library.

    Args:
        level: Least severity shown.
    """
    root = logging.getLogger(ROOT)
    root.setLevel(level)
    if not root.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root.addHandler(handler)
    root.propagate = False
