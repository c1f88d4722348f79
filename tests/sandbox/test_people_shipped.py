"""The people who come along, against the bot's own phones: each shipped script does what it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from bot.clock import Clock
from bot.media import MediaEngine, MediaOptions, PcmSource, Speech
from bot.phone import InboundSession, IncomingCall, OutboundSession, Phone, PhoneEvent, SipInfo
from bot.sandbox.options import SandboxOptions
from bot.sandbox.people_model import SHIPPED
from bot.sandbox.sandbox import Sandbox
from bot.sip.rc import Reply, ReplyOutcome

Behaviour = Callable[["Agent", InboundSession], Awaitable[None]]
CALL_BACK = "I am with a customer. May I call you back within the hour?"


class Agent:
    """A phone of the bot, and what it does with each call."""

    def __init__(self, sandbox: Sandbox, media: MediaEngine, speech: Speech, behaviour: Behaviour) -> None:
        self.sandbox = sandbox
        self.media = media
        self.speech = speech
        self.behaviour = behaviour
        self.calls: asyncio.Queue[InboundSession] = asyncio.Queue()
        self.outcome: ReplyOutcome | None = None

    def phone(self, extension: str) -> Phone:
        info = SipInfo.from_json(self.sandbox.sip_info(extension))
        return Phone(info, self.media, clock=Clock(), ssl_context=self.sandbox.ssl_context(), on_event=self._on_event)

    async def say(self, session: InboundSession | OutboundSession, text: str) -> None:
        await session.media.play(PcmSource(await self.speech.say(text)))

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._serve(await self.calls.get()))

    async def _serve(self, session: InboundSession) -> None:
        await self.behaviour(self, session)

    def _on_event(self, event: PhoneEvent) -> None:
        if isinstance(event, IncomingCall):
            self.calls.put_nowait(event.session)


@pytest.fixture
async def speech() -> AsyncIterator[Speech]:
    speech = Speech()
    yield speech
    await speech.close()


async def at_101(sandbox: Sandbox, media: MediaEngine, speech: Speech, behaviour: Behaviour, *scripts: str) -> Agent:
    """Play scripts, one after the other, while a phone at 101 does `behaviour` with each call."""
    agent = Agent(sandbox, media, speech, behaviour)
    phone = agent.phone("101")
    await phone.start()
    serving = asyncio.create_task(agent.run())
    try:
        for script in scripts:
            result = await sandbox.people.play(script)
            assert result.ok, result
    finally:
        await asyncio.sleep(1)
        serving.cancel()
        await asyncio.wait({serving})
        await phone.stop()
    return agent


@pytest.fixture
async def sandbox(speech: Speech) -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxOptions(people=(SHIPPED,)), speech=speech) as sandbox:
        yield sandbox


@pytest.fixture
async def media() -> AsyncIterator[MediaEngine]:
    async with MediaEngine(MediaOptions(loopback=True)) as media:
        yield media


async def greet(agent: Agent, session: InboundSession) -> None:
    assert session.auto_answer
    await session.answer()
    name = "" if session.remote_number.endswith("0199") else f"Hello {session.remote_name}. "
    await agent.say(session, f"{name}You are through to the order line.")
    await session.ended()


async def reply(agent: Agent, session: InboundSession) -> None:
    agent.outcome = await session.reply(Reply(text=CALL_BACK))


async def test_ada_orders_and_grace_is_greeted_by_name(sandbox: Sandbox, media: MediaEngine, speech: Speech) -> None:
    await at_101(sandbox, media, speech, greet, "ada-orders", "grace-calls")


@pytest.mark.parametrize(
    ("script", "choice", "number"),
    [
        ("ada-says-yes", "yes", ""),
        ("ada-says-no", "no", ""),
        ("ada-is-urgent", "urgent", "16505550123"),
        ("ada-disconnects", "none", ""),
    ],
)
async def test_ada_answers_a_reply(
    sandbox: Sandbox, media: MediaEngine, speech: Speech, script: str, choice: str, number: str
) -> None:
    agent = await at_101(sandbox, media, speech, reply, script)
    assert agent.outcome is not None
    assert (agent.outcome.choice, agent.outcome.number) == (choice, number)
