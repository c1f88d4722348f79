"""Calls that end at any moment, by whoever, leave nothing behind; what cannot be read does no harm."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.media import MediaSession, ToneSource
from bot.sandbox.endpoints import Leg
from bot.sandbox.sandbox import Sandbox
from bot.sandbox.switch.park import Replaces
from bot.sip.messages import Message
from bot.sip.rc import Command
from tests.sandbox.conftest import Person
from tests.sandbox.sip_client import SDP, RawPhone, raw_phone

MOMENTS = [0.0, 0.005, 0.02, 0.05, 0.1, 0.3, 1.0, 2.02, 2.5, 4.0, 9.0, 15.0, 21.0, 23.0, 26.0]


async def _behave(phone: RawPhone, *, then: str) -> None:
    """Take whatever call comes and do with it as a phone of the kind `then`."""
    call = await phone.ringing()
    await asyncio.sleep(1)
    match then:
        case "answer":
            await call.answer()
        case "park":
            await call.answer()
            await call.refer("prk101")
        case "reply":
            await call.command(Command.REPLY, RepTp="0", Bdy="Later")
        case "voicemail":
            await call.command(Command.TO_VOICEMAIL)
        case "reject":
            await call.command(Command.REJECT)
        case "ignore":
            pass


@pytest.mark.parametrize("then", ["answer", "park", "reply", "voicemail", "reject", "ignore"])
async def test_a_caller_hangs_up_at_any_moment(sandbox: Sandbox, ada: Person, then: str) -> None:
    for moment in MOMENTS:
        async with raw_phone(sandbox, "103", instance="one") as phone:
            behaving = asyncio.ensure_future(_behave(phone, then=then))
            leg = await sandbox.switch.place_call(ada, "300")
            leg.source = ToneSource([500])
            await asyncio.sleep(moment)
            await leg.hangup()
            await asyncio.sleep(10)
            assert not sandbox.switch.sessions, moment
            assert not sandbox.switch.media.sessions, moment
            assert not sandbox.server.core.dialogs, moment
            assert sandbox.switch.park_locations["101"].session is None
            behaving.cancel()
            await asyncio.wait({behaving})


@pytest.mark.parametrize("then", ["answer", "park", "reply", "ignore"])
async def test_the_sandbox_closes_in_the_middle_of_calls(
    make_sandbox: Callable[..., asyncio.Future[Sandbox]], then: str
) -> None:
    for moment in MOMENTS[::3]:
        sandbox = await make_sandbox()
        ada = Person("+16505550199", "Ada")
        sandbox.switch.add_endpoint(ada)
        async with AsyncExitStack() as stack:
            phone = await stack.enter_async_context(raw_phone(sandbox, "101"))
            behaving = asyncio.ensure_future(_behave(phone, then=then))
            leg: Leg = await sandbox.switch.place_call(ada, "101")
            own = await phone.call(ada.number)
            await asyncio.sleep(moment)
            await sandbox.__aexit__()
            assert leg.end is not None
            assert ada.legs == [] or ada.legs[0].end is not None
            assert own.call_id not in sandbox.server.core.dialogs
            behaving.cancel()
            await asyncio.wait({behaving})


async def test_a_ringing_phone_that_disappears_does_not_keep_the_caller_waiting(
    sandbox: Sandbox, ada: Person
) -> None:
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(ada, "101")
        await phone.ringing()
    async with asyncio.timeout(5):
        await leg.answered()
    await leg.hangup()


async def test_both_sides_hang_up_at_once(sandbox: Sandbox) -> None:
    async with raw_phone(sandbox, "101") as one, raw_phone(sandbox, "102") as two:
        outgoing = await one.call("102")
        incoming = await two.ringing()
        await incoming.answer()
        await asyncio.sleep(1)
        await one.send(outgoing.make("BYE"))
        await two.send(incoming.make("BYE"))
        await asyncio.sleep(10)
        assert not sandbox.switch.sessions
        assert not sandbox.server.core.dialogs


async def test_a_hold_and_a_goodbye_in_one_breath(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        call = await phone.call(ada.number)
        await phone.send(call.make("INVITE", {"Content-Type": "application/sdp"}, SDP))
        await phone.send(call.make("BYE"))
        await phone.expect("200 BYE")
        await asyncio.sleep(10)
        assert not sandbox.switch.sessions


async def test_a_phone_hangs_up_before_its_own_call_was_accepted(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        invite = phone.invite(ada.number)
        await phone.send(invite)
        invite = phone.authorized(invite, await phone.expect("407 INVITE"))
        await phone.send(invite)
        headers = {name: invite.header(name) for name in ("From", "To", "Call-Id")}
        await phone.send(phone.request("BYE", invite.uri, headers))
        await phone.expect("200 BYE")
        await phone.expect("487 INVITE")
        assert not sandbox.switch.sessions
        assert not sandbox.server.core.dialogs


async def test_an_answer_is_acknowledged_although_the_caller_hangs_up_in_the_middle_of_it(
    sandbox: Sandbox, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply_answer = MediaSession.apply_answer

    async def slowly(session: MediaSession, answer: str) -> None:
        await asyncio.sleep(1)
        await apply_answer(session, answer)

    monkeypatch.setattr(MediaSession, "apply_answer", slowly)
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(ada, "101")
        await (await phone.ringing()).answer()
        await leg.hangup()
        await phone.expect("BYE")


def _broken(phone: RawPhone) -> list[Message]:
    invite = phone.invite("101")
    no_number, no_sdp, odd_refer = phone.invite(""), phone.invite("102"), phone.invite("102")
    no_sdp.body = "not a session description"
    odd_refer.method = "REFER"
    strange: list[Message] = [invite, no_number, no_sdp, odd_refer]
    for method in ("ACK", "BYE", "CANCEL", "INFO", "MESSAGE", "NOTIFY", "PRACK", "FOO"):
        made = phone.request(method, "sip:x", {"From": "nobody", "To": "<>", "Call-Id": f"odd {method}"}, "<Msg")
        strange.append(made)
    return strange


async def test_strange_requests_are_refused_and_the_connection_lives(sandbox: Sandbox) -> None:
    async with raw_phone(sandbox, "101") as phone:
        for message in _broken(phone):
            await phone.send(message)
        await asyncio.sleep(5)
        assert (await phone.register()).status == 200
        assert not sandbox.switch.sessions


async def test_strange_requests_inside_a_call_do_not_end_it(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        call = await phone.call(ada.number)
        await asyncio.sleep(3)
        for method, body in [("INFO", "{"), ("INFO", '{"request":{"reqid":"x"}}'), ("MESSAGE", "<"), ("FOO", "")]:
            await phone.send(call.make(method, {"Content-Type": "application/json"}, body))
        await phone.send(call.make("REFER"))
        await phone.send(call.make("INVITE", {"Content-Type": "application/sdp"}, "v=0"))
        await phone.expect("488 INVITE")
        await asyncio.sleep(5)
        assert ada.legs[0].end is None
        await call.hangup()


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(value=st.one_of(st.text(max_size=60), st.from_regex(r"s-[a-f0-9]+;(to|from)-tag=[a-z0-9]*;from-tag=\w*")))
def test_any_replaces_header_is_read_or_not(value: str) -> None:
    found = Replaces.parse(value)
    assert found is None or (found.session_id and found.to_tag and found.from_tag)


async def test_a_call_flips_to_another_phone_which_takes_it_when_it_answers(sandbox: Sandbox, ada: Person) -> None:
    sandbox.switch.add_endpoint(bob := Person("+16505550177", "Bob"))
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(ada, "101")
        call = await phone.ringing()
        await call.answer()
        await phone.expect("MESSAGE 7")
        body = '{"request":{"reqid":1,"command":"callflip","target":"16505550177"}}'
        await phone.send(call.make("INFO", {"Content-Type": "application/json;charset=utf-8"}, body))
        result = await phone.expect("INFO")
        assert '"number": "+16505550177", "target": "16505550177"' in result.body
        await asyncio.sleep(3)
        assert "BYE" not in phone.log
        await call.hangup()
        await asyncio.sleep(1)
        assert leg.end is None
        await bob.legs[0].hangup()
        await leg.ended()
