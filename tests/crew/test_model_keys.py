"""Which key goes to which address, and what is said about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from newfuse import ConfigurationError
from newfuse.config import app_at
from newfuse.crew.models import ModelChoice, choose_model

OPENAI, ANTHROPIC, OWN = "OPENAI_API_KEY", "ANTHROPIC_API_KEY", "NEWFUSE_MODEL_API_KEY"
URL, OTHER = "https://models.example/v1", "http://127.0.0.1:9/v1"
EVERY_KEY = {OPENAI: "openai-e", ANTHROPIC: "anthropic-e", OWN: "own-e"}

Values = dict[str, str]


def chosen(
    asked: str | None, environment: Values, file: Values, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> ModelChoice:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in file.items()), encoding="utf-8")
    with app_at(folder):
        return choose_model(asked)


def key_of(choice: ModelChoice) -> str | None:
    return choice.key.get_secret_value() if choice.key is not None else None


@pytest.mark.parametrize("asked", [URL, f"small@{URL}", f"openai:small@{URL}", f"anthropic:small@{URL}"])
@pytest.mark.parametrize(
    ("environment", "file", "key", "said"),
    [
        ({OPENAI: "x", ANTHROPIC: "x"}, {OPENAI: "x", ANTHROPIC: "x"}, None, "without a key"),
        (EVERY_KEY, {OWN: "own-f"}, "own-e", f"key from {OWN} in the environment"),
        ({OPENAI: "x"}, {OWN: "own-f"}, "own-f", f"key from {OWN} in .env"),
    ],
)
def test_an_address_that_is_asked_for_gets_the_programs_own_key_or_none(
    asked: str,
    environment: Values,
    file: Values,
    key: str | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    choice = chosen(asked, environment, file, tmp_path, monkeypatch)
    assert (URL, key, f"asked for with --model, {said}") == (choice.base_url, key_of(choice), choice.why)


@pytest.mark.parametrize(
    ("environment", "file", "expected", "why"),
    [
        # An address of the program's own, from either place, with the key that stands beside it.
        (
            {**EVERY_KEY, "NEWFUSE_MODEL_BASE_URL": URL},
            {},
            (URL, "own-e"),
            f"set by NEWFUSE_MODEL_BASE_URL in the environment, key from {OWN} in the environment",
        ),
        (
            EVERY_KEY,
            {"NEWFUSE_MODEL_BASE_URL": URL},
            (URL, None),
            "set by NEWFUSE_MODEL_BASE_URL in .env, without a key",
        ),
        (
            EVERY_KEY,
            {"NEWFUSE_MODEL_BASE_URL": URL, OWN: "own-f"},
            (URL, "own-f"),
            f"set by NEWFUSE_MODEL_BASE_URL in .env, key from {OWN} in .env",
        ),
        (
            {"NEWFUSE_MODEL_BASE_URL": URL},
            {OWN: "own-f", OPENAI: "openai-f"},
            (URL, None),
            "set by NEWFUSE_MODEL_BASE_URL in the environment, without a key",
        ),
        (EVERY_KEY, {"NEWFUSE_MODEL": f"small@{URL}"}, (URL, None), "set by NEWFUSE_MODEL in .env, without a key"),
        (
            EVERY_KEY,
            {"NEWFUSE_MODEL": f"anthropic:small@{URL}", OWN: "own-f"},
            (URL, "own-f"),
            f"set by NEWFUSE_MODEL in .env, key from {OWN} in .env",
        ),
        (
            {**EVERY_KEY, "NEWFUSE_MODEL": "anthropic:small"},
            {"NEWFUSE_MODEL_BASE_URL": URL},
            (URL, None),
            "set by NEWFUSE_MODEL in the environment, address from NEWFUSE_MODEL_BASE_URL in .env, without a key",
        ),
        # The provider's own settings: address and key of one place, the environment before the file.
        (
            {OPENAI: "openai-e", "OPENAI_BASE_URL": URL},
            {OPENAI: "openai-f", "OPENAI_BASE_URL": OTHER},
            (URL, "openai-e"),
            f"{OPENAI} is set in the environment, address from OPENAI_BASE_URL in the environment",
        ),
        (
            {},
            {OPENAI: "openai-f", "OPENAI_BASE_URL": OTHER},
            (OTHER, "openai-f"),
            f"{OPENAI} is set in .env, address from OPENAI_BASE_URL in .env",
        ),
        (
            {OPENAI: "openai-e"},
            {"OPENAI_BASE_URL": OTHER},
            (None, "openai-e"),
            f"{OPENAI} is set in the environment, OPENAI_BASE_URL in .env left out",
        ),
        (
            {ANTHROPIC: "anthropic-e"},
            {"ANTHROPIC_API_URL": OTHER, ANTHROPIC: "anthropic-f"},
            (None, "anthropic-e"),
            f"{ANTHROPIC} is set in the environment, ANTHROPIC_API_URL in .env left out",
        ),
        ({OPENAI: "openai-e", OWN: "own-e"}, {}, (None, "openai-e"), f"{OPENAI} is set in the environment"),
        ({"OPENAI_BASE_URL": URL}, {OPENAI: "openai-f"}, (None, None), "no model is configured"),
    ],
)
def test_address_and_key_are_of_one_place(
    environment: Values,
    file: Values,
    expected: tuple[str | None, str | None],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    choice = chosen(None, environment, file, tmp_path, monkeypatch)
    assert (expected, why) == ((choice.base_url, key_of(choice)), choice.why)


def test_a_name_alone_says_where_address_and_key_come_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    environment, file = {"OPENAI_BASE_URL": OTHER}, {OPENAI: "openai-f"}
    choice = chosen("openai:small", environment, file, tmp_path, monkeypatch)
    assert (OTHER, None) == (choice.base_url, key_of(choice))
    assert (
        "asked for with --model, address from OPENAI_BASE_URL in the environment, without a key, "
        f"{OPENAI} in .env left out"
    ) == choice.why


def test_no_value_is_in_what_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    environment = {**EVERY_KEY, "NEWFUSE_MODEL_BASE_URL": "https://ada:hunter22@models.example/v1?token=hunter33"}
    choice = chosen("openai:small", environment, {}, tmp_path, monkeypatch)
    assert "openai:small at https://models.example/v1" == choice.label
    shown = f"{choice!r} {choice.why} {choice.masker!r}".replace(str(choice.base_url), "")
    assert [] == [secret for secret in (*EVERY_KEY.values(), "hunter22", "hunter33") if secret in shown]
    assert "[redacted] [redacted] [redacted]" == choice.masker.text("hunter33 hunter22 hunter22")


# --- plain http -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "asked", "named"),
    [
        ({OWN: "own-e"}, "small@http://models.example/v1", f"{OWN} in the environment"),
        ({OWN: "own-e"}, "http://192.168.0.7:8000/v1", f"{OWN} in the environment"),
        ({OWN: "own-e", "NEWFUSE_MODEL_BASE_URL": "http://models.example"}, None, f"{OWN} in the environment"),
        ({OPENAI: "openai-e", "OPENAI_BASE_URL": "http://models.example"}, None, f"{OPENAI} in the environment"),
        ({OWN: "own-e"}, "anthropic:small@http://127.0.0.1.example/v1", f"{OWN} in the environment"),
        ({}, "small@http://ada:hunter22@models.example/v1", "The password in the model's address"),
    ],
)
def test_no_key_goes_over_plain_http_beyond_this_machine(
    environment: Values, asked: str | None, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with pytest.raises(ConfigurationError, match="over plain http") as failure:
        chosen(asked, environment, {}, tmp_path, monkeypatch)
    assert named in str(failure.value)
    assert "Use an https:// address or a server on this machine" in str(failure.value)
    assert not any(secret in str(failure.value) for secret in ("own-e", "openai-e", "hunter22"))


@pytest.mark.parametrize(
    ("environment", "asked"),
    [
        ({OPENAI: "openai-e"}, "small@http://models.example/v1"),  # no key goes there
        *[({OWN: "own-e"}, f"small@http://{host}:9/v1") for host in ("127.0.0.1", "127.8.8.8", "[::1]", "LOCALHOST")],
        ({OWN: "own-e"}, "small@https://models.example/v1"),
    ],
)
def test_plain_http_serves_this_machine_and_servers_without_a_key(
    environment: Values, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    assert chosen(asked, environment, {}, tmp_path, monkeypatch).base_url == asked.partition("@")[2]
