"""The scheduler, on virtual time: nothing early, nothing twice, nothing lost over a restart."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.clock import Clock, VirtualClock
from bot.errors import UserError
from bot.schedule import Scheduler, When
from bot.store import Store

START = datetime(2026, 3, 7, 12, 0, tzinfo=UTC)


class Runs:
    """What was run, and when."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.log: list[tuple[str, datetime, Mapping[str, object]]] = []

    async def __call__(self, flow: str, inputs: Mapping[str, object]) -> None:
        self.log.append((flow, self.clock.now(), inputs))

    def times(self) -> list[tuple[str, float]]:
        return [(flow, (at - START).total_seconds()) for flow, at, _ in self.log]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/bot.db"


async def test_scheduled_flows_run_when_they_are_due(url: str) -> None:
    clock = VirtualClock(START)
    runs = Runs(clock)
    async with await Store.open(url) as store, Scheduler(store.schedules, clock, runs) as scheduler:
        await scheduler.schedule("late", START + timedelta(days=3), {})
        await scheduler.schedule("soon", START + timedelta(minutes=45), {"number": "+16505550199", "lines": [1, 2]})
        cancelled = await scheduler.schedule("never", START + timedelta(hours=1), {})
        assert await scheduler.cancel(cancelled.id)
        await clock.sleep(3 * 86_400 + 1)
    assert runs.times() == [("soon", pytest.approx(2700, abs=0.01)), ("late", pytest.approx(3 * 86_400, abs=0.01))]
    assert runs.log[0][2] == {"number": "+16505550199", "lines": [1, 2]}


async def test_what_fell_due_while_the_bot_was_down_runs_at_the_start_and_once(url: str) -> None:
    clock = VirtualClock(START)
    runs = Runs(clock)
    async with await Store.open(url) as store:
        async with Scheduler(store.schedules, clock, runs) as scheduler:
            await scheduler.schedule("call-back", START + timedelta(hours=1), {})
        await clock.sleep(7200)
        for _ in range(2):
            async with Scheduler(store.schedules, clock, runs):
                await clock.sleep(1)
    assert runs.times() == [("call-back", 7200)]


async def test_what_recurs_runs_until_it_is_removed(url: str) -> None:
    clock = VirtualClock(START)
    runs = Runs(clock)
    async with await Store.open(url) as store, Scheduler(store.schedules, clock, runs) as scheduler:
        remove = scheduler.add("often", When(every=600), lambda: runs("often", {}))
        scheduler.add("daily", When(at="09:00"), lambda: runs("daily", {}))
        assert set(scheduler.upcoming()) == {"often", "daily"}
        await clock.sleep(1801)
        remove()
        await clock.sleep(86_400)
    assert [name for name, _ in runs.times()] == ["often", "often", "often", "daily"]
    assert runs.log[-1][1].hour == 9


async def test_a_run_that_still_goes_on_is_not_started_again(url: str) -> None:
    clock = VirtualClock(START)
    started = 0

    async def slow() -> None:
        nonlocal started
        started += 1
        await clock.sleep(150)

    async with await Store.open(url) as store, Scheduler(store.schedules, clock, Runs(clock)) as scheduler:
        scheduler.add("slow", When(every=60), slow)
        await clock.sleep(301)
    assert started == 2


async def test_a_run_that_fails_stops_nothing_else(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    clock = VirtualClock(START)
    runs = Runs(clock)

    async def broken() -> None:
        raise ValueError("broken on purpose")

    async with await Store.open(url) as store, Scheduler(store.schedules, clock, runs) as scheduler:
        scheduler.add("broken", When(every=60), broken)
        scheduler.add("whole", When(every=60), lambda: runs("whole", {}))
        await clock.sleep(121)
    assert len(runs.log) == 2
    assert "broken on purpose" in "".join(capsys.readouterr())


async def test_leaving_ends_what_was_started(url: str) -> None:
    clock = VirtualClock(START)
    ended = False

    async def endless(flow: str, inputs: Mapping[str, object]) -> None:
        nonlocal ended
        try:
            await asyncio.Event().wait()
        finally:
            ended = True

    async with await Store.open(url) as store:
        async with Scheduler(store.schedules, clock, endless) as scheduler:
            await scheduler.schedule("endless", START, {})
            await clock.sleep(1)
        assert ended
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_inputs_that_cannot_be_kept_are_refused(url: str) -> None:
    clock = VirtualClock(START)
    async with await Store.open(url) as store, Scheduler(store.schedules, clock, Runs(clock)) as scheduler:
        with pytest.raises(UserError, match="cannot be kept"):
            await scheduler.schedule("call-back", START, {"clock": clock})
