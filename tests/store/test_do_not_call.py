"""The do-not-call list."""

from __future__ import annotations

from datetime import UTC, datetime

from bot.store import DoNotCallEntry, Store

NOW = datetime(2026, 3, 2, 17, 0, tzinfo=UTC)
ADA = "+16505550191"


async def test_a_number_is_added_once_and_keeps_who_asked_first(store: Store) -> None:
    assert await store.do_not_call.add(ADA, NOW, "pressed 9")
    assert not await store.do_not_call.add(ADA, NOW, "somebody else")
    assert await store.do_not_call.has(ADA)
    assert await store.do_not_call.numbers() == {ADA}
    assert await store.do_not_call.entries() == [DoNotCallEntry(ADA, NOW, "pressed 9")]


async def test_a_number_can_be_taken_off(store: Store) -> None:
    await store.do_not_call.add(ADA, NOW, "pressed 9")
    assert await store.do_not_call.remove(ADA)
    assert not await store.do_not_call.remove(ADA)
    assert not await store.do_not_call.has(ADA)
