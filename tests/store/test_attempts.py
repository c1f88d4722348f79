"""The ledger: written before, resolved after, never two at once to a number."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from bot.store import Disposition, NewContact, Store

NOW = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
ADA, BOB = "+16505550191", "+16505550192"


async def test_an_attempt_is_in_the_file_before_begin_returns(url: str, store: Store) -> None:
    begun = await store.attempts.begin(ADA, NOW, campaign="spring", round=1)
    async with await Store.open(url) as other:
        assert await other.attempts.of_campaign("spring", 1) == [begun]
    assert begun is not None
    assert begun.disposition is None
    assert begun.counts


async def test_a_number_has_at_most_one_unresolved_attempt(store: Store) -> None:
    first, second = await asyncio.gather(store.attempts.begin(ADA, NOW), store.attempts.begin(ADA, NOW))
    assert first is not None
    assert second is None
    await store.attempts.resolve(first.id, Disposition.BUSY, NOW)
    assert await store.attempts.begin(ADA, NOW) is not None


async def test_an_attempt_keeps_what_was_said_of_it_first(store: Store) -> None:
    begun = await store.attempts.begin(ADA, NOW, caller_id="+16505550101")
    assert begun is not None
    later = NOW + timedelta(seconds=40)
    await store.attempts.resolve(begun.id, Disposition.ANSWERED, later, answered_at=NOW, reason="done")
    await store.attempts.resolve(begun.id, Disposition.FAILED, later)
    (attempt,) = await store.attempts.to_number(ADA, NOW)
    assert (attempt.disposition, attempt.answered_at, attempt.ended_at) == (Disposition.ANSWERED, NOW, later)
    assert (attempt.reason, attempt.caller_id) == ("done", "+16505550101")


async def test_an_attempt_that_was_taken_for_interrupted_is_put_right_by_who_made_it(store: Store) -> None:
    begun = await store.attempts.begin(ADA, NOW)
    assert begun is not None
    await store.attempts.interrupt_unresolved(NOW)
    resolved = await store.attempts.resolve(begun.id, Disposition.ANSWERED, NOW, answered_at=NOW)
    assert (resolved.disposition, resolved.answered_at) == (Disposition.ANSWERED, NOW)


async def test_what_a_crash_left_open_counts_as_interrupted(url: str, store: Store) -> None:
    await store.attempts.begin(ADA, NOW, campaign="spring", round=1)
    await store.attempts.begin(BOB, NOW, campaign="autumn", round=1)
    async with await Store.open(url) as after:
        (spring,) = await after.attempts.interrupt_unresolved(NOW + timedelta(minutes=5), campaign="spring")
        assert (spring.number, spring.disposition, spring.counts) == (ADA, Disposition.INTERRUPTED, True)
        (autumn,) = await after.attempts.interrupt_unresolved(NOW + timedelta(minutes=5))
        assert autumn.number == BOB
        assert await after.attempts.interrupt_unresolved(NOW) == []


async def test_what_was_not_dialled_does_not_count(store: Store) -> None:
    begun = await store.attempts.begin(ADA, NOW)
    assert begun is not None
    await store.attempts.resolve(begun.id, Disposition.NOT_DIALLED, NOW, reason="the phone is down")
    (attempt,) = await store.attempts.to_number(ADA, NOW)
    assert not attempt.counts


async def test_attempts_to_a_number_are_found_whoever_made_them(store: Store) -> None:
    for hours, campaign in ((0, "spring"), (1, ""), (30, "autumn")):
        begun = await store.attempts.begin(ADA, NOW + timedelta(hours=hours), campaign=campaign)
        assert begun is not None
        await store.attempts.resolve(begun.id, Disposition.NO_ANSWER, NOW + timedelta(hours=hours))
    since = NOW + timedelta(minutes=1)
    assert [attempt.campaign for attempt in await store.attempts.to_number(ADA, since)] == ["", "autumn"]
    found = await store.attempts.to_numbers({ADA, BOB}, since)
    assert {number: len(attempts) for number, attempts in found.items()} == {ADA: 2, BOB: 0}


async def test_an_attempt_belongs_to_its_contact(store: Store) -> None:
    (contact,) = await store.contacts.replace("spring", [NewContact(ADA)])
    begun = await store.attempts.begin(ADA, NOW, campaign="spring", round=1, contact_id=contact.id)
    assert begun is not None
    assert (await store.attempts.of_campaign("spring", 1))[0].contact_id == contact.id
    assert await store.attempts.of_campaign("spring", 2) == []
    assert await store.attempts.of_contact(contact.id, 1) == [begun]
