"""The leg of a scripted person: audio as frames inside this process, keys as events."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from bot.errors import CallEnded
from bot.media import SILENCE, MediaEngine, Pcm, Source
from bot.sandbox.endpoints import LegEnd, LegState, Remover
from bot.sandbox.events import Listeners
from bot.sandbox.switch.calls import Call
from bot.sandbox.switch.legs import Accepted, BaseLeg, Refused
from bot.sandbox.switch.model import Party, PartyStatus
from bot.sandbox.switch.tasks import any_of

__all__ = ["LocalLeg", "Player"]

KEY_SECONDS = 0.1
GAP_SECONDS = 0.1


class Player:
    """Sources one after the other, and a background while there is none."""

    def __init__(self) -> None:
        self.background: Source | None = None
        self._queue: deque[tuple[Source, asyncio.Future[None]]] = deque()

    async def play(self, source: Source) -> None:
        """Until `source` has ended. Cancelling takes it out. Raises `CallEnded` when the player is abandoned."""
        entry = (source, asyncio.get_running_loop().create_future())
        self._queue.append(entry)
        try:
            await entry[1]
        finally:
            if entry in self._queue:
                self._queue.remove(entry)

    def read(self) -> Pcm:
        """The next frame; silence when there is nothing."""
        while self._queue:
            source, done = self._queue[0]
            frame = source.read()
            if frame is not None:
                return frame
            self._queue.popleft()
            if not done.done():
                done.set_result(None)
        frame = self.background.read() if self.background is not None else None
        if frame is None:
            self.background = None
            return SILENCE
        return frame

    def abandon(self) -> None:
        self.background = None
        while self._queue:
            _source, done = self._queue.popleft()
            if not done.done():
                done.set_exception(CallEnded("the call is over"))


class LocalLeg(BaseLeg):
    """See `endpoints.Leg` for the person's side of it."""

    call: Call

    def __init__(
        self,
        call: Call,
        party: Party,
        state: LegState,
        shown: tuple[str, str],
        media: MediaEngine,
        on_ring: Callable[[LocalLeg], None] | None = None,
    ) -> None:
        super().__init__(call, party, state, *shown)
        self.name = party.id
        self._media = media
        self._on_ring = on_ring
        self._says = Player()
        self._hears = Player()
        self._voice: Listeners[Pcm] = Listeners()
        self._hearing: Listeners[Pcm] = Listeners()
        self._received: Listeners[str] = Listeners()
        self._was_answered = asyncio.Event()
        self._detach: Remover | None = None
        if state is LegState.CALLING:
            self._attach()

    def _attach(self) -> None:
        self._detach = self._media.attach(self)

    def hand_out(self) -> None:
        """First phase of the media tick: what the person says."""
        frame = self._says.read()
        self._voice.tell(frame)

    def send_tick(self) -> None:
        """Second phase: what the person hears."""
        frame = self._hears.read()
        self._hearing.tell(frame)

    # The person's side.

    @property
    def source(self) -> Source | None:
        return self._says.background

    @source.setter
    def source(self, source: Source | None) -> None:
        self._says.background = source

    def _check(self) -> None:
        if self.state is LegState.ENDED:
            raise CallEnded("the call is over")

    async def answer(self) -> None:
        self._check()
        if self.state is LegState.RINGING:
            self._move(LegState.ANSWERED)
            self._was_answered.set()
            self._attach()
            self.decide(Accepted())

    async def reject(self, status: int = 486) -> None:
        self._check()
        if self.state is LegState.RINGING:
            refused = Refused(status)
            self.decide(refused)
            self.call.move(self.party, PartyStatus.DISCONNECTED, refused.reason)
            self.finish(LegEnd.REFUSED, by_us=True)

    async def hangup(self) -> None:
        if self.state is LegState.RINGING:
            await self.reject(480)
        else:
            self.finish(LegEnd.HANGUP, by_us=True)

    async def answered(self) -> None:
        waiting = asyncio.ensure_future(self._was_answered.wait())
        try:
            await any_of(waiting, self.gone)
        finally:
            waiting.cancel()
        if not self._was_answered.is_set():
            raise CallEnded("the call ended before it was answered")

    def hear(self, callback: Callable[[Pcm], None]) -> Remover:
        return self._hearing.add(callback)

    async def speak(self, source: Source) -> None:
        self._check()
        await self._says.play(source)

    async def press(self, digits: str) -> None:
        for digit in digits:
            self._check()
            if digit == ",":
                await asyncio.sleep(1.0)
                continue
            self.pressed(digit)
            await asyncio.sleep(KEY_SECONDS + GAP_SECONDS)

    def on_digit(self, callback: Callable[[str], None]) -> Remover:
        return self._received.add(callback)

    # The switch's side.

    def ring(self) -> None:
        self.call.move(self.party, PartyStatus.PROCEEDING)
        if self._on_ring is not None:
            self._on_ring(self)

    def connected(self) -> None:
        if self.state is LegState.CALLING:
            self._move(LegState.ANSWERED)
            self._was_answered.set()

    def drop(self, end: LegEnd = LegEnd.HANGUP) -> None:
        self.finish(end, by_us=False)

    def _release(self) -> None:
        if self._detach is not None:
            self._detach()
        self._says.abandon()
        self._hears.abandon()

    def set_background(self, source: Source | None) -> None:
        if self.state is not LegState.ENDED:
            self._hears.background = source

    async def play(self, source: Source) -> None:
        self._check()
        await self._hears.play(source)

    def on_voice(self, callback: Callable[[Pcm], None]) -> Remover:
        return self._voice.add(callback)

    def send_key(self, digit: str) -> None:
        self._received.tell(digit)
