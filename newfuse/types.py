"""The words every room shares: kinds of integration, authentication and effect."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, TypeAlias

JSON: TypeAlias = Any
"""A decoded JSON value: dict, list, str, number, bool or None."""


class IntegrationType(StrEnum):
    """What a vendor is for. Payment providers are `ecommerce`: the set has no value of its own for payments."""

    AUTOMATION = "automation"
    CRM = "crm"
    ECOMMERCE = "ecommerce"
    SOCIAL_MEDIA = "social_media"
    AI = "ai"
    MARKETING = "marketing"
    PRODUCTIVITY = "productivity"
    COMMUNICATION = "communication"
    DATA_PROCESSING = "data_processing"
    ANALYTICS = "analytics"


class AuthType(StrEnum):
    """How a vendor wants to be told who calls."""

    API_KEY = "api_key"
    OAUTH1 = "oauth1"
    OAUTH2 = "oauth2"
    BASIC = "basic"
    CUSTOM = "custom"
    NONE = "none"


class Effect(StrEnum):
    """What an action does to the world outside; policy hangs on this word, not on the action's name."""

    READ = "read"
    WRITE = "write"
    MONEY = "money"
    DESTRUCTIVE = "destructive"


class Once(StrEnum):
    """How an action that changes something is kept from happening twice."""

    KEY = "key"
    """The vendor honours an idempotency key."""
    NATURAL = "natural"
    """Repeating it changes nothing: an upsert on a natural key, or setting a value."""
    LOOKUP = "lookup"
    """The vendor can be asked whether it happened."""
    NONE = "none"
    """Neither: a lost answer leaves it unknown until a person or a read-back settles it."""
