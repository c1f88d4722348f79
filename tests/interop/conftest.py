"""One Chromium for the session, and pages for each test.

Without Chromium or the npm packages these tests are skipped, and say so; in CI (`CI` is set) they fail.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import NoReturn

import pytest
import pytest_asyncio

from bot.sandbox import Sandbox, SandboxOptions
from tests.interop import jssip, peer, webphone
from tests.interop.browser import Chromium, DrivenPage, Missing, Scripts, launch
from tests.interop.jssip import JsSipPage
from tests.interop.webphone import TONES, OpenPhone, OpenPhonePage, PhonePage


def not_here(missing: Missing) -> NoReturn:
    """Skip, or fail where a skip would go unseen."""
    if os.environ.get("CI"):
        pytest.fail(str(missing), pytrace=False)
    pytest.skip(str(missing))


def present(scripts: Callable[[], Scripts]) -> Scripts:
    """The scripts of a page whose package is installed; skips or fails otherwise."""
    try:
        return scripts()
    except Missing as missing:
        not_here(missing)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Chromium]:
    try:
        async with launch() as browser:
            yield browser
    except Missing as missing:
        not_here(missing)


@pytest_asyncio.fixture(loop_scope="session")
async def media_page(chromium: Chromium) -> AsyncIterator[DrivenPage]:
    """A page with bare RTCPeerConnections: see `peer.Peer`."""
    async with chromium.page(peer.SCRIPTS) as page:
        yield page


@pytest_asyncio.fixture(loop_scope="session")
async def open_phone_page(chromium: Chromium) -> AsyncIterator[OpenPhonePage]:
    """Opens pages with the vendor's phone in them, each in a context of its own."""
    scripts = present(webphone.scripts)
    async with AsyncExitStack() as stack:

        async def open_page() -> PhonePage:
            return PhonePage(await stack.enter_async_context(chromium.page(scripts)))

        yield open_page


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox() -> AsyncIterator[Sandbox]:
    """One sandbox for all tests that need no settings of their own."""
    async with Sandbox(SandboxOptions(menu_wait=3.0)) as sandbox:
        yield sandbox


@pytest_asyncio.fixture(loop_scope="session")
async def phone(open_phone_page: OpenPhonePage, sandbox: Sandbox) -> AsyncIterator[OpenPhone]:
    """Registers the vendor's phone at extensions of the sandbox; unregisters them all at the end."""
    opened: list[PhonePage] = []

    async def open_phone(extension: str) -> PhonePage:
        page = await open_phone_page()
        await page.page.set_microphone(TONES[extension])
        await page.start(sandbox.sip_info(extension))
        opened.append(page)
        return page

    yield open_phone
    await asyncio.gather(*(page.stop() for page in opened))


@pytest_asyncio.fixture(loop_scope="session")
async def jssip_page(chromium: Chromium) -> AsyncIterator[JsSipPage]:
    """A page with JsSIP in it."""
    async with chromium.page(present(jssip.scripts)) as page:
        yield JsSipPage(page)
