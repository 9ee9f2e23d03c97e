"""The sandbox as a world to work in: one of this process's own, or one that is served elsewhere."""

from __future__ import annotations

import asyncio
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

from newfuse.environment import Environment
from newfuse.errors import ConfigurationError
from newfuse.sandbox.doubles import credentials_for

INFO_PATH: Final = "/_sandbox"
TIMEOUT_S: Final = 5.0  # a sandbox answers within milliseconds
MOST_BYTES: Final = 65_536  # its description is a few hundred; what sends more is none of ours


@contextmanager
def embedded(seed: int = 0) -> Iterator[Environment]:
    """Run a sandbox in this process for the length of a `with` block.

    Args:
        seed: Makes generated ids and the draws of faults repeatable.

    Yields:
        The world of that sandbox. Its state, and with it its name, is new each time.

    Raises:
        ConfigurationError: This machine lets nothing listen on loopback.
    """
    from newfuse.sandbox.server import SandboxServer  # a web server: not for those who use another's sandbox

    server = SandboxServer(seed=seed)
    try:
        server.start()
    except OSError as exc:
        raise ConfigurationError(f"The embedded sandbox cannot listen on this machine: {exc}.") from exc
    try:
        yield world_of(server.url, server.sandbox.instance_id, server.sandbox.vendors)
    finally:
        server.stop()


async def at(url: str) -> Environment:
    """Return the world of a sandbox that is served at `url`, e.g. `http://127.0.0.1:8420`.

    Raises:
        ConfigurationError: Nothing answers there, or something that is no sandbox; names the URL and the way out.
    """
    address = _address(url)
    info = await asyncio.to_thread(_describe, address)
    return world_of(address, info["instance_id"], info["vendors"])


def world_of(url: str, instance_id: str, vendors: Iterable[str]) -> Environment:
    """Return the world of a sandbox.

    Args:
        url: Its address, without a trailing slash.
        instance_id: Which state it holds: a sandbox that was reset or started anew is another world.
        vendors: Slugs of the vendors it has.
    """
    settings = {slug: {"base_url": f"{url}/{slug}", **credentials_for(slug)} for slug in vendors}
    return Environment(mode="sandbox", name=f"sandbox:{instance_id}", settings=settings)


def _address(url: str) -> str:
    text = url if "://" in url else f"http://{url}"
    try:
        parts = urlsplit(text)
        known = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        known = False
    if not known or parts.query or parts.fragment or not text.isascii() or any(char.isspace() for char in text):
        raise ConfigurationError(f"The sandbox's address {url!r} is not a URL such as http://127.0.0.1:8420.")
    return text.rstrip("/")


def _describe(url: str) -> dict[str, Any]:
    way_out = "Start one with `newfuse sandbox serve`, or leave the URL out to use the embedded one."
    # What listens on this machine is not reached through a proxy, and a sandbox elsewhere is named by its own address.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect())
    try:
        with opener.open(f"{url}{INFO_PATH}", timeout=TIMEOUT_S) as answer:
            info = json.loads(answer.read(MOST_BYTES))
    except urllib.error.HTTPError as exc:
        exc.close()
        if exc.code == HTTPStatus.FORBIDDEN:
            way_out = f"If it is one, use its loopback address, such as http://127.0.0.1:8420. {way_out}"
        raise ConfigurationError(f"{url} is no sandbox: HTTP {exc.code} from {INFO_PATH}. {way_out}") from None
    except (OSError, http.client.HTTPException) as exc:
        reason = getattr(exc, "reason", None) or exc
        raise ConfigurationError(f"No sandbox answers at {url}: {reason}. {way_out}") from None
    except (ValueError, RecursionError):
        info = None
    if not (isinstance(info, dict) and isinstance(info.get("instance_id"), str) and _is_texts(info.get("vendors"))):
        raise ConfigurationError(f"{url} is no sandbox: it answers {INFO_PATH} with something else. {way_out}")
    return info


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Lets a redirect end as the answer that it is: who answers at an address may not send us to another."""

    def redirect_request(self, *_given: Any, **_further: Any) -> None:
        """Name no request to go on with."""


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)
