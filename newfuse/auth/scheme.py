"""What all ways of authenticating share: the credentials they need, and putting them on a request."""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pydantic import SecretStr

from newfuse.errors import ConfigurationError
from newfuse.types import AuthType

if TYPE_CHECKING:
    from newfuse.http import Auth

Credentials = Mapping[str, SecretStr]


@dataclass(frozen=True, slots=True)
class CredentialField:
    """One credential a person has to supply.

    Attributes:
        name: Name in the constructor, the vault and, in upper case after the slug, the environment.
        secret: Whether it must never be shown.
        description: What it is and where to get it.
        optional: Whether the integration works without it.
    """

    name: str
    secret: bool = True
    description: str = ""
    optional: bool = False


class AuthScheme(ABC):
    """A declared way of authenticating, e.g. `auth = Bearer(field="api_key")` in an integration.

    Attributes:
        type: The kind, as integrations state it.
    """

    type: ClassVar[AuthType] = AuthType.API_KEY

    @property
    @abstractmethod
    def fields(self) -> tuple[CredentialField, ...]:
        """Credentials it needs, in the order a person is asked for them."""

    @abstractmethod
    def build(self, credentials: Credentials) -> Auth:
        """Make what puts the credentials on every request.

        Args:
            credentials: Values by field name; others are ignored. An empty value counts as not given.

        Returns:
            An httpx Auth whose repr shows nothing; it adds nothing where optional credentials are not given.

        Raises:
            ConfigurationError: A needed credential is not given or cannot be sent; the message names the
                field and never the value.
        """


def credential(credentials: Credentials, field: CredentialField) -> str | None:
    """Return the value of one field, or None when it is optional and not given.

    Args:
        credentials: Values by field name.
        field: The wanted one.

    Raises:
        ConfigurationError: It is needed and not given, or holds a line break or another control character.
    """
    given = credentials.get(field.name)
    value = given.get_secret_value() if given is not None else ""
    if not value:
        if field.optional:
            return None
        about = f" ({field.description})" if field.description else ""
        raise ConfigurationError(f"The credential {field.name!r} is needed{about} and was not given.")
    if any(unicodedata.category(sign) == "Cc" for sign in value):
        raise ConfigurationError(
            f"The credential {field.name!r} holds a control character, such as a line break; was it copied whole?"
        )
    return value


def latin_1(value: str, field: str) -> str:
    """Return a header value unchanged, if it can be sent in a header.

    Args:
        value: The value.
        field: Name of the credential, for the message.

    Raises:
        ConfigurationError: It holds a character outside of Latin-1, the most a header can carry (RFC 9110,
            5.5).
    """
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"The credential {field!r} holds a character that no header can carry; was it copied whole?"
        ) from None
    return value
