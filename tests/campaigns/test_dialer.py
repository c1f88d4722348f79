"""The dialer: who is called, when, how often, and on how many lines."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from bot.errors import OperationRefused, StoreFailed, UserError
from bot.store import Disposition
from tests.campaigns.stage import ADA, BOB, CLEO, DAN, START, Stage

EVERYBODY = "\n".join(f"{number},,,yes" for number in (ADA, BOB, CLEO, DAN))
RETRIES = "attempts: {max: 3, retry_after: {busy: 10m, no_answer: 1h, failed: 5m}}"


async def test_whoever_answers_hears_the_flow_with_the_columns_of_the_row(stage: Stage) -> None:
    stage.write(f"{ADA},Ada,America/Los_Angeles,yes")
    report = await stage.campaigns().run("spring")
    assert stage.talks == [("offer", ADA, {"number": ADA, "name": "Ada", "campaign": "spring"})]
    (ada,) = report.contacts
    assert (ada.status, ada.attempts, ada.talked) == ("answered", 1, timedelta(seconds=10))
    assert report.state == "finished"
    assert not stage.calls.live


async def test_the_lines_are_used_and_never_exceeded(stage: Stage) -> None:
    rows = "\n".join(f"+165055501{digits},,,yes" for digits in range(10, 35))
    stage.write(rows, "lines: 4")
    report = await stage.campaigns().run("spring")
    assert stage.calls.most == 4
    assert report.counts == {"answered": 25}
    assert len(set(stage.calls.numbers())) == len(stage.calls.numbers()) == 25


async def test_each_disposition_has_its_own_retry(stage: Stage) -> None:
    stage.write(EVERYBODY, RETRIES)
    stage.calls.behaviour = {
        ADA: ["busy", "answers"],
        BOB: ["rings", "rings", "rings", "answers"],
        CLEO: ["invalid", "answers"],
        DAN: ["failed", "answers"],
    }
    report = await stage.campaigns().run("spring")
    first, second = stage.calls.times(ADA)
    assert second - first == pytest.approx(601, abs=1)
    rings = stage.calls.times(BOB)
    assert [later - before for before, later in pairwise(rings)] == [pytest.approx(3620, abs=1)] * 2
    assert len(stage.calls.times(CLEO)) == 1
    assert len(stage.calls.times(DAN)) == 2
    statuses = {contact.number: contact.status for contact in report.contacts}
    assert statuses == {ADA: "answered", BOB: "no_answer", CLEO: "invalid", DAN: "answered"}


async def test_a_retry_that_is_switched_off_does_not_come(stage: Stage) -> None:
    stage.write(f"{ADA},,,yes", "attempts: {retry_after: {busy: never}}")
    stage.calls.behaviour = {ADA: ["busy"]}
    report = await stage.campaigns().run("spring")
    assert (report.contacts[0].status, report.contacts[0].attempts) == ("busy", 1)


async def test_it_rings_as_long_as_the_campaign_says(stage: Stage) -> None:
    stage.write(f"{ADA},,,yes", "ring_for: 30s\nattempts: {max: 1}")
    stage.calls.behaviour = {ADA: ["rings"]}
    report = await stage.campaigns().run("spring")
    assert (stage.clock.now() - START).total_seconds() == pytest.approx(30, abs=0.1)
    assert report.contacts[0].why == "nobody answered within 30s"
    assert not stage.calls.live


async def test_an_opt_out_is_heard_at_once_and_by_every_campaign(stage: Stage) -> None:
    stage.write(f"{ADA},,,yes")
    stage.write(f"{ADA},,,yes", name="autumn")
    stage.values = {"opted_out": True}
    campaigns = stage.campaigns()
    spring = await campaigns.run("spring")
    autumn = await campaigns.run("autumn")
    assert spring.contacts[0].status == "opted_out"
    assert (autumn.contacts[0].status, autumn.contacts[0].why) == ("left_out", "on the do-not-call list")
    assert len(stage.calls.dialled) == 1


async def test_an_opt_out_by_the_flow_itself_is_an_opt_out(stage: Stage) -> None:
    stage.write(f"{ADA},,,yes")

    async def run() -> None:
        await stage.clock.sleep(5)
        await stage.store.do_not_call.add(ADA, stage.clock.now(), "pressed 9")

    _, report = await asyncio.gather(run(), stage.campaigns().run("spring"))
    assert report.contacts[0].status == "opted_out"


@pytest.mark.parametrize(
    ("outcome", "error", "why"),
    [
        ("failed", None, "the flow failed: as the test says"),
        ("cancelled", None, ""),
        ("done", OperationRefused("no transfer"), "the flow failed: no transfer"),
    ],
)
async def test_a_flow_that_fails_was_an_answered_call_all_the_same(
    stage: Stage, outcome: str, error: Exception | None, why: str
) -> None:
    stage.write(f"{ADA},,,yes")
    stage.outcome, stage.error = outcome, error
    report = await stage.campaigns().run("spring")
    assert report.contacts[0].status == "answered"
    assert report.contacts[0].why == why
    assert not stage.calls.live


async def test_a_fault_in_one_call_does_not_end_the_campaign(stage: Stage) -> None:
    stage.write(EVERYBODY, "attempts: {max: 1}")
    stage.error = ZeroDivisionError("on purpose")
    report = await stage.campaigns().run("spring")
    assert report.counts == {"failed": 4}


async def test_a_phone_that_is_down_uses_up_nobodys_attempts(stage: Stage) -> None:
    stage.write(EVERYBODY, "attempts: {max: 1, per_day: 1}")
    stage.calls.phone_down_until = START + timedelta(minutes=10)
    report = await stage.campaigns().run("spring")
    assert report.counts == {"answered": 4}
    attempts = await stage.store.attempts.of_campaign("spring", 1)
    not_dialled = [attempt for attempt in attempts if attempt.disposition is Disposition.NOT_DIALLED]
    assert 5 <= len(not_dialled) <= 15  # it waits longer each time


async def test_the_order_of_the_list_is_the_order_of_the_calls(stage: Stage) -> None:
    stage.write(EVERYBODY)
    await stage.campaigns().run("spring")
    assert stage.calls.numbers() == [ADA, BOB, CLEO, DAN]


async def test_a_campaign_runs_once_at_a_time(stage: Stage) -> None:
    stage.write(EVERYBODY)
    campaigns = stage.campaigns()
    running = asyncio.ensure_future(campaigns.run("spring"))
    await stage.clock.sleep(1)
    assert campaigns.running == ("spring",)
    with pytest.raises(UserError, match="runs already"):
        await campaigns.run("spring")
    await running


async def test_paused_it_dials_nobody_and_resumed_it_goes_on(stage: Stage) -> None:
    stage.write(EVERYBODY)
    campaigns = stage.campaigns()
    running = asyncio.ensure_future(campaigns.run("spring"))
    await stage.clock.sleep(1)
    campaigns.pause("spring")
    await stage.clock.sleep(3600 * 3)
    assert stage.calls.numbers() == [ADA]
    campaigns.resume("spring")
    report = await running
    assert report.counts == {"answered": 4}


async def test_stopped_it_lets_the_calls_that_are_up_end(stage: Stage) -> None:
    stage.write(EVERYBODY, "lines: 2")
    campaigns = stage.campaigns()
    running = asyncio.ensure_future(campaigns.run("spring"))
    await stage.clock.sleep(5)
    await campaigns.stop("spring")
    report = await running
    assert report.state == "stopped"
    assert report.counts == {"answered": 2, "waiting": 2}
    assert report.contacts[0].talked == timedelta(seconds=10)


async def test_stopped_with_hang_up_it_ends_them_now(stage: Stage) -> None:
    stage.write(EVERYBODY, "lines: 2")
    stage.calls.behaviour = {number: ["rings"] for number in (ADA, BOB)}
    campaigns = stage.campaigns()
    running = asyncio.ensure_future(campaigns.run("spring"))
    await stage.clock.sleep(5)
    await campaigns.stop("spring", hang_up=True)
    report = await running
    assert report.counts == {"waiting": 4}
    assert (stage.clock.now() - START).total_seconds() == pytest.approx(5, abs=0.1)


async def test_without_waiting_it_ends_when_nobody_may_be_called_now(stage: Stage) -> None:
    stage.write(f"{ADA},,,yes\n{BOB},,,yes", RETRIES)
    stage.calls.behaviour = {BOB: ["busy", "answers"]}
    campaigns = stage.campaigns()
    first = await campaigns.run("spring", wait=False)
    assert (first.state, first.counts) == ("waiting", {"answered": 1, "waiting": 1})
    await stage.clock.sleep(600)
    second = await campaigns.run("spring", wait=False)
    assert (second.state, second.counts) == ("finished", {"answered": 2})


async def test_a_new_round_calls_everybody_again(stage: Stage) -> None:
    stage.write(f"{ADA},,,yes", "attempts: {max: 1}")
    campaigns = stage.campaigns()
    await campaigns.run("spring")
    assert (await campaigns.run("spring")).attempts == 1
    report = await campaigns.run("spring", anew=True)
    assert (report.round, report.attempts, stage.calls.numbers()) == (2, 1, [ADA, ADA])


async def test_progress_is_told(stage: Stage) -> None:
    stage.write(f"{ADA},,,yes\n{BOB},,,no")
    await stage.campaigns().run("spring")
    told = [
        (said.contact.number, said.attempt and said.attempt.disposition, said.verdict and said.verdict.text)
        for said in stage.progress
    ]
    assert told == [
        (ADA, None, None),
        (ADA, Disposition.ANSWERED, None),
        (BOB, None, "has not consented to calls by a machine"),
    ]


async def test_without_a_ledger_nothing_is_dialled(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.write(EVERYBODY)

    async def broken(*_: object, **__: object) -> None:
        raise StoreFailed("the disk is full")

    monkeypatch.setattr(stage.store.attempts, "begin", broken)
    with pytest.raises(StoreFailed, match="disk is full"):
        await stage.campaigns().run("spring")
    assert stage.calls.dialled == []


async def test_an_unknown_campaign_is_named_with_the_nearest(stage: Stage) -> None:
    stage.write(EVERYBODY)
    with pytest.raises(UserError, match='did you mean "spring"'):
        await stage.campaigns().run("sprnig")
    with pytest.raises(UserError, match="does not run"):
        stage.campaigns().pause("spring")
