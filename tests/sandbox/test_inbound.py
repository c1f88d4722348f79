"""Calls to a phone and what it can do while it rings: ringcentral-sip.md §4 and §5."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from bot.sandbox.endpoints import Leg, LegEnd, LegState
from bot.sandbox.sandbox import Sandbox
from bot.sandbox.switch.model import PartyStatus
from bot.sip.rc import Command
from tests.sandbox.conftest import Person, ToneSpeech
from tests.sandbox.sip_client import SDP, command_of, raw_phone


async def test_a_call_rings_with_all_that_the_vendor_sends(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(ada, "101")
        call = await phone.ringing()
        assert call.invite.uri == f"sip:{phone.instance}@test.invalid;transport=wss"
        assert call.invite.cseq > 1_000_000
        assert call.session_id == leg.call.session_id
        assert call.rc.command == Command.INCOMING_CALL
        assert (call.rc.body["Phn"], call.rc.body["Nm"]) == ("+16505550199", "Ada")
        assert call.rc.body["ToPhn"] == "+16505550101"
        assert ": " not in call.invite.header("P-rc")
        assert not call.invite.to_tag
        assert "a=setup:actpass" in call.invite.body
        await leg.hangup()
        await phone.expect("CANCEL")


async def test_an_answer_is_acknowledged_and_processed_everywhere(sandbox: Sandbox, ada: Person) -> None:
    device, _password = sandbox.switch.provision("101")
    async with raw_phone(sandbox, "101") as one, raw_phone(sandbox, "101", device=device) as two:
        leg = await sandbox.switch.place_call(ada, "101")
        call = await one.ringing()
        await two.ringing()
        start = len(one.log)
        await call.answer()
        first = await one.expect("MESSAGE 7")
        second = await one.expect("MESSAGE 7")
        assert {command_of(each).body["Cln"] for each in (first, second)} == {one.authorization_id, device}
        assert one.came(start) == ["ACK", "MESSAGE 7", "MESSAGE 7"]
        cancel = await two.expect("CANCEL")
        assert "Call completed elsewhere" in cancel.header("Reason")
        assert leg.state is LegState.ANSWERED
        await leg.hangup()
        await one.expect("BYE")
        assert await one.expect("MESSAGE 2")


async def test_an_extension_that_nobody_registered_goes_to_voicemail(sandbox: Sandbox, ada: Person) -> None:
    leg = await sandbox.switch.place_call(ada, "102")
    await leg.answered()
    await asyncio.sleep(5)
    await leg.hangup()
    await asyncio.sleep(0.1)
    assert [message.extension for message in sandbox.switch.voicemails] == ["102"]


async def test_an_unanswered_call_goes_to_voicemail_after_the_ring_time(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(ada, "101")
        await phone.ringing()
        await asyncio.sleep(19)
        assert leg.state is LegState.CALLING
        await phone.expect("CANCEL")
        await leg.answered()
        session = sandbox.switch.sessions[leg.call.session_id]
        assert session.parties[-1].status is PartyStatus.VOICEMAIL
        await leg.hangup()


async def test_a_busy_phone_sends_its_caller_to_voicemail(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(ada, "101")
        await (await phone.ringing()).refuse(486)
        await leg.answered()
        assert sandbox.switch.sessions[leg.call.session_id].parties[-1].status is PartyStatus.VOICEMAIL
        await leg.hangup()


async def test_to_voicemail_needs_the_receive_confirm(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(ada, "101")
        call = await phone.ringing()
        start = len(phone.log)
        await call.command(Command.TO_VOICEMAIL)
        await phone.expect("CANCEL")
        assert phone.came(start) == ["100 MESSAGE", "200 MESSAGE", "CANCEL"]
        await leg.answered()
        await leg.hangup()


async def test_a_rejected_caller_hears_an_announcement_and_no_voicemail(
    sandbox: Sandbox, ada: Person, speech: ToneSpeech
) -> None:
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(ada, "101")
        await (await phone.ringing()).command(Command.REJECT)
        await phone.expect("CANCEL")
        assert await leg.ended() is LegEnd.HANGUP
        assert speech.said == ["Olivia cannot take your call. Please try again later. Goodbye."]
        assert not sandbox.switch.voicemails


async def test_a_call_is_forwarded_in_the_same_session(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as one, raw_phone(sandbox, "102") as two:
        leg = await sandbox.switch.place_call(ada, "101")
        await (await one.ringing()).command(Command.FORWARD, FwdDly="0", Phn="102", PhnTp="3")
        await one.expect("CANCEL")
        call = await two.ringing()
        assert call.session_id == leg.call.session_id
        await call.answer()
        await leg.answered()
        await leg.hangup()


async def test_starting_a_reply_gives_more_time(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(ada, "101")
        await (await phone.ringing()).command(Command.START_REPLY)
        await asyncio.sleep(40)
        assert "CANCEL" not in phone.log
        await phone.expect("CANCEL")
        await leg.hangup()


async def test_an_invite_without_an_offer_gets_it_from_the_phone(
    make_sandbox: Callable[..., asyncio.Future[Sandbox]],
) -> None:
    sandbox = await make_sandbox(offerless=True)
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(Person("+16505550199"), "101")
        call = await phone.ringing()
        assert not call.invite.body
        ack = await call.answer(SDP)
        assert "m=audio" in ack.body
        await leg.hangup()
        await phone.expect("BYE")


async def test_calls_can_ask_to_be_answered_without_a_person(sandbox: Sandbox, ada: Person) -> None:
    headers = {"Alert-Info": "Auto Answer", "Call-Info": "<sandbox>;purpose=info;Answer-After=3"}
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(ada, "101", headers=headers)
        call = await phone.ringing()
        assert call.invite.header("Alert-Info") == "Auto Answer"
        assert call.invite.header("Call-Info").endswith("Answer-After=3")
        await leg.hangup()


async def test_the_phone_of_a_call_that_ended_gets_commands_in_the_order_of_the_option(
    make_sandbox: Callable[..., asyncio.Future[Sandbox]],
) -> None:
    sandbox = await make_sandbox(free_resources_first=True)
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(Person("+16505550199"), "101")
        await (await phone.ringing()).answer()
        await phone.expect("MESSAGE 7")
        await leg.hangup()
        await phone.expect("MESSAGE 2")
        await phone.expect("BYE")


async def test_two_phones_talk_to_each_other_and_either_hangs_up(sandbox: Sandbox) -> None:
    async with raw_phone(sandbox, "101") as one, raw_phone(sandbox, "102") as two:
        outgoing = await one.call("102")
        incoming = await two.ringing()
        assert incoming.session_id == outgoing.session_id
        assert incoming.call_id != outgoing.call_id
        await incoming.answer()
        await asyncio.sleep(1)
        await incoming.hangup()
        await one.expect("BYE")


@pytest.mark.parametrize("after", [0.0, 0.01, 0.05, 0.5])
async def test_a_caller_may_give_up_at_any_moment(sandbox: Sandbox, ada: Person, after: float) -> None:
    async with raw_phone(sandbox, "101") as phone:
        leg: Leg = await sandbox.switch.place_call(ada, "101")
        await asyncio.sleep(after)
        await leg.hangup()
        await asyncio.sleep(10)
        assert phone.log.count("INVITE") == phone.log.count("CANCEL")
        assert not sandbox.switch.sessions
