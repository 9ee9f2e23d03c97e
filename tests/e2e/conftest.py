"""The product from outside: runs of the default crew as processes, or within this one where that is the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from e2e.commands import ROOT, App, served_sandbox
from e2e.inside import Inside
from e2e.vendors import Vendors
from newfuse.http.retry import RetryPolicy
from newfuse.integrations import Integration
from newfuse.sandbox import SandboxServer

QUICK = RetryPolicy(initial_s=0.001, max_wait_s=0.002)  # as often as in earnest, without the pauses


@pytest.fixture
def app(tmp_path: Path) -> App:
    """Starts runs of the app in processes of their own."""
    return App(tmp_path)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Vendors]:
    """A sandbox served by the command line."""
    with served_sandbox(tmp_path) as vendors:
        yield vendors


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inside]:
    """Runs the app within this process, against a sandbox that limits nobody, with retries that do not wait."""
    monkeypatch.setattr(Integration, "retry", QUICK)
    with SandboxServer(rate_limits=False) as server:
        yield Inside(server, tmp_path)


@pytest.fixture
def sample_data() -> dict[str, list[Any]]:
    """The sample that comes with the app."""
    found: dict[str, list[Any]] = json.loads((ROOT / "data" / "integration_test_data.json").read_text(encoding="utf-8"))
    return found
