"""What is done with an answered call: hold, transfer, parking, digits, repair (ringcentral-sip.md §8)."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import CallEnded, NoReply, OperationRefused
from bot.phone import OutboundSession, SessionEnd, SessionState
from bot.sip.messages import Request
from tests.phone.conftest import Rig
from tests.phone.server import ANSWER, OFFER
from tests.phone.test_outbound import connected, progressing


async def notify(rig: Rig, invite: Request, line: str) -> None:
    headers = {"Content-Type": "message/sipfrag", "Event": "refer", "Subscription-State": "active"}
    await rig.wire.send(rig.server.back(invite, "NOTIFY", body=f"{line}\r\n", headers=headers))
    await rig.wire.response(200, "NOTIFY")


async def referring(rig: Rig, target: str) -> tuple[OutboundSession, Request, Request, asyncio.Task[None]]:
    session, invite = await connected(rig)
    working = asyncio.create_task(session.transfer(target))
    return session, invite, await rig.wire.request("REFER"), working


async def test_a_blind_transfer_ends_with_the_phone_systems_bye(rig: Rig) -> None:
    session, invite, refer, working = await referring(rig, "102")
    assert refer.uri == "sip:+16505550123@sip.example.com"
    assert refer.header("Refer-To") == "sip:102@sip.example.com"
    assert refer.header("Referred-By") == "<sip:16505550100*101@sip.example.com>"
    assert (refer.to_tag, refer.from_tag) == ("srv", invite.from_tag)
    await rig.wire.reply(refer, 202)
    await notify(rig, invite, "SIP/2.0 100 Trying")
    await notify(rig, invite, "SIP/2.0 200 OK")
    assert not working.done()
    await rig.wire.send(rig.server.back(invite, "BYE"))
    await rig.wire.response(200, "BYE")
    await working
    assert session.end == SessionEnd("us", "transferred")


async def test_a_bye_right_behind_the_202_is_a_transfer(rig: Rig) -> None:
    session, invite, refer, working = await referring(rig, "102")
    await rig.wire.reply(refer, 202)
    await rig.wire.send(rig.server.back(invite, "BYE"))
    await working
    assert session.end == SessionEnd("us", "transferred")


async def test_parking_at_a_location_is_a_transfer_to_prk(rig: Rig) -> None:
    _, invite, refer, working = await referring(rig, "prk712")
    assert refer.header("Refer-To") == "sip:prk712@sip.example.com"
    await rig.wire.reply(refer, 202)
    await rig.wire.send(rig.server.back(invite, "BYE"))
    await working


async def test_a_transfer_that_is_refused_leaves_the_call_up(rig: Rig) -> None:
    session, _, refer, working = await referring(rig, "102")
    await rig.wire.reply(refer, 403)
    with pytest.raises(OperationRefused) as refused:
        await working
    assert refused.value.status == 403
    assert session.state is SessionState.ANSWERED


async def test_a_transfer_that_fails_later_says_so_in_a_notify(rig: Rig) -> None:
    session, invite, refer, working = await referring(rig, "prk712")
    await rig.wire.reply(refer, 202)
    await notify(rig, invite, "SIP/2.0 100 Trying")
    await notify(rig, invite, "SIP/2.0 486 Busy Here")
    with pytest.raises(OperationRefused, match="486 Busy Here"):
        await working
    assert session.state is SessionState.ANSWERED
    await rig.wire.send(rig.server.back(invite, "BYE"))
    assert await session.ended() == SessionEnd("peer", "hangup")


async def test_a_transfer_that_is_not_done_in_time_is_refused(rig: Rig) -> None:
    session, invite, refer, working = await referring(rig, "102")
    with pytest.raises(OperationRefused, match="already"):
        await session.transfer("103")
    await rig.wire.reply(refer, 202)
    await notify(rig, invite, "SIP/2.0 100 Trying")
    with pytest.raises(OperationRefused, match="within 10 s"):
        await working
    assert session.state is SessionState.ANSWERED


async def test_a_call_that_still_rings_cannot_be_transferred(rig: Rig) -> None:
    session, _ = await progressing(rig)
    with pytest.raises(CallEnded, match="answered before"):
        await session.transfer("102")
    with pytest.raises(CallEnded):
        await session.hold()
    with pytest.raises(CallEnded):
        await session.send_dtmf("1")


async def test_hold_and_unhold_are_offers_with_another_direction(rig: Rig) -> None:
    session, _ = await connected(rig)
    media = rig.engine.sessions[0]
    for held, direction, work in ((True, "sendonly", session.hold), (False, "sendrecv", session.unhold)):
        working = asyncio.create_task(work())
        again = await rig.wire.request("INVITE")
        assert f"a={direction}" in again.body
        assert again.to_tag == "srv"
        await rig.wire.reply(again, 100)
        await rig.wire.reply(again, 200, body=ANSWER)
        ack = await rig.wire.request("ACK")
        assert (ack.cseq, ack.header("Via")) == (again.cseq, again.header("Via"))
        await working
        assert session.held is held
        assert media.calls[-2:] == [("offer", ""), ("apply", ANSWER)]
        await work()
    assert rig.wire.quiet


async def test_a_hold_that_is_refused_changes_nothing(rig: Rig) -> None:
    session, _ = await connected(rig)
    working = asyncio.create_task(session.hold())
    again = await rig.wire.request("INVITE")
    await rig.wire.reply(again, 488)
    await rig.wire.request("ACK")
    with pytest.raises(OperationRefused, match="488"):
        await working
    assert not session.held
    assert rig.engine.sessions[0].direction == "sendrecv"


async def test_offers_that_meet_are_made_again_after_a_while(rig: Rig) -> None:
    session, invite = await connected(rig)
    working = asyncio.create_task(session.hold())
    again = await rig.wire.request("INVITE")
    theirs = rig.server.back(invite, "INVITE", body=OFFER)
    await rig.wire.send(theirs)
    await rig.wire.response(491, "INVITE")
    await rig.wire.reply(again, 491)
    await rig.wire.request("ACK")
    before = asyncio.get_running_loop().time()
    again = await rig.wire.request("INVITE")
    assert 2.1 <= asyncio.get_running_loop().time() - before <= 4.1
    await rig.wire.reply(again, 200, body=ANSWER)
    await rig.wire.request("ACK")
    await working


async def test_a_hang_up_ends_a_hold_that_is_under_way(rig: Rig) -> None:
    session, invite = await connected(rig)
    working = asyncio.create_task(session.hold())
    await rig.wire.request("INVITE")
    await rig.wire.send(rig.server.back(invite, "BYE"))
    await rig.wire.response(200, "BYE")
    with pytest.raises(CallEnded):
        await working


async def test_digits_go_into_the_media(rig: Rig) -> None:
    session, _ = await connected(rig)
    await session.send_dtmf("101#")
    assert rig.engine.sessions[0].calls[-1] == ("digits", "101#")
    with pytest.raises(ValueError, match="x"):
        await session.send_dtmf("x")
    assert rig.wire.quiet


async def test_lost_audio_is_repaired_by_an_offer_with_new_ice(rig: Rig) -> None:
    session, _ = await connected(rig)
    await asyncio.sleep(0.1)
    media = rig.engine.sessions[0]
    media.lose()
    again = await rig.wire.request("INVITE")
    await rig.wire.reply(again, 200, body=ANSWER)
    await rig.wire.request("ACK")
    await asyncio.sleep(0.1)
    assert media.calls[-2:] == [("restart", ""), ("apply", ANSWER)]
    assert session.state is SessionState.ANSWERED


async def test_a_repair_waits_for_the_offer_that_is_under_way(rig: Rig) -> None:
    session, _ = await connected(rig)
    await asyncio.sleep(0.1)
    holding = asyncio.create_task(session.hold())
    first = await rig.wire.request("INVITE")
    rig.engine.sessions[0].lose()
    rig.engine.sessions[0].lose()
    await asyncio.sleep(2)
    assert rig.wire.quiet
    await rig.wire.reply(first, 200, body=ANSWER)
    await rig.wire.request("ACK")
    await holding
    second = await rig.wire.request("INVITE")
    assert "a=sendonly" in second.body
    await rig.wire.reply(second, 200, body=ANSWER)
    await rig.wire.request("ACK")
    await asyncio.sleep(0.1)
    assert rig.wire.quiet
    assert session.state is SessionState.ANSWERED


async def test_audio_that_ends_just_before_the_bye_is_not_repaired(rig: Rig) -> None:
    session, invite = await connected(rig)
    await asyncio.sleep(0.1)
    rig.engine.sessions[0].lose()
    await asyncio.sleep(0.5)
    await rig.wire.send(rig.server.back(invite, "BYE"))
    await rig.wire.response(200, "BYE")
    await asyncio.sleep(5)
    assert rig.wire.quiet
    assert session.end == SessionEnd("peer", "hangup")


async def test_audio_that_cannot_be_repaired_ends_the_call(rig: Rig) -> None:
    session, _ = await connected(rig)
    await asyncio.sleep(0.1)
    rig.engine.sessions[0].lose()
    await rig.wire.reply(await rig.wire.request("INVITE"), 481)
    await rig.wire.request("ACK")
    await rig.wire.reply(await rig.wire.request("BYE"), 481)
    assert (await session.ended()).by == "network"


async def test_a_request_that_nobody_answers_has_a_limit(rig: Rig) -> None:
    session, _ = await connected(rig)
    with pytest.raises(NoReply):
        await session.transfer("102")
    assert session.state is SessionState.ANSWERED


@pytest.mark.parametrize(("method", "status"), [("REFER", 603), ("SUBSCRIBE", 501)])
async def test_what_we_do_not_do_is_refused(rig: Rig, method: str, status: int) -> None:
    _, invite = await connected(rig)
    await rig.wire.send(rig.server.back(invite, method))
    await rig.wire.response(status, method)


async def test_an_update_with_an_offer_gets_an_answer(rig: Rig) -> None:
    _, invite = await connected(rig)
    await rig.wire.send(rig.server.back(invite, "UPDATE", body=OFFER))
    response = await rig.wire.response(200, "UPDATE")
    assert "s=answer" in response.body


async def test_listeners_hear_of_changes_until_they_are_taken_off_and_cannot_break_the_phone(rig: Rig) -> None:
    session, invite = await progressing(rig)
    heard: list[SessionState] = []
    remove = session.on_change(lambda _session, _old, new: heard.append(new))

    def break_down(*_: object) -> None:
        raise RuntimeError("listener")

    session.on_change(break_down)
    await rig.wire.reply(invite, 200, body=ANSWER)
    await session.answered()
    remove()
    remove()
    await rig.wire.request("ACK")
    await rig.wire.send(rig.server.back(invite, "BYE"))
    await session.ended()
    assert heard == [SessionState.ANSWERED]
