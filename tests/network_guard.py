"""Lets a test open connections to this machine alone.

Code under test turns failures into data, so a refusal could pass unseen: every refused address is remembered,
and the test that asked for it fails whatever was made of the refusal.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from typing import Any


class OutsideLoopback(RuntimeError):
    """Something tried to leave this machine during a test.

    Not an `OSError`: nothing that retries connection errors may retry this one.
    """


def is_loopback(host: object) -> bool:
    """Tell whether a host, as given to a socket, stays on this machine."""
    if host in {None, "", "localhost"}:
        return True
    text = str(host)
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return text.endswith(".localhost")
    return address.is_loopback or address.is_unspecified


class NetworkGuard:
    """Refuses every connection, datagram and name look-up beyond loopback, and remembers what was refused."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self._undo: list[Callable[[], None]] = []

    def install(self) -> None:
        """Put the guard before the socket library of this process."""
        for name in ("connect", "connect_ex", "sendto"):
            self._guard(socket.socket, name, lambda arguments: _host_of(arguments[0], arguments[-1]))
        for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex"):
            self._guard(socket, name, lambda arguments: arguments[0])

    def remove(self) -> None:
        """Take the guard away again."""
        while self._undo:
            self._undo.pop()()

    def take(self) -> list[str]:
        """Return what was refused since the last time, and forget it."""
        refused, self.refused = self.refused, []
        return refused

    def _guard(self, owner: Any, name: str, host_of: Callable[[tuple[Any, ...]], object]) -> None:
        inherited = name not in vars(owner)  # socket.socket takes connect from its C base class
        real = getattr(owner, name)

        def guarded(*arguments: Any, **options: Any) -> Any:
            host = host_of(arguments) if arguments else options.get("host")
            host = host.decode() if isinstance(host, bytes) else host
            if not is_loopback(host):
                self.refused.append(f"{name}({host})")
                raise OutsideLoopback(f"{name}({host}): tests reach no vendor and no model, only this machine")
            return real(*arguments, **options)

        setattr(owner, name, guarded)
        self._undo.append(lambda: delattr(owner, name) if inherited else setattr(owner, name, real))


def _host_of(connection: socket.socket, address: Any) -> object:
    internet = connection.family in {socket.AF_INET, socket.AF_INET6}
    return address[0] if internet and isinstance(address, tuple) else None
