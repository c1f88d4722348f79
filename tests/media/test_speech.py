"""Speech: what is said is understood, and nothing that happens to the worker harms the bot."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from bot.errors import SpeechFailed
from bot.media import SAMPLE_RATE, Speech
from tests.hearing import phrase_heard

PHRASES = ["thank you for calling", "press one for sales", "the agent is busy", "please leave a message"]


async def test_what_is_said_is_understood(speech: Speech) -> None:
    for phrase in PHRASES:
        pcm = await speech.say(phrase)
        assert 0.5 < len(pcm) / SAMPLE_RATE < 3
        assert phrase_heard(pcm, PHRASES) == phrase


async def test_the_same_words_are_made_once(speech: Speech) -> None:
    one, other = await asyncio.gather(speech.say("hello there"), speech.say("hello there"))
    assert one is other
    assert await speech.say(" hello there ") is one
    assert await speech.say("hello there", rate=300) is not one


async def test_the_rate_counts_for_the_very_next_words(speech: Speech) -> None:
    text = "please hold the line while we find somebody for you"
    slow, usual, fast = [len(await speech.say(text, rate=rate)) for rate in (100, 0, 300)]
    assert slow > 1.3 * usual > 1.3 * 1.2 * fast


async def test_the_instance_has_a_rate_of_its_own_that_the_words_may_change(speech: Speech) -> None:
    async with Speech(rate=300) as fast:
        assert len(await fast.say("One, two, three, four.")) < len(await speech.say("One, two, three, four."))
        slow = await fast.say("One, two, three, four.", rate=100)
    assert len(slow) > len(await speech.say("One, two, three, four."))


async def test_a_voice_is_chosen_by_its_identifier(speech: Speech) -> None:
    british, american = await speech.say("hello", voice="en-gb"), await speech.say("hello", voice="en-us")
    assert british.tobytes() != american.tobytes()
    with pytest.raises(SpeechFailed, match="no voice 'nobody'"):
        await speech.say("hello", voice="nobody")


async def test_nothing_to_say_is_no_sound(speech: Speech) -> None:
    assert len(await speech.say("  ")) == 0


async def test_time_stands_still_while_words_are_made(speech: Speech) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await speech.say("this takes a while on a real clock")
    assert loop.time() == began


async def test_a_worker_that_dies_is_replaced(speech: Speech) -> None:
    await speech.say("one")
    process = speech._worker._process
    assert process is not None
    process.kill()
    process.wait()
    assert len(await speech.say("two")) > 0
    assert speech._worker._process is not process


async def test_a_worker_that_hangs_is_given_up_on(tmp_path: Path) -> None:
    hanging = tmp_path / "hanging.py"
    hanging.write_text("import time\ntime.sleep(60)\n")
    async with Speech(limit=0.2, command=(sys.executable, str(hanging))) as speech:
        with pytest.raises(SpeechFailed, match=r"no reply within 0\.2 s"):
            await speech.say("hello")
        assert speech._worker._process is None


async def test_a_worker_that_talks_nonsense_is_given_up_on(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.py"
    nonsense.write_text("print('hello', flush=True)\ninput()\n")
    async with Speech(limit=5, command=(sys.executable, str(nonsense))) as speech:
        with pytest.raises(SpeechFailed, match="the speech engine failed"):
            await speech.say("hello")


async def test_who_gives_up_waiting_does_not_spoil_it_for_others(speech: Speech) -> None:
    impatient = asyncio.create_task(speech.say("hello again"))
    await asyncio.sleep(0)
    impatient.cancel()
    assert len(await speech.say("hello again")) > 0


async def test_closing_ends_the_worker_and_who_waits(tmp_path: Path) -> None:
    hanging = tmp_path / "hanging.py"
    hanging.write_text("import time\ntime.sleep(60)\n")
    speech = Speech(limit=30, command=(sys.executable, str(hanging)))
    waiting = asyncio.create_task(speech.say("hello"))
    await asyncio.sleep(0)
    while speech._worker._process is None:
        await asyncio.to_thread(os.sched_yield)
    await speech.close()
    await speech.close()
    with pytest.raises(SpeechFailed):
        await waiting
    with pytest.raises(SpeechFailed, match="closed"):
        await speech.say("hello")


async def test_old_words_make_room_for_new_ones() -> None:
    async with Speech(cache_seconds=1.0) as speech:
        first = await speech.say("the first sentence")
        await speech.say("the second sentence")
        assert await speech.say("the first sentence") is not first
