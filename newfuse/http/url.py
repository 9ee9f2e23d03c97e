"""Path templates and base URLs: where a request goes, and under which name it is recorded."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote_plus, urljoin, urlsplit

from newfuse.errors import ConfigurationError, InvalidArguments

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
# RFC 3986, 3.3: what may stand in a path besides percent-encodings; everything else belongs into `values`.
_LITERAL = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@/%]*\Z")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_DOTS = frozenset({".", ".."})


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A path such as `/v1/payment_intents/{id}`, split once and filled for every call."""

    text: str
    literals: tuple[str, ...]
    names: tuple[str, ...]

    def fill(self, values: Mapping[str, str | int] | None) -> str:
        """Return the path with every placeholder replaced by its percent-encoded value.

        Args:
            values: A text or number for every placeholder, and nothing else.

        Returns:
            The path, beginning with a slash; a value never adds a segment (a slash in it is encoded).

        Raises:
            InvalidArguments: A value is missing, unknown, empty, or a dot segment.
        """
        if not values and not self.names:
            return self.literals[0]
        given = values or {}
        problems = [(name, "is not in the path " + self.text) for name in given if name not in self.names]
        parts = [self.literals[0]]
        for name, literal in zip(self.names, self.literals[1:], strict=True):
            value = str(given.get(name, ""))
            if given.get(name) is None or value.strip() == "":
                problems.append((name, f"is needed for the path {self.text} and must not be empty"))
            elif value in _DOTS:
                problems.append((name, "must not be a dot segment"))
            parts += (quote(value, safe="", errors="surrogatepass"), literal)
        if problems:
            raise InvalidArguments("cannot build the URL", problems)
        return "".join(parts)


@lru_cache(maxsize=1024)
def parse_template(path: str) -> PathTemplate:
    """Split a path template at its placeholders.

    Args:
        path: A path below the base URL, without query or fragment; a missing leading slash is added.

    Returns:
        The template, ready to be filled.

    Raises:
        InvalidArguments: The path holds a query, a fragment, a dot segment, or characters no path may hold.
    """
    text = path if path.startswith("/") else "/" + path
    pieces = _PLACEHOLDER.split(text)
    literals, names = tuple(pieces[::2]), tuple(pieces[1::2])
    wrong = None
    if any(not _LITERAL.match(literal) for literal in literals):
        wrong = "may hold no query, fragment, space or other special character; use params and values"
    elif any(not name.isidentifier() for name in names) or len(set(names)) < len(names):
        wrong = "has a placeholder that is not a name of its own"
    elif any(segment in _DOTS for segment in text.replace("%2e", ".").replace("%2E", ".").split("/")):
        wrong = "may hold no dot segment"
    if wrong is not None:
        raise InvalidArguments("cannot build the URL", [("path", wrong)])
    return PathTemplate(text, literals, names)


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """A base URL: `prefix` comes before every path, `host` is what records show.

    Attributes:
        url: Scheme, host and path prefix, without a trailing slash.
        origin: Scheme, host and port in comparable form.
        prefix: The path prefix, empty or beginning with a slash, without a trailing one.
        host: Host, with its port where it is not the scheme's own.
        hostname: Host alone, lower case.
    """

    url: str
    origin: tuple[str, str, int]
    prefix: str
    host: str
    hostname: str

    def resolve(self, link: str, *, at: str) -> str | None:
        """Resolve a vendor's link against the URL it came from, if it stays below this base.

        Args:
            link: Absolute or relative link, e.g. of a next page (RFC 3986, 5).
            at: URL of the answer that held it.

        Returns:
            The absolute URL, or None when it leads to another origin or out of the path prefix.
        """
        try:
            url = urljoin(at, link)
            parts = urlsplit(url)
            same = _origin(parts.scheme, parts.hostname, parts.port) == self.origin
        except ValueError:
            return None
        path = parts.path.replace("%2e", ".").replace("%2E", ".")
        climbs = any(segment in _DOTS for segment in path.split("/"))
        below = path == self.prefix or path.startswith(self.prefix + "/")
        odd = "@" in parts.netloc or any(ord(sign) <= ord(" ") for sign in url)
        if not same or climbs or not below or odd:
            return None
        return parts._replace(fragment="").geturl()


@lru_cache(maxsize=256)
def parse_base(url: str) -> BaseUrl:
    """Check and split a base URL.

    Args:
        url: `http` or `https`, a host, perhaps a port and a path prefix; no user, query or fragment.

    Returns:
        Its parts.

    Raises:
        ConfigurationError: It is not such a URL. The message does not repeat a user or password in it.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as exc:
        raise ConfigurationError("base_url is not a URL: its host or port cannot be read.") from exc
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ConfigurationError("base_url must begin with http:// or https:// and name a host.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError("base_url may hold no user, query or fragment; give credentials separately.")
    prefix = parts.path.rstrip("/")
    if not _LITERAL.match(prefix) or any(segment in _DOTS for segment in prefix.split("/")):
        raise ConfigurationError("the path of base_url may hold no dot segment or special character.")
    hostname = parts.hostname
    shown = f"[{hostname}]" if ":" in hostname else hostname
    host = shown if port in {None, _DEFAULT_PORTS[parts.scheme]} else f"{shown}:{port}"
    return BaseUrl(
        url=f"{parts.scheme}://{host}{prefix}",
        origin=_origin(parts.scheme, hostname, port),
        prefix=prefix,
        host=host,
        hostname=hostname,
    )


def without_params(url: str, value: str) -> tuple[str, set[str]]:
    """Take query parameters of one value off a URL.

    Args:
        url: The URL.
        value: The value, as it is written in the URL.

    Returns:
        The URL without them, and their names.
    """
    if value not in url:
        return url, set()
    address, _, query = url.partition("?")
    pairs = query.split("&")
    taken = [pair for pair in pairs if pair.partition("=")[2] == value]
    left = "&".join(pair for pair in pairs if pair not in taken)
    return f"{address}?{left}" if left else address, {unquote_plus(pair.partition("=")[0]) for pair in taken}


def _origin(scheme: str, hostname: str | None, port: int | None) -> tuple[str, str, int]:
    return scheme, (hostname or "").lower(), port or _DEFAULT_PORTS.get(scheme, 0)


def is_loopback(hostname: str) -> bool:
    """Say whether a host is this machine: `localhost`, 127.0.0.0/8 or ::1 (RFC 6761, 6.3; RFC 1122, 3.2.1.3)."""
    name = hostname.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:  # another name
        return False
