"""Reply with text, and the caller's answer to it: ringcentral-sip.md §6."""

from __future__ import annotations

import asyncio

import pytest

from bot.sandbox.endpoints import LegEnd, LegState
from bot.sandbox.sandbox import Sandbox
from bot.sandbox.switch.menu import reply_text
from bot.sip.messages import Request
from bot.sip.rc import Command, Reply, reply_outcome
from tests.sandbox.conftest import Person, ToneSpeech
from tests.sandbox.sip_client import IncomingCall, RawPhone, command_of, raw_phone


async def _reply(phone: RawPhone, text: str = "I call you in ten minutes") -> IncomingCall:
    call = await phone.ringing()
    start = len(phone.log)
    await call.command(Command.REPLY, RepTp="0", Bdy=text)
    await phone.expect("CANCEL")
    assert phone.came(start) == ["100 MESSAGE", "200 MESSAGE", "CANCEL"]
    return call


async def _closed(phone: RawPhone, call: IncomingCall) -> Request:
    close: Request = await phone.expect("MESSAGE 9", timeout=60)
    assert command_of(close).sid == call.rc.sid
    assert command_of(close).body["Cln"] == phone.authorization_id
    return close


@pytest.mark.parametrize(
    ("keys", "choice", "number"),
    [("3", "yes", ""), ("4", "no", ""), ("5,16505550142#,1", "urgent", "16505550142"), ("1,,3", "yes", "")],
)
async def test_the_caller_hears_the_reply_and_chooses(
    sandbox: Sandbox, ada: Person, speech: ToneSpeech, keys: str, choice: str, number: str
) -> None:
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(ada, "101")
        call = await _reply(phone)
        await leg.answered()
        assert speech.said[0].startswith("Olivia says: I call you in ten minutes . To hear this again, press 1.")
        await leg.press(f",{keys}")
        outcome = reply_outcome(command_of(await _closed(phone, call)))
        assert (outcome.choice, outcome.sts, outcome.number) == (choice, "0", number)
        assert (outcome.phone, outcome.name) == ("+16505550199", "Ada")
        assert await leg.ended() is LegEnd.HANGUP
        assert not leg.ended_by_us


async def test_the_caller_asks_for_voicemail(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(ada, "101")
        call = await _reply(phone)
        await leg.press("2")
        assert reply_outcome(command_of(await _closed(phone, call))).choice == "none"
        await asyncio.sleep(5)
        await leg.press("#")
        await leg.ended()
        assert [message.caller_number for message in sandbox.switch.voicemails] == ["+16505550199"]


@pytest.mark.parametrize("keys", ["6", "", "9,9,9"])
async def test_no_choice_is_told_as_such(sandbox: Sandbox, ada: Person, keys: str) -> None:
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(ada, "101")
        call = await _reply(phone)
        await leg.press(keys)
        close = command_of(await _closed(phone, call))
        assert reply_outcome(close).choice == "none"
        assert close.body["Sts"] != "0"
        await leg.ended()


async def test_a_caller_who_hangs_up_has_made_no_choice(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(ada, "101")
        call = await _reply(phone)
        await asyncio.sleep(0.5)
        await leg.hangup()
        assert reply_outcome(command_of(await _closed(phone, call))).choice == "none"
        assert leg.state is LegState.ENDED


async def test_an_urgent_number_is_asked_for_again_when_it_is_not_confirmed(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        leg = await sandbox.switch.place_call(ada, "101")
        call = await _reply(phone)
        await leg.press("5,111#,2,222#,1")
        assert reply_outcome(command_of(await _closed(phone, call))).number == "222"
        await leg.ended()


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (Reply("Hello"), "Hello"),
        (Reply(kind="on_my_way"), "I am on my way."),
        (Reply(kind="call_you_back", delay=2, units="hours"), "I will call you back in 2 hours."),
        (Reply(kind="call_you_back_later", caller_calls=True), "Please call me back later."),
    ],
)
def test_each_kind_of_reply_has_its_words(reply: Reply, text: str) -> None:
    assert reply_text(Reply.from_body(reply.body())) == text
