"""Flows for later: they survive a restart, and each is handed out once."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta, timezone

from bot.store import Store

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


async def test_a_schedule_survives_a_restart(url: str) -> None:
    async with await Store.open(url) as store:
        await store.schedules.add("call-back", NOON, {"number": "+16505550199", "tries": 2})
    async with await Store.open(url) as store:
        (schedule,) = await store.schedules.claim_due(NOON)
    assert (schedule.flow, schedule.due_at) == ("call-back", NOON)
    assert schedule.inputs == {"number": "+16505550199", "tries": 2}


async def test_a_schedule_is_claimed_once(url: str, store: Store) -> None:
    for minutes in (5, 0):
        await store.schedules.add("call-back", NOON + timedelta(minutes=minutes), {"after": minutes})
    async with await Store.open(url) as other:
        later = NOON + timedelta(hours=1)
        both = await asyncio.gather(store.schedules.claim_due(later), other.schedules.claim_due(later))
    assert sorted(len(claimed) for claimed in both) == [0, 2]
    assert [schedule.inputs["after"] for schedule in max(both, key=len)] == [0, 5]


async def test_nothing_is_claimed_before_it_is_due(store: Store) -> None:
    await store.schedules.add("call-back", NOON, {})
    assert await store.schedules.claim_due(NOON - timedelta(microseconds=1)) == []
    assert await store.schedules.next_due() == NOON
    assert len(await store.schedules.claim_due(NOON)) == 1
    assert await store.schedules.next_due() is None


async def test_a_moment_is_the_same_in_every_time_zone(store: Store) -> None:
    await store.schedules.add("call-back", NOON.astimezone(timezone(timedelta(hours=9))), {})
    assert await store.schedules.next_due() == NOON


async def test_a_waiting_schedule_can_be_cancelled_and_a_claimed_one_not(store: Store) -> None:
    first = await store.schedules.add("call-back", NOON, {})
    second = await store.schedules.add("remind", NOON + timedelta(hours=1), {})
    await store.schedules.claim_due(NOON)
    assert not await store.schedules.cancel(first.id)
    assert await store.schedules.waiting() == [second]
    assert await store.schedules.cancel(second.id)
    assert await store.schedules.waiting() == []
