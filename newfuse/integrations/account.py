"""One account at a vendor: how it is configured, the way to it, and whether it is connected."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from pydantic import SecretStr, ValidationError

from newfuse.auth import AuthScheme, NoAuth
from newfuse.errors import ConfigurationError, IntegrationDisabled, NewFuseError, NotConnected
from newfuse.events import Event, EventBus, EventName
from newfuse.http import ApiClient, ApiConfig, BreakerPolicy, Fault, RateLimit, Recorder, RetryPolicy, SharedQuota
from newfuse.http.context import calling
from newfuse.http.url import parse_base
from newfuse.integrations.answers import readable
from newfuse.integrations.config import IntegrationConfig
from newfuse.integrations.credentials import find_credentials, keep_off_plain_http
from newfuse.integrations.defaults import process_call_log
from newfuse.integrations.health import Health
from newfuse.integrations.schema import problems_of
from newfuse.types import IntegrationType

MADE_UP = "sandbox"
"""A credential that opens nothing."""


class VendorAccount:
    """The vendor's facts, as class attributes, and one account's configuration, credentials and connection."""

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
    supports_webhooks: ClassVar[bool] = False

    @staticmethod
    def describe_failure(status: int, headers: Mapping[str, str], body: Any) -> Fault | None:  # noqa: ARG004
        """Read the vendor's own error bodies, in a subclass; None for a body that is not the vendor's.

        Only an answer in the vendor's own form settles whether a write happened. Where a subclass does not say what
        that form is, any JSON that names an error is taken for it.
        """
        return None

    def __init__(
        self,
        *,
        recorder: Recorder | None,
        events: EventBus | None,
        transport: Any,
        settings: Mapping[str, Any],
    ) -> None:
        """Configure the account; see `Integration`."""
        fields = {field.name for field in self.auth.fields}
        self._given = {
            name: value if isinstance(value, SecretStr) else SecretStr(str(value))
            for name, value in settings.items()
            if name in fields and value is not None
        }
        self.config = self._configure({name: value for name, value in settings.items() if name not in fields})
        self.events = events if events is not None else EventBus()
        self.is_connected = False
        self._is_enabled = True
        self.created_at = self.updated_at = datetime.now(UTC)
        self._recorder = recorder
        self._transport = transport
        self._api: ApiClient | None = None
        self._in_sandbox = False
        self._shared_quota: SharedQuota | None = None

    def stay_in_sandbox(self) -> None:
        """Look for no credential outside: what the sandbox was not given credentials for gets made-up ones."""
        self._in_sandbox = True

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
        if base_url is not None and (world := parse_base(str(base_url)).url) != self.base_url.rstrip("/"):
            # A mock, a proxy or a sandbox is another world than the vendor's own: its effects are kept apart.
            facts |= {"base_url": world, "environment": f"at {world}"}
        else:
            facts["base_url"] = self.base_url
        try:
            return IntegrationConfig(**{**facts, **settings})
        except ValidationError as exc:  # its own text repeats the values
            problems = "; ".join(f"{place}: {problem}" for place, problem in problems_of(exc, whole="settings"))
            raise ConfigurationError(f"{self.slug}: {problems}") from None

    @property
    def id(self) -> str:
        """Identifier in the registry."""
        return self.config.id

    def __repr__(self) -> str:
        """Name the integration and its state, nothing secret."""
        state = "connected" if self.is_connected else "not connected"
        return f"<{type(self).__name__} {self.id!r} {state}>"

    # --- state and connection -----------------------------------------------------------------------------------------

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
        try:
            self._open()
            await self._check("connect")
        except BaseException as exc:
            self.is_connected = False
            await self._close()
            if isinstance(exc, Exception):
                self._changed(EventName.ERROR, {"during": "connect", "error": _said(exc)})
            raise
        self.is_connected = True
        self._changed(EventName.CONNECTED)
        return True

    async def disconnect(self) -> bool:
        """Close the connection; returns False when there was none."""
        was_connected, self.is_connected = self.is_connected, False
        await self._close()
        if was_connected:
            self._changed(EventName.DISCONNECTED)
        if self._recorder is None:
            await process_call_log().flush()
        return was_connected

    async def check(self) -> None:
        """Make the vendor's cheapest authenticated read; subclasses say which.

        Where none is defined, connecting proves only that the credentials are there, and health is not measured.

        Raises:
            VendorError: The vendor cannot be reached or does not let us in.
        """

    @property
    def has_check(self) -> bool:
        """Whether the vendor can be asked for its health: the subclass defines `check`."""
        return type(self).check is not VendorAccount.check

    async def health(self) -> Health:
        """Make one health call now and say how it went; never raises for a vendor's failure.

        A disabled integration is not called, and one that was not connected is left so.
        """
        at, started = datetime.now(UTC), time.perf_counter()
        error: str | None = None
        was_open = self._api is not None
        try:
            if not self.is_enabled:
                raise IntegrationDisabled(self.config.name)
            if not self.has_check:
                raise ConfigurationError(f"{self.config.name} defines no check(): its health cannot be measured.")
            self._open()
            await self._check("health")
        except Exception as exc:
            error = _said(exc)
        latency_ms = (time.perf_counter() - started) * 1000
        if not was_open and not self.is_connected:
            await self._close()
        return Health(ok=error is None, latency_ms=latency_ms, at=at, error=error)

    async def _check(self, purpose: str) -> None:
        probe = purpose == "health"
        with (
            calling(action=purpose, repeatable=True, natural=False, probe=probe, idempotency_key=None),
            readable(self.slug, "check"),
        ):
            await self.check()

    async def __aenter__(self) -> Self:
        """Connect."""
        await self.connect()
        return self

    async def __aexit__(self, *raised: object) -> None:
        """Disconnect."""
        await self.disconnect()

    # --- the way to the vendor ----------------------------------------------------------------------------------------

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

    @property
    def _describes_failures(self) -> bool:
        """Whether the subclass says what the vendor's own refusals look like."""
        return type(self).describe_failure is not VendorAccount.describe_failure

    def quota(self) -> RateLimit | None:
        """Return how fast this account may be called; a vendor whose limits differ by account says so here."""
        if self.config.calls_per_s is None:
            return self.rate_limit
        limit = self.rate_limit or RateLimit(calls=1)
        return replace(limit, calls=self.config.calls_per_s, per_s=1.0, burst=max(1, int(self.config.calls_per_s)))

    def shared_quota(self) -> SharedQuota | None:
        """Return what of the quota others use too; None when the account has it to itself."""
        return None

    def _open(self) -> None:
        if self._api is not None:
            return
        config = ApiConfig(
            base_url=self.api_url(),
            headers={**self.headers, **self.config.default_headers},
            timeout_s=self.config.timeout_s,
            routes=self.routes if self.config.base_url == self.base_url else {},
        )
        self._shared_quota = self.shared_quota()
        self._api = ApiClient(
            config,
            integration=self.slug,
            auth=self.auth.build(self.credentials()),
            recorder=self._recorder or process_call_log().record,
            retry=self.retry,
            rate_limit=self.quota(),
            shared_quota=self._shared_quota,
            idempotency_header=self.idempotency_header,
            describe=self.describe_failure if self._describes_failures else None,
            transport=self._transport,
        )

    async def _close(self) -> None:
        if self._api is not None:
            api, self._api = self._api, None
            await api.aclose()
        if self._shared_quota is not None:
            self._shared_quota.close()

    def credentials(self) -> dict[str, SecretStr]:
        """Return the credentials: given to the constructor, else from the environment or `.env` beside the app.

        Raises:
            MissingCredential: One that is needed was found nowhere.
            ConfigurationError: They would go to another address than the vendor's own over plain http.
        """
        if self._in_sandbox:
            made_up = {field.name: SecretStr(MADE_UP) for field in self.auth.fields if not field.optional}
            return made_up | self._given
        found = find_credentials(self.id, self.slug, self.auth.fields, self._given, self.credential_names)
        if found and self.config.base_url != self.base_url:
            keep_off_plain_http(self.id, self.config.base_url)
        return found

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


def _said(error: Exception) -> str:
    if isinstance(error, NewFuseError):
        return error.for_model
    return f"the check broke off: {type(error).__name__}"  # e.g. an answer of another shape; its text may hold values
