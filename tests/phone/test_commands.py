"""What the phone system is asked to do with an answered call: ringcentral-sip.md §7, and the warm transfer of §8."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.errors import CallEnded, MalformedMessage, NoReply, OperationRefused, UserError
from bot.phone import FlipResult, OutboundSession, SessionEnd, SessionState
from bot.sip.messages import Request
from bot.sip.rc import json_response
from tests.phone.conftest import Rig
from tests.phone.server import ANSWER
from tests.phone.test_dialog_operations import notify
from tests.phone.test_outbound import challenged, connected, progressing

OK = {"code": 0, "description": "Succeeded"}
JSON = {"Content-Type": "application/json;charset=utf-8"}


async def asked(rig: Rig) -> tuple[Request, dict[str, Any]]:
    """The next command: its INFO, which is answered 200, and what it asks."""
    info = await rig.wire.request("INFO")
    await rig.wire.reply(info, 200)
    return info, json.loads(info.body)["request"]


async def tell(rig: Rig, invite: Request, body: str) -> None:
    await rig.wire.send(rig.server.back(invite, "INFO", body=body, headers=JSON))
    await rig.wire.response(200, "INFO")


async def told(rig: Rig, invite: Request, result: dict[str, Any]) -> dict[str, Any]:
    """Take a command, and send its result; what was asked."""
    _, request = await asked(rig)
    await tell(rig, invite, json_response(request["reqid"], request["command"], result))
    return request


@pytest.mark.parametrize(
    ("work", "command"),
    [(OutboundSession.start_recording, "startcallrecord"), (OutboundSession.stop_recording, "stopcallrecord")],
)
async def test_recording_starts_and_stops_by_a_command_with_a_result(
    rig: Rig, work: Callable[[OutboundSession], Awaitable[None]], command: str
) -> None:
    session, invite = await connected(rig)
    working = asyncio.ensure_future(work(session))
    info, request = await asked(rig)
    assert info.uri == "sip:sip.example.com"
    assert info.header("Content-Type") == "application/json;charset=utf-8"
    assert (info.call_id, info.to_tag, info.from_tag) == (invite.call_id, "srv", invite.from_tag)
    assert request == {"reqid": 1, "command": command}
    await asyncio.sleep(1)
    assert not working.done()
    await tell(rig, invite, json_response(1, command, OK))
    await working


async def test_each_command_has_a_number_of_its_own_and_only_its_own_result_counts(rig: Rig) -> None:
    session, invite = await connected(rig)
    first = asyncio.create_task(session.start_recording())
    await asked(rig)
    second = asyncio.create_task(session.start_recording())
    _, request = await asked(rig)
    assert request["reqid"] == 2
    others = ["nonsense", "{}", '{"request": {"reqid": 1}}', '{"response": {"reqid": 1, "result": {"code": 0}}}']
    for body in (*others, json_response(1, "callpark", OK), json_response(7, "startcallrecord", OK)):
        await tell(rig, invite, body)
    elsewhere = rig.server.back(invite, "INFO", body=json_response(1, "startcallrecord", OK), headers=JSON)
    elsewhere.headers.set("Call-Id", "another-call")
    await rig.wire.send(elsewhere)
    await rig.wire.response(200, "INFO")
    assert not first.done()
    await tell(rig, invite, json_response(2, "startcallrecord", OK))
    await second
    assert not first.done()
    await tell(rig, invite, json_response(1, "startcallrecord", OK))
    await tell(rig, invite, json_response(1, "startcallrecord", OK))
    await first


async def test_a_result_before_the_200_counts_too(rig: Rig) -> None:
    session, invite = await connected(rig)
    working = asyncio.create_task(session.start_recording())
    info = await rig.wire.request("INFO")
    await tell(rig, invite, json_response(1, "startcallrecord", OK))
    await rig.wire.reply(info, 200)
    await working


async def test_a_code_other_than_zero_is_a_refusal_with_its_description(rig: Rig) -> None:
    session, invite = await connected(rig)
    working = asyncio.create_task(session.park())
    await told(rig, invite, {"code": 415, "description": "not after a take-over"})
    with pytest.raises(OperationRefused, match="not after a take-over") as refused:
        await working
    assert (refused.value.status, refused.value.reason) == (415, "not after a take-over")
    assert session.state is SessionState.ANSWERED
    assert rig.wire.quiet


async def test_a_command_that_is_refused_at_once_gets_no_result(rig: Rig) -> None:
    session, _ = await connected(rig)
    working = asyncio.create_task(session.start_recording())
    await rig.wire.reply(await rig.wire.request("INFO"), 403)
    with pytest.raises(OperationRefused, match="403"):
        await working


async def test_a_result_that_does_not_come_has_a_limit(rig: Rig) -> None:
    session, _ = await connected(rig)
    working = asyncio.create_task(session.start_recording())
    await asked(rig)
    with pytest.raises(NoReply, match="within 10 s"):
        await working
    assert session.state is SessionState.ANSWERED


async def test_a_hang_up_ends_the_wait_for_a_result(rig: Rig) -> None:
    session, invite = await connected(rig)
    working = asyncio.create_task(session.start_recording())
    await asked(rig)
    await rig.wire.send(rig.server.back(invite, "BYE"))
    await rig.wire.response(200, "BYE")
    with pytest.raises(CallEnded):
        await working
    with pytest.raises(CallEnded, match="over"):
        await session.flip("102")


async def test_a_call_that_still_rings_can_be_neither_recorded_nor_parked_nor_muted(rig: Rig) -> None:
    session, _ = await progressing(rig)
    for work in (session.start_recording, session.park):
        with pytest.raises(CallEnded, match="answered before"):
            await work()
    with pytest.raises(CallEnded, match="answered before"):
        session.mute()
    assert rig.wire.quiet


async def test_a_flip_says_where_it_rings_and_leaves_the_hang_up_to_us(rig: Rig) -> None:
    session, invite = await connected(rig)
    working = asyncio.create_task(session.flip("16505550123"))
    request = await told(rig, invite, OK | {"number": "+16505550123", "target": "16505550123"})
    assert request == {"reqid": 1, "command": "callflip", "target": "16505550123"}
    assert await working == FlipResult("+16505550123", "16505550123")
    assert session.state is SessionState.ANSWERED


async def test_a_call_that_was_parked_is_hung_up_by_us_and_has_an_orbit(rig: Rig) -> None:
    session, invite = await connected(rig)
    working = asyncio.create_task(session.park())
    assert (await told(rig, invite, OK | {"park extension": "813"}))["command"] == "callpark"
    await rig.wire.reply(await rig.wire.request("BYE"), 200)
    assert await working == "813"
    assert session.end == SessionEnd("us", "transferred")


async def test_a_park_that_nobody_waits_for_any_more_is_done_all_the_same(rig: Rig) -> None:
    session, invite = await connected(rig)
    working = asyncio.create_task(session.park())
    _, request = await asked(rig)
    working.cancel()
    await tell(rig, invite, json_response(request["reqid"], "callpark", OK | {"park extension": "813"}))
    await rig.wire.reply(await rig.wire.request("BYE"), 200)
    assert await session.ended() == SessionEnd("us", "transferred")


async def test_a_park_without_a_place_does_not_lose_the_call(rig: Rig) -> None:
    session, invite = await connected(rig)
    working = asyncio.create_task(session.park())
    await told(rig, invite, OK)
    with pytest.raises(MalformedMessage, match="did not say where"):
        await working
    assert session.state is SessionState.ANSWERED
    assert rig.wire.quiet


async def test_muting_is_done_in_the_media_alone(rig: Rig) -> None:
    session, _ = await connected(rig)
    session.mute()
    assert session.muted
    assert session.media.muted
    session.unmute()
    assert not session.media.muted
    assert rig.wire.quiet


# Warm transfer.


async def joining(rig: Rig) -> tuple[list[OutboundSession], list[Request], Request, asyncio.Task[None]]:
    """A call, and a second one that it is to be joined with: the REFER is out."""
    first, invite = await connected(rig)
    second = await rig.dial("102")
    inner = await challenged(rig, await rig.wire.request("INVITE"))
    await rig.wire.reply(inner, 200, body=ANSWER)
    await rig.wire.request("ACK")
    await second.answered()
    working = asyncio.create_task(first.complete_transfer(second))
    refer = await rig.wire.request("REFER")
    return [first, second], [invite, inner], refer, working


async def test_a_warm_transfer_names_the_second_call_and_ends_both(rig: Rig) -> None:
    sessions, (invite, inner), refer, working = await joining(rig)
    assert refer.call_id == invite.call_id
    assert refer.header("Refer-To") == (
        '"102@sip.example.com" <sip:102@sip.example.com;transport=wss'
        f"?Replaces={inner.call_id}%3Bto-tag%3Dsrv%3Bfrom-tag%3D{inner.from_tag}>"
    )
    await rig.wire.reply(refer, 202)
    await notify(rig, invite, "SIP/2.0 100 Trying")
    await rig.wire.send(rig.server.back(inner, "BYE"))
    await rig.wire.response(200, "BYE")
    await notify(rig, invite, "SIP/2.0 200 OK")
    assert not working.done()
    await rig.wire.send(rig.server.back(invite, "BYE"))
    await rig.wire.response(200, "BYE")
    await working
    assert [session.end for session in sessions] == [SessionEnd("us", "transferred")] * 2


async def test_a_second_call_that_the_phone_system_forgets_is_hung_up(rig: Rig) -> None:
    (_, second), (invite, inner), refer, working = await joining(rig)
    await rig.wire.reply(refer, 202)
    await rig.wire.send(rig.server.back(invite, "BYE"))
    await rig.wire.response(200, "BYE")
    bye = await rig.wire.request("BYE")
    assert bye.call_id == inner.call_id
    await rig.wire.reply(bye, 200)
    await working
    assert second.end == SessionEnd("us", "transferred")


async def test_a_warm_transfer_that_is_refused_leaves_both_calls_up(rig: Rig) -> None:
    sessions, (invite, _), refer, working = await joining(rig)
    with pytest.raises(OperationRefused, match="already"):
        await sessions[1].transfer("103")
    await rig.wire.reply(refer, 202)
    await notify(rig, invite, "SIP/2.0 486 Busy Here")
    with pytest.raises(OperationRefused, match="486"):
        await working
    assert [session.state for session in sessions] == [SessionState.ANSWERED] * 2
    await rig.wire.send(rig.server.back(invite, "BYE"))
    await rig.wire.response(200, "BYE")
    assert sessions[0].end == SessionEnd("peer", "hangup")


async def test_only_two_answered_calls_of_one_phone_can_be_joined(rig: Rig) -> None:
    first, _ = await connected(rig)
    with pytest.raises(UserError, match="two calls of one phone"):
        await first.complete_transfer(first)
    second = await rig.dial("102")
    await challenged(rig, await rig.wire.request("INVITE"))
    with pytest.raises(CallEnded, match="answered before"):
        await first.complete_transfer(second)
