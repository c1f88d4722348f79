"""What became of a campaign: a summary, each contact with the reason why it was not dialled, rejected rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rich.table import Table
from rich.text import Text

from bot.campaigns.compliance import may_dial
from bot.campaigns.contacts import ContactRows, Rejected
from bot.campaigns.model import Campaign
from bot.campaigns.progress import Stage, standing
from bot.campaigns.window import zones_of
from bot.schedule import zone
from bot.store import Attempt, CampaignRun, NewContact

__all__ = ["CampaignReport", "ContactReport", "make_report", "report_tables"]


@dataclass(frozen=True, slots=True)
class ContactReport:
    """One contact. `status` is a disposition when it is finished, else calling, waiting or left_out.

    `why` says why it was not dialled, or what the last attempt came to; `next_at` is when it may be dialled next.
    """

    line: int
    number: str
    name: str
    status: str
    attempts: int
    last_at: datetime | None
    talked: timedelta
    why: str
    next_at: datetime | None
    local_zone: str


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """`state` is never_run, running, finished, waiting, stopped or unfinished (cut off, or run elsewhere)."""

    campaign: str
    flow: str
    state: str
    round: int
    started_at: datetime | None
    ended_at: datetime | None
    contacts: tuple[ContactReport, ...]
    rejected: tuple[Rejected, ...]

    @property
    def counts(self) -> Mapping[str, int]:
        """Contacts by status, most first."""
        return dict(Counter(contact.status for contact in self.contacts).most_common())

    @property
    def attempts(self) -> int:
        return sum(contact.attempts for contact in self.contacts)


def make_report(
    campaign: Campaign,
    run: CampaignRun | None,
    rows: ContactRows,
    attempts: Iterable[Attempt],
    *,
    recent: Mapping[str, Sequence[Attempt]],
    do_not_call: Collection[str],
    now: datetime,
    running: bool = False,
) -> CampaignReport:
    """The report at `now`: `attempts` are the campaign's in this round, `recent` everybody's by number."""
    own: dict[str, list[Attempt]] = {}
    for attempt in attempts:
        own.setdefault(attempt.number, []).append(attempt)
    return CampaignReport(
        campaign=campaign.name,
        flow=campaign.settings.flow,
        state="running" if running else "never_run" if run is None else run.result or "unfinished",
        round=run.round if run else 0,
        started_at=run.started_at if run else None,
        ended_at=run.ended_at if run else None,
        contacts=tuple(
            _contact(campaign, contact, own.get(contact.number, []), recent.get(contact.number, ()), do_not_call, now)
            for contact in rows.contacts
        ),
        rejected=rows.rejected,
    )


def _contact(
    campaign: Campaign,
    contact: NewContact,
    own: Sequence[Attempt],
    recent: Sequence[Attempt],
    do_not_call: Collection[str],
    now: datetime,
) -> ContactReport:
    stand = standing(own, campaign.attempt_rules)
    status, why = str(stand.disposition or stand.stage), stand.last.reason if stand.last else ""
    next_at = None
    if stand.stage is Stage.CALLING:
        status = str(Stage.CALLING)
    elif stand.stage is Stage.WAITING:
        verdict = may_dial(
            contact.number,
            now,
            rules=campaign.dial_rules,
            time_zone=contact.time_zone,
            consent=contact.consent,
            attempts=recent,
            do_not_call=do_not_call,
        )
        waits = [moment for moment in (stand.not_before, verdict.until) if moment is not None and moment > now]
        next_at = max(waits, default=now) if verdict.allowed or verdict.until else None
        status = str(Stage.WAITING) if next_at else "left_out"
        why = verdict.text or (f"{stand.disposition}: to be tried again" if stand.last else "not called yet")
    zones = zones_of(contact.number, contact.time_zone)
    return ContactReport(
        line=contact.line,
        number=contact.number,
        name=contact.name,
        status=status,
        attempts=stand.attempts,
        last_at=stand.last.started_at if stand.last else None,
        talked=sum((_talked(attempt) for attempt in own), timedelta()),
        why=why,
        next_at=next_at,
        local_zone=zones[0].key if zones else "UTC",
    )


def _talked(attempt: Attempt) -> timedelta:
    if attempt.answered_at is None or attempt.ended_at is None:
        return timedelta()
    return attempt.ended_at - attempt.answered_at


def report_tables(report: CampaignReport) -> list[Table]:
    """The report for a terminal: summary, contacts, and the rejected rows if there are any.

    What the list says is shown as it was written, never read as markup.
    """
    title = f"Campaign {report.campaign} · {report.state.replace('_', ' ')}"
    summary = Table(title=f"{title} · round {report.round}" if report.round > 1 else title)
    for column in ("contacts", "attempts", *report.counts, *(["rejected rows"] if report.rejected else [])):
        summary.add_column(column.replace("_", " "), justify="right")
    amounts = [len(report.contacts), report.attempts, *report.counts.values()]
    summary.add_row(*map(str, [*amounts, *([len(report.rejected)] if report.rejected else [])]))
    tables = [summary, _contact_table(report.contacts)]
    if report.rejected:
        rejected = Table("line", "row", "why it was rejected", title="Rejected rows")
        for row in report.rejected:
            rejected.add_row(str(row.line), Text(row.text), Text(row.reason))
        tables.append(rejected)
    return tables


def _contact_table(contacts: Iterable[ContactReport]) -> Table:
    table = Table("line", title="Contacts")
    table.add_column("number", no_wrap=True)
    for column in ("name", "status", "calls", "talked", "why", "next"):
        table.add_column(column, overflow="fold")
    for contact in contacts:
        table.add_row(
            str(contact.line),
            contact.number,
            Text(contact.name),
            contact.status.replace("_", " "),
            str(contact.attempts),
            f"{contact.talked.total_seconds():.0f}s" if contact.talked else "",
            Text(contact.why),
            f"{contact.next_at.astimezone(zone(contact.local_zone)):%a %d %b %H:%M %Z}" if contact.next_at else "",
        )
    return table
