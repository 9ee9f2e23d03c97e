"""What HubSpot's objects look like to a caller, and what it takes for their properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from newfuse import Record

ObjectType = Literal["contacts", "companies", "deals"]

# What a read asks for when the caller names nothing: HubSpot's own default leaves out company, phone and stage.
CONTACT_PROPERTIES = ("email", "firstname", "lastname", "company", "phone", "lifecyclestage")
COMPANY_PROPERTIES = ("name", "domain", "phone", "city", "country", "industry", "lifecyclestage")
DEAL_PROPERTIES = ("dealname", "amount", "closedate", "dealstage", "dealtype", "pipeline")

PropertyValue = str | int | float | bool | None
Properties = Annotated[dict[str, PropertyValue], Field(min_length=1)]
"""Values by HubSpot's internal property names, e.g. `{"email": "ada@example.com", "lifecyclestage": "lead"}`; an empty
text or None clears a property."""


def _flat(given: Any) -> Any:
    # HubSpot's own shape of a batch input, {"id", "idProperty", "properties"}, means the same as its flat properties.
    if isinstance(given, Mapping) and "properties" in given and isinstance(given["properties"], Mapping):
        id_property = given.get("idProperty")
        key = {id_property: given["id"]} if isinstance(id_property, str) and "id" in given else {}
        return {**key, **{name: given[name] for name in ("email",) if name in given}, **given["properties"]}
    return given


FlatProperties = Annotated[dict[str, PropertyValue], BeforeValidator(_flat)]
"""Properties of one record of a batch; HubSpot's `{"id", "idProperty", "properties"}` is taken as well."""


def as_texts(properties: Mapping[str, PropertyValue]) -> dict[str, str]:
    """Return property values as HubSpot keeps them: texts, booleans as `true` and `false`, nothing as an empty text."""
    return {name: value if type(value) is str else _text(value) for name, value in properties.items()}


def _text(value: PropertyValue) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


class CrmRecord(Record):
    """One record of HubSpot's CRM.

    Attributes:
        id: HubSpot's id.
        properties: Every property HubSpot sent, by its internal name.
        created_at: When it was created, UTC.
        updated_at: When it was last changed, UTC.
        archived: Whether it lies in the recycling bin.
    """

    id: str
    properties: dict[str, str | None] = Field(default_factory=dict)
    created_at: AwareDatetime | None = None
    updated_at: AwareDatetime | None = None
    archived: bool = False

    @classmethod
    def parse(cls, row: Mapping[str, Any]) -> Self:
        """Read a record from HubSpot's answer."""
        properties = dict(row.get("properties") or {})
        known = {name: value for name, value in properties.items() if name in cls.model_fields}
        own = {
            "id": str(row["id"]),
            "properties": properties,
            "created_at": row.get("createdAt"),
            "updated_at": row.get("updatedAt"),
            "archived": bool(row.get("archived", False)),
        }
        return cls.model_validate({**known, **own})


class Contact(CrmRecord):
    """A person. Fields that were not asked for, or are not set, are None."""

    email: str | None = None
    firstname: str | None = None
    lastname: str | None = None
    company: str | None = None
    phone: str | None = None
    lifecyclestage: str | None = None


class Company(CrmRecord):
    """A company. Fields that were not asked for, or are not set, are None."""

    name: str | None = None
    domain: str | None = None
    phone: str | None = None
    city: str | None = None
    country: str | None = None
    industry: str | None = None
    lifecyclestage: str | None = None


class Deal(CrmRecord):
    """A deal. Fields that were not asked for, or are not set, are None; `amount` is a decimal number as text."""

    dealname: str | None = None
    amount: str | None = None
    closedate: str | None = None
    dealstage: str | None = None
    dealtype: str | None = None
    pipeline: str | None = None


class Upserted(Record):
    """What an upsert did: the record's id, and whether it was created (None where HubSpot does not say)."""

    id: str
    new: bool | None = None


class Updated(Record):
    """The id of a record that now has the values sent."""

    id: str


class Archived(Record):
    """The id of a record that is now in the recycling bin."""

    id: str
    archived: bool = True


class PropertyDefinition(Record):
    """One property of an object type.

    Attributes:
        name: Internal name, as used in `properties`.
        label: Name shown to people.
        type: Kind of value: string, number, date, datetime, enumeration or bool.
        field_type: How people enter it.
        group_name: Group it is shown in.
        description: What it is for.
        options: Values an enumeration takes.
        has_unique_value: Whether no two records may share a value.
        read_only: Whether values are set by HubSpot alone.
    """

    name: str
    label: str
    type: str
    field_type: str
    group_name: str | None = None
    description: str = ""
    options: list[str] = Field(default_factory=list)
    has_unique_value: bool = False
    read_only: bool = False

    @classmethod
    def parse(cls, row: Mapping[str, Any]) -> Self:
        """Read a definition from HubSpot's answer."""
        return cls(
            name=row["name"],
            label=row.get("label") or row["name"],
            type=row["type"],
            field_type=row["fieldType"],
            group_name=row.get("groupName"),
            description=row.get("description") or "",
            options=[str(option["value"]) for option in row.get("options") or []],
            has_unique_value=bool(row.get("hasUniqueValue")),
            read_only=bool((row.get("modificationMetadata") or {}).get("readOnlyValue")),
        )


class RecordUpdate(BaseModel):
    """New values for one record.

    Attributes:
        id: HubSpot's id of the record.
        properties: New values by internal property name; properties that are not named keep theirs.
    """

    model_config = ConfigDict(extra="forbid")

    id: Annotated[str, Field(min_length=1)]
    properties: Properties


class SearchFilter(BaseModel):
    """One condition of a search, in HubSpot's words.

    Attributes:
        property_name: Internal name of the property.
        operator: How it is compared.
        value: Value to compare with; the lower bound for BETWEEN; `*` stands for anything with CONTAINS_TOKEN.
        high_value: Upper bound for BETWEEN.
        values: Values for IN and NOT_IN, in lower case for texts.
    """

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    property_name: str = Field(alias="propertyName")
    operator: Literal[
        "EQ",
        "NEQ",
        "LT",
        "LTE",
        "GT",
        "GTE",
        "BETWEEN",
        "IN",
        "NOT_IN",
        "HAS_PROPERTY",
        "NOT_HAS_PROPERTY",
        "CONTAINS_TOKEN",
        "NOT_CONTAINS_TOKEN",
    ]
    value: str | None = None
    high_value: str | None = Field(None, alias="highValue")
    values: list[str] | None = None
