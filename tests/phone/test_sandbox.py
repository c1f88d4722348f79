"""The phone against the sandbox's phone system, with real audio, from the INVITE to the BYE."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import numpy as np
import pytest

from bot.clock import Clock
from bot.errors import CallFailed, OperationRefused, TooManyContacts
from bot.media import MediaEngine, MediaOptions, MediaSession, Pcm, ToneSource
from bot.media.tones import dominant_frequency
from bot.phone import InboundSession, IncomingCall, Phone, PhoneEvent, SessionEnd, SessionState, SipInfo
from bot.sandbox.endpoints import Leg, LegState
from bot.sandbox.options import SandboxOptions
from bot.sandbox.sandbox import Sandbox
from bot.sip.rc import Reply
from tests.sandbox.conftest import Person, ToneSpeech


@dataclass
class Desk:
    """One of our phones, with the calls that came to it."""

    phone: Phone
    calls: asyncio.Queue[InboundSession]

    async def ringing(self) -> InboundSession:
        async with asyncio.timeout(20):
            return await self.calls.get()


class System:
    """A sandbox, our phones at it, and people outside."""

    def __init__(self, sandbox: Sandbox, engine: MediaEngine) -> None:
        self.sandbox = sandbox
        self.engine = engine
        self.desks: list[Desk] = []
        self.ada = Person("+16505550199", "Ada", after=1.0)
        sandbox.switch.add_endpoint(self.ada)

    async def desk(self, extension: str, *, instance: str = "", device: str = "") -> Desk:
        calls: asyncio.Queue[InboundSession] = asyncio.Queue()

        def take(event: PhoneEvent) -> None:
            if isinstance(event, IncomingCall):
                calls.put_nowait(event.session)

        phone = Phone(
            SipInfo.from_json(self.sandbox.sip_info(extension, device)),
            self.engine,
            name=extension,
            instance_id=instance,
            ssl_context=self.sandbox.ssl_context(),
            clock=Clock(),
            on_event=take,
        )
        await phone.start()
        self.desks.append(Desk(phone, calls))
        return self.desks[-1]

    async def call_from_ada(self, extension: str = "101") -> Leg:
        return await self.sandbox.switch.place_call(self.ada, extension)


Maker = Callable[..., Awaitable[System]]


@pytest.fixture
async def make_system() -> AsyncIterator[Maker]:
    """`await make_system(offerless=True)`; whatever was made is stopped, and must leave nothing behind."""
    made: list[System] = []

    async def make(**options: object) -> System:
        sandbox = Sandbox(SandboxOptions(**options), speech=ToneSpeech())  # type: ignore[arg-type]
        await sandbox.__aenter__()
        made.append(System(sandbox, MediaEngine(MediaOptions(loopback=True))))
        return made[-1]

    yield make
    for system in made:
        for desk in system.desks:
            await desk.phone.stop()
            assert not desk.phone.sessions
        assert not system.engine.sessions
        await system.engine.close()
        await system.sandbox.__aexit__()
    await asyncio.sleep(1)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.fixture
async def system(make_system: Maker) -> System:
    return await make_system()


async def pitch(listen: Callable[[Callable[[Pcm], None]], Callable[[], None]], seconds: float = 0.6) -> float:
    """The frequency that is heard, after a moment."""
    frames: list[Pcm] = []
    remove = listen(frames.append)
    await asyncio.sleep(seconds)
    remove()
    return dominant_frequency(np.concatenate(frames[len(frames) // 2 :]))


def says(media: MediaSession, hz: float) -> None:
    media.source = ToneSource((hz,))


async def test_a_call_is_answered_and_both_sides_hear_each_other(system: System) -> None:
    desk = await system.desk("101")
    leg = await system.call_from_ada()
    session = await desk.ringing()
    assert (session.remote_number, session.remote_name) == ("+16505550199", "Ada")
    assert session.session_id == leg.call.session_id
    await session.answer()
    assert leg.state is LegState.ANSWERED
    says(session.media, 500)
    leg.source = ToneSource((800,))
    assert await pitch(leg.hear) == pytest.approx(500, abs=20)
    assert await pitch(session.media.on_audio) == pytest.approx(800, abs=20)
    await leg.hangup()
    assert await session.ended() == SessionEnd("peer", "hangup")


async def test_an_invite_without_an_offer_works_the_same(make_system: Maker) -> None:
    system = await make_system(offerless=True)
    desk = await system.desk("101")
    leg = await system.call_from_ada()
    session = await desk.ringing()
    await session.answer()
    says(session.media, 500)
    assert await pitch(leg.hear) == pytest.approx(500, abs=20)
    await session.hangup()
    assert await session.ended() == SessionEnd("us", "hangup")


async def test_the_caller_gives_up(system: System) -> None:
    desk = await system.desk("101")
    leg = await system.call_from_ada()
    session = await desk.ringing()
    await leg.hangup()
    assert await session.ended() == SessionEnd("peer", "cancelled")


@pytest.mark.parametrize(("operation", "cause"), [("decline", "declined"), ("to_voicemail", "voicemail")])
async def test_a_ringing_call_is_given_away_and_the_caller_stays(system: System, operation: str, cause: str) -> None:
    desk = await system.desk("101")
    leg = await system.call_from_ada()
    session = await desk.ringing()
    await getattr(session, operation)()
    assert (await session.ended()).cause == cause
    assert leg.state is not LegState.ENDED
    await leg.hangup()


async def test_a_ringing_call_is_forwarded(system: System) -> None:
    first, second = await system.desk("101"), await system.desk("102")
    leg = await system.call_from_ada()
    await (await first.ringing()).forward("102")
    session = await second.ringing()
    await session.answer()
    assert leg.state is LegState.ANSWERED
    await session.hangup()


async def test_a_reply_is_spoken_and_the_callers_choice_comes_back(system: System) -> None:
    desk = await system.desk("101")
    leg = await system.call_from_ada()
    session = await desk.ringing()
    replying = asyncio.create_task(session.reply(Reply("I call you back")))
    assert (await session.ended()).cause == "replied"
    await asyncio.sleep(8)
    await leg.press("3")
    outcome = await replying
    assert outcome.choice == "yes"
    await leg.hangup()


async def test_our_call_is_heard_digits_arrive_and_the_other_side_hangs_up(system: System) -> None:
    desk = await system.desk("101")
    session = await desk.phone.call("+16505550199")
    await session.answered()
    assert session.session_id.startswith("s-")
    await asyncio.sleep(2)
    leg = system.ada.legs[0]
    pressed: list[str] = []
    leg.on_digit(pressed.append)
    await session.send_dtmf("12#")
    await asyncio.sleep(0.5)
    assert pressed == ["1", "2", "#"]
    await leg.hangup()
    assert await session.ended() == SessionEnd("peer", "hangup")


async def test_a_number_that_does_not_exist_fails_with_486(system: System) -> None:
    desk = await system.desk("101")
    session = await desk.phone.call("999")
    with pytest.raises(CallFailed) as failed:
        await session.answered()
    assert failed.value.status == 486


async def test_our_call_is_cancelled(system: System) -> None:
    first, second = await system.desk("101"), await system.desk("102")
    session = await first.phone.call("102")
    ringing = await second.ringing()
    await session.hangup()
    assert (await session.ended()).by == "us"
    assert await ringing.ended() == SessionEnd("peer", "cancelled")


async def test_two_of_our_phones_talk_hold_and_transfer(system: System) -> None:
    first, second = await system.desk("101"), await system.desk("102")
    calling = await first.phone.call("102")
    called = await second.ringing()
    await called.answer()
    await calling.answered()
    says(calling.media, 500)
    assert await pitch(called.media.on_audio) == pytest.approx(500, abs=20)
    await called.hold()
    await asyncio.sleep(1)
    await called.unhold()
    assert await pitch(called.media.on_audio) == pytest.approx(500, abs=20)
    await called.transfer("+16505550199")
    assert await called.ended() == SessionEnd("us", "transferred")
    await asyncio.sleep(3)
    assert calling.state is SessionState.ANSWERED
    assert await pitch(system.ada.legs[0].hear) == pytest.approx(500, abs=20)
    await calling.hangup()


async def test_an_answered_call_is_parked_and_one_that_cannot_be_is_not(system: System) -> None:
    desk = await system.desk("101")
    leg = await system.call_from_ada()
    session = await desk.ringing()
    await session.answer()
    with pytest.raises(OperationRefused):
        await session.transfer("prk999")
    assert session.state is SessionState.ANSWERED
    (location, *_) = system.sandbox.switch.park_locations
    await session.transfer(f"prk{location}")
    assert await session.ended() == SessionEnd("us", "transferred")
    assert leg.state is LegState.ANSWERED
    await leg.hangup()


async def test_the_first_of_two_phones_of_an_extension_has_the_call(system: System) -> None:
    device, _password = system.sandbox.switch.provision("101")
    one, other = await system.desk("101"), await system.desk("101", device=device)
    leg = await system.call_from_ada()
    session, elsewhere = await one.ringing(), await other.ringing()
    await session.answer()
    assert await elsewhere.ended() == SessionEnd("elsewhere", "answered_elsewhere")
    await leg.hangup()


async def test_the_sixth_instance_is_one_too_many(system: System) -> None:
    for number in range(5):
        await system.desk("101", instance=f"instance-{number}")
    with pytest.raises(TooManyContacts):
        await system.desk("101", instance="instance-5")
    await system.desks[0].phone.stop()
    await system.desk("101", instance="instance-5")


async def test_the_phone_stays_registered_for_an_hour(system: System) -> None:
    desk = await system.desk("101")
    await asyncio.sleep(3600)
    assert desk.phone.registered
    leg = await system.call_from_ada()
    await (await desk.ringing()).answer()
    await leg.hangup()


async def answered_from_ada(system: System, desk: Desk) -> tuple[Leg, InboundSession]:
    """Ada speaks at 800 Hz, and we at 500."""
    leg = await system.call_from_ada()
    session = await desk.ringing()
    await session.answer()
    says(session.media, 500)
    leg.source = ToneSource((800,))
    return leg, session


async def test_a_call_is_recorded_by_the_phone_system(system: System) -> None:
    notes: list[str] = []
    system.sandbox.on_event(lambda event: notes.append(event.kind))
    leg, session = await answered_from_ada(system, await system.desk("101"))
    await session.start_recording()
    await session.stop_recording()
    assert [kind for kind in notes if kind.startswith("recording")] == ["recording.start", "recording.stop"]
    await leg.hangup()


async def test_who_is_muted_is_not_heard_and_hears(system: System) -> None:
    leg, session = await answered_from_ada(system, await system.desk("101"))
    session.mute()
    await asyncio.sleep(0.5)
    heard: list[Pcm] = []
    remove = leg.hear(heard.append)
    assert await pitch(session.media.on_audio) == pytest.approx(800, abs=20)
    remove()
    assert np.abs(np.concatenate(heard)).max() < 100
    session.unmute()
    assert await pitch(leg.hear) == pytest.approx(500, abs=20)
    await leg.hangup()


async def test_a_call_parked_in_an_orbit_is_whose_phone_dials_it(system: System) -> None:
    first, second = await system.desk("101"), await system.desk("102")
    leg, session = await answered_from_ada(system, first)
    orbit = await session.park()
    assert orbit == "801"
    assert session.end == SessionEnd("us", "transferred")
    retrieved = await second.phone.call(f"*{orbit}")
    await retrieved.answered()
    says(retrieved.media, 600)
    assert await pitch(leg.hear) == pytest.approx(600, abs=20)
    assert await pitch(retrieved.media.on_audio) == pytest.approx(800, abs=20)
    await leg.hangup()
    await retrieved.ended()


async def test_a_flipped_call_goes_on_at_the_other_phone(system: System) -> None:
    first, second = await system.desk("101"), await system.desk("102")
    leg, session = await answered_from_ada(system, first)
    with pytest.raises(OperationRefused):
        await session.flip("999")
    flipped = await session.flip("102")
    assert flipped.target == "102"
    other = await second.ringing()
    assert await pitch(leg.hear) == pytest.approx(500, abs=20)
    await other.answer()
    says(other.media, 600)
    await session.hangup()
    assert await pitch(leg.hear) == pytest.approx(600, abs=20)
    assert await pitch(other.media.on_audio) == pytest.approx(800, abs=20)
    await leg.hangup()
    await other.ended()


async def test_a_warm_transfer_joins_the_other_two(system: System) -> None:
    first, second = await system.desk("101"), await system.desk("102")
    leg, session = await answered_from_ada(system, first)
    await session.hold()
    consulting = await first.phone.call("102")
    consulted = await second.ringing()
    await consulted.answer()
    await consulting.answered()
    says(consulting.media, 500)
    says(consulted.media, 600)
    assert await pitch(consulted.media.on_audio) == pytest.approx(500, abs=20)
    await session.complete_transfer(consulting)
    assert session.end == consulting.end == SessionEnd("us", "transferred")
    assert await pitch(leg.hear) == pytest.approx(600, abs=20)
    assert await pitch(consulted.media.on_audio) == pytest.approx(800, abs=20)
    await leg.hangup()
    await consulted.ended()


async def test_a_warm_transfer_that_is_called_off_gives_the_caller_back(system: System) -> None:
    first, second = await system.desk("101"), await system.desk("102")
    leg, session = await answered_from_ada(system, first)
    await session.hold()
    consulting = await first.phone.call("102")
    consulted = await second.ringing()
    await consulting.hangup()
    await session.unhold()
    assert (await consulted.ended()).by == "peer"
    assert await pitch(leg.hear) == pytest.approx(500, abs=20)
    await leg.hangup()
