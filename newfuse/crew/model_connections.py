"""The connections of a model's client: where they lead, and what of the environment goes along."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from newfuse.config import ENVIRONMENT, places
from newfuse.http.bounds import ACCEPT_ENCODING, bound_answers
from newfuse.http.url import is_loopback

if TYPE_CHECKING:
    import ssl

CONNECTIONS, KEPT_CONNECTIONS = 1000, 100  # as both providers' packages have it
CUSTOM_HEADERS = {"openai": "OPENAI_CUSTOM_HEADERS", "anthropic": "ANTHROPIC_CUSTOM_HEADERS"}
"""Where the providers' own packages look for headers to send along; one `Name: value` a line."""


def http_settings(base_url: str) -> dict[str, Any]:
    """Return the settings of a client for one address, of either provider's own kind.

    It follows no redirect: the next host would get the whole conversation. A proxy of the environment never gets what
    is meant for this machine.
    """
    settings: dict[str, Any] = {"verify": _ssl_context(), "follow_redirects": False}
    if is_loopback(urlsplit(base_url).hostname or ""):
        settings["trust_env"] = False
    return settings


def async_http_settings(base_url: str) -> dict[str, Any]:
    """Return `http_settings` for an asynchronous client, which also reads no more of an answer than is bearable."""
    import httpx2

    settings = http_settings(base_url)
    settings["event_hooks"] = {"response": [bound_answers(httpx2.AsyncByteStream)]}
    settings["headers"] = {"Accept-Encoding": ACCEPT_ENCODING}
    if "trust_env" in settings:  # Anthropic's client looks for proxies wherever it is given no transport
        limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=KEPT_CONNECTIONS)
        settings["transport"] = httpx2.AsyncHTTPTransport(verify=settings["verify"], trust_env=False, limits=limits)
    return settings


def leave_the_environment_out(client: Any, provider: str) -> None:
    """Take what a provider's client found in the environment for the provider itself out of one for another server.

    Both packages send the headers of `…_CUSTOM_HEADERS`, an `Authorization` among them, to any address; OpenAI's also
    names the organization and the project.
    """
    environment = next(place for place in places() if place.name == ENVIRONMENT)
    lines = (environment.values.get(CUSTOM_HEADERS[provider]) or "").splitlines()
    names = {line.partition(":")[0].strip() for line in lines if ":" in line}
    client._custom_headers = {  # noqa: SLF001 - neither package has another way to be told
        name: value
        for name, value in client._custom_headers.items()  # noqa: SLF001
        if name not in names
    }
    if provider == "openai":
        client.organization = client.project = client.admin_api_key = None


@cache
def _ssl_context() -> ssl.SSLContext:
    # 20 ms each (measured): one for all models. The makers' own, which trusts what the machine trusts.
    import httpx2

    return httpx2.create_ssl_context()
