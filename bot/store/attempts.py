"""The ledger of dialling attempts, shared by everything that dials."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from bot.store.database import Database
from bot.store.records import Attempt, Disposition
from bot.store.tables import AttemptRow

__all__ = ["Attempts"]


class Attempts:
    """Written and committed before a number is dialled; resolved when it is known what came of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(
        self,
        number: str,
        now: datetime,
        *,
        campaign: str = "",
        round: int = 0,  # noqa: A002 - the field's word
        contact_id: int | None = None,
        caller_id: str = "",
    ) -> Attempt | None:
        """Write an attempt that is about to be dialled; None when the number has an unresolved one already."""

        def work(session: Session) -> Attempt | None:
            if session.scalar(select(AttemptRow.id).where(AttemptRow.number == number, _unresolved())) is not None:
                return None
            row = AttemptRow(
                campaign=campaign,
                round=round,
                contact_id=contact_id,
                number=number,
                caller_id=caller_id,
                started_at=now,
                reason="",
            )
            session.add(row)
            session.flush()
            return _record(row)

        return await self._database.transact(work)

    async def resolve(
        self,
        attempt_id: int,
        disposition: Disposition,
        now: datetime,
        *,
        answered_at: datetime | None = None,
        reason: str = "",
    ) -> Attempt:
        """Say what came of an attempt. One that was resolved before keeps what was said first.

        An attempt that another process took for interrupted is put right: whoever made it knows better.
        """

        def work(session: Session) -> Attempt:
            row = session.get_one(AttemptRow, attempt_id)
            if row.disposition in (None, Disposition.INTERRUPTED):
                row.disposition, row.reason = disposition.value, reason
                row.answered_at, row.ended_at = answered_at, now
            return _record(row)

        return await self._database.transact(work)

    async def interrupt_unresolved(self, now: datetime, *, campaign: str | None = None) -> list[Attempt]:
        """After a crash: resolve what was left open as interrupted, of one campaign or of all; returns those."""

        def work(session: Session) -> list[Attempt]:
            query = select(AttemptRow).where(_unresolved()).order_by(AttemptRow.id)
            rows = session.scalars(query if campaign is None else query.where(AttemptRow.campaign == campaign)).all()
            for row in rows:
                row.disposition = Disposition.INTERRUPTED.value
                row.ended_at = now
                row.reason = "the bot stopped during the attempt"
            session.flush()
            return [_record(row) for row in rows]

        return await self._database.transact(work)

    async def of_campaign(self, campaign: str, round: int) -> list[Attempt]:  # noqa: A002
        """A campaign's attempts of one round, oldest first."""
        return await self._find(AttemptRow.campaign == campaign, AttemptRow.round == round)

    async def of_contact(self, contact_id: int, round: int) -> list[Attempt]:  # noqa: A002
        """A contact's attempts of one round of its campaign, oldest first."""
        return await self._find(AttemptRow.contact_id == contact_id, AttemptRow.round == round)

    async def to_number(self, number: str, since: datetime) -> list[Attempt]:
        """Everybody's attempts to a number since a moment, oldest first."""
        return await self._find(AttemptRow.number == number, AttemptRow.started_at >= since)

    async def to_numbers(self, numbers: Collection[str], since: datetime) -> dict[str, list[Attempt]]:
        """Everybody's attempts since a moment to any of `numbers`, by number, oldest first."""
        found: dict[str, list[Attempt]] = {number: [] for number in numbers}
        for attempt in await self._find(AttemptRow.started_at >= since):
            if attempt.number in found:
                found[attempt.number].append(attempt)
        return found

    async def _find(self, *conditions: ColumnElement[bool]) -> list[Attempt]:
        def work(session: Session) -> list[Attempt]:
            rows = session.scalars(select(AttemptRow).where(*conditions).order_by(AttemptRow.id))
            return [_record(row) for row in rows]

        return await self._database.transact(work)


def _unresolved() -> ColumnElement[bool]:
    return AttemptRow.disposition.is_(None)


def _record(row: AttemptRow) -> Attempt:
    return Attempt(
        id=row.id,
        number=row.number,
        started_at=row.started_at,
        campaign=row.campaign,
        round=row.round,
        contact_id=row.contact_id,
        caller_id=row.caller_id,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        disposition=None if row.disposition is None else Disposition(row.disposition),
        reason=row.reason,
    )
