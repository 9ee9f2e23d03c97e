"""`newfuse integrations`: the integrations there are, and single calls of them."""

from __future__ import annotations

import json as json_library
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from newfuse.cli.optional_value import SandboxCommand

if TYPE_CHECKING:
    from newfuse.errors import MissingCredential
    from newfuse.integrations import Health, Integration

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at integrations and call them.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Slug = Annotated[str, typer.Argument(metavar="ID", help="Which integration; see `newfuse integrations list`.")]
Sandbox = Annotated[
    str | None, typer.Option("--sandbox", metavar="[URL]", help="Use the sandbox at URL, or an embedded one.")
]
StoreFolder = Annotated[
    Path | None, typer.Option("--store", metavar="DIR", help="Folder of the store (default: .newfuse/ beside the app).")
]


@app.command("list")
def list_(
    count: Annotated[bool, typer.Option("--count", help="Print how many there are, and nothing else.")] = False,
    json: Json = False,
) -> int:
    """List the integrations there are: built in, of plugins, and of the app in the current folder."""
    from newfuse.cli.app_root import say_what_is_left_out
    from newfuse.cli.columns import columns
    from newfuse.cli.exit_code import ExitCode
    from newfuse.cli.screen import standard_error, standard_output
    from newfuse.integrations import available_integrations

    say_what_is_left_out(standard_error())
    classes = available_integrations()
    screen = standard_output()
    if count:
        screen.say_json(json_library.dumps({"count": len(classes)})) if json else screen.say(str(len(classes)))
        return ExitCode.OK
    found = [_metadata(cls()) for cls in classes.values()]
    if json:
        screen.say_json(json_library.dumps(found, indent=2, ensure_ascii=False))
    else:
        heading = ("ID", "NAME", "TYPE", "AUTH", "ACTIONS", "DESCRIPTION")
        rows = [
            (one["id"], one["name"], one["type"], one["auth_type"], len(one["actions"]), one["description"])
            for one in found
        ]
        screen.say(columns(heading, rows))
    return ExitCode.OK


@app.command("show")
def show(slug: Slug, json: Json = False) -> int:
    """Show one integration: its actions, what they take, and the credentials it needs."""
    from newfuse.cli.exit_code import ExitCode
    from newfuse.cli.screen import standard_output
    from newfuse.integrations import create_integration

    integration = create_integration(slug)
    screen = standard_output()
    if json:
        screen.say_json(json_library.dumps(_metadata(integration), indent=2, ensure_ascii=False))
    else:
        screen.say(_text(integration))
    return ExitCode.OK


@app.command("call", cls=SandboxCommand)
def call(
    context: typer.Context,
    slug: Slug,
    action: Annotated[str, typer.Argument(metavar="ACTION", help="One of its actions.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Its arguments; JSON where they are JSON.")
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Call there instead of at the vendor; credentials are yours.")
    ] = None,
    sandbox: Sandbox = None,
    json: Json = False,  # noqa: ARG001 - the answer is JSON in any case; the option says that one relies on it
    store: StoreFolder = None,
) -> int:
    """Run one action at the vendor, with the credentials of the environment, and print what it returns as JSON.

    Every call writes anew: a write is kept from happening twice by the reference a run gives it.
    Exit code: 0 when it was done, 1 when the vendor refused, 2 when the call itself is wrong.
    """
    from newfuse.cli.exit_code import ExitCode
    from newfuse.cli.integration_call import ActionCall, call_action
    from newfuse.cli.interruption import run_interruptibly
    from newfuse.cli.screen import standard_error, standard_output
    from newfuse.cli.store_access import chosen_folder

    launched: Any = context.obj
    asked = ActionCall(slug=slug, action=action, arguments=arguments or [], sandbox=sandbox, base_url=base_url)
    answer = run_interruptibly(
        call_action(asked, chosen_folder(store, launched.root)),
        interrupted=lambda: standard_error().say("Interrupted: settling the write if one was begun."),
    )
    standard_output().say_json(json_library.dumps(answer.value, indent=2, ensure_ascii=False))
    return ExitCode.OK if answer.is_confirmed else ExitCode.NEEDS_ATTENTION


@app.command("health", cls=SandboxCommand)
def health(
    context: typer.Context,
    sandbox: Sandbox = None,
    live: Annotated[bool, typer.Option("--live", help="Ask the vendors themselves.")] = False,
    json: Json = False,
    store: StoreFolder = None,
) -> int:
    """Make one health call to every integration: of the sandbox, or with --live of those with credentials.

    Exit code: 0 when all that were asked are well, 1 when one is not, 2 when none could be asked.
    """
    from newfuse.cli.app_root import say_what_is_left_out
    from newfuse.cli.exit_code import ExitCode
    from newfuse.cli.integration_call import check_health
    from newfuse.cli.interruption import run_interruptibly
    from newfuse.cli.screen import standard_error, standard_output
    from newfuse.cli.store_access import chosen_folder
    from newfuse.cli.world import check_choice
    from newfuse.errors import MissingCredential

    check_choice(sandbox, live)
    say_what_is_left_out(standard_error())
    launched: Any = context.obj
    found = run_interruptibly(
        check_health(sandbox, live, chosen_folder(store, launched.root)), interrupted=lambda: None
    )
    screen = standard_output()
    if json:
        readings = {slug: _reading(one) for slug, one in found.items()}
        screen.say_json(json_library.dumps(readings, indent=2, ensure_ascii=False))
    else:
        screen.say(_health_text(found))
    asked = [one for one in found.values() if not isinstance(one, MissingCredential)]
    if not asked:
        return ExitCode.USAGE
    return ExitCode.OK if all(one.ok for one in asked) else ExitCode.NEEDS_ATTENTION


def _reading(one: Health | MissingCredential) -> dict[str, Any]:
    from newfuse.errors import MissingCredential

    if isinstance(one, MissingCredential):
        return {"ok": None, "error": one.for_model}
    return one.model_dump(mode="json")


def _health_text(found: dict[str, Health | MissingCredential]) -> str:
    from newfuse.cli.columns import columns
    from newfuse.errors import MissingCredential

    rows: list[tuple[object, ...]] = []
    notes: list[str] = []
    for slug, one in found.items():
        if isinstance(one, MissingCredential):
            rows.append((slug, "not asked", None))
            notes.append(one.for_model)
        else:
            rows.append((slug, "connected" if one.ok else "failed", f"{one.latency_ms:.1f} ms"))
            if one.error is not None:
                notes.append(one.error)
    return "\n".join([columns(("INTEGRATION", "STATE", "LATENCY"), rows), *notes])


def _metadata(integration: Integration) -> dict[str, Any]:
    about = integration.get_metadata()
    return {
        **{name: about[name] for name in ("id", "name", "type", "description", "auth_type", "base_url")},
        "doc_url": integration.doc_url,
        "credentials": [
            {
                "name": field.name,
                "description": field.description,
                "optional": field.optional,
                "environment": credential_variables(type(integration), field.name),
            }
            for field in integration.auth.fields
        ],
        "actions": [
            {
                "name": spec.name,
                "effect": spec.effect.value,
                "once": spec.once.value if spec.once is not None else None,
                "description": spec.description,
                "arguments": spec.signature.arguments.model_json_schema(),
            }
            for spec in integration.specs.values()
        ],
    }


def credential_variables(integration: type[Integration], field: str) -> list[str]:
    """Return the environment variables a credential is looked for in, the usual one first."""
    return [f"{integration.slug}_{field}".upper(), *integration.credential_names.get(field, ())]


def _text(integration: Integration) -> str:
    from newfuse.cli.columns import columns

    about = _metadata(integration)
    lines = [
        f"{about['name']} ({about['id']}): {about['description']}",
        f"Type: {about['type']}   Authentication: {about['auth_type']}   Host: {about['base_url']}",
    ]
    if about["doc_url"]:
        lines.append(f"Documentation: {about['doc_url']}")
    lines.append("")
    lines.append("Credentials:" if about["credentials"] else "Credentials: none")
    lines += [
        f"  {one['name']}{' (optional)' if one['optional'] else ''}: {' or '.join(one['environment'])}"
        for one in about["credentials"]
    ]
    rows = [
        (one["name"], one["effect"], one["once"], _parameters(one["arguments"]), one["description"].partition("\n")[0])
        for one in about["actions"]
    ]
    return "\n".join([*lines, "", columns(("ACTION", "EFFECT", "ONCE", "TAKES", "WHAT IT DOES"), rows)])


def _parameters(schema: dict[str, Any]) -> str:
    """Name the arguments of an action; those that may be left out in brackets."""
    required = set(schema.get("required", ()))
    names = list(schema.get("properties", {}))
    return " ".join(name if name in required else f"[{name}]" for name in names) or "nothing"
