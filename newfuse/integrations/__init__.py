"""The uniform integration framework: actions, integrations, the registry and the catalog."""

from newfuse.integrations.action import ActionSpec, action
from newfuse.integrations.catalog import available_integrations, create_integration, integration_in
from newfuse.integrations.config import Capabilities, IntegrationConfig
from newfuse.integrations.integration import Health, Integration
from newfuse.integrations.registry import IntegrationRegistry
from newfuse.integrations.result import ItemResult, Performed, Pruned, Record, WriteStatus

__all__ = [
    "ActionSpec",
    "Capabilities",
    "Health",
    "Integration",
    "IntegrationConfig",
    "IntegrationRegistry",
    "ItemResult",
    "Performed",
    "Pruned",
    "Record",
    "WriteStatus",
    "action",
    "available_integrations",
    "create_integration",
    "integration_in",
]
