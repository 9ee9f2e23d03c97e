"""`newfuse doctor`: says whether a run would find what it needs."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def doctor(
    context: typer.Context,
    load_crews: Annotated[
        bool, typer.Option("--load-crews", help="Import the crews of the current folder: this runs their code.")
    ] = False,
) -> int:
    """Check this machine and this app: what a run needs, and the way out where something is missing.

    Exit code: 0 when nothing is in the way of a run, 1 otherwise.
    """
    from newfuse.cli.examination import examine
    from newfuse.cli.exit_code import ExitCode
    from newfuse.cli.screen import standard_output

    launched: Any = context.obj
    screen = standard_output()
    problems = 0
    for finding in examine(launched.root, load_crews=load_crews):
        problems += not finding.ok
        screen.say(f"{'✅' if finding.ok else '❌'} {finding.name}: {finding.text}")
        if finding.way_out:
            screen.say(f"   {finding.way_out}")
    screen.say()
    screen.say(
        f"{problems} problem{'' if problems == 1 else 's'} found." if problems else "Nothing is in the way of a run."
    )
    return ExitCode.NEEDS_ATTENTION if problems else ExitCode.OK
