"""Calls that go out: ringcentral-sip.md §3, and hanging up at every moment of them."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import CallEnded, CallFailed, MediaFailed, NotRegistered
from bot.phone import OutboundSession, SessionEnd, SessionState
from bot.sip.digest import challenge
from bot.sip.messages import Request
from tests.phone.conftest import Rig
from tests.phone.server import ANSWER, DOMAIN

IDS = {"p-rc-api-ids": "session-id=s-2fz;party-id=p-2fz-11"}


async def challenged(rig: Rig, invite: Request) -> Request:
    """Challenge the first INVITE; the second is returned."""
    await rig.wire.reply(invite, 100)
    await rig.wire.reply(invite, 407, headers={"Proxy-Authenticate": challenge(DOMAIN, "nonce-1")})
    ack = await rig.wire.request("ACK")
    assert (ack.branch, ack.cseq) == (invite.branch, invite.cseq)
    return await rig.wire.request("INVITE")


async def progressing(rig: Rig, **call: object) -> tuple[OutboundSession, Request]:
    session = await rig.dial(**call)  # type: ignore[arg-type]
    invite = await challenged(rig, await rig.wire.request("INVITE"))
    await rig.wire.reply(invite, 100)
    await rig.wire.reply(invite, 183, headers=IDS)
    await asyncio.sleep(0.01)
    return session, invite


async def connected(rig: Rig) -> tuple[OutboundSession, Request]:
    session, invite = await progressing(rig)
    await rig.wire.reply(invite, 200, body=ANSWER)
    await rig.wire.request("ACK")
    await session.answered()
    return session, invite


async def test_a_call_is_placed_proved_and_acknowledged(rig: Rig) -> None:
    session = await rig.dial(caller_id="+16505550100", headers={"Replaces": "s-9;to-tag=a;from-tag=b;early-only"})
    assert session.state is SessionState.CALLING
    first = await rig.wire.request("INVITE")
    invite = await challenged(rig, first)
    for request in (first, invite):
        assert request.uri == "sip:+16505550123@sip.example.com"
        assert request.header("P-Asserted-Identity") == "sip:+16505550100@sip.example.com"
        assert request.header("Replaces") == "s-9;to-tag=a;from-tag=b;early-only"
        assert "s=offer" in request.body
        assert request.header("To") == "<sip:+16505550123@sip.example.com>"
    assert rig.server.proves(invite, "Proxy-Authorization")
    assert invite.cseq > first.cseq
    assert invite.branch != first.branch
    assert (invite.call_id, invite.from_tag) == (first.call_id, first.from_tag)

    await rig.wire.reply(invite, 100)
    await rig.wire.reply(invite, 183, headers=IDS)
    await asyncio.sleep(0.01)
    assert session.state is SessionState.RINGING  # type: ignore[comparison-overlap]
    assert (session.session_id, session.party_id) == ("s-2fz", "p-2fz-11")
    assert session.headers["P-RC-API-IDS"] == IDS["p-rc-api-ids"]

    await rig.wire.reply(invite, 200, body=ANSWER)
    ack = await rig.wire.request("ACK")
    assert (ack.cseq, ack.header("Via")) == (invite.cseq, invite.header("Via"))
    assert ack.to_tag == "srv"
    await session.answered()
    assert session.state is SessionState.ANSWERED
    assert rig.engine.sessions[0].calls == [("offer", ""), ("apply", ANSWER)]


async def test_the_200_may_come_without_any_183(rig: Rig) -> None:
    session = await rig.dial("101")
    invite = await rig.wire.request("INVITE")
    await rig.wire.reply(invite, 200, body=ANSWER, headers=IDS)
    await rig.wire.request("ACK")
    await session.answered()
    assert session.session_id == "s-2fz"


async def test_early_media_is_taken_from_the_183(rig: Rig) -> None:
    session = await rig.dial("101")
    invite = await rig.wire.request("INVITE")
    await rig.wire.reply(invite, 183, body=ANSWER)
    await rig.wire.reply(invite, 200, body=ANSWER)
    await rig.wire.request("ACK")
    await session.answered()
    assert rig.engine.sessions[0].calls == [("offer", ""), ("apply", ANSWER), ("apply", ANSWER)]


async def test_a_repeated_200_is_acknowledged_again(rig: Rig) -> None:
    _, invite = await connected(rig)
    await rig.wire.reply(invite, 200, body=ANSWER)
    assert (await rig.wire.request("ACK")).cseq == invite.cseq


async def test_a_403_fails_the_call_at_once(rig: Rig) -> None:
    session = await rig.dial()
    invite = await rig.wire.request("INVITE")
    await rig.wire.reply(invite, 100)
    await rig.wire.reply(invite, 403)
    await rig.wire.request("ACK")
    with pytest.raises(CallFailed) as failed:
        await session.answered()
    assert (failed.value.status, failed.value.reason) == (403, "Forbidden")
    assert session.end == SessionEnd("peer", "failed", 403, "Forbidden")


async def test_a_refused_number_rings_and_fails_with_486(rig: Rig) -> None:
    session, invite = await progressing(rig)
    await rig.wire.reply(invite, 486)
    ack = await rig.wire.request("ACK")
    assert ack.to_tag == "srv"
    with pytest.raises(CallFailed, match="486 Busy Here"):
        await session.answered()
    assert not rig.phone.sessions


async def test_a_second_challenge_fails_the_call(rig: Rig) -> None:
    session = await rig.dial()
    invite = await challenged(rig, await rig.wire.request("INVITE"))
    await rig.wire.reply(invite, 407, headers={"Proxy-Authenticate": challenge(DOMAIN, "nonce-2")})
    await rig.wire.request("ACK")
    with pytest.raises(CallFailed, match="407"):
        await session.answered()


async def test_a_phone_system_that_says_nothing_fails_the_call(rig: Rig) -> None:
    session = await rig.dial()
    with pytest.raises(CallFailed, match="no reply"):
        await session.answered()
    assert session.end is not None
    assert session.end.by == "network"


async def test_a_call_that_rings_without_end_is_cancelled(rig: Rig) -> None:
    session, invite = await progressing(rig)
    await asyncio.sleep(301)
    cancel = await rig.wire.request("CANCEL")
    await rig.wire.reply(cancel, 200)
    await rig.wire.reply(invite, 487)
    await rig.wire.request("ACK")
    with pytest.raises(CallFailed) as failed:
        await session.answered()
    assert failed.value.status == 408


@pytest.mark.parametrize("callee", ["", "two words", "a@b", "<x>", "1\r\nX: y", "x" * 200])
async def test_what_cannot_be_dialled_is_refused_before_anything_is_sent(rig: Rig, callee: str) -> None:
    with pytest.raises(CallFailed) as failed:
        await rig.phone.call(callee)
    assert failed.value.status == 484
    assert rig.wire.quiet
    assert not rig.phone.sessions


async def test_a_call_that_cannot_offer_audio_does_not_go_out(rig: Rig) -> None:
    rig.engine.prepare = lambda media: setattr(media, "failure", MediaFailed("no candidates"))
    with pytest.raises(MediaFailed):
        await rig.dial()
    assert rig.wire.quiet
    assert not rig.phone.sessions


async def test_an_answer_that_cannot_be_used_is_hung_up(rig: Rig) -> None:
    session, invite = await progressing(rig)
    await rig.wire.reply(invite, 200, body="nonsense")
    await rig.wire.request("ACK")
    await rig.wire.reply(await rig.wire.request("BYE"), 200)
    with pytest.raises(CallFailed) as failed:
        await session.answered()
    assert failed.value.status == 488


async def test_a_phone_that_is_down_places_no_call(rig: Rig) -> None:
    await rig.phone.stop()
    with pytest.raises(NotRegistered):
        await rig.dial()


async def test_cancelling_before_any_reply_waits_for_the_first_one(rig: Rig) -> None:
    session = await rig.dial()
    cancelling = asyncio.create_task(session.cancel())
    invite = await rig.wire.request("INVITE")
    await asyncio.sleep(1)
    assert rig.wire.quiet
    assert session.end == SessionEnd("us", "cancelled")
    await rig.wire.reply(invite, 100)
    cancel = await rig.wire.request("CANCEL")
    assert cancel.uri == invite.uri
    assert cancel.header("Via") == invite.header("Via")
    assert (cancel.cseq, cancel.call_id) == (invite.cseq, invite.call_id)
    assert cancel.header("From") == invite.header("From")
    assert cancel.header("To") == "<sip:+16505550123@sip.example.com>"
    await rig.wire.reply(cancel, 200)
    await rig.wire.reply(invite, 487)
    await rig.wire.request("ACK")
    await cancelling
    with pytest.raises(CallEnded):
        await session.answered()


async def test_cancelling_before_the_challenge_leaves_it_unanswered(rig: Rig) -> None:
    session = await rig.dial()
    cancelling = asyncio.create_task(session.cancel())
    invite = await rig.wire.request("INVITE")
    await rig.wire.reply(invite, 407, headers={"Proxy-Authenticate": challenge(DOMAIN, "nonce-1")})
    await rig.wire.request("ACK")
    await cancelling
    await asyncio.sleep(1)
    assert rig.wire.quiet


async def test_cancelling_while_it_rings(rig: Rig) -> None:
    session, invite = await progressing(rig)
    cancelling = asyncio.create_task(session.hangup())
    cancel = await rig.wire.request("CANCEL")
    assert cancel.branch == invite.branch
    await rig.wire.reply(cancel, 200)
    await rig.wire.reply(invite, 487)
    await rig.wire.request("ACK")
    await cancelling
    assert session.end == SessionEnd("us", "cancelled")


async def test_a_200_that_crosses_our_cancel_is_acknowledged_and_hung_up(rig: Rig) -> None:
    session, invite = await progressing(rig)
    cancelling = asyncio.create_task(session.cancel())
    cancel = await rig.wire.request("CANCEL")
    await rig.wire.reply(invite, 200, body=ANSWER)
    await rig.wire.reply(cancel, 200)
    await rig.wire.request("ACK")
    await rig.wire.reply(await rig.wire.request("BYE"), 200)
    await cancelling
    assert session.state is SessionState.ENDED
    assert not rig.phone.sessions


async def test_a_cancel_that_nobody_confirms_does_not_hold_us_up(rig: Rig) -> None:
    session, _ = await progressing(rig)
    before = asyncio.get_running_loop().time()
    await session.cancel()
    assert asyncio.get_running_loop().time() - before < 3
    await rig.wire.request("CANCEL")


async def test_hanging_up_an_answered_call(rig: Rig) -> None:
    session, invite = await connected(rig)
    hanging = asyncio.create_task(session.hangup())
    bye = await rig.wire.request("BYE")
    assert bye.uri == "sip:sip.example.com"
    assert (bye.to_tag, bye.from_tag, bye.call_id) == ("srv", invite.from_tag, invite.call_id)
    assert bye.cseq > invite.cseq
    assert session.end == SessionEnd("us", "hangup")
    assert not hanging.done()
    await rig.wire.reply(bye, 200)
    await hanging
    await session.hangup()
    assert rig.wire.quiet


async def test_the_other_side_hangs_up(rig: Rig) -> None:
    session, invite = await connected(rig)
    await rig.wire.send(rig.server.back(invite, "BYE"))
    await rig.wire.response(200, "BYE")
    assert await session.ended() == SessionEnd("peer", "hangup")
    await session.answered()


async def test_both_sides_hang_up_at_once(rig: Rig) -> None:
    session, invite = await connected(rig)
    hanging = asyncio.create_task(session.hangup())
    bye = await rig.wire.request("BYE")
    await rig.wire.send(rig.server.back(invite, "BYE"))
    await rig.wire.response(200, "BYE")
    await rig.wire.reply(bye, 481)
    await hanging
    assert session.end == SessionEnd("us", "hangup")


async def test_hanging_up_while_the_offer_is_being_made(rig: Rig) -> None:
    rig.engine.prepare = lambda media: setattr(media, "delay", 1.0)
    dialling = asyncio.create_task(rig.dial())
    await asyncio.sleep(0.1)
    (session,) = rig.phone.sessions.values()
    await session.hangup()
    with pytest.raises(CallEnded):
        await dialling
    assert rig.wire.quiet
    assert not rig.phone.sessions


async def test_hanging_up_while_the_answer_is_being_applied(rig: Rig) -> None:
    session, invite = await progressing(rig)
    rig.engine.sessions[0].delay = 1.0
    await rig.wire.reply(invite, 200, body=ANSWER)
    await rig.wire.request("ACK")
    hanging = asyncio.create_task(session.hangup())
    await rig.wire.reply(await rig.wire.request("BYE"), 200)
    await hanging
    with pytest.raises(CallEnded):
        await session.answered()


async def test_whoever_placed_a_call_may_go_away_before_it_is_out(rig: Rig) -> None:
    rig.engine.prepare = lambda media: setattr(media, "delay", 1.0)
    dialling = asyncio.create_task(rig.dial())
    await asyncio.sleep(0.1)
    dialling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await dialling
    assert not rig.phone.sessions
