"""The names that people import: taking one away, or adding one, is a decision."""

from __future__ import annotations

import importlib
import inspect

import pytest

import newfuse

PUBLIC = {
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
}


def test_the_public_names_are_these():
    assert sorted(PUBLIC) == sorted(newfuse.__all__)


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_a_public_name_comes_from_its_home_and_says_what_it_is(name: str):
    found = getattr(newfuse, name)
    home = newfuse._HOME_OF[name]
    assert found is getattr(importlib.import_module(home), name)
    if inspect.isclass(found) or inspect.isfunction(found):  # an alias of a type says nothing of its own
        assert inspect.getdoc(found)


def test_an_unknown_name_is_said_to_be_unknown():
    with pytest.raises(AttributeError, match="module 'newfuse' has no attribute 'Nothing'"):
        _ = newfuse.Nothing


def test_the_names_are_listed_for_those_who_look():
    assert PUBLIC | {"__version__"} == set(dir(newfuse))
