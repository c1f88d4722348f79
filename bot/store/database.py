"""The connection to the database: opening, migrating, transactions, closing.

SQLite runs in write-ahead mode with foreign keys on, over one connection whose transactions take turns. Each takes
the write lock when it begins, so that what it read is still true when it writes, and waits for another process for up
to `BUSY_SECONDS`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, StaticPool

from bot.clock import hold_time
from bot.errors import ConfigError, StoreFailed

__all__ = ["BUSY_SECONDS", "Database", "migrate"]

BUSY_SECONDS = 10.0
_MIGRATIONS = Path(__file__).parent / "migrations"
_T = TypeVar("_T")


class Database:
    """One database, open. `transact` runs a function in a transaction of its own."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._running: set[asyncio.Task[object]] = set()
        one_connection = isinstance(engine.pool, StaticPool)
        self._turn = asyncio.Lock() if one_connection else contextlib.nullcontext()

    @classmethod
    async def open(cls, url: str) -> Database:
        """Connect, and bring the tables up to date.

        Raises:
            ConfigError: the URL cannot be used, or the database was written by a newer version.
            StoreFailed: it cannot be opened or migrated.
        """
        database = cls(_engine(url))
        try:
            with hold_time():
                async with database._engine.begin() as connection:
                    await connection.run_sync(migrate)
        except CommandError as error:
            await database.close()
            raise ConfigError(
                f"the database was written by a newer version of the bot: {error}",
                hint="update the bot, or give another database in `database`",
            ) from error
        except (SQLAlchemyError, OSError) as error:
            await database.close()
            raise _failed("opened", error) from error
        return database

    async def transact(self, work: Callable[[Session], _T]) -> _T:
        """What `work` returns, its changes committed.

        A cancelled caller still waits for its transaction: one that began is never cut in half.

        Raises:
            StoreFailed: the database refused; nothing was changed.
        """
        task: asyncio.Task[_T] = asyncio.create_task(self._transact(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            await asyncio.wait({task})
            raise

    async def _transact(self, work: Callable[[Session], _T]) -> _T:
        try:
            with hold_time():
                async with self._turn, AsyncSession(self._engine) as session, session.begin():
                    return await session.run_sync(work)
        except SQLAlchemyError as error:
            raise _failed("used", error) from error

    async def close(self) -> None:
        """Wait for what is running, then let go of every connection and its thread."""
        if self._running:
            await asyncio.wait(self._running)
        with hold_time():
            await self._engine.dispose()


def migrate(connection: Connection, revision: str = "head") -> None:
    """Bring the tables to `revision`."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _engine(text: str) -> AsyncEngine:
    try:
        url = make_url(text)
        if url.get_backend_name() == "sqlite":
            return _sqlite_engine(url.set(drivername="sqlite+aiosqlite") if url.drivername == "sqlite" else url)
        return create_async_engine(url)
    except (ArgumentError, ImportError) as error:
        raise ConfigError(
            f"no database can be reached by {text!r}: {error}", hint="for example sqlite+aiosqlite:///data/bot.db"
        ) from error


def _sqlite_engine(url: URL) -> AsyncEngine:
    if url.database not in {None, "", ":memory:"}:
        _make_folder(Path(str(url.database)))
    engine = create_async_engine(url, poolclass=StaticPool, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _failed("opened", error) from error


def _set_up_sqlite(connection: object, _entry: ConnectionPoolEntry) -> None:
    # Without this the driver begins transactions by itself, and later than we need them.
    connection.isolation_level = None  # type: ignore[attr-defined]
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in ("journal_mode = WAL", "foreign_keys = ON", "synchronous = FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _failed(what: str, error: Exception) -> StoreFailed:
    cause = getattr(error, "orig", None) or error
    return StoreFailed(f"the database could not be {what}: {cause}", hint="check `database` and the disk")
