"""A strict RFC 3261 phone at the sandbox: where the vendor's phone is lenient, this one is not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.sandbox import Sandbox
from tests.interop.jssip import JsSipPage
from tests.interop.sound import hears, hears_instead
from tests.interop.webphone import TONES, OpenPhone, PhonePage

pytestmark = [pytest.mark.interop, pytest.mark.asyncio(loop_scope="session")]

JSSIP_SAYS, VENDOR_SAYS = TONES["101"], TONES["102"]


@pytest_asyncio.fixture(loop_scope="session")
async def strict(jssip_page: JsSipPage, sandbox: Sandbox) -> AsyncIterator[JsSipPage]:
    """JsSIP, registered at extension 101."""
    await jssip_page.page.set_microphone(JSSIP_SAYS)
    await jssip_page.start(sandbox.sip_info("101"))
    yield jssip_page
    await jssip_page.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def vendor(phone: OpenPhone) -> PhonePage:
    """The vendor's phone, registered at extension 102."""
    return await phone("102")


async def test_it_calls_the_vendors_phone_and_hangs_up(strict: JsSipPage, vendor: PhonePage) -> None:
    placed = await strict.call("102")
    came = await vendor.incoming()
    await came.answer()
    await placed.confirmed()
    await asyncio.gather(hears(placed, VENDOR_SAYS), hears(came, JSSIP_SAYS))
    await placed.hangup()
    await came.ended()


async def test_it_is_called_by_the_vendors_phone_which_hangs_up(strict: JsSipPage, vendor: PhonePage) -> None:
    placed = await vendor.call("101")
    came = await strict.incoming()
    await came.answer()
    await came.confirmed()
    await asyncio.gather(hears(came, VENDOR_SAYS), hears(placed, JSSIP_SAYS))
    await placed.hangup()
    assert await came.ended() == "Terminated"


async def test_it_is_cancelled_when_the_caller_gives_up(strict: JsSipPage, vendor: PhonePage) -> None:
    placed = await vendor.call("101")
    came = await strict.incoming()
    await placed.settled()
    await placed.hangup()
    assert await came.ended() == "Canceled"


async def test_it_holds_and_resumes(strict: JsSipPage, vendor: PhonePage) -> None:
    placed = await strict.call("102")
    came = await vendor.incoming()
    await came.answer()
    await placed.confirmed()
    await hears(came, JSSIP_SAYS)
    await placed.hold()
    await hears_instead(came, JSSIP_SAYS)
    await placed.unhold()
    await asyncio.gather(hears(placed, VENDOR_SAYS), hears(came, JSSIP_SAYS))
    await placed.hangup()
    await came.ended()


async def test_it_is_told_that_a_number_cannot_be_called(strict: JsSipPage) -> None:
    assert await (await strict.call("999999")).ended() == "Busy"
