"""The tables. A change here needs a migration in `migrations/versions`; a test compares the two."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, MetaData, TypeDecorator, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = ["AttemptRow", "Base", "CampaignRunRow", "ContactRow", "DoNotCallRow", "ScheduleRow", "UtcDateTime"]


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware in, stored in UTC, aware in UTC out (SQLite itself keeps no offset)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime()}  # noqa: RUF012 - SQLAlchemy's own form


class CampaignRunRow(Base):
    __tablename__ = "campaign_runs"

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign: Mapped[str] = mapped_column(index=True)
    round: Mapped[int]
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    result: Mapped[str]


class ContactRow(Base):
    __tablename__ = "contacts"
    __table_args__ = (UniqueConstraint("campaign", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign: Mapped[str]
    number: Mapped[str]
    name: Mapped[str]
    time_zone: Mapped[str]
    consent: Mapped[bool]
    line: Mapped[int]
    fields: Mapped[dict[str, str]] = mapped_column(JSON)
    removed: Mapped[bool]


class AttemptRow(Base):
    """The ledger. One number has at most one unresolved attempt, and the database itself holds that."""

    __tablename__ = "attempts"
    __table_args__ = (
        Index("ix_attempts_number_started_at", "number", "started_at"),
        Index("ix_attempts_campaign_round", "campaign", "round"),
        Index(
            "uq_attempts_unresolved_number",
            "number",
            unique=True,
            sqlite_where=text("disposition IS NULL"),
            postgresql_where=text("disposition IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    campaign: Mapped[str]
    round: Mapped[int]
    contact_id: Mapped[int | None] = mapped_column(ForeignKey("contacts.id"))
    number: Mapped[str]
    caller_id: Mapped[str]
    started_at: Mapped[datetime]
    answered_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    disposition: Mapped[str | None]
    reason: Mapped[str]


class DoNotCallRow(Base):
    __tablename__ = "do_not_call"

    number: Mapped[str] = mapped_column(primary_key=True)
    added_at: Mapped[datetime]
    source: Mapped[str]


class ScheduleRow(Base):
    __tablename__ = "schedules"

    id: Mapped[int] = mapped_column(primary_key=True)
    flow: Mapped[str]
    due_at: Mapped[datetime] = mapped_column(index=True)
    inputs: Mapped[dict[str, object]] = mapped_column(JSON)
    claimed_at: Mapped[datetime | None]
