from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from newfuse import ConfigurationError
from newfuse.config import Settings, app_at
from newfuse.crew.models import NOT_CONFIGURED, TEMPERATURE, build_model, choose_model, close_model

OPENAI, ANTHROPIC = "OPENAI_API_KEY", "ANTHROPIC_API_KEY"
LOCAL = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("text", "name", "base_url"),
    [
        ("runbook", "runbook", None),
        (" runbook ", "runbook", None),
        (f"openai:small@{LOCAL}", "openai:small", LOCAL),
        ("anthropic:claude@http://[::1]:9", "anthropic:claude", "http://[::1]:9"),
        ("openai:ft:gpt:org@https://models.example/v1", "openai:ft:gpt:org", "https://models.example/v1"),
        (LOCAL, "openai:default", LOCAL),
        (f"{LOCAL}#qwen:7b", "openai:qwen:7b", LOCAL),
        (f"llama3.1@{LOCAL}", "openai:llama3.1", LOCAL),
        (f"qwen:7b@{LOCAL}", "openai:qwen:7b", LOCAL),
        (f" meta/llama @{LOCAL} ", "openai:meta/llama", LOCAL),
        ("small@http://ada:hunter22@127.0.0.1:9/v1", "openai:small", "http://ada:hunter22@127.0.0.1:9/v1"),
    ],
)
def test_a_model_can_be_asked_for_in_these_forms_without_a_key(text: str, name: str, base_url: str | None):
    choice = choose_model(text)
    assert (name, base_url, "asked for with --model") == (choice.name, choice.base_url, choice.asked)


@pytest.mark.parametrize(
    "text",
    [
        "gpt-4.1",
        "openai",
        "openai:",
        "google:gemini",
        "OPENAI:gpt",
        ":",
        "openai:gpt@",
        "openai:gpt@elsewhere",
        "openai:gpt@ftp://elsewhere",
        "openai:gpt@http://",
        "http://",
        "https:///v1",
        "http://host:notaport",
        "http://[broken",
        "Runbook",
        "@http://127.0.0.1:9/v1",
        "openai:@http://127.0.0.1:9/v1",
        "OPENAI:gpt@http://127.0.0.1:9/v1",
        "gpt@elsewhere",
        "openai:gpt@ http://127.0.0.1:9/v1",
        "small@http://",
    ],
)
def test_what_is_none_of_the_forms_is_refused_with_the_way_out(text: str):
    with pytest.raises(ConfigurationError, match=r"is not understood|is none; write it as http|needs OPENAI_API_KEY"):
        choose_model(text)


@pytest.mark.parametrize(("text", "variable"), [("openai:gpt-4.1", OPENAI), ("anthropic:claude", ANTHROPIC)])
def test_a_missing_key_is_named_and_a_blank_one_is_missing(text: str, variable: str, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ConfigurationError, match=f"needs {variable} in the environment or in .env"):
        choose_model(text)
    monkeypatch.setenv(variable, "  ")
    with pytest.raises(ConfigurationError, match=variable):
        choose_model(text)
    monkeypatch.setenv(variable, "sk-something")
    assert text == choose_model(text).name


def test_the_order_is_argument_then_configuration_then_keys_then_runbook(monkeypatch: pytest.MonkeyPatch):
    assert ("runbook", NOT_CONFIGURED) == (choose_model(None).name, choose_model("").why)
    monkeypatch.setenv(ANTHROPIC, "key")
    assert ("anthropic:claude-sonnet-4-6", f"{ANTHROPIC} is set in the environment") == (
        choose_model(None).name,
        choose_model(None).asked,
    )
    monkeypatch.setenv(OPENAI, "key")
    assert "openai:gpt-4.1" == choose_model(None).name
    monkeypatch.setenv("NEWFUSE_MODEL", "anthropic:claude-haiku")
    assert ("anthropic:claude-haiku", "set by NEWFUSE_MODEL in the environment") == (
        choose_model(None).name,
        choose_model(None).asked,
    )
    assert "runbook" == choose_model("runbook").name


def test_a_wrong_configuration_is_refused_as_an_argument_is(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NEWFUSE_MODEL", "gpt-4.1")
    with pytest.raises(ConfigurationError, match=r"'gpt-4\.1' is not understood"):
        choose_model(None)


def test_a_key_in_the_env_file_counts(tmp_path: Path):
    (tmp_path / ".env").write_text(f"{OPENAI}=from-the-file\n", encoding="utf-8")
    assert NOT_CONFIGURED == choose_model(None).why
    with app_at(tmp_path):
        assert f"{OPENAI} is set in .env" == choose_model(None).asked


def test_the_configured_address_serves_names_without_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NEWFUSE_MODEL_BASE_URL", LOCAL)
    assert ("openai:small", LOCAL) == (choose_model("openai:small").name, choose_model("openai:small").base_url)
    assert "http://elsewhere" == choose_model("openai:small@http://elsewhere").base_url
    monkeypatch.setenv(OPENAI, "sk-of-the-provider")  # which is not asked then
    assert ("openai:default", LOCAL) == (choose_model(None).name, choose_model(None).base_url)
    monkeypatch.setenv("NEWFUSE_MODEL_BASE_URL", "elsewhere")
    with pytest.raises(ConfigurationError, match="'elsewhere' of a model's server is none"):
        choose_model(None)


def test_streaming_is_a_setting_that_is_off_by_default(monkeypatch: pytest.MonkeyPatch):
    assert (False, True) == (
        choose_model(LOCAL).streaming,
        choose_model(LOCAL, Settings(model_streaming=True)).streaming,
    )
    monkeypatch.setenv("NEWFUSE_MODEL_STREAMING", "true")
    assert choose_model(f"anthropic:claude@{LOCAL}").streaming
    monkeypatch.setenv("NEWFUSE_MODEL_STREAMING", "sometimes")
    with pytest.raises(ConfigurationError, match="NEWFUSE_MODEL_STREAMING"):
        choose_model(LOCAL)


def test_credentials_in_an_address_are_not_shown():
    choice = choose_model("openai:small@http://ada:hunter2@127.0.0.1:9/v1?key=hunter3")
    assert "openai:small at http://127.0.0.1:9/v1" == choice.label


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_a_client_has_the_seeds_temperature_and_connections_of_its_own(provider: str):
    first, second = (build_model(choose_model(f"{provider}:small@{LOCAL}")) for _ in range(2))
    clients: list[Any] = [
        model.root_async_client if provider == "openai" else model._async_client  # type: ignore[attr-defined]
        for model in (first, second)
    ]
    assert 0.3 == TEMPERATURE == first.temperature  # type: ignore[attr-defined]
    assert clients[0]._client is not clients[1]._client
    await close_model(first)
    assert [True, False] == [client.is_closed() for client in clients]
    await close_model(second)


async def test_a_key_never_shows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(OPENAI, "sk-proj-abcdefghijklmnop123456")
    model = build_model(choose_model("openai:small"))
    assert "abcdefghijklmnop" not in repr(model) + str(choose_model("openai:small"))
    await close_model(model)


def test_a_provider_whose_package_is_missing_is_a_matter_of_configuration(monkeypatch: pytest.MonkeyPatch):
    def missing(*given: object, **settings: object) -> None:
        raise ImportError("pip install langchain-anthropic")

    monkeypatch.setattr("langchain.chat_models.init_chat_model", missing)
    with pytest.raises(ConfigurationError, match="The model anthropic:claude cannot be used: pip install"):
        build_model(choose_model(f"anthropic:claude@{LOCAL}"))


@pytest.mark.parametrize(
    ("name", "temperature"),
    [
        ("openai:gpt-4.1", TEMPERATURE),
        ("openai:gpt-5.5", None),
        ("anthropic:claude-sonnet-4-6", TEMPERATURE),
        ("anthropic:claude-sonnet-5-5", None),
        ("openai:of-ones-own", TEMPERATURE),
    ],
)
async def test_a_family_that_refuses_a_temperature_gets_none(name: str, temperature: float | None):
    model: Any = build_model(choose_model(f"{name}@{LOCAL}"))
    assert temperature == model.temperature
    await close_model(model)
