from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from newfuse.store import Store


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store = Store()
    yield store
    await store.close()
