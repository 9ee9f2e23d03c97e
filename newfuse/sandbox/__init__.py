"""A stateful sandbox of every vendor, spoken to over real HTTP; faults included.

`Vendor`, `VendorRequest` and `VendorResponse` are what a double of one's own is made of (docs/build-your-own.md). Names
are loaded when first used: reading the credentials starts no web server library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newfuse.sandbox.credentials import SANDBOX_CREDENTIALS
    from newfuse.sandbox.doubles import available_doubles
    from newfuse.sandbox.sandbox import Sandbox
    from newfuse.sandbox.server import PortInUse, SandboxServer, serve
    from newfuse.sandbox.vendor import Vendor, VendorRequest, VendorResponse

_HOMES = {
    "SANDBOX_CREDENTIALS": "credentials",
    "PortInUse": "server",
    "Sandbox": "sandbox",
    "SandboxServer": "server",
    "Vendor": "vendor",
    "VendorRequest": "vendor",
    "VendorResponse": "vendor",
    "available_doubles": "doubles",
    "serve": "server",
}

__all__ = [
    "SANDBOX_CREDENTIALS",
    "PortInUse",
    "Sandbox",
    "SandboxServer",
    "Vendor",
    "VendorRequest",
    "VendorResponse",
    "available_doubles",
    "serve",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
