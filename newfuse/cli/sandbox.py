"""`newfuse sandbox`: the emulated vendors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Serve the sandbox of every vendor.")

PORT = 8420


@app.callback()
def sandbox() -> None:
    """Serve the sandbox of every vendor."""


@app.command("serve")
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="P", help="Port; 0 takes a free one.")] = PORT,
    log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Append a JSON line for every request a vendor gets.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Makes generated ids and faults repeatable.")] = 0,
) -> int:
    """Serve every vendor's sandbox on loopback until Ctrl-C; in an app's folder, its doubles/ too.

    Exit code: 0 when it was stopped, 2 when it cannot listen.
    """
    from newfuse.cli.app_root import say_what_is_left_out
    from newfuse.cli.exit_code import ExitCode
    from newfuse.cli.screen import standard_error
    from newfuse.errors import ConfigurationError
    from newfuse.sandbox import PortInUse
    from newfuse.sandbox import serve as run_server

    say_what_is_left_out(standard_error())
    try:
        run_server(port, log_file=log, seed=seed)
    except PortInUse as exc:
        raise ConfigurationError(f"The sandbox cannot be served: {exc}.") from exc
    except BrokenPipeError:
        raise
    except OSError as exc:
        place = f" ({exc.filename})" if exc.filename else f" (port {port})"
        raise ConfigurationError(f"The sandbox cannot be served: {exc.strerror or exc}{place}.") from exc
    return ExitCode.OK
