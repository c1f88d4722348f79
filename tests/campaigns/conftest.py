"""Campaigns on virtual time, with a store in a file."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import structlog

from bot.clock import VirtualClock
from bot.log import configure
from bot.store import Store
from tests.campaigns.stage import START, FakeCalls, Stage


@pytest.fixture(autouse=True)
def _quiet_logs() -> Iterator[None]:
    configure("error", stream=io.StringIO())
    yield
    structlog.reset_defaults()


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    clock = VirtualClock(START)
    async with await Store.open(f"sqlite:///{tmp_path}/bot.db") as store:
        yield Stage(tmp_path, store, clock, FakeCalls(clock))
