"""Whole calls with real phones: what is said on one side is heard on the other, over SIP, ICE, DTLS and RTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from bot.clock import Clock
from bot.media import SAMPLE_RATE, MediaEngine, MediaOptions, Pcm, Speech, ToneSource, tone_level
from bot.phone import InboundSession, IncomingCall, OutboundSession, Phone, PhoneEvent, Session, SipInfo
from bot.sandbox.endpoints import LegState
from bot.sandbox.options import SandboxOptions
from bot.sandbox.sandbox import Sandbox
from bot.sip.rc import Reply
from tests.sandbox.conftest import Person

ONE, TWO = 700.0, 1300.0


class Line:
    """A real phone with the calls that came to it."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[InboundSession] = asyncio.Queue()
        self.phone: Phone

    def heard(self, event: PhoneEvent) -> None:
        if isinstance(event, IncomingCall):
            self.calls.put_nowait(event.session)

    async def next_call(self) -> InboundSession:
        async with asyncio.timeout(20):
            return await self.calls.get()


@asynccontextmanager
async def line(sandbox: Sandbox, extension: str) -> AsyncIterator[Line]:
    made = Line()
    async with MediaEngine(MediaOptions(loopback=True)) as media:
        info = SipInfo.from_json(sandbox.sip_info(extension))
        made.phone = Phone(info, media, ssl_context=sandbox.ssl_context(), clock=Clock(), on_event=made.heard)
        await made.phone.start()
        try:
            yield made
        finally:
            await made.phone.stop()


def _loudest(frames: list[Pcm]) -> dict[float, bool]:
    pcm = np.concatenate(frames[10:])
    return {hz: tone_level(pcm, hz) > -30 for hz in (ONE, TWO)}


async def _heard_by(listener: Any, seconds: float = 1.0) -> dict[float, bool]:
    frames: list[Pcm] = []
    listen = listener.hear if hasattr(listener, "hear") else listener.media.on_audio
    remove = listen(frames.append)
    await asyncio.sleep(seconds)
    remove()
    return _loudest(frames)


async def test_a_person_calls_a_phone_and_they_hear_each_other(sandbox: Sandbox, ada: Person) -> None:
    async with line(sandbox, "101") as one:
        leg = await sandbox.switch.place_call(ada, "101")
        session = await one.next_call()
        assert session.session_id == leg.call.session_id
        await session.answer()
        await leg.answered()
        await asyncio.sleep(1)
        leg.source, session.media.source = ToneSource([ONE]), ToneSource([TWO])
        assert await _heard_by(session) == {ONE: True, TWO: False}
        assert await _heard_by(leg) == {ONE: False, TWO: True}
        pressed: list[str] = []
        received: list[str] = []
        session.media.on_digit(pressed.append)
        leg.on_digit(received.append)
        await leg.press("12#")
        await session.send_dtmf("*90")
        await asyncio.sleep(1)
        assert (pressed, received) == (list("12#"), list("*90"))
        await session.hangup()
        await leg.ended()


async def test_a_phone_calls_a_phone_and_they_hear_each_other(sandbox: Sandbox) -> None:
    async with line(sandbox, "101") as one, line(sandbox, "102") as two:
        outgoing = await one.phone.call("102")
        incoming = await two.next_call()
        await incoming.answer()
        await asyncio.sleep(1)
        outgoing.media.source, incoming.media.source = ToneSource([ONE]), ToneSource([TWO])
        assert await _heard_by(incoming) == {ONE: True, TWO: False}
        assert await _heard_by(outgoing) == {ONE: False, TWO: True}
        await incoming.hold()
        await asyncio.sleep(0.5)
        assert (await _heard_by(outgoing))[TWO] is False
        await incoming.unhold()
        await asyncio.sleep(0.5)
        assert (await _heard_by(outgoing))[TWO] is True
        await outgoing.hangup()
        assert (await incoming.ended()).by == "peer"


async def test_a_caller_hears_ringback_until_the_callee_answers(sandbox: Sandbox, ada: Person) -> None:
    ada.after = 8.0
    async with line(sandbox, "101") as one:
        call = await one.phone.call(ada.number)
        await asyncio.sleep(1)
        frames: list[Pcm] = []
        call.media.on_audio(frames.append)
        await asyncio.sleep(6)
        pcm = np.concatenate(frames)
        assert tone_level(pcm, 440) > -40
        assert tone_level(pcm, 480) > -40
        await asyncio.sleep(3)
        frames.clear()
        await asyncio.sleep(1)
        assert tone_level(np.concatenate(frames), 440) < -50
        await call.hangup()


async def test_the_reply_comes_back_to_the_phone(sandbox: Sandbox, ada: Person) -> None:
    async with line(sandbox, "101") as one:
        leg = await sandbox.switch.place_call(ada, "101")
        session = await one.next_call()
        waiting = asyncio.ensure_future(session.reply(Reply("Shall I call you back?")))
        await leg.answered()
        await leg.press("3")
        assert (await waiting).choice == "yes"
        await leg.ended()


async def test_a_parked_call_is_retrieved_by_a_phone(sandbox: Sandbox, ada: Person) -> None:
    async with line(sandbox, "101") as one, line(sandbox, "102") as two:
        leg = await sandbox.switch.place_call(ada, "101")
        session = await one.next_call()
        await session.answer()
        await asyncio.sleep(1)
        await session.transfer("prk101")
        party = sandbox.switch.park_locations["101"].party
        assert party
        assert party.sip_data
        tags = f"to-tag={party.sip_data.from_tag};from-tag={party.sip_data.to_tag}"
        retrieved: OutboundSession = await two.phone.call(
            "prk101", headers={"Replaces": f"{leg.call.session_id};{tags};early-only"}
        )
        await retrieved.answered()
        await asyncio.sleep(1)
        leg.source = ToneSource([ONE])
        assert (await _heard_by(retrieved))[ONE]
        await leg.hangup()
        await retrieved.ended()


@pytest.mark.parametrize("form", ["new-call", "re-invite"])
async def test_a_supervisor_takes_a_call_over(make_sandbox: Any, ada: Person, form: str) -> None:
    sandbox: Sandbox = await make_sandbox(take_over=form)
    sandbox.switch.add_endpoint(agent := Person("102", "Liam", after=0.5))
    async with line(sandbox, "101") as boss:
        customer = await sandbox.switch.place_call(ada, "102")
        await customer.answered()
        first = await boss.phone.call("*83")
        await first.answered()
        await asyncio.sleep(2)
        await first.send_dtmf("102#")
        talking: Session = first
        if form == "new-call":
            talking = await boss.next_call()
            assert talking.remote_number == "*83"
            await talking.answer()  # type: ignore[attr-defined]
        await agent.legs[0].ended()
        await asyncio.sleep(1)
        customer.source, talking.media.source = ToneSource([ONE]), ToneSource([TWO])
        assert (await _heard_by(talking))[ONE]
        assert (await _heard_by(customer))[TWO]
        await first.hangup()
        await customer.ended()


async def test_a_supervisor_barges_in_on_two_phones(sandbox: Sandbox, ada: Person) -> None:
    async with line(sandbox, "101") as boss, line(sandbox, "102") as agent:
        customer = await sandbox.switch.place_call(ada, "102")
        session = await agent.next_call()
        await session.answer()
        supervising = await boss.phone.call("*82")
        await asyncio.sleep(2)
        await supervising.send_dtmf("102#")
        await asyncio.sleep(1)
        customer.source, supervising.media.source = ToneSource([ONE]), ToneSource([TWO])
        assert (await _heard_by(supervising))[ONE]
        assert await _heard_by(session) == {ONE: True, TWO: True}
        assert (await _heard_by(customer))[TWO]
        assert customer.state is LegState.ANSWERED
        await customer.hangup()
        await supervising.ended()


async def test_a_message_is_greeted_by_a_voice_and_recorded_as_it_was_said() -> None:
    speech = Speech()
    async with Sandbox(SandboxOptions(), speech=speech) as sandbox:
        async with line(sandbox, "101") as one:
            call = await one.phone.call("102")
            frames: list[Pcm] = []
            call.media.on_audio(frames.append)
            await asyncio.sleep(1)
            greeting = await speech.say("Liam is not available. Please leave a message after the tone.")
            await asyncio.sleep(len(greeting) / SAMPLE_RATE)
            call.media.source = ToneSource([ONE])
            await asyncio.sleep(3)
            await call.hangup()
        heard = np.concatenate(frames)
        assert tone_level(heard[len(greeting) :], 1000) > -40
        assert np.abs(heard[: len(greeting)]).max() > 3000
        (message,) = sandbox.switch.voicemails
        assert message.caller_number == "101"
        assert 1.5 < message.duration < 4
        assert tone_level(message.pcm[-SAMPLE_RATE:], ONE) > -30
    await speech.close()


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.03, 0.06, 0.1, 0.5, 2.3, 4.0])
async def test_a_phone_hangs_up_at_any_moment_of_a_take_over(sandbox: Sandbox, ada: Person, moment: float) -> None:
    sandbox.switch.add_endpoint(Person("102", "Liam", after=0.5))
    async with line(sandbox, "101") as boss:
        customer = await sandbox.switch.place_call(ada, "102")
        await customer.answered()
        first = await boss.phone.call("*83")
        pressing = asyncio.ensure_future(_press_and_answer(boss, first))
        await asyncio.sleep(moment)
        await first.hangup()
        await asyncio.sleep(1)
        pressing.cancel()
        await asyncio.wait({pressing})
        await customer.hangup()
        await asyncio.sleep(10)
        assert not sandbox.switch.sessions
        assert not sandbox.switch.media.sessions
        assert not sandbox.server.core.dialogs


async def _press_and_answer(boss: Line, first: OutboundSession) -> None:
    await first.answered()
    await asyncio.sleep(1)
    await first.send_dtmf("102#")
    await (await boss.next_call()).answer()
