"""Media without audio: notes what the phone asks for, and fails where it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

from bot.errors import BotError, MalformedSdp, MediaFailed
from bot.media import MediaEngine, MediaSession, MediaState


class FakeMediaSession:
    def __init__(self, name: str) -> None:
        self.name = name
        self.state = MediaState.NEW
        self.direction = "sendrecv"
        self.calls: list[tuple[str, str]] = []
        self.delay = 0.0
        self.failure: BotError | None = None
        self.unconnected = False
        self._version = 0
        self._listeners: list[Callable[[MediaState], None]] = []

    async def create_offer(self, *, ice_restart: bool | None = None) -> str:
        await self._work("restart" if ice_restart else "offer", "")
        return self._sdp("offer")

    async def create_answer(self, offer: str) -> str:
        await self._work("answer", offer)
        return self._sdp("answer")

    async def apply_answer(self, answer: str) -> None:
        await self._work("apply", answer)

    async def connected(self) -> None:
        if self.unconnected:
            await asyncio.sleep(10)
            raise MediaFailed("no audio path to the peer in time")

    async def send_digits(self, digits: str) -> None:
        if set(digits) - set("0123456789*#ABCD,"):
            raise ValueError(digits)
        await self._work("digits", digits)

    def set_direction(self, direction: str) -> None:
        self.direction = direction

    def on_state(self, callback: Callable[[MediaState], None]) -> Callable[[], None]:
        self._listeners.append(callback)
        return lambda: self._listeners.remove(callback)

    def lose(self) -> None:
        self.state = MediaState.FAILED
        for listener in list(self._listeners):
            listener(MediaState.FAILED)

    async def close(self) -> None:
        self.state = MediaState.CLOSED

    async def _work(self, what: str, text: str) -> None:
        await asyncio.sleep(self.delay)
        self.calls.append((what, text))
        if self.failure is not None:
            raise self.failure
        if what in ("answer", "apply") and not text.startswith("v=0"):
            raise MalformedSdp("not a session description")

    def _sdp(self, kind: str) -> str:
        self._version += 1
        return f"v=0\r\no=- 1 {self._version} IN IP4 127.0.0.1\r\ns={kind}\r\na={self.direction}\r\n"


class FakeEngine:
    def __init__(self) -> None:
        self.sessions: list[FakeMediaSession] = []
        self.prepare: Callable[[FakeMediaSession], None] = lambda _session: None

    def session(self, name: str = "") -> MediaSession:
        session = FakeMediaSession(name)
        self.prepare(session)
        self.sessions.append(session)
        return cast(MediaSession, session)

    @property
    def as_engine(self) -> MediaEngine:
        return cast(MediaEngine, self)
