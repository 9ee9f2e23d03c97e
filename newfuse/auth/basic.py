"""User name and password in one header (RFC 7617)."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from newfuse.auth.scheme import AuthScheme, CredentialField, Credentials, credential
from newfuse.errors import ConfigurationError
from newfuse.types import AuthType

if TYPE_CHECKING:
    from newfuse.http import Auth


@dataclass(frozen=True, kw_only=True)
class Basic(AuthScheme):
    """`Authorization: Basic`, each half a credential or a fixed text.

    Stripe's `key:` is `Basic(username_field="api_key")`; Mailchimp's `any:key` is
    `Basic(username="newfuse", password_field="api_key")`.

    Attributes:
        username_field: Credential that is the user name, or None for the fixed `username`.
        password_field: Credential that is the password, or None for the fixed `password`.
        username: Fixed user name.
        password: Fixed password.
        description: What the credentials are and where to get them.
        optional: Whether calls go out without the header when nothing is given.
    """

    type: ClassVar[AuthType] = AuthType.BASIC

    username_field: str | None = None
    password_field: str | None = None
    username: str = ""
    password: str = ""
    description: str = ""
    optional: bool = False

    @property
    def fields(self) -> tuple[CredentialField, ...]:
        """The halves that are credentials; a user name beside a password is no secret."""
        halves = []
        if self.username_field is not None:
            alone = self.password_field is None
            description = self.description or ("API key" if alone else "User name")
            halves.append(CredentialField(self.username_field, alone, description, self.optional))
        if self.password_field is not None:
            description = self.description or "Password or API key"
            halves.append(CredentialField(self.password_field, True, description, self.optional))
        return tuple(halves)

    def build(self, credentials: Credentials) -> Auth:
        """Make what adds the header; see `AuthScheme.build`."""
        from newfuse.auth.flows import Unchanged, WithHeaders

        given = {field.name: credential(credentials, field) for field in self.fields}
        if given and all(value is None for value in given.values()):
            return Unchanged()
        username = self.username if self.username_field is None else given[self.username_field] or ""
        password = self.password if self.password_field is None else given[self.password_field] or ""
        if ":" in username:  # RFC 7617, 2: the first colon ends the user name
            name = self.username_field or "username"
            raise ConfigurationError(f"The credential {name!r} may hold no colon.")
        try:
            pair = f"{username}:{password}".encode()
        except UnicodeEncodeError:
            names = " or ".join(repr(name) for name in given)
            message = f"The credential {names} holds a character that is not Unicode."
            raise ConfigurationError(message) from None
        token = b64encode(pair).decode("ascii")
        hidden = tuple(given[field.name] or "" for field in self.fields if field.secret)
        return WithHeaders({"Authorization": f"Basic {token}"}, secrets=(token, *hidden))
