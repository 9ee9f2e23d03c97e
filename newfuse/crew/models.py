"""Chooses the model of a run, once, at its start: argument, then configuration, then keys, then the runbook."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from newfuse.config import Settings, load_settings, secret_from_environment
from newfuse.errors import ConfigurationError
from newfuse.redact import redact_text

if TYPE_CHECKING:
    import ssl

    from langchain_core.language_models import BaseChatModel

RUNBOOK = "runbook"
NOT_CONFIGURED = "no model is configured"
TEMPERATURE = 0.3  # the seed's: lower for precise API work
TIMEOUT_S = 60.0  # for a whole answer; for the next piece of it where answers are streamed
CLIENT_RETRIES = 2  # the vendor's own client repeats 429 and 5xx this often, with its own back-off

DEFAULT_MODELS = (
    # Both take a temperature and call tools; newer families of either vendor refuse the temperature.
    ("OPENAI_API_KEY", "openai:gpt-4.1"),
    ("ANTHROPIC_API_KEY", "anthropic:claude-sonnet-4-6"),
)
KEY_OF = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
OWN_ADDRESS = {"openai": "https://api.openai.com/v1", "anthropic": "https://api.anthropic.com"}
"""Always said to the clients: left to themselves, LangChain's go through its maker's gateway where LANGSMITH_GATEWAY is
set, and nothing is contacted but the model."""
ADDRESS_OF = {
    "openai": ["OPENAI_BASE_URL", "OPENAI_API_BASE"],
    "anthropic": ["ANTHROPIC_BASE_URL", "ANTHROPIC_API_URL"],
}
"""Where the providers' own packages look for another address; read here, so that reports name it."""
DEFAULT_NAME = "default"  # asked of a server that serves one model: such servers do not look at it
LOCAL_KEY = "none"  # what a compatible server of one's own is told when no key is set


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The model of a run and why it is this one.

    Attributes:
        name: `runbook`, `openai:NAME` or `anthropic:NAME`.
        base_url: Address of another server that speaks the provider's API, or None.
        why: Where the choice came from, for people.
        streaming: Whether its answers come piece by piece.
    """

    name: str
    base_url: str | None
    why: str
    streaming: bool = False

    @property
    def is_runbook(self) -> bool:
        """Whether no model is used."""
        return self.name == RUNBOOK

    @property
    def label(self) -> str:
        """Name for reports: the model, and the server it was asked at when that is not the provider's own."""
        return f"{self.name} at {_without_credentials(self.base_url)}" if self.base_url else self.name


def choose_model(argument: str | None, settings: Settings | None = None) -> ModelChoice:
    """Choose the model of a run.

    Args:
        argument: What the caller asked for: `runbook`, `openai:NAME`, `anthropic:NAME`, either with `@URL` behind it,
            or the URL of an OpenAI-compatible server, with `#NAME` behind it where it serves several.
        settings: The configuration; read from the environment when not given.

    Raises:
        ConfigurationError: The name is of none of these forms, or its key is missing.
    """
    settings = settings or load_settings()
    if argument:
        return _parse(argument, settings, "asked for with --model")
    if settings.model:
        return _parse(settings.model, settings, "set by NEWFUSE_MODEL")
    for variable, name in DEFAULT_MODELS:
        if secret_from_environment([variable]) is not None:
            return _parse(name, settings, f"{variable} is set")
    if settings.model_base_url:
        return _parse(f"openai:{DEFAULT_NAME}", settings, "set by NEWFUSE_MODEL_BASE_URL")
    return ModelChoice(RUNBOOK, None, NOT_CONFIGURED)


def _parse(text: str, settings: Settings, why: str) -> ModelChoice:
    text = text.strip()
    if text == RUNBOOK:
        return ModelChoice(RUNBOOK, None, why)
    if text.startswith(("http://", "https://")):
        address, _, name = text.partition("#")
        return ModelChoice(f"openai:{name or DEFAULT_NAME}", _address(address), why, settings.model_streaming)
    provider, colon, rest = text.partition(":")
    name, at, address = rest.partition("@")
    if not colon or not name or provider not in KEY_OF or (at and not address):
        raise ConfigurationError(
            f"The model {redact_text(text)!r} is not understood. Use runbook, openai:NAME, anthropic:NAME, NAME@URL "
            "behind either, or the URL of an OpenAI-compatible server."
        )
    given = address or settings.model_base_url or _address_in_environment(provider)
    base_url = _address(given) if given else None
    variable = KEY_OF[provider]
    if base_url is None and secret_from_environment([variable]) is None:
        raise ConfigurationError(f"The model {provider}:{name} needs {variable} in the environment or in .env.")
    return ModelChoice(f"{provider}:{name}", base_url, why, settings.model_streaming)


def _address_in_environment(provider: str) -> str | None:
    found = secret_from_environment(ADDRESS_OF[provider])  # an address may hold credentials
    return found.get_secret_value() if found is not None else None


def _address(text: str) -> str:
    """Check the address of a model's server."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket or a port that is none
        usable = False
    if not usable:
        raise ConfigurationError(
            f"The address {redact_text(text)!r} of a model's server is none; write it as http://HOST:PORT/v1."
        )
    return text


def _without_credentials(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def build_model(choice: ModelChoice) -> BaseChatModel:
    """Make the client of a chosen model; one client serves all agents that use it. Close it with `close_model`.

    Its connections are its own. LangChain keeps one pool per address for the whole process, which outlives the event
    loop of a run: the next run of the same process met "Event loop is closed".

    Raises:
        ConfigurationError: The provider's package refuses the settings.
    """
    from langchain.chat_models import init_chat_model

    provider = choice.name.partition(":")[0]
    settings: dict[str, Any] = {"temperature": TEMPERATURE, "timeout": TIMEOUT_S, "max_retries": CLIENT_RETRIES}
    key = secret_from_environment([KEY_OF[provider]])
    if key is not None:
        settings["api_key"] = key
    elif choice.base_url is not None:
        settings["api_key"] = LOCAL_KEY
    settings["base_url"] = choice.base_url or OWN_ADDRESS[provider]
    if choice.streaming:
        settings["streaming"] = True
    try:
        if provider == "openai":
            from openai import DefaultAsyncHttpxClient, DefaultHttpxClient

            settings["http_async_client"] = DefaultAsyncHttpxClient(verify=_ssl_context())
            settings["http_client"] = DefaultHttpxClient(verify=_ssl_context())  # unused; LangChain would make one
            settings["stream_usage"] = True  # else tokens are not counted at another address than OpenAI's own
        model: BaseChatModel = init_chat_model(choice.name, **settings)
        if (model.profile or {}).get("temperature") is False:  # newer families of both vendors refuse any
            vars(model)["temperature"] = None
        if provider == "anthropic":
            _use_own_connections(model)
        return model
    except Exception as exc:
        raise ConfigurationError(f"The model {choice.name} cannot be used: {redact_text(str(exc))}") from exc


async def close_model(model: BaseChatModel) -> None:
    """Close the connections of a client that `build_model` made."""
    client: Any = getattr(model, "root_async_client", None) or getattr(model, "_async_client", None)
    await client.close()
    unused: Any = getattr(model, "root_client", None)
    if unused is not None:
        unused.close()


def _use_own_connections(model: Any) -> None:
    """Give LangChain's Anthropic client a pool of its own; it has no parameter for one, but a cached property."""
    from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

    connections = DefaultAsyncHttpxClient(verify=_ssl_context())
    model.__dict__["_async_client"] = AsyncAnthropic(**model._client_params, http_client=connections)  # noqa: SLF001


@cache
def _ssl_context() -> ssl.SSLContext:
    # 20 ms each (measured): one for all models. The makers' own, which trusts what the machine trusts.
    import httpx2

    return httpx2.create_ssl_context()
