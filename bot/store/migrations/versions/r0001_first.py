"""Attempts, contacts, the do-not-call list, schedules and campaign runs."""

import sqlalchemy as sa
from alembic import op

from bot.store.tables import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "campaign_runs",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("campaign", sa.String, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("result", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_campaign_runs"),
    )
    op.create_index("ix_campaign_runs_campaign", "campaign_runs", ["campaign"])
    op.create_table(
        "contacts",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("campaign", sa.String, nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("time_zone", sa.String, nullable=False),
        sa.Column("consent", sa.Boolean, nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("fields", sa.JSON, nullable=False),
        sa.Column("removed", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
        sa.UniqueConstraint("campaign", "number", name="uq_contacts_campaign_number"),
    )
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("campaign", sa.String, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("contact_id", sa.Integer),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("caller_id", sa.String, nullable=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("answered_at", UtcDateTime),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("disposition", sa.String),
        sa.Column("reason", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_attempts_contact_id"),
    )
    op.create_index("ix_attempts_number_started_at", "attempts", ["number", "started_at"])
    op.create_index("ix_attempts_campaign_round", "attempts", ["campaign", "round"])
    unresolved = sa.text("disposition IS NULL")
    op.create_index(
        "uq_attempts_unresolved_number",
        "attempts",
        ["number"],
        unique=True,
        sqlite_where=unresolved,
        postgresql_where=unresolved,
    )
    op.create_table(
        "do_not_call",
        sa.Column("number", sa.String, nullable=False),
        sa.Column("added_at", UtcDateTime, nullable=False),
        sa.Column("source", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_do_not_call"),
    )
    op.create_table(
        "schedules",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("flow", sa.String, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("inputs", sa.JSON, nullable=False),
        sa.Column("claimed_at", UtcDateTime),
        sa.PrimaryKeyConstraint("id", name="pk_schedules"),
    )
    op.create_index("ix_schedules_due_at", "schedules", ["due_at"])
