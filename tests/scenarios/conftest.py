"""A whole stage for tests: sandbox, people and bot in this process, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.clock import VirtualClock
from bot.demo import Stage, open_stage

CONFIG = Path("config.example.yaml")


@pytest.fixture
async def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 3, 2, 17, 0, tzinfo=UTC))


@pytest.fixture
async def stage(clock: VirtualClock) -> AsyncIterator[Stage]:
    async with open_stage(CONFIG, clock=clock) as opened:
        yield opened


async def quiet(stage: Stage) -> None:
    """Wait until neither the bot nor the sandbox has a call, and no flow runs."""
    async with asyncio.timeout(120):
        while stage.bot.calls.live or stage.bot.engine.runs or stage.sandbox.switch.sessions:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await asyncio.sleep(1)
