"""Caps and windows as a campaign lives through them: by the called party's clock and day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.store import Disposition
from tests.campaigns.stage import ADA, BOB, START, Stage

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
DAILY = "attempts: {max: 5, per_day: 2, retry_after: {busy: 1h}}\nwindow: {from: '00:00', to: '24:00'}"


def days(stage: Stage, number: str, zone: ZoneInfo) -> list[int]:
    return [(START + timedelta(seconds=at)).astimezone(zone).day for at in stage.calls.times(number)]


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Asia/Tokyo", "Pacific/Kiritimati"])
async def test_the_daily_cap_is_that_of_the_called_partys_day(stage: Stage, zone: str) -> None:
    number = {"America/Los_Angeles": ADA, "Asia/Tokyo": "+81312345678", "Pacific/Kiritimati": "+68673012345"}[zone]
    stage.write(f"{number},,{zone},yes", DAILY)
    stage.calls.behaviour = {number: ["busy"]}
    await stage.campaigns().run("spring")
    called = days(stage, number, ZoneInfo(zone))
    assert len(called) == 5
    assert max(called.count(day) for day in called) == 2
    assert called == sorted(called)


async def test_the_cap_counts_the_calls_of_everybody(stage: Stage) -> None:
    stage.write(f"{ADA},,,yes", DAILY)
    for minutes in (30, 60):
        begun = await stage.store.attempts.begin(ADA, START - timedelta(minutes=minutes), campaign="autumn")
        assert begun is not None
        await stage.store.attempts.resolve(begun.id, Disposition.BUSY, START)
    await stage.campaigns().run("spring")
    (called,) = stage.calls.times(ADA)
    assert (START + timedelta(seconds=called)).astimezone(LOS_ANGELES).strftime("%d %H:%M") == "04 00:00"


async def test_people_are_called_within_the_window_of_their_own_clock(stage: Stage) -> None:
    sydney = "+61280001234"
    stage.write(f"{ADA},,,yes\n{sydney},,Australia/Sydney,yes", 'window: {from: "09:00", to: "20:00"}')
    await stage.campaigns().run("spring")
    assert stage.calls.times(ADA) == [0]
    (called,) = stage.calls.times(sydney)
    there = (START + timedelta(seconds=called)).astimezone(ZoneInfo("Australia/Sydney"))
    assert there.strftime("%a %H:%M") == "Wed 09:00"


async def test_days_that_are_left_out_are_theirs_not_ours(stage: Stage) -> None:
    """Tuesday noon in Los Angeles is Wednesday in Tokyo."""
    tokyo = "+81312345678"
    days_ = "window: {from: '00:00', to: '24:00', days: [tue]}"
    stage.write(f"{ADA},,,yes\n{tokyo},,Asia/Tokyo,yes", days_)
    report = await stage.campaigns().run("spring", wait=False)
    assert stage.calls.numbers() == [ADA]
    waiting = report.contacts[1]
    assert waiting.status == "waiting"
    assert waiting.next_at == datetime(2026, 3, 9, 15, 0, tzinfo=UTC)
    assert "outside the window" in waiting.why


async def test_a_retry_that_falls_outside_the_window_waits_for_the_morning(stage: Stage) -> None:
    stage.write(f"{ADA},,,yes", 'window: {from: "09:00", to: "12:00"}\nattempts: {max: 2, retry_after: {busy: 4h}}')
    stage.calls.behaviour = {ADA: ["busy"]}
    await stage.campaigns().run("spring")
    assert [START + timedelta(seconds=at) for at in stage.calls.times(ADA)] == [
        START,
        datetime(2026, 3, 4, 17, 0, tzinfo=UTC),
    ]


async def test_somebody_on_the_phone_with_us_is_not_called(stage: Stage) -> None:
    begun = await stage.store.attempts.begin(BOB, START, campaign="")
    assert begun is not None
    stage.write(f"{BOB},,,yes")
    report = await stage.campaigns().run("spring", wait=False)
    assert (report.contacts[0].status, report.contacts[0].why) == ("waiting", "is being called at this moment")
    assert stage.calls.dialled == []
