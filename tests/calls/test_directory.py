"""The directory: its listeners hear everything in order, and a parked call is found again."""

from __future__ import annotations

import pytest

from bot.calls import Call, Calls, Event, ParkedCall
from bot.clock import Clock
from bot.errors import CallEnded

NOW = Clock().now()


def test_an_event_that_a_listener_brings_about_is_told_after_the_one_before() -> None:
    calls = Calls(Clock())
    heard: list[str] = []
    calls.on_event(lambda event: calls.publish(Event("second", NOW)) if event.name == "first" else None)
    calls.on_event(lambda event: heard.append(event.name))
    calls.publish(Event("first", NOW))
    assert heard == ["first", "second"]


def test_a_listener_that_breaks_keeps_nothing_from_the_others() -> None:
    calls = Calls(Clock())
    heard: list[str] = []

    def broken(_event: Event) -> None:
        raise LookupError("a fault")

    calls.on_event(broken)
    calls.on_event(lambda event: heard.append(event.name))
    for name in ("first", "second"):
        calls.publish(Event(name, NOW))
    assert heard == ["first", "second"]


async def test_a_call_that_was_parked_is_not_taken_for_another_one() -> None:
    calls = Calls(Clock(), park_locations={"sales": "5001"})
    calls.park_locations.update("sales", (ParkedCall("sales", "s-2", "c", "d", number="+16505550198"),))
    with pytest.raises(CallEnded, match="does not wait there any more"):
        await calls.retrieve("sales", parked=Over())


class Over(Call):
    """A call of ours that was parked."""

    session_id = "s-1"  # type: ignore[assignment]
    number = "+16505550199"  # type: ignore[assignment]

    def __init__(self) -> None:
        """It is over: nothing of it is left but what it was."""
