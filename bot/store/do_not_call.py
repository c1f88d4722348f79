"""The numbers that asked not to be called again, or that somebody put on the list."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.store.database import Database
from bot.store.records import DoNotCallEntry
from bot.store.tables import DoNotCallRow

__all__ = ["DoNotCall"]


class DoNotCall:
    """One list for everything that dials."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, number: str, now: datetime, source: str) -> bool:
        """Put a number on the list; False when it is there already. `source` says who asked for it."""

        def work(session: Session) -> bool:
            if session.get(DoNotCallRow, number) is not None:
                return False
            session.add(DoNotCallRow(number=number, added_at=now, source=source))
            return True

        return await self._database.transact(work)

    async def remove(self, number: str) -> bool:
        """Take a number off the list; False when it was not on it."""

        def work(session: Session) -> bool:
            row = session.get(DoNotCallRow, number)
            if row is not None:
                session.delete(row)
            return row is not None

        return await self._database.transact(work)

    async def has(self, number: str) -> bool:
        return await self._database.transact(lambda session: session.get(DoNotCallRow, number) is not None)

    async def numbers(self) -> frozenset[str]:
        return await self._database.transact(lambda session: frozenset(session.scalars(select(DoNotCallRow.number))))

    async def entries(self) -> list[DoNotCallEntry]:
        """The whole list, oldest first."""

        def work(session: Session) -> list[DoNotCallEntry]:
            rows = session.scalars(select(DoNotCallRow).order_by(DoNotCallRow.added_at, DoNotCallRow.number))
            return [DoNotCallEntry(row.number, row.added_at, row.source) for row in rows]

        return await self._database.transact(work)
