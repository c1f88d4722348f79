"""A campaign's list: read again and again, the same person stays the same contact."""

from __future__ import annotations

from bot.store import NewContact, Store

ADA = NewContact("+16505550191", "Ada", "America/Los_Angeles", True, 2, {"plan": "gold"})
BOB = NewContact("+16505550192", "Bob", line=3)


async def test_a_list_keeps_its_order_and_its_columns(store: Store) -> None:
    await store.contacts.replace("spring", [ADA, BOB])
    ada, bob = await store.contacts.of_campaign("spring")
    assert (ada.number, ada.name, ada.time_zone, ada.consent) == (ADA.number, "Ada", "America/Los_Angeles", True)
    assert ada.fields == {"plan": "gold"}
    assert (bob.line, bob.consent, bob.fields) == (3, False, {})


async def test_a_list_read_again_keeps_the_contacts_that_it_knows(store: Store) -> None:
    (ada, _) = await store.contacts.replace("spring", [ADA, BOB])
    (again,) = await store.contacts.replace("spring", [NewContact(ADA.number, "Ada L.", line=2)])
    assert (again.id, again.name) == (ada.id, "Ada L.")
    assert await store.contacts.of_campaign("spring") == [again]


async def test_a_contact_that_comes_back_is_the_one_that_went(store: Store) -> None:
    (_, bob) = await store.contacts.replace("spring", [ADA, BOB])
    await store.contacts.replace("spring", [ADA])
    (_, again) = await store.contacts.replace("spring", [ADA, BOB])
    assert again == bob


async def test_campaigns_do_not_see_each_others_contacts(store: Store) -> None:
    await store.contacts.replace("spring", [ADA])
    await store.contacts.replace("autumn", [ADA, BOB])
    assert [contact.number for contact in await store.contacts.of_campaign("spring")] == [ADA.number]
