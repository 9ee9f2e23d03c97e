"""The one database, by default `.newfuse/newfuse.db` beside the app."""

from newfuse.store.call_log import CallLog
from newfuse.store.database import Store

__all__ = ["CallLog", "Store"]
