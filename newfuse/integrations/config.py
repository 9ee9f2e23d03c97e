"""How one integration is configured: the vendor's facts from its class, overridden by the caller."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from newfuse.redact import redact
from newfuse.types import AuthType, IntegrationType


class IntegrationConfig(BaseModel):
    """Configuration of one integration; further keys are allowed.

    Attributes:
        id: Identifier in the registry, by default the slug.
        name: The vendor's spelling.
        type: What it is for.
        description: One sentence.
        base_url: Replaces the vendor's own host, e.g. a sandbox or a proxy; a path prefix is kept.
        api_version: Version of the vendor's API spoken.
        auth_type: One of `AuthType`, or a word of the integration's own.
        webhook_support: Whether the vendor can call back.
        doc_url: The vendor's documentation.
        logo_url: A picture, or None.
        default_headers: Sent with every request.
        account: Which of several accounts at the vendor this is; part of every effect's key.
        environment: `live`, or which sandbox; part of every effect's key.
        timeout_s: Longest wait for one answer.
        calls_per_s: How fast this account may be called, where its plan differs from the vendor's usual one.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    id: str
    name: str
    type: IntegrationType
    description: str = ""
    base_url: str
    api_version: str | None = None
    auth_type: AuthType | str = AuthType.NONE
    webhook_support: bool = False
    doc_url: str | None = None
    logo_url: str | None = None
    default_headers: dict[str, str] = {}
    account: str = "default"
    environment: str = "live"
    timeout_s: float = 30.0
    calls_per_s: float | None = Field(default=None, gt=0)

    def __repr_args__(self) -> Any:
        """Mask whatever is named or looks like a secret, extra keys and nested ones included."""
        for name, value in super().__repr_args__():
            yield name, redact({name: value})[name]


class Capabilities(BaseModel):
    """What an integration can do; further keys are allowed."""

    model_config = ConfigDict(extra="allow", frozen=True)

    actions: list[str]
    triggers: list[str] = []
    supports_webhooks: bool = False
    supports_polling: bool = False
