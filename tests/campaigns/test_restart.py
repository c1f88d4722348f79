"""Crashes: whatever the moment, nobody is dialled twice for one attempt, and nobody is forgotten."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from bot.schedule import Scheduler
from bot.store import Disposition, Store
from tests.campaigns.stage import ADA, BOB, CLEO, START, FakeCalls, Stage

ROWS = "\n".join(f"{number},,,yes" for number in (ADA, BOB, CLEO))


async def after_crash(stage: Stage, image: Path) -> Stage:
    """The bot after a crash: what was on the disk at that moment, and nothing else."""
    store = await Store.open(f"sqlite:///{image}/bot.db")
    return Stage(stage.folder, store, stage.clock, FakeCalls(stage.clock))


def disk(stage: Stage, image: Path) -> None:
    """Copy the database as a crash at this moment would leave it."""
    image.mkdir()
    for file in stage.folder.glob("bot.db*"):
        shutil.copy(file, image / file.name)


@pytest.mark.parametrize("crash_at", range(6))
async def test_wherever_it_crashes_an_attempt_is_made_once(stage: Stage, tmp_path: Path, crash_at: int) -> None:
    stage.write(ROWS, "lines: 2\nattempts: {max: 2, retry_after: {busy: 1m, interrupted: 1m}}")
    stage.calls.behaviour = {BOB: ["busy"]}
    image = tmp_path / "image"
    moments = 0

    async def crash_here(_number: str) -> None:
        """Twice an attempt: written and not dialled yet, or dialled and not resolved yet."""
        nonlocal moments
        if moments == crash_at:
            disk(stage, image)
        moments += 1

    dialled_before: list[str] = []

    async def before_dialling(number: str) -> None:
        await crash_here(number)
        if not image.exists():
            dialled_before.append(number)
        await crash_here(number)

    stage.calls.before_dialling = before_dialling
    await stage.campaigns().run("spring")
    again = await after_crash(stage, image)
    again.calls.behaviour = {BOB: ["busy"]}
    report = await again.campaigns().run("spring")
    await again.store.close()
    for contact in report.contacts:
        dialled = dialled_before.count(contact.number) + again.calls.numbers().count(contact.number)
        assert dialled <= contact.attempts <= 2
    assert report.counts == {"answered": 2, "busy": 1} or report.counts == {"answered": 2, "interrupted": 1}


async def test_an_attempt_that_a_crash_cut_off_counts(stage: Stage, tmp_path: Path) -> None:
    stage.write(f"{ADA},,,yes", "attempts: {max: 1}")

    async def crash(_number: str) -> None:
        disk(stage, tmp_path / "image")

    stage.calls.before_dialling = crash
    await stage.campaigns().run("spring")
    again = await after_crash(stage, tmp_path / "image")
    report = await again.campaigns().run("spring")
    await again.store.close()
    assert (report.contacts[0].status, report.contacts[0].attempts) == ("interrupted", 1)
    assert again.calls.dialled == []


async def test_a_run_that_is_cancelled_resolves_its_attempts_and_ends_its_calls(stage: Stage) -> None:
    stage.write(ROWS, "lines: 2")
    stage.calls.behaviour = {ADA: ["rings"]}
    running = asyncio.ensure_future(stage.campaigns().run("spring"))
    await stage.clock.sleep(8)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    attempts = await stage.store.attempts.of_campaign("spring", 1)
    assert [attempt.disposition for attempt in attempts] == [Disposition.INTERRUPTED, Disposition.INTERRUPTED]
    assert not stage.calls.live
    assert (await stage.campaigns().show("spring")).state == "unfinished"


async def test_two_processes_that_run_one_campaign_share_its_list(stage: Stage) -> None:
    stage.write("\n".join(f"+165055501{digits},,,yes" for digits in range(10, 30)), "lines: 2")
    async with await Store.open(f"sqlite:///{stage.folder}/bot.db") as store:
        other = Stage(stage.folder, store, stage.clock, stage.calls)

        async def later() -> None:
            await stage.clock.sleep(20)
            await other.campaigns().run("spring")

        await asyncio.gather(stage.campaigns().run("spring"), later())
        report = await other.campaigns().show("spring")
    assert report.counts == {"answered": 20}
    assert len(stage.calls.numbers()) == len(set(stage.calls.numbers())) == 20
    assert stage.calls.most == 4


async def test_a_list_may_grow_and_shrink_between_runs(stage: Stage) -> None:
    stage.write(f"{ADA},,,yes\n{BOB},,,yes")
    await stage.campaigns().run("spring")
    stage.write(f"{BOB},,,yes\n{CLEO},,,yes")
    report = await stage.campaigns().run("spring")
    assert stage.calls.numbers() == [ADA, BOB, CLEO]
    assert [contact.number for contact in report.contacts] == [BOB, CLEO]


async def test_a_scheduled_campaign_starts_by_itself(stage: Stage) -> None:
    stage.write(ROWS, 'schedule: {cron: "0 11 * * *", time_zone: America/Los_Angeles}')

    async def no_flows(*_: object) -> None:
        raise AssertionError

    async with Scheduler(stage.store.schedules, stage.clock, no_flows) as scheduler:
        stage.campaigns().add_schedules(scheduler)
        await stage.clock.sleep(3599)
        assert stage.calls.dialled == []
        await stage.clock.sleep(120)
    assert stage.calls.numbers() == [ADA, BOB, CLEO]


async def test_only_a_campaign_that_starts_by_itself_is_taken_up_by_itself(stage: Stage) -> None:
    stage.write(ROWS, "schedule: {every: 1d}")
    stage.write(ROWS, name="byhand")
    for name in ("spring", "byhand"):
        await stage.store.campaign_runs.start(name, START)
    await stage.store.attempts.begin(ADA, START, campaign="spring", round=1)
    campaigns = stage.campaigns()
    await campaigns.take_up()
    assert (await campaigns.show("spring")).state == "finished"
    assert (await campaigns.show("byhand")).state == "unfinished"
    assert [run.campaign for run in await stage.store.campaign_runs.unended()] == ["byhand"]
