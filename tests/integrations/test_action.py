"""Signature and docstring are the schema, and mistakes show when the class is made."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.desk import Desk, Person
from newfuse import Integration, InvalidArguments, action
from newfuse.integrations.schema import check_arguments

SPEC = Desk.specs["find_tickets"]
SCHEMA = SPEC.signature.arguments.model_json_schema()


def test_bounds_choices_defaults_and_descriptions_are_in_the_schema():
    fields = SCHEMA["properties"]
    assert ["subject"] == SCHEMA["required"]
    assert SCHEMA["additionalProperties"] is False
    assert {"minimum": 1, "maximum": 100, "default": 10, "type": "integer"}.items() <= fields["limit"].items()
    assert "Most tickets returned, 1 to 100." == fields["limit"]["description"]
    assert {"enum": ["open", "closed"], "default": "open"}.items() <= fields["state"].items()
    assert {"email", "age"} == set(SCHEMA["$defs"]["Person"]["properties"])
    assert "self" not in fields


def test_the_text_for_a_model_holds_summary_details_result_and_errors():
    assert (
        "Find tickets by subject.\n\nThe newest come first.\n\nReturns: Tickets; none is an empty list.\n\n"
        "Errors: RateLimited: The quota is spent."
    ) == SPEC.description


def test_arguments_are_converted_and_defaults_added():
    given_arguments = {"subject": "x", "person": {"email": "ada@example.com", "age": 36}}
    assert {
        "subject": "x",
        "limit": 10,
        "state": "open",
        "person": Person(email="ada@example.com", age=36),
    } == check_arguments(SPEC.signature, given_arguments, what="desk.find_tickets")


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({}, "subject"),
        ({"subject": "x", "colour": "SECRET"}, "colour"),
        ({"subject": "x", "limit": 101}, "limit"),
        ({"subject": "x", "limit": "SECRET"}, "limit"),
        ({"subject": "x", "state": "SECRET"}, "state"),
        ({"subject": "x", "person": {"email": 5}}, "person.email"),
        ({"subject": "x", "person": {"email": "SECRET", "age": 151}}, "person.age"),
        ({"subject": "x", "person": "SECRET"}, "person"),
        ({"subject": ["SECRET"]}, "subject"),
    ],
)
def test_what_does_not_fit_is_named_by_its_place_and_never_by_its_value(arguments: dict, place: str):
    with pytest.raises(InvalidArguments) as failure:
        check_arguments(SPEC.signature, arguments, what="desk.find_tickets")
    assert [place] == [field for field, _ in failure.value.problems]
    text = str(failure.value)
    assert text.startswith(f"desk.find_tickets: {place}: ")
    for shown in (text, repr(failure.value), failure.value.for_log):
        assert "SECRET" not in shown
    assert failure.value.__cause__ is None


@given(st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=5) | st.lists(st.integers())))
def test_any_arguments_end_in_a_call_or_a_typed_refusal(arguments: dict):
    try:
        checked = check_arguments(SPEC.signature, arguments, what="desk.find_tickets")
    except InvalidArguments as refusal:
        assert refusal.problems  # noqa: PT017 - either way is right
    else:
        assert {"subject", "limit", "state", "person"} == set(checked)


def test_a_hundred_thousand_problems_fit_into_one_message():
    items = [{"tickets": "x"}] * 100_000
    signature = Desk.specs["update_tickets"].signature
    with pytest.raises(InvalidArguments) as failure:
        check_arguments(signature, {"tickets": ["x"] * len(items), "n" * 3_000_000: 1}, what="desk.update_tickets")
    assert 100_001 == len(failure.value.problems)
    assert len(str(failure.value)) < 5_000
    assert "and 99981 more" in str(failure.value)


def made(**members: Any) -> type[Integration]:
    return type("Odd", (Integration,), members)


def read(function: Any) -> Any:
    return action(effect="read")(function)


def refused(member: Any, match: str, **others: Any) -> None:
    with pytest.raises(TypeError, match=match):
        made(find=member, **others)


def test_an_action_without_a_docstring_is_refused():
    async def find(self, name: str): ...

    refused(read(find), "needs a docstring")


def test_a_parameter_without_a_description_is_refused():
    async def find(self, name: str):
        """Find."""

    refused(read(find), r"parameter 'name' needs a description under Args:")


def test_a_parameter_without_an_annotation_is_refused():
    async def find(self, name):
        """Find.

        Args:
            name: Which.
        """

    refused(read(find), r"parameter 'name' needs a type annotation")


def test_a_description_of_what_it_does_not_take_is_refused():
    async def find(self, name: str):
        """Find.

        Args:
            name: Which.
            nmae: Misspelt.
        """

    refused(read(find), r"Args: describes nmae, which it does not take")


def test_parameters_that_a_model_cannot_name_are_refused():
    async def any_number(self, *names: str):
        """Find."""

    async def anything(self, **names: str):
        """Find."""

    async def by_place(self, name: str, /):
        """Find.

        Args:
            name: Which.
        """

    for function in (any_number, anything, by_place):
        refused(read(function), "name each parameter")


def test_an_action_that_is_not_async_is_refused():
    def find(self):
        """Find."""

    refused(read(find), "an action is an async method")


def test_a_batch_of_what_it_does_not_take_is_refused():
    async def put(self, items: list[str]):
        """Put.

        Args:
            items: Which.
        """

    refused(action(effect="write", once="natural", batch="things")(put), "batch names 'things'")


def test_a_look_up_that_is_not_there_or_takes_something_else_is_refused():
    async def book(self, name: str):
        """Book.

        Args:
            name: Which.
        """

    async def found(self, other: str): ...

    def not_async(self, name: str): ...

    member = action(effect="write", once="lookup", lookup="found")(book)
    refused(member, "lookup names 'found', which is not there")
    refused(member, "lookup names 'found', which is not there as an async method", found=not_async)
    refused(member, "its lookup found must take the same arguments", found=found)


@pytest.mark.parametrize(
    "declared",
    [
        {"effect": "read", "once": "key"},
        {"effect": "read", "lookup": "found"},
        {"effect": "read", "batch": "items"},
        {"effect": "write"},
        {"effect": "money"},
        {"effect": "destructive"},
        {"effect": "write", "once": "lookup"},
        {"effect": "write", "once": "key", "batch": "items"},
        {"effect": "write", "once": "none", "batch": "items"},
        {"effect": "delete", "once": "none"},
        {"effect": "write", "once": "sometimes"},
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(declared: dict):
    with pytest.raises(TypeError):
        action(**declared)


def test_actions_are_inherited_and_may_be_replaced():
    class Louder(Desk):
        slug = "louder"

        @action(effect="destructive", once="none")
        async def open_ticket(self, subject: str) -> None:
            """Shout.

            Args:
                subject: What.
            """

    assert sorted(Desk.specs) == sorted(Louder.specs)
    assert ("write", "destructive") == (Desk.specs["open_ticket"].effect, Louder.specs["open_ticket"].effect)
