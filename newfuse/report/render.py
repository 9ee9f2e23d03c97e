"""Renders the reports of a run with their templates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, wraps
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context

from newfuse.observe import CallStatistics
from newfuse.report import sections
from newfuse.report.findings import Finding, findings, refused_by_authentication
from newfuse.report.markdown import Markdown, harmless, printed
from newfuse.report.prose import closing_words
from newfuse.report.record import RunRecord, quality_of
from newfuse.report.results import TaskOutcome
from newfuse.report.wording import NOT_MEASURED, SECOND_MS, cited, counted, day, measured, milliseconds, moment
from newfuse.report.wording import percent as percent_of
from newfuse.types import JSON

TEMPLATES = Path(__file__).parent / "templates"
DISPOSITIONS = ("confirmed", "skipped", "rejected", "duplicate", "failed", "unknown", "pending")


def task_report(record: RunRecord, outcome: TaskOutcome) -> str:
    """Return the report of one task, whatever its status, as markdown."""
    endpoints = record.endpoints.get(outcome.name, [])
    slugs = list(dict.fromkeys([*outcome.integrations, *(endpoint.integration for endpoint in endpoints)]))
    return _render(
        "task_report.md.jinja",
        record,
        outcome=outcome,
        task=record.task(outcome.name),
        facts=record.facts(outcome.name),
        closing=closing_words(record, outcome),
        took_ms=(outcome.finished_at - outcome.started_at).total_seconds() * SECOND_MS,
        dispositions=[name for name in DISPOSITIONS if any(account.counts.get(name) for account in outcome.datasets)],
        endpoints=endpoints,
        calls=record.task_statistics.get(outcome.name, CallStatistics()),
        auth={slug: record.auth[slug] for slug in slugs if slug in record.auth},
        quality=quality_of(outcome.datasets),
    )


def health_dashboard(record: RunRecord, found: Sequence[Finding] | None = None) -> str:
    """Return the health dashboard as markdown; `found` is what `findings` returned, where that is known already."""
    found = findings(record) if found is None else found
    return _render(
        "integration_health_dashboard.md.jinja",
        record,
        window_slugs=list(dict.fromkeys([*record.slugs, *record.window])),
        throughput=sections.throughput(record),
        retries=sum(one.retries for one in record.statistics.values()),
        refused=refused_by_authentication(record),
        unsettled=sections.unsettled(record),
        disconnected=sum(not reading.ok for reading in record.health.values()),
        steps=f"{counted(len(found), 'findings')} with a next step in the summary" if found else "nothing to resolve",
    )


def summary(record: RunRecord, found: Sequence[Finding] | None = None) -> str:
    """Return the summary of the run as markdown; `found` is what `findings` returned, where that is known already."""
    return _render(
        "INTEGRATION_SUMMARY.md.jinja",
        record,
        took_ms=(record.result.finished_at - record.result.started_at).total_seconds() * SECOND_MS,
        requests=sum(one.calls for one in record.statistics.values()),
        retries=sum(one.retries for one in record.statistics.values()),
        encryption=sections.encryption(record),
        alerts=sections.alert_summary(record),
        continuity=sections.continuity(record),
        found=findings(record) if found is None else found,
    )


def _render(template: str, record: RunRecord, **context: Any) -> str:
    """Fill in a template; the texts handed to it beside the record are composed, and harmless already."""
    composed = {name: Markdown(value) if isinstance(value, str) else value for name, value in context.items()}
    found = _environment(record.templates).get_template(template)
    text = found.render(record=record, result=record.result, words=record.words, **composed)
    return text.rstrip("\n") + "\n"


@cache  # a template takes longer to compile than to fill in, and every task has a report
def _environment(own: Path | None = None) -> Environment:
    """Return the templates of a folder, and the engine's for all that is not there."""
    # Markdown, not HTML: autoescape would escape the wrong things. What `finalize` finds unmarked is made harmless.
    environment = Environment(
        loader=FileSystemLoader([own, TEMPLATES] if own is not None else TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701
        finalize=printed,
    )
    environment.globals["NOT_MEASURED"] = NOT_MEASURED
    filters: dict[str, Callable[..., str]] = {
        "cited": cited,
        "cell": _cell,
        "count": counted,
        "day": day,
        "moment": moment,
        "ms": milliseconds,
        "percent": percent_of,
        "composed": str,
        "emoji": sections.EMOJI.__getitem__,
        "became": sections.became,
        "effects": sections.effects,
        "checked": sections.checked,
        "checks": sections.checks,
        "quality": sections.quality,
        "performers": sections.performers,
        "statuses": sections.statuses,
        "source": sections.source,
        "fires": sections.fires,
        "state": sections.state,
        "alert_value": _of_record(sections.alert_value),
        "connectivity": _of_record(sections.connectivity),
        "work_at": _of_record(sections.work_at),
        "standing": _of_record(sections.standing),
        "trouble": _of_record(sections.trouble),
        "settings": _of_record(sections.settings),
    }
    environment.filters |= {name: _marked(composing) for name, composing in filters.items()}
    # These return what is not for printing as it stands, and the last what everything from outside goes through.
    environment.filters |= {
        "title": sections.title_of,
        "exceptional": sections.exceptional,
        "columns": sections.columns,
    }
    environment.filters["md"] = harmless
    return environment


def _marked(composing: Callable[..., str]) -> Callable[..., Markdown]:
    """Mark what a filter returns: it has made the parts that come from outside harmless itself."""

    @wraps(composing)  # keeps what `pass_context` noted
    def marked(*values: Any) -> Markdown:
        return Markdown(composing(*values))

    return marked


def _of_record(section: Callable[..., Any]) -> Callable[..., Any]:
    """Make a section a filter that is handed the record being rendered before the value."""

    @pass_context
    def filled(context: Context, *values: Any) -> Any:
        return section(context["record"], *values)

    return filled


def _cell(value: JSON) -> str:
    return "–" if value is None else measured(value, "")
