"""Settings come from outside when asked for, and what is wrong with them is said plainly."""

from __future__ import annotations

from pathlib import Path

import pytest

from newfuse.config import load_settings, secret_from_environment, store_folder
from newfuse.errors import ConfigurationError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_the_store_lies_beside_the_app_unless_told_otherwise(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, blank: str | None
):
    if blank is not None:
        monkeypatch.setenv("NEWFUSE_STORE", blank)
    assert elsewhere / ".newfuse" == store_folder()
    assert Path("app/.newfuse") == store_folder(Path("app"))


def test_the_store_is_where_the_environment_or_the_file_says(elsewhere: Path, monkeypatch: pytest.MonkeyPatch):
    (elsewhere / ".env").write_text("NEWFUSE_STORE=from-file\n", encoding="utf-8")
    assert Path("from-file") == store_folder()
    monkeypatch.setenv("NEWFUSE_STORE", "/somewhere")
    assert Path("/somewhere") == store_folder()
    monkeypatch.setenv("HOME", str(elsewhere))
    monkeypatch.setenv("NEWFUSE_STORE", "~/store")
    assert elsewhere / "store" == store_folder()


def test_a_database_url_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NEWFUSE_STORE", "postgresql://user:secret@host/db")
    with pytest.raises(ConfigurationError, match="must be the path of a folder") as failure:
        store_folder()
    assert "secret" not in str(failure.value)


def test_a_file_that_is_no_text_is_named_without_its_contents(elsewhere: Path):
    (elsewhere / ".env").write_bytes(b"SHOP_API_KEY=hidden\xff\xfe\n")
    for use in (load_settings, store_folder, lambda: secret_from_environment(["SHOP_API_KEY"])):
        with pytest.raises(ConfigurationError, match=r"The file \.env cannot be read") as failure:
            use()
        assert "hidden" not in str(failure.value)


def test_a_folder_of_that_name_is_no_file(elsewhere: Path):
    (elsewhere / ".env").mkdir()
    assert secret_from_environment(["SHOP_API_KEY"]) is None
    assert load_settings().store is None


def test_a_secret_is_stripped_and_never_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SHOP_API_KEY", "  hidden\n")
    found = secret_from_environment(["OTHER", "SHOP_API_KEY"])
    assert found is not None
    assert "hidden" == found.get_secret_value()
    assert "hidden" not in repr(found)


def test_contents_are_kept_for_90_days_or_as_many_as_are_set(monkeypatch: pytest.MonkeyPatch):
    assert 90 == load_settings().keep_days
    monkeypatch.setenv("NEWFUSE_KEEP_DAYS", "7")
    assert 7 == load_settings().keep_days


@pytest.mark.parametrize("days", ["0", "-1", "36501", "soon", ""])
def test_a_time_to_keep_that_makes_no_sense_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, days: str):
    monkeypatch.setenv("NEWFUSE_KEEP_DAYS", days)
    with pytest.raises(ConfigurationError, match="NEWFUSE_KEEP_DAYS: Input should be"):
        load_settings()
