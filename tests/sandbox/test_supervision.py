"""Supervision codes: ringcentral-sip.md §10. The agent is a person here, so that it can be heard who hears whom."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bot.media import ToneSource, tone_level
from bot.sandbox.endpoints import Leg
from bot.sandbox.sandbox import Sandbox
from bot.sip.messages import respond
from tests.sandbox.conftest import Person, ToneSpeech
from tests.sandbox.sip_client import ANSWER_SDP, OutgoingCall, RawPhone, raw_phone

CUSTOMER, AGENT, SUPERVISOR = 700.0, 1100.0, 1700.0


async def _hears(leg: Leg, hz: float) -> bool:
    frames: list[Any] = []
    remove = leg.hear(frames.append)
    await asyncio.sleep(0.5)
    remove()
    return tone_level(np.concatenate(frames[5:]), hz) > -30


async def _supervised(sandbox: Sandbox, ada: Person, code: str) -> tuple[Leg, Leg, Leg]:
    """Customer, agent and supervisor, each saying a tone of his own; the supervisor is in."""
    sandbox.switch.add_endpoint(agent := Person("102", "Liam", after=0.5))
    sandbox.switch.add_endpoint(boss := Person("101", "Olivia"))
    customer = await sandbox.switch.place_call(ada, "102")
    await customer.answered()
    supervisor = await sandbox.switch.place_call(boss, code)
    await asyncio.sleep(2)
    await supervisor.press("102#")
    await asyncio.sleep(1)
    customer.source, agent.legs[0].source = ToneSource([CUSTOMER]), ToneSource([AGENT])
    supervisor.source = ToneSource([SUPERVISOR])
    return customer, agent.legs[0], supervisor


@pytest.mark.parametrize(
    ("code", "agent_hears", "customer_hears"), [("*80", False, False), ("*81", True, False), ("*82", True, True)]
)
async def test_who_hears_the_supervisor(
    sandbox: Sandbox, ada: Person, code: str, agent_hears: bool, customer_hears: bool
) -> None:
    customer, agent, supervisor = await _supervised(sandbox, ada, code)
    assert await _hears(supervisor, CUSTOMER)
    assert await _hears(supervisor, AGENT)
    assert await _hears(customer, AGENT)
    assert await _hears(agent, CUSTOMER)
    assert await _hears(agent, SUPERVISOR) is agent_hears
    assert await _hears(customer, SUPERVISOR) is customer_hears
    await customer.hangup()
    await supervisor.ended()


async def test_the_supervisor_leaves_and_the_call_goes_on(sandbox: Sandbox, ada: Person) -> None:
    customer, agent, supervisor = await _supervised(sandbox, ada, "*82")
    await supervisor.hangup()
    await asyncio.sleep(1)
    assert await _hears(customer, AGENT)
    await agent.hangup()
    await customer.ended()


async def _taking_over(sandbox: Sandbox, ada: Person) -> tuple[Leg, Person]:
    sandbox.switch.add_endpoint(agent := Person("102", "Liam", after=0.5))
    customer = await sandbox.switch.place_call(ada, "102")
    await customer.answered()
    return customer, agent


async def _dialled_take_over(sandbox: Sandbox, phone: RawPhone) -> OutgoingCall:
    """The first call of a take-over of 102. A raw phone has no media: its keys are given to its leg."""
    first = await phone.call("*83")
    await asyncio.sleep(2)
    (leg,) = sandbox.switch.call(first.session_id).legs
    for digit in "102#":
        leg.pressed(digit)
    return first


@pytest.mark.parametrize("dropped", ["first", "second"])
async def test_a_take_over_by_a_new_call_lives_as_long_as_both_calls(
    sandbox: Sandbox, ada: Person, dropped: str
) -> None:
    customer, agent = await _taking_over(sandbox, ada)
    async with raw_phone(sandbox, "101") as phone:
        first = await _dialled_take_over(sandbox, phone)
        second = await phone.ringing()
        assert second.rc.body["Phn"] == "*83"
        assert second.session_id == customer.call.session_id
        await second.answer()
        await agent.legs[0].ended()
        await asyncio.sleep(1)
        assert customer.end is None
        await (first if dropped == "first" else second).hangup()
        await customer.ended()
        await phone.expect("BYE")


async def test_a_take_over_that_is_not_answered_changes_nothing(
    sandbox: Sandbox, ada: Person, speech: ToneSpeech
) -> None:
    customer, agent = await _taking_over(sandbox, ada)
    async with raw_phone(sandbox, "101") as phone:
        await _dialled_take_over(sandbox, phone)
        await (await phone.ringing()).refuse()
        await phone.expect("BYE")
        assert speech.said[-1] == "The call was not taken over. Goodbye."
        assert agent.legs[0].end is None
        await customer.hangup()


async def test_a_take_over_by_a_new_offer_on_the_first_call(
    make_sandbox: Callable[..., asyncio.Future[Sandbox]], ada: Person
) -> None:
    sandbox = await make_sandbox(take_over="re-invite")
    customer, agent = await _taking_over(sandbox, ada)
    async with raw_phone(sandbox, "101") as phone:
        first = await _dialled_take_over(sandbox, phone)
        offer = await phone.expect("INVITE")
        assert offer.call_id == first.call_id
        assert offer.header("p-rc-api-ids").endswith(f"session-id={customer.call.session_id}")
        await phone.send(respond(offer, 200, headers={"Content-Type": "application/sdp"}, body=ANSWER_SDP))
        await phone.expect("ACK")
        await agent.legs[0].ended()
        await asyncio.sleep(1)
        assert customer.end is None
        assert list(sandbox.switch.sessions) == [customer.call.session_id]
        await first.hangup()
        await customer.ended()


@pytest.mark.parametrize(
    ("digits", "refusal"),
    [
        ("105#", "This extension is not in a call."),
        ("999#", "This extension is not valid."),
        ("", "No extension was entered."),
        ("104#", "You are not allowed to monitor this extension."),
    ],
)
async def test_refusals_are_spoken(
    make_sandbox: Callable[..., asyncio.Future[Sandbox]], speech: ToneSpeech, digits: str, refusal: str
) -> None:
    sandbox = await make_sandbox(monitored=("102", "105"))
    sandbox.switch.add_endpoint(boss := Person("101", "Olivia"))
    supervisor = await sandbox.switch.place_call(boss, "*80")
    await supervisor.answered()
    await supervisor.press(digits)
    await supervisor.ended()
    assert speech.said == ["Please enter the extension, and then press the pound key.", f"{refusal} Goodbye."]
