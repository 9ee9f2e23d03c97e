"""The ledger and the call log an integration uses when nobody hands it others: the process's own, in the store."""

from __future__ import annotations

from functools import cache

from newfuse.config import store_folder
from newfuse.effects import Ledger
from newfuse.store import CallLog, Store


@cache
def process_store() -> Store:
    """Return the store that `NEWFUSE_STORE` names, or `.newfuse/` under the current folder; opened on first use."""
    return Store(store_folder())


@cache
def process_ledger() -> Ledger:
    """Return the ledger in the process's store."""
    return Ledger(process_store())


@cache
def process_call_log() -> CallLog:
    """Return the call log in the process's store."""
    return CallLog(process_store())
