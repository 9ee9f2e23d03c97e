"""How a run is shown: plain lines that do not grow with the data, and a table on a terminal."""

from __future__ import annotations

import io
from datetime import UTC, datetime

from newfuse.cli.live_view import SHOW_CURSOR, LiveView
from newfuse.cli.plain_view import PlainView
from newfuse.cli.screen import Screen
from newfuse.crew.job import Progress
from newfuse.crew.watch import RunStarted
from newfuse.report.results import DatasetAccount, TaskOutcome, TaskStatus

STARTED = RunStarted(
    run_id="ab12",
    mode="live",
    model="openai:gpt-4.1",
    model_why="OPENAI_API_KEY is set",
    tasks=[("sync", "Sync", "clerk"), ("sum", "Sum [bold]", "boss")],
    records={"people": 1000},
)


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def outcome(status: TaskStatus, error: str | None = None) -> TaskOutcome:
    now = datetime.now(UTC)
    account = DatasetAccount(
        name="people", total=1000, counts={"confirmed": 900, "pending": 100}, rules={}, exceptions=[]
    )
    return TaskOutcome(
        name="sync",
        title="Sync",
        agent="clerk",
        role="Clerk",
        status=status,
        started_at=now,
        finished_at=now,
        error=error,
        datasets=[account],
    )


def plain() -> tuple[PlainView, io.StringIO, Clock]:
    stream, clock = io.StringIO(), Clock()
    view = PlainView(Screen(stream), verbose={"clerk"}, clock=clock)
    view.run_started(STARTED)
    view.task_started("sync")
    stream.truncate(0)
    stream.seek(0)
    return view, stream, clock


def test_progress_is_said_at_every_tenth_and_no_more_often():
    view, stream, _clock = plain()
    for done in range(1001):
        view.progressed(Progress("sync", done, 1000))
    lines = stream.getvalue().splitlines()
    assert 9 == len(lines)
    assert "  Sync: 0 calls, 100 of 1,000 records, 0.0 s" == lines[0]


def test_progress_that_takes_long_is_said_every_five_seconds():
    view, stream, clock = plain()
    for second in range(1, 13):
        clock.now = 100.0 + second
        view.progressed(Progress("sync", second, 1000, "waiting for the quota"))
    assert [
        "  Sync: 0 calls, 5 of 1,000 records, 5.0 s – waiting for the quota",
        "  Sync: 0 calls, 10 of 1,000 records, 10.0 s – waiting for the quota",
    ] == stream.getvalue().splitlines()


def test_the_next_tool_of_a_task_begins_its_count_anew():
    view, stream, _clock = plain()
    view.progressed(Progress("sync", 90, 100))
    view.progressed(Progress("sync", 1, 100))
    view.progressed(Progress("sync", 11, 100))
    assert ["90 of 100", "11 of 100"] == [
        line.split(", ")[1].removesuffix(" records") for line in stream.getvalue().splitlines()
    ]


def test_a_task_without_records_needs_no_line_for_its_progress():
    view, stream, _clock = plain()
    view.progressed(Progress("sync", 0, 0))
    assert "" == stream.getvalue()


def test_the_end_of_a_task_says_what_it_took():
    view, stream, clock = plain()
    for _ in range(3):
        view.request_sent("sync", "hubspot")
    view.request_sent(None, "hubspot")
    clock.now += 75
    view.task_ended(outcome(TaskStatus.FAILED, "hubspot:\x1b[31m gone\nfor good"))
    assert (
        "❌ Sync (clerk) failed, 3 calls, 900 of 1,000 records, 1 min 15 s: hubspot: gone for good\n"
        == stream.getvalue()
    )


def test_only_verbose_agents_show_their_tool_calls():
    view, stream, _clock = plain()
    view.tool_called("sync", "clerk", "add_people")
    view.tool_called("sum", "boss", "sum_up")
    assert "   clerk: add_people\n" == stream.getvalue()


def test_a_live_run_and_its_model_are_named_as_such():
    stream = io.StringIO()
    PlainView(Screen(stream), verbose=()).run_started(STARTED)
    assert (
        "Run ab12, against the vendors themselves (live), model openai:gpt-4.1 (OPENAI_API_KEY is set)"
        in stream.getvalue()
    )


def test_the_live_table_shows_every_task_and_gives_the_cursor_back():
    stream, clock = io.StringIO(), Clock()
    view = LiveView(Screen(stream), verbose={"clerk"}, clock=clock)
    with view:
        view.run_started(STARTED)
        view.task_started("sync")
        view.request_sent("sync", "hubspot")
        view.progressed(Progress("sync", 500, 1000))
        view.tool_called("sync", "clerk", "add_people [red]now")
        clock.now += 2
        view.task_ended(outcome(TaskStatus.COMPLETED))
        view.reporting()
    shown = stream.getvalue()
    for text in (
        "✅",
        "Sync",
        "clerk",
        "completed",
        "900/1,000",
        "2.0 s",
        "Sum [bold]",
        "waiting",
        "add_people [red]now",
    ):
        assert text in shown
    assert shown.rstrip().endswith(SHOW_CURSOR)


def test_a_live_table_ends_when_the_run_breaks_off():
    stream = io.StringIO()
    view = LiveView(Screen(stream), verbose=())
    try:
        with view:
            view.run_started(STARTED)
            raise RuntimeError
    except RuntimeError:
        pass
    assert stream.getvalue().rstrip().endswith(SHOW_CURSOR)
