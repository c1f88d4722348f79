"""Registering, staying registered, coming back, and leaving."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import CallEnded, ConnectionFailed, NoReply, RegistrationFailed, TooManyContacts
from bot.phone import Registered, RegistrationLost, SessionEnd, SessionState, Unregistered
from bot.sip.messages import Request, Response, respond
from bot.sip.rc import Reply
from tests.phone.conftest import Rig, make_rig
from tests.phone.server import ANSWER, SipServer, ack_of, cancel_of
from tests.phone.test_inbound import answered
from tests.phone.test_outbound import connected, progressing


def refuse_with(status: int, reason: str = "", **headers: str) -> object:
    def refuse(request: Request) -> Response:
        return respond(
            request, status, reason, headers={name.replace("_", "-"): text for name, text in headers.items()}
        )

    return refuse


async def test_the_phone_registers_with_the_vendors_contact_and_answers_the_challenge(rig: Rig) -> None:
    first, second = rig.server.registrations
    assert first.uri == "sip:sip.example.com"
    assert first.header("Contact").endswith(';transport=ws>;+sip.instance="<urn:uuid:instance-1>";expires=60')
    assert first.header("From").startswith("<sip:16505550100*101@sip.example.com>;tag=")
    assert first.header("To") == "<sip:16505550100*101@sip.example.com>"
    assert not first.header("Authorization")
    assert rig.server.proves(second, "Authorization")
    assert second.cseq == first.cseq + 1
    assert second.branch != first.branch
    assert rig.phone.registered
    assert rig.events == [Registered(rig.phone.name, 60)]


async def test_the_registration_is_refreshed_three_seconds_before_it_ends(rig: Rig) -> None:
    await asyncio.sleep(56.5)
    assert len(rig.server.registrations) == 2
    await asyncio.sleep(1)
    assert len(rig.server.registrations) == 4
    await asyncio.sleep(57)
    assert len(rig.server.registrations) == 6
    assert rig.of(Registered) == [Registered(rig.phone.name, 60)]


async def test_the_servers_own_expires_counts(server: SipServer) -> None:
    server.expires = 23
    rig = make_rig(server)
    await rig.start()
    await asyncio.sleep(21)
    assert len(server.registrations) == 4
    assert rig.events == [Registered(rig.phone.name, 23)]
    await rig.phone.stop()


async def test_passwords_do_not_reach_the_sip_log(rig: Rig) -> None:
    directions = {direction for direction, _ in rig.log}
    text = "\n".join(text for _, text in rig.log)
    assert directions == {"sent", "received"}
    assert "Authorization: ***" in text
    assert "response=" not in text


@pytest.mark.parametrize(
    ("refuse", "error", "says"),
    [
        (refuse_with(603, "Too Many Contacts"), TooManyContacts, "603 Too Many Contacts"),
        (refuse_with(403), RegistrationFailed, "403 Forbidden"),
        (refuse_with(401, Www_Authenticate='Digest realm="x", nonce="other"'), RegistrationFailed, "again after"),
        (refuse_with(401, Www_Authenticate='Digest realm="x"'), RegistrationFailed, "without a nonce"),
        (refuse_with(401), RegistrationFailed, "401 Unauthorized"),
        (refuse_with(200, Contact="<sip:a@b>"), RegistrationFailed, "no expires"),
        (refuse_with(200), RegistrationFailed, "no expires"),
        (refuse_with(500), RegistrationFailed, "500 Server Internal Error"),
    ],
)
async def test_a_refused_registration_says_why(
    server: SipServer, refuse: object, error: type[RegistrationFailed], says: str
) -> None:
    server.refuse = refuse  # type: ignore[assignment]
    rig = make_rig(server)
    with pytest.raises(error, match=says):
        await rig.phone.start()
    assert not rig.phone.registered
    await asyncio.sleep(2)
    assert not server.open_peers
    await rig.phone.stop()
    assert not rig.of(Registered)


async def test_a_registrar_that_is_silent_for_five_seconds_is_given_up(server: SipServer) -> None:
    server.silent = True
    rig = make_rig(server)
    before = asyncio.get_running_loop().time()
    with pytest.raises(NoReply):
        await rig.phone.start()
    assert 5 <= asyncio.get_running_loop().time() - before < 7
    await asyncio.sleep(2)
    assert not server.open_peers


async def test_a_refresh_without_an_answer_means_a_new_connection(rig: Rig) -> None:
    rig.server.silent = True
    await asyncio.sleep(57 + 5.5)
    assert not rig.phone.registered
    rig.server.silent = False
    await asyncio.sleep(60)
    assert rig.phone.registered
    lost, *_ = rig.of(RegistrationLost)
    assert isinstance(lost, RegistrationLost)
    assert isinstance(lost.error, NoReply)
    assert rig.events[-1] == Registered(rig.phone.name, 60)
    assert len(rig.server.open_peers) == 1


async def test_a_refused_refresh_means_registering_anew(rig: Rig) -> None:
    rig.server.refuse = refuse_with(403)  # type: ignore[assignment]
    await asyncio.sleep(57.5)
    assert not rig.phone.registered
    rig.server.refuse = lambda _request: None
    await asyncio.sleep(35)
    assert rig.phone.registered


async def test_a_lost_connection_is_made_again(rig: Rig) -> None:
    await rig.wire.socket.close()
    await asyncio.sleep(0.01)
    assert not rig.phone.registered
    await asyncio.sleep(5)
    assert rig.phone.registered
    kinds = [type(event) for event in rig.events]
    assert kinds == [Registered, RegistrationLost, Registered]


async def test_attempts_go_on_with_growing_pauses_until_the_server_is_back(rig: Rig) -> None:
    await rig.server.close()
    await asyncio.sleep(600)
    assert not rig.phone.registered
    await rig.server.listen()
    await asyncio.sleep(31)
    assert rig.phone.registered


async def test_a_lost_connection_ends_what_is_not_answered_and_repairs_what_is(rig: Rig) -> None:
    _, talking, _ = await answered(rig)
    _, ringing = await rig.ring()
    calling, _ = await progressing(rig)
    await rig.wire.socket.close()
    ended = await ringing.ended()
    assert (ended.by, ended.cause) == ("network", "failed")
    assert (await calling.ended()).by == "network"
    assert talking.state is SessionState.ANSWERED
    wire = await rig.server.peer()
    again = await wire.request("INVITE")
    assert again.call_id == talking.call_id
    assert ("restart", "") in rig.engine.sessions[0].calls
    await wire.reply(again, 200, body=ANSWER)
    await wire.request("ACK")
    await asyncio.sleep(1)
    assert talking.state is SessionState.ANSWERED
    hanging = asyncio.create_task(talking.hangup())
    await wire.reply(await wire.request("BYE"), 200)
    await hanging


async def test_an_answered_call_is_over_when_the_server_stays_away(rig: Rig) -> None:
    _, talking, _ = await answered(rig)
    await rig.server.close()
    await asyncio.sleep(200)
    assert talking.end is not None
    assert talking.end.by == "network"


async def test_a_call_that_the_server_forgot_is_ended_after_the_reconnect(rig: Rig) -> None:
    session, _ = await connected(rig)
    await rig.wire.socket.close()
    wire = await rig.server.peer()
    await wire.reply(await wire.request("INVITE"), 481)
    await wire.request("ACK")
    await wire.reply(await wire.request("BYE"), 481)
    assert (await session.ended()).by == "network"


async def test_the_backup_proxy_is_the_second_choice(server: SipServer) -> None:
    rig = make_rig(server, outbound_proxy="127.0.0.1:1", outbound_proxy_backup=f"127.0.0.1:{server.port}")
    await rig.start()
    assert rig.phone.registered
    await rig.phone.stop()


async def test_a_proxy_that_does_not_register_us_is_left_for_the_backup(server: SipServer) -> None:
    async with SipServer() as silent:
        silent.silent = True
        rig = make_rig(
            server, outbound_proxy=f"127.0.0.1:{silent.port}", outbound_proxy_backup=f"127.0.0.1:{server.port}"
        )
        await rig.start()
        assert rig.phone.registered
        await rig.phone.stop()


async def test_stopping_a_phone_that_is_starting_ends_that(server: SipServer) -> None:
    server.silent = True
    rig = make_rig(server)
    for pause in (0.0, 0.01, 1.0):
        starting = asyncio.create_task(rig.phone.start())
        await asyncio.sleep(pause)
        await rig.phone.stop()
        with pytest.raises(ConnectionFailed):
            await starting
        await asyncio.sleep(2)
        assert not server.open_peers


async def test_a_server_that_is_not_there_is_an_error_at_the_start(server: SipServer) -> None:
    rig = make_rig(server, outbound_proxy="127.0.0.1:1")
    with pytest.raises(ConnectionFailed, match=r"127\.0\.0\.1:1"):
        await rig.phone.start()
    await rig.phone.stop()
    assert rig.events == []


async def test_starting_again_makes_a_new_connection_and_keeps_answered_calls(rig: Rig) -> None:
    _, talking, _ = await answered(rig)
    await rig.phone.start()
    wire = await rig.server.peer()
    await wire.reply(await wire.request("INVITE"), 200, body=ANSWER)
    await wire.request("ACK")
    assert talking.state is SessionState.ANSWERED
    await asyncio.sleep(2)
    assert len(rig.server.open_peers) == 1


async def test_stopping_unregisters_and_closes(rig: Rig) -> None:
    await rig.phone.stop()
    assert rig.server.registrations[-1].header("Contact").endswith(";expires=0")
    assert rig.server.proves(rig.server.registrations[-1], "Authorization")
    assert rig.events[-1] == Unregistered(rig.phone.name)
    assert not rig.phone.registered
    await asyncio.sleep(0.1)
    assert not rig.server.open_peers
    await rig.phone.stop()
    assert len(rig.of(Unregistered)) == 1


async def test_stopping_ends_every_call_in_the_way_that_suits_it(rig: Rig) -> None:
    _, talking, _ = await answered(rig)
    _, ringing = await rig.ring()
    calling, _ = await progressing(rig)
    stopping = asyncio.create_task(rig.phone.stop())
    seen = {(await rig.wire.messages.get()).start_line.rsplit(" SIP", 1)[0] for _ in range(3)}
    await stopping
    assert {line.split()[0] for line in seen} == {"BYE", "CANCEL", "SIP/2.0"}
    assert "SIP/2.0 480 Temporarily Unavailable" in seen
    assert talking.end == SessionEnd("us", "hangup")
    assert ringing.end == SessionEnd("us", "hangup")
    assert calling.end == SessionEnd("us", "cancelled")


async def test_stopping_takes_a_second_and_a_half_at_most(rig: Rig) -> None:
    await answered(rig)
    rig.server.silent = True
    before = asyncio.get_running_loop().time()
    await rig.phone.stop()
    assert asyncio.get_running_loop().time() - before <= 1.6
    assert not rig.phone.sessions


async def test_stopping_while_the_answer_is_under_way(rig: Rig) -> None:
    invite, session = await rig.ring()
    answering = asyncio.create_task(session.answer())
    response = await rig.wire.response(200, "INVITE")
    stopping = asyncio.create_task(rig.phone.stop())
    await asyncio.sleep(0.1)
    await rig.wire.send(ack_of(invite, response))
    await rig.wire.reply(await rig.wire.request("BYE"), 200)
    await stopping
    assert session.state is SessionState.ENDED
    await asyncio.gather(answering, return_exceptions=True)


async def test_stopping_does_not_wait_for_an_ack_that_does_not_come(rig: Rig) -> None:
    _, session = await rig.ring()
    answering = asyncio.create_task(session.answer())
    await rig.wire.response(200, "INVITE")
    await rig.phone.stop()
    assert session.state is SessionState.ENDED
    assert rig.engine.sessions[0].state.value == "closed"
    with pytest.raises(CallEnded):
        await answering


async def test_a_phone_that_was_down_for_hours_comes_back(rig: Rig) -> None:
    await rig.server.close()
    await asyncio.sleep(6 * 3600)
    await rig.server.listen()
    await asyncio.sleep(31)
    assert rig.phone.registered


async def test_a_stopped_phone_answers_whoever_waits_for_a_reply(rig: Rig) -> None:
    invite, session = await rig.ring()
    replying = asyncio.create_task(session.reply(Reply("soon")))
    await rig.wire.reply(await rig.wire.request("MESSAGE"), 200)
    await rig.wire.send(cancel_of(invite))
    await session.ended()
    await rig.phone.stop()
    assert (await replying).choice == "none"


async def test_stopping_a_phone_that_is_coming_back_ends_that(rig: Rig) -> None:
    await rig.server.close()
    await asyncio.sleep(30)
    await rig.phone.stop()
    assert rig.events[-1] == Unregistered(rig.phone.name)


async def test_a_listener_that_fails_does_not_harm_the_phone(server: SipServer) -> None:
    rig = make_rig(server)

    def break_down(_event: object) -> None:
        raise RuntimeError("listener")

    rig.phone._on_event = break_down
    await rig.start()
    assert rig.phone.registered
    await rig.phone.stop()
