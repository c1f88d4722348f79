"""Who hears whom, and how loud."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from bot.media import FRAME, MediaEngine, Mixer, Pcm, ToneSource, tone_level
from tests.media.line import connect, record


def level(value: int) -> Pcm:
    return np.full(FRAME, value, dtype=np.int16)


def test_everybody_hears_everybody_else_and_not_itself() -> None:
    mixer = Mixer()
    ports = {name: mixer.join(name) for name in "abc"}
    for value, port in enumerate(ports.values(), start=1):
        port.push(level(10**value))
    heard = {name: int(port.read()[0]) for name, port in ports.items()}  # type: ignore[index]
    assert heard == {"a": 1100, "b": 1010, "c": 110}


def test_the_sum_saturates() -> None:
    mixer = Mixer()
    listener = mixer.join("listener")
    for name in "ab":
        mixer.join(name).push(level(30000))
    assert listener.read()[0] == 32767  # type: ignore[index]


def test_a_frame_is_heard_once() -> None:
    mixer = Mixer()
    speaker, listener = mixer.join("speaker"), mixer.join("listener")
    speaker.push(level(5))
    assert [int(listener.read()[0]) for _each in range(2)] == [5, 0]  # type: ignore[index]


def test_hearing_can_be_taken_away_and_given_back() -> None:
    """A supervisor who whispers: the agent hears it, the caller does not."""
    mixer = Mixer()
    mixer.set_hears("caller", "supervisor", False)
    ports = {name: mixer.join(name) for name in ("caller", "agent", "supervisor")}
    ports["supervisor"].push(level(7))
    assert [int(ports[name].read()[0]) for name in ("caller", "agent")] == [0, 7]  # type: ignore[index]
    mixer.set_hears("caller", "supervisor", True)
    ports["supervisor"].push(level(8))
    assert ports["caller"].read()[0] == 8  # type: ignore[index]


def test_who_leaves_is_not_heard_and_hears_the_end() -> None:
    mixer = Mixer()
    one, other = mixer.join("one"), mixer.join("other")
    one.push(level(3))
    mixer.leave("one")
    mixer.leave("nobody")
    assert one.read() is None
    assert not other.read().any()  # type: ignore[union-attr]
    again = mixer.join("one")
    assert not other.read().any()  # type: ignore[union-attr]
    again.push(level(4))
    assert other.read()[0] == 4  # type: ignore[index]


def test_a_name_is_taken_only_once() -> None:
    mixer = Mixer()
    mixer.join("one")
    with pytest.raises(ValueError, match="in the call already"):
        mixer.join("one")


async def test_three_calls_in_a_conference(engine: MediaEngine) -> None:
    mixer, phones = Mixer(), []
    for index, hz in enumerate((500, 1100, 1700)):
        phone, leg = engine.session(), engine.session()
        await connect(phone, leg)
        port = mixer.join(str(index))
        leg.on_audio(port.push)
        leg.source = port
        phone.source = ToneSource([hz])
        phones.append(phone)
    heard = await asyncio.gather(*(record(phone, 1) for phone in phones))
    for index, pcm in enumerate(heard):
        for other, hz in enumerate((500, 1100, 1700)):
            if index == other:
                assert tone_level(pcm[2400:], hz) < -50
            else:
                assert tone_level(pcm[2400:], hz) == pytest.approx(-13, abs=1)
