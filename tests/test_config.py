"""Settings come from outside when asked for, and what is wrong with them is said plainly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from newfuse.config import DOTENV, ENVIRONMENT, app_at, app_root, find_setting, load_settings, store_folder
from newfuse.config import secret_from_environment as secret
from newfuse.errors import ConfigurationError

NAME = "SHOP_API_KEY"
USES: list[Callable[[], object]] = [load_settings, store_folder, lambda: secret([NAME]), lambda: find_setting([NAME])]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which is no app's."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The folder of an app."""
    (tmp_path / "app" / "crews").mkdir(parents=True)
    return tmp_path / "app"


def write(folder: Path, **values: str) -> None:
    (folder / DOTENV).write_text("".join(f"{name}={value}\n" for name, value in values.items()), encoding="utf-8")


def value() -> str | None:
    found = secret([NAME])
    return None if found is None else found.get_secret_value()


# --- where .env is read -----------------------------------------------------------------------------------------------


def test_a_dotenv_file_of_the_current_folder_has_no_say(elsewhere: Path):
    write(elsewhere, SHOP_API_KEY="of-a-stranger", NEWFUSE_STORE="theirs", NEWFUSE_MODEL_STREAMING="true")
    assert (None, None, False) == (value(), load_settings().store, load_settings().model_streaming)
    assert elsewhere / ".newfuse" == store_folder()


def test_a_file_that_cannot_be_read_is_no_matter_where_it_is_not_looked_for(elsewhere: Path):
    (elsewhere / DOTENV).write_bytes(b"\xff\xfe")
    for use in USES:
        use()


def test_the_file_beside_the_app_counts_wherever_one_stands(app: Path, elsewhere: Path):
    write(app, SHOP_API_KEY="of-the-app")
    write(elsewhere, SHOP_API_KEY="of-a-stranger")
    with app_at(app):
        assert (app, "of-the-app") == (app_root(), value())
    assert (None, None) == (app_root(), value())


def test_the_current_folder_is_the_app_where_the_program_takes_its_code_from_it(
    app: Path, monkeypatch: pytest.MonkeyPatch
):
    write(app, SHOP_API_KEY="of-the-app")
    monkeypatch.chdir(app)
    assert (None, None) == (app_root(), value()), "a folder of data may hold a crews/ too"
    monkeypatch.syspath_prepend(app)
    assert (app, "of-the-app") == (app_root(), value())


def test_a_folder_that_code_is_taken_from_is_no_app_without_crews(elsewhere: Path, monkeypatch: pytest.MonkeyPatch):
    write(elsewhere, SHOP_API_KEY="of-a-stranger")
    monkeypatch.syspath_prepend(elsewhere)
    assert (None, None) == (app_root(), value())


def test_a_current_folder_that_was_deleted_is_no_app(elsewhere: Path):
    elsewhere.rmdir()
    assert (None, None) == (app_root(), value())


def test_the_environment_wins_and_every_setting_says_where_it_stands(app: Path, monkeypatch: pytest.MonkeyPatch):
    write(app, SHOP_API_KEY="from-file", OTHER="file alone")
    with app_at(app):
        assert f"{NAME} in .env" == str(find_setting([NAME]))
        monkeypatch.setenv(NAME, "   ")
        assert "from-file" == value(), "a blank variable is none"
        monkeypatch.setenv(NAME, "from-environment")
        assert ("from-environment", f"{NAME} in {ENVIRONMENT}") == (value(), str(find_setting([NAME])))
        assert "OTHER in .env" == str(find_setting(["NOTHING", "OTHER", NAME]))
        assert "from-environment" not in repr(find_setting([NAME]))


def test_a_value_of_the_environment_cannot_get_into_the_file(app: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OPENAI_API_KEY", "of-the-environment")
    write(app, SHOP_API_KEY="http://127.0.0.1/${OPENAI_API_KEY}", PLAIN="as it is")
    with app_at(app):
        assert "PLAIN in .env" == str(find_setting(["PLAIN"]))
        with pytest.raises(ConfigurationError, match=f"{NAME} in .env refers to another variable") as failure:
            value()
    assert "of-the-environment" not in str(failure.value)


def test_a_file_that_is_no_text_is_named_without_its_contents(app: Path):
    (app / DOTENV).write_bytes(b"SHOP_API_KEY=hidden\xff\xfe\n")
    for use in USES:
        with app_at(app), pytest.raises(ConfigurationError, match=r"The file \.env cannot be read") as failure:
            use()
        assert "hidden" not in str(failure.value)


def test_a_folder_of_that_name_is_no_file(app: Path):
    (app / DOTENV).mkdir()
    with app_at(app):
        assert (None, None) == (value(), load_settings().store)


def test_a_secret_is_stripped_and_never_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(NAME, "  hidden\n")
    found = secret(["OTHER", NAME])
    assert found is not None
    assert "hidden" == found.get_secret_value()
    assert "hidden" not in repr(found)


# --- the engine's own settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_the_store_lies_beside_the_app_unless_told_otherwise(
    elsewhere: Path, app: Path, monkeypatch: pytest.MonkeyPatch, blank: str | None
):
    if blank is not None:
        monkeypatch.setenv("NEWFUSE_STORE", blank)
    assert elsewhere / ".newfuse" == store_folder()
    assert Path("app/.newfuse") == store_folder(Path("app"))
    with app_at(app):
        assert app / ".newfuse" == store_folder()


def test_the_store_is_where_the_environment_or_the_file_says(
    elsewhere: Path, app: Path, monkeypatch: pytest.MonkeyPatch
):
    write(app, NEWFUSE_STORE="from-file")
    with app_at(app):
        # Were it taken from the current folder, each folder would have a ledger of its own, and writes happen twice.
        assert app / "from-file" == store_folder()
        assert app / "from-file" == store_folder(app)
        monkeypatch.setenv("NEWFUSE_STORE", "from-environment")
        assert Path("from-environment") == store_folder()
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


@pytest.mark.parametrize(
    ("word", "meant"), [("true", True), ("ON", True), ("1", True), ("no", False), ("False", False)]
)
def test_a_switch_is_set_by_the_usual_words(word: str, meant: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NEWFUSE_MODEL_STREAMING", word)
    assert meant is load_settings().model_streaming


def test_a_switch_that_is_set_to_something_else_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NEWFUSE_MODEL_STREAMING", "sometimes")
    with pytest.raises(
        ConfigurationError, match="NEWFUSE_MODEL_STREAMING in the environment is neither true nor false"
    ):
        load_settings()


def test_contents_are_kept_for_90_days_or_as_many_as_are_set(monkeypatch: pytest.MonkeyPatch):
    assert 90 == load_settings().keep_days
    monkeypatch.setenv("NEWFUSE_KEEP_DAYS", "7")
    assert 7 == load_settings().keep_days


@pytest.mark.parametrize("days", ["0", "-1", "36501", "soon", "1.5", "٣"])
def test_a_time_to_keep_that_makes_no_sense_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, days: str):
    monkeypatch.setenv("NEWFUSE_KEEP_DAYS", days)
    with pytest.raises(ConfigurationError, match="NEWFUSE_KEEP_DAYS in the environment is not a number of days from 1"):
        load_settings()
