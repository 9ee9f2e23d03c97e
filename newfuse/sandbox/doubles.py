"""The doubles there are: the app's own, those of plugins, and the vendors that are built in.

A double of an integration has the integration's slug. It is a `Vendor` subclass with a slug, the credentials that a run
uses against it, and routes; a file of it lies in the app's `doubles/`, or a plugin names it behind the entry point
`newfuse.doubles`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from newfuse.config import app_root
from newfuse.errors import ConfigurationError
from newfuse.extensions import Found, Kind, added
from newfuse.sandbox.credentials import SANDBOX_CREDENTIALS
from newfuse.sandbox.vendor import Vendor

SLUG = re.compile(r"[a-z][a-z0-9_-]*\Z")


def available_doubles() -> dict[str, type[Vendor]]:
    """Return every double by slug: the app's own before a plugin's, and that before a built-in one."""
    return dict(doubles_of(app_root()).classes)


@cache
def doubles_of(root: Path | None) -> Found[Vendor]:
    """Return the doubles there are for an app, and what was left out; its files are imported.

    Args:
        root: The app's folder, or None to import no app's code.
    """
    from newfuse.sandbox.ga4 import GA4  # a fifth of a second, which only a sandbox needs
    from newfuse.sandbox.hubspot import HubSpot
    from newfuse.sandbox.mailchimp import Mailchimp
    from newfuse.sandbox.stripe import Stripe

    built_in: tuple[type[Vendor], ...] = (HubSpot, Stripe, Mailchimp, GA4)
    return Found({one.slug: one for one in built_in}).with_added(added_doubles(root))


@cache
def added_doubles(root: Path | None) -> Found[Vendor]:
    """Return the doubles that plugins and an app add, without those that are built in."""
    return added(DOUBLES, root, SANDBOX_CREDENTIALS)


def credentials_for(slug: str) -> Mapping[str, str]:
    """Return what a run uses against a vendor's double; nothing where the double is not known here."""
    double = added_doubles(app_root()).classes.get(slug)
    return double.credentials if double is not None else SANDBOX_CREDENTIALS.get(slug, {})


def _attempt(double: type[Vendor]) -> None:
    if not SLUG.match(double.slug):
        raise ConfigurationError(
            f"the slug {double.slug!r} must be lower case letters, digits, hyphens and underscores, a letter first"
        )
    double(seed=0, now=time.time)


DOUBLES = Kind(
    name="double",
    base=Vendor,  # type: ignore[type-abstract]  # its subclasses are looked for
    folder="doubles",
    group="newfuse.doubles",
    attempt=_attempt,
)
