"""What every test stands on: nothing leaves the machine, no key is found, specifications may be given."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from network_guard import NetworkGuard

SPECS_VARIABLE = "NEWFUSE_SPECS"

# What may lie in a developer's environment and would change a run: keys, proxies, tracing, our own settings.
AMBIENT = ("_API_KEY", "_SECRET_KEY", "_ACCESS_TOKEN", "_MEASUREMENT_ID", "_API_SECRET", "_PROXY")
AMBIENT_PREFIXES = ("NEWFUSE_", "LANGSMITH_", "LANGCHAIN_", "OPENAI_", "ANTHROPIC_")

GUARD = pytest.StashKey[NetworkGuard]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--specs",
        metavar="DIR",
        default=os.environ.get(SPECS_VARIABLE) or None,
        help=f"folder of vendors' API specifications to test against (default: ${SPECS_VARIABLE})",
    )


def pytest_configure(config: pytest.Config) -> None:
    folder = config.getoption("--specs")
    if folder and not Path(folder).is_dir():
        raise pytest.UsageError(f"--specs (or {SPECS_VARIABLE}): {folder} is not a folder")
    for name in list(os.environ):
        upper = name.upper()
        if upper.endswith(AMBIENT) or (upper.startswith(AMBIENT_PREFIXES) and upper != SPECS_VARIABLE):
            del os.environ[name]
    settings.register_profile("suite", deadline=None)  # how long one example takes says how busy the machine is
    settings.load_profile("suite")
    guard = config.stash[GUARD] = NetworkGuard()
    guard.install()


def pytest_unconfigure(config: pytest.Config) -> None:
    if GUARD in config.stash:
        config.stash[GUARD].remove()


def pytest_report_header(config: pytest.Config) -> str:
    return f"specs: {config.getoption('--specs') or 'not given, tests against them are skipped'}"


@pytest.fixture(scope="session")
def specs(request: pytest.FixtureRequest) -> Path:
    """The folder of vendors' API specifications; the test is skipped when none was given."""
    folder = request.config.getoption("--specs")
    if not folder:
        pytest.skip(f"the vendors' specifications were not given: pass --specs DIR or set {SPECS_VARIABLE}")
    return Path(folder).resolve()


@pytest.fixture(autouse=True)
def network_guard(request: pytest.FixtureRequest) -> Iterator[NetworkGuard]:
    """Fails the test that tried to leave this machine, even when the refusal was swallowed."""
    guard = request.config.stash[GUARD]
    guard.take()
    yield guard
    refused = guard.take()
    if refused:
        pytest.fail("tried to leave this machine: " + ", ".join(sorted(set(refused))), pytrace=False)
