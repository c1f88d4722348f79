"""Chromium and our media sessions: offers both ways, audio both ways, digits, restarts, hold."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from bot.media import MediaEngine, MediaOptions, MediaSession, PcmSource, Speech
from tests.hearing import phrase_heard
from tests.interop.browser import DrivenPage
from tests.interop.peer import Peer
from tests.interop.sound import RATE, Ear, hears, hears_nothing, tone

pytestmark = [pytest.mark.interop, pytest.mark.asyncio(loop_scope="session")]

BOT_SAYS, PAGE_SAYS = 440.0, 900.0
DTMF_5 = (770, 1336)
PHRASES = ("please call me back tomorrow", "the office is closed on sunday", "your order has arrived")
ALL_DIGITS = "1234567890*#ABCD"


@pytest_asyncio.fixture(loop_scope="session")
async def engine() -> AsyncIterator[MediaEngine]:
    async with MediaEngine(MediaOptions(loopback=True)) as engine:
        yield engine


@pytest_asyncio.fixture(loop_scope="session")
async def session(engine: MediaEngine) -> AsyncIterator[MediaSession]:
    """A session that says `BOT_SAYS`."""
    session = engine.session("interop")
    session.source = PcmSource(tone(BOT_SAYS, 1.0), loop=True)
    yield session
    await session.close()


async def called_by(peer: Peer, session: MediaSession) -> None:
    """Chromium offers, we answer."""
    await peer.accept(await session.create_answer(await peer.offer()))
    await asyncio.gather(peer.connected(), session.connected())


async def call(session: MediaSession, peer: Peer) -> None:
    """We offer, Chromium answers."""
    await session.apply_answer(await peer.answer(await session.create_offer()))
    await asyncio.gather(peer.connected(), session.connected())


async def each_hears_the_other(session: MediaSession, peer: Peer) -> None:
    await peer.page.set_microphone(PAGE_SAYS)
    await asyncio.gather(hears(peer, BOT_SAYS), hears(Ear(session.on_audio), PAGE_SAYS))


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "opus"])
async def test_chromium_offers_one_codec_and_each_hears_the_other(media_page: DrivenPage, codec: str) -> None:
    async with MediaEngine(MediaOptions(loopback=True, codecs=("PCMU", "PCMA", "opus"))) as engine:
        session = engine.session("interop")
        session.source = PcmSource(tone(BOT_SAYS, 1.0), loop=True)
        peer = await Peer.open(media_page, [codec])
        await called_by(peer, session)
        await each_hears_the_other(session, peer)
        assert session.codec == codec
        assert (await peer.received())["codec"] == f"audio/{codec}"


@pytest.mark.parametrize("codec", ["PCMU", "opus"])
async def test_we_offer_one_codec_and_each_hears_the_other(media_page: DrivenPage, codec: str) -> None:
    async with MediaEngine(MediaOptions(loopback=True, codecs=(codec,))) as engine:
        session = engine.session("interop")
        session.source = PcmSource(tone(BOT_SAYS, 1.0), loop=True)
        peer = await Peer.open(media_page)
        await call(session, peer)
        await each_hears_the_other(session, peer)
        assert session.codec == codec
        assert (await peer.received())["codec"] == f"audio/{codec}"


async def test_a_phone_network_codec_is_preferred_among_all_that_chromium_offers(
    media_page: DrivenPage, session: MediaSession
) -> None:
    await called_by(await Peer.open(media_page), session)
    assert session.codec == "PCMU"


async def test_chromium_plays_what_we_send_without_gaps(media_page: DrivenPage, session: MediaSession) -> None:
    peer = await Peer.open(media_page)
    await called_by(peer, session)
    await hears(peer, BOT_SAYS)
    before = await peer.received()
    await asyncio.sleep(2)  # and not `listen`: to take its samples in holds up the ticker that is judged here
    after = await peer.received()
    counted = ("timestamp", "packetsReceived", "totalSamplesReceived", "concealedSamples")
    elapsed, packets, samples, concealed = (after[name] - before[name] for name in counted)
    assert after["packetsLost"] == 0
    assert 47 <= packets / (elapsed / 1000) <= 53
    assert concealed < 0.15 * samples  # a sender that is 41 packets a second instead of 50 makes a fifth of it up


@pytest.mark.parametrize(("codec", "keys"), [("PCMU", ALL_DIGITS), ("opus", "1159#")])
async def test_every_digit_that_chromium_sends_comes_once(
    media_page: DrivenPage, session: MediaSession, codec: str, keys: str
) -> None:
    digits: list[str] = []
    session.on_digit(digits.append)
    peer = await Peer.open(media_page, [codec])
    await called_by(peer, session)
    await peer.dial(keys, duration=0.06, gap=0.04)
    await asyncio.sleep(0.3)
    assert "".join(digits) == keys


@pytest.mark.parametrize("codec", ["PCMU", "opus"])
async def test_chromium_hears_the_digits_that_we_send(
    media_page: DrivenPage, session: MediaSession, codec: str
) -> None:
    session.source = None
    peer = await Peer.open(media_page, [codec])
    await called_by(peer, session)
    await peer.listen(0.5)  # Chromium plays no digit before it has played some audio
    await asyncio.gather(session.send_digits("5", duration=0.6), hears(peer, *DTMF_5))
    await hears_nothing(peer)


async def test_audio_goes_on_after_chromium_restarts_ice(media_page: DrivenPage, session: MediaSession) -> None:
    peer = await Peer.open(media_page)
    await called_by(peer, session)
    await each_hears_the_other(session, peer)
    old = credentials(session.local_sdp)
    await peer.accept(await session.create_answer(await peer.offer(ice_restart=True)))
    assert credentials(session.local_sdp) != old
    await asyncio.gather(peer.connected(), session.connected())
    await each_hears_the_other(session, peer)
    await asyncio.sleep(0.5)
    await each_hears_the_other(session, peer)


async def test_audio_goes_on_after_we_restart_ice(media_page: DrivenPage, session: MediaSession) -> None:
    peer = await Peer.open(media_page)
    await call(session, peer)
    await each_hears_the_other(session, peer)
    await call(session, peer)
    await each_hears_the_other(session, peer)


async def test_chromium_holds_and_resumes(media_page: DrivenPage, session: MediaSession) -> None:
    peer = await Peer.open(media_page)
    await called_by(peer, session)
    await each_hears_the_other(session, peer)
    await peer.accept(await session.create_answer(await peer.offer(direction="sendonly")))
    assert session.remote_direction == "sendonly"
    assert "a=recvonly" in session.local_sdp
    await hears(Ear(session.on_audio), PAGE_SAYS)  # its hold music
    await peer.accept(await session.create_answer(await peer.offer(direction="sendrecv")))
    await each_hears_the_other(session, peer)


async def test_hold_as_the_vendor_does_it_with_the_last_sdp_again(
    media_page: DrivenPage, session: MediaSession
) -> None:
    peer = await Peer.open(media_page)
    offer = await peer.offer()
    await peer.accept(await session.create_answer(offer))
    await asyncio.gather(peer.connected(), session.connected())
    for version, direction in enumerate(("sendonly", "sendrecv"), start=3):
        again = re.sub(r"^(o=\S+ \d+) \d+", rf"\1 {version}", offer, flags=re.MULTILINE)
        await session.create_answer(again.replace("a=sendrecv", f"a={direction}"))  # and Chromium is told nothing
        assert session.remote_direction == direction
    await each_hears_the_other(session, peer)


async def test_we_hold_and_resume(media_page: DrivenPage, session: MediaSession) -> None:
    peer = await Peer.open(media_page)
    await call(session, peer)
    await each_hears_the_other(session, peer)
    session.set_direction("sendonly")
    await session.apply_answer(await peer.answer(await session.create_offer()))
    await hears(peer, BOT_SAYS)
    session.set_direction("sendrecv")
    await session.apply_answer(await peer.answer(await session.create_offer()))
    await each_hears_the_other(session, peer)


async def test_the_same_answer_may_come_twice(media_page: DrivenPage, session: MediaSession) -> None:
    peer = await Peer.open(media_page)
    answer = await peer.answer(await session.create_offer())
    await session.apply_answer(answer)  # 183
    await session.apply_answer(answer)  # 200
    await session.connected()
    await each_hears_the_other(session, peer)


async def test_video_that_chromium_offers_is_refused_and_the_audio_taken(
    media_page: DrivenPage, session: MediaSession
) -> None:
    peer = await Peer.open(media_page)
    await peer.add_video()
    await called_by(peer, session)
    assert re.search(r"^m=video 0 ", session.local_sdp, re.MULTILINE)
    await each_hears_the_other(session, peer)


async def test_chromium_learns_from_us_how_its_packets_arrive(media_page: DrivenPage, session: MediaSession) -> None:
    peer = await Peer.open(media_page)
    await called_by(peer, session)
    assert (await peer.reported())["fractionLost"] == 0
    assert session.stats.packets_lost == 0
    assert session.stats.packets_received > 0


async def test_words_are_understood_at_both_ends(media_page: DrivenPage, session: MediaSession) -> None:
    session.source = None
    peer = await Peer.open(media_page)
    await called_by(peer, session)
    async with Speech() as speech:
        english = {phrase: await speech.say(phrase) for phrase in PHRASES[:2]}
    ours, theirs = english
    seconds = max(map(len, english.values())) / RATE + 0.7
    at_page, at_bot, *_ = await asyncio.gather(
        peer.listen(seconds),
        Ear(session.on_audio).listen(seconds),
        session.play(PcmSource(english[ours])),
        media_page.say(english[theirs].tolist()),
    )
    assert phrase_heard(at_page, PHRASES) == ours
    assert phrase_heard(at_bot, PHRASES) == theirs


def credentials(sdp: str) -> list[str]:
    return re.findall(r"^a=ice-ufrag:(\S+)", sdp, re.MULTILINE)


async def test_a_new_offer_changes_the_codec(media_page: DrivenPage, session: MediaSession) -> None:
    peer = await Peer.open(media_page, ["PCMU"])
    await called_by(peer, session)
    await each_hears_the_other(session, peer)
    await peer.prefer(["opus"])
    await peer.accept(await session.create_answer(await peer.offer()))
    await each_hears_the_other(session, peer)
    assert session.codec == "opus"
    assert (await peer.received())["codec"] == "audio/opus"


async def test_a_new_offer_brings_another_peer(media_page: DrivenPage, session: MediaSession) -> None:
    first, second = await Peer.open(media_page), await Peer.open(media_page)
    await called_by(first, session)
    await each_hears_the_other(session, first)
    await called_by(second, session)  # other certificate, other credentials, other port: as after a take-over
    await each_hears_the_other(session, second)
