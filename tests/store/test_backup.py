"""A backup is the whole store at one moment, in one file that is its owner's alone."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from newfuse.errors import ConfigurationError
from newfuse.store import Store
from newfuse.store.schema import meta


def names(connection) -> list[str]:
    return sorted(row.name for row in connection.execute(select(meta.c.name)))


def put_pair(number: int):
    """Two rows of one transaction: a copy that has one and not the other is torn."""
    rows = [{"name": f"{side}{number:04}", "value": "1" * 500} for side in "ab"]
    return lambda connection: connection.execute(insert(meta), rows)


async def test_backups_taken_while_others_write_are_whole_and_open_as_stores(tmp_path: Path):
    writing, copying = Store(tmp_path / "store"), Store(tmp_path / "store")
    for number in range(50):
        await writing.write(put_pair(number))
    going_on = True

    async def write_on() -> int:
        number = 50
        while going_on:
            await writing.write(put_pair(number))
            number += 1
        return number

    more = asyncio.ensure_future(write_on())
    for number in range(5):
        await copying.backup(tmp_path / f"copy{number}")
    going_on = False
    written = await more
    await copying.close()
    for number in range(5):
        (tmp_path / f"of{number}").mkdir()
        (tmp_path / f"copy{number}").rename(tmp_path / f"of{number}" / "newfuse.db")
        copied = Store(tmp_path / f"of{number}")
        found = [name for name in await copied.read(names) if name != "version"]
        await copied.close()
        half = len(found) // 2
        assert 50 <= half <= written
        assert [f"{side}{one:04}" for side in "ab" for one in range(half)] == found
    await writing.close()


async def test_what_lies_in_the_write_ahead_log_alone_is_in_the_backup(tmp_path: Path):
    store = Store(tmp_path / "store")
    await store.write(put_pair(0))
    await store.backup(tmp_path / "copy")
    found = sqlite3.connect(tmp_path / "copy")
    assert [("a0000",), ("b0000",), ("version",)] == found.execute("SELECT name FROM meta ORDER BY name").fetchall()
    found.close()
    await store.close()


@pytest.mark.parametrize("mask", [0, 0o777])
async def test_a_backup_is_its_owners_alone_and_the_only_file_it_leaves(tmp_path: Path, mask: int):
    store = Store(tmp_path / "store")
    await store.write(put_pair(0))
    backups = tmp_path / "backups"
    backups.mkdir()
    before = os.umask(mask)
    try:
        await store.backup(backups / "copy")
    finally:
        os.umask(before)
    await store.close()
    assert {"copy": "-rw-------"} == {path.name: stat.filemode(path.stat().st_mode) for path in backups.iterdir()}


async def test_a_backup_overwrites_nothing(tmp_path: Path):
    store = Store(tmp_path / "store")
    await store.write(put_pair(0))
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("mine", "dangling"):
        with pytest.raises(ConfigurationError, match="overwrites nothing"):
            await store.backup(tmp_path / name)
    await store.close()
    assert "mine" == (tmp_path / "mine").read_text(encoding="utf-8")
    assert {"mine", "dangling", "store"} == {path.name for path in tmp_path.iterdir()}  # noqa: ASYNC240


@pytest.mark.parametrize("name", ["nowhere/copy", "mine/copy", "a\0b"])
async def test_a_backup_that_cannot_be_written_names_the_way_out(tmp_path: Path, name: str):
    store = Store(tmp_path / "store")
    await store.write(put_pair(0))
    (tmp_path / "mine").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"cannot be copied to .*\. Name another place"):
        await store.backup(tmp_path / name)
    await store.close()


async def test_a_damaged_store_is_not_passed_off_as_a_backup(tmp_path: Path):
    store = Store(tmp_path / "store")
    for number in range(200):
        await store.write(put_pair(number))
    await store.close()
    database = tmp_path / "store" / "newfuse.db"
    content = bytearray(database.read_bytes())
    content[-4096:] = b"\xff" * 4096
    database.write_bytes(content)
    with pytest.raises(ConfigurationError, match="damaged"):
        await store.backup(tmp_path / "copy")
    assert ["store"] == [path.name for path in tmp_path.iterdir()]  # noqa: ASYNC240
    await store.close()
