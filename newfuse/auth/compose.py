"""Schemes made of others: several keys at once, another key for another path, a function of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from newfuse.auth.scheme import AuthScheme, CredentialField, Credentials, credential
from newfuse.errors import ConfigurationError
from newfuse.types import AuthType

if TYPE_CHECKING:
    from newfuse.http import Auth


@dataclass(frozen=True)
class AllOf(AuthScheme):
    """Several at once, e.g. GA4's `measurement_id` and `api_secret`, both in the query."""

    parts: tuple[AuthScheme, ...]

    def __init__(self, *parts: AuthScheme) -> None:
        """Name the parts; they are applied in this order."""
        object.__setattr__(self, "parts", parts)

    @property
    def fields(self) -> tuple[CredentialField, ...]:
        """The fields of all parts, each name once."""
        return _union(self.parts)

    def build(self, credentials: Credentials) -> Auth:
        """Make what applies all parts; see `AuthScheme.build`."""
        from newfuse.auth.flows import InTurn

        return InTurn(tuple(part.build(credentials) for part in self.parts))


@dataclass(frozen=True)
class ByPath(AuthScheme):
    """Another scheme for another path, e.g. `ByPath({"/mp/": AllOf(…), "/": Bearer(field="access_token")})`.

    The longest prefix of the path below the base URL wins. One scheme's credentials are enough: a path whose
    own are not given fails when it is first called, with an error that names them.

    Attributes:
        schemes: Path prefix to scheme.
    """

    schemes: Mapping[str, AuthScheme]

    @property
    def fields(self) -> tuple[CredentialField, ...]:
        """The fields of all schemes, each name once; optional where there is more than one scheme."""
        fields = _union(tuple(self.schemes.values()))
        return tuple(replace(one, optional=one.optional or len(self.schemes) > 1) for one in fields)

    def build(self, credentials: Credentials) -> Auth:
        """Make what chooses by path; see `AuthScheme.build`. Fails when none of the schemes can be built."""
        from newfuse.auth.flows import PathChoice

        built: dict[str, Auth | ConfigurationError] = {}
        for prefix, scheme in self.schemes.items():
            needed = [one.name for one in scheme.fields if not one.optional]
            missing = [name for name in needed if not _given(credentials, name)]
            if missing:
                names = ", ".join(missing)
                built[prefix] = ConfigurationError(f"Calls to {prefix}… need {names}, not given.")
            else:
                built[prefix] = scheme.build(credentials)
        errors = [one for one in built.values() if isinstance(one, ConfigurationError)]
        if errors and len(errors) == len(built):
            raise ConfigurationError(" ".join(error.for_model for error in errors))
        return PathChoice(built)


@dataclass(frozen=True)
class CustomAuth(AuthScheme):
    """A function of the connector's own puts the credentials on the request.

    Attributes:
        function: Called with the httpx Request and the credentials before every attempt; changes the request.
        needs: The credentials it needs.
    """

    type: ClassVar[AuthType] = AuthType.CUSTOM

    function: Callable[[Any, Credentials], None]
    needs: tuple[CredentialField, ...] = field(default=(CredentialField("api_key", description="API key"),))

    @property
    def fields(self) -> tuple[CredentialField, ...]:
        """The declared credentials."""
        return self.needs

    def build(self, credentials: Credentials) -> Auth:
        """Make what calls the function; see `AuthScheme.build`. It sees the declared credentials only."""
        from newfuse.auth.flows import ByFunction

        needed = [one.name for one in self.needs if credential(credentials, one) is not None]
        given = {name: credentials[name] for name in needed}
        return ByFunction(self.function, given)


def _given(credentials: Credentials, name: str) -> bool:
    value = credentials.get(name)
    return value is not None and value.get_secret_value() != ""


def _union(schemes: tuple[AuthScheme, ...]) -> tuple[CredentialField, ...]:
    fields: dict[str, CredentialField] = {}
    for scheme in schemes:
        for one in scheme.fields:
            known = fields.get(one.name)
            # Needed by one of them: needed.
            fields[one.name] = replace(one, optional=one.optional and (known is None or known.optional))
    return tuple(fields.values())
