"""Phones and sessions that do what a test says: the seam below `bot.calls`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

from bot.calls import Calls, DialGate, Event
from bot.clock import VirtualClock
from bot.errors import BotError
from bot.media import Pcm, Source
from bot.phone import (
    FlipResult,
    InboundSession,
    IncomingCall,
    OutboundSession,
    Phone,
    SessionChanged,
    SessionEnd,
    SessionState,
)
from bot.sip.messages import Headers, HeaderView
from bot.sip.rc import Reply, ReplyOutcome

ADA = "+16505550199"


class FakeMedia:
    """Sound and keys that a test makes."""

    def __init__(self) -> None:
        self.audio: list[Callable[[Pcm], None]] = []
        self.digits: list[Callable[[str], None]] = []
        self.sent: list[str] = []
        self.playing: Source | None = None

    def on_audio(self, callback: Callable[[Pcm], None]) -> Callable[[], None]:
        self.audio.append(callback)
        return lambda: self.audio.remove(callback)

    def on_digit(self, callback: Callable[[str], None]) -> Callable[[], None]:
        self.digits.append(callback)
        return lambda: self.digits.remove(callback)

    async def play(self, source: Source) -> None:
        self.playing = source
        try:
            while source.read() is not None:  # noqa: ASYNC110 - the pace of the sound, not a poll
                await asyncio.sleep(0.02)
        finally:
            self.playing = None

    async def connected(self) -> None:
        """At once."""

    def hear(self, source: Source, seconds: float) -> None:
        """Let the other side's sound come in."""
        for _ in range(round(seconds * 50)):
            frame = source.read()
            if frame is None:
                return
            for callback in tuple(self.audio):
                callback(frame)

    def press(self, digits: str) -> None:
        for digit in digits:
            for callback in tuple(self.digits):
                callback(digit)


class _Session:
    """What both fake sessions share; it stands in for `bot.phone.Session`."""

    fake_phone: FakePhone

    def start(
        self,
        phone: FakePhone,
        state: SessionState,
        number: str,
        name: str,
        headers: Mapping[str, str],
        session_id: str,
    ) -> None:
        self.fake_phone = phone
        self.now = state
        self.over: SessionEnd | None = None
        self.is_over = asyncio.Event()
        self.call_id = f"call-{len(phone.sessions)}"
        self.remote_number, self.remote_name, self.local_number = number, name, "+16505550101"
        self.session_id, self.party_id = session_id, "p-1-1"
        view = Headers()
        for key, value in headers.items():
            view.add(key, value)
        self.headers = HeaderView(view)
        self.media = cast(Any, FakeMedia())
        self.told: list[tuple[str, str]] = []
        self.failure: BotError | None = None
        self.listeners: list[Callable[[], None]] = []
        phone.sessions.append(self)

    @property
    def phone(self) -> str:
        return self.fake_phone.name

    @property
    def state(self) -> SessionState:
        return self.now

    @property
    def end(self) -> SessionEnd | None:
        return self.over

    def __repr__(self) -> str:
        return f"<fake session {self.call_id} {self.now.value}>"

    def become(self, state: SessionState) -> None:
        """Move, and tell the owner of the phone."""
        old, self.now = self.now, state
        if self.fake_phone.calls is not None:
            self.fake_phone.calls.phone_event(SessionChanged(cast(Any, self), old, state))

    def finish(self, by: Any, cause: Any, status: int = 0, reason: str = "") -> None:
        if self.over is None:
            self.over = SessionEnd(by, cause, status, reason)
            self.is_over.set()
            self.become(SessionState.ENDED)

    async def ended(self) -> SessionEnd:
        await self.is_over.wait()
        assert self.over is not None
        return self.over

    def on_renegotiated(self, callback: Callable[[], None]) -> Callable[[], None]:
        self.listeners.append(callback)
        return lambda: self.listeners.remove(callback)

    async def _do(self, what: str, value: str = "") -> None:
        self.told.append((what, value))
        if self.failure is not None:
            raise self.failure

    async def hangup(self) -> None:
        await self._do("hangup")
        self.finish("us", "hangup")

    async def send_dtmf(self, digits: str) -> None:
        await self._do("digits", digits)

    async def transfer(self, target: str) -> None:
        await self._do("transfer", target)
        self.finish("us", "transferred")

    async def hold(self) -> None:
        await self._do("hold")

    async def unhold(self) -> None:
        await self._do("unhold")

    def mute(self) -> None:
        self.told.append(("mute", ""))

    def unmute(self) -> None:
        self.told.append(("unmute", ""))

    async def start_recording(self) -> None:
        await self._do("start_recording")

    async def stop_recording(self) -> None:
        await self._do("stop_recording")

    async def flip(self, target: str) -> FlipResult:
        await self._do("flip", target)
        return FlipResult(f"+{target}", target)

    async def park(self) -> str:
        await self._do("park")
        self.finish("us", "transferred")
        return "813"

    async def complete_transfer(self, second: Any) -> None:
        await self._do("complete_transfer", second.call_id)
        second.finish("us", "transferred")
        self.finish("us", "transferred")


class Inbound(_Session, InboundSession):
    def __init__(
        self,
        phone: FakePhone,
        *,
        number: str = ADA,
        name: str = "Ada",
        queue: str = "",
        answer_after: float = 0.0,
        headers: Mapping[str, str] | None = None,
        session_id: str = "s-1",
    ) -> None:
        self.start(phone, SessionState.RINGING, number, name, headers or {}, session_id)
        self.queue_name, self.answer_after = queue, answer_after
        self.outcome = ReplyOutcome("none")

    async def answer(self) -> None:
        await self._do("answer")
        self.become(SessionState.ANSWERED)

    async def decline(self) -> None:
        await self._do("decline")
        self.finish("us", "declined")

    async def to_voicemail(self) -> None:
        await self._do("voicemail")
        self.finish("us", "voicemail")

    async def forward(self, target: str) -> None:
        await self._do("forward", target)
        self.finish("us", "forwarded")

    async def reply(self, reply: Reply, *, timeout: float = 180) -> ReplyOutcome:
        await self._do("reply", f"{reply.text} ({timeout:g} s)")
        self.finish("us", "replied")
        return self.outcome

    async def hangup(self) -> None:
        if self.now is SessionState.RINGING:
            await self.decline()
        else:
            await super().hangup()


class Outbound(_Session, OutboundSession):
    """Its 200 comes when `up` is set, or at once with `service`."""

    def __init__(self, phone: FakePhone, number: str, headers: Mapping[str, str], *, service: bool = False) -> None:
        self.start(phone, SessionState.CALLING, number, "", {}, f"s-{len(phone.sessions) + 1}")
        self.asked_headers = dict(headers)
        self.up = asyncio.Event()
        if service:
            self.up.set()

    async def answered(self) -> None:
        await self.up.wait()
        if self.now is SessionState.CALLING:
            self.become(SessionState.ANSWERED)


class FakePhone:
    """A phone that notes whom it was to call."""

    def __init__(self, name: str, calls: Calls | None = None, *, registered: bool = True) -> None:
        self.name = name
        self.calls = calls
        self.registered = registered
        self.sessions: list[Any] = []
        self.dialled: list[str] = []

    async def call(
        self, callee: str, *, caller_id: str = "", headers: Mapping[str, str] | None = None
    ) -> OutboundSession:
        self.dialled.append(callee)
        return Outbound(self, callee, headers or {}, service=callee.startswith(("*", "prk")))

    def rings(self, **details: Any) -> Inbound:
        """A call comes in."""
        session = Inbound(self, **details)
        assert self.calls is not None
        self.calls.phone_event(IncomingCall(session))
        return session


class Board:
    """A directory of calls with fake phones, and every event that it told."""

    def __init__(
        self, *phones: str, gate: DialGate | None = None, locations: Mapping[str, str] | None = None
    ) -> None:
        self.clock = VirtualClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
        extra: dict[str, Any] = {"gate": gate} if gate else {}
        self.calls = Calls(self.clock, park_locations=locations or {}, **extra)
        self.events: list[Event] = []
        self.calls.on_event(self.events.append)
        self.phones = {name: FakePhone(name, self.calls) for name in phones or ("desk",)}
        for number, phone in enumerate(self.phones.values(), 101):
            self.calls.add_phone(cast(Phone, phone), str(number))

    @property
    def desk(self) -> FakePhone:
        return next(iter(self.phones.values()))

    def names(self) -> list[str]:
        return [event.name for event in self.events]

    @contextmanager
    def nothing_told(self) -> Iterator[None]:
        before = len(self.events)
        yield
        assert self.names()[before:] == []
