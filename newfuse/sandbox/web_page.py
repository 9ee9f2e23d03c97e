"""Tells what a web page of another origin sends from what a program sends.

The sandbox believes every token and its control routes ask for none, so whatever a browser can be made to send would
be obeyed: a page anywhere may post to a port of this machine, and by rebinding its own name to 127.0.0.1 it may read
the answers too (https://en.wikipedia.org/wiki/DNS_rebinding). Browsers say who asks; programs need say nothing.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

# https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site: `none` is an address that was typed.
_OWN_SITES: Final = {"none", "same-origin"}
_RULE: Final = "The sandbox answers programs on this machine, and no web page of another origin."


def refusal(headers: Collection[tuple[str, str]], bound_to: str) -> tuple[str, str] | None:
    """Say why a request is not answered.

    Any port goes with the name, so that a tunnel or a proxy of this machine may stand before the sandbox: a page can
    rebind a name that it owns, never a loopback address or `localhost`.

    Args:
        headers: Names in lower case, and values, as they came.
        bound_to: The address that the sandbox listens on.

    Returns:
        The header at fault and the reason, or None when it may pass.
    """
    hosts = [value for name, value in headers if name == "host"]
    for name, value in headers:
        if name == "host" and not _is_own_name(value, bound_to):
            return name, f"must name this machine, such as 127.0.0.1 or localhost, and is {value!r}. {_RULE}"
        if name == "origin" and value.partition("://")[2] not in hosts:
            return name, f"is {value!r}, which is not the sandbox's own. {_RULE}"
        if name == "sec-fetch-site" and value not in _OWN_SITES:
            return name, f"is {value!r}. {_RULE}"
    return None


@lru_cache(maxsize=64)  # a client sends the same one each time
def _is_own_name(host: str, bound_to: str) -> bool:
    try:
        parts = urlsplit(f"//{host}")
        name = (parts.hostname or "").rstrip(".")
        _ = parts.port  # raises where it is none
    except ValueError:
        return False
    if parts.netloc != host or "@" in host:
        return False
    if name in {"localhost", bound_to} or name.endswith(".localhost"):  # RFC 6761, 6.3: never beyond this machine
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
