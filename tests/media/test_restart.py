"""A session's second and further offers: hold, ICE restarts, other peers, lost paths."""

from __future__ import annotations

import asyncio

import pytest

from bot.errors import IllegalTransition, MalformedSdp, MediaFailed
from bot.media import MediaEngine, MediaOptions, MediaSession, MediaState, ToneSource, dominant_frequency, level_db
from bot.media.path import TRANSITIONS, MediaEvent
from bot.media.sdp import parse_sdp
from tests.media.line import connect, record


async def each_hears_the_other(one: MediaSession, other: MediaSession) -> None:
    one.source, other.source = ToneSource([600]), ToneSource([1400])
    at_one, at_other = await asyncio.gather(record(one, 0.5), record(other, 0.5))
    assert dominant_frequency(at_one[1600:]) == pytest.approx(1400, abs=8)
    assert dominant_frequency(at_other[1600:]) == pytest.approx(600, abs=8)


async def renegotiate(offerer: MediaSession, answerer: MediaSession, *, ice_restart: bool | None = None) -> None:
    offer = await offerer.create_offer(ice_restart=ice_restart)
    await offerer.apply_answer(await answerer.create_answer(offer))


def credentials(sdp: str) -> tuple[str, str]:
    remote = parse_sdp(sdp)
    return remote.ufrag, remote.password


async def test_every_description_has_a_higher_version(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    versions = []
    for _each in range(3):
        await renegotiate(caller, callee)
        versions.append((parse_sdp(caller.local_sdp).version, parse_sdp(callee.local_sdp).version))
    assert versions == [(2, 2), (3, 3), (4, 4)]


async def test_hold_and_resume_change_the_direction_and_not_the_path(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    before = credentials(caller.local_sdp), credentials(callee.local_sdp)
    caller.set_direction("sendonly")
    await renegotiate(caller, callee)
    assert (caller.direction, callee.direction) == ("sendonly", "recvonly")
    assert (caller.remote_direction, callee.remote_direction) == ("recvonly", "sendonly")
    caller.source, callee.source = ToneSource([600]), ToneSource([1400])
    at_caller, at_callee = await asyncio.gather(record(caller, 0.5), record(callee, 0.5))
    assert level_db(at_caller[1600:]) < -60
    assert dominant_frequency(at_callee[1600:]) == pytest.approx(600, abs=8)
    caller.set_direction("sendrecv")
    await renegotiate(caller, callee)
    assert (caller.direction, callee.direction) == ("sendrecv", "sendrecv")
    await each_hears_the_other(caller, callee)
    assert (credentials(caller.local_sdp), credentials(callee.local_sdp)) == before


async def test_a_peer_that_sends_its_last_answer_as_an_offer_is_held(engine: MediaEngine) -> None:
    """The vendor's SDK holds so: its last description, `a=setup:active` and all, with `sendonly`."""
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    offer = callee.local_sdp.replace("a=sendrecv", "a=sendonly")
    assert "a=setup:active" in offer
    answer = await caller.create_answer(offer)
    assert "a=recvonly" in answer
    assert "a=setup:passive" in answer
    assert caller.state is MediaState.CONNECTED
    await caller.create_answer(callee.local_sdp)
    await each_hears_the_other(caller, callee)


@pytest.mark.parametrize("caller_offers", [True, False])
async def test_audio_goes_on_through_an_ice_restart(engine: MediaEngine, caller_offers: bool) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    offerer, answerer = (caller, callee) if caller_offers else (callee, caller)
    before = credentials(caller.local_sdp), credentials(callee.local_sdp)
    await renegotiate(offerer, answerer, ice_restart=True)
    assert credentials(caller.local_sdp) != before[0]
    assert credentials(callee.local_sdp) != before[1]
    await each_hears_the_other(caller, callee)
    await asyncio.sleep(1)
    await each_hears_the_other(caller, callee)
    assert caller.state is callee.state is MediaState.CONNECTED
    assert (len(caller._path._links), len(callee._path._links)) == (2, 2)


async def test_many_restarts_leave_nothing_behind(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    for _each in range(5):
        await renegotiate(caller, callee, ice_restart=True)
    await asyncio.sleep(1)
    await each_hears_the_other(caller, callee)
    assert (len(caller._path._links), len(callee._path._links)) == (2, 2)


async def test_a_restart_that_the_peer_ignores_changes_nothing(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    await caller.create_offer(ice_restart=True)
    await caller.apply_answer(callee.local_sdp)
    await each_hears_the_other(caller, callee)
    assert len(caller._path._links) == 2


async def test_a_restart_that_fails_leaves_the_path_in_use(engine: MediaEngine) -> None:
    caller, callee, nobody = engine.session(), engine.session(), engine.session()
    await connect(caller, callee)
    answer = await nobody.create_answer(await caller.create_offer(ice_restart=True))
    await nobody.close()
    await caller.apply_answer(answer)
    await asyncio.sleep(12)
    assert caller.state is MediaState.CONNECTED
    await each_hears_the_other(caller, callee)


async def test_a_second_equal_answer_changes_nothing(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    answer = await callee.create_answer(await caller.create_offer())
    await caller.apply_answer(answer)
    await caller.apply_answer(answer)
    await asyncio.gather(caller.connected(), callee.connected())
    await caller.apply_answer(answer)
    await each_hears_the_other(caller, callee)


@pytest.mark.parametrize("early_connected", [True, False])
async def test_a_second_answer_of_another_peer_takes_over(early_connected: bool) -> None:
    """183 with an announcement machine's description, then 200 with that of the phone that answered."""
    options = MediaOptions(loopback=True)
    async with MediaEngine(options) as engine, MediaEngine(options) as other:
        caller, early, final = engine.session(), engine.session(), other.session()
        offer = await caller.create_offer()
        await caller.apply_answer(await early.create_answer(offer))
        if early_connected:
            await asyncio.gather(caller.connected(), early.connected())
        await caller.apply_answer(await final.create_answer(offer))
        await final.connected()
        await early.close()
        await asyncio.sleep(0.2)
        assert caller.state is MediaState.CONNECTED
        await each_hears_the_other(caller, final)


async def test_a_new_offer_of_another_peer_takes_over() -> None:
    options = MediaOptions(loopback=True)
    async with MediaEngine(options) as engine, MediaEngine(options) as other:
        caller, first, second = engine.session(), engine.session(), other.session()
        await connect(caller, first)
        await second.apply_answer(await caller.create_answer(await second.create_offer()))
        await second.connected()
        await asyncio.sleep(0.1)
        await each_hears_the_other(caller, second)
        assert caller.state is MediaState.CONNECTED


async def test_a_new_offer_may_change_the_codec() -> None:
    options = MediaOptions(loopback=True, codecs=("PCMU", "opus"))
    async with MediaEngine(options) as engine, MediaEngine(MediaOptions(loopback=True, codecs=("opus",))) as narrow:
        caller, callee = engine.session(), engine.session()
        await connect(caller, callee)
        assert callee.codec == "PCMU"
        other = narrow.session()
        await other.apply_answer(await callee.create_answer(await other.create_offer()))
        await other.connected()
        await asyncio.sleep(0.1)
        assert callee.codec == other.codec == "opus"
        await each_hears_the_other(callee, other)


async def test_a_lost_path_is_found_again_by_a_new_offer(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    for session in (caller, callee):
        session._path.latest.ice._connection.request_received = lambda *_args: None
    await asyncio.sleep(60)
    assert caller.state is MediaState.FAILED
    await renegotiate(caller, callee)
    await asyncio.gather(caller.connected(), callee.connected())
    await each_hears_the_other(caller, callee)


async def test_an_offer_that_was_never_answered_is_replaced_by_the_peers(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    await caller.create_offer(ice_restart=True)
    await caller.create_offer(ice_restart=True)
    await renegotiate(callee, caller)
    await each_hears_the_other(caller, callee)
    assert len(caller._path._links) == 2


async def test_an_offer_that_cannot_be_read_changes_nothing(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    before = callee.local_sdp, callee.remote_sdp
    with pytest.raises(MalformedSdp):
        await callee.create_answer("nonsense")
    with pytest.raises(MalformedSdp, match="no codec in common"):
        await callee.create_answer(caller.local_sdp.replace("PCMU", "X").replace("opus", "Y"))
    assert (callee.local_sdp, callee.remote_sdp) == before
    await each_hears_the_other(caller, callee)


async def test_an_answer_without_an_offer_is_refused(engine: MediaEngine) -> None:
    caller, callee, stranger = engine.session(), engine.session(), engine.session()
    answer = await callee.create_answer(await caller.create_offer())
    with pytest.raises(MediaFailed, match="without an offer"):
        await stranger.apply_answer(answer)


async def test_a_peer_with_a_forged_certificate_is_not_let_in(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    answer = await callee.create_answer(await caller.create_offer())
    lines = [line if "fingerprint" not in line else "a=fingerprint:sha-256 00:11" for line in answer.splitlines()]
    await caller.apply_answer("\r\n".join(lines))
    with pytest.raises(MediaFailed, match="DTLS"):
        await caller.connected()


def test_the_table_ends_in_closed_and_knows_no_way_back() -> None:
    assert {state for (state, _event) in TRANSITIONS} == set(MediaState) - {MediaState.CLOSED}
    for state in set(MediaState) - {MediaState.CLOSED}:
        assert TRANSITIONS[state, MediaEvent.CLOSE] is MediaState.CLOSED


async def test_an_illegal_move_is_our_fault(engine: MediaEngine) -> None:
    session = engine.session()
    with pytest.raises(IllegalTransition, match="established in state new"):
        session._path._move(MediaEvent.ESTABLISHED)
