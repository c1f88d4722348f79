"""Campaigns on virtual time, with a store in a file."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.clock import VirtualClock
from bot.store import Store
from tests.campaigns.stage import START, FakeCalls, Stage


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    clock = VirtualClock(START)
    async with await Store.open(f"sqlite:///{tmp_path}/bot.db") as store:
        yield Stage(tmp_path, store, clock, FakeCalls(clock))
