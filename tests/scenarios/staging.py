"""Stages that differ from the demonstration: flows, settings and sandboxes of a test, and people with ears."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bot.app import open_bot, sandboxed
from bot.calls import Call, Event
from bot.clock import Clock
from bot.config import Config
from bot.demo import Stage, demo_config
from bot.flows import StepDone, TraceRecord
from bot.media import FRAME, SAMPLE_RATE, MediaOptions, Pcm, Speech, level_db
from bot.media.tones import tone_level
from bot.sandbox import SHIPPED, QueueOptions, Sandbox, SandboxOptions
from bot.sandbox.endpoints import Leg
from tests.scenarios.conftest import CONFIG

SALES = (QueueOptions("Sales", "300", ("103",)),)
AUDIBLE_DB = -40.0


@dataclass
class Somebody:
    """A person outside or at a desk phone, who answers after `after` seconds (never: None) and remembers all."""

    number: str
    name: str = ""
    after: float | None = 0.5
    legs: list[Leg] = field(default_factory=list)
    keys: str = ""
    frames: list[Pcm] = field(default_factory=list)

    async def ring(self, leg: Leg) -> None:
        self.legs.append(leg)
        if self.after is None:
            return
        await asyncio.sleep(self.after)
        self.listen(leg)
        await leg.answer()

    def listen(self, leg: Leg) -> None:
        leg.hear(self.frames.append)
        leg.on_digit(self._pressed)

    def _pressed(self, key: str) -> None:
        self.keys += key

    @property
    def heard(self) -> Pcm:
        return np.concatenate(self.frames) if self.frames else np.zeros(0, np.int16)


async def hears(leg: Leg, hz: float, seconds: float = 0.6) -> bool:
    """Whether the person of a leg hears this tone now."""
    frames: list[Pcm] = []
    remove = leg.hear(frames.append)
    await asyncio.sleep(seconds)
    remove()
    return tone_level(np.concatenate(frames[5:]), hz) > AUDIBLE_DB


async def bot_hears(call: Call, hz: float, seconds: float = 0.6) -> bool:
    """Whether the bot hears this tone in a call of its own now."""
    frames: list[Pcm] = []
    remove = call.media.on_audio(frames.append)
    await asyncio.sleep(seconds)
    remove()
    return bool(frames) and tone_level(np.concatenate(frames[5:]), hz) > AUDIBLE_DB


async def until(holds: Callable[[], bool], seconds: float = 30.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110 - what it looks at has no event of its own
            await asyncio.sleep(0.02)


@dataclass
class Records:
    """What a bot's events and flows told."""

    events: list[Event] = field(default_factory=list)
    steps: list[StepDone] = field(default_factory=list)
    on_step: list[Callable[[StepDone], None]] = field(default_factory=list)

    def trace(self, record: TraceRecord) -> None:
        if isinstance(record, StepDone):
            self.steps.append(record)
            for listener in self.on_step:
                listener(record)

    def named(self, name: str) -> list[Event]:
        return [event for event in self.events if event.name == name]


@dataclass
class OwnStage(Stage):
    records: Records = field(default_factory=Records)

    def caller(self, person: Somebody) -> Somebody:
        """Make a person reachable."""
        self.sandbox.switch.add_endpoint(person)
        return person

    async def call(self, person: Somebody, callee: str, *, headers: dict[str, str] | None = None) -> Leg:
        leg = await self.sandbox.switch.place_call(person, callee, headers=headers or {})
        person.listen(leg)
        return leg


@asynccontextmanager
async def bot_on(sandbox: Sandbox, config: Config, clock: Clock, speech: Speech) -> AsyncIterator[OwnStage]:
    """A bot on a sandbox that is there already: it can be stopped, and another one started."""
    records = Records()
    stage: OwnStage | None = None

    def trace(record: TraceRecord) -> None:
        records.trace(record)
        if stage is not None:
            stage.record(record)

    async with open_bot(config, sandboxed(config, sandbox), clock=clock, speech=speech, on_trace=trace) as bot:
        stage = OwnStage(sandbox, bot, records=records)
        bot.calls.on_event(records.events.append)
        yield stage


@asynccontextmanager
async def own_stage(
    state: Path,
    clock: Clock,
    *,
    options: SandboxOptions | None = None,
    codecs: tuple[str, ...] = ("PCMU", "opus"),
    speech: Speech | None = None,
    **settings: object,
) -> AsyncIterator[OwnStage]:
    """A sandbox and a bot; `settings` replace those of the example configuration."""
    config = demo_config(CONFIG, state)
    config = config.model_copy(
        update={"media": config.media.model_copy(update={"codecs": codecs}), **settings},
    )
    chosen = options or SandboxOptions(
        people=(SHIPPED,), queues=SALES, media=MediaOptions(loopback=True, codecs=codecs)
    )
    async with AsyncExitStack() as stack:
        voice = speech or await stack.enter_async_context(Speech())
        sandbox = await stack.enter_async_context(Sandbox(chosen, clock=clock, speech=voice))
        yield await stack.enter_async_context(bot_on(sandbox, config, clock, voice))


def flow_folder(folder: Path, **flows: str) -> Path:
    """A folder of flows, one file for each: its name, underscores as hyphens, is put in front of the text."""
    folder.mkdir(exist_ok=True)
    for name, text in flows.items():
        word = name.replace("_", "-")
        (folder / f"{word}.yaml").write_text(f"flow: {word}\n{text}")
    return folder


def loudest(pcm: Pcm) -> float:
    """The level, in dB, of the loudest 100 ms."""
    block = 5 * FRAME
    return max((level_db(pcm[at : at + block]) for at in range(0, len(pcm) - block + 1, block)), default=-100.0)


def seconds_of(pcm: Pcm) -> float:
    return len(pcm) / SAMPLE_RATE
