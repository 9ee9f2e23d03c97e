"""Effects as rows: what is kept is what was given."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newfuse.effects import Intent, Ledger, Outcome, Scope, State, digest
from newfuse.effects.rows import CHUNK, decode, encode
from newfuse.store import Store
from newfuse.types import Effect, Once

SCOPE = Scope("live", "default", "shop", "pay")
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=8,
)


def intent(reference: str, arguments: object = None) -> Intent:
    return Intent(SCOPE, reference, arguments, Effect.WRITE, Once.NATURAL)


@given(JSON_VALUES)
@example("\ud800")
@example({"\udfff": 2**80})
@example(float("inf"))
def test_any_json_is_read_as_it_was_written(value: object):
    assert json.loads(json.dumps(value)) == decode(encode(value))


async def test_any_response_comes_back_from_the_store_as_it_was_given():
    values = [None, True, 0, 12, 1.5, "", "12", "null", "\ud800", [1, {"a": None}], {"b": 2**70}]
    store = Store(None)
    ledger = Ledger(store)
    intents = [intent(str(index)) for index in range(len(values))]
    begun = await ledger.begin(intents)
    await ledger.settle([Outcome(one.key, State.CONFIRMED, value) for one, value in zip(begun, values, strict=True)])
    assert values == [one.response for one in await ledger.begin(intents)]
    await store.close()


@pytest.mark.parametrize("count", [0, 1, CHUNK, CHUNK + 1])
async def test_every_key_is_looked_up_however_many_there_are(count: int):
    store = Store(None)
    ledger = Ledger(store)
    begun = await ledger.begin([intent(str(index)) for index in range(count)])
    await ledger.settle([Outcome(one.key, State.FAILED) for one in begun])
    assert {one.key: State.FAILED for one in begun} == await ledger.states([one.key for one in begun])
    await store.close()


@given(*[st.text(st.characters(), max_size=8)] * 5)
def test_a_key_is_the_digest_of_scope_and_reference(
    environment: str, account: str, integration: str, action: str, reference: str
):
    one = Intent(Scope(environment, account, integration, action), reference, None, Effect.WRITE, Once.NATURAL)
    assert digest([environment, account, integration, action, reference]) == one.key


def test_the_keys_and_fingerprints_of_earlier_versions_still_hold():
    one = intent("r1", {"b": "é", "a": 1})
    assert ("ae7dd5da5c1691c8fa39ed39ccc730e7599b8404", "09ad9fd2fb648cb2f62141215828ea00a62c299d") == (
        one.key,
        one.fingerprint,
    )
