"""The connections of a model's client: its own, closed with it, with TLS settings that are read once."""

from __future__ import annotations

from typing import Any

import pytest

from newfuse.crew.models import build_model, choose_model, close_model

LOCAL = "http://127.0.0.1:9/v1"


def pools(model: Any) -> list[Any]:
    clients = [getattr(model, name, None) for name in ("root_async_client", "root_client")]
    return [one._client for one in clients if one is not None] or [model._async_client._client]


@pytest.mark.parametrize(("provider", "count"), [("openai", 2), ("anthropic", 1)])
async def test_two_clients_share_their_tls_settings_and_no_connection(provider: str, count: int):
    first, second = (build_model(choose_model(f"{provider}:small@{LOCAL}")) for _ in range(2))
    mine, theirs = pools(first), pools(second)
    assert count == len(mine) == len(theirs)
    assert not {id(one) for one in mine} & {id(one) for one in theirs}
    assert 1 == len({id(one._transport._pool._ssl_context) for one in [*mine, *theirs]})
    await close_model(first)
    assert [True] * count == [one.is_closed for one in mine]
    assert [False] * count == [one.is_closed for one in theirs]
    await close_model(second)
    assert [True] * count == [one.is_closed for one in theirs]
