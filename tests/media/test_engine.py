"""The ticker: fifty ticks a second, whatever else the process does."""

from __future__ import annotations

import asyncio

import pytest

from bot.clock import VirtualTimeLoop
from bot.media import FRAME_SECONDS, MediaEngine


class Counter:
    """Takes part in every tick and notes the order of its two phases."""

    name = "counter"

    def __init__(self) -> None:
        self.phases: list[str] = []

    @property
    def ticks(self) -> int:
        return self.phases.count("out")

    def hand_out(self) -> None:
        self.phases.append("in")

    def send_tick(self) -> None:
        self.phases.append("out")


def busy(seconds: float) -> None:
    """The process does something else for so long."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.advance(seconds)


async def test_a_second_has_fifty_ticks_of_two_phases(engine: MediaEngine) -> None:
    counter = Counter()
    remove = engine.attach(counter)
    await asyncio.sleep(1 + FRAME_SECONDS / 2)
    remove()
    assert counter.phases == ["in", "out"] * 50


@pytest.mark.parametrize("seconds", [0.01, 0.03, 0.1, 0.19])
async def test_ticks_that_a_busy_process_missed_are_made_up_for(engine: MediaEngine, seconds: float) -> None:
    counter = Counter()
    remove = engine.attach(counter)
    for _round in range(4):
        busy(seconds)
        await asyncio.sleep(0.25 - seconds)
    await asyncio.sleep(FRAME_SECONDS / 2)
    remove()
    assert counter.ticks == 50


async def test_of_a_long_delay_only_the_last_part_is_made_up_for(engine: MediaEngine) -> None:
    counter = Counter()
    remove = engine.attach(counter)
    busy(10)
    await asyncio.sleep(FRAME_SECONDS / 2)
    assert 10 <= counter.ticks <= 11
    await asyncio.sleep(1)
    assert 60 <= counter.ticks <= 61
    remove()


async def test_a_fault_is_told_once_and_the_others_tick_on(
    engine: MediaEngine, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    counter, faulty = Counter(), Counter()
    faulty.hand_out = lambda: 1 // 0  # type: ignore[method-assign, assignment]
    removers = [engine.attach(faulty), engine.attach(counter)]
    await asyncio.sleep(1 + FRAME_SECONDS / 2)
    for remove in removers:
        remove()
    assert counter.ticks == faulty.ticks == 50
    assert (capsys.readouterr().out + caplog.text).count("media_tick_failed") == 1


async def test_the_ticker_rests_while_nobody_takes_part(engine: MediaEngine) -> None:
    counter = Counter()
    engine.attach(counter)()
    await asyncio.sleep(1)
    assert counter.ticks == 0
    remove = engine.attach(counter)
    await asyncio.sleep(0.1 + FRAME_SECONDS / 2)
    remove()
    assert counter.ticks == 5
