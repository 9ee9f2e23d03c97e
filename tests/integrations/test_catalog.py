"""The catalog: built-ins are found by walking, plugins by entry point, and a broken one breaks nothing."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from newfuse import ConfigurationError, available_integrations, create_integration

PLUGIN = '''
"""A third party's help desk, and what can go wrong with plugins."""

from newfuse import Integration, IntegrationType


class Desk(Integration):
    """Answer questions."""

    slug = "{slug}"
    name = "Plugged {slug}"
    type = IntegrationType.COMMUNICATION
    description = "Answers questions."
    base_url = "https://desk.test"


class Nameless(Integration):
    """A base without a slug."""


class NoIntegration:
    """Something else."""
'''


class Site:
    """A folder on sys.path into which distributions are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, module: str, text: str, *names: str) -> None:
        """Install a distribution of one module that offers these names as integrations."""
        (self.folder / f"{module}.py").write_text(text, encoding="utf-8")
        about = self.folder / f"{module}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
        offered = "".join(f"{module}_{index} = {module}:{name}\n" for index, name in enumerate(names))
        (about / "entry_points.txt").write_text(f"[newfuse.integrations]\n{offered}", encoding="utf-8")
        importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_catalog: None) -> Iterator[Site]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    yield Site(tmp_path)
    for name in set(sys.modules) - before:
        if name.startswith("plugin_"):
            del sys.modules[name]


def test_the_built_in_connectors_are_found(fresh_catalog: None):
    assert {"ga4", "hubspot", "mailchimp", "stripe"} <= set(available_integrations())
    assert list(available_integrations()) == sorted(available_integrations())
    for slug, integration in available_integrations().items():
        assert slug == integration.slug


def test_a_plugin_is_found_by_its_entry_point(site: Site):
    site.install("plugin_desk", PLUGIN.format(slug="plugdesk"), "Desk")
    made = create_integration("plugdesk", account="second")
    assert ("plugdesk", "Plugged plugdesk", "second") == (made.id, made.config.name, made.config.account)


def test_a_plugin_replaces_a_built_in_and_is_logged(site: Site, caplog: pytest.LogCaptureFixture):
    site.install("plugin_stripe", PLUGIN.format(slug="stripe"), "Desk")
    assert "Plugged stripe" == create_integration("stripe").config.name
    assert ["the plugin plugin_stripe:Desk replaces the built-in integration stripe"] == [
        record.getMessage() for record in caplog.records
    ]


def test_a_broken_plugin_does_not_break_the_rest(site: Site, caplog: pytest.LogCaptureFixture):
    site.install("plugin_broken", "raise RuntimeError('not today')", "Desk")
    site.install("plugin_gone", PLUGIN.format(slug="gone"), "NotThere")
    site.install("plugin_odd", PLUGIN.format(slug="odd"), "NoIntegration", "Nameless")
    site.install("plugin_whole", PLUGIN.format(slug="whole"), "Desk")
    found = available_integrations()
    assert {"whole", "stripe", "hubspot"} <= set(found)
    assert not {"gone", "odd"} & set(found)
    said = sorted(record.getMessage() for record in caplog.records)
    assert [
        f"left out: {site.folder / 'plugin_broken.py'}, line 1: RuntimeError: not today",
        "left out: the plugin plugin_gone:NotThere: AttributeError: module 'plugin_gone' has no attribute 'NotThere'",
        "left out: the plugin plugin_odd:Nameless: is no Integration class with a slug",
        "left out: the plugin plugin_odd:NoIntegration: is no Integration class with a slug",
    ] == said


def test_an_unknown_slug_lists_those_there_are():
    with pytest.raises(ConfigurationError, match=r"No integration is called 'nope'\. There are: .*hubspot.*stripe"):
        create_integration("nope")
