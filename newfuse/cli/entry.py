"""The way into the command line, and the one place where errors become messages and exit codes.

Exit codes: 0 done; 1 somebody should look; 2 a wrong option, file or setting; 130 interrupted (`ExitCode`), however
many signals came. A fault of the program itself is 1 as well: the message names the log file with its traceback, which
never reaches the terminal.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from newfuse.cli.exit_code import ExitCode
from newfuse.cli.fault_log import FaultLog
from newfuse.cli.interruption import Interrupted, signals_as_interrupts
from newfuse.cli.printable import one_line
from newfuse.cli.screen import make_streams_steady, silence, standard_error
from newfuse.config import app_at, app_here
from newfuse.errors import ConfigurationError, InvalidArguments, NewFuseError

MESSAGE = 2_000  # characters of an error: it may list many places, not a whole answer of a vendor


def main(arguments: Sequence[str] | None = None, *, root: Path | None = None) -> int:
    """Run one command.

    Args:
        arguments: Of the command line; the process's own when not given.
        root: The app's folder, where it is known; the current folder otherwise, if it is an app's.

    Returns:
        The exit code.
    """
    make_streams_steady()
    log = FaultLog(root)
    log.attach()
    try:
        with signals_as_interrupts(), app_at(root or app_here()):
            return _finished(_run(list(sys.argv[1:] if arguments is None else arguments), root, log), log)
    except KeyboardInterrupt:  # between two steps of our own
        return ExitCode.INTERRUPTED
    finally:
        log.detach()


def _run(arguments: list[str], root: Path | None, log: FaultLog) -> int:
    say = standard_error().say
    try:
        import typer

        from newfuse.cli.app import Launch, app
    except ModuleNotFoundError as exc:
        say(f"Error: the library {exc.name} is not installed. `make run` installs what is needed, in .venv.")
        return ExitCode.USAGE
    try:
        code = app(arguments, prog_name="newfuse", standalone_mode=False, obj=Launch(root, log))
    except typer.TyperException as exc:
        say(_usage(exc))
        return exc.exit_code
    except (ConfigurationError, InvalidArguments) as exc:
        say(f"Error: {one_line(exc.for_model, MESSAGE)}")
        return ExitCode.USAGE
    except NewFuseError as exc:
        say(f"Error: {one_line(exc.for_model, MESSAGE)}")
        return ExitCode.NEEDS_ATTENTION
    except (Interrupted, KeyboardInterrupt, typer.Abort):
        say("Interrupted.")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough
        silence(sys.stdout)
        return ExitCode.OK
    except Exception as exc:
        where = f"its traceback is in {log.path}" if log.keep(exc) else f"its log {log.path} cannot be written"
        say(f"Error: an internal fault, {type(exc).__name__}: {one_line(str(exc))}; {where}")
        log.lines = 0  # said
        return ExitCode.NEEDS_ATTENTION
    return int(code or ExitCode.OK)


def _finished(code: int, log: FaultLog) -> int:
    """Tell what was logged, and make sure that what was printed has arrived."""
    if log.lines:
        standard_error().say(f"Note: warnings or faults of the program were logged in {log.path}")
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence(sys.stdout)
    except (OSError, ValueError) as exc:
        silence(sys.stdout)
        standard_error().say(f"Error: standard output cannot be written: {exc}")
        return code or ExitCode.NEEDS_ATTENTION
    return code


def _usage(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    message = getattr(error, "format_message", lambda: str(error))()
    if context is None:
        return f"Error: {message}"
    if message == context.get_help():  # a command group without a command
        return str(message)
    return f"Error: {message}\nTry `{context.command_path} --help`."
