"""The vendor's own phones at the sandbox: whole exchanges, message by message, and the audio."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Mapping
from typing import Any

import pytest
from playwright.async_api import Error as PageError

from bot.sandbox import Sandbox, SandboxOptions
from tests.interop.exchanges import (
    ACKNOWLEDGED,
    CANCELLED,
    CHALLENGED_REGISTER,
    FREED,
    HANGS_UP,
    IS_HUNG_UP,
    PLACED,
    RE_INVITED,
    RINGS,
    SESSION_CLOSED,
    command,
)
from tests.interop.sound import hears, hears_instead, hears_nothing, strongest
from tests.interop.webphone import TONES, OpenPhone, OpenPhonePage, ring, talk
from tests.interop.wire import labels

pytestmark = [pytest.mark.interop, pytest.mark.asyncio(loop_scope="session")]

DTMF_5 = (770, 1336)
VOICEMAIL_BEEP = 1000.0


async def test_a_phone_registers_and_unregisters(open_phone_page: OpenPhonePage, sandbox: Sandbox) -> None:
    page = await open_phone_page()
    await page.start(sandbox.sip_info("101"))
    assert labels(await page.frames()) == [*CHALLENGED_REGISTER]
    await page.stop()
    assert labels(await page.frames()) == [*CHALLENGED_REGISTER, *CHALLENGED_REGISTER]


async def test_an_unregistered_phone_may_not_call(open_phone_page: OpenPhonePage, sandbox: Sandbox) -> None:
    page = await open_phone_page()
    await page.start(sandbox.sip_info("101"))
    await page.unregister()
    call = await page.call("102")
    await call.placed()
    assert labels(await page.frames())[-1] == "in 403 INVITE"
    assert (await call.facts()).state == "init"


async def test_the_sixth_instance_is_refused(open_phone_page: OpenPhonePage, sandbox: Sandbox) -> None:
    page = await open_phone_page()
    for instance in range(5):
        await page.start(sandbox.sip_info("105"), instanceId=f"device-{instance}")
    with pytest.raises(PageError, match="603 Too Many Contacts"):
        await page.start(sandbox.sip_info("105"), instanceId="device-5")


async def test_a_wrong_password_is_refused(open_phone_page: OpenPhonePage, sandbox: Sandbox) -> None:
    page = await open_phone_page()
    with pytest.raises(PageError, match="Registration failed"):
        await page.start({**sandbox.sip_info("101"), "password": "wrong"})


async def test_a_call_is_answered_and_both_hear_each_other_until_the_caller_hangs_up(phone: OpenPhone) -> None:
    caller, callee = await phone("101"), await phone("102")
    placed, came = await talk(caller, callee, "102")
    await asyncio.gather(hears(placed, TONES["102"]), hears(came, TONES["101"]))
    ours, theirs = await placed.facts(), await came.facts()
    assert ours.session_id == theirs.session_id != ""
    assert "" != ours.party_id != theirs.party_id != ""
    assert theirs.remote_number == "101"
    await placed.hangup()
    await came.ended()
    await placed.exchanged(*PLACED, *HANGS_UP)
    await came.exchanged(*RINGS, *ACKNOWLEDGED, *IS_HUNG_UP, *FREED)


async def test_the_callee_hangs_up(phone: OpenPhone) -> None:
    placed, came = await talk(await phone("101"), await phone("102"), "102")
    await came.hangup()
    await placed.ended()
    await placed.exchanged(*PLACED, *IS_HUNG_UP)
    await came.exchanged(*RINGS, *ACKNOWLEDGED, *HANGS_UP)


async def test_the_caller_gives_up_while_it_rings(phone: OpenPhone) -> None:
    placed, came = await ring(await phone("101"), await phone("102"), "102")
    await placed.settled()
    await placed.hangup()
    await came.ended()
    await came.exchanged(*RINGS, *CANCELLED)


async def test_a_number_that_cannot_be_called_fails_with_the_reason(phone: OpenPhone) -> None:
    call = await (await phone("101")).call("999999")
    assert await call.settled() == "failed"
    assert (await call.facts()).failure == "SIP/2.0 486 Busy Here"


async def test_a_declined_caller_hears_that_nobody_takes_the_call(phone: OpenPhone) -> None:
    placed, came = await ring(await phone("101"), await phone("102"), "102")
    await came.decline()
    await came.exchanged(*RINGS, *command(12), *CANCELLED)
    await placed.connected()
    assert (await placed.facts()).state == "answered"
    await placed.hangup()


async def test_a_call_sent_to_voicemail_is_recorded_there(phone: OpenPhone, sandbox: Sandbox) -> None:
    placed, came = await ring(await phone("101"), await phone("102"), "102")
    await came.to_voicemail()
    await came.exchanged(*RINGS, *command(11), *CANCELLED)
    await placed.connected()
    await hears(placed, VOICEMAIL_BEEP)
    await hears_nothing(placed)
    await asyncio.sleep(1.0)
    await placed.hangup()
    message = sandbox.switch.voicemails[-1]
    assert (message.extension, message.caller_number) == ("102", "101")
    assert strongest(message.pcm) == [pytest.approx(TONES["101"], abs=15)]


async def test_a_call_is_forwarded_while_it_rings(phone: OpenPhone) -> None:
    caller, callee, third = await phone("101"), await phone("102"), await phone("103")
    placed, came = await ring(caller, callee, "102")
    await came.forward("103")
    await came.exchanged(*RINGS, *command(10), *CANCELLED)
    taken = await third.incoming()
    await taken.answer()
    await asyncio.gather(hears(placed, TONES["103"]), hears(taken, TONES["101"]))
    await taken.exchanged(*RINGS, *ACKNOWLEDGED)
    await placed.hangup()
    await taken.ended()


@pytest.mark.parametrize(
    ("keys", "outcome"),
    [
        ("3", {"Sts": "0", "Resp": "1"}),
        ("4", {"Sts": "0", "Resp": "2"}),
        ("55550123#1", {"Sts": "0", "Resp": "3", "ExtNfo": "5550123"}),
    ],
    ids=["yes", "no", "urgent"],
)
async def test_the_caller_chooses_an_answer_to_a_reply(
    phone: OpenPhone, keys: str, outcome: Mapping[str, str]
) -> None:
    placed, came = await ring(await phone("101"), await phone("102"), "102")
    await placed.connected()
    await came.start_reply()
    async with asyncio.TaskGroup() as tasks:
        closing = tasks.create_task(came.reply("I am in a meeting. Can I call you back?"))
        await came.exchanged(*RINGS, *command(13), *command(14), *CANCELLED)
        await asyncio.sleep(0.5)
        await placed.send_dtmf(keys)
    closed = closing.result()
    assert {key: closed.get(key) for key in outcome} == outcome
    await came.exchanged(*RINGS, *command(13), *command(14), *CANCELLED, *SESSION_CLOSED)
    await placed.hangup()


async def test_a_caller_on_hold_hears_music_until_it_is_taken_back(phone: OpenPhone) -> None:
    placed, came = await talk(await phone("101"), await phone("102"), "102")
    await hears(placed, TONES["102"])
    await came.hold()
    await hears_instead(placed, TONES["102"])
    await came.unhold()
    await asyncio.gather(hears(placed, TONES["102"]), hears(came, TONES["101"]))
    await came.exchanged(*RINGS, *ACKNOWLEDGED, *RE_INVITED, *RE_INVITED)
    await placed.hangup()


async def test_a_call_survives_a_fresh_offer_with_new_ice_credentials(phone: OpenPhone) -> None:
    placed, came = await talk(await phone("101"), await phone("102"), "102")
    await placed.re_invite()
    await asyncio.gather(hears(placed, TONES["102"]), hears(came, TONES["101"]))
    await placed.exchanged(*PLACED, *RE_INVITED)
    await placed.hangup()


async def test_a_call_is_transferred(phone: OpenPhone) -> None:
    caller, callee, third = await phone("101"), await phone("102"), await phone("103")
    placed, came = await talk(caller, callee, "102")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(came.transfer("103"))
        taken = await third.incoming()
        await taken.answer()
    await asyncio.gather(hears(placed, TONES["103"]), hears(taken, TONES["101"]))
    await came.ended()
    notified = ("in NOTIFY", "out 200 NOTIFY")
    await came.exchanged(
        *RINGS, *ACKNOWLEDGED, "out REFER", "in 202 REFER", *notified, *notified, *IS_HUNG_UP, *FREED
    )
    await placed.hangup()


async def test_a_call_is_parked_and_retrieved_by_another_phone(phone: OpenPhone) -> None:
    caller, callee, third = await phone("101"), await phone("102"), await phone("103")
    placed, came = await talk(caller, callee, "102")
    parked = await came.park()
    assert parked["code"] == 0
    await came.exchanged(
        *RINGS,
        *ACKNOWLEDGED,
        "out INFO callpark",
        "in 200 INFO",
        "in INFO callpark",
        "out 200 INFO",
        *HANGS_UP,
    )
    retrieved = await third.call(f"*{parked['park extension']}")
    await asyncio.gather(hears(placed, TONES["103"]), hears(retrieved, TONES["101"]))
    await placed.hangup()
    await retrieved.ended()


async def test_keys_are_heard_at_the_other_end(phone: OpenPhone) -> None:
    caller, callee = await phone("101"), await phone("102")
    placed, came = await talk(caller, callee, "102")
    await caller.page.set_microphone(0)
    await hears_nothing(came)
    await placed.send_dtmf("5555")
    await hears(came, *DTMF_5)
    await placed.hangup()


async def test_a_call_with_auto_answer_is_answered_by_the_phone_itself(open_phone_page: OpenPhonePage) -> None:
    async with Sandbox(SandboxOptions(auto_answer=True, answer_after=1)) as sandbox:
        caller, callee = await open_phone_page(), await open_phone_page()
        await asyncio.gather(caller.start(sandbox.sip_info("101")), callee.start(sandbox.sip_info("102")))
        _, came = await ring(caller, callee, "102")
        await came.connected()
        await came.exchanged(*RINGS, *ACKNOWLEDGED)
        await asyncio.gather(caller.stop(), callee.stop())


@pytest.mark.parametrize(
    "options", [{"offerless": True}, {"free_resources_first": True}], ids=lambda each: next(iter(each))
)
async def test_a_call_works_in_the_platforms_other_forms(
    open_phone_page: OpenPhonePage, options: dict[str, Any]
) -> None:
    async with Sandbox(dataclasses.replace(SandboxOptions(), **options)) as sandbox:
        caller, callee = await open_phone_page(), await open_phone_page()
        await asyncio.gather(caller.start(sandbox.sip_info("101")), callee.start(sandbox.sip_info("102")))
        await callee.page.set_microphone(TONES["102"])
        placed, came = await talk(caller, callee, "102")
        await hears(placed, TONES["102"])
        await placed.hangup()
        await came.ended()
        ending = (*FREED, *IS_HUNG_UP) if options.get("free_resources_first") else (*IS_HUNG_UP, *FREED)
        await came.exchanged(*RINGS, *ACKNOWLEDGED, *ending)
        await asyncio.gather(caller.stop(), callee.stop())
