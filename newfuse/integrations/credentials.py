"""Finds an integration's credentials: given to the constructor, else in the environment or in `.env`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import SecretStr

from newfuse.auth import CredentialField
from newfuse.config import Setting, find_setting, places
from newfuse.errors import ConfigurationError, MissingCredential
from newfuse.http.url import is_loopback, parse_base

_NO_NAME = re.compile(r"[^A-Za-z0-9]+")  # what no shell takes in the name of a variable


def find_credentials(
    id: str,  # noqa: A002 - the registry's word for it
    slug: str,
    fields: Sequence[CredentialField],
    given: Mapping[str, SecretStr],
    further_names: Mapping[str, Sequence[str]],
) -> dict[str, SecretStr]:
    """Return the credentials there are, by field name.

    Args:
        id: Integration the credentials are for, for messages.
        slug: Prefix of the environment variables, e.g. `STRIPE_API_KEY`.
        fields: Credentials the integration knows.
        given: Those that were given to the constructor; they win.
        further_names: Further environment variables by field.

    Raises:
        MissingCredential: One that is needed was found nowhere, or apart from the others; the message lists the places.
    """
    names = {
        field.name: [_NO_NAME.sub("_", f"{slug}_{field.name}").upper(), *further_names.get(field.name, ())]
        for field in fields
    }
    given = {name: value for name, value in given.items() if value.get_secret_value().strip()}
    outside = _of_one_place(id, {name: those for name, those in names.items() if name not in given})
    found: dict[str, SecretStr] = {}
    for field in fields:
        if field.name in given:
            found[field.name] = given[field.name]
        elif field.name in outside:
            found[field.name] = outside[field.name].secret
        elif not field.optional:
            raise MissingCredential(id, field.name, _looked_in(field.name, names[field.name]))
    return found


def _of_one_place(id: str, names: Mapping[str, Sequence[str]]) -> dict[str, Setting]:  # noqa: A002
    """Find the settings of one account, all in the same place.

    One of them may hold an address or name an account: a key of the environment must not go where a file says.
    """
    found = {name: setting for name, those in names.items() if (setting := find_setting(those)) is not None}
    if len({setting.place.name for setting in found.values()}) <= 1:
        return found
    for place in places():
        there = {name: setting for name in found if (setting := place.find(names[name])) is not None}
        if len(there) == len(found):
            return there
    first, *others = found.items()
    name, apart = next(one for one in others if one[1].place.name != first[1].place.name)
    stand_apart = f"{apart} stands apart from {first[1]}: keep the settings of one account in one place"
    raise MissingCredential(id, name, [*_looked_in(name, names[name]), stand_apart])


def _looked_in(field: str, names: Sequence[str]) -> list[str]:
    return [f"argument {field}=", *(f"environment variable {name} (or .env)" for name in names)]


def keep_off_plain_http(id: str, base_url: str) -> None:  # noqa: A002
    """Refuse to send an account's key where everybody on the way can read it.

    Raises:
        ConfigurationError: The address is plain http, and not on this machine.
    """
    base = parse_base(base_url)
    if base.origin[0] == "http" and not is_loopback(base.hostname):
        raise ConfigurationError(
            f"{id}: its credentials would go to {base.url} over plain http, readable for everybody on the way. "
            "Give a base_url that begins with https://, or a server on this machine."
        )
