"""The people who come along, against the bot's own phones: each shipped script does what it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from bot.clock import Clock
from bot.media import MediaEngine, MediaOptions, PcmSource, Speech
from bot.phone import InboundSession, IncomingCall, OutboundSession, Phone, PhoneEvent, SipInfo
from bot.sandbox.options import SandboxOptions
from bot.sandbox.people.model import SHIPPED
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
        self.own_phone: Phone

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


@asynccontextmanager
async def at(
    extension: str, sandbox: Sandbox, media: MediaEngine, speech: Speech, behaviour: Behaviour
) -> AsyncIterator[Agent]:
    """A phone at `extension` that does `behaviour` with each call."""
    agent = Agent(sandbox, media, speech, behaviour)
    agent.own_phone = agent.phone(extension)
    await agent.own_phone.start()
    serving = asyncio.create_task(agent.run())
    try:
        yield agent
        await asyncio.sleep(1)
    finally:
        serving.cancel()
        await asyncio.wait({serving})
        await agent.own_phone.stop()


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
    await agent.say(session, "You are through to the order line.")
    await agent.say(session, f"Welcome back, {session.remote_name}.")
    await session.ended()


async def reply(agent: Agent, session: InboundSession) -> None:
    agent.outcome = await session.reply(Reply(text=CALL_BACK))


async def test_ada_orders_and_grace_is_greeted_by_name(sandbox: Sandbox, media: MediaEngine, speech: Speech) -> None:
    async with at("101", sandbox, media, speech, greet):
        for script in ("ada-orders", "grace-calls"):
            result = await sandbox.people.play(script)
            assert result.ok, result


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
    async with at("101", sandbox, media, speech, reply) as agent:
        result = await sandbox.people.play(script)
        assert result.ok, result
    assert agent.outcome is not None
    assert (agent.outcome.choice, agent.outcome.number) == (choice, number)


async def overflow(agent: Agent, session: InboundSession) -> None:
    """A queue call is answered, told to wait, and parked."""
    assert session.queue_name == "Sales"
    await session.answer()
    await agent.say(session, "One moment please, a colleague will be with you.")
    await session.transfer("prk101")


async def test_a_caller_is_parked_and_taken_by_a_colleague(
    sandbox: Sandbox, media: MediaEngine, speech: Speech
) -> None:
    async with at("103", sandbox, media, speech, overflow), asyncio.TaskGroup() as group:
        colleague = group.create_task(sandbox.people.play("james-retrieves"))
        caller = await sandbox.people.play("alan-is-served")
        assert caller.ok, caller
        assert (await colleague).ok, await colleague


async def overflow_to_voicemail(agent: Agent, session: InboundSession) -> None:
    await session.answer()
    await agent.say(session, "One moment please, a colleague will be with you.")
    await session.transfer("101")


async def test_a_caller_whom_nobody_takes_leaves_a_message(
    sandbox: Sandbox, media: MediaEngine, speech: Speech
) -> None:
    async with at("103", sandbox, media, speech, overflow_to_voicemail):
        result = await sandbox.people.play("alan-leaves-a-message")
        assert result.ok, result
    assert len(sandbox.switch.voicemails) == 1


async def take_over(agent: Agent, session: InboundSession) -> None:
    """The call that comes from *83: both calls are kept until the customer is handed on."""
    await session.answer()
    await agent.say(session, "A supervisor is joining you now.")
    await session.transfer("105")


async def test_a_supervisor_takes_over_and_hands_on(sandbox: Sandbox, media: MediaEngine, speech: Speech) -> None:
    async with at("101", sandbox, media, speech, take_over) as agent, asyncio.TaskGroup() as group:
        customer = group.create_task(sandbox.people.play("victor-complains"))
        await asyncio.sleep(30)
        session = await agent.own_phone.call("*83")
        await session.answered()
        await asyncio.sleep(2)
        await session.send_dtmf("102#")
        assert (await customer).ok, await customer


OFFER = "Hello. Spring is here: all garden tools are a third off this week."


@pytest.mark.parametrize(
    ("number", "words", "digits", "thanks"),
    [
        ("16505550123", "You asked for an urgent call.", "", ""),
        ("16505550191", OFFER, "1", "Thank you. A colleague will call you within the hour."),
        ("16505550195", OFFER, "9", "You will not hear from us again. Good bye."),
    ],
)
async def test_people_who_are_called_answer_and_press(
    sandbox: Sandbox, media: MediaEngine, speech: Speech, number: str, words: str, digits: str, thanks: str
) -> None:
    async with at("101", sandbox, media, speech, greet) as agent:
        session = await agent.own_phone.call(number)
        await session.answered()
        pressed: list[str] = []
        session.media.on_digit(pressed.append)
        await asyncio.sleep(6)
        await agent.say(session, words)
        await asyncio.sleep(3)
        if thanks:
            await agent.say(session, thanks)
        await session.hangup()
    assert "".join(pressed) == digits
    assert [str(result) for result in sandbox.people.answered if not result.ok] == []
    assert len(sandbox.people.answered) == 1
