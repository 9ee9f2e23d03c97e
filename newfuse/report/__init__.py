"""Reports: facts and outcomes in, markdown and `results.json` out.

Names are loaded when first used: who wants a `Fact` need not load templates and the database.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from newfuse.report.record import MaintenanceWindow, RunRecord
    from newfuse.report.run_output import RunOutput
    from newfuse.report.services import Service, describe_service
    from newfuse.report.writer import write_reports

_HOME_OF = {
    "MaintenanceWindow": "record",
    "RunOutput": "run_output",
    "RunRecord": "record",
    "Service": "services",
    "describe_service": "services",
    "write_reports": "writer",
}

__all__ = ["MaintenanceWindow", "RunOutput", "RunRecord", "Service", "describe_service", "write_reports"]


def __getattr__(name: str) -> Any:
    """Load a name from its module."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
