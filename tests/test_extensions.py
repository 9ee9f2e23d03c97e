"""What an app and plugins add: vendors of their own and doubles of them, found by file and by entry point."""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from newfuse import ConfigurationError, available_integrations, create_integration
from newfuse.config import app_at
from newfuse.integrations import catalog
from newfuse.integrations.catalog import integrations_of
from newfuse.sandbox import Sandbox, available_doubles
from newfuse.sandbox.doubles import added_doubles, doubles_of
from newfuse.sandbox.environment import embedded

INTEGRATION = '''
"""A vendor."""

from newfuse import HeaderKey, Integration, IntegrationType, action


class Shop(Integration):
    """Sell things: {where}."""

    slug = "{slug}"
    type = IntegrationType.ECOMMERCE
    base_url = "https://shop.example"
    auth = HeaderKey(name="X-Key")
'''

DOUBLE = '''
"""A double."""

from newfuse.sandbox import Vendor, VendorResponse


class ShopDouble(Vendor):
    """Answers: {where}."""

    slug = "{slug}"
    credentials = {{"api_key": "key of {where}"}}

    def authenticate(self, request):
        return None if request.headers.get("x-key") == self.credentials["api_key"] else self.failure(401)

    def not_found(self, request):
        return self.failure(404)

    def too_many_requests(self, retry_after_s):
        return self.failure(429)

    def failure(self, status):
        return VendorResponse(status, {{"error": "{where}"}})

    def truth(self):
        return {{"where": "{where}"}}
'''

ADDED = ("integrations", "doubles")


class Site:
    """An app of one's own, and a folder of installed plugins."""

    def __init__(self, folder: Path) -> None:
        self.root, self.plugins = folder / "app", folder / "plugins"
        (self.root / "crews").mkdir(parents=True)
        self.plugins.mkdir()

    def write(self, name: str, text: str) -> Path:
        """Put a file into the app."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        (path.parent / "__init__.py").touch()
        path.write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        return path

    def install(self, module: str, text: str, group: str, member: str) -> None:
        """Install a distribution of one module that offers one class."""
        (self.plugins / f"{module}.py").write_text(text, encoding="utf-8")
        about = self.plugins / f"{module}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
        (about / "entry_points.txt").write_text(f"[{group}]\n{module} = {module}:{member}\n", encoding="utf-8")
        importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """An app, the current one, that shares no module with this suite, whose own folders have the same names."""
    found = Site(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] in ADDED]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(str(found.plugins))
    monkeypatch.syspath_prepend(str(found.root))
    before = set(sys.modules)
    caches = (integrations_of, doubles_of, added_doubles)
    for one in caches:
        one.cache_clear()
    with app_at(found.root):
        yield found
    for one in caches:
        one.cache_clear()
    for name in set(sys.modules) - before:
        if name.partition(".")[0] in ADDED or name.startswith("plugin_shop"):
            del sys.modules[name]


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


# --- where they are found ---------------------------------------------------------------------------------------------


def test_a_file_in_the_apps_integrations_is_an_integration_like_any_other(site: Site, caplog: pytest.LogCaptureFixture):
    site.write("integrations/shop.py", INTEGRATION.format(slug="shop", where="the app"))
    made = create_integration("shop", api_key="k")
    assert ("Sell things: the app.", "https://shop.example") == (made.config.description, made.config.base_url)
    assert {"shop", "stripe", "hubspot"} <= set(available_integrations())
    assert list(available_integrations()) == sorted(available_integrations())
    assert [] == said(caplog)


def test_a_folder_in_the_apps_integrations_is_one_too(site: Site):
    site.write("integrations/shop/vendor.py", INTEGRATION.format(slug="shop", where="a folder"))
    site.write("integrations/shop/__init__.py", "from integrations.shop.vendor import Shop\n")
    site.write("integrations/_records.py", "raise RuntimeError('what begins with an underscore is not looked at')\n")
    assert "Sell things: a folder." == create_integration("shop").config.description


def test_a_double_runs_in_the_embedded_sandbox_with_its_own_credentials(site: Site):
    site.write("doubles/shop.py", DOUBLE.format(slug="shop", where="app"))
    with embedded() as world:
        settings = world.settings["shop"]
        assert "key of app" == settings["api_key"]
        assert settings["base_url"].endswith("/shop")
        assert {"hubspot", "stripe", "mailchimp", "ga4", "shop"} == set(world.settings)
    sandbox = Sandbox()
    assert {"shop": {"where": "app"}} == sandbox.truth("shop")
    sandbox.reset()
    assert {"shop": {"where": "app"}} == sandbox.truth("shop")


def test_a_double_is_found_by_its_entry_point(site: Site):
    site.install("plugin_shop", DOUBLE.format(slug="shop", where="plugin"), "newfuse.doubles", "ShopDouble")
    assert {"shop": {"where": "plugin"}} == Sandbox().truth("shop")
    assert "plugin_shop" == available_doubles()["shop"].__module__


def test_without_an_app_no_code_of_the_current_folder_is_imported(site: Site, monkeypatch: pytest.MonkeyPatch):
    site.write("integrations/shop.py", "raise RuntimeError('imported')\n")
    monkeypatch.chdir(site.root)
    found = integrations_of(None)
    assert (set(), ()) == ({"shop"} & set(found.classes), found.left_out)
    assert "integrations.shop" not in sys.modules


# --- who comes first --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("slug", ["shop", "stripe"])
def test_the_apps_own_comes_before_a_plugins_and_that_before_the_built_in(
    slug: str, site: Site, caplog: pytest.LogCaptureFixture
):
    for kind, text, member in (("integrations", INTEGRATION, "Shop"), ("doubles", DOUBLE, "ShopDouble")):
        module = f"plugin_shop_{kind}"
        site.install(module, text.format(slug=slug, where="plugin"), f"newfuse.{kind}", member)
    assert "Sell things: plugin." == create_integration(slug).config.description
    assert {"where": "plugin"} == Sandbox().truth(slug)[slug]
    built_in = {f"the plugin plugin_shop_integrations:Shop replaces the built-in integration {slug}"}
    built_in |= {f"the plugin plugin_shop_doubles:ShopDouble replaces the built-in double {slug}"}
    assert (built_in if slug == "stripe" else set()) == set(said(caplog))

    for one in (integrations_of, doubles_of, added_doubles):
        one.cache_clear()
    caplog.clear()
    site.write("integrations/own.py", INTEGRATION.format(slug=slug, where="app"))
    site.write("doubles/own.py", DOUBLE.format(slug=slug, where="app"))
    assert "Sell things: app." == create_integration(slug).config.description
    assert {"where": "app"} == Sandbox().truth(slug)[slug]
    with embedded() as world:
        assert "key of app" == world.settings[slug]["api_key"]
    assert {
        f"integrations/own.py replaces integration {slug} of the plugin plugin_shop_integrations:Shop",
        f"doubles/own.py replaces double {slug} of the plugin plugin_shop_doubles:ShopDouble",
    } <= set(said(caplog))


def test_of_two_files_with_one_slug_the_second_is_left_out(site: Site):
    site.write("integrations/a.py", INTEGRATION.format(slug="shop", where="a"))
    site.write("integrations/b.py", INTEGRATION.format(slug="shop", where="b"))
    assert "Sell things: a." == create_integration("shop").config.description
    [left_out] = integrations_of(site.root).left_out
    assert "integrations/b.py: its slug 'shop' is that of integrations/a.py too; change one of them" == str(left_out)


# --- what cannot be used ----------------------------------------------------------------------------------------------

SPOILED = {
    "not Python": ("(Integration)", "(Integration", "line 7: SyntaxError: "),
    "a library that is not there": ('"""A vendor."""', "import nothing_like_it", "line 2: ModuleNotFoundError: No mod"),
    "an end of the program": ('"""A vendor."""', "raise SystemExit(3)", "line 2: SystemExit: 3"),
    "a scheme with a wrong word": ("name=", "header=", "line 13: TypeError: HeaderKey.__init__() got an unexpected"),
    "no slug": ('    slug = "shop"', "", "holds no Integration class with a slug"),
    "no address": ('    base_url = "https://shop.example"', "", "line 7: the class Shop has no base_url"),
    "an address that is none": ("https://", "", "line 7: base_url must begin with http"),
    "an action nobody describes": (
        '    auth = HeaderKey(name="X-Key")',
        '    @action(effect="read")\n    async def look(self, at: str) -> str:\n        """Look."""\n        return at',
        "line 7: TypeError: Shop.look: parameter 'at' needs a description under Args:",
    ),
}


@pytest.mark.parametrize("fault", SPOILED)
def test_a_file_that_cannot_be_used_is_named_with_its_line_and_stops_nobody_else(fault: str, site: Site):
    old, new, complaint = SPOILED[fault]
    whole = INTEGRATION.format(slug="shop", where="spoiled")
    assert old in whole
    site.write("integrations/spoiled.py", whole.replace(old, new))
    site.write("integrations/whole.py", INTEGRATION.format(slug="whole", where="whole"))
    assert {"whole", "stripe"} <= set(available_integrations())
    [left_out] = integrations_of(site.root).left_out
    assert str(left_out).startswith("integrations/spoiled.py")
    assert complaint in str(left_out)
    with pytest.raises(ConfigurationError) as refused:
        create_integration("shop")
    assert "No integration is called 'shop'. There are: ga4, hubspot" in str(refused.value)
    assert f"Left out: {left_out}." in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        (
            "    def truth(self)",
            "    def other(self)",
            "line 7: TypeError: Can't instantiate abstract class",
        ),
        ('slug = "shop"', 'slug = "../shop"', "line 7: the slug '../shop' must be lower case"),
        (
            "    def authenticate",
            "    def __init__(self, **settings):\n        self.books = {}['none']\n\n    def authenticate",
            "line 14: KeyError: 'none'",
        ),
    ],
    ids=["a method is missing", "its slug is no part of an address", "it cannot begin"],
)
def test_a_double_that_cannot_be_used_is_left_out_of_the_sandbox(old: str, new: str, complaint: str, site: Site):
    whole = DOUBLE.format(slug="shop", where="app")
    assert old in whole
    site.write("doubles/shop.py", whole.replace(old, new))
    assert {"hubspot", "stripe", "mailchimp", "ga4"} == set(Sandbox().vendors)
    [left_out] = doubles_of(site.root).left_out
    assert f"doubles/shop.py, {complaint}" in str(left_out)


def test_the_traceback_of_a_broken_file_is_in_the_log(site: Site, caplog: pytest.LogCaptureFixture):
    site.write("integrations/shop.py", "def fail():\n    raise RuntimeError('not today')\n\n\nfail()\n")
    available_integrations()
    [record] = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert "left out: integrations/shop.py, line 2: RuntimeError: not today" == record.getMessage()
    assert record.exc_info is not None


def test_a_package_of_the_same_name_is_not_taken_for_the_apps(site: Site, tmp_path: Path, monkeypatch):
    other = tmp_path / "other" / "integrations"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(other.parent))
    importlib.import_module("integrations")
    site.write("integrations/shop.py", INTEGRATION.format(slug="shop", where="app"))
    [left_out] = integrations_of(site.root).left_out
    assert f"`integrations` would be imported from {other}" in str(left_out)
    assert "stripe" in available_integrations()


def test_a_broken_file_of_the_engines_own_stops_no_other(site: Site, monkeypatch: pytest.MonkeyPatch):
    package = site.plugins / "plugin_shop_built_in"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "broken.py").write_text("import re\n\nre.compile('(')\n")
    (package / "shop.py").write_text(INTEGRATION.format(slug="shop", where="built in"))
    importlib.invalidate_caches()
    monkeypatch.setattr(catalog, "BUILT_IN", package.name)
    found = integrations_of(None)
    assert ["shop"] == list(found.classes)
    [left_out] = found.left_out
    assert str(left_out).startswith(f"{package / 'broken.py'}, line 3: error: missing )")
