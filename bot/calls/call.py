"""One call, one state, whoever told us: the phone session, session events, the audio.

A `Call` owns its state and offers what can be done with it. It publishes its changes as events; nobody else
keeps a second copy of what it knows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bot.calls.answer import AnswerWatch
from bot.calls.parking import ParkLocation
from bot.calls.services import CallServices, Consult
from bot.calls.state import CallEnd, CallState, Disposition, Evidence, Party, move
from bot.clock import Clock
from bot.errors import CallEnded, CallFailed, CallTaken, UserError
from bot.media import MediaSession, Pcm, PcmSource, Source
from bot.phone import InboundSession, Session
from bot.sip.rc import Reply, ReplyOutcome

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Call", "reply_details"]

_BUSY_STATUSES = frozenset({600})
_INVALID_STATUSES = frozenset({404, 410, 484, 486, 604})
"""486 after 183 is how the phone system refuses a number; a busy line is heard, not signalled."""

Tell = Callable[[str, "Call", Mapping[str, Any]], None]
"""Takes what has happened to a call: the name of the event, the call, and the event's details."""


class Call(CallServices):
    """A call at one of our phones. Attributes are read by everyone and written here alone."""

    def __init__(
        self,
        call_id: str,
        session: Session,
        phone: str,
        clock: Clock,
        tell: Tell,
        locations: Mapping[str, ParkLocation],
        consult: Consult,
    ) -> None:
        self.id = call_id
        self.session = session
        self.phone = phone
        self.direction = session.direction
        self.state = CallState.RINGING if self.direction == "inbound" else CallState.DIALLING
        remote = Party(session.remote_number, session.remote_name)
        local = Party(session.local_number)
        self.caller, self.callee = (remote, local) if self.direction == "inbound" else (local, remote)
        self.ringing_at: datetime | None = clock.now() if self.direction == "inbound" else None
        self.answered_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.end: CallEnd | None = None
        self.evidence: list[Evidence] = []
        self.service = False
        """With a service of the platform (a star code, a park location): it starts no flow."""
        self.companion: Call | None = None
        """The other call that must stay up with this one: a take-over needs two."""
        self._clock = clock
        self._tell = tell
        self._locations = locations
        self._consult = consult
        self._changed = asyncio.Event()
        self._digits: asyncio.Queue[str] = asyncio.Queue()
        self._progress = AnswerWatch()
        self._stop_progress: Callable[[], None] | None = None
        self._removers: list[Callable[[], None]] = []
        self._known = False
        """Whether the call was answered or refused is known: the audio need not be asked (any more)."""
        self._refusal: Disposition | None = None
        self._answering = False

    # What it is

    @property
    def other(self) -> Party:
        """The party that is not us."""
        return self.caller if self.direction == "inbound" else self.callee

    @property
    def number(self) -> str:
        return self.other.number

    @property
    def name(self) -> str:
        return self.other.name

    @property
    def queue(self) -> str:
        """The queue that the call came through, or empty."""
        return self.session.queue_name if isinstance(self.session, InboundSession) else ""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the INVITE (inbound) or of the 183 (outbound); names in any case."""
        return self.session.headers

    @property
    def answer_after(self) -> float:
        """Seconds to wait before an automatic answer, from Call-Info; 0 when it says nothing."""
        return self.session.answer_after if isinstance(self.session, InboundSession) else 0.0

    @property
    def session_id(self) -> str:
        """The telephony session id: what ties the parties of one call together on the platform."""
        return self.session.session_id

    @property
    def media(self) -> MediaSession:
        return self.session.media

    @property
    def live(self) -> bool:
        return self.state is not CallState.ENDED

    def __repr__(self) -> str:
        return f"<Call {self.id} {self.direction} {self.state.value}>"

    # What can be done with it

    async def answer(self) -> None:
        """Answer an inbound call that rings. Returns when audio flows.

        Raises:
            CallEnded: the caller was faster.
            CallTaken: it is answered, or something else is being done with it.
            MediaFailed: no audio could be set up; the call is hung up.
        """
        session = self._inbound("answer")
        if self._answering or self.state is CallState.ANSWERED:
            raise CallTaken("the call is answered already")
        self._answering = True
        try:
            await session.answer()
        finally:
            self._answering = False

    async def decline(self) -> None:
        """The caller hears ringing and an announcement, and does not reach voicemail."""
        await self._inbound("decline").decline()

    async def to_voicemail(self) -> None:
        await self._inbound("send to voicemail").to_voicemail()

    async def forward(self, target: str) -> None:
        """Send a ringing call on to another number."""
        await self._inbound("forward").forward(target)

    async def start_reply(self) -> None:
        """Ask for more time to write a reply; the call keeps ringing."""
        await self._inbound("start a reply to").start_reply()

    async def reply(self, reply: Reply, *, wait: float = 180.0) -> ReplyOutcome:
        """Answer a ringing call with text, and wait at most `wait` seconds for what the caller makes of it."""
        session = self._inbound("reply to")
        outcome = await session.reply(reply, timeout=wait)
        self._tell("reply.closed", self, reply_details(outcome))
        return outcome

    async def hangup(self) -> None:
        """End the call, in whatever state it is; a call that is over already is left alone."""
        await self.session.hangup()

    async def transfer(self, target: str) -> None:
        """Send an answered call on to another number, blind.

        Raises:
            OperationRefused: the phone system did not take it.
        """
        await self._answered("transfer").transfer(target)

    async def park(self, location: str) -> ParkLocation:
        """Park an answered call at a configured location; it is over for us then.

        Raises:
            UserError: no location of that name is configured.
            OperationRefused: the phone system did not take it.
        """
        place = self._locations[location]
        await self._answered("park").transfer(place.target)
        return place

    def is_parked_as(self, session_id: str, number: str) -> bool:
        """Whether what presence tells of a parked call is about this one: its session says so, or else its number."""
        same_session = bool(session_id) and session_id == self.session_id
        return same_session or (bool(number) and number == self.number)

    async def send_digits(self, digits: str) -> None:
        await self._answered("send digits on").send_dtmf(digits)

    async def say(self, speech: Pcm) -> None:
        """Play made speech to the other side, to its end. 16-bit mono samples, 8,000 a second."""
        await self.play(PcmSource(speech))

    async def play(self, source: Source) -> None:
        """Play audio to the other side, to its end; a call that ends meanwhile ends the playing.

        Raises:
            CallEnded: the call is over, or ended before the audio did.
        """
        session = self._answered("play to")
        playing = asyncio.ensure_future(session.media.play(source))
        ending = asyncio.ensure_future(session.ended())
        try:
            await asyncio.wait({playing, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not playing.done():
                raise CallEnded("the call ended before all was said")
            playing.result()
        finally:
            for task in (playing, ending):
                task.cancel()
            await asyncio.gather(playing, ending, return_exceptions=True)

    async def next_digit(self, wait: float) -> str | None:
        """The next key that the other side presses, or None after `wait` seconds."""
        try:
            async with asyncio.timeout(wait):
                return await self._digits.get()
        except TimeoutError:
            return None

    async def answered(self) -> None:
        """Wait until the call was really answered.

        Raises:
            CallFailed: it was refused: busy, invalid, an error; `reason` says which.
            CallEnded: it ended without an answer.
        """
        while self.answered_at is None:
            if self.end is not None:
                if self.end.disposition in ("busy", "invalid", "failed"):
                    raise CallFailed(
                        f"the call to {self.number} was not answered: {self.end.disposition}",
                        status=self.end.status,
                        reason=self.end.reason or self.end.disposition,
                    )
                raise CallEnded(f"the call ended before it was answered: {self.end.cause}")
            await self._changed.wait()

    async def ended(self) -> CallEnd:
        """Wait until the call is over."""
        while self.end is None:
            await self._changed.wait()
        return self.end

    # What others tell it

    def session_ringing(self) -> None:
        """The phone: our outbound call got its 183 or 180."""
        if self.state is CallState.DIALLING:
            self._note("sip", "ringing")
            self._move(CallState.RINGING)

    def session_answered(self) -> None:
        """The phone: the session is up. For an inbound call that is an answer; for an outbound one it is not."""
        self._removers.append(self.session.media.on_digit(self._heard_digit))
        if self.direction == "inbound":
            self._note("sip", "answered")
            self._move(CallState.ANSWERED)
            return
        self.session_ringing()
        self._note("sip", "200, which says nothing about an answer")
        if not self._known:
            self._stop_progress = self.session.media.on_audio(self._heard_audio)

    def session_ended(self) -> None:
        """The phone: the session is over."""
        if not self.live:
            return
        ended = self.session.end
        self.end = CallEnd(
            by=ended.by if ended else "network",
            cause=ended.cause if ended else "network",
            disposition=self._disposition(),
            status=ended.status if ended else 0,
            reason=ended.reason if ended else "",
        )
        self._stop_listening()
        for remove in self._removers:
            remove()
        self._removers.clear()
        self._move(CallState.ENDED, cause=self.end.cause, by=self.end.by, disposition=self.end.disposition)

    def party_status(self, code: str, reason: str) -> None:
        """The platform's session event about our party: its status code and reason, in any case. The party of a call
        that we placed is answered once the other side is."""
        status = code.lower()
        if self.direction != "outbound" or self.state not in (CallState.DIALLING, CallState.RINGING):
            return
        self._note("session", f"{status} {reason}".strip())
        if status == "answered":
            self._really_answered()
        elif status == "disconnected":
            self._stop_listening()  # what is heard from here on is an announcement or a tone, nobody who answered
            if "busy" in reason.lower():
                self._refusal = "busy"
            elif "invalid" in reason.lower():
                self._refusal = "invalid"

    def assume_answered(self, why: str) -> None:
        """For calls to a service of the platform (star codes, park locations): nobody there has to pick up."""
        self._note("sip", why)
        self._really_answered()

    # How it works

    def _inbound(self, what: str) -> InboundSession:
        if not isinstance(self.session, InboundSession):
            raise UserError(f"cannot {what} a call that we placed ourselves")
        self._require_live(what)
        return self.session

    def _answered(self, what: str) -> Session:
        self._require_live(what)
        if self.direction == "inbound" and self.state is not CallState.ANSWERED:
            raise UserError(f"cannot {what} the call: it still rings", hint="answer it first")
        return self.session

    def _require_live(self, what: str) -> None:
        if self.end is not None:
            raise CallEnded(f"cannot {what} the call: it is over ({self.end.cause})")

    def _heard_digit(self, digit: str) -> None:
        self._digits.put_nowait(digit)
        self._tell("call.digit", self, {"digit": digit})

    def _heard_audio(self, frame: Pcm) -> None:
        word = self._progress.feed(frame)
        if word:
            self._note("audio", word)
        if self._progress.refused:
            self._refusal = self._progress.refused
            self._stop_listening()
        elif self._progress.answered:
            self._really_answered()

    def _really_answered(self) -> None:
        self._stop_listening()
        if self.state in (CallState.DIALLING, CallState.RINGING):
            self._move(CallState.ANSWERED)

    def _stop_listening(self) -> None:
        self._known = True
        if self._stop_progress:
            self._stop_progress()
            self._stop_progress = None

    def _disposition(self) -> Disposition:
        if self.state is CallState.ANSWERED:
            return "answered"
        if self._refusal:
            return self._refusal
        ended = self.session.end
        status = ended.status if ended else 0
        if status in _BUSY_STATUSES:
            return "busy"
        if status in _INVALID_STATUSES:
            return "invalid"
        if status >= 400:
            return "failed"
        if self.direction == "outbound":
            return "no_answer" if self.state is CallState.RINGING else "cancelled"
        return "no_answer" if ended and ended.by == "peer" else "cancelled"

    def _note(self, source: Any, says: str) -> None:
        self.evidence.append(Evidence(self._clock.now(), source, says))

    def _move(self, new: CallState, **data: Any) -> None:
        self.state = move(self.state, new)
        now = self._clock.now()
        if new is CallState.RINGING:
            self.ringing_at = now
        elif new is CallState.ANSWERED:
            self.answered_at = now
        elif new is CallState.ENDED:
            self.ended_at = now
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
        name = "alerting" if new is CallState.RINGING else new.value
        self._tell(f"call.{name}", self, data)


def reply_details(outcome: ReplyOutcome) -> dict[str, str]:
    """What a caller made of a reply, under the names that flows know: those on the wire (wire notes, §6)."""
    return {
        "choice": outcome.choice,
        "sts": outcome.sts,
        "resp": outcome.resp,
        "ext_nfo": outcome.number,
        "phn": outcome.phone,
        "nm": outcome.name,
    }
