"""What only this app says: names, titles, facts, labels and headings, read from its own declarations."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from crews.api_integration import crew
from house.source_tree import ROOT
from newfuse.observe import SERVICE_ALERTS, FactAge, FactCounts

# Headings of the app's templates that are any crew's, and of its tables as well.
GENERIC = {
    "Next Steps",
    "Performance Metrics",
    "Critical Alerts (Immediate Action Required)",
    "Warning Alerts (Monitor Closely)",
}
# What stands in bold before a line and is any crew's.
GENERIC_LABELS = {
    "Alerts",
    "Authentication",
    "Circuit Breaker",
    "Data Accuracy",
    "Data Quality",
    "Encryption",
    "Rate Limit",
    "Response Time",
}
_HEADING = re.compile(r"^#+ (?P<text>[^{\n]+)$", re.MULTILINE)
_LABEL = re.compile(r"^- \*\*(?P<text>[^{*]+):\*\*", re.MULTILINE)


def facts() -> set[str]:
    """Names of the facts that the app measures, whole: those that end with a currency are left out."""
    found = {name for task in crew.tasks.values() for name in task.required_facts}
    for path in (ROOT / "tools").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fact":
                found |= {one.value for one in node.args[:1] if isinstance(one, ast.Constant)}
    for rule in crew.alerts:
        if isinstance(rule.watches, FactAge):
            found.add(rule.watches.fact)
        if isinstance(rule.watches, FactCounts):
            found |= {*rule.watches.facts, *rule.watches.also}
    return found


def names() -> set[str]:
    """Names of its tasks, agents and datasets."""
    return {*crew.tasks, *crew.agents, *crew.datasets}


def headings() -> set[str]:
    """Headings of its templates, less those of any crew."""
    assert crew.templates is not None
    texts = [path.read_text(encoding="utf-8") for path in crew.templates.iterdir()]
    return {found["text"].strip() for text in texts for found in _HEADING.finditer(text)} - GENERIC


def words() -> set[str]:
    """What it calls itself, its work, its agents, its tasks, its services and its alerts."""
    said, own = crew.words, {rule.name for rule in crew.alerts} - {rule.name for rule in SERVICE_ALERTS}
    nouns = ("Status", "Success Rate", "Details", "Date", "Summary", "Breakdown", "Reports", "Tasks", said.performer)
    return {
        said.title,
        said.yield_heading,
        f"Completed {said.tasks}",
        *(said.of(noun) for noun in nouns),
        *said.not_measured,
        *said.records.values(),
        *(text for one in crew.services.values() for text in (f"{one.kind} (", one.records)),
        *(agent.role for agent in crew.agents.values()),
        *(task.title.partition(" ")[2] for task in crew.tasks.values()),
        *own,
    }


def labels() -> set[str]:
    """What stands in bold before a line of its templates, less what is any crew's."""
    assert crew.templates is not None
    texts = [path.read_text(encoding="utf-8") for path in crew.templates.iterdir()]
    return {found["text"].strip() for text in texts for found in _LABEL.finditer(text)} - GENERIC_LABELS


def everything() -> set[str]:
    """All of it, with the crew and its vendors."""
    return {crew.name, *crew.integrations, *facts(), *names(), *headings(), *words(), *labels()}


def said_in(text: str, sayings: Iterable[str]) -> Iterator[str]:
    """Yield what of the sayings stands in a text, in whatever case, as words of their own."""
    shown = text.replace("\\", "")
    for one in sorted(sayings):
        if re.search(rf"(?<!\w){re.escape(one)}(?!\w)" if one[-1].isalnum() else re.escape(one), shown, re.IGNORECASE):
            yield one
