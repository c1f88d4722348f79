"""The harness itself: two of Chromium's own ends hear each other, so a failure elsewhere is not the harness's."""

from __future__ import annotations

import pytest

from tests.interop.browser import DrivenPage
from tests.interop.peer import Peer
from tests.interop.sound import hears, hears_nothing
from tests.interop.webphone import OpenPhonePage

pytestmark = [pytest.mark.interop, pytest.mark.asyncio(loop_scope="session")]


async def test_two_ends_in_one_page_hear_the_microphone_of_the_page(media_page: DrivenPage) -> None:
    caller, callee = await Peer.open(media_page), await Peer.open(media_page)
    await media_page.set_microphone(700)
    await caller.accept(await callee.answer(await caller.offer()))
    await caller.connected()
    await hears(callee, 700)
    await media_page.set_microphone(0)
    await hears_nothing(callee)


async def test_the_vendors_phone_loads_in_a_page(open_phone_page: OpenPhonePage) -> None:
    phone = await open_phone_page()
    assert await phone.page.run("() => typeof WebPhone") == "function"
