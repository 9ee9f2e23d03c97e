"""The registry: the one list of the integrations in use."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

from newfuse.errors import ConfigurationError
from newfuse.events import Event, EventBus, EventName, Listener
from newfuse.integrations.integration import Health, Integration
from newfuse.log import logger
from newfuse.types import IntegrationType


class IntegrationRegistry:
    """Holds integrations by id, and passes on their events."""

    def __init__(self) -> None:
        """Start empty."""
        self._integrations: dict[str, Integration] = {}
        self._forwards: dict[str, Listener] = {}
        self._log = logger("IntegrationRegistry")
        self.events = EventBus()
        self.last_health: dict[str, Health] = {}
        """The last health call of each integration, by id."""

    def register_integration(self, integration: Integration) -> None:
        """Add an integration; one with the same id is replaced, with a warning."""
        replaced = self._integrations.get(integration.id)
        if replaced is not None:
            self._log.warning("Integration with ID %s already exists. Replacing.", integration.id)
            self._forget(replaced)
        self._integrations[integration.id] = integration
        if integration.events is not self.events:
            self._forwards[integration.id] = forward = partial(self._forward, integration.id)
            integration.events.on("*", forward)
        self._log.info("Registered integration: %s (%s)", integration.config.name, integration.id)
        self.events.emit(Event(EventName.REGISTERED, integration.id))

    def get_integration(self, id: str) -> Integration | None:  # noqa: A002 - the registry's word for it
        """Return the integration of that id, or None."""
        return self._integrations.get(id)

    def get_integrations(self) -> list[Integration]:
        """Return all integrations in the order they were registered."""
        return list(self._integrations.values())

    def get_integrations_by_type(self, type: IntegrationType) -> list[Integration]:  # noqa: A002
        """Return the integrations of one type; an empty list when there are none."""
        return [integration for integration in self._integrations.values() if integration.config.type == type]

    def remove_integration(self, id: str) -> bool:  # noqa: A002
        """Take an integration out; False when it was not there. It is not disconnected."""
        integration = self._integrations.pop(id, None)
        if integration is None:
            return False
        self._forget(integration)
        self._log.info("Removed integration: %s (%s)", integration.config.name, id)
        self.events.emit(Event(EventName.REMOVED, id))
        return True

    def has_integration(self, id: str) -> bool:  # noqa: A002
        """Say whether an integration of that id is registered."""
        return id in self._integrations

    async def execute_action(
        self,
        id: str,  # noqa: A002
        action: str,
        params: Mapping[str, Any] | None = None,
        *,
        reference: str | None = None,
    ) -> Any:
        """Run an action of the integration of that id; see `Integration.execute`.

        Raises:
            ConfigurationError: No integration of that id is registered.
        """
        return await self._named(id).execute(action, params, reference=reference)

    async def connect_integration(self, id: str) -> bool:  # noqa: A002
        """Connect one integration; see `Integration.connect`."""
        return await self._named(id).connect()

    async def disconnect_integration(self, id: str) -> bool:  # noqa: A002
        """Disconnect one integration."""
        return await self._named(id).disconnect()

    async def disconnect_all(self) -> None:
        """Disconnect every integration, all at once; a failure is raised when all have been tried."""
        ended = (integration.disconnect() for integration in self.get_integrations())
        for result in await asyncio.gather(*ended, return_exceptions=True):
            if isinstance(result, BaseException):
                raise result

    async def check_health(self) -> dict[str, Health]:
        """Make a health call to every enabled integration that defines one, all at once; by id."""
        asked = [one for one in self.get_integrations() if one.is_enabled and one.has_check]
        found = await asyncio.gather(*(integration.health() for integration in asked))
        health = {integration.id: one for integration, one in zip(asked, found, strict=True)}
        self.last_health.update(health)
        return health

    def get_integrations_metadata(self) -> list[dict[str, Any]]:
        """Return the metadata of every integration, free of secrets."""
        return [integration.get_metadata() for integration in self.get_integrations()]

    def on(self, event: str, listener: Listener) -> None:
        """Call `listener` for that event of any integration; `"*"` means every event."""
        self.events.on(event, listener)

    def off(self, event: str, listener: Listener) -> None:
        """Stop calling `listener`."""
        self.events.off(event, listener)

    def _forward(self, id: str, event: Event) -> None:  # noqa: A002
        if event.subject == id:  # several integrations may share one bus
            self.events.emit(event)

    def _forget(self, integration: Integration) -> None:
        self.last_health.pop(integration.id, None)
        forward = self._forwards.pop(integration.id, None)
        if forward is not None:
            integration.events.off("*", forward)

    def _named(self, id: str) -> Integration:  # noqa: A002
        integration = self._integrations.get(id)
        if integration is None:
            known = ", ".join(self._integrations) or "none"
            raise ConfigurationError(f"Integration not found: {id}. Registered: {known}.")
        return integration
