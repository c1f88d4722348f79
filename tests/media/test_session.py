"""Two sessions of one process, over real sockets on 127.0.0.1, on virtual time."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from bot.media import SAMPLE_RATE, MediaEngine, MediaOptions, MediaSession, MediaState, Pcm, ToneSource
from bot.media.tones import dominant_frequency, tone_level


async def connect(caller: MediaSession, callee: MediaSession) -> None:
    answer = await callee.create_answer(await caller.create_offer())
    await caller.apply_answer(answer)
    await asyncio.gather(caller.connected(), callee.connected())


async def record(session: MediaSession, seconds: float) -> Pcm:
    frames: list[Pcm] = []
    stop = session.on_audio(frames.append)
    await asyncio.sleep(seconds)
    stop()
    return np.concatenate(frames)


@pytest.mark.parametrize("codec", ["PCMU", "PCMA", "opus"])
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
