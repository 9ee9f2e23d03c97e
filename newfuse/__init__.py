"""The New Fuse: crews of agents that run a company's integrations and report only what was measured.

Names are loaded when first used, so that importing `newfuse` costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newfuse.auth import AllOf, Basic, Bearer, ByPath, CredentialField, CustomAuth, HeaderKey, NoAuth, QueryKey
    from newfuse.crew import (
        Agent,
        Brief,
        Crew,
        Procedure,
        Runbook,
        Task,
        Tool,
        ToolFailed,
        ToolResult,
        call,
        runbook,
        tool,
    )
    from newfuse.crew.dataset import Dataset, Datasets, Disposition, Entry
    from newfuse.crew.job import Job, RunContext
    from newfuse.errors import (
        AnswerPruned,
        AuthenticationFailed,
        CircuitOpen,
        ConfigurationError,
        Conflict,
        Declined,
        EffectConflict,
        EffectError,
        EffectUndecided,
        EffectUnknown,
        IntegrationDisabled,
        InvalidArguments,
        MissingCredential,
        NewFuseError,
        NotConnected,
        NotFound,
        OutcomeUnknown,
        PermissionDenied,
        RateLimited,
        ReconnectNeeded,
        Rejected,
        RetryLater,
        StoreFailed,
        Unavailable,
        UnreadableAnswer,
        VendorError,
    )
    from newfuse.http import Cursor, Expect, Fault, LinkNext, Offset, PageNumber, RateHeaders, RateLimit
    from newfuse.integrations import (
        Integration,
        IntegrationRegistry,
        ItemResult,
        Performed,
        Pruned,
        Record,
        WriteStatus,
        action,
        available_integrations,
        create_integration,
    )
    from newfuse.types import AuthType, Effect, IntegrationType, Once

__version__ = "0.1.0"

_HOMES = {
    "newfuse.auth": (
        "AllOf",
        "Basic",
        "Bearer",
        "ByPath",
        "CredentialField",
        "CustomAuth",
        "HeaderKey",
        "NoAuth",
        "QueryKey",
    ),
    "newfuse.crew": (
        "Agent",
        "Brief",
        "Crew",
        "Procedure",
        "Runbook",
        "Task",
        "Tool",
        "ToolFailed",
        "ToolResult",
        "call",
        "runbook",
        "tool",
    ),
    "newfuse.crew.dataset": ("Dataset", "Datasets", "Disposition", "Entry"),
    "newfuse.crew.job": ("Job", "RunContext"),
    "newfuse.errors": (
        "AnswerPruned",
        "AuthenticationFailed",
        "CircuitOpen",
        "ConfigurationError",
        "Conflict",
        "Declined",
        "EffectConflict",
        "EffectError",
        "EffectUndecided",
        "EffectUnknown",
        "IntegrationDisabled",
        "InvalidArguments",
        "MissingCredential",
        "NewFuseError",
        "NotConnected",
        "NotFound",
        "OutcomeUnknown",
        "PermissionDenied",
        "RateLimited",
        "ReconnectNeeded",
        "Rejected",
        "RetryLater",
        "StoreFailed",
        "Unavailable",
        "UnreadableAnswer",
        "VendorError",
    ),
    "newfuse.http": ("Cursor", "Expect", "Fault", "LinkNext", "Offset", "PageNumber", "RateHeaders", "RateLimit"),
    "newfuse.integrations": (
        "Integration",
        "IntegrationRegistry",
        "ItemResult",
        "Performed",
        "Pruned",
        "Record",
        "WriteStatus",
        "action",
        "available_integrations",
        "create_integration",
    ),
    "newfuse.types": ("AuthType", "Effect", "IntegrationType", "Once"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [  # the names of _HOME_OF, written out for readers and type checkers
    "Agent",
    "AllOf",
    "AnswerPruned",
    "AuthType",
    "AuthenticationFailed",
    "Basic",
    "Bearer",
    "Brief",
    "ByPath",
    "CircuitOpen",
    "ConfigurationError",
    "Conflict",
    "CredentialField",
    "Crew",
    "Cursor",
    "CustomAuth",
    "Dataset",
    "Datasets",
    "Declined",
    "Disposition",
    "Effect",
    "EffectConflict",
    "EffectError",
    "EffectUndecided",
    "EffectUnknown",
    "Entry",
    "Expect",
    "Fault",
    "HeaderKey",
    "Integration",
    "IntegrationDisabled",
    "IntegrationRegistry",
    "IntegrationType",
    "InvalidArguments",
    "ItemResult",
    "Job",
    "LinkNext",
    "MissingCredential",
    "NewFuseError",
    "NoAuth",
    "NotConnected",
    "NotFound",
    "Offset",
    "Once",
    "OutcomeUnknown",
    "PageNumber",
    "Performed",
    "PermissionDenied",
    "Procedure",
    "Pruned",
    "QueryKey",
    "RateHeaders",
    "RateLimit",
    "RateLimited",
    "ReconnectNeeded",
    "Record",
    "Rejected",
    "RetryLater",
    "RunContext",
    "Runbook",
    "StoreFailed",
    "Task",
    "Tool",
    "ToolFailed",
    "ToolResult",
    "Unavailable",
    "UnreadableAnswer",
    "VendorError",
    "WriteStatus",
    "action",
    "available_integrations",
    "call",
    "create_integration",
    "runbook",
    "tool",
]


def __getattr__(name: str) -> Any:
    """Load a public name from its home."""
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'newfuse' has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted({*__all__, "__version__"})
