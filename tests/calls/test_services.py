"""What the phone system does with an answered call on request, and a caller who is handed over after a word."""

from __future__ import annotations

from typing import cast

import pytest

from bot.calls import Call, CallState, WarmTransfer
from bot.errors import CallEnded, OperationRefused, UserError
from bot.phone import FlipResult, SessionState
from tests.calls.seam import ADA, Board, Inbound, Outbound


@pytest.fixture
async def board() -> Board:
    return Board("desk", "other", gate=lambda number: "an emergency number" if number == "911" else None)


async def answered(board: Board) -> tuple[Call, Inbound]:
    session = board.desk.rings()
    call = next(reversed(board.calls.live.values()))
    await call.answer()
    session.told.clear()
    board.events.clear()
    return call, session


@pytest.mark.parametrize("what", ["hold", "unhold", "start_recording", "stop_recording"])
async def test_a_request_goes_to_the_phone_and_changes_nothing_else(board: Board, what: str) -> None:
    call, session = await answered(board)
    await getattr(call, what)()
    assert session.told == [(what, "")]
    assert call.state is CallState.ANSWERED
    assert board.names() == []
    session.failure = OperationRefused("not permitted")
    with pytest.raises(OperationRefused, match="not permitted"):
        await getattr(call, what)()


async def test_a_call_is_muted_and_unmuted(board: Board) -> None:
    call, session = await answered(board)
    call.mute()
    call.unmute()
    assert session.told == [("mute", ""), ("unmute", "")]


async def test_a_flipped_call_is_ours_until_we_hang_up(board: Board) -> None:
    call, _ = await answered(board)
    assert await call.flip("16505550123") == FlipResult("+16505550123", "16505550123")
    assert call.live


async def test_a_call_in_an_orbit_is_picked_up_with_a_star_and_over_for_us(board: Board) -> None:
    call, _ = await answered(board)
    assert await call.park_in_orbit() == "*813"
    assert call.end is not None
    assert (call.end.by, call.end.cause, call.end.disposition) == ("us", "transferred", "answered")
    assert board.names() == ["call.ended"]


async def test_nothing_of_this_can_be_done_while_it_rings_or_after_its_end(board: Board) -> None:
    session = board.desk.rings()
    call = next(iter(board.calls.live.values()))
    with pytest.raises(UserError, match="still rings"):
        await call.start_recording()
    with pytest.raises(UserError, match="still rings"):
        call.mute()
    session.finish("peer", "cancelled")
    with pytest.raises(CallEnded, match="over"):
        await call.park_in_orbit()
    assert session.told == []


# A warm transfer.


async def announced(board: Board) -> tuple[Call, Inbound, WarmTransfer, Outbound]:
    """A caller on hold, and a colleague who has answered."""
    call, session = await answered(board)
    transfer = await call.warm_transfer("102")
    second = cast(Outbound, transfer.call.session)
    second.become(SessionState.RINGING)
    second.become(SessionState.ANSWERED)
    transfer.call.party_status("Answered", "")
    await transfer.call.answered()
    return call, session, transfer, second


async def test_a_warm_transfer_holds_the_caller_and_calls_from_the_same_phone(board: Board) -> None:
    call, session, transfer, _ = await announced(board)
    assert session.told == [("hold", "")]
    assert (board.desk.dialled, board.phones["other"].dialled) == (["102"], [])
    assert (transfer.call.number, transfer.call.phone) == ("102", "desk")
    assert call.live
    assert board.names() == ["call.dialling", "call.alerting", "call.answered"]


async def test_a_completed_warm_transfer_ends_both_calls_in_order(board: Board) -> None:
    call, session, transfer, second = await announced(board)
    board.events.clear()
    await transfer.complete()
    assert session.told[-1] == ("complete_transfer", second.call_id)
    assert [(event.name, event.call) for event in board.events] == [
        ("call.ended", transfer.call),
        ("call.ended", call),
    ]
    assert [event.data["cause"] for event in board.events] == ["transferred", "transferred"]
    assert not board.calls.live
    with pytest.raises(CallEnded):
        await transfer.complete()


async def test_a_warm_transfer_that_is_called_off_gives_the_caller_back(board: Board) -> None:
    call, session, transfer, second = await announced(board)
    await transfer.cancel()
    assert second.told == [("hangup", "")]
    assert session.told == [("hold", ""), ("unhold", "")]
    assert (call.live, transfer.call.live) == (True, False)


async def test_a_warm_transfer_whose_caller_hung_up_is_called_off_without_an_error(board: Board) -> None:
    _, session, transfer, second = await announced(board)
    session.finish("peer", "hangup")
    with pytest.raises(CallEnded, match="over"):
        await transfer.complete()
    assert transfer.call.live
    await transfer.cancel()
    assert second.told == [("hangup", "")]
    assert session.told == [("hold", "")]


async def test_a_refused_warm_transfer_leaves_both_calls_up(board: Board) -> None:
    call, session, transfer, _ = await announced(board)
    session.failure = OperationRefused("not permitted")
    with pytest.raises(OperationRefused):
        await transfer.complete()
    assert call.live
    assert transfer.call.live


async def test_a_caller_is_taken_back_from_hold_when_nobody_can_be_called(board: Board) -> None:
    call, session = await answered(board)
    with pytest.raises(OperationRefused, match="emergency"):
        await call.warm_transfer("911")
    assert session.told == [("hold", ""), ("unhold", "")]
    assert call.live
    assert board.names() == []


async def test_only_an_answered_call_is_handed_over(board: Board) -> None:
    board.desk.rings(number=ADA)
    with pytest.raises(UserError, match="still rings"):
        await next(iter(board.calls.live.values())).warm_transfer("102")
    assert board.desk.dialled == []
