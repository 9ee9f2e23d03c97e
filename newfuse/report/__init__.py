"""Reports: facts and outcomes in, markdown and `results.json` out.

Names are loaded when first used: who wants a `Fact` need not load templates and the database.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newfuse.report.record import RunRecord
    from newfuse.report.run_output import RunOutput
    from newfuse.report.services import Service, ServiceWords
    from newfuse.report.words import Words
    from newfuse.report.writer import write_reports

_HOME_OF = {
    "RunOutput": "run_output",
    "RunRecord": "record",
    "Service": "services",
    "ServiceWords": "services",
    "Words": "words",
    "write_reports": "writer",
}

__all__ = ["RunOutput", "RunRecord", "Service", "ServiceWords", "Words", "write_reports"]


def __getattr__(name: str) -> Any:
    """Load a name from its module."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
