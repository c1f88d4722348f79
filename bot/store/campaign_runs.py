"""When each campaign ran, and which runs a crash cut off."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bot.store.database import Database
from bot.store.records import CampaignRun
from bot.store.tables import CampaignRunRow

__all__ = ["CampaignRuns"]


class CampaignRuns:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def start(self, campaign: str, now: datetime, *, anew: bool = False) -> CampaignRun:
        """Begin a run: of the latest round, or of a new one. Takes up a run that was cut off, unless `anew`."""

        def work(session: Session) -> CampaignRun:
            rounds = select(func.max(CampaignRunRow.round)).where(CampaignRunRow.campaign == campaign)
            latest = session.scalar(rounds) or 0
            unended = session.scalars(
                select(CampaignRunRow).where(CampaignRunRow.campaign == campaign, CampaignRunRow.ended_at.is_(None))
            ).all()
            if unended and not anew:
                return _record(unended[-1])
            for row in unended:
                row.ended_at, row.result = now, "interrupted"
            row = CampaignRunRow(
                campaign=campaign, round=latest + 1 if anew or not latest else latest, started_at=now, result=""
            )
            session.add(row)
            session.flush()
            return _record(row)

        return await self._database.transact(work)

    async def end(self, run_id: int, now: datetime, result: str) -> None:
        """Close a run; `result` is a word for how it ended."""

        def work(session: Session) -> None:
            query = update(CampaignRunRow).where(CampaignRunRow.id == run_id)
            session.execute(query.values(ended_at=now, result=result))

        await self._database.transact(work)

    async def unended(self) -> list[CampaignRun]:
        """The runs that are going on, or that a crash cut off."""

        def work(session: Session) -> list[CampaignRun]:
            query = select(CampaignRunRow).where(CampaignRunRow.ended_at.is_(None)).order_by(CampaignRunRow.id)
            return [_record(row) for row in session.scalars(query)]

        return await self._database.transact(work)

    async def latest(self, campaign: str) -> CampaignRun | None:
        """The run of a campaign that began last."""

        def work(session: Session) -> CampaignRun | None:
            query = select(CampaignRunRow).where(CampaignRunRow.campaign == campaign)
            row = session.scalar(query.order_by(CampaignRunRow.id.desc()).limit(1))
            return None if row is None else _record(row)

        return await self._database.transact(work)


def _record(row: CampaignRunRow) -> CampaignRun:
    return CampaignRun(row.id, row.campaign, row.round, row.started_at, row.ended_at, row.result)
