"""What the platform adds to calls, as the vendor's own phones use it: queues, supervision, park, take-over."""

from __future__ import annotations

import asyncio

import pytest

from bot.sandbox import Sandbox, SandboxOptions
from tests.interop.exchanges import ACKNOWLEDGED, FREED, IS_HUNG_UP, PLACED, RE_INVITED, RINGS
from tests.interop.sound import hears, hears_instead, hears_nothing
from tests.interop.webphone import TONES, OpenPhone, OpenPhonePage, PageCall, PhonePage, ring, talk

pytestmark = [pytest.mark.interop, pytest.mark.asyncio(loop_scope="session")]

CUSTOMER, AGENT, SUPERVISOR = "101", "102", "103"


async def supervise(supervisor: PhonePage, code: str) -> PageCall:
    """Dial a supervision code, and name the agent."""
    call = await supervisor.call(code)
    await call.connected()
    await call.send_dtmf(f"{AGENT}#")
    return call


async def test_an_agent_sees_which_queue_a_call_came_through(phone: OpenPhone) -> None:
    caller, agent = await phone("101"), await phone("104")
    placed, came = await ring(caller, agent, "300")
    facts = await came.facts()
    assert facts.call_info is not None
    assert facts.call_info["queueName"] == "Sales"
    await came.answer()
    await asyncio.gather(hears(placed, TONES["104"]), hears(came, TONES["101"]))
    await placed.hangup()
    await came.ended()


async def test_a_supervisor_monitors_unheard(phone: OpenPhone) -> None:
    customer, agent, supervisor = await phone(CUSTOMER), await phone(AGENT), await phone(SUPERVISOR)
    placed, came = await talk(customer, agent, AGENT)
    monitoring = await supervise(supervisor, "*80")
    await hears(monitoring, TONES[CUSTOMER], TONES[AGENT])
    await asyncio.gather(hears(placed, TONES[AGENT]), hears(came, TONES[CUSTOMER]))
    await placed.hangup()
    await monitoring.ended()


async def test_a_supervisor_whispers_to_the_agent_alone(phone: OpenPhone) -> None:
    customer, agent, supervisor = await phone(CUSTOMER), await phone(AGENT), await phone(SUPERVISOR)
    placed, came = await talk(customer, agent, AGENT)
    await supervise(supervisor, "*81")
    await hears(came, TONES[CUSTOMER], TONES[SUPERVISOR])
    await customer.page.set_microphone(0)
    await agent.page.set_microphone(0)
    await hears(came, TONES[SUPERVISOR])
    await hears_nothing(placed)
    await placed.hangup()


async def test_a_supervisor_who_barges_in_talks_with_both(phone: OpenPhone) -> None:
    customer, agent, supervisor = await phone(CUSTOMER), await phone(AGENT), await phone(SUPERVISOR)
    placed, came = await talk(customer, agent, AGENT)
    await supervise(supervisor, "*82")
    await asyncio.gather(
        hears(came, TONES[CUSTOMER], TONES[SUPERVISOR]),
        hears(placed, TONES[AGENT], TONES[SUPERVISOR]),
    )
    await placed.hangup()


async def test_a_supervisor_takes_a_call_over_with_a_second_call(phone: OpenPhone) -> None:
    customer, agent, supervisor = await phone(CUSTOMER), await phone(AGENT), await phone(SUPERVISOR)
    placed, came = await talk(customer, agent, AGENT)
    first = await supervise(supervisor, "*83")
    second = await supervisor.incoming()
    assert (await second.facts()).remote_number == "*83"
    await second.answer()
    await came.ended()
    await asyncio.gather(hears(second, TONES[CUSTOMER]), hears(placed, TONES[SUPERVISOR]))
    assert (await first.facts()).state == "answered"
    await first.hangup()  # either of the two holds the customer
    await placed.ended()


async def test_a_supervisor_takes_a_call_over_by_a_new_invite_on_the_first(open_phone_page: OpenPhonePage) -> None:
    async with Sandbox(SandboxOptions(take_over="re-invite")) as sandbox:
        customer, agent, supervisor = [await open_phone_page() for _ in range(3)]
        for page, extension in ((customer, CUSTOMER), (agent, AGENT), (supervisor, SUPERVISOR)):
            await page.page.set_microphone(TONES[extension])
            await page.start(sandbox.sip_info(extension))
        placed, came = await talk(customer, agent, AGENT)
        taking = await supervise(supervisor, "*83")
        await came.ended()
        await asyncio.gather(hears(taking, TONES[CUSTOMER]), hears(placed, TONES[SUPERVISOR]))
        await taking.exchanged(*PLACED, "in INVITE", "out 200 INVITE", "in ACK")
        await placed.hangup()
        await asyncio.gather(*(page.stop() for page in (customer, agent, supervisor)))


async def test_a_call_waits_at_a_park_location_until_another_phone_takes_it(
    phone: OpenPhone, sandbox: Sandbox
) -> None:
    customer, agent, other = await phone(CUSTOMER), await phone(AGENT), await phone(SUPERVISOR)
    placed, came = await talk(customer, agent, AGENT)
    await came.transfer("prk101")
    await came.ended()
    await hears_instead(placed, TONES[AGENT])  # music
    location = sandbox.switch.park_locations["101"]
    assert location.session is not None
    assert location.party is not None
    tags = location.party.sip_data
    assert tags is not None
    swapped = f"{location.session.id};to-tag={tags.from_tag};from-tag={tags.to_tag};early-only"
    retrieved = await other.call("prk101", headers={"Replaces": swapped})
    await asyncio.gather(hears(placed, TONES[SUPERVISOR]), hears(retrieved, TONES[CUSTOMER]))
    await placed.hangup()
    await retrieved.ended()


async def test_a_live_call_moves_to_another_phone(phone: OpenPhone, sandbox: Sandbox) -> None:
    customer, agent, other = await phone(CUSTOMER), await phone(AGENT), await phone(SUPERVISOR)
    placed, came = await talk(customer, agent, AGENT)
    facts = await came.facts()
    party = sandbox.switch.sessions[facts.session_id].party(facts.party_id)
    assert party is not None
    tags = party.sip_data
    assert tags is not None
    headers = {"Replaces": f"{facts.session_id};to-tag={tags.to_tag};from-tag={tags.from_tag};early-only"}
    taken = await other.call("anybody", headers=headers)
    await came.ended()
    await asyncio.gather(hears(placed, TONES[SUPERVISOR]), hears(taken, TONES[CUSTOMER]))
    await placed.hangup()
    await taken.ended()


async def test_a_warm_transfer_joins_the_other_two(phone: OpenPhone) -> None:
    customer, agent, other = await phone(CUSTOMER), await phone(AGENT), await phone(SUPERVISOR)
    placed, came = await talk(customer, agent, AGENT)
    await came.hold()
    consultation, taken = await talk(agent, other, SUPERVISOR)
    await hears(taken, TONES[AGENT])
    await came.complete_warm_transfer(consultation)
    await asyncio.gather(came.ended(), consultation.ended())
    await asyncio.gather(hears(placed, TONES[SUPERVISOR]), hears(taken, TONES[CUSTOMER]))
    notified = ("in NOTIFY", "out 200 NOTIFY")
    await came.exchanged(
        *RINGS, *ACKNOWLEDGED, *RE_INVITED, "out REFER", "in 202 REFER", *notified, *notified, *IS_HUNG_UP, *FREED
    )
    await placed.hangup()
