"""Two sessions of one process, over real sockets on 127.0.0.1, on virtual time."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from bot.errors import MediaFailed
from bot.media import (
    FRAME,
    SAMPLE_RATE,
    SILENCE,
    MediaEngine,
    MediaOptions,
    MediaSession,
    MediaState,
    Pcm,
    PcmSource,
    Silence,
    Speech,
    ToneSource,
    dominant_frequency,
    level_db,
    tone_level,
)
from bot.media.rtp import parse_rtp
from tests.hearing import phrase_heard
from tests.media.line import BadLine, connect, record

PHRASES = ["thank you for calling", "press one for sales", "the agent is busy", "please leave a message"]
ALL_DIGITS = "0123456789*#ABCD"


async def test_a_tone_arrives_with_its_frequency_and_level(codec: str) -> None:
    async with MediaEngine(MediaOptions(loopback=True, codecs=(codec,))) as engine:
        caller, callee = engine.session("caller"), engine.session("callee")
        await connect(caller, callee)
        assert caller.state is callee.state is MediaState.CONNECTED
        assert caller.codec == callee.codec == codec
        caller.source = ToneSource([1000], level_db=-13)
        heard = (await record(callee, 1.5))[-SAMPLE_RATE:]
        assert dominant_frequency(heard) == pytest.approx(1000, abs=4)
        assert tone_level(heard, 1000) == pytest.approx(-13, abs=1)


async def test_both_sides_are_heard_at_the_same_time(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    caller.source, callee.source = ToneSource([500]), ToneSource([1500])
    at_caller, at_callee = await asyncio.gather(record(caller, 1), record(callee, 1))
    assert dominant_frequency(at_caller[4000:]) == pytest.approx(1500, abs=4)
    assert dominant_frequency(at_callee[4000:]) == pytest.approx(500, abs=4)


async def test_speech_is_understood_at_the_other_end(codec: str, speech: Speech) -> None:
    async with MediaEngine(MediaOptions(loopback=True, codecs=(codec,))) as engine:
        caller, callee = engine.session(), engine.session()
        await connect(caller, callee)
        for phrase in PHRASES[:2]:
            pcm = await speech.say(phrase)
            hearing = asyncio.create_task(record(callee, len(pcm) / SAMPLE_RATE + 0.3))
            await caller.play(PcmSource(pcm))
            assert phrase_heard(await hearing, PHRASES) == phrase


async def test_speech_is_understood_over_a_line_that_loses_packets(engine: MediaEngine, speech: Speech) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    BadLine(caller, seed=1, loss=0.05, repeat=0.05, delay=0.05)
    pcm = await speech.say(PHRASES[0])
    hearing = asyncio.create_task(record(callee, len(pcm) / SAMPLE_RATE + 0.5))
    await caller.play(PcmSource(pcm))
    assert phrase_heard(await hearing, PHRASES) == PHRASES[0]
    assert callee.stats.packets_lost > 0
    assert callee.stats.frames_concealed > 0


async def test_sources_play_one_after_the_other_and_then_the_continuous_one(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    caller.source = ToneSource([1800])
    hearing = asyncio.create_task(record(callee, 1.5))
    first = asyncio.create_task(caller.play(ToneSource([600], seconds=0.5)))
    await asyncio.sleep(0)
    await caller.play(ToneSource([1200], seconds=0.5))
    assert first.done()
    heard = await hearing
    for start, hz in ((0.1, 600), (0.6, 1200), (1.1, 1800)):
        begin = round(start * SAMPLE_RATE)
        assert dominant_frequency(heard[begin : begin + 2400]) == pytest.approx(hz, abs=8)


async def test_playing_stops_at_once_when_it_is_cancelled(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    playing = asyncio.create_task(caller.play(ToneSource([600])))
    await asyncio.sleep(0.5)
    playing.cancel()
    await asyncio.gather(playing, return_exceptions=True)
    await asyncio.sleep(0.1)
    assert level_db(await record(callee, 0.5)) < -60


async def test_what_is_played_before_the_path_is_there_is_heard_from_its_beginning(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    hearing: list[Pcm] = []
    callee.on_audio(hearing.append)
    playing = asyncio.create_task(caller.play(ToneSource([600], seconds=0.5)))
    await asyncio.sleep(3)
    assert not playing.done()
    await connect(caller, callee)
    await playing
    await asyncio.sleep(0.2)
    loud = sum(level_db(frame) > -30 for frame in hearing)
    assert loud >= 24


async def test_a_muted_session_sends_silence_and_its_source_goes_on(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    caller.muted = True
    hearing = asyncio.create_task(record(callee, 1))
    await asyncio.wait_for(caller.play(ToneSource([600], seconds=0.5)), 1)
    assert level_db(await hearing) < -60
    assert callee.stats.packets_received > 40


async def test_silence_keeps_packets_flowing(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    before = callee.stats.packets_received
    await asyncio.sleep(1)
    assert callee.stats.packets_received - before == pytest.approx(50, abs=1)


async def test_each_tick_brings_one_frame_even_when_nothing_arrives(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    BadLine(caller, seed=0, loss=1.0)
    heard = await record(callee, 1)
    assert len(heard) / FRAME == pytest.approx(50, abs=1)
    assert level_db(heard[-SAMPLE_RATE // 2 :]) < -60


async def test_a_lost_packet_is_concealed_and_does_not_add_delay(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    caller.source = ToneSource([1000])
    BadLine(caller, seed=3, loss=0.1)
    heard = await record(callee, 4)
    # No frame is quieter than what concealment leaves of a tone.
    levels = [level_db(heard[at : at + FRAME]) for at in range(1600, len(heard) - FRAME, FRAME)]
    assert min(levels) > -30
    assert len(callee._receiver._buffer) <= 3


@pytest.mark.parametrize("codec_name", ["PCMU", "opus"])
async def test_every_digit_arrives_once(codec_name: str) -> None:
    async with MediaEngine(MediaOptions(loopback=True, codecs=(codec_name,))) as engine:
        caller, callee = engine.session(), engine.session()
        await connect(caller, callee)
        digits: list[str] = []
        callee.on_digit(digits.append)
        await caller.send_digits(ALL_DIGITS)
        assert "".join(digits) == ALL_DIGITS


@pytest.mark.parametrize("seed", range(5))
async def test_digits_survive_loss_repetition_and_wrong_order(engine: MediaEngine, seed: int) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    BadLine(caller, seed=seed, loss=0.2, repeat=0.3, delay=0.3)
    digits: list[str] = []
    callee.on_digit(digits.append)
    await caller.send_digits("1122*334#", duration=0.1, gap=0.1)
    await asyncio.sleep(0.1)
    assert "".join(digits) == "1122*334#"


async def test_digits_arrive_as_tones_when_no_telephone_events_were_agreed_on(codec: str) -> None:
    async with MediaEngine(MediaOptions(loopback=True, codecs=(codec,))) as engine:
        caller, callee = engine.session(), engine.session()
        offer = await caller.create_offer()
        answer = await callee.create_answer(without_events(offer))
        assert "telephone-event" not in answer
        await caller.apply_answer(answer)
        await asyncio.gather(caller.connected(), callee.connected())
        digits: list[str] = []
        callee.on_digit(digits.append)
        await caller.send_digits(ALL_DIGITS)
        await asyncio.sleep(0.2)
        assert "".join(digits) == ALL_DIGITS


async def test_tones_are_heard_at_once_by_who_listens_again_after_a_while(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await caller.apply_answer(await callee.create_answer(without_events(await caller.create_offer())))
    await asyncio.gather(caller.connected(), callee.connected())
    for _menu in range(2):
        digits: list[str] = []
        stop = callee.on_digit(digits.append)
        await asyncio.sleep(0.2)
        await caller.send_digits("7")
        await asyncio.sleep(0.1)
        stop()
        assert digits == ["7"]
        await asyncio.sleep(3)


def without_events(sdp: str) -> str:
    lines = [line for line in sdp.split("\r\n") if not line.startswith(("a=rtpmap:101", "a=rtpmap:110"))]
    return "\r\n".join(line.replace(" 101", "").replace(" 110", "") if line[:2] == "m=" else line for line in lines)


async def test_no_digit_is_found_in_speech(speech: Speech, engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await caller.apply_answer(await callee.create_answer(without_events(await caller.create_offer())))
    await asyncio.gather(caller.connected(), callee.connected())
    digits: list[str] = []
    callee.on_digit(digits.append)
    for phrase in PHRASES:
        await caller.play(PcmSource(await speech.say(phrase)))
    assert digits == []


async def test_a_comma_pauses_for_a_second(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    loop = asyncio.get_running_loop()
    times: list[float] = []
    callee.on_digit(lambda _digit: times.append(loop.time()))
    await caller.send_digits("1,2", duration=0.1, gap=0.1)
    assert times[1] - times[0] == pytest.approx(1.2, abs=0.05)


async def test_digits_that_are_cancelled_end_the_key_that_is_down(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    packets: list[bytes] = []
    transmit = caller._sender._transmit
    caller._sender._transmit = lambda packet: (packets.append(packet), transmit(packet))[1]
    sending = asyncio.create_task(caller.send_digits("123", duration=2))
    await asyncio.sleep(0.5)
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    await asyncio.sleep(0.5)
    events = [parsed for parsed in map(parse_rtp, packets) if parsed.payload_type == 101]
    assert [event.payload[1] >> 7 for event in events[-3:]] == [1, 1, 1]
    assert {event.payload[0] for event in events} == {1}


@pytest.mark.parametrize("digits", ["x", "1 2", "٣", "+1"])
async def test_other_characters_are_no_digits(engine: MediaEngine, digits: str) -> None:
    with pytest.raises(ValueError, match="cannot be sent as a digit"):
        await engine.session().send_digits(digits)


async def test_the_marker_is_set_only_where_sound_begins_after_a_gap(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    packets: list[bytes] = []
    caller._sender._transmit = lambda packet: packets.append(packet) is None
    await asyncio.sleep(0.5)
    await caller.send_digits("1")
    await asyncio.sleep(0.1)
    marked = [parse_rtp(packet).payload_type for packet in packets if parse_rtp(packet).marker]
    assert marked == [0, 101, 0]


async def test_reports_tell_the_round_trip_and_the_loss_at_the_other_end(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    BadLine(caller, seed=2, loss=0.2)
    await asyncio.sleep(16)
    assert caller.stats.peer_loss_percent == pytest.approx(20, abs=8)
    assert callee.stats.loss_percent == pytest.approx(20, abs=5)
    assert callee.stats.mos < caller.stats.mos
    assert 0 <= caller.stats.round_trip_ms < 25
    assert caller.stats.mos > 4


async def test_a_new_stream_of_the_peer_is_heard_at_once(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    caller.source = ToneSource([700])
    await record(callee, 0.5)
    caller._sender.ssrc ^= 1
    caller._sender._sequence = 7
    heard = await record(callee, 0.5)
    assert tone_level(heard[800:], 700) == pytest.approx(-13, abs=1)


async def test_nothing_is_decoded_while_nobody_listens(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    await asyncio.sleep(0.5)
    assert len(callee._receiver._buffer) == 0
    stop = callee.on_audio(lambda _frame: None)
    await asyncio.sleep(0.5)
    assert callee._receiver._decoders
    stop()
    await asyncio.sleep(0.5)
    assert not callee._receiver._decoders


async def test_a_listener_that_fails_does_not_silence_the_others(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    callee.on_audio(lambda _frame: 1 // 0)
    caller.source = ToneSource([700])
    callee.source = ToneSource([900])
    assert dominant_frequency((await record(caller, 0.5))[1600:]) == pytest.approx(900, abs=5)


# Closing


async def in_state(engine: MediaEngine, state: str) -> tuple[MediaSession, asyncio.Task[str] | None]:
    caller, callee = engine.session(), engine.session()
    if state == "gathering":
        offering = asyncio.create_task(caller.create_offer())
        await asyncio.sleep(0)
        return caller, offering
    offer = await caller.create_offer()
    if state == "offered":
        return caller, None
    answer = await callee.create_answer(offer)
    if state == "answered":
        return callee, None
    await caller.apply_answer(answer)
    if state == "handshake":
        begun = asyncio.Event()
        callee._path.latest.dtls._transport.on("statechange", begun.set)
        await begun.wait()
        return callee, None
    await asyncio.gather(caller.connected(), callee.connected())
    return caller, None


@pytest.mark.parametrize("state", ["gathering", "offered", "answered", "handshake", "connected"])
async def test_closing_is_quick_and_complete_in_every_state(engine: MediaEngine, state: str) -> None:
    session, offering = await in_state(engine, state)
    async with asyncio.timeout(0.2):
        await session.close()
        await session.close()
    assert session.state is MediaState.CLOSED
    assert session not in engine.sessions
    if offering is not None:
        with pytest.raises(MediaFailed, match="closed"):
            await offering
    with pytest.raises(MediaFailed, match="closed"):
        await session.connected()
    with pytest.raises(MediaFailed, match="closed"):
        await session.create_offer()
    with pytest.raises(MediaFailed, match="closed"):
        await session.play(Silence(1))


async def test_closing_ends_what_is_being_played_and_dialled(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    waiting = [asyncio.create_task(caller.play(Silence())), asyncio.create_task(caller.send_digits("1" * 99))]
    await asyncio.sleep(0.5)
    await caller.close()
    for each in await asyncio.gather(*waiting, return_exceptions=True):
        assert isinstance(each, MediaFailed)


async def test_a_closed_peer_is_noticed(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    states: list[MediaState] = []
    caller.on_state(states.append)
    await connect(caller, callee)
    await callee.close()
    await asyncio.sleep(0.1)
    assert states == [MediaState.CONNECTING, MediaState.CONNECTED, MediaState.FAILED]


async def test_a_peer_that_never_comes_fails_the_session_in_time(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    answer = await callee.create_answer(await caller.create_offer())
    await caller.close()
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(MediaFailed, match="in time"):
        await callee.connected()
    assert loop.time() - began == pytest.approx(10, abs=0.5)
    assert callee.state is MediaState.FAILED
    assert answer


async def test_a_peer_that_vanishes_is_noticed_by_its_silence_and_then_by_consent(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    link = callee._path.latest.ice
    link._connection.request_received = lambda *_args: None
    await asyncio.sleep(60)
    assert caller.state is MediaState.FAILED
    with pytest.raises(MediaFailed, match="lost"):
        await caller.connected()


async def test_a_session_that_nobody_called_waits_in_vain_but_not_for_ever(engine: MediaEngine) -> None:
    with pytest.raises(MediaFailed, match="in time"):
        await engine.session().connected()


# The ticker


async def test_what_one_session_hears_another_sends_at_the_same_tick(engine: MediaEngine) -> None:
    """A bridge of two calls adds no frame of delay of its own."""
    order: list[str] = []

    class Bystander:
        def __init__(self, name: str) -> None:
            self.name = name

        def hand_out(self) -> None:
            order.append(f"{self.name} hears")

        def send_tick(self) -> None:
            order.append(f"{self.name} sends")

    removers = [engine.attach(Bystander("a")), engine.attach(Bystander("b"))]
    await asyncio.sleep(0.03)
    for remove in removers:
        remove()
    assert order == ["a hears", "b hears", "a sends", "b sends"]


async def test_the_ticker_neither_drifts_nor_runs_when_nobody_needs_it(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await asyncio.sleep(100)
    assert engine._timer is None
    await connect(caller, callee)
    begun = caller.stats.packets_sent
    await asyncio.sleep(10)
    assert caller.stats.packets_sent - begun == pytest.approx(500, abs=1)
    await caller.close()
    await callee.close()
    assert engine._timer is None


def test_unknown_codecs_are_refused_when_options_are_made() -> None:
    with pytest.raises(ValueError, match="no codec 'g729'"):
        MediaOptions(codecs=("g729",))


def test_the_shared_silence_cannot_be_spoilt() -> None:
    with pytest.raises(ValueError, match="read-only"):
        SILENCE[0] = 1
    assert np.count_nonzero(SILENCE) == 0
