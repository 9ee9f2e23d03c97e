"""The command line. Everything heavy is imported inside the commands, so that `newfuse --help` answers at once."""

from newfuse.cli.entry import main

__all__ = ["main"]
