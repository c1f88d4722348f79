"""Calls that come in: every operation with the messages of ringcentral-sip.md §4 to §6."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import CallEnded, CallTaken, MalformedSdp, MediaFailed, NoReply, OperationRefused
from bot.phone import InboundSession, IncomingCall, SessionChanged, SessionEnd, SessionState
from bot.sip.messages import Request
from bot.sip.rc import RcMessage, Reply, parse_xml
from tests.phone.conftest import Rig
from tests.phone.server import ANSWER, OFFER, RC, ack_of, cancel_of


async def answered(rig: Rig, **invite: object) -> tuple[Request, InboundSession, str]:
    """A call that was answered; with the phone's tag."""
    request, session = await rig.ring(**invite)
    assert isinstance(request, Request)
    answering = asyncio.create_task(session.answer())
    response = await rig.wire.response(200, "INVITE")
    await rig.wire.send(ack_of(request, response, "" if request.body else ANSWER))
    await answering
    return request, session, response.to_tag


async def test_a_ringing_call_is_told_with_what_the_invite_says(rig: Rig) -> None:
    invite, session = await rig.ring(
        headers={
            "p-rc-api-call-info": "callAttributes=queue-call,reject;callerIdName=Ada;queueName=Sales = East",
            "Alert-Info": "Auto Answer",
            "Call-Info": "<x>;purpose=info;Answer-After=3",
        }
    )
    assert session.state is SessionState.RINGING
    assert (session.remote_number, session.remote_name) == ("+16505550199", "Ada Lovelace")
    assert session.local_number == "+16505550101"
    assert (session.session_id, session.party_id) == ("s-1fz", "p-1fz-2")
    assert session.queue_name == "Sales = East"
    assert (session.auto_answer, session.answer_after) == (True, 3.0)
    assert session.headers["ALERT-INFO"] == "Auto Answer"
    assert session.rc == RC
    assert rig.phone.sessions == {invite.call_id: session}


async def test_without_a_p_rc_the_caller_comes_from_the_from_header(rig: Rig) -> None:
    _, session = await rig.ring(rc=None)
    assert (session.remote_number, session.remote_name) == ("+16505550199", "WIRELESS CALLER")
    assert session.rc is None
    with pytest.raises(OperationRefused, match="P-rc"):
        await session.to_voicemail()


async def test_replies_echo_the_headers_as_they_came_and_keep_one_to_tag(rig: Rig) -> None:
    invite = rig.server.invite()
    await rig.wire.send(invite)
    trying, ringing = await rig.wire.response(100), await rig.wire.response(180)
    for response in (trying, ringing):
        text = str(response)
        for name in ("Via", "From", "Call-Id", "CSeq"):
            assert f"\r\n{name}: {invite.header(name)}\r\n" in text
    assert trying.to_tag
    assert trying.to_tag == ringing.to_tag
    assert ringing.header("To") == f"{invite.header('To')};tag={ringing.to_tag}"


async def test_the_receive_confirm_goes_to_the_p_rcs_sender_with_the_ends_swapped(rig: Rig) -> None:
    invite = rig.server.invite()
    await rig.wire.send(invite)
    await rig.wire.response(100)
    await rig.wire.response(180)
    confirm = await rig.wire.request("MESSAGE")
    assert confirm.uri == "sip:#996333008@sip.example.com:5060"
    assert confirm.header("To") == "<sip:#996333008@sip.example.com:5060>"
    assert confirm.header("From").startswith("<sip:16505550100*101@sip.example.com>;tag=")
    assert confirm.header("Content-Type") == "x-rc/agent"
    assert confirm.call_id == invite.call_id
    message = parse_xml(confirm.body)
    assert message.header == {
        "SID": "sid-1",
        "Req": "req-1",
        "From": RC.header["To"],
        "To": RC.header["From"],
        "Cmd": "17",
    }
    assert message.body == {"Cln": "800001"}


async def test_answering_sends_the_answer_and_is_done_with_the_ack(rig: Rig) -> None:
    invite, session = await rig.ring()
    answering = asyncio.create_task(session.answer())
    response = await rig.wire.response(200, "INVITE")
    assert response.header("Content-Type") == "application/sdp"
    assert "s=answer" in response.body
    assert session.state is SessionState.RINGING
    await rig.wire.send(ack_of(invite, response))
    await answering
    assert session.state is SessionState.ANSWERED
    assert rig.engine.sessions[0].calls == [("answer", OFFER)]
    assert rig.of(SessionChanged)[-1] == SessionChanged(session, SessionState.RINGING, SessionState.ANSWERED)


async def test_an_invite_without_an_offer_gets_ours_and_answers_in_the_ack(rig: Rig) -> None:
    _, session, _ = await answered(rig, body="")
    assert rig.engine.sessions[0].calls == [("offer", ""), ("apply", ANSWER)]
    assert session.state is SessionState.ANSWERED


async def test_an_answer_that_is_not_acknowledged_ends_the_call_with_a_bye(rig: Rig) -> None:
    _, session = await rig.ring()
    answering = asyncio.create_task(session.answer())
    await rig.wire.response(200, "INVITE")
    bye = await rig.wire.request("BYE")
    await rig.wire.reply(bye, 200)
    with pytest.raises(NoReply):
        await answering
    assert session.end is not None
    assert (session.end.by, session.end.cause) == ("network", "failed")


async def test_an_offer_that_cannot_be_used_is_refused_with_488(rig: Rig) -> None:
    _, session = await rig.ring(body="this is no SDP")
    with pytest.raises(MalformedSdp):
        await session.answer()
    await rig.wire.response(488, "INVITE")
    assert session.end == SessionEnd("us", "failed", 488, "not a session description")


async def test_an_answered_call_without_audio_is_hung_up(rig: Rig) -> None:
    rig.engine.prepare = lambda media: setattr(media, "unconnected", True)
    invite, session = await rig.ring()
    answering = asyncio.create_task(session.answer())
    response = await rig.wire.response(200, "INVITE")
    await rig.wire.send(ack_of(invite, response))
    bye = await rig.wire.request("BYE")
    await rig.wire.reply(bye, 200)
    with pytest.raises(MediaFailed):
        await answering
    assert session.end is not None
    assert session.end.by == "network"


async def test_the_caller_hangs_up_while_it_rings(rig: Rig) -> None:
    invite, session = await rig.ring()
    await rig.wire.send(cancel_of(invite))
    await rig.wire.response(200, "CANCEL")
    await rig.wire.response(487, "INVITE")
    assert await session.ended() == SessionEnd("peer", "cancelled")
    with pytest.raises(CallEnded):
        await session.answer()
    assert not rig.phone.sessions


async def test_the_caller_hangs_up_while_the_answer_is_being_made(rig: Rig) -> None:
    rig.engine.prepare = lambda media: setattr(media, "delay", 0.5)
    invite, session = await rig.ring()
    answering = asyncio.create_task(session.answer())
    await asyncio.sleep(0.1)
    await rig.wire.send(cancel_of(invite))
    await rig.wire.response(200, "CANCEL")
    await rig.wire.response(487, "INVITE")
    with pytest.raises(CallEnded):
        await answering
    await asyncio.sleep(1)
    assert rig.wire.quiet


async def test_a_cancel_that_crosses_the_200_loses_when_the_peer_acknowledges(rig: Rig) -> None:
    invite, session = await rig.ring()
    answering = asyncio.create_task(session.answer())
    response = await rig.wire.response(200, "INVITE")
    await rig.wire.send(cancel_of(invite))
    await rig.wire.send(ack_of(invite, response))
    await rig.wire.send(rig.server.inside(invite, "BYE", tag=response.to_tag))
    await rig.wire.response(200, "CANCEL")
    await rig.wire.response(200, "BYE")
    with pytest.raises(CallEnded):
        await answering
    assert session.end == SessionEnd("peer", "hangup")


async def test_a_cancel_that_crosses_the_200_wins_when_nobody_acknowledges(rig: Rig) -> None:
    invite, session = await rig.ring()
    answering = asyncio.create_task(session.answer())
    await rig.wire.response(200, "INVITE")
    await rig.wire.send(cancel_of(invite))
    await rig.wire.response(200, "CANCEL")
    bye = await rig.wire.request("BYE")
    await rig.wire.reply(bye, 481)
    with pytest.raises(CallEnded):
        await answering
    assert session.end == SessionEnd("peer", "cancelled")


async def test_another_phone_of_the_extension_takes_the_call(rig: Rig) -> None:
    invite, session = await rig.ring()
    processed = RcMessage({**RC.header, "Cmd": "7"}, {"Cln": "800001"})
    await rig.wire.send(
        rig.server.request("MESSAGE", invite.call_id, from_="<sip:s@x>;tag=1", to="<sip:c@y>", body=str(processed))
    )
    done = await rig.wire.response(200, "MESSAGE")
    assert done.to_tag
    await rig.wire.send(cancel_of(invite))
    await rig.wire.response(200, "CANCEL")
    await rig.wire.response(487, "INVITE")
    assert await session.ended() == SessionEnd("elsewhere", "answered_elsewhere")


async def test_a_cancel_can_say_by_itself_that_the_call_was_answered_elsewhere(rig: Rig) -> None:
    invite, session = await rig.ring()
    await rig.wire.send(cancel_of(invite, {"Reason": 'SIP;cause=200;text="Call completed elsewhere"'}))
    await rig.wire.response(200, "CANCEL")
    await rig.wire.response(487, "INVITE")
    assert (await session.ended()).by == "elsewhere"


async def test_a_command_for_another_instance_is_ignored_without_a_reply(rig: Rig) -> None:
    invite, session = await rig.ring()
    for client in ("800002", "800001"):
        processed = RcMessage({**RC.header, "Cmd": "7"}, {"Cln": client})
        request = rig.server.request(
            "MESSAGE", invite.call_id, from_="<sip:s@x>;tag=1", to="<sip:c@y>", body=str(processed)
        )
        await rig.wire.send(request)
    response = await rig.wire.response(200, "MESSAGE")
    assert response.cseq == request.cseq
    assert rig.wire.quiet
    assert session.state is SessionState.RINGING


@pytest.mark.parametrize(
    ("operation", "command", "body", "cause"),
    [
        ("decline", "12", {}, "declined"),
        ("to_voicemail", "11", {}, "voicemail"),
        ("forward", "10", {"FwdDly": "0", "Phn": "+16505550177", "PhnTp": "3"}, "forwarded"),
    ],
)
async def test_a_ringing_call_is_given_away(
    rig: Rig, operation: str, command: str, body: dict[str, str], cause: str
) -> None:
    invite, session = await rig.ring()
    arguments = ["+16505550177"] if operation == "forward" else []
    working = asyncio.create_task(getattr(session, operation)(*arguments))
    message = await rig.wire.request("MESSAGE")
    assert parse_xml(message.body).header["Cmd"] == command
    assert parse_xml(message.body).body == {"Cln": "800001", **body}
    await rig.wire.reply(message, 100)
    await rig.wire.reply(message, 200)
    await asyncio.sleep(0.2)
    assert not working.done()
    await rig.wire.send(cancel_of(invite))
    await rig.wire.response(200, "CANCEL")
    await rig.wire.response(487, "INVITE")
    await working
    assert (session.end.by, session.end.cause) == ("us", cause)  # type: ignore[union-attr]
    assert rig.wire.quiet


async def test_a_cancel_that_overtakes_the_reply_to_the_command_counts(rig: Rig) -> None:
    invite, session = await rig.ring()
    declining = asyncio.create_task(session.decline())
    message = await rig.wire.request("MESSAGE")
    await rig.wire.send(cancel_of(invite))
    await rig.wire.reply(message, 200)
    await declining
    assert session.end == SessionEnd("us", "declined")


async def test_a_command_that_is_refused_leaves_the_call_ringing(rig: Rig) -> None:
    invite, session = await rig.ring()
    working = asyncio.create_task(session.to_voicemail())
    await rig.wire.reply(await rig.wire.request("MESSAGE"), 500)
    with pytest.raises(OperationRefused) as refused:
        await working
    assert refused.value.status == 500
    assert session.state is SessionState.RINGING
    await rig.wire.send(cancel_of(invite))
    assert await session.ended() == SessionEnd("peer", "cancelled")


async def test_a_command_that_is_accepted_but_not_done_is_an_error(rig: Rig) -> None:
    _, session = await rig.ring()
    working = asyncio.create_task(session.to_voicemail())
    await rig.wire.reply(await rig.wire.request("MESSAGE"), 200)
    with pytest.raises(NoReply):
        await working
    assert session.state is SessionState.RINGING


async def test_a_call_without_p_rc_is_declined_with_603(rig: Rig) -> None:
    invite, session = await rig.ring(rc=None)
    await session.decline()
    response = await rig.wire.response(603, "INVITE")
    await rig.wire.send(ack_of(invite, response))
    assert session.end == SessionEnd("us", "declined")


async def test_hanging_up_a_ringing_call_declines_it(rig: Rig) -> None:
    invite, session = await rig.ring()
    hanging = asyncio.create_task(session.hangup())
    message = await rig.wire.request("MESSAGE")
    assert 'Cmd="12"' in message.body
    await rig.wire.reply(message, 200)
    await rig.wire.send(cancel_of(invite))
    await hanging
    assert session.end == SessionEnd("us", "declined")


async def test_hanging_up_while_the_answer_is_on_its_way_waits_for_the_ack(rig: Rig) -> None:
    invite, session = await rig.ring()
    answering = asyncio.create_task(session.answer())
    response = await rig.wire.response(200, "INVITE")
    hanging = asyncio.create_task(session.hangup())
    await asyncio.sleep(0.5)
    assert rig.wire.quiet
    await rig.wire.send(ack_of(invite, response))
    await rig.wire.reply(await rig.wire.request("BYE"), 200)
    await hanging
    with pytest.raises(CallEnded):
        await answering
    assert session.end == SessionEnd("us", "hangup")


async def test_only_one_thing_is_done_with_a_ringing_call(rig: Rig) -> None:
    invite, session = await rig.ring()
    declining = asyncio.create_task(session.decline())
    message = await rig.wire.request("MESSAGE")
    with pytest.raises(CallTaken, match="is being declined already"):
        await session.answer()
    await rig.wire.reply(message, 200)
    await rig.wire.send(cancel_of(invite))
    await declining


async def test_whoever_asked_for_an_answer_may_go_away_and_the_answer_goes_on(rig: Rig) -> None:
    invite, session = await rig.ring()
    answering = asyncio.create_task(session.answer())
    response = await rig.wire.response(200, "INVITE")
    answering.cancel()
    await rig.wire.send(ack_of(invite, response))
    await asyncio.sleep(0.1)
    assert session.state is SessionState.ANSWERED


async def test_a_reply_ends_the_session_and_brings_the_callers_choice(rig: Rig) -> None:
    invite, session = await rig.ring()
    started = asyncio.create_task(session.start_reply())
    message = await rig.wire.request("MESSAGE")
    assert parse_xml(message.body).header["Cmd"] == "13"
    await rig.wire.reply(message, 200)
    await started

    replying = asyncio.create_task(session.reply(Reply(kind="call_you_back", delay=2, units="hours")))
    message = await rig.wire.request("MESSAGE")
    assert parse_xml(message.body).header["Cmd"] == "14"
    assert parse_xml(message.body).body == {"Cln": "800001", "RepTp": "1", "Dir": "0", "Vl": "2", "Units": "1"}
    await rig.wire.reply(message, 100)
    await rig.wire.reply(message, 200)
    await rig.wire.send(cancel_of(invite))
    await rig.wire.response(200, "CANCEL")
    await rig.wire.response(487, "INVITE")
    assert await session.ended() == SessionEnd("us", "replied")
    await asyncio.sleep(60)
    assert not replying.done()

    close = RcMessage(
        {"SID": "sid-1", "Cmd": "9", "From": "x", "To": "y"},
        {"Cln": "800001", "Sts": "0", "Resp": "3", "ExtNfo": "6505550188", "Phn": "101", "Nm": "Us"},
    )
    await rig.wire.send(
        rig.server.request("MESSAGE", "another", from_="<sip:s@x>;tag=1", to="<sip:c@y>", body=str(close))
    )
    await rig.wire.response(200, "MESSAGE")
    outcome = await replying
    assert (outcome.choice, outcome.number) == ("urgent", "6505550188")


async def test_a_reply_without_an_answer_has_the_choice_none_when_its_time_is_up(rig: Rig) -> None:
    invite, session = await rig.ring()
    replying = asyncio.create_task(session.reply(Reply("In a meeting & <busy>"), timeout=30))
    message = await rig.wire.request("MESSAGE")
    assert parse_xml(message.body).body["Bdy"] == "In a meeting & <busy>"
    await rig.wire.reply(message, 200)
    await rig.wire.send(cancel_of(invite))
    before = asyncio.get_running_loop().time()
    assert (await replying).choice == "none"
    assert 29 < asyncio.get_running_loop().time() - before < 32


async def test_an_operation_waits_for_the_receive_confirm(rig: Rig) -> None:
    invite = rig.server.invite()
    await rig.wire.send(invite)
    await rig.wire.response(100)
    await rig.wire.response(180)
    confirm = await rig.wire.request("MESSAGE")
    session = rig.of(IncomingCall)[0].session  # type: ignore[attr-defined]
    working = asyncio.create_task(session.to_voicemail())
    await asyncio.sleep(1)
    assert rig.wire.quiet
    await rig.wire.reply(confirm, 200)
    await rig.wire.reply(await rig.wire.request("MESSAGE"), 200)
    await rig.wire.send(cancel_of(invite))
    await working


async def test_a_call_that_rings_without_end_is_given_up(rig: Rig) -> None:
    _, session = await rig.ring()
    await asyncio.sleep(301)
    await rig.wire.response(480, "INVITE")
    assert session.end is not None
    assert session.end.by == "network"


async def test_the_same_invite_twice_is_a_loop(rig: Rig) -> None:
    invite, _session = await rig.ring()
    again = rig.server.request("INVITE", invite.call_id, from_=invite.header("From"), to=invite.header("To"))
    await rig.wire.send(again)
    await rig.wire.response(482, "INVITE")


async def test_a_bye_while_it_rings_ends_the_invite_too(rig: Rig) -> None:
    invite, session = await rig.ring()
    await rig.wire.send(rig.server.inside(invite, "BYE", tag=""))
    await rig.wire.response(200, "BYE")
    await rig.wire.response(487, "INVITE")
    assert session.end == SessionEnd("peer", "hangup")


async def test_the_caller_hangs_up_an_answered_call(rig: Rig) -> None:
    invite, session, tag = await answered(rig)
    await rig.wire.send(rig.server.inside(invite, "BYE", tag=tag))
    await rig.wire.response(200, "BYE")
    assert await session.ended() == SessionEnd("peer", "hangup")
    free = RcMessage({**RC.header, "Cmd": "2"}, {"Cln": "800001"})
    await rig.wire.send(
        rig.server.request("MESSAGE", invite.call_id, from_="<sip:s@x>;tag=1", to="<sip:c@y>", body=str(free))
    )
    await rig.wire.response(200, "MESSAGE")


async def test_a_re_invite_gets_a_new_answer(rig: Rig) -> None:
    invite, session, tag = await answered(rig)
    told: list[str] = []
    remove = session.on_renegotiated(lambda: told.append("once"))
    for _ in range(2):
        again = rig.server.inside(invite, "INVITE", tag=tag, body=OFFER.replace("their", "newer"))
        await rig.wire.send(again)
        await rig.wire.response(100)
        response = await rig.wire.response(200, "INVITE")
        assert "s=answer" in response.body
        await rig.wire.send(ack_of(again, response))
        await asyncio.sleep(0.1)
        remove()
    assert told == ["once"]
    assert rig.engine.sessions[0].calls[-1] == ("answer", "v=0\r\ns=newer offer\r\n")
    assert session.state is SessionState.ANSWERED


async def test_a_re_invite_without_an_offer_gets_ours(rig: Rig) -> None:
    invite, _, tag = await answered(rig)
    again = rig.server.inside(invite, "INVITE", tag=tag)
    await rig.wire.send(again)
    await rig.wire.response(100)
    response = await rig.wire.response(200, "INVITE")
    await rig.wire.send(ack_of(again, response, ANSWER))
    await asyncio.sleep(0.1)
    assert rig.engine.sessions[0].calls[-2:] == [("offer", ""), ("apply", ANSWER)]


async def test_a_bad_offer_in_a_live_call_is_refused_and_the_call_goes_on(rig: Rig) -> None:
    invite, session, tag = await answered(rig)
    await rig.wire.send(rig.server.inside(invite, "INVITE", tag=tag, body="nonsense"))
    await rig.wire.response(100)
    await rig.wire.response(488, "INVITE")
    assert session.state is SessionState.ANSWERED


async def test_a_re_invite_of_a_call_that_we_do_not_know_does_not_ring(rig: Rig) -> None:
    await rig.wire.send(rig.server.inside(rig.server.invite(), "INVITE", tag="gone", body=OFFER))
    await rig.wire.response(481, "INVITE")
    assert not rig.of(IncomingCall)


@pytest.mark.parametrize("method", ["INFO", "UPDATE", "NOTIFY", "OPTIONS"])
async def test_requests_in_an_answered_call_are_answered(rig: Rig, method: str) -> None:
    invite, session, tag = await answered(rig)
    await rig.wire.send(rig.server.inside(invite, method, tag=tag))
    response = await rig.wire.response(200, method)
    assert response.to_tag == tag
    assert session.state is SessionState.ANSWERED


@pytest.mark.parametrize("method", ["MESSAGE", "BYE", "CANCEL", "INFO", "NOTIFY", "UPDATE", "OPTIONS"])
async def test_requests_without_a_call_are_answered_too(rig: Rig, method: str) -> None:
    await rig.wire.send(rig.server.request(method, "nowhere", from_="<sip:a@b>;tag=1", to="<sip:c@d>", body="<?"))
    response = await rig.wire.response(200, method)
    assert response.to_tag


async def test_nonsense_on_the_wire_harms_nothing(rig: Rig) -> None:
    for text in (
        "",
        "\r\n\r\n",
        "hello",
        "INVITE sip:x SIP/2.0\r\n\r\n",
        "SIP/2.0 200 OK\r\nVia: x\r\n\r\n",
        "\0" * 50,
    ):
        await rig.wire.socket.send(text)
    await rig.wire.socket.send(b"\xff\xfe\x00")
    await answered(rig)


async def test_a_re_invite_right_behind_the_ack_is_one_of_an_answered_call(rig: Rig) -> None:
    invite, session = await rig.ring()
    answering = asyncio.create_task(session.answer())
    response = await rig.wire.response(200, "INVITE")
    again = rig.server.inside(invite, "INVITE", tag=response.to_tag, body=OFFER)
    for message in (ack_of(invite, response), again):
        await rig.wire.socket.send(str(message))
    await rig.wire.response(100, "INVITE")
    await rig.wire.send(ack_of(again, await rig.wire.response(200, "INVITE")))
    await answering
    assert session.state is SessionState.ANSWERED


async def test_re_invites_that_come_in_one_breath_are_answered_one_after_the_other(rig: Rig) -> None:
    invite, session, tag = await answered(rig)
    first, second = (rig.server.inside(invite, "INVITE", tag=tag, body=OFFER) for _ in range(2))
    for message in (first, second):
        await rig.wire.socket.send(str(message))
    await rig.wire.response(100, "INVITE")
    response = await rig.wire.response(200, "INVITE")
    assert response.cseq == first.cseq
    await rig.wire.send(ack_of(first, response))
    await rig.wire.response(100, "INVITE")
    response = await rig.wire.response(200, "INVITE")
    assert response.cseq == second.cseq
    await rig.wire.send(ack_of(second, response))
    assert session.state is SessionState.ANSWERED
