"""`newfuse new`: makes apps, and parts of the app in the current folder."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

ALIKE = 0.75  # a word so much like a kind is a slip of the pen rather than the name of an app


class NewGroup(TyperGroup):
    """A group in which `new DIR` is `new app DIR`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Take a single word that is no kind of thing for the folder of an app."""
        known = self.list_commands(ctx)
        is_folder = len(args) == 1 and args[0] not in known and not args[0].startswith("-")
        if is_folder and not get_close_matches(args[0], known, cutoff=ALIKE):
            args = ["app", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=NewGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Make an app, or a part of one. `newfuse new DIR` makes an app too.",
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Lower case letters, digits and underscores.")]


@app.command("app")
def app_(folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder; its name is the app's.")]) -> int:
    """Make an app with a crew, data and tests."""
    from newfuse.cli.exit_code import ExitCode
    from newfuse.cli.screen import standard_output
    from newfuse.scaffold import new_app

    screen = standard_output()
    screen.say(f"Made {folder}, with {new_app(folder)} files. Try it:")
    there = [] if folder == Path() else [f"cd {folder}"]
    for command in (*there, "newfuse run", "python -m pytest"):
        screen.say(f"  {command}")
    return ExitCode.OK


@app.command("crew")
def crew(context: typer.Context, name: Name) -> int:
    """Make a crew with agent, task, tool and data."""
    return _make("crew", name, context)


@app.command("integration")
def integration(context: typer.Context, name: Name) -> int:
    """Make an integration, and its double."""
    return _make("integration", name, context)


@app.command("tool")
def tool(context: typer.Context, name: Name) -> int:
    """Make a tool that works on records."""
    return _make("tool", name, context)


@app.command("agent")
def agent(context: typer.Context, name: Name) -> int:
    """Make an agent."""
    return _make("agent", name, context)


def _make(kind: str, name: str, context: typer.Context) -> int:
    from newfuse.cli.app_root import find_root
    from newfuse.cli.exit_code import ExitCode
    from newfuse.cli.screen import standard_output
    from newfuse.scaffold import new_part

    made = new_part(kind, name, find_root(context.obj.root))
    screen = standard_output()
    screen.say(f"Made the {kind} {name}:")
    for path in made.files:
        screen.say(f"  {path}")
    screen.say("Try it:")
    for command in made.next:
        screen.say(f"  {command}")
    return ExitCode.OK
