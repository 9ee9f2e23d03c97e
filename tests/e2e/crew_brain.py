"""A competent model for the five tasks, and models with one weakness each.

They know nothing but the conversation, as a real model does, and keep no state: what is next is planned by the tools
on offer and by the results so far.
"""

from __future__ import annotations

import json
import re
from typing import Any

from model_servers.conversation import Conversation, OfferedTool
from model_servers.script import Brain, Turn
from newfuse.crew.tool_call_limit import CALLS_PER_ANSWER

WORK = (
    # The order a person would take; calls on one line do not wait for each other. What is not on offer is passed over.
    ("validate_contacts",),
    ("deduplicate_contacts",),
    ("sync_contacts",),
    ("read_back_contacts", "review_crm"),
    ("validate_payments",),
    ("process_payments",),
    ("capture_payments",),
    ("refund_payments",),
    ("reconcile_payments",),
    ("review_audiences", "check_compliance"),
    ("create_segments",),
    ("prepare_campaigns",),
    ("schedule_campaigns",),
    ("track_performance",),
    ("validate_events",),
    ("configure_conversions", "send_events"),
    ("read_report",),
    ("check_integration_health", "validate_data_flow", "summarize_outcomes"),
)
WRITES = (
    "sync_contacts",
    "process_payments",
    "capture_payments",
    "refund_payments",
    "create_segments",
    "prepare_campaigns",
    "schedule_campaigns",
    "configure_conversions",
    "send_events",
)
ROOTS = ("customers", "payments", "email_campaigns", "analytics_events")
DATASETS = "Datasets ("
_HANDLE = re.compile(r'"handle": "([^"]+)"')

Call = tuple[str, dict[str, Any]]


def competent(conversation: Conversation, /) -> Turn:
    """Call what is next, with the newest handle; when nothing is left, close with what the tools said."""
    tried = {result.tool_name for result in conversation.tool_results}
    for names in WORK:
        calls = [
            (name, _arguments(conversation, name))
            for name in names
            if name in conversation.tool_names and name not in tried
        ]
        if calls:
            return Turn(calls=calls)
    return Turn(" ".join(result.text.splitlines()[0] for result in conversation.tool_results))


def described(conversation: Conversation) -> list[dict[str, Any]]:
    """Return what the task's text says of its datasets."""
    lines = iter(conversation.human_text.splitlines())
    for line in lines:
        if line.startswith(DATASETS):
            found: list[dict[str, Any]] = json.loads(next(lines))
            return found
    return []


def is_about(conversation: Conversation, task: str) -> bool:
    """Say whether a conversation is about a task."""
    return f"Task: {task}" in conversation.human_text.splitlines()


class OnlyIn:
    """Thinks with one brain about one task, and with another about the rest."""

    def __init__(self, task: str, brain: Brain, *, elsewhere: Brain = competent) -> None:
        self.task, self.brain, self.elsewhere = task, brain, elsewhere

    def __call__(self, conversation: Conversation, /) -> Turn:
        """Ask the brain for the task at hand."""
        return (self.brain if is_about(conversation, self.task) else self.elsewhere)(conversation)


class Halfway:
    """Works well for some turns, and thinks with another brain from there on."""

    def __init__(self, turns: int, then: Brain) -> None:
        self.turns, self.then = turns, then

    def __call__(self, conversation: Conversation, /) -> Turn:
        """Take the next turn."""
        return (competent if conversation.assistant_turns < self.turns else self.then)(conversation)


class Boasts:
    """Does the work well, and closes with words of its own."""

    def __init__(self, words: str) -> None:
        self.words = words

    def __call__(self, conversation: Conversation, /) -> Turn:
        """Work, then boast."""
        turn = competent(conversation)
        return turn if turn.calls else Turn(self.words)


def everything_twice_at_once(conversation: Conversation, /) -> Turn:
    """Make every call twice in one turn."""
    turn = competent(conversation)
    return Turn(turn.text, calls=[call for call in turn.calls for _ in range(2)])


def everything_again(conversation: Conversation, /) -> Turn:
    """Do the whole work, then every write once more, the last first."""
    turn = competent(conversation)
    made = [call.name for message in conversation.messages for call in message.tool_calls if call.name in WRITES]
    writes = list(dict.fromkeys(made))
    repeated = len(made) - len(writes)
    if turn.calls or repeated == len(writes):
        return turn
    name = writes[-1 - repeated]
    return Turn(calls=[(name, _arguments(conversation, name))])


def writes_first(conversation: Conversation, /) -> Turn:
    """Make all writes at once, the last first and without any preparation; then work in order."""
    if conversation.assistant_turns:
        return competent(conversation.without_turns(1))
    calls = [(name, _arguments(conversation, name)) for name in reversed(WRITES) if name in conversation.tool_names]
    return Turn(calls=calls) if calls else _nothing_yet(conversation)


def backwards(conversation: Conversation, /) -> Turn:
    """Take the steps in the wrong order, one a turn and each once, whatever comes of it; then claim to be done."""
    order = [name for names in reversed(WORK) for name in names if name in conversation.tool_names]
    if conversation.assistant_turns < len(order):
        name = order[conversation.assistant_turns]
        return Turn(calls=[(name, _arguments(conversation, name))])
    return Turn("Everything is done.")


def takes_others_data(conversation: Conversation, /) -> Turn:
    """Call every tool with the handle of somebody else's data, and with one that is nobody's; then work in order."""
    own = {found["handle"] for found in described(conversation)}
    wrong = [handle for handle in (*ROOTS, "no_such_handle") if handle not in own]
    calls = [(tool.name, {"dataset": handle}) for tool in conversation.tools if _has_dataset(tool) for handle in wrong]
    return in_portions(calls, conversation) or _nothing_yet(conversation)


def in_portions(calls: list[Call], conversation: Conversation) -> Turn | None:
    """Make calls, as many a turn as are made of one answer, then work well; None where there is no call."""
    begun, turns = conversation.assistant_turns, turns_of(calls)
    if begun >= turns:
        return competent(conversation.without_turns(turns))
    return Turn(calls=calls[begun * CALLS_PER_ANSWER :][:CALLS_PER_ANSWER]) if calls else None


def turns_of(calls: list[Call]) -> int:
    """Count the turns that these calls take, which is one even without a call."""
    return max(1, -(-len(calls) // CALLS_PER_ANSWER))


def _nothing_yet(conversation: Conversation) -> Turn:
    return Turn(calls=[("list_files", {})])


def _arguments(conversation: Conversation, name: str) -> dict[str, Any]:
    [offered] = [tool for tool in conversation.tools if tool.name == name]
    return {"dataset": _newest_handle(conversation)} if _has_dataset(offered) else {}


def _has_dataset(tool: OfferedTool) -> bool:
    return "dataset" in tool.schema["properties"]


def _newest_handle(conversation: Conversation) -> str:
    for result in reversed(conversation.tool_results):
        found = _HANDLE.search(result.text)
        if found:
            return found[1]
    return str(described(conversation)[0]["handle"])
