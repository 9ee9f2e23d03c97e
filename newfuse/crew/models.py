"""Chooses the model of a run, once, at its start: argument, then configuration, then keys, then the runbook.

Which key goes where is decided here. A provider's key goes to the provider, or to an address that was set for the
provider in the same place. Any other address gets `NEWFUSE_MODEL_API_KEY`, or no key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

from newfuse.config import ENVIRONMENT, Place, Setting, Settings, find_setting, load_settings, places
from newfuse.crew.model_connections import async_http_settings, http_settings, leave_the_environment_out
from newfuse.errors import ConfigurationError
from newfuse.http.url import is_loopback
from newfuse.redact import Masker, redact_text

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from pydantic import SecretStr

    from newfuse.crew.agent import Agent

RUNBOOK = "runbook"
NOT_CONFIGURED = "no model is configured"
NAME_A_MODEL = "Name one with --model or NEWFUSE_MODEL, or set OPENAI_API_KEY or ANTHROPIC_API_KEY."
WITH_OPTION = "asked for with --model"
TEMPERATURE = 0.3  # the seed's: lower for precise API work
TIMEOUT_S = 60.0  # for a whole answer; for the next piece of it where answers are streamed
CLIENT_RETRIES = 2  # the vendor's own client repeats 429 and 5xx this often, with its own back-off

MODEL = "NEWFUSE_MODEL"
OWN_BASE_URL = "NEWFUSE_MODEL_BASE_URL"
OWN_KEY = "NEWFUSE_MODEL_API_KEY"

DEFAULT_MODELS = (
    # Both take a temperature and call tools; newer families of either vendor refuse the temperature.
    ("OPENAI_API_KEY", "openai:gpt-4.1"),
    ("ANTHROPIC_API_KEY", "anthropic:claude-sonnet-4-6"),
)
"""Which model each provider's key chooses where nothing else does."""
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

_NAME_AT_URL = re.compile(r"(?P<name>[^@]+)@(?P<address>https?://.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """The model of a run and why it is this one.

    Attributes:
        name: `runbook`, `openai:NAME` or `anthropic:NAME`.
        base_url: Address of another server that speaks the provider's API, or None.
        asked: What made the choice, for people.
        sources: The settings that the address and the key came from, for people.
        key: What the server is given, or None.
        from_environment: Whether the address is the provider's own or one that the environment sets for the provider:
            then what else the environment sets for the provider goes along.
        streaming: Whether its answers come piece by piece.
    """

    name: str
    base_url: str | None
    asked: str
    sources: str = ""
    key: SecretStr | None = None
    from_environment: bool = False
    streaming: bool = False

    @property
    def is_runbook(self) -> bool:
        """Whether no model is used."""
        return self.name == RUNBOOK

    @property
    def why(self) -> str:
        """What made the choice, and where address and key came from: names of settings, never values."""
        return f"{self.asked}, {self.sources}" if self.sources else self.asked

    @property
    def label(self) -> str:
        """Name for reports: the model, and the server it was asked at when that is not the provider's own."""
        return f"{self.name} at {_without_credentials(self.base_url)}" if self.base_url else self.name

    @property
    def masker(self) -> Masker:
        """What takes the secrets of this model out of a text."""
        parts = urlsplit(self.base_url or "")
        secrets = [value for _, value in parse_qsl(parts.query)]
        if parts.password:
            secrets.append(unquote(parts.password))
        if self.key is not None:
            secrets.append(self.key.get_secret_value())
        return Masker(secrets)


@dataclass(frozen=True, slots=True)
class _Way:
    """Where a model is asked and with which key; `kept` says where the address stands, None for one just given."""

    address: str | None
    key: Setting | None
    kept: Setting | None = None
    left_out: Sequence[Setting] = ()

    def sources(self, *, said: Setting | None) -> str:
        """Name the settings that take part, and those that could have and do not; `said` was named before."""
        parts = [f"address from {self.kept}"] if self.kept is not None else []
        if self.key is None:
            parts.append("without a key")
        elif self.key is not said:
            parts.append(f"key from {self.key}")
        parts += [f"{setting} left out" for setting in self.left_out]
        return ", ".join(parts)


def choose_model(argument: str | None, settings: Settings | None = None, *, asked: str = WITH_OPTION) -> ModelChoice:
    """Choose the model of a run.

    Args:
        argument: What the caller asked for: `runbook`, `openai:NAME`, `anthropic:NAME`, either with `@URL` behind it,
            or an OpenAI-compatible server as `NAME@URL`, as its URL, or as `URL#NAME`.
        settings: The configuration; read from the environment when not given.
        asked: Who asks by that argument, for people.

    Raises:
        ConfigurationError: The name is of none of these forms, its key is missing, or a key would go over plain http.
    """
    streaming = (settings or load_settings()).model_streaming
    if argument:
        return _parse(argument, places(), asked, streaming)
    configured = find_setting([MODEL])
    if configured is not None:
        return _parse(configured.value, [configured.place], f"set by {configured}", streaming)
    address = find_setting([OWN_BASE_URL])
    if address is not None:
        way = _to_own_server(_address(address.value), [address.place])
        return _choice("openai", DEFAULT_NAME, way, f"set by {address}", streaming)
    for variable, name in DEFAULT_MODELS:
        provider, _, model = name.partition(":")
        way = _to_provider(provider)
        if way.key is not None:
            asked = f"{variable} is set in {way.key.place.name}"
            return _choice(provider, model, way, asked, streaming, said=way.key)
    return ModelChoice(RUNBOOK, None, NOT_CONFIGURED)


def model_of(agent: Agent, choice: ModelChoice) -> ModelChoice:
    """Return the model of one agent: its own, if it is set to one and the run was not told to follow the runbooks.

    Args:
        agent: The agent.
        choice: The model of the run.

    Raises:
        ConfigurationError: The agent's own model cannot be used.
    """
    if agent.model is None or (choice.is_runbook and choice.asked != NOT_CONFIGURED):
        return choice
    return choose_model(agent.model, asked=f"agent {agent.name} is set to it")


def _parse(text: str, around: Sequence[Place], asked: str, streaming: bool) -> ModelChoice:
    """Read what was asked for; `around` are the places whose key an address in it may be given."""
    text = text.strip()
    if text == RUNBOOK:
        return ModelChoice(RUNBOOK, None, asked)
    if text.startswith(("http://", "https://")):
        address, _, name = text.partition("#")
        return _choice("openai", name or DEFAULT_NAME, _to_own_server(_address(address), around), asked, streaming)
    named, address = text, ""
    with_address = _NAME_AT_URL.fullmatch(text)
    if with_address is not None:
        named, address = with_address["name"].strip(), with_address["address"]
    provider, _, name = named.partition(":")
    if address and provider.lower() not in KEY_OF:  # a name of its own, which may hold colons
        provider, name = "openai", named
    if not name or provider not in KEY_OF:
        raise ConfigurationError(
            f"The model {redact_text(text)!r} is not understood. Use runbook, openai:NAME, anthropic:NAME, either with "
            "@URL behind it, NAME@URL of an OpenAI-compatible server, or its URL."
        )
    if not address and "@" in name:
        raise _no_address(name.partition("@")[2])
    way = _to_own_server(_address(address), around) if address else _as_configured(provider)
    if way.address is None and way.key is None:
        variable = KEY_OF[provider]
        raise ConfigurationError(
            f"The model {provider}:{name} needs {variable} in the environment or in .env beside the app."
        )
    return _choice(provider, name, way, asked, streaming)


def _choice(
    provider: str, name: str, way: _Way, asked: str, streaming: bool, *, said: Setting | None = None
) -> ModelChoice:
    _keep_off_plain_http(way)
    return ModelChoice(
        name=f"{provider}:{name}",
        base_url=way.address,
        asked=asked,
        sources=way.sources(said=said),
        key=way.key.secret if way.key is not None else None,
        from_environment=way.address is None
        or (way.kept is not None and way.kept.name != OWN_BASE_URL and way.kept.place.name == ENVIRONMENT),
        streaming=streaming,
    )


# --- which key goes to which address ----------------------------------------------------------------------------------


def _to_own_server(address: str, around: Sequence[Place], kept: Setting | None = None) -> _Way:
    """An address that was given for this program: its key is the program's own, from the same place, or none."""
    key = next((found for place in around if (found := place.find([OWN_KEY]))), None)
    return _Way(address, key, kept)


def _as_configured(provider: str) -> _Way:
    address = find_setting([OWN_BASE_URL])
    if address is not None:
        return _to_own_server(_address(address.value), [address.place], address)
    return _to_provider(provider)


def _to_provider(provider: str) -> _Way:
    """Take the provider's key and address from the first place that sets either; the other place's are left out."""
    found = [(place.find([KEY_OF[provider]]), place.find(ADDRESS_OF[provider])) for place in places()]
    set_ones = [pair for pair in found if any(pair)]
    if not set_ones:
        return _Way(None, None)
    (key, kept), *others = set_ones
    used = {setting.name for setting in (key, kept) if setting is not None}
    left_out = [setting for pair in others for setting in pair if setting is not None and setting.name not in used]
    return _Way(_address(kept.value) if kept is not None else None, key, kept, left_out)


def _keep_off_plain_http(way: _Way) -> None:
    """Refuse to send a key where everybody on the way can read it."""
    if way.address is None:
        return
    parts = urlsplit(way.address)
    if parts.scheme == "https" or is_loopback(parts.hostname or ""):
        return
    if way.key is None and "@" not in parts.netloc:
        return
    what = f"The key of {way.key}" if way.key is not None else "The password in the model's address"
    raise ConfigurationError(
        f"{what} would go to {_without_credentials(way.address)} over plain http, readable for everybody on the way. "
        "Use an https:// address or a server on this machine, or leave the key out if the server needs none."
    )


def _address(text: str) -> str:
    """Check the address of a model's server."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket or a port that is none
        usable = False
    if not usable:
        raise _no_address(text)
    return text


def _no_address(text: str) -> ConfigurationError:
    return ConfigurationError(
        f"The address {redact_text(text)!r} of a model's server is none; write it as http://HOST:PORT/v1."
    )


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
    base_url = choice.base_url or OWN_ADDRESS[provider]
    settings: dict[str, Any] = {"temperature": TEMPERATURE, "timeout": TIMEOUT_S, "max_retries": CLIENT_RETRIES}
    settings["base_url"] = base_url
    settings["api_key"] = choice.key if choice.key is not None else LOCAL_KEY
    if choice.streaming:
        settings["streaming"] = True
    try:
        if provider == "openai":
            from openai import DefaultAsyncHttpxClient, DefaultHttpxClient

            settings["http_async_client"] = DefaultAsyncHttpxClient(**async_http_settings(base_url))
            settings["http_client"] = DefaultHttpxClient(**http_settings(base_url))  # unused; LangChain would make one
            settings["stream_usage"] = True  # else tokens are not counted at another address than OpenAI's own
        model: BaseChatModel = init_chat_model(choice.name, **settings)
        if (model.profile or {}).get("temperature") is False:  # newer families of both vendors refuse any
            vars(model)["temperature"] = None
        if provider == "anthropic":
            _use_own_connections(model, base_url)
        if not choice.from_environment:
            leave_the_environment_out(_client_of(model), provider)
        return model
    except Exception as exc:
        raise ConfigurationError(f"The model {choice.name} cannot be used: {choice.masker.text(str(exc))}") from exc


async def close_model(model: BaseChatModel) -> None:
    """Close the connections of a client that `build_model` made."""
    await _client_of(model).close()
    unused: Any = getattr(model, "root_client", None)
    if unused is not None:
        unused.close()


def _client_of(model: BaseChatModel) -> Any:
    return getattr(model, "root_async_client", None) or getattr(model, "_async_client", None)


def _use_own_connections(model: Any, base_url: str) -> None:
    """Give LangChain's Anthropic client a pool of its own; it has no parameter for one, but a cached property."""
    from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

    connections = DefaultAsyncHttpxClient(**async_http_settings(base_url))
    model.__dict__["_async_client"] = AsyncAnthropic(**model._client_params, http_client=connections)  # noqa: SLF001
