"""`newfuse effects`: seeing the writes in doubt, and settling them."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from effects.shop import Vendor
from newfuse.cli import main
from newfuse.effects import Ledger
from newfuse.store import Store


async def _lose_a_letter(folder: Path, log: Path) -> str:
    async def lost(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("gone", request=request)

    ledger = Ledger(Store(folder))
    async with Vendor(log, answer=lost).shop(ledger) as shop:
        performed = await shop.perform("mail", {"to": "ada"}, reference="letter 7")
    ledger.owner.release()
    await ledger.store.close()
    return performed.key


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The key of a letter that may have been sent, in the store of the current folder."""
    monkeypatch.chdir(tmp_path)
    return asyncio.run(_lose_a_letter(tmp_path / ".newfuse", tmp_path / "arrived.jsonl"))


def test_a_write_in_doubt_is_listed_and_settled_by_a_person(key: str, capsys: pytest.CaptureFixture[str]):
    assert 0 == main(["effects", "list", "--unknown"])
    listed = capsys.readouterr().out
    assert all(word in listed for word in (key[:12], "shop.mail", "letter 7", "unknown"))
    assert 0 == main(["effects", "settle", key[:12], "--happened"])
    assert "shop.mail 'letter 7' is recorded as done and will not be sent again." in capsys.readouterr().out
    assert 0 == main(["effects", "list", "--unknown"])
    assert "No write in doubt is recorded" in capsys.readouterr().out
    assert 0 == main(["effects", "list", "--json"])
    [one] = json.loads(capsys.readouterr().out)
    assert ("confirmed", "decided by a person: it happened") == (one["state"], one["error"])


def test_whoever_settles_must_say_how(key: str, capsys: pytest.CaptureFixture[str]):
    assert 2 == main(["effects", "settle", key])
    assert "--happened/--did-not: say which of the two" in capsys.readouterr().err
    assert 2 == main(["effects", "settle", "ffffffffffff", "--did-not"])
    assert "no effects have a key that begins so" in capsys.readouterr().err
