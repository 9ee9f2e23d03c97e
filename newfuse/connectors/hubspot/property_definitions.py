"""Which properties the objects have.

https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from newfuse import Integration, action
from newfuse.connectors.hubspot.records import ObjectType, PropertyDefinition
from newfuse.errors import NotFound

# The group HubSpot shows its own properties of an object in.
DEFAULT_GROUPS: dict[ObjectType, str] = {
    "contacts": "contactinformation",
    "companies": "companyinformation",
    "deals": "dealinformation",
}

# `PropertyCreate` of the official SDK.
ValueType = Literal["string", "number", "date", "datetime", "enumeration", "bool"]
FieldType = Literal[
    "text",
    "textarea",
    "number",
    "date",
    "select",
    "radio",
    "checkbox",
    "booleancheckbox",
    "file",
    "calculation_equation",
]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=100)]


class PropertyActions(Integration):
    """Read and add property definitions."""

    @action(effect="read", scopes=["crm.schemas.contacts.read"])
    async def list_properties(self, object_type: ObjectType = "contacts") -> list[PropertyDefinition]:
        """List the properties an object type has, with the values enumerations take.

        Args:
            object_type: contacts, companies or deals.

        Returns:
            Every property's definition.
        """
        answer = await self.api.get(f"/crm/v3/properties/{object_type}")
        return [PropertyDefinition.parse(row) for row in answer["results"]]

    @action(effect="write", once="lookup", lookup="created_property", scopes=["crm.schemas.contacts.write"])
    async def create_property(
        self,
        name: Name,
        label: str,
        type: ValueType = "string",
        field_type: FieldType = "text",
        object_type: ObjectType = "contacts",
        group_name: str | None = None,
        options: list[str] | None = None,
        has_unique_value: bool = False,
    ) -> PropertyDefinition:
        """Add a property of one's own to an object type.

        Args:
            name: Internal name: lower case letters, digits and underscores.
            label: Name shown to people.
            type: Kind of value.
            field_type: How people enter it; must fit the type, e.g. select for enumeration.
            object_type: contacts, companies or deals.
            group_name: Internal name of the group it is shown in; HubSpot's main group when not given.
            options: Values an enumeration takes.
            has_unique_value: Whether no two records may share a value; cannot be changed later.

        Returns:
            The new property's definition.

        Raises:
            Conflict: A property of that name exists.
        """
        asked: dict[str, Any] = {
            "name": name,
            "label": label,
            "type": type,
            "fieldType": field_type,
            "groupName": group_name or DEFAULT_GROUPS[object_type],
        }
        if options:
            asked["options"] = [
                {"label": option, "value": option, "displayOrder": order, "hidden": False}
                for order, option in enumerate(options)
            ]
        if has_unique_value:
            asked["hasUniqueValue"] = True
        return PropertyDefinition.parse(await self.api.post(f"/crm/v3/properties/{object_type}", json=asked))

    async def created_property(
        self,
        name: Name,
        label: str,
        type: ValueType = "string",
        field_type: FieldType = "text",
        object_type: ObjectType = "contacts",
        group_name: str | None = None,
        options: list[str] | None = None,
        has_unique_value: bool = False,
    ) -> PropertyDefinition | None:
        """Tell whether `create_property` has happened: a property of that name is defined as it was sent."""
        try:
            row = await self.api.get(f"/crm/v3/properties/{object_type}/{{name}}", values={"name": name})
        except NotFound:
            return None
        found = PropertyDefinition.parse(row)
        there = (found.label, found.type, found.field_type, found.group_name, found.options, found.has_unique_value)
        group = group_name or DEFAULT_GROUPS[object_type]
        return found if there == (label, type, field_type, group, options or [], has_unique_value) else None
