"""Sandboxes for tests: silent ones, whose speech engine is replaced by tones, and scripted people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from bot.media import SAMPLE_RATE, Pcm
from bot.sandbox.endpoints import Leg
from bot.sandbox.options import SandboxOptions
from bot.sandbox.sandbox import Sandbox


class ToneSpeech:
    """Speaks each text as a second of a quiet tone, and remembers the texts."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def say(self, text: str, *, voice: str = "", rate: int = 0) -> Pcm:
        self.said.append(text)
        at = np.arange(SAMPLE_RATE) / SAMPLE_RATE
        return (np.sin(2 * np.pi * 300 * at) * 4000).astype(np.int16)

    async def close(self) -> None:
        """Nothing to close."""


@dataclass
class Person:
    """Somebody at a number: answers after `after` seconds, or as `status` says; keeps the legs."""

    number: str
    name: str = ""
    after: float = 2.0
    status: int = 0
    answers: bool = True
    legs: list[Leg] = field(default_factory=list)

    async def ring(self, leg: Leg) -> None:
        self.legs.append(leg)
        await asyncio.sleep(self.after)
        if self.status:
            await leg.reject(self.status)
        elif self.answers:
            await leg.answer()


@pytest.fixture
def speech() -> ToneSpeech:
    return ToneSpeech()


@pytest.fixture
async def make_sandbox(speech: ToneSpeech) -> AsyncIterator[Callable[..., asyncio.Future[Sandbox]]]:
    """`await make_sandbox(ring_time=5)`. On teardown nothing may be left of any call."""
    made: list[Sandbox] = []

    async def make(**settings: object) -> Sandbox:
        sandbox = Sandbox(SandboxOptions(**settings), speech=speech)  # type: ignore[arg-type]
        await sandbox.__aenter__()
        made.append(sandbox)
        return sandbox

    yield make  # type: ignore[misc]
    for sandbox in made:
        await sandbox.__aexit__()
        assert not sandbox.switch.sessions
        assert not sandbox.switch.tasks
        assert not sandbox.server.core.tasks
        assert not sandbox.switch.media.sessions


@pytest.fixture
async def sandbox(make_sandbox: Callable[..., asyncio.Future[Sandbox]]) -> Sandbox:
    return await make_sandbox()


@pytest.fixture
def ada(sandbox: Sandbox) -> Person:
    person = Person("+16505550199", "Ada")
    sandbox.switch.add_endpoint(person)
    return person
