"""Events reach whoever subscribed, in order, and a failing listener stops nobody."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from newfuse.events import Event, EventBus, EventName


@pytest.fixture
def bus() -> EventBus:
    return EventBus()


def event(name: str = EventName.CONNECTED) -> Event:
    return Event(name, "desk")


def test_listeners_hear_their_event_and_star_hears_all(bus: EventBus):
    heard: list[str] = []
    bus.on("*", lambda e: heard.append(f"* {e.name}"))
    bus.on(EventName.CONNECTED, lambda e: heard.append(f"1 {e.name}"))
    bus.on("integration:connected", lambda e: heard.append(f"2 {e.name}"))
    bus.emit(event())
    bus.emit(event(EventName.REMOVED))
    assert [
        "1 integration:connected",
        "2 integration:connected",
        "* integration:connected",
        "* integration:removed",
    ] == heard


def test_a_listener_that_left_hears_no_more(bus: EventBus):
    heard: list[Event] = []
    bus.on("*", heard.append)
    bus.off("*", heard.append)
    bus.off("*", heard.append)
    bus.off("never subscribed", heard.append)
    bus.emit(event())
    assert [] == heard


def test_a_failing_listener_is_logged_and_the_others_hear(bus: EventBus, caplog: pytest.LogCaptureFixture):
    heard: list[Event] = []

    def fail(_: Event) -> None:
        raise RuntimeError("no")

    bus.on("*", fail)
    bus.on("*", heard.append)
    bus.emit(event())
    assert 1 == len(heard)
    assert ["a listener of integration:connected failed"] == [record.getMessage() for record in caplog.records]


def test_listeners_may_come_and_go_while_an_event_is_told(bus: EventBus):
    heard: list[str] = []

    def once(_: Event) -> None:
        heard.append("once")
        bus.off("*", once)
        bus.on("*", lambda _: heard.append("late"))

    bus.on("*", once)
    bus.emit(event())
    assert ["once"] == heard
    bus.emit(event())
    assert ["once", "late"] == heard


def test_an_event_knows_when_it_happened_and_keeps_its_details_to_itself():
    before = datetime.now(UTC)
    one, other = event(), event()
    one.detail["x"] = 1
    assert before <= one.at <= other.at
    assert {} == other.detail


def test_the_names_are_those_that_others_listen_for():
    assert {
        "integration:registered",
        "integration:removed",
        "integration:connected",
        "integration:disconnected",
        "integration:updated",
        "integration:error",
    } == {name.value for name in EventName}
