"""The directory: what phones report becomes calls, calls are placed through a gate, and two calls act as one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, cast

import pytest

from bot.calls import Call, CallState, Event, ParkedCall
from bot.errors import CallEnded, ConnectionFailed, NotRegistered, OperationRefused, UserError
from bot.phone import Registered, RegistrationLost, SessionState
from tests.calls.seam import ADA, Board, Inbound

PARKED = ParkedCall("sales", "s-9", to_tag="gK06", from_tag="10.14-fd22", number=ADA, name="Ada")


@pytest.fixture
async def board() -> AsyncIterator[Board]:
    made = Board("desk", "sales", "supervisor", locations={"sales": "5001"})
    async with made.calls:
        yield made


async def test_a_call_is_live_from_its_ring_to_its_end(board: Board) -> None:
    session = board.desk.rings(session_id="s-7")
    (call,) = board.calls.live.values()
    assert call.session is session
    assert call.phone == "desk"
    assert board.calls.by_session_id("s-7") == [call]
    assert board.calls.by_session_id("") == []
    session.finish("peer", "cancelled")
    assert not board.calls.live
    assert board.calls.by_session_id("s-7") == []


async def test_every_call_has_an_id_of_its_own(board: Board) -> None:
    sessions = [board.desk.rings(session_id="s-7") for _ in range(3)]
    assert len(board.calls.live) == 3
    assert len(board.calls.by_session_id("s-7")) == 3
    for session in sessions:
        session.finish("peer", "cancelled")


async def test_a_listener_that_was_removed_hears_nothing(board: Board) -> None:
    heard: list[Event] = []
    remove = board.calls.on_event(heard.append)
    board.desk.rings()
    remove()
    board.desk.rings()
    assert len(heard) == 1


async def test_all_listeners_hear_events_in_the_same_order(board: Board) -> None:
    first: list[str] = []
    second: list[str] = []

    def hang_up_at_once(event: Event) -> None:
        first.append(event.name)
        if event.name == "call.ringing" and event.call is not None:
            cast(Inbound, event.call.session).finish("us", "declined")

    board.calls.on_event(hang_up_at_once)
    board.calls.on_event(lambda event: second.append(event.name))
    board.desk.rings()
    assert first == second == ["call.ringing", "call.ended"]


async def test_a_listener_that_breaks_keeps_nothing_from_the_others(board: Board) -> None:
    heard: list[str] = []

    def broken(_event: Event) -> None:
        raise LookupError("a fault")

    board.calls.on_event(broken)
    board.calls.on_event(lambda event: heard.append(event.name))
    board.desk.rings()
    board.desk.rings()
    assert heard == ["call.ringing", "call.ringing"]


async def test_the_session_of_nobody_is_no_matter(board: Board) -> None:
    session = Inbound(board.desk)
    with board.nothing_told():
        session.become(SessionState.ANSWERED)


async def test_phones_that_come_and_go_are_events(board: Board) -> None:
    board.calls.phone_event(Registered("desk", 60))
    board.calls.phone_event(RegistrationLost("desk", ConnectionFailed("the line is dead")))
    assert [(event.name, event.data) for event in board.events] == [
        ("phone.registered", {"phone": "desk"}),
        ("phone.lost", {"phone": "desk", "reason": "the line is dead"}),
    ]


async def test_the_line_is_busy_while_an_answered_call_is_up(board: Board) -> None:
    session = board.desk.rings()
    (call,) = board.calls.live.values()
    assert not board.calls.line_busy()
    await call.answer()
    assert board.calls.line_busy()
    assert board.calls.line_busy("desk")
    assert not board.calls.line_busy("sales")
    assert not board.calls.line_busy(besides=call)
    session.finish("peer", "hangup")
    assert not board.calls.line_busy()


async def test_our_own_extension_is_engaged_while_its_phone_has_a_call(board: Board) -> None:
    session = board.desk.rings()
    assert board.calls.agents["101"].engaged
    session.finish("peer", "cancelled")
    assert board.calls.agents["101"].free


# Placing calls


async def test_a_number_that_the_gate_refuses_reaches_no_phone() -> None:
    board = Board(gate=lambda number: "an emergency number" if number == "911" else None)
    with pytest.raises(OperationRefused, match="911 was not dialled: an emergency number"):
        await board.calls.dial("911")
    assert not board.desk.dialled
    assert not board.events
    await board.calls.dial(ADA)
    assert board.desk.dialled == [ADA]


async def test_a_call_goes_to_the_phone_that_is_named_or_has_the_fewest(board: Board) -> None:
    assert (await board.calls.dial(ADA, phone="sales")).phone == "sales"
    assert (await board.calls.dial(ADA)).phone == "desk"
    assert (await board.calls.dial(ADA)).phone == "supervisor"
    with pytest.raises(UserError, match=r'no phone "slaes"'):
        await board.calls.dial(ADA, phone="slaes")


async def test_a_phone_that_is_down_places_no_calls(board: Board) -> None:
    board.phones["desk"].registered = False
    assert (await board.calls.dial(ADA)).phone == "sales"
    with pytest.raises(NotRegistered):
        await board.calls.dial(ADA, phone="desk")
    for phone in board.phones.values():
        phone.registered = False
    with pytest.raises(NotRegistered):
        await board.calls.dial(ADA)


async def test_dialling_tells_the_number_that_was_asked_for(board: Board) -> None:
    call = await board.calls.dial(ADA)
    assert call.state is CallState.DIALLING
    assert [(event.name, event.call, event.data) for event in board.events] == [
        ("call.dialling", call, {"number": ADA})
    ]


# Park locations


async def test_retrieving_dials_the_location_with_what_presence_told(board: Board) -> None:
    board.calls.park_locations.update("sales", (PARKED,))
    call = await board.calls.retrieve("sales", phone="desk")
    assert board.desk.dialled == ["prk5001"]
    assert board.desk.sessions[0].asked_headers == {"Replaces": PARKED.replaces}
    assert call.state is CallState.ANSWERED, "a service answers by itself"


async def test_a_call_of_ours_is_retrieved_before_one_that_has_waited_longer(board: Board) -> None:
    ours = await board.calls.dial(ADA, phone="desk")
    mine = replace(PARKED, session_id=ours.session_id, to_tag="mine")
    board.calls.park_locations.update("sales", (replace(PARKED, session_id="s-other", number="+16505550198"), mine))
    await board.calls.retrieve("sales", phone="desk", parked=ours)
    assert board.desk.sessions[-1].asked_headers == {"Replaces": mine.replaces}


async def test_another_caller_is_not_retrieved_for_a_call_of_ours_that_is_gone(board: Board) -> None:
    ours = await board.calls.dial(ADA, phone="desk")
    board.calls.park_locations.update("sales", (replace(PARKED, session_id="s-other", number="+16505550198"),))
    with pytest.raises(CallEnded, match="does not wait there any more"):
        await board.calls.retrieve("sales", parked=ours)
    assert board.desk.dialled == [ADA]


async def test_nobody_is_retrieved_from_an_empty_location(board: Board) -> None:
    with pytest.raises(CallEnded, match="nobody waits"):
        await board.calls.retrieve("sales")
    with pytest.raises(UserError, match="park_locations has"):
        await board.calls.retrieve("support")
    assert not any(phone.dialled for phone in board.phones.values())


# Supervision


@pytest.mark.parametrize(("how", "code"), [("monitor", "*80"), ("whisper", "*81"), ("barge", "*82")])
async def test_stepping_in_dials_the_code_and_sends_the_extension_after_a_pause(
    board: Board, how: Any, code: str
) -> None:
    began = board.clock.monotonic()
    call = await board.calls.supervise("102", how, phone="supervisor")
    assert 1 <= board.clock.monotonic() - began <= 3
    phone = board.phones["supervisor"]
    assert phone.dialled == [code]
    assert phone.sessions[0].told == [("digits", "102#")]
    assert call.state is CallState.ANSWERED


async def test_there_are_four_ways_to_supervise(board: Board) -> None:
    with pytest.raises(UserError, match="spy"):
        await board.calls.supervise("102", cast(Any, "spy"))


async def taken_over(board: Board) -> tuple[Call, Call]:
    """The two calls of a take-over: the one to `*83`, and the one in which the customer is heard."""
    taking = asyncio.ensure_future(board.calls.supervise("102", "take_over", phone="supervisor"))
    await board.clock.sleep(2)
    board.phones["supervisor"].rings(number="*83", name="Take over")
    second = await taking
    assert second.companion is not None
    return second.companion, second


async def test_the_second_call_of_a_take_over_is_answered_and_not_told_as_a_caller(board: Board) -> None:
    first, second = await taken_over(board)
    assert (first.direction, second.direction) == ("outbound", "inbound")
    assert second.state is CallState.ANSWERED
    assert not [event for event in board.events if event.name == "call.ringing"]


@pytest.mark.parametrize("ends", [0, 1])
async def test_the_two_calls_of_a_take_over_end_together(board: Board, ends: int) -> None:
    calls = await taken_over(board)
    await calls[ends].hangup()
    async with asyncio.timeout(1):
        await calls[1 - ends].ended()
    assert not board.calls.live


async def test_a_re_invite_of_the_first_call_is_a_take_over_too(board: Board) -> None:
    taking = asyncio.ensure_future(board.calls.supervise("102", "take_over", phone="supervisor"))
    await board.clock.sleep(2)
    session = board.phones["supervisor"].sessions[0]
    for listener in tuple(session.listeners):
        listener()
    call = await taking
    assert call.session is session
    assert call.companion is None
    assert not session.listeners, "it goes on listening"


async def test_a_take_over_that_is_not_granted_is_refused_and_hung_up(board: Board) -> None:
    began = board.clock.monotonic()
    with pytest.raises(OperationRefused, match="not granted"):
        await board.calls.supervise("102", "take_over", phone="supervisor")
    assert board.clock.monotonic() - began < 30
    assert not board.calls.live
    board.phones["supervisor"].rings(number="*83")
    assert board.names()[-1] == "call.ringing", "a late call from *83 is a call like any other"


async def test_a_take_over_whose_first_call_ends_is_refused_at_once(board: Board) -> None:
    taking = asyncio.ensure_future(board.calls.supervise("102", "take_over", phone="supervisor"))
    await board.clock.sleep(5)
    board.phones["supervisor"].sessions[0].finish("peer", "hangup")
    with pytest.raises(OperationRefused):
        async with asyncio.timeout(1):
            await taking
    assert not board.calls.live


@pytest.mark.parametrize("after", [0.5, 5])
async def test_a_supervision_that_is_given_up_hangs_up(board: Board, after: float) -> None:
    taking = asyncio.ensure_future(board.calls.supervise("102", "take_over", phone="supervisor"))
    await board.clock.sleep(after)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert not board.calls.live
