"""Finds an integration's credentials: given to the constructor, else in the environment."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pydantic import SecretStr

from newfuse.auth import CredentialField
from newfuse.config import secret_from_environment
from newfuse.errors import MissingCredential

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
        MissingCredential: One that is needed was found nowhere; the message lists the places.
    """
    found: dict[str, SecretStr] = {}
    for field in fields:
        names = [_NO_NAME.sub("_", f"{slug}_{field.name}").upper(), *further_names.get(field.name, ())]
        value = given.get(field.name) or secret_from_environment(names)
        if value is not None and value.get_secret_value().strip():
            found[field.name] = value
        elif not field.optional:
            places = [f"argument {field.name}=", *(f"environment variable {name} (or .env)" for name in names)]
            raise MissingCredential(id, field.name, places)
    return found
