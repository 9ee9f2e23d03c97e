"""Static keys: bearer tokens, header keys, query keys, and none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from newfuse.auth.scheme import AuthScheme, CredentialField, Credentials, credential, latin_1
from newfuse.errors import ConfigurationError
from newfuse.types import AuthType

if TYPE_CHECKING:
    from newfuse.http import Auth


@dataclass(frozen=True, kw_only=True)
class HeaderKey(AuthScheme):
    """A key in a header, e.g. `X-API-Key: <key>`.

    Attributes:
        name: Header that takes the key.
        field: Credential that is the key.
        prefix: Text before the key, e.g. `Token ` (Make).
        description: What the key is and where to get it.
        optional: Whether calls go out without it when it is not given.
    """

    name: str = "X-API-Key"
    field: str = "api_key"
    prefix: str = ""
    description: str = "API key"
    optional: bool = False

    @property
    def fields(self) -> tuple[CredentialField, ...]:
        """The key."""
        return (CredentialField(self.field, True, self.description, self.optional),)

    def build(self, credentials: Credentials) -> Auth:
        """Make what adds the header; see `AuthScheme.build`."""
        from newfuse.auth.flows import Unchanged, WithHeaders

        key = credential(credentials, self.fields[0])
        if key is None:
            return Unchanged()
        return WithHeaders({self.name: self.prefix + latin_1(key, self.field)}, secrets=(key,))


@dataclass(frozen=True, kw_only=True)
class Bearer(HeaderKey):
    """A token in `Authorization: Bearer <token>` (RFC 6750, 2.1).

    Attributes:
        name: Header that takes the token.
        field: Credential that is the token.
        prefix: Text before the token.
    """

    name: str = "Authorization"
    prefix: str = "Bearer "


@dataclass(frozen=True, kw_only=True)
class QueryKey(AuthScheme):
    """A key in the query, e.g. `?key=<key>`.

    Attributes:
        name: Query parameter that takes the key.
        field: Credential that is the key.
        description: What the key is and where to get it.
        optional: Whether calls go out without it when it is not given.
        secret: False for identifiers that go the same way, e.g. GA4's `measurement_id`.
    """

    name: str = "key"
    field: str = "api_key"
    description: str = "API key"
    optional: bool = False
    secret: bool = True

    @property
    def fields(self) -> tuple[CredentialField, ...]:
        """The key."""
        return (CredentialField(self.field, self.secret, self.description, self.optional),)

    def build(self, credentials: Credentials) -> Auth:
        """Make what adds the parameter; see `AuthScheme.build`."""
        from newfuse.auth.flows import Unchanged, WithParams

        key = credential(credentials, self.fields[0])
        if key is None:
            return Unchanged()
        try:
            key.encode("utf-8")
        except UnicodeEncodeError:
            message = f"The credential {self.field!r} holds a character that is not Unicode."
            raise ConfigurationError(message) from None
        return WithParams({self.name: key}, secrets=(key,) if self.secret else ())


@dataclass(frozen=True)
class NoAuth(AuthScheme):
    """Nothing is added: the API is open, or its URL is the secret."""

    type: ClassVar[AuthType] = AuthType.NONE

    @property
    def fields(self) -> tuple[CredentialField, ...]:
        """No credentials."""
        return ()

    def build(self, credentials: Credentials) -> Auth:  # noqa: ARG002
        """Make what leaves every request as it is."""
        from newfuse.auth.flows import Unchanged

        return Unchanged()
