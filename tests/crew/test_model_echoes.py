"""What a model's server says about its key, and where it would send us, ends as a plain failure of the model."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from crew.tiny_crew import World, only, paying_crew
from model_servers.plain_server import PlainServer, Reply
from newfuse.report import RunOutput
from newfuse.report.results import TaskStatus

KEY = 'own/gateway+"key"=='  # of no vendor's pattern
FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "percent-encoded": lambda key: quote(key, safe=""),
    "base64": lambda key: b64encode(f"Bearer {key}".encode()).decode(),
    "JSON": lambda key: json.dumps(key)[1:-1],
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlainServer]:
    """A model's server that is given the key."""
    monkeypatch.setenv("NEWFUSE_MODEL_API_KEY", KEY)
    with PlainServer() as server:
        yield server


def said(output: RunOutput, tmp_path: Path) -> str:
    """Everything that is left of a run."""
    assert output.folder.is_relative_to(tmp_path)
    return b"\n".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()).decode("utf-8", "replace")


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("form", FORMS)
async def test_a_key_that_a_refusal_repeats_gets_into_no_store_and_no_report(
    form: str,
    provider: str,
    server: PlainServer,
    world_on_disk: World,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
):
    repeated = FORMS[form](KEY)
    body = {"type": "error", "error": {"type": "authentication_error", "message": f"wrong key {repeated}"}}
    server.reply = Reply(401, json.dumps(body).encode())
    caplog.set_level("INFO", logger="newfuse")
    output = await world_on_disk.run(paying_crew(), model=f"{provider}:small@{server.url}")
    outcome = only(output)
    assert (TaskStatus.COMPLETED, 1) == (outcome.status, len(server.seen))
    ended = outcome.performances[0].ended
    assert ended.startswith("failed: ")
    assert "wrong key" in ended
    assert "[redacted]" in ended
    for text in (said(output, tmp_path), caplog.text):
        assert "wrong key" in text
        assert [] == [secret for secret in (KEY, repeated, b64encode(KEY.encode()).decode()[:12]) if secret in text]


async def test_a_key_that_an_answer_repeats_gets_into_no_report(
    server: PlainServer, world_on_disk: World, tmp_path: Path
):
    message = {"role": "assistant", "content": f"All done, thanks for {KEY}."}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "small", "choices": choices}
    server.reply = Reply(200, json.dumps(answer).encode())
    output = await world_on_disk.run(paying_crew(), {"payments": []}, model=f"small@{server.url}")
    assert KEY not in said(output, tmp_path)
    assert KEY not in output.record.model_dump_json()


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_a_redirect_is_a_failure_of_the_model_that_says_so(
    provider: str, server: PlainServer, world_on_disk: World, tmp_path: Path
):
    server.reply = Reply(307, headers={"location": f"http://elsewhere.invalid/{quote(KEY)}"})
    output = await world_on_disk.run(paying_crew(), model=f"{provider}:small@{server.url}")
    outcome = only(output)
    assert (TaskStatus.COMPLETED, 1) == (outcome.status, len(server.seen))
    assert (
        "failed: HTTP 307: its server redirects, and no redirect is followed. Give the final address with --model"
    ) == outcome.performances[0].ended
    assert "HTTP 307: its server redirects" in said(output, tmp_path)


async def test_an_agents_own_model_is_given_its_key_by_the_same_rule(
    server: PlainServer, world_on_disk: World, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-the-provider")
    output = await world_on_disk.run(paying_crew(agent={"model": f"small@{server.url}"}), model="")
    assert [f"Bearer {KEY}"] == [seen.headers["authorization"] for seen in server.seen]
    assert (
        "agent payer is set to it, key from NEWFUSE_MODEL_API_KEY in the environment"
        == only(output).performances[0].why
    )
