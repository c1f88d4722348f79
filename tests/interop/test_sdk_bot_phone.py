"""Our phone and the vendor's, who call each other through the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.clock import Clock
from bot.media import MediaEngine, MediaOptions, PcmSource
from bot.phone import InboundSession, IncomingCall, Phone, PhoneEvent, Session, SessionState, SipInfo
from bot.sandbox import Sandbox
from bot.sip.rc import Reply
from tests.interop.sound import Ear, hears, hears_instead, hears_nothing, level, tone
from tests.interop.webphone import TONES, OpenPhone, PageCall, PhonePage

pytestmark = [pytest.mark.interop, pytest.mark.asyncio(loop_scope="session")]

BOT_SAYS, PAGE_SAYS, THIRD_SAYS = TONES["101"], TONES["102"], TONES["103"]
LIMIT = 10.0  # seconds that anything between the two may take


class BotPhone:
    """Our phone at extension 101, and the calls that came to it."""

    def __init__(self, sandbox: Sandbox, media: MediaEngine) -> None:
        self._arrived: asyncio.Queue[InboundSession] = asyncio.Queue()
        info = SipInfo.from_json(sandbox.sip_info("101"))
        self.phone = Phone(info, media, ssl_context=sandbox.ssl_context(), clock=Clock(), on_event=self._take)

    def _take(self, event: PhoneEvent) -> None:
        if isinstance(event, IncomingCall):
            self._arrived.put_nowait(event.session)

    async def incoming(self) -> InboundSession:
        async with asyncio.timeout(LIMIT):
            return await self._arrived.get()


@pytest_asyncio.fixture(loop_scope="session")
async def bot(sandbox: Sandbox) -> AsyncIterator[BotPhone]:
    async with MediaEngine(MediaOptions(loopback=True)) as media:
        bot = BotPhone(sandbox, media)
        await bot.phone.start()
        yield bot
        await bot.phone.stop()


@pytest_asyncio.fixture(loop_scope="session")
async def page(phone: OpenPhone) -> PhonePage:
    """The vendor's phone at extension 102."""
    return await phone("102")


@pytest_asyncio.fixture(loop_scope="session")
async def third(phone: OpenPhone) -> PhonePage:
    """The vendor's phone at extension 103."""
    return await phone("103")


def speak(session: Session) -> None:
    session.media.source = PcmSource(tone(BOT_SAYS, 1.0), loop=True)


async def page_calls_bot(page: PhonePage, bot: BotPhone) -> tuple[PageCall, InboundSession]:
    """A call from the page that our phone has answered."""
    placed = await page.call("101")
    session = await bot.incoming()
    await session.answer()
    speak(session)
    await placed.connected()
    return placed, session


async def each_hears_the_other(call: PageCall, session: Session) -> None:
    await asyncio.gather(hears(call, BOT_SAYS), hears(Ear(session.media.on_audio), PAGE_SAYS))


async def test_our_phone_answers_the_page_which_hangs_up(bot: BotPhone, page: PhonePage) -> None:
    placed, session = await page_calls_bot(page, bot)
    await each_hears_the_other(placed, session)
    assert session.remote_number in {"102", "+16505550102"}
    assert session.session_id == (await placed.facts()).session_id
    await placed.hangup()
    async with asyncio.timeout(LIMIT):
        end = await session.ended()
    assert (end.by, end.cause) == ("peer", "hangup")


async def test_our_phone_calls_the_page_and_hangs_up(bot: BotPhone, page: PhonePage) -> None:
    session = await bot.phone.call("102")
    came = await page.incoming()
    await came.answer()
    async with asyncio.timeout(LIMIT):
        await session.answered()
    speak(session)
    await each_hears_the_other(came, session)
    await session.hangup()
    await came.ended()
    assert session.state is SessionState.ENDED


async def test_the_page_gives_up_before_our_phone_answers(bot: BotPhone, page: PhonePage) -> None:
    placed = await page.call("101")
    session = await bot.incoming()
    await placed.settled()
    await placed.hangup()
    async with asyncio.timeout(LIMIT):
        assert (await session.ended()).cause == "cancelled"


async def test_our_phone_declines_and_the_pages_call_goes_on(bot: BotPhone, page: PhonePage) -> None:
    placed = await page.call("101")
    session = await bot.incoming()
    await session.decline()
    assert (await session.ended()).cause == "declined"
    assert await placed.settled() == "answered"
    await placed.hangup()


async def test_our_phone_sends_the_page_to_voicemail(bot: BotPhone, page: PhonePage) -> None:
    placed = await page.call("101")
    session = await bot.incoming()
    await session.to_voicemail()
    assert (await session.ended()).cause == "voicemail"
    await placed.connected()
    assert level(await placed.listen(1.0)) > -50
    await placed.hangup()


async def test_our_phone_forwards_the_page_to_a_third(bot: BotPhone, page: PhonePage, third: PhonePage) -> None:
    placed = await page.call("101")
    session = await bot.incoming()
    await session.forward("103")
    assert (await session.ended()).cause == "forwarded"
    taken = await third.incoming()
    await taken.answer()
    await asyncio.gather(hears(placed, THIRD_SAYS), hears(taken, PAGE_SAYS))
    await placed.hangup()


async def test_our_phone_replies_with_text_and_learns_what_the_page_chose(bot: BotPhone, page: PhonePage) -> None:
    placed = await page.call("101")
    session = await bot.incoming()
    await placed.connected()
    async with asyncio.TaskGroup() as tasks:
        replying = tasks.create_task(session.reply(Reply("Can I call you back?"), timeout=LIMIT * 3))
        assert (await session.ended()).cause == "replied"
        await asyncio.sleep(0.5)
        await placed.send_dtmf("55550123#1")
    outcome = replying.result()
    assert (outcome.choice, outcome.number) == ("urgent", "5550123")
    await placed.hangup()


async def test_keys_pressed_on_the_page_come_to_our_phone_once_each(bot: BotPhone, page: PhonePage) -> None:
    placed, session = await page_calls_bot(page, bot)
    digits: list[str] = []
    session.media.on_digit(digits.append)
    await hears(Ear(session.media.on_audio), PAGE_SAYS)
    await placed.send_dtmf("159#")
    await asyncio.sleep(1.5)
    assert "".join(digits) == "159#"
    await placed.hangup()


async def test_the_page_hears_the_keys_that_our_phone_presses(bot: BotPhone, page: PhonePage) -> None:
    placed, session = await page_calls_bot(page, bot)
    session.media.source = None
    await hears_nothing(placed)
    await asyncio.gather(session.send_dtmf("9999"), hears(placed, 852, 1477))
    await placed.hangup()


async def test_our_phone_holds_the_page_and_takes_it_back(bot: BotPhone, page: PhonePage) -> None:
    placed, session = await page_calls_bot(page, bot)
    await hears(placed, BOT_SAYS)
    await session.hold()
    await hears_instead(placed, BOT_SAYS)
    await session.unhold()
    await each_hears_the_other(placed, session)
    await placed.hangup()


async def test_the_page_holds_our_phone_and_comes_back_with_new_ice_credentials(
    bot: BotPhone, page: PhonePage
) -> None:
    placed, session = await page_calls_bot(page, bot)
    await placed.hold()
    await placed.unhold()
    await placed.re_invite()
    await each_hears_the_other(placed, session)
    await placed.hangup()


async def test_our_phone_transfers_the_page_to_a_third(bot: BotPhone, page: PhonePage, third: PhonePage) -> None:
    placed, session = await page_calls_bot(page, bot)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(session.transfer("103"))
        taken = await third.incoming()
        await taken.answer()
    assert (await session.ended()).cause == "transferred"
    await asyncio.gather(hears(placed, THIRD_SAYS), hears(taken, PAGE_SAYS))
    await placed.hangup()
