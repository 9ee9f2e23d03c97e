"""The properties each object type has, and which values they take."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from newfuse.sandbox.hubspot.refusal import InvalidProperty, Refused, bad_request, invalid_properties

# https://developers.hubspot.com/docs/guides/api/crm/properties: text values hold up to 65,536 characters.
MAX_VALUE_CHARS: Final = 65_536
_EMAIL: Final = re.compile(r"[^@\s,;<>()\"]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.[A-Za-z]{2,}")
_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
# `PropertyCreate` in the models of hubspot-api-client 12.
_TYPES: Final = ("string", "number", "date", "datetime", "enumeration", "bool")
_FIELD_TYPES: Final = (
    *("textarea", "text", "date", "file", "number", "select", "radio", "checkbox", "booleancheckbox"),
    "calculation_equation",
)

# In the order of the funnel. https://knowledge.hubspot.com/records/use-lifecycle-stages
LIFECYCLE_STAGES: Final = (
    *("subscriber", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity"),
    *("customer", "evangelist", "other"),
)
# The default pipeline of a new account.
DEAL_STAGES: Final = (
    *("appointmentscheduled", "qualifiedtobuy", "presentationscheduled", "decisionmakerboughtin"),
    *("contractsent", "closedwon", "closedlost"),
)


@dataclass(frozen=True, slots=True)
class Property:
    """The definition of one property."""

    name: str
    label: str
    type: str = "string"
    field_type: str = "text"
    options: tuple[str, ...] = ()
    unique: bool = False
    read_only: bool = False
    group: str = ""
    description: str = ""
    defined_by_hubspot: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return the definition as the properties API shows it."""
        return {
            "name": self.name,
            "label": self.label,
            "type": self.type,
            "fieldType": self.field_type,
            "description": self.description,
            "groupName": self.group,
            "options": [
                {"label": option, "value": option, "displayOrder": order, "hidden": False}
                for order, option in enumerate(self.options)
            ],
            "displayOrder": -1,
            "calculated": False,
            "externalOptions": False,
            "hasUniqueValue": self.unique,
            "hidden": False,
            "hubspotDefined": self.defined_by_hubspot,
            "formField": not self.read_only,
            "archived": False,
            "modificationMetadata": {
                "archivable": not self.defined_by_hubspot,
                "readOnlyDefinition": self.defined_by_hubspot,
                "readOnlyValue": self.read_only,
            },
        }

    def read(self, value: str) -> str:
        """Return a value as HubSpot keeps it.

        Raises:
            ValueError: It does not take that value; the arguments are HubSpot's code and message.
        """
        if len(value) > MAX_VALUE_CHARS:
            message = f"Value for property {self.name} is too long: {MAX_VALUE_CHARS} characters at most"
            raise ValueError("VALUE_TOO_LONG", message)  # [unverified] code
        if self.name == "email":
            address = value.strip().lower()
            if not _EMAIL.fullmatch(address):
                raise ValueError("INVALID_EMAIL", f"Email address {value} is invalid")
            return address
        if self.type == "enumeration" and value not in self.options:
            options = ", ".join(self.options)
            raise ValueError("INVALID_OPTION", f"{value} was not one of the allowed options: [{options}]")
        if self.type == "number":
            try:
                valid = math.isfinite(float(value))
            except ValueError:
                valid = False
            if not valid:
                raise ValueError("INVALID_NUMERIC", f"{value} was not a valid number.")  # [unverified] code
        return value


@dataclass(slots=True)
class Schema:
    """One object type: its names, and its properties by name."""

    plural: str  # as in the path: contacts
    singular: str  # as in messages: Contact
    shown: tuple[str, ...]  # properties that a read shows when it asks for none
    modified: str  # the property that holds the time of the last change
    searched: tuple[str, ...]  # properties that the `query` of a search looks into
    properties: dict[str, Property]
    unique: tuple[str, ...] = ()  # the names of the properties whose values no two records share

    def __post_init__(self) -> None:
        self.unique = tuple(name for name, definition in self.properties.items() if definition.unique)

    def clean(self, given: Any) -> dict[str, str]:
        """Check and normalize the properties of a write; an empty value clears a property.

        Raises:
            Refused: 400; every property that is wrong is named.
        """
        if not isinstance(given, Mapping):
            raise bad_request("Invalid input JSON: properties must be an object")
        cleaned: dict[str, str] = {}
        wrong: list[InvalidProperty] = []
        for name, value in given.items():
            definition = self.properties.get(name)
            if definition is None:
                message = f'Property "{name}" does not exist'
                wrong.append(InvalidProperty(name, "PROPERTY_DOESNT_EXIST", message))
                continue
            if definition.read_only:
                message = f'"{name}" is a read only property; its value cannot be set.'
                wrong.append(InvalidProperty(name, "READ_ONLY_VALUE", message))
                continue
            text = _text(value)
            try:
                cleaned[name] = definition.read(text) if text else ""
            except ValueError as error:
                wrong.append(InvalidProperty(name, *error.args))
        if wrong:
            raise invalid_properties(wrong)
        return cleaned

    def define(self, given: Any) -> Property:
        """Add a property of one's own, as `POST /crm/v3/properties/{type}` does.

        Raises:
            Refused: 400 for a definition that is not well formed, 409 for a name that is taken.
        """
        if not isinstance(given, Mapping):
            raise bad_request("Invalid input JSON: an object is expected")
        required = ("name", "label", "type", "fieldType", "groupName")
        wrong = [key for key in required if not isinstance(given.get(key, ""), str)]
        if wrong:
            raise bad_request(f"Invalid input JSON: not a string: [{', '.join(wrong)}]")
        missing = [key for key in required if not given.get(key)]
        if missing:
            raise bad_request(f"Some required fields were not set: [{', '.join(missing)}]")
        if not _NAME.fullmatch(given["name"]):
            raise bad_request(f"Property name {given['name']} is invalid: lower case, digits and underscores")
        if given["type"] not in _TYPES or given["fieldType"] not in _FIELD_TYPES:
            raise bad_request("Invalid type or fieldType")
        if given["name"] in self.properties:
            message = f"A property named '{given['name']}' already exists."
            raise Refused(409, "OBJECT_ALREADY_EXISTS", message, subCategory="Properties.PROPERTY_EXISTS")
        options = given.get("options") or []
        if not all(isinstance(option, Mapping) and "value" in option for option in options):
            raise bad_request("Some required fields were not set: [options.value]")
        definition = Property(
            name=given["name"],
            label=given["label"],
            type=given["type"],
            field_type=given["fieldType"],
            options=tuple(str(option["value"]) for option in options),
            unique=bool(given.get("hasUniqueValue", False)),
            group=given["groupName"],
            description=given.get("description") or "",
            defined_by_hubspot=False,
        )
        self.properties[definition.name] = definition
        if definition.unique:
            self.unique = (*self.unique, definition.name)
        return definition


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
    raise bad_request("Invalid input JSON: Cannot deserialize a property value from an object or array")


def _properties(group: str, *definitions: Property) -> dict[str, Property]:
    system = (
        Property("hs_object_id", "Record ID", "number", "number", unique=False, read_only=True, group=group),
        Property("createdate", "Create Date", "datetime", "date", read_only=True, group=group),
    )
    return {definition.name: definition for definition in (*definitions, *system)}


def contacts() -> Schema:
    """Return the contacts of a new account."""
    group = "contactinformation"
    texts = {
        "firstname": "First Name",
        "lastname": "Last Name",
        "phone": "Phone Number",
        "mobilephone": "Mobile Phone Number",
        "company": "Company Name",
        "jobtitle": "Job Title",
        "website": "Website URL",
        "address": "Street Address",
        "city": "City",
        "state": "State/Region",
        "zip": "Postal Code",
        "country": "Country/Region",
        "industry": "Industry",
        "message": "Message",
        "hubspot_owner_id": "Contact owner",
        "hs_lead_status": "Lead Status",
    }
    return Schema(
        plural="contacts",
        singular="Contact",
        shown=("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
        modified="lastmodifieddate",
        searched=("firstname", "lastname", "email", "phone", "company"),
        properties=_properties(
            group,
            Property("email", "Email", unique=True, group=group),
            *(Property(name, label, group=group) for name, label in texts.items()),
            Property("lifecyclestage", "Lifecycle Stage", "enumeration", "radio", LIFECYCLE_STAGES, group=group),
            Property("lastmodifieddate", "Last Modified Date", "datetime", "date", read_only=True, group=group),
        ),
    )


def companies() -> Schema:
    """Return the companies of a new account."""
    group = "companyinformation"
    texts = {
        "name": "Company name",
        "domain": "Company Domain Name",
        "phone": "Phone Number",
        "website": "Website URL",
        "address": "Street Address",
        "city": "City",
        "state": "State/Region",
        "zip": "Postal Code",
        "country": "Country/Region",
        "industry": "Industry",
        "description": "Description",
        "hubspot_owner_id": "Company owner",
    }
    return Schema(
        plural="companies",
        singular="Company",
        shown=("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
        modified="hs_lastmodifieddate",
        searched=("name", "domain", "phone", "website"),
        properties=_properties(
            group,
            *(Property(name, label, group=group) for name, label in texts.items()),
            Property("numberofemployees", "Number of Employees", "number", "number", group=group),
            Property("annualrevenue", "Annual Revenue", "number", "number", group=group),
            Property("lifecyclestage", "Lifecycle Stage", "enumeration", "radio", LIFECYCLE_STAGES, group=group),
            Property("hs_lastmodifieddate", "Last Modified", "datetime", "date", read_only=True, group=group),
        ),
    )


def deals() -> Schema:
    """Return the deals of a new account, in its default pipeline."""
    group = "dealinformation"
    return Schema(
        plural="deals",
        singular="Deal",
        shown=(
            *("amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate"),
            *("hs_object_id", "pipeline"),
        ),
        modified="hs_lastmodifieddate",
        searched=("dealname", "description"),
        properties=_properties(
            group,
            Property("dealname", "Deal Name", group=group),
            Property("description", "Deal Description", group=group),
            Property("hubspot_owner_id", "Deal owner", group=group),
            Property("amount", "Amount", "number", "number", group=group),
            Property("closedate", "Close Date", "datetime", "date", group=group),
            Property("pipeline", "Pipeline", "enumeration", "select", ("default",), group=group),
            Property("dealstage", "Deal Stage", "enumeration", "radio", DEAL_STAGES, group=group),
            Property(
                *("dealtype", "Deal Type", "enumeration", "radio", ("newbusiness", "existingbusiness")),
                group=group,
            ),
            Property("hs_lastmodifieddate", "Last Modified", "datetime", "date", read_only=True, group=group),
        ),
    )
