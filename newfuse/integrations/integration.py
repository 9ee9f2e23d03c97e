"""The base of every integration: state, credentials, connection and the execution of its actions."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, ClassVar, Self

from pydantic import SecretStr

from newfuse.auth import AuthScheme, NoAuth
from newfuse.effects import Ledger, Scope
from newfuse.errors import (
    ConfigurationError,
    IntegrationDisabled,
    InvalidArguments,
    NewFuseError,
    NotConnected,
    UnknownAction,
)
from newfuse.events import Event, EventBus, EventName
from newfuse.http import ApiClient, ApiConfig, BreakerPolicy, Fault, RateLimit, Recorder, RetryPolicy
from newfuse.http.context import calling
from newfuse.integrations import execution
from newfuse.integrations.action import ActionSpec, read_actions
from newfuse.integrations.config import Capabilities, IntegrationConfig
from newfuse.integrations.credentials import find_credentials
from newfuse.integrations.defaults import process_call_log, process_ledger
from newfuse.integrations.health import Health
from newfuse.integrations.result import Performed, WriteStatus
from newfuse.integrations.schema import check_arguments
from newfuse.types import Effect, IntegrationType

VENDOR_KEY_LIFETIME_S = 24 * 3600.0  # Stripe keeps keys at least 24 h; others say so in their class


class Integration:
    """One vendor, one account.

    A subclass states the vendor's facts as class attributes and its actions as `@action` methods; connecting,
    executing, capabilities and metadata are derived here.
    """

    slug: ClassVar[str]
    name: ClassVar[str]
    type: ClassVar[IntegrationType]
    description: ClassVar[str]
    base_url: ClassVar[str]
    doc_url: ClassVar[str | None] = None
    api_version: ClassVar[str | None] = None
    auth: ClassVar[AuthScheme] = NoAuth()
    credential_names: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    """Environment variables of a credential field, beside the usual SLUG_FIELD."""
    routes: ClassVar[Mapping[str, str]] = {}
    """Path prefixes that the vendor serves from other hosts; a replaced `base_url` serves them all itself."""
    headers: ClassVar[Mapping[str, str]] = {}
    rate_limit: ClassVar[RateLimit | None] = None
    retry: ClassVar[RetryPolicy] = RetryPolicy()
    idempotency_header: ClassVar[str | None] = None
    key_lifetime_s: ClassVar[float] = VENDOR_KEY_LIFETIME_S
    triggers: ClassVar[tuple[str, ...]] = ()
    supports_webhooks: ClassVar[bool] = False
    supports_polling: ClassVar[bool] = False
    specs: ClassVar[dict[str, ActionSpec]] = {}

    @staticmethod
    def describe_failure(status: int, headers: Mapping[str, str], body: Any) -> Fault | None:  # noqa: ARG004
        """Read the vendor's own error bodies, in a subclass; None leaves it to the common shapes."""
        return None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Read the actions, so that mistakes show at import."""
        super().__init_subclass__(**kwargs)
        cls.specs = read_actions(cls)

    def __init__(
        self,
        *,
        ledger: Ledger | None = None,
        recorder: Recorder | None = None,
        events: EventBus | None = None,
        transport: Any = None,
        **settings: Any,
    ) -> None:
        """Configure the integration; nothing is contacted.

        Args:
            ledger: Where writes are recorded; the process's own, in the store, when not given.
            recorder: Told of every request; the process's own, in the store, when not given.
            events: Told of every change of state.
            transport: An httpx transport in place of the network, for tests.
            **settings: Credentials by field name (str or SecretStr), the fields of IntegrationConfig
                (`base_url`, `account`, `id`, ...) and settings of the integration's own.

        Raises:
            ConfigurationError: A setting does not fit.
        """
        fields = {field.name for field in self.auth.fields}
        self._given = {
            name: value if isinstance(value, SecretStr) else SecretStr(str(value))
            for name, value in settings.items()
            if name in fields and value is not None
        }
        self.config = self._configure({name: value for name, value in settings.items() if name not in fields})
        self.events = events or EventBus()
        self.is_connected = False
        self._is_enabled = True
        self.created_at = self.updated_at = datetime.now(UTC)
        self._ledger = ledger
        self._recorder = recorder
        self._transport = transport
        self._api: ApiClient | None = None

    def _configure(self, settings: dict[str, Any]) -> IntegrationConfig:
        base_url = settings.pop("base_url", None)
        facts: dict[str, Any] = {
            "id": self.slug,
            "name": self.name,
            "type": self.type,
            "description": self.description,
            "api_version": self.api_version,
            "auth_type": self.auth.type,
            "webhook_support": self.supports_webhooks,
            "doc_url": self.doc_url,
        }
        # A mock, a proxy or a sandbox is another world than the vendor's own: its effects are kept apart.
        elsewhere = {} if base_url is None else {"base_url": str(base_url), "environment": f"at {base_url}"}
        try:
            return IntegrationConfig(**{**facts, "base_url": self.base_url, **elsewhere, **settings})
        except ValueError as exc:
            raise ConfigurationError(f"{self.slug}: {exc}") from None

    # --- identity -----------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """Identifier in the registry."""
        return self.config.id

    @property
    def capabilities(self) -> Capabilities:
        """Actions, triggers, webhooks and polling."""
        return Capabilities(
            actions=sorted(self.specs),
            triggers=list(self.triggers),
            supports_webhooks=self.supports_webhooks,
            supports_polling=self.supports_polling,
        )

    def get_metadata(self) -> dict[str, Any]:
        """Return what may be shown of this integration: JSON values, no secrets."""
        return {
            "id": self.id,
            "name": self.config.name,
            "type": self.config.type.value,
            "description": self.config.description,
            "capabilities": self.capabilities.model_dump(),
            "is_connected": self.is_connected,
            "is_enabled": self.is_enabled,
            "auth_type": str(self.config.auth_type),
            "base_url": self.config.base_url,
            "last_updated": self.updated_at.isoformat(),
        }

    def __repr__(self) -> str:
        """Name the integration and its state, nothing secret."""
        state = "connected" if self.is_connected else "not connected"
        return f"<{type(self).__name__} {self.id!r} {state}>"

    # --- state --------------------------------------------------------------------------------------------------

    @property
    def is_enabled(self) -> bool:
        """Whether the integration may be used; a disabled one refuses to connect and to execute."""
        return self._is_enabled

    @is_enabled.setter
    def is_enabled(self, value: bool) -> None:
        if value != self._is_enabled:
            self._is_enabled = value
            self._changed(EventName.UPDATED, {"is_enabled": value})

    def _changed(self, name: EventName, detail: dict[str, Any] | None = None) -> None:
        self.updated_at = datetime.now(UTC)
        self.events.emit(Event(name, self.id, detail or {}))

    async def connect(self) -> bool:
        """Check the credentials with one cheap call to the vendor.

        Raises:
            IntegrationDisabled: It was switched off.
            MissingCredential: A credential was found nowhere; the message lists the places.
            VendorError: The vendor cannot be reached or does not let us in.
        """
        if not self.is_enabled:
            raise IntegrationDisabled(self.config.name)
        self._open()
        try:
            with calling(action="connect", repeatable=True, idempotency_key=None):
                await self.check()
        except NewFuseError as exc:
            self.is_connected = False
            self._changed(EventName.ERROR, {"during": "connect", "error": exc.for_model})
            await self._close()
            raise
        self.is_connected = True
        self._changed(EventName.CONNECTED)
        return True

    async def disconnect(self) -> bool:
        """Close the connection; returns False when there was none."""
        was_connected, self.is_connected = self.is_connected, False
        await self._close()
        if self._recorder is None:
            await process_call_log().flush()
        if was_connected:
            self._changed(EventName.DISCONNECTED)
        return was_connected

    async def check(self) -> None:
        """Make the vendor's cheapest authenticated read; subclasses say which.

        Raises:
            VendorError: The vendor cannot be reached or does not let us in.
        """
        raise NotImplementedError(f"{type(self).__name__} must define check()")

    async def health(self) -> Health:
        """Make one health call now and say how it went; never raises for a vendor's failure."""
        at, started = datetime.now(UTC), time.perf_counter()
        error: str | None = None
        try:
            self._open()
            with calling(action="health", repeatable=True, idempotency_key=None):
                await self.check()
        except NewFuseError as exc:
            error = exc.for_model
        return Health(ok=error is None, latency_ms=(time.perf_counter() - started) * 1000, at=at, error=error)

    async def __aenter__(self) -> Self:
        """Connect."""
        await self.connect()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self.disconnect()

    # --- the way to the vendor ----------------------------------------------------------------------------------

    @property
    def api(self) -> ApiClient:
        """The HTTP client of this account, for use inside actions.

        Raises:
            NotConnected: `connect()` has not been called.
        """
        if self._api is None:
            raise NotConnected(self.config.name)
        return self._api

    def api_url(self) -> str:
        """Return where requests go; a vendor whose host depends on the credentials works it out here."""
        return self.config.base_url

    def quota(self) -> RateLimit | None:
        """Return how fast this account may be called; a vendor whose limits differ by account says so here."""
        return self.rate_limit

    def _open(self) -> None:
        if self._api is not None:
            return
        config = ApiConfig(
            base_url=self.api_url(),
            headers={**self.headers, **self.config.default_headers},
            timeout_s=self.config.timeout_s,
            routes=self.routes if self.config.base_url == self.base_url else {},
        )
        self._api = ApiClient(
            config,
            integration=self.slug,
            auth=self.auth.build(self.credentials()),
            recorder=self._recorder or process_call_log().record,
            retry=self.retry,
            rate_limit=self.quota(),
            idempotency_header=self.idempotency_header,
            describe=self.describe_failure,
            transport=self._transport,
        )

    async def _close(self) -> None:
        if self._api is not None:
            api, self._api = self._api, None
            await api.aclose()

    def credentials(self) -> dict[str, SecretStr]:
        """Return the credentials: given to the constructor, else from the environment.

        Raises:
            MissingCredential: One that is needed was found nowhere.
        """
        return find_credentials(self.id, self.slug, self.auth.fields, self._given, self.credential_names)

    def account(self) -> str:
        """Name the vendor account for effect keys; a vendor whose keys tell test from live says so here."""
        return self.config.account

    def settings_in_force(self) -> dict[str, Any]:
        """Return what protects the calls, for reports: retries, breaker and rate limit, with units in their names."""
        breaker, limit = BreakerPolicy(), self.quota()
        settings: dict[str, Any] = {
            "timeout s": self.config.timeout_s,
            "retry attempts": self.retry.attempts,
            "retry total s": self.retry.total_s,
            "breaker failures": breaker.failures,
            "breaker recovery s": breaker.recovery_s,
        }
        if limit is not None:
            settings["rate limit"] = f"{limit.calls:g} per {limit.per_s:g} s"
        return settings

    # --- actions ------------------------------------------------------------------------------------------------

    async def execute(
        self, action: str, params: Mapping[str, Any] | None = None, *, reference: str | None = None
    ) -> Any:
        """Run one action and return its result.

        Args:
            action: Name of the action; see `capabilities.actions`.
            params: Its arguments.
            reference: For writes: what makes two calls the same write. With one, the write happens once, whatever
                crashes; without, every call is a write of its own.

        Raises:
            UnknownAction: There is no such action.
            InvalidArguments: Names each argument that does not fit.
            NotConnected, IntegrationDisabled: It cannot be used now.
            VendorError, EffectError: What the vendor or the ledger refused.
        """
        spec, arguments = self._ready(action, params)
        if spec.effect is Effect.READ:
            return await execution.read(spec, getattr(self, action), arguments)
        if spec.batch is not None:
            items = arguments[spec.batch]
            references = [f"{reference}:{index}" for index in range(len(items))] if reference is not None else None
            return await self._batch(spec, arguments, references)
        performed = await self._write(spec, arguments, reference)
        if performed.error is not None:
            raise performed.error
        return performed.value

    async def perform(self, action: str, params: Mapping[str, Any] | None = None, *, reference: str) -> Performed:
        """Run one write once and say what became of it; a vendor's refusal is data, not an exception.

        Args:
            action: Name of a writing action that is no batch.
            params: Its arguments.
            reference: The record's own reference.
        """
        spec, arguments = self._ready(action, params)
        return await self._write(spec, arguments, reference)

    async def perform_batch(
        self, action: str, params: Mapping[str, Any], *, references: Sequence[str]
    ) -> list[Performed]:
        """Run a batch of writes, each once; only what was not confirmed earlier is sent.

        Args:
            action: Name of a batch action.
            params: Its arguments, the list of items among them.
            references: The reference of each item, in the same order.

        Returns:
            What became of each item, in their order.
        """
        spec, arguments = self._ready(action, params)
        return await self._batch(spec, arguments, list(references))

    def _ready(self, action: str, params: Mapping[str, Any] | None) -> tuple[ActionSpec, dict[str, Any]]:
        if not self.is_enabled:
            raise IntegrationDisabled(self.config.name)
        spec = self.specs.get(action)
        if spec is None:
            raise UnknownAction(self.config.name, action, list(self.specs))
        if not self.is_connected:
            raise NotConnected(self.config.name)
        return spec, check_arguments(spec.signature, dict(params or {}), what=f"{self.slug}.{action}")

    async def _write(self, spec: ActionSpec, arguments: dict[str, Any], reference: str | None) -> Performed:
        return await execution.write(
            self._ledger or process_ledger(),
            spec,
            getattr(self, spec.name),
            arguments,
            scope=self._scope(spec),
            reference=reference,
            lookup=getattr(self, spec.lookup) if spec.lookup is not None else None,
            key_lifetime_s=self.key_lifetime_s,
        )

    async def _batch(
        self, spec: ActionSpec, arguments: dict[str, Any], references: list[str] | None
    ) -> list[Performed]:
        assert spec.batch is not None
        items = arguments[spec.batch]
        if references is None:
            references = execution.references_of_their_own(len(items))
        if len(references) != len(items):
            raise InvalidArguments(
                f"{self.slug}.{spec.name}", [("references", f"{len(references)} given for {len(items)} items")]
            )
        return await execution.write_batch(
            self._ledger or process_ledger(),
            spec,
            getattr(self, spec.name),
            arguments,
            scope=self._scope(spec),
            references=references,
        )

    def _scope(self, spec: ActionSpec) -> Scope:
        return Scope(self.config.environment, self.account(), self.slug, spec.name)

    def tools(self) -> list[Any]:
        """Return LangChain tools, one per action, named `{slug}_{action}`."""
        adapter: Callable[[Integration], list[Any]] = importlib.import_module(  # LangChain costs seconds: only here
            "newfuse.crew.action_tools"
        ).action_tools
        return adapter(self)


__all__ = ["Health", "Integration", "Performed", "WriteStatus"]
