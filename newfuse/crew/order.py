"""What each task of a crew waits for."""

from __future__ import annotations

from collections.abc import Sequence

from newfuse.crew.task import Task


def predecessors(tasks: Sequence[Task]) -> dict[str, list[str]]:
    """Return what each task waits for: its context, and the tasks before it that are not asynchronous."""
    waits: dict[str, list[str]] = {}
    blocking: list[str] = []
    for task in tasks:
        waits[task.name] = list(dict.fromkeys([*task.context_names, *blocking]))
        if not task.is_async:
            blocking.append(task.name)
    return waits
