"""Every test of this folder leaves no task and no socket behind."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from bot.media import MediaEngine, MediaOptions, Speech


def _sockets() -> int:
    count = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            count += os.readlink(descriptor).startswith("socket:")
        except OSError:
            continue
    return count


@pytest_asyncio.fixture(autouse=True)
async def nothing_left() -> AsyncIterator[None]:
    tasks, sockets = asyncio.all_tasks(), _sockets()
    yield
    for _round in range(3):
        await asyncio.sleep(0)
    assert not {task for task in asyncio.all_tasks() - tasks if task is not asyncio.current_task()}
    assert _sockets() == sockets


@pytest_asyncio.fixture
async def engine() -> AsyncIterator[MediaEngine]:
    async with MediaEngine(MediaOptions(loopback=True)) as engine:
        yield engine


@pytest_asyncio.fixture
async def speech() -> AsyncIterator[Speech]:
    async with Speech() as speech:
        yield speech


@pytest.fixture(params=["PCMU", "PCMA", "opus"])
def codec(request: pytest.FixtureRequest) -> str:
    return str(request.param)
