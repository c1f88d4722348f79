"""The report: what became of whom, and why somebody was not called."""

from __future__ import annotations

import io
import shutil
from datetime import timedelta

from rich.console import Console

from bot.campaigns import Campaigns, load_campaigns, report_tables
from tests.campaigns.stage import ADA, BOB, CLEO, START, Stage
from tests.campaigns.test_loader import SHIPPED


async def test_before_the_first_run_everybody_waits_or_is_left_out(stage: Stage) -> None:
    stage.write(f"{ADA},Ada,,yes\n{BOB},Bob,,no\n+61280001234,Kim,,yes\n911,,,yes")
    report = await stage.campaigns().show("spring")
    assert (report.state, report.round, report.attempts) == ("never_run", 0, 0)
    ada, bob, kim = report.contacts
    assert (ada.status, ada.why, ada.next_at) == ("waiting", "not called yet", START)
    assert (bob.status, bob.why, bob.next_at) == ("left_out", "has not consented to calls by a machine", None)
    assert (kim.status, kim.why) == ("waiting", "it is Wed 05:00 there, outside the window")
    assert kim.next_at == START + timedelta(hours=4)
    assert [row.line for row in report.rejected] == [5]


async def test_a_contact_that_is_to_be_tried_again_says_when(stage: Stage) -> None:
    stage.write(f"{ADA},,,yes", "attempts: {retry_after: {busy: 10m}}")
    stage.calls.behaviour = {ADA: ["busy"]}
    report = await stage.campaigns().run("spring", wait=False)
    (ada,) = report.contacts
    assert (ada.status, ada.attempts, ada.why) == ("waiting", 1, "busy: to be tried again")
    assert ada.next_at is not None
    assert (ada.next_at - START).total_seconds() == 601


async def test_showing_changes_nothing(stage: Stage) -> None:
    stage.write(f"{ADA},,,yes")
    before = await stage.campaigns().show("spring")
    assert await stage.campaigns().show("spring") == before
    assert await stage.store.contacts.of_campaign("spring") == []
    assert await stage.store.campaign_runs.unended() == []


async def test_the_tables_say_it_all(stage: Stage) -> None:
    stage.write(f"{ADA},Ada,,yes\n{BOB},Bob,,no\n{CLEO},Cleo,,yes\nnobody,,,")
    stage.calls.behaviour = {CLEO: ["invalid"]}
    report = await stage.campaigns().run("spring")
    console = Console(width=160, record=True, file=io.StringIO())
    for table in report_tables(report):
        console.print(table)
    text = console.export_text()
    for expected in (
        "Campaign spring",
        "answered",
        ADA,
        "10s",
        "left out",
        "has not consented",
        "invalid",
        "Rejected rows",
    ):
        assert expected in text


async def test_the_campaign_that_ships_goes_as_its_people_behave(stage: Stage) -> None:
    for file in SHIPPED.iterdir():
        shutil.copy(file, stage.folder)
    answers, busy, rings, invalid = (f"+1650555019{digit}" for digit in "1234")
    stage.calls.behaviour = {rings: ["rings"], busy: ["busy"], invalid: ["invalid"]}
    campaigns = Campaigns(load_campaigns(stage.folder), stage.store, stage.calls, stage.flow, stage.clock)
    report = await campaigns.run("spring-offer")
    assert report.counts == {"answered": 1, "no_answer": 1, "busy": 1, "invalid": 1, "left_out": 2}
    assert stage.talks[0][2] == {
        "number": answers, "name": "Ines Ortega", "campaign": "spring-offer", "plan": "gold",
    }  # fmt: skip
    assert stage.calls.most == 2
    assert (stage.clock.now() - START) < timedelta(minutes=2)
