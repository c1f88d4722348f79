"""One call: what its session, the platform and the audio tell becomes one state, its events and its evidence."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import numpy as np
import pytest

from bot.calls import Call, CallState, Party
from bot.errors import BotError, CallEnded, CallFailed, OperationRefused, UserError
from bot.media import PcmSource, Silence
from bot.media.tones import busy, reorder, ringback, sit
from bot.phone import SessionState
from bot.sip.rc import Reply, ReplyOutcome
from tests.calls.seam import ADA, Board, FakeMedia, Inbound, Outbound
from tests.calls.test_answer import Voice


@pytest.fixture
async def board() -> Board:
    return Board(locations={"sales": "5001"})


def ringing(board: Board, **details: Any) -> tuple[Call, Inbound]:
    session = board.desk.rings(**details)
    return next(reversed(board.calls.live.values())), session


async def dialled(board: Board) -> tuple[Call, Outbound]:
    call = await board.calls.dial(ADA)
    return call, cast(Outbound, call.session)


def sound(call: Call) -> FakeMedia:
    return cast(FakeMedia, call.media)


async def test_an_inbound_call_rings_is_answered_and_ends(board: Board) -> None:
    call, session = ringing(board, queue="Sales", answer_after=2.0, headers={"Alert-Info": "Auto Answer"})
    assert (call.direction, call.state, call.other) == ("inbound", CallState.RINGING, Party(ADA, "Ada"))
    assert (call.queue, call.answer_after, call.headers["alert-info"]) == ("Sales", 2.0, "Auto Answer")
    await board.clock.sleep(3)
    await call.answer()
    await board.clock.sleep(10)
    session.finish("peer", "hangup")
    end = await call.ended()
    assert (end.by, end.cause, end.disposition) == ("peer", "hangup", "answered")
    assert board.names() == ["call.ringing", "call.answered", "call.ended"]
    assert call.ringing_at is not None
    assert call.answered_at is not None
    assert call.ended_at is not None
    assert [(moment - call.ringing_at).seconds for moment in (call.answered_at, call.ended_at)] == [3, 13]
    assert not call.live
    assert not board.calls.live


async def test_the_200_of_a_call_that_we_placed_is_no_answer(board: Board) -> None:
    call, session = await dialled(board)
    session.become(SessionState.RINGING)
    session.become(SessionState.ANSWERED)
    assert call.state is CallState.RINGING
    assert board.names() == ["call.dialling", "call.alerting"]
    assert call.evidence[-1].says.startswith("200")


async def test_a_200_without_anything_before_it_rings_first(board: Board) -> None:
    call, session = await dialled(board)
    session.become(SessionState.ANSWERED)
    assert call.state is CallState.RINGING
    assert call.ringing_at is not None


async def up(board: Board) -> tuple[Call, Outbound]:
    """A call that we placed, as far as its 200."""
    call, session = await dialled(board)
    session.become(SessionState.RINGING)
    session.become(SessionState.ANSWERED)
    return call, session


async def test_the_platforms_word_is_an_answer_once(board: Board) -> None:
    call, _ = await up(board)
    waiting = asyncio.ensure_future(call.answered())
    call.party_status("Proceeding", "")
    assert call.state is CallState.RINGING
    call.party_status("Answered", "")
    call.party_status("ANSWERED", "")
    sound(call).hear(ringback(), 6)
    sound(call).hear(Voice(), 2)
    await waiting
    assert board.names() == ["call.dialling", "call.alerting", "call.answered"]
    assert call.evidence[-1].source == "session"


async def test_speech_after_ringback_is_an_answer(board: Board) -> None:
    call, _ = await up(board)
    sound(call).hear(ringback(), 7)
    assert call.state is CallState.RINGING
    sound(call).hear(Voice(), 2)
    assert call.state is CallState.ANSWERED
    assert [(one.source, one.says) for one in call.evidence[-2:]] == [("audio", "ringback"), ("audio", "speech")]
    assert not sound(call).audio, "it goes on listening for an answer"


async def test_an_answer_that_the_platform_tells_after_the_audio_did_changes_nothing(board: Board) -> None:
    call, _ = await up(board)
    sound(call).hear(Voice(), 2)
    with board.nothing_told():
        call.party_status("Answered", "")
        call.party_status("Disconnected", "Busy")


@pytest.mark.parametrize(
    ("tone", "disposition"), [(busy, "busy"), (reorder, "failed"), (sit, "invalid"), (Silence, "no_answer")]
)
async def test_a_tone_that_refuses_says_why_nobody_answered(board: Board, tone: Any, disposition: str) -> None:
    call, session = await up(board)
    sound(call).hear(tone(), 5)
    session.finish("peer", "hangup")
    assert call.end is not None
    assert call.end.disposition == disposition
    expected = CallEnded if disposition == "no_answer" else CallFailed
    with pytest.raises(expected):
        await call.answered()


@pytest.mark.parametrize(
    ("reason", "disposition"), [("TargetBusy", "busy"), ("InvalidNumber", "invalid"), ("Whatever", "no_answer")]
)
async def test_the_platform_says_why_a_party_was_disconnected(board: Board, reason: str, disposition: str) -> None:
    call, session = await up(board)
    call.party_status("Disconnected", reason)
    assert call.live, "the session ends a call, not an event"
    session.finish("peer", "hangup")
    assert call.end is not None
    assert call.end.disposition == disposition


@pytest.mark.parametrize(
    ("status", "disposition"), [(486, "invalid"), (404, "invalid"), (600, "busy"), (503, "failed"), (403, "failed")]
)
async def test_a_call_that_is_refused_in_sip_fails_with_its_status(
    board: Board, status: int, disposition: str
) -> None:
    call, session = await dialled(board)
    waiting = asyncio.ensure_future(call.answered())
    await asyncio.sleep(0)
    session.finish("peer", "failed", status, "Because")
    with pytest.raises(CallFailed, match=disposition) as raised:
        await waiting
    assert (raised.value.status, raised.value.reason) == (status, "Because")
    assert board.events[-1].data["disposition"] == disposition


@pytest.mark.parametrize(
    ("by", "cause", "disposition"),
    [("peer", "cancelled", "no_answer"), ("us", "declined", "cancelled"), ("us", "replied", "cancelled")],
)
async def test_a_call_to_us_that_was_not_answered(board: Board, by: str, cause: str, disposition: str) -> None:
    call, session = ringing(board)
    session.finish(by, cause)
    assert call.end is not None
    assert (call.end.cause, call.end.disposition) == (cause, disposition)


async def test_our_own_hangup_before_anything_came_is_a_cancellation(board: Board) -> None:
    call, _ = await dialled(board)
    await call.hangup()
    assert call.end is not None
    assert (call.end.by, call.end.disposition) == ("us", "cancelled")
    await call.hangup()


async def test_what_the_platform_says_of_a_call_to_us_is_not_taken_for_an_answer(board: Board) -> None:
    call, _ = ringing(board)
    call.party_status("Answered", "")
    assert call.state is CallState.RINGING


async def test_the_end_is_told_once(board: Board) -> None:
    call, session = ringing(board)
    session.finish("peer", "cancelled")
    with board.nothing_told():
        call.session_ended()


async def test_keys_are_events_and_wait_in_order(board: Board) -> None:
    call, session = ringing(board)
    await call.answer()
    sound(call).press("12")
    assert await call.next_digit(1) == "1"
    assert await call.next_digit(1) == "2"
    began = board.clock.monotonic()
    assert await call.next_digit(3) is None
    assert board.clock.monotonic() - began == pytest.approx(3)
    assert [event.data["digit"] for event in board.events if event.name == "call.digit"] == ["1", "2"]
    session.finish("peer", "hangup")
    assert not sound(call).digits, "it listens after the end"


@pytest.mark.parametrize(
    ("operation", "noted"),
    [
        (lambda call: call.decline(), ("decline", "")),
        (lambda call: call.to_voicemail(), ("voicemail", "")),
        (lambda call: call.forward("102"), ("forward", "102")),
        (lambda call: call.hangup(), ("decline", "")),
        (lambda call: call.reply(Reply("Later"), wait=60), ("reply", "Later (60 s)")),
    ],
)
async def test_what_can_be_done_with_a_ringing_call(board: Board, operation: Any, noted: tuple[str, str]) -> None:
    call, session = ringing(board)
    await operation(call)
    assert session.told == [noted]
    assert not call.live


@pytest.mark.parametrize(
    ("operation", "noted"),
    [
        (lambda call: call.transfer("105"), ("transfer", "105")),
        (lambda call: call.park("sales"), ("transfer", "prk5001")),
        (lambda call: call.send_digits("12#"), ("digits", "12#")),
        (lambda call: call.hangup(), ("hangup", "")),
    ],
)
async def test_what_can_be_done_with_an_answered_call(board: Board, operation: Any, noted: tuple[str, str]) -> None:
    call, session = ringing(board)
    await call.answer()
    await operation(call)
    assert session.told[1:] == [noted]


async def test_a_park_location_that_is_not_configured_is_the_users_mistake(board: Board) -> None:
    call, session = ringing(board)
    await call.answer()
    with pytest.raises(UserError, match="park_locations has: sales"):
        await call.park("nowhere")
    assert session.told == [("answer", "")]


ON_RINGING = (
    lambda call: call.answer(),
    lambda call: call.decline(),
    lambda call: call.to_voicemail(),
    lambda call: call.forward("1"),
    lambda call: call.reply(Reply("x")),
)
ON_ANSWERED = (
    lambda call: call.transfer("1"),
    lambda call: call.park("sales"),
    lambda call: call.send_digits("1"),
    lambda call: call.say(np.zeros(160, np.int16)),
)


@pytest.mark.parametrize("operation", [*ON_RINGING, *ON_ANSWERED])
async def test_nothing_can_be_done_with_a_call_that_is_over(board: Board, operation: Any) -> None:
    call, session = ringing(board)
    await call.answer()
    session.finish("peer", "hangup")
    told = list(session.told)
    with pytest.raises(CallEnded, match=r"over \(hangup\)"):
        await operation(call)
    assert session.told == told


@pytest.mark.parametrize("operation", ON_ANSWERED)
async def test_a_ringing_call_must_be_answered_first(board: Board, operation: Any) -> None:
    call, _ = ringing(board)
    with pytest.raises(BotError, match="still rings"):
        await operation(call)


@pytest.mark.parametrize("operation", ON_RINGING)
async def test_a_call_that_we_placed_cannot_be_answered_or_declined(board: Board, operation: Any) -> None:
    call, _ = await dialled(board)
    with pytest.raises(BotError, match="placed ourselves"):
        await operation(call)


async def test_a_refusal_of_the_platform_leaves_the_call_as_it_was(board: Board) -> None:
    call, session = ringing(board)
    await call.answer()
    session.failure = OperationRefused("not permitted", status=403)
    with pytest.raises(OperationRefused, match="not permitted"):
        await call.transfer("105")
    assert call.state is CallState.ANSWERED


async def test_the_answer_to_a_reply_is_an_event_with_the_fields_of_the_wire(board: Board) -> None:
    call, session = ringing(board)
    session.outcome = ReplyOutcome("urgent", "0", "3", "16505550123", ADA, "Ada")
    assert await call.reply(Reply("Later")) == session.outcome
    assert board.names() == ["call.ringing", "call.ended", "reply.closed"]
    assert dict(board.events[-1].data) == {
        "choice": "urgent",
        "sts": "0",
        "resp": "3",
        "ext_nfo": "16505550123",
        "phn": ADA,
        "nm": "Ada",
    }


async def test_playing_ends_with_the_call_and_can_be_cancelled(board: Board) -> None:
    call, session = ringing(board)
    await call.answer()
    await call.play(PcmSource(np.zeros(1600, np.int16)))
    cancelled = asyncio.ensure_future(call.play(Silence()))
    await asyncio.sleep(0.1)
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert sound(call).playing is None
    playing = asyncio.ensure_future(call.play(Silence()))
    await asyncio.sleep(1)
    session.finish("peer", "hangup")
    with pytest.raises(CallEnded, match="before all was said"):
        await playing
    assert sound(call).playing is None


async def test_an_announcement_after_the_platform_said_that_nobody_is_there_is_no_answer(board: Board) -> None:
    call, session = await up(board)
    call.party_status("Disconnected", "InvalidNumber")
    sound(call).hear(Voice(), 3)
    assert call.state is CallState.RINGING
    session.finish("peer", "hangup")
    assert call.end is not None
    assert call.end.disposition == "invalid"


@pytest.mark.parametrize(("code", "reason"), [("Answered", ""), ("Disconnected", "TargetBusy")])
async def test_the_audio_is_not_asked_about_what_the_platform_told_before_the_200(
    board: Board, code: str, reason: str
) -> None:
    call, session = await dialled(board)
    session.become(SessionState.RINGING)
    call.party_status(code, reason)
    session.become(SessionState.ANSWERED)
    assert not sound(call).audio
    session.finish("peer", "hangup")
    assert call.end is not None
    assert call.end.disposition == ("answered" if code == "Answered" else "busy")
