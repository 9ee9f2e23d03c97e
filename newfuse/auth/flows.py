"""The httpx side of the schemes. Imported only when one is built, as it loads httpx."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping

from pydantic import SecretStr

from newfuse.errors import ConfigurationError
from newfuse.http import Auth, Request, Response
from newfuse.http.send import PATH_EXTENSION

Flow = Generator[Request, Response, None]


class Unchanged(Auth):
    """Leaves every request as it is.

    Attributes:
        secrets: What must be masked wherever a vendor repeats it.
    """

    secrets: tuple[SecretStr, ...] = ()

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        self.secrets = tuple(SecretStr(secret) for secret in secrets if secret)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class WithHeaders(Unchanged):
    """Sets headers, over those of the same name."""

    def __init__(self, headers: Mapping[str, str], *, secrets: tuple[str, ...] = ()) -> None:
        super().__init__(secrets)
        self._headers = dict(headers)

    def auth_flow(self, request: Request) -> Flow:
        """Set the headers and send."""
        for name, value in self._headers.items():
            if not value.isascii():
                request.headers.encoding = "latin-1"  # httpx would send UTF-8, which no header carries
            request.headers[name] = value
        yield request


class WithParams(Unchanged):
    """Sets query parameters, over those of the same name."""

    def __init__(self, params: Mapping[str, str], *, secrets: tuple[str, ...] = ()) -> None:
        super().__init__(secrets)
        self._params = dict(params)

    def auth_flow(self, request: Request) -> Flow:
        """Set the parameters and send."""
        request.url = request.url.copy_merge_params(self._params)
        yield request


class InTurn(Unchanged):
    """Applies several, one after the other."""

    def __init__(self, parts: tuple[Auth, ...]) -> None:
        super().__init__()
        self.secrets = tuple(secret for part in parts for secret in getattr(part, "secrets", ()))
        self._parts = parts

    def auth_flow(self, request: Request) -> Flow:
        """Let each part change the request, then send it once."""
        for part in self._parts:
            request = next(part.auth_flow(request))
        yield request


class PathChoice(Unchanged):
    """Applies the one whose path prefix fits best; a failed one keeps its error for its first use."""

    def __init__(self, choices: Mapping[str, Auth | ConfigurationError]) -> None:
        super().__init__()
        self.secrets = tuple(secret for part in choices.values() for secret in getattr(part, "secrets", ()))
        self._choices = sorted(choices.items(), key=lambda choice: -len(choice[0]))

    def auth_flow(self, request: Request) -> Flow:
        """Choose by the path below the base URL, and send."""
        path = request.extensions.get(PATH_EXTENSION, request.url.path)
        for prefix, choice in self._choices:
            if path.startswith(prefix):
                if isinstance(choice, ConfigurationError):
                    # A fresh one each time: a raised error collects tracebacks.
                    raise ConfigurationError(choice.for_model)
                yield from choice.auth_flow(request)
                return
        yield request


class ByFunction(Unchanged):
    """Lets a connector's function change the request."""

    def __init__(
        self,
        function: Callable[[Request, Mapping[str, SecretStr]], None],
        credentials: Mapping[str, SecretStr],
    ) -> None:
        super().__init__(tuple(secret.get_secret_value() for secret in credentials.values()))
        self._function = function
        self._credentials = dict(credentials)

    def auth_flow(self, request: Request) -> Flow:
        """Call the function and send."""
        self._function(request, self._credentials)
        yield request
