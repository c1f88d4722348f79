"""What a person hears in a call: recorded from the first frame, and judged against what a script expects.

Each expectation is a spotter: it is fed sound from where the last thing heard ended, and says where the thing that
it looks for was complete.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import numpy as np

from bot.media import FRAME, FRAME_SECONDS, CallProgress, Pcm, Progress, level_db
from bot.media.tones import tone_level
from bot.sandbox.endpoints import Leg, LegState
from bot.sandbox.people.phrase import Phrase, PhraseSpotter

__all__ = ["Ear", "PhraseEar", "SilenceEar", "SpeechEar", "Spotter", "ToneEar"]

BLOCK = 5 * FRAME
"""Tones are measured in blocks of 100 ms, which tells them apart when they are 10 Hz apart."""
TONE_BLOCKS = 3
TONE_SHARE_DB = 6.0
"""A tone counts when it is at most so far below all that is heard: one of a pair is 3 dB below."""
AUDIBLE_DB = -45.0
BACKLOG = 50
"""After so many frames of what was heard before, the loop gets its turn: calls must go on meanwhile."""


class Spotter(Protocol):
    """Looks for one thing in a stream of frames."""

    def feed(self, frame: Pcm) -> bool:
        """Read 20 ms more; True once the thing was there."""

    def report(self) -> str:
        """What can be said when it was not there, or nothing."""


class PhraseEar:
    """A known text, recorded in the voice that is expected to say it."""

    def __init__(self, recording: Pcm) -> None:
        self._spotter = PhraseSpotter(Phrase(recording))

    def feed(self, frame: Pcm) -> bool:
        return self._spotter.feed(frame) is not None

    def report(self) -> str:
        return f"the most alike was {self._spotter.best:.2f}"


class ToneEar:
    """A tone of `hz`, alone or with others, for 0.3 s."""

    def __init__(self, hz: float) -> None:
        self._hz = hz
        self._block: list[Pcm] = []
        self._run = 0

    def feed(self, frame: Pcm) -> bool:
        self._block.append(frame)
        if len(self._block) * FRAME < BLOCK:
            return False
        block = np.concatenate(self._block)
        self._block.clear()
        tone = tone_level(block, self._hz)
        there = tone > AUDIBLE_DB and tone > level_db(block) - TONE_SHARE_DB
        self._run = self._run + 1 if there else 0
        return self._run >= TONE_BLOCKS

    def report(self) -> str:
        return ""


class SpeechEar:
    """Anybody speaking; tones of the network do not count."""

    def __init__(self) -> None:
        self._progress = CallProgress()

    def feed(self, frame: Pcm) -> bool:
        event = self._progress.feed(frame)
        return event is not None and event.kind is Progress.SPEECH_START

    def report(self) -> str:
        return ""


class SilenceEar:
    """Nothing to be heard for `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._wanted = round(seconds / FRAME_SECONDS)
        self._run = 0

    def feed(self, frame: Pcm) -> bool:
        self._run = self._run + 1 if level_db(frame) <= AUDIBLE_DB else 0
        return self._run >= self._wanted

    def report(self) -> str:
        return ""


class Ear:
    """Everything that one leg hears, frame by frame, and the keys that the other side presses."""

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self._frames: list[Pcm] = []
        self._digits = ""
        self._cursor = 0
        self._digit_cursor = 0
        self._news = asyncio.Event()
        self._removers: list[Callable[[], None]] = [leg.hear(self._on_frame), leg.on_digit(self._on_digit)]

    def close(self) -> None:
        """Stop listening; what was heard is kept."""
        for remove in self._removers:
            remove()
        self._removers.clear()

    @property
    def pcm(self) -> Pcm:
        """All that was heard so far."""
        return np.concatenate(self._frames) if self._frames else np.zeros(0, np.int16)

    @property
    def digits(self) -> str:
        """All keys that were heard so far."""
        return self._digits

    async def spot(self, spotter: Spotter) -> bool:
        """Feed `spotter` from where the last thing heard ended; False when the call ends before it is satisfied."""
        position = self._cursor
        async with self._woken_at_the_end():
            while True:
                self._news.clear()
                while position < len(self._frames):
                    position += 1
                    if spotter.feed(self._frames[position - 1]):
                        self._cursor = position
                        return True
                    if position % BACKLOG == 0:
                        await asyncio.sleep(0)
                if self._leg.state is LegState.ENDED:
                    return False
                await self._news.wait()

    async def digits_pressed(self, wanted: str) -> bool:
        """Wait until these keys were pressed, in this order, after those heard last; False when the call ends."""
        async with self._woken_at_the_end():
            while True:
                self._news.clear()
                if (at := self.unheard_digits().find(wanted)) >= 0:
                    self._digit_cursor += at + len(wanted)
                    return True
                if self._leg.state is LegState.ENDED:
                    return False
                await self._news.wait()

    @asynccontextmanager
    async def _woken_at_the_end(self) -> AsyncIterator[None]:
        """Nothing more comes after the end of the call, so whoever waits has to be told of it."""
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(self._wake_at_the_end())
            try:
                yield
            finally:
                watcher.cancel()

    async def _wake_at_the_end(self) -> None:
        await self._leg.ended()
        self._news.set()

    def unheard_digits(self) -> str:
        """The keys after those that were heard last."""
        return self._digits[self._digit_cursor :]

    def describe(self) -> str:
        """What was there since the last thing heard, in words."""
        frames = self._frames[self._cursor :]
        if not frames:
            return "nothing at all"
        loud = sum(level_db(frame) > AUDIBLE_DB for frame in frames)
        seconds = len(frames) * FRAME_SECONDS
        if not loud:
            return f"silence for {seconds:.1f} s"
        return f"{loud * FRAME_SECONDS:.1f} s of sound in {seconds:.1f} s"

    def _on_frame(self, frame: Pcm) -> None:
        self._frames.append(frame)
        self._news.set()

    def _on_digit(self, digit: str) -> None:
        self._digits += digit
        self._news.set()
