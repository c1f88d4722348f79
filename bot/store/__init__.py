"""The database: what has to outlive the process, one repository a concern.

`sqlite+aiosqlite:///data/bot.db` by default; the URL decides. Opening brings the tables up to date.
"""

from __future__ import annotations

from types import TracebackType

from bot.store.attempts import Attempts
from bot.store.campaign_runs import CampaignRuns
from bot.store.contacts import Contacts
from bot.store.database import Database
from bot.store.do_not_call import DoNotCall
from bot.store.records import (
    Attempt,
    CampaignRun,
    Contact,
    Disposition,
    DoNotCallEntry,
    NewContact,
    ScheduledFlow,
)
from bot.store.schedules import Schedules

__all__ = [
    "Attempt",
    "Attempts",
    "CampaignRun",
    "CampaignRuns",
    "Contact",
    "Contacts",
    "Disposition",
    "DoNotCall",
    "DoNotCallEntry",
    "NewContact",
    "ScheduledFlow",
    "Schedules",
    "Store",
]


class Store:
    """An open database and its repositories. An async context manager; `close` leaves no thread behind."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.attempts = Attempts(database)
        self.campaign_runs = CampaignRuns(database)
        self.contacts = Contacts(database)
        self.do_not_call = DoNotCall(database)
        self.schedules = Schedules(database)

    @classmethod
    async def open(cls, url: str) -> Store:
        """Connect to `url` and bring its tables up to date.

        Raises:
            ConfigError: the URL cannot be used, or the database was written by a newer version.
            StoreFailed: it cannot be opened or migrated.
        """
        return cls(await Database.open(url))

    async def close(self) -> None:
        await self._database.close()

    async def __aenter__(self) -> Store:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
