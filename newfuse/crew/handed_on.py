"""What tasks hand on to the tasks that wait for them: as a model is shown it, and as a runbook has it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from newfuse.crew.dataset import shorten
from newfuse.crew.job import RunContext
from newfuse.crew.models import RUNBOOK
from newfuse.privacy import mask_record, mask_text
from newfuse.redact import redact
from newfuse.report.facts import Fact
from newfuse.report.results import TaskOutcome
from newfuse.report.run_output import Output
from newfuse.types import JSON

# A model reads these at each of its calls. Some four characters are a token.
ONE_TASK_CHARACTERS = 12_000  # of one task's words and value: an article of four pages
ALL_TASKS_CHARACTERS = 48_000  # of all the tasks before together, in equal shares
FACTS_SHOWN = 40  # of one task; the longest here has 24


def shown_to_model(run: RunContext, names: Sequence[str]) -> str:
    """Return what tasks measured and handed on, a line of JSON each: within JSON nothing can pose as another line.

    Args:
        run: The run.
        names: The tasks, of which those that have not ended are left out.
    """
    ended = [run.outcomes[name] for name in names if name in run.outcomes]
    share = min(ONE_TASK_CHARACTERS, ALL_TASKS_CHARACTERS // max(1, len(ended)))
    return "\n".join(json.dumps(_told(run, outcome, share), ensure_ascii=False) for outcome in ended)


def for_runbook(run: RunContext, names: Sequence[str]) -> tuple[dict[str, Output], dict[str, dict[str, Fact]]]:
    """Return what tasks handed on, with values as JSON, and what they measured, by task."""
    ended = [run.outcomes[name] for name in names if name in run.outcomes]
    outputs = {outcome.name: Output(outcome.output.text, outcome.output.value, outcome.output.by) for outcome in ended}
    facts = {outcome.name: {fact.name: fact for fact in run.facts.of(outcome.name)} for outcome in ended}
    return outputs, facts


def _told(run: RunContext, outcome: TaskOutcome, share: int) -> dict[str, Any]:
    told: dict[str, Any] = {
        "task": outcome.name,
        "status": outcome.status.value,
        "error": mask_text(outcome.error) if outcome.error else None,
        "effects": outcome.effects.model_dump(),
        "datasets": {account.name: account.counts for account in outcome.datasets},
    }
    facts = run.facts.of(outcome.name)
    told["facts"] = [_fact(fact) for fact in facts[:FACTS_SHOWN]]
    if len(facts) > FACTS_SHOWN:
        told["facts_left_out"] = len(facts) - FACTS_SHOWN
    output = outcome.output
    if output.text or output.value is not None:
        parts = 2 if output.text and output.value is not None else 1
        told["output"] = {
            "by": output.by,
            "text": _cut(mask_text(output.text), share // parts),
            "value": _value(output.value, share // parts, by_model=output.by != RUNBOOK),
        }
    return told


def _fact(fact: Fact) -> dict[str, JSON]:
    return {"id": fact.id, "name": fact.name, "value": mask_record(redact(shorten(fact.value))), "unit": fact.unit}


def _value(value: JSON, characters: int, *, by_model: bool) -> JSON:
    """Return a value as a model may see it: what a runbook hands over may come from records, with people in them."""
    seen = _texts_masked(value) if by_model else mask_record(value)
    text = json.dumps(seen, ensure_ascii=False)
    return seen if len(text) <= characters else _cut(text, characters)


def _texts_masked(value: JSON) -> JSON:
    """Mask addresses and telephone numbers; a model that fills a field called `name` was shown nobody's."""
    if isinstance(value, dict):
        return {mask_text(name): _texts_masked(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_texts_masked(inner) for inner in value]
    return mask_text(value) if isinstance(value, str) else value


def _cut(text: str, characters: int) -> str:
    return text if len(text) <= characters else f"{text[:characters]}… (cut; {len(text)} characters in all)"
