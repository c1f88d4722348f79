"""The contacts of the campaigns: the rows of their lists."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.store.database import Database
from bot.store.records import Contact, NewContact
from bot.store.tables import ContactRow

__all__ = ["Contacts"]


class Contacts:
    """How far a contact has come is not kept here: the ledger of attempts says it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def replace(self, campaign: str, contacts: Iterable[NewContact]) -> list[Contact]:
        """Make `contacts` the campaign's list, in that order. Known numbers keep their id and so their attempts;
        those that are not listed any more are marked as removed."""
        listed = {contact.number: contact for contact in contacts}

        def work(session: Session) -> list[Contact]:
            query = select(ContactRow).where(ContactRow.campaign == campaign)
            known = {row.number: row for row in session.scalars(query)}
            for number, row in known.items():
                row.removed = number not in listed
            rows = []
            for number, contact in listed.items():
                row = known.get(number) or ContactRow(campaign=campaign, number=number, removed=False)
                row.name, row.time_zone, row.consent = contact.name, contact.time_zone, contact.consent
                row.line, row.fields = contact.line, dict(contact.fields)
                session.add(row)
                rows.append(row)
            session.flush()
            return [_record(row) for row in rows]

        return await self._database.transact(work)

    async def of_campaign(self, campaign: str) -> list[Contact]:
        """The contacts of a campaign's list, those removed left out, in the order of the file."""

        def work(session: Session) -> list[Contact]:
            query = select(ContactRow).where(ContactRow.campaign == campaign, ContactRow.removed.is_(False))
            return [_record(row) for row in session.scalars(query.order_by(ContactRow.line, ContactRow.id))]

        return await self._database.transact(work)


def _record(row: ContactRow) -> Contact:
    return Contact(
        id=row.id,
        campaign=row.campaign,
        number=row.number,
        name=row.name,
        time_zone=row.time_zone,
        consent=row.consent,
        line=row.line,
        fields=dict(row.fields),
        removed=row.removed,
    )
