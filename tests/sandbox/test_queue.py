"""Queue calls: who is rung, with what, and what becomes of the caller."""

from __future__ import annotations

import asyncio

from bot.sandbox.sandbox import Sandbox
from bot.sandbox.switch.model import PartyStatus
from bot.sip.rc import Command, parse_call_info
from tests.sandbox.conftest import Person
from tests.sandbox.sip_client import raw_phone


async def test_all_free_agents_ring_in_one_session_and_one_answers(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "103") as one, raw_phone(sandbox, "104") as two:
        leg = await sandbox.switch.place_call(ada, "300")
        first, second = await one.ringing(), await two.ringing()
        assert first.session_id == second.session_id == leg.call.session_id
        info = parse_call_info(first.invite.header("p-rc-api-call-info"))
        assert info["callAttributes"] == "queue-call,reject"
        assert info["queueName"] == "Sales"
        await first.answer()
        await two.expect("CANCEL")
        await leg.answered()
        await leg.hangup()


async def test_an_agent_who_rejects_leaves_the_call_to_the_others(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "103") as one, raw_phone(sandbox, "104") as two:
        leg = await sandbox.switch.place_call(ada, "300")
        await (await one.ringing()).command(Command.REJECT)
        call = await two.ringing()
        await call.answer()
        await leg.answered()
        await leg.hangup()


async def test_busy_agents_are_not_rung_and_a_waiting_caller_gets_the_first_free_one(
    sandbox: Sandbox, ada: Person
) -> None:
    async with raw_phone(sandbox, "103") as phone:
        own = await phone.call(ada.number)
        leg = await sandbox.switch.place_call(Person("+16505550177"), "300")
        await asyncio.sleep(5)
        assert "INVITE" not in phone.log
        assert sandbox.switch.queues["300"].waiting
        await own.hangup()
        await (await phone.ringing()).answer()
        await leg.answered()
        await leg.hangup()


async def test_a_queue_without_agents_takes_a_message_in_the_end(sandbox: Sandbox, ada: Person) -> None:
    leg = await sandbox.switch.place_call(ada, "300")
    await leg.answered()
    session = sandbox.switch.sessions[leg.call.session_id]
    assert session.parties[-1].status is PartyStatus.VOICEMAIL
    await leg.hangup()
