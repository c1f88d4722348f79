"""Registering, staying registered, and what goes wrong with it."""

from __future__ import annotations

import asyncio

from bot.phone import Registered
from tests.phone.conftest import Rig


async def test_the_phone_registers_with_the_vendors_contact_and_answers_the_challenge(rig: Rig) -> None:
    first, second = rig.server.registrations
    assert first.uri == "sip:sip.example.com"
    assert first.header("Contact").endswith(';transport=ws>;+sip.instance="<urn:uuid:instance-1>";expires=60')
    assert not first.header("Authorization")
    assert 'username="800001"' in second.header("Authorization")
    assert second.cseq == first.cseq + 1
    assert second.branch != first.branch
    assert rig.phone.registered
    assert rig.of(Registered) == [Registered(rig.phone, 60)]
    await asyncio.sleep(1)
