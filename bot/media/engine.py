"""All the audio of one phone system or bot: its sessions, their certificate, and the clock that drives them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from types import TracebackType
from typing import Protocol

from bot.log import get_logger
from bot.media._aiortc import RTCCertificate
from bot.media.audio import FRAME_SECONDS
from bot.media.options import MediaOptions
from bot.media.path import MediaState
from bot.media.session import MediaSession

__all__ = ["MediaEngine", "Ticked"]

log = get_logger(__name__)

_CATCH_UP = 10
"""Ticks that a late ticker makes up for: what a busy process loses now and then, and a peer's buffer takes at once.
Of a longer delay the rest is skipped."""


class Ticked(Protocol):
    """Whatever takes part in the engine's tick: every session does, and what `MediaEngine.attach` is given."""

    @property
    def name(self) -> str: ...

    def hand_out(self) -> None:
        """First phase of a tick: give what was received to the listeners."""

    def send_tick(self) -> None:
        """Second phase: read what is to be sent."""


class MediaEngine:
    """Makes sessions and ticks them every 20 ms: all of them hand out what they received, then all of them send.

    So what one session hears at a tick, another can send at the same tick. The ticker runs only while a session is
    connected. An async context manager: leaving it closes every session.
    """

    def __init__(self, options: MediaOptions | None = None, *, rng: Random | None = None) -> None:
        self.options = options or MediaOptions()
        self.certificate = RTCCertificate.generateCertificate()
        self._rng = rng or Random()  # noqa: S311 - RTP's random start values; the keys come from OpenSSL
        self._sessions: list[MediaSession] = []
        self._ticking: list[Ticked] = []
        self._failed: set[Ticked] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._next_tick = 0.0

    async def __aenter__(self) -> MediaEngine:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def sessions(self) -> tuple[MediaSession, ...]:
        """Those that are not closed."""
        return tuple(self._sessions)

    def session(self, name: str = "") -> MediaSession:
        """A new session; `name` is for the log."""
        session = MediaSession(
            name,
            self.options,
            self.certificate,
            self._rng,
            on_changed=self._session_changed,
            on_closed=self._session_closed,
        )
        self._sessions.append(session)
        return session

    async def close(self) -> None:
        """Closes every session and stops the ticker."""
        await asyncio.gather(*(session.close() for session in self.sessions))
        for ticked in tuple(self._ticking):
            self._detach(ticked)

    def _session_changed(self, session: MediaSession) -> None:
        if session.state is MediaState.CONNECTED:
            if session not in self._ticking:
                self.attach(session)
        else:
            self._detach(session)

    def attach(self, ticked: Ticked) -> Callable[[], None]:
        """Lets something that is no session take part in each tick: a participant inside this process.

        Gives a remover.
        """
        self._ticking.append(ticked)
        self._start_ticker()
        return lambda: self._detach(ticked)

    def _detach(self, ticked: Ticked) -> None:
        if ticked in self._ticking:
            self._ticking.remove(ticked)
            self._failed.discard(ticked)
            if not self._ticking and self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _session_closed(self, session: MediaSession) -> None:
        """Nothing is left of it. It may be closed more than once."""
        if session in self._sessions:
            self._sessions.remove(session)

    def _start_ticker(self) -> None:
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._next_tick = loop.time() + FRAME_SECONDS
            self._timer = loop.call_at(self._next_tick, self._tick)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        late = int((loop.time() - self._next_tick) / FRAME_SECONDS)
        if late > _CATCH_UP:
            self._next_tick += (late - _CATCH_UP) * FRAME_SECONDS
        self._next_tick += FRAME_SECONDS
        self._timer = loop.call_at(self._next_tick, self._tick)
        participants = tuple(self._ticking)
        for each in participants:
            self._guard(each.hand_out, each)
        for each in participants:
            self._guard(each.send_tick, each)

    def _guard(self, phase: Callable[[], None], ticked: Ticked) -> None:
        """One session's fault must not silence the others, nor fill the log fifty times a second."""
        try:
            phase()
        except Exception:
            if ticked not in self._failed:
                self._failed.add(ticked)
                log.exception("media_tick_failed", session=ticked.name)
