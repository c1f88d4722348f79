"""Flows that are to run later: they outlive the process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from bot.store.database import Database
from bot.store.records import ScheduledFlow
from bot.store.tables import ScheduleRow

__all__ = ["Schedules"]


class Schedules:
    """Each is handed out once: `claim_due` marks what it returns, in the same transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, flow: str, due_at: datetime, inputs: Mapping[str, object]) -> ScheduledFlow:
        """Keep a run for later. `inputs` holds what JSON can say."""

        def work(session: Session) -> ScheduledFlow:
            row = ScheduleRow(flow=flow, due_at=due_at, inputs=dict(inputs))
            session.add(row)
            session.flush()
            return _record(row)

        return await self._database.transact(work)

    async def cancel(self, schedule_id: int) -> bool:
        """Forget one that was not claimed yet; False when there is none such."""

        def work(session: Session) -> bool:
            found = session.scalar(select(ScheduleRow.id).where(ScheduleRow.id == schedule_id, _WAITING))
            session.execute(delete(ScheduleRow).where(ScheduleRow.id == schedule_id, _WAITING))
            return found is not None

        return await self._database.transact(work)

    async def claim_due(self, now: datetime) -> list[ScheduledFlow]:
        """All that are due and that nobody has claimed, now claimed; in the order in which they fell due."""

        def work(session: Session) -> list[ScheduledFlow]:
            query = update(ScheduleRow).where(_WAITING, ScheduleRow.due_at <= now).values(claimed_at=now)
            return [_record(row) for row in session.scalars(query.returning(ScheduleRow))]

        return sorted(await self._database.transact(work), key=lambda schedule: (schedule.due_at, schedule.id))

    async def next_due(self) -> datetime | None:
        """When the next one falls due; None when none waits."""
        return await self._database.transact(
            lambda session: session.scalar(select(func.min(ScheduleRow.due_at)).where(_WAITING))
        )

    async def waiting(self) -> list[ScheduledFlow]:
        """What is still to run, soonest first."""

        def work(session: Session) -> list[ScheduledFlow]:
            query = select(ScheduleRow).where(_WAITING).order_by(ScheduleRow.due_at, ScheduleRow.id)
            return [_record(row) for row in session.scalars(query)]

        return await self._database.transact(work)


_WAITING = ScheduleRow.claimed_at.is_(None)


def _record(row: ScheduleRow) -> ScheduledFlow:
    return ScheduledFlow(row.id, row.flow, row.due_at, dict(row.inputs), row.claimed_at)
