"""Calls from a phone, as ringcentral-sip.md §3 has them."""

from __future__ import annotations

import asyncio
import re

from bot.sandbox.sandbox import Sandbox
from bot.sandbox.switch.model import PartyStatus
from bot.sip.messages import Request, make_headers
from tests.sandbox.conftest import Person
from tests.sandbox.sip_client import raw_phone


async def test_a_call_is_confirmed_at_once_before_the_callee_answers(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        start = len(phone.log)
        call = await phone.call(ada.number)
        assert phone.came(start) == [
            "100 INVITE", "407 INVITE", "100 INVITE", "183 INVITE", "200 INVITE",
        ]  # fmt: skip
        ids = call.progress.header("p-rc-api-ids")
        assert re.search(r"party-id=(p-[0-9a-fz]+?-\d);", ids)
        assert re.search(r"session-id=(s-[0-9a-fz]+?)$", ids)
        assert call.progress.to_tag == call.answer.to_tag != ""
        session = sandbox.switch.sessions[call.session_id]
        await asyncio.sleep(1)
        assert [party.status for party in session.parties] == [PartyStatus.PROCEEDING, PartyStatus.PROCEEDING]
        await asyncio.sleep(1.5)
        assert [party.status for party in session.parties] == [PartyStatus.ANSWERED, PartyStatus.ANSWERED]
        await call.hangup()
        await ada.legs[0].ended()


async def test_a_number_that_cannot_be_called_is_refused_after_a_progress(sandbox: Sandbox) -> None:
    async with raw_phone(sandbox, "101") as phone:
        request = phone.invite("+19990000000")
        await phone.send(request)
        await phone.send(phone.authorized(request, await phone.expect("407 INVITE")))
        start = len(phone.log)
        await phone.expect("183 INVITE")
        refused = await phone.expect("486 INVITE")
        assert refused.start_line == "SIP/2.0 486 Busy Here"
        assert phone.came(start) == ["100 INVITE", "183 INVITE", "486 INVITE"]
        assert not sandbox.switch.sessions


async def test_a_busy_number_gives_a_tone_and_then_a_goodbye(sandbox: Sandbox) -> None:
    sandbox.switch.add_endpoint(busy := Person("+16505550198", "Bea", status=486))
    async with raw_phone(sandbox, "101") as phone:
        call = await phone.call(busy.number)
        session = sandbox.switch.sessions[call.session_id]
        await asyncio.sleep(3)
        assert (session.parties[1].status, session.parties[1].reason) == (PartyStatus.DISCONNECTED, "TargetBusy")
        assert "BYE" not in phone.log
        await phone.expect("BYE")
        assert "MESSAGE 2" not in phone.log


async def test_the_callee_hangs_up_and_the_phone_gets_bye(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        await phone.call(ada.number)
        await asyncio.sleep(3)
        await ada.legs[0].hangup()
        await phone.expect("BYE")


async def test_a_call_is_cancelled_before_its_200(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        request = phone.invite(ada.number)
        await phone.send(request)
        request = phone.authorized(request, await phone.expect("407 INVITE"))
        cancel = Request("CANCEL", request.uri)
        cancel.headers = make_headers(
            {name: request.header(name) for name in ("Via", "From", "To", "Call-Id")}
            | {"CSeq": f"{request.cseq} CANCEL"}
        )
        await phone.send(request)
        await phone.send(cancel)
        await phone.expect("200 CANCEL")
        await phone.expect("487 INVITE")
        await asyncio.sleep(1)
        assert "200 INVITE" not in phone.log
        assert not ada.legs


async def test_a_caller_id_of_its_own_is_shown_to_the_callee(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        call = await phone.call(ada.number, {"P-Asserted-Identity": f"sip:+16505550100@{sandbox.domain}"})
        await asyncio.sleep(1)
        assert ada.legs[0].remote_number == "+16505550100"
        await call.hangup()


async def test_hold_gives_the_other_side_music(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        call = await phone.call(ada.number)
        await asyncio.sleep(3)
        session = sandbox.switch.sessions[call.session_id]
        start = len(phone.log)
        answer = await call.reinvite("sendonly")
        assert phone.came(start) == ["100 INVITE", "200 INVITE"]
        assert "a=recvonly" in answer.body
        heard: list[int] = []
        ada.legs[0].hear(lambda frame: heard.append(int(abs(frame).max())))
        assert session.parties[0].status is PartyStatus.HOLD
        await asyncio.sleep(1)
        assert max(heard) > 500
        await call.reinvite("sendrecv")
        heard.clear()
        assert session.parties[0].status is PartyStatus.ANSWERED
        await asyncio.sleep(1)
        assert max(heard) == 0
        await call.hangup()


async def test_a_lost_phone_has_some_time_to_come_back_to_its_calls(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101", instance="one") as first:
        call = await first.call(ada.number)
        await asyncio.sleep(3)
    async with raw_phone(sandbox, "101", instance="one") as second:
        await asyncio.sleep(10)
        assert ada.legs[0].end is None
        call.phone = second
        await call.reinvite()
        await asyncio.sleep(60)
        assert ada.legs[0].end is None
    await asyncio.sleep(31)
    assert ada.legs[0].end is not None


async def test_two_calls_are_placed_at_the_same_time(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        first, second = phone.invite(ada.number), phone.invite("102")
        await phone.send(first)
        await phone.send(second)
        challenges = [await phone.expect("407 INVITE"), await phone.expect("407 INVITE")]
        for request, challenge in zip((first, second), challenges, strict=True):
            await phone.send(phone.authorized(request, challenge))
        await phone.expect("200 INVITE")
        await phone.expect("200 INVITE")
        assert len(sandbox.switch.sessions) == 2


async def test_a_number_where_nobody_answers_rings_out(sandbox: Sandbox, ada: Person) -> None:
    ada.answers = False
    async with raw_phone(sandbox, "101") as phone:
        call = await phone.call(ada.number)
        party = sandbox.switch.sessions[call.session_id].parties
        await asyncio.sleep(59)
        assert party[1].status is PartyStatus.PROCEEDING
        await phone.expect("BYE")
        assert party[1].reason == "NoAnswer"


async def test_a_call_that_is_put_on_hold_before_it_is_answered_is_on_hold_afterwards(
    sandbox: Sandbox, ada: Person
) -> None:
    async with raw_phone(sandbox, "101") as phone:
        call = await phone.call(ada.number)
        await call.reinvite("sendonly")
        await asyncio.sleep(3)
        assert sandbox.switch.sessions[call.session_id].parties[0].status is PartyStatus.HOLD
        await call.hangup()
