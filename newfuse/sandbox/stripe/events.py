"""Events: what happened to the objects, each as it was then.

https://docs.stripe.com/api/events
"""

from __future__ import annotations

from newfuse.sandbox.stripe import lists, parameters
from newfuse.sandbox.stripe.errors import StripeError
from newfuse.sandbox.stripe.operations import Call, Operation
from newfuse.sandbox.stripe.parameters import EXPAND, PAGE, Shape, identifier
from newfuse.sandbox.vendor import JSON

TYPES_MAX = 20  # the reference's list page


def _check_list(call: Call) -> None:
    if "type" in call.parameters and "types" in call.parameters:
        raise StripeError("You may only specify one of these parameters: type, types.")
    if len(call.parameters.get("types", ())) > TYPES_MAX:
        raise StripeError(f"You may specify up to {TYPES_MAX} event types.", param="types")


def _list(call: Call) -> JSON:
    given = call.parameters
    wanted = given.get("types", [given["type"]] if "type" in given else [])

    def keep(row: dict[str, JSON]) -> bool:
        type_ = row["type"]
        return not wanted or any(
            type_ == name or (name.endswith("*") and type_.startswith(name[:-1])) for name in wanted
        )

    return lists.page(call, "event", "/v1/events", keep)


def _retrieve(call: Call, id: str) -> JSON:
    return call.books.find("event", id, param="id")


OPERATIONS = (
    Operation(
        "GET",
        "/v1/events",
        Shape(
            {
                "created": parameters.created,
                "type": identifier,
                "types": parameters.listing(identifier),
                **PAGE,
            },
            unsupported=frozenset({"delivery_success"}),
        ),
        _list,
        _check_list,
    ),
    Operation("GET", "/v1/events/{id}", Shape(EXPAND), _retrieve),
)
