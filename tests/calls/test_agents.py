"""Agents and queues: presence becomes who talks to whom and how many are free."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.calls import Agents, Event, Party
from bot.clock import VirtualClock

ADA, GRACE = Party("+16505550199", "Ada"), Party("+16505550198", "Grace")


@pytest.fixture
async def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 3, 2, 9, tzinfo=UTC))


async def test_a_connected_call_starts_and_ends_with_its_length(clock: VirtualClock) -> None:
    events: list[Event] = []
    agents = Agents(clock, events.append)
    agents.update("102", busy=True, accepts_calls=True, talking_to=None)
    agents.update("102", busy=True, accepts_calls=True, talking_to=ADA)
    agents.update("102", busy=True, accepts_calls=True, talking_to=ADA)
    await clock.sleep(90)
    agents.update("102", busy=False, accepts_calls=True, talking_to=None)
    assert [(event.name, event.data["number"]) for event in events] == [
        ("agent.call.started", ADA.number),
        ("agent.call.ended", ADA.number),
    ]
    assert events[1].data["seconds"] == 90


async def test_one_caller_straight_after_another_ends_the_first_call(clock: VirtualClock) -> None:
    events: list[Event] = []
    agents = Agents(clock, events.append)
    agents.update("102", busy=True, accepts_calls=True, talking_to=ADA)
    agents.update("102", busy=True, accepts_calls=True, talking_to=GRACE)
    assert [event.name for event in events] == ["agent.call.started", "agent.call.ended", "agent.call.started"]


async def test_free_agents_take_queue_calls_and_are_in_no_call(clock: VirtualClock) -> None:
    agents = Agents(clock, lambda _event: None)
    agents.set_queue("Sales", {"103": True, "104": True, "105": False})
    assert agents.queues["Sales"].free_agents == 2
    agents.update("103", busy=True, accepts_calls=True, talking_to=None)
    assert (agents.queues["Sales"].free_agents, agents.queues["Sales"].busy_agents) == (1, 1)
    agents.update("104", busy=False, accepts_calls=False, talking_to=None)
    assert agents.queues["Sales"].free_agents == 0


async def test_an_extension_that_is_our_own_phone_is_not_free_while_we_are_in_a_call(clock: VirtualClock) -> None:
    agents = Agents(clock, lambda _event: None)
    agents.set_queue("Sales", {"103": True})
    agents.in_our_call("103", True)
    assert (agents.queues["Sales"].free_agents, agents.queues["Sales"].busy_agents) == (0, 1)
    agents.in_our_call("103", False)
    assert agents.queues["Sales"].free_agents == 1
