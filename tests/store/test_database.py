"""Opening, migrating, failing and closing."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from bot.errors import ConfigError, StoreFailed
from bot.store import NewContact, Store
from bot.store.database import Database, migrate
from bot.store.tables import AttemptRow, Base

NOW = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)


def test_the_migrations_make_exactly_the_tables_of_the_models(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/bot.db")
    with engine.begin() as connection:
        migrate(connection)
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


async def test_a_database_is_opened_again_and_again(url: str) -> None:
    for _ in range(2):
        async with await Store.open(url) as store:
            await store.do_not_call.add("+16505550191", NOW, "test")
            assert len(await store.do_not_call.numbers()) == 1


async def test_a_database_in_memory_works_for_as_long_as_it_is_open() -> None:
    async with await Store.open("sqlite://") as store:
        await asyncio.gather(*(store.do_not_call.add(f"+1650555019{digit}", NOW, "test") for digit in range(10)))
        assert len(await store.do_not_call.numbers()) == 10


async def test_closing_leaves_no_thread(url: str) -> None:
    before = set(threading.enumerate())
    store = await Store.open(url)
    await store.contacts.replace("spring", [NewContact("+16505550191")])
    workers = set(threading.enumerate()) - before
    assert workers
    await store.close()
    for worker in workers:
        worker.join(1)
        assert not worker.is_alive()


async def test_no_virtual_time_passes_while_the_database_works(store: Store) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    waiting = asyncio.ensure_future(asyncio.sleep(5))
    for digit in range(10):
        await store.do_not_call.add(f"+1650555019{digit}", NOW, "test")
    assert loop.time() == began
    await waiting


async def test_sqlite_is_durable_and_checks_foreign_keys(url: str) -> None:
    database = await Database.open(url)

    def pragma(session: Session) -> list[object]:
        return [session.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "foreign_keys", "busy_timeout")]

    assert await database.transact(pragma) == ["wal", 1, 10_000]

    def orphan(session: Session) -> None:
        session.add(
            AttemptRow(campaign="", round=0, contact_id=7, number="1", caller_id="", started_at=NOW, reason="")
        )

    with pytest.raises(StoreFailed, match="FOREIGN KEY") as caught:
        await database.transact(orphan)
    assert isinstance(caught.value.__cause__, IntegrityError)
    await database.close()


async def test_a_cancelled_caller_waits_until_its_transaction_is_whole(url: str) -> None:
    database = await Database.open(url)
    finished = threading.Event()

    def slow(session: Session) -> None:
        session.execute(text("INSERT INTO do_not_call VALUES ('+1', '2026-03-02', 'a')"))
        time.sleep(0.05)
        session.execute(text("INSERT INTO do_not_call VALUES ('+2', '2026-03-02', 'b')"))
        finished.set()

    task = asyncio.ensure_future(database.transact(slow))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert finished.is_set()
    assert await database.transact(lambda session: session.scalar(text("SELECT count(*) FROM do_not_call"))) == 2
    await database.close()


async def test_a_transaction_that_fails_changes_nothing(url: str) -> None:
    database = await Database.open(url)

    def half(session: Session) -> None:
        session.execute(text("INSERT INTO do_not_call VALUES ('+1', '2026-03-02', 'a')"))
        session.execute(text("INSERT INTO nowhere VALUES (1)"))

    with pytest.raises(StoreFailed, match="nowhere"):
        await database.transact(half)
    assert await database.transact(lambda session: session.scalar(text("SELECT count(*) FROM do_not_call"))) == 0
    await database.close()


async def test_a_file_that_is_no_database_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "bot.db").write_text("these are not the bytes of a database, whatever its name says" * 20)
    with pytest.raises(StoreFailed, match="not a database"):
        await Store.open(f"sqlite:///{tmp_path}/bot.db")


async def test_a_database_of_a_newer_version_is_left_alone(url: str, tmp_path: Path) -> None:
    await (await Store.open(url)).close()
    with sqlite3.connect(tmp_path / "bot.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(ConfigError, match="newer version"):
        await Store.open(url)


@pytest.mark.parametrize("text_", ["", "data/bot.db", "sqlite+nosuch:///x"])
async def test_an_address_that_is_no_database_url_is_explained(text_: str) -> None:
    with pytest.raises(ConfigError, match="database"):
        await Store.open(text_)


async def test_missing_folders_are_made(tmp_path: Path) -> None:
    await (await Store.open(f"sqlite:///{tmp_path}/new/folder/bot.db")).close()
    assert (tmp_path / "new/folder/bot.db").exists()


async def test_a_moment_without_a_time_zone_is_refused(store: Store) -> None:
    with pytest.raises(StoreFailed, match="time zone"):
        await store.schedules.add("flow", datetime(2026, 3, 2, 12, 0), {})  # noqa: DTZ001 - the point of the test
