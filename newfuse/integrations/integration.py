"""The base of every integration: its actions, what they can do, and running them."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from newfuse.effects import Ledger, Scope
from newfuse.errors import IntegrationDisabled, InvalidArguments, NotConnected, UnknownAction
from newfuse.events import EventBus
from newfuse.http import Recorder, SharedQuota
from newfuse.integrations import execution
from newfuse.integrations.account import VendorAccount
from newfuse.integrations.action import ActionSpec, read_actions
from newfuse.integrations.config import Capabilities
from newfuse.integrations.defaults import process_ledger
from newfuse.integrations.health import Health
from newfuse.integrations.result import Performed, WriteStatus
from newfuse.integrations.schema import check_arguments
from newfuse.store.quota import quota_in
from newfuse.types import Effect

VENDOR_KEY_LIFETIME_S = 24 * 3600.0  # Stripe keeps keys at least 24 h; others say so in their class


class Integration(VendorAccount):
    """One vendor, one account.

    A subclass states the vendor's facts as class attributes and its actions as `@action` methods; connecting,
    executing, capabilities and metadata are derived here and in `VendorAccount`.
    """

    key_lifetime_s: ClassVar[float] = VENDOR_KEY_LIFETIME_S
    triggers: ClassVar[tuple[str, ...]] = ()
    supports_polling: ClassVar[bool] = False
    specs: ClassVar[dict[str, ActionSpec]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Read the actions, so that mistakes show at import; name and description default to the class's own."""
        super().__init_subclass__(**kwargs)
        cls.specs = read_actions(cls)
        if "slug" in vars(cls):
            cls.name = getattr(cls, "name", cls.__name__)
            cls.description = getattr(cls, "description", (inspect.getdoc(cls) or "").partition("\n")[0])

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
        super().__init__(recorder=recorder, events=events, transport=transport, settings=settings)
        self._ledger = ledger

    def shared_quota(self) -> SharedQuota:
        """Return the account's quota as all share it who use the same store."""
        store = (self._ledger or process_ledger()).store
        return quota_in(store, environment=self.config.environment, account=self.account(), integration=self.slug)

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
            return await execution.read(self.slug, spec, getattr(self, action), arguments)
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
        if spec.effect is Effect.READ or spec.batch is not None:
            raise TypeError(f"{self.slug}.{action} is no single write: use execute or perform_batch")
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
        if spec.batch is None:
            raise TypeError(f"{self.slug}.{action} is no batch: use execute or perform")
        return await self._batch(spec, arguments, list(references))

    def _ready(self, action: str, params: Mapping[str, Any] | None) -> tuple[ActionSpec, dict[str, Any]]:
        if not self.is_enabled:
            raise IntegrationDisabled(self.config.name)
        spec = self.specs.get(action)
        if spec is None:
            raise UnknownAction(self.config.name, action, list(self.specs))
        if not self.is_connected:
            raise NotConnected(self.config.name)
        if not isinstance(params, Mapping | None):
            raise InvalidArguments(f"{self.slug}.{action}", [("arguments", "must be an object of names and values")])
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
