"""Transfers and park locations: ringcentral-sip.md §8."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from bot.sandbox.sandbox import Sandbox
from bot.sandbox.switch.model import ParkLocation, PartyStatus
from bot.sip.messages import respond
from tests.sandbox.conftest import Person
from tests.sandbox.sip_client import IncomingCall, RawPhone, raw_phone


@asynccontextmanager
async def _answered(sandbox: Sandbox, ada: Person, phone: RawPhone):  # type: ignore[no-untyped-def]
    leg = await sandbox.switch.place_call(ada, "101")
    call = await phone.ringing()
    await call.answer()
    await phone.expect("MESSAGE 7")
    yield leg, call
    await leg.hangup()


async def _park(phone: RawPhone, call: IncomingCall, location: str = "101") -> None:
    start = len(phone.log)
    await call.refer(f"prk{location}")
    await phone.expect("BYE")
    assert phone.came(start) == ["202 REFER", "NOTIFY", "NOTIFY", "BYE"]


def _replaces(location: ParkLocation, *, swapped: bool = True) -> dict[str, str]:
    assert location.session
    assert location.party
    sip = location.party.sip_data
    assert sip
    to_tag, from_tag = (sip.from_tag, sip.to_tag) if swapped else (sip.to_tag, sip.from_tag)
    return {"Replaces": f"{location.session.id};to-tag={to_tag};from-tag={from_tag};early-only"}


async def test_a_call_is_parked_with_music_and_retrieved_by_another_phone(sandbox: Sandbox, ada: Person) -> None:
    location = sandbox.switch.park_locations["101"]
    changes: list[ParkLocation] = []
    sandbox.switch.on_change(lambda change: changes.append(change.location) if change.location else None)
    async with (
        raw_phone(sandbox, "101") as one,
        raw_phone(sandbox, "102") as two,
        _answered(sandbox, ada, one) as (leg, call),
    ):
        await _park(one, call)
        assert location.party
        assert location.party.status is PartyStatus.PARKED
        heard: list[int] = []
        leg.hear(lambda frame: heard.append(int(abs(frame).max())))
        await asyncio.sleep(1)
        assert max(heard) > 500
        retrieved = await two.call("prk101", _replaces(location))
        assert retrieved.session_id == leg.call.session_id
        await asyncio.sleep(0.1)
        assert location.session is None
        assert changes == [location, location]
        heard.clear()
        await asyncio.sleep(1)
        assert max(heard) == 0
        await leg.hangup()
        await two.expect("BYE")


async def test_tags_that_are_not_swapped_do_not_retrieve(sandbox: Sandbox, ada: Person) -> None:
    async with (
        raw_phone(sandbox, "101") as one,
        raw_phone(sandbox, "102") as two,
        _answered(sandbox, ada, one) as (leg, call),
    ):
        await _park(one, call)
        location = sandbox.switch.park_locations["101"]
        request = two.invite("prk101", _replaces(location, swapped=False))
        await two.send(request)
        await two.send(two.authorized(request, await two.expect("407 INVITE")))
        await two.expect("183 INVITE")
        await two.expect("486 INVITE")
        assert leg.end is None
        assert location.session is not None


async def test_the_parked_caller_hangs_up(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone, _answered(sandbox, ada, phone) as (leg, call):
        await _park(phone, call)
        await leg.hangup()
        await asyncio.sleep(0.1)
        assert sandbox.switch.park_locations["101"].session is None


async def test_a_phone_that_hangs_up_while_it_parks_leaves_the_location_free(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone, _answered(sandbox, ada, phone) as (leg, call):
        phone.auto_reply = False
        await call.refer("prk101")
        await phone.send(respond(await phone.expect("NOTIFY"), 200))
        await phone.expect("NOTIFY")
        await call.hangup()
        await leg.ended()
        assert sandbox.switch.park_locations["101"].session is None


async def test_a_location_holds_one_call(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone, _answered(sandbox, ada, phone) as (_leg, call):
        await _park(phone, call)
        async with _answered(sandbox, Person("+16505550177"), phone) as (leg, second):
            await second.refer("prk101")
            await phone.expect("NOTIFY")
            refused = await phone.expect("NOTIFY")
            assert refused.body.startswith("SIP/2.0 486 Busy Here")
            await asyncio.sleep(5)
            assert leg.end is None


async def test_a_call_that_nobody_answered_is_not_parked(sandbox: Sandbox, ada: Person) -> None:
    async with raw_phone(sandbox, "101") as phone:
        call = await phone.call(ada.number)
        await call.refer("prk101")
        await phone.expect("202 REFER")
        await phone.expect("NOTIFY")
        assert (await phone.expect("NOTIFY")).body.startswith("SIP/2.0 486")
        assert sandbox.switch.park_locations["101"].session is None
        await call.hangup()


async def test_a_call_is_transferred_to_an_extension_in_its_session(sandbox: Sandbox, ada: Person) -> None:
    async with (
        raw_phone(sandbox, "101") as one,
        raw_phone(sandbox, "102") as two,
        _answered(sandbox, ada, one) as (leg, call),
    ):
        start = len(one.log)
        await call.refer("102")
        await one.expect("BYE")
        assert one.came(start) == ["202 REFER", "NOTIFY", "NOTIFY", "BYE"]
        ringing = await two.ringing()
        assert ringing.session_id == leg.call.session_id
        await ringing.answer()
        await asyncio.sleep(1)
        assert sandbox.switch.talking("102")


async def test_a_call_is_transferred_to_an_outside_number(sandbox: Sandbox, ada: Person) -> None:
    sandbox.switch.add_endpoint(bob := Person("+16505550177", "Bob"))
    async with raw_phone(sandbox, "101") as phone, _answered(sandbox, ada, phone) as (leg, call):
        await call.refer(bob.number)
        await phone.expect("BYE")
        await asyncio.sleep(3)
        assert bob.legs[0].remote_number == ada.number
        await bob.legs[0].hangup()
        await leg.ended()


async def test_a_warm_transfer_joins_the_two_others(sandbox: Sandbox, ada: Person) -> None:
    sandbox.switch.add_endpoint(bob := Person("+16505550177", "Bob", after=0.5))
    async with raw_phone(sandbox, "101") as phone, _answered(sandbox, ada, phone) as (leg, call):
        await call.reinvite("sendonly")
        second = await phone.call(bob.number)
        await asyncio.sleep(1)
        replaces = f"{second.call_id}%3Bto-tag%3Da%3Bfrom-tag%3Db"
        await call.refer(f'"{bob.number}@x" <sip:{bob.number}@sip.ringcentral.com;transport=wss?Replaces={replaces}>')
        byes = [await phone.expect("BYE"), await phone.expect("BYE")]
        assert {bye.call_id for bye in byes} == {second.call_id, call.call_id}
        await asyncio.sleep(1)
        await bob.legs[0].press("7")
        assert leg.end is None
        await leg.hangup()
        await bob.legs[0].ended()


async def test_a_call_is_taken_over_to_another_device(sandbox: Sandbox, ada: Person) -> None:
    async with (
        raw_phone(sandbox, "101") as one,
        raw_phone(sandbox, "101", instance="b") as two,
        _answered(sandbox, ada, one) as (leg, call),
    ):
        sip = sandbox.switch.talking("101")[1].party.sip_data  # type: ignore[index]
        assert sip.call_id == call.call_id
        header = f"{leg.call.session_id};to-tag={sip.to_tag};from-tag={sip.from_tag};early-only"
        await two.call("101", {"Replaces": header})
        await one.expect("BYE")
        assert leg.end is None


async def test_callpark_gives_an_orbit_that_anyone_can_call(sandbox: Sandbox, ada: Person) -> None:
    async with (
        raw_phone(sandbox, "101") as one,
        raw_phone(sandbox, "102") as two,
        _answered(sandbox, ada, one) as (leg, call),
    ):
        body = '{"request":{"reqid":3,"command":"callpark"}}'
        await one.send(call.make("INFO", {"Content-Type": "application/json;charset=utf-8"}, body))
        await one.expect("200 INFO")
        result = await one.expect("INFO")
        assert '"park extension": "801"' in result.body
        await call.hangup()
        await two.call("*801")
        await asyncio.sleep(0.1)
        assert sandbox.switch.talking("102")
        await leg.hangup()
        await two.expect("BYE")
