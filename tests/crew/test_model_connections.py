"""The connections of a model's client: its own, closed with it, and nothing goes where it was not meant to go."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from model_servers.plain_server import PlainServer, Reply
from newfuse.crew.models import OWN_ADDRESS, build_model, choose_model, close_model
from newfuse.http.bounds import MAX_ANSWER_BYTES

LOCAL = "http://127.0.0.1:9/v1"
KEY = "key-of-ones-own-server"
PROXIES = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
PROVIDERS = list(OWN_ADDRESS)


@pytest.fixture
def server() -> Iterator[PlainServer]:
    """Where the model is said to be; it refuses everything."""
    with PlainServer(Reply(400)) as server:
        yield server


@pytest.fixture
def other() -> Iterator[PlainServer]:
    """Where nothing may arrive."""
    with PlainServer() as server:
        yield server


async def ask(asked: str) -> BaseException:
    """Ask a model something, and return how it failed."""
    model = build_model(choose_model(asked))
    try:
        with pytest.raises(Exception) as failure:
            await model.ainvoke([HumanMessage("the whole conversation")])
    finally:
        await close_model(model)
    return failure.value


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


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_takes_the_conversation_nowhere(
    provider: str, status: int, server: PlainServer, other: PlainServer
):
    server.reply = Reply(status, headers={"location": f"{other.url}/v1/chat/completions"})
    failure = await ask(f"{provider}:small@{server.url}")
    assert (1, []) == (len(server.seen), other.seen)
    assert status == getattr(failure, "status_code", None)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_proxy_never_gets_what_is_meant_for_this_machine(
    provider: str, server: PlainServer, other: PlainServer, monkeypatch: pytest.MonkeyPatch
):
    for name in PROXIES:
        monkeypatch.setenv(name, other.url)
    await ask(f"{provider}:small@{server.url}")
    assert (1, []) == (len(server.seen), other.seen)


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_proxy_still_serves_a_model_elsewhere(
    provider: str, other: PlainServer, monkeypatch: pytest.MonkeyPatch
):
    for name in PROXIES:
        monkeypatch.setenv(name, other.url)
    monkeypatch.setattr("newfuse.crew.models.CLIENT_RETRIES", 0)
    await ask(f"{provider}:small@http://models.invalid/v1")
    assert ["POST"] == [seen.method for seen in other.seen]
    assert "//models.invalid/" in other.seen[0].target


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_a_server_of_ones_own_gets_its_own_key_and_nothing_that_is_set_for_the_provider(
    provider: str, server: PlainServer, monkeypatch: pytest.MonkeyPatch
):
    theirs = {
        f"{provider.upper()}_API_KEY": "sk-of-the-provider",
        "ANTHROPIC_AUTH_TOKEN": "token-of-the-provider",
        "OPENAI_ADMIN_KEY": "admin-of-the-provider",
        "OPENAI_ORG_ID": "org-of-the-provider",
        "OPENAI_PROJECT_ID": "project-of-the-provider",
        f"{provider.upper()}_CUSTOM_HEADERS": "Authorization: custom-of-the-provider\nX-Team: team-of-the-provider",
    }
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("NEWFUSE_MODEL_API_KEY", KEY)
    await ask(f"{provider}:small@{server.url}")
    [seen] = server.seen
    assert [] == [line for line in seen.headers.items() if "of-the-provider" in line[1]]
    assert KEY in seen.headers["authorization"]


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_what_is_set_for_the_provider_goes_to_the_address_that_is_set_for_it(
    provider: str, server: PlainServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(f"{provider.upper()}_API_KEY", "sk-of-the-provider")
    monkeypatch.setenv(f"{provider.upper()}_BASE_URL", server.url)
    monkeypatch.setenv(f"{provider.upper()}_CUSTOM_HEADERS", "X-Team: team-of-the-provider")
    monkeypatch.setenv("NEWFUSE_MODEL_API_KEY", KEY)
    await ask(f"{provider}:small")
    [seen] = server.seen
    assert "sk-of-the-provider" in seen.headers["authorization"]
    assert ("team-of-the-provider", []) == (
        seen.headers["x-team"],
        [value for value in seen.headers.values() if KEY in value],
    )


@pytest.mark.parametrize("provider", PROVIDERS)
async def test_an_answer_that_unpacks_to_more_than_is_bearable_is_cut_off(provider: str, server: PlainServer):
    bomb = gzip.compress(bytes(MAX_ANSWER_BYTES + 1))
    server.reply = Reply(200, bomb, {"content-type": "application/json", "content-encoding": "gzip"})
    failure = await ask(f"{provider}:small@{server.url}")
    said = ""
    below: BaseException | None = failure
    while below is not None:
        said, below = f"{said}{below!r}", below.__cause__ or below.__context__
    assert "larger than 20 MB" in said
