"""One call on one phone: what inbound and outbound sessions share."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from bot.errors import (
    BotError,
    CallEnded,
    IllegalTransition,
    MalformedSdp,
    MediaFailed,
    NoReply,
    OperationRefused,
)
from bot.log import get_logger
from bot.media import MediaState
from bot.phone.line import Line
from bot.sip.dialogs import Dialog, DialogState, notified_status
from bot.sip.messages import HeaderView, Message, Request, Response, name_of, number_of
from bot.sip.rc import parse_api_ids

if TYPE_CHECKING:
    from bot.media import MediaSession
    from bot.phone.phone import Phone

__all__ = ["TABLE", "Session", "SessionEnd", "SessionEvent", "SessionState"]

log = get_logger(__name__)
_T = TypeVar("_T")

SDP = "application/sdp"
GLARE_WAIT = (2.1, 4.0)
"""Seconds before an offer that met the peer's own is made again (RFC 3261 §14.1)."""


class SessionState(enum.Enum):
    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


class SessionEvent(enum.Enum):
    PROGRESS = "progress"
    ANSWER = "answer"
    END = "end"


TABLE: Mapping[tuple[SessionState, SessionEvent], SessionState] = {
    (SessionState.CALLING, SessionEvent.PROGRESS): SessionState.RINGING,
    (SessionState.CALLING, SessionEvent.ANSWER): SessionState.ANSWERED,
    (SessionState.CALLING, SessionEvent.END): SessionState.ENDED,
    (SessionState.RINGING, SessionEvent.PROGRESS): SessionState.RINGING,
    (SessionState.RINGING, SessionEvent.ANSWER): SessionState.ANSWERED,
    (SessionState.RINGING, SessionEvent.END): SessionState.ENDED,
    (SessionState.ANSWERED, SessionEvent.END): SessionState.ENDED,
}

EndedBy = Literal["us", "peer", "elsewhere", "network"]
EndCause = Literal[
    "hangup",
    "cancelled",
    "declined",
    "voicemail",
    "forwarded",
    "replied",
    "answered_elsewhere",
    "failed",
    "transferred",
]


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """Who ended a session and how. `status` is that of the response that refused the call, 0 when none did."""

    by: EndedBy
    cause: EndCause
    status: int = 0
    reason: str = ""


ChangeCallback = Callable[["Session", SessionState, SessionState], None]


class Session:
    """A call session. `state` only moves as `TABLE` says; `end` is set when it is ENDED.

    `remote_number` and `remote_name` are the other party, `session_id` ties the legs of one call together
    (`s-…`), `party_id` is this leg (`p-…`); both are empty where the phone system did not say.
    """

    direction: Literal["inbound", "outbound"]

    def __init__(self, line: Line, dialog: Dialog, media: MediaSession, state: SessionState) -> None:
        loop = asyncio.get_running_loop()
        self.call_id = dialog.call_id
        self.session_id = ""
        self.party_id = ""
        self.state = state
        self.remote_number = number_of(dialog.remote)
        self.remote_name = name_of(dialog.remote)
        self.local_number = number_of(dialog.local)
        self.headers: Mapping[str, str] = HeaderView()
        self.media = media
        self.end: SessionEnd | None = None
        self.held = False
        self._line = line
        self._dialog = dialog
        self._callbacks: list[ChangeCallback] = []
        self._ended: asyncio.Future[None] = loop.create_future()
        self._hanging_up: asyncio.Task[None] | None = None
        self._acks: dict[int, asyncio.Future[Request]] = {}
        self._offer_out = False
        self._offer_in = False
        self._renegotiated: list[Callable[[], None]] = []
        self._removers: list[Callable[[], None]] = []
        self._transfer_refused: asyncio.Future[tuple[int, str]] | None = None

    @property
    def phone(self) -> Phone:
        """The phone that this call is on."""
        return self._line.phone

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.call_id} {self.state.value}>"

    # What the owner of a session can do.

    async def hangup(self) -> None:
        """End the call, whatever its state; nothing happens when it is over. The session is ENDED at once, and
        this returns when the phone system has confirmed it (or has had its time to)."""
        if self._hanging_up is None and self.state is not SessionState.ENDED:
            self._hanging_up = self._line.tasks.spawn(self._hang_up(), f"hang up {self.call_id}")
        if self._hanging_up is not None:
            await asyncio.wait({self._hanging_up})

    async def send_dtmf(self, digits: str) -> None:
        """Send `0-9*#A-D` and `,` (a second's pause), and wait until they are out.

        Raises:
            CallEnded: the call is not answered, or ended meanwhile.
            ValueError: there are other characters in `digits`.
        """
        self._require_answered("digits can be sent")
        await self._while_alive(self.media.send_digits(digits))

    async def transfer(self, target: str) -> None:
        """Hand the other party to `target` (a number, or `prk<park location id>`), which ends this session.

        Raises:
            CallEnded: the call is not answered, or ended first.
            OperationRefused: the phone system said no, or did not do it within the limit.
            NoReply: the phone system did not answer at all.
        """
        self._require_answered("it can be transferred")
        if self._transfer_refused is not None:
            raise OperationRefused("this call is being transferred already")
        refer_to = self._line.dialled(target)
        self._transfer_refused = asyncio.get_running_loop().create_future()
        try:
            await self._see_through(self._refer(refer_to, self._transfer_refused), "transfer")
        finally:
            self._transfer_refused = None

    async def hold(self) -> None:
        """Put the other party on hold: it hears the phone system's music.

        Raises:
            CallEnded: the call is not answered, or ended meanwhile.
            OperationRefused: the phone system did not accept.
        """
        await self._see_through(self._set_held(True), "hold")

    async def unhold(self) -> None:
        """Take the other party back from hold. Raises what `hold` raises."""
        await self._see_through(self._set_held(False), "unhold")

    async def ended(self) -> SessionEnd:
        """Wait for the end of the call."""
        await asyncio.wait({self._ended})
        if self.end is None:
            raise IllegalTransition("a session ended without an end")
        return self.end

    def on_change(self, callback: ChangeCallback) -> Callable[[], None]:
        """Have `callback(session, old, new)` called after each change of state; the result takes it off again."""
        return _subscribe(self._callbacks, callback)

    def on_renegotiated(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have `callback()` called when an offer of the peer's in the live call was answered: a hold, a move, or the
        customer at a take-over. The result takes it off again."""
        return _subscribe(self._renegotiated, callback)

    # What the phone tells a session.

    def handle(self, request: Request) -> None:
        """Take a request of the phone system's for this call (ACK apart)."""
        match request.method:
            case "BYE":
                self._respond(request, 200)
                self._bye_received()
            case "INVITE":
                self._offer_received(request)
            case "UPDATE" if request.body:
                self._offer_received(request)
            case "NOTIFY":
                self._respond(request, 200)
                self._notified(request)
            case "INFO" | "UPDATE" | "MESSAGE" | "OPTIONS" | "CANCEL" | "PRACK":
                self._respond(request, 200)
            case "REFER":
                self._respond(request, 603)
            case _:
                self._respond(request, 501)

    def ack_received(self, invite: Request, ack: Request | None) -> None:
        """Take the ACK for our 2xx to `invite`, or the news that it did not come."""
        waiting = self._acks.pop(invite.cseq, None)
        if waiting is None or waiting.done():
            return
        if ack is not None:
            waiting.set_result(ack)
        else:
            waiting.set_exception(NoReply("the phone system did not acknowledge our answer"))

    def connection_lost(self, error: BotError) -> None:
        """The connection is gone. What is not answered is over with it; an answered call waits for the next one."""
        if self.state is not SessionState.ANSWERED:
            self._finish(SessionEnd("network", "failed", reason=str(error)))

    def abandon(self, error: BotError) -> None:
        """There was no connection for too long."""
        self._finish(SessionEnd("network", "failed", reason=str(error)))

    async def recover(self) -> None:
        """After a new registration: offer again, with ICE restarted (ringcentral-sip.md §8)."""
        try:
            await self._offer(ice_restart=True)
            await self._while_alive(self.media.connected())
        except CallEnded:
            return
        except BotError as error:
            log.warning("call could not be recovered", call=self.call_id, error=str(error))
            await self._bye(SessionEnd("network", "failed", reason=str(error)))
        else:
            log.info("call recovered", call=self.call_id)

    async def shut_down(self) -> None:
        """The phone stops: end the call in the way that suits its state."""
        await self.hangup()

    # States.

    def _move(self, event: SessionEvent) -> None:
        old = self.state
        if (old, event) not in TABLE:
            raise IllegalTransition(f"session: {event.value} in {old.value}")
        self.state = TABLE[old, event]
        if self.state is old:
            return
        log.info("call session", phone=self._line.name, call=self.call_id, state=self.state.value)
        self._line.session_changed(self, old, self.state)
        for callback in list(self._callbacks):
            try:
                callback(self, old, self.state)
            except Exception:
                log.exception("listener failed", call=self.call_id, listener=repr(callback))

    def _finish(self, end: SessionEnd) -> None:
        """Move to ENDED, once; the first reason counts."""
        if self.state is SessionState.ENDED:
            return
        self.end = end
        if self._dialog.state is DialogState.CONFIRMED:
            self._dialog.end()
        self._ended.set_result(None)
        for waiting in self._acks.values():
            waiting.cancel()
        for remove in self._removers:
            remove()
        self._line.tasks.spawn(self.media.close(), f"close media of {self.call_id}")
        self._move(SessionEvent.END)

    def _require_answered(self, what: str) -> None:
        if self.state is not SessionState.ANSWERED:
            over = self.state is SessionState.ENDED
            raise CallEnded("the call is over" if over else f"the call must be answered before {what}")

    async def _while_alive(self, work: Coroutine[object, object, _T]) -> _T:
        """The result of `work`, unless the session ends first.

        Raises:
            CallEnded: it did.
        """
        if self.state is SessionState.ENDED:
            work.close()
            raise CallEnded("the call is over")
        task = asyncio.ensure_future(work)
        either: list[asyncio.Future[Any]] = [task, self._ended]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if self._ended.done():
                raise CallEnded("the call ended meanwhile")
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _see_through(self, work: Coroutine[object, object, _T], name: str) -> _T:
        """Do `work` to its end, also when whoever wanted it is cancelled: half an exchange helps nobody."""
        task = self._line.tasks.spawn(work, f"{name} {self.call_id}")
        await asyncio.wait({task})
        if task.cancelled():
            raise CallEnded("the phone was stopped")
        return task.result()

    # Hanging up.

    async def _hang_up(self) -> None:
        await self._bye(SessionEnd("us", "hangup"))

    async def _bye(self, end: SessionEnd) -> None:
        """End an answered call from our side."""
        self._finish(end)
        await self._send_bye()

    async def _send_bye(self) -> None:
        request = self._dialog.request(self._line.identity, "BYE", uri=f"sip:{self._line.sip_info.domain}")
        try:
            await self._line.ask(request)
        except BotError as error:
            log.info("hang-up was not confirmed", call=self.call_id, error=str(error))

    def _bye_received(self) -> None:
        if self._transfer_refused is not None:
            self._finish(SessionEnd("us", "transferred"))
        else:
            self._finish(SessionEnd("peer", "hangup"))

    # Offers: theirs and ours.

    def _offer_received(self, request: Request) -> None:
        if self._offer_out:
            self._respond(request, 491)
        elif self._offer_in or self.state is not SessionState.ANSWERED:
            self._respond(request, 500, headers={"Retry-After": "1"})
        else:
            self._offer_in = True
            self._line.tasks.spawn(self._answer_offer(request), f"answer {request.method} of {self.call_id}")

    async def _answer_offer(self, request: Request) -> None:
        try:
            if request.method == "INVITE":
                self._respond(request, 100)
            await self._exchange(request)
            for callback in list(self._renegotiated):
                callback()
        except (MalformedSdp, MediaFailed) as error:
            log.warning("offer refused", call=self.call_id, error=str(error))
            self._respond(request, 488)
        except CallEnded:
            self._respond(request, 487)
        except NoReply as error:
            await self._bye(SessionEnd("network", "failed", reason=str(error)))
        finally:
            self._offer_in = False

    async def _exchange(self, request: Request) -> None:
        """Answer an offer, or make ours where the INVITE has none (RFC 3261 §13.2.1), and see the ACK."""
        if request.body:
            sdp = await self._while_alive(self.media.create_answer(request.body))
        else:
            sdp = await self._while_alive(self.media.create_offer())
        waiting: asyncio.Future[Request] = asyncio.get_running_loop().create_future()
        if request.method == "INVITE":
            self._acks[request.cseq] = waiting
        self._respond(request, 200, headers={**self._line.contact, "Content-Type": SDP}, body=sdp)
        if request.method != "INVITE":
            return
        ack = await self._acknowledgement(waiting)
        if not request.body:
            await self._while_alive(self.media.apply_answer(ack.body))

    async def _acknowledgement(self, waiting: asyncio.Future[Request]) -> Request:
        await asyncio.wait({waiting})
        if waiting.cancelled() or self._ended.done():
            raise CallEnded("the call ended before our answer was acknowledged")
        return waiting.result()

    async def _set_held(self, held: bool) -> None:
        self._require_answered("it can be held")
        if self.held == held:
            return
        self.media.set_direction("sendonly" if held else "sendrecv")
        try:
            await self._offer()
        except BotError:
            self.media.set_direction("sendonly" if self.held else "sendrecv")
            raise
        self.held = held

    async def _offer(self, *, ice_restart: bool = False) -> None:
        """A re-INVITE with a new offer; once more when it met the peer's (RFC 3261 §14.1)."""
        response = await self._re_invite(ice_restart)
        if response.status == 491:
            await self._while_alive(asyncio.sleep(self._line.rng.uniform(*GLARE_WAIT)))
            response = await self._re_invite(ice_restart)
        if response.status >= 300:
            raise OperationRefused(
                f"the phone system refused the new offer: {response.status} {response.reason}",
                status=response.status,
                reason=response.reason,
            )

    async def _re_invite(self, ice_restart: bool) -> Response:
        if self._offer_out or self._offer_in:
            raise OperationRefused("the call is being renegotiated at this moment", status=491)
        self._offer_out = True
        try:
            sdp = await self._while_alive(self.media.create_offer(ice_restart=ice_restart))
            headers = {**self._line.contact, "Content-Type": SDP}
            invite = self._dialog.request(self._line.identity, "INVITE", headers=headers, body=sdp)
            response = await self._while_alive(self._line.ask(invite))
            if 200 <= response.status < 300:
                self._line.acknowledge(invite, self._dialog.ack(self._line.identity, invite))
                await self._while_alive(self.media.apply_answer(response.body))
            return response
        finally:
            self._offer_out = False

    async def _hear(self) -> None:
        """Wait for the audio of an answered call. Without any it is of no use to anybody: it is ended.

        Raises:
            MediaFailed: there is no audio; the call is hung up.
            CallEnded: the call ended first.
        """
        try:
            await self._while_alive(self.media.connected())
        except MediaFailed as error:
            await self._bye(SessionEnd("network", "failed", reason=str(error)))
            raise
        self._removers.append(self.media.on_state(self._media_changed))

    def _media_changed(self, state: MediaState) -> None:
        if state is MediaState.FAILED and self.state is SessionState.ANSWERED and self._line.connection is not None:
            log.warning("audio lost: offering anew", call=self.call_id)
            self._line.tasks.spawn(self.recover(), f"recover {self.call_id}")

    # Transfer.

    async def _refer(self, refer_to: str, refused: asyncio.Future[tuple[int, str]]) -> None:
        headers = {"Refer-To": refer_to, "Referred-By": self._line.identity.address, **self._line.contact}
        request = self._dialog.request(self._line.identity, "REFER", headers=headers)
        try:
            response = await self._while_alive(self._line.ask(request))
        except CallEnded:
            if self.end is not None and self.end.cause == "transferred":
                return
            raise
        if response.status >= 300:
            raise OperationRefused(
                f"transfer refused: {response.status} {response.reason}",
                status=response.status,
                reason=response.reason,
            )
        limit = self._line.limits.transfer
        either: list[asyncio.Future[Any]] = [self._ended, refused]
        await asyncio.wait(either, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if self._ended.done():
            return
        if refused.done():
            status, reason = refused.result()
            raise OperationRefused(f"transfer failed: {status} {reason}", status=status, reason=reason)
        raise OperationRefused(
            f"the transfer was not done within {limit:g} s",
            hint="either it is not permitted, or the call is in the wrong state",
        )

    def _notified(self, notify: Request) -> None:
        status, reason = notified_status(notify)
        waiting = self._transfer_refused
        if status >= 300 and waiting is not None and not waiting.done():
            waiting.set_result((status, reason))

    # Small things.

    def _respond(
        self, request: Request, status: int, *, headers: Mapping[str, str] | None = None, body: str = ""
    ) -> None:
        self._line.respond(request, status, to_tag=self._dialog.local_tag, headers=headers, body=body)

    def _learn_ids(self, message: Message) -> None:
        """Keep the ids of a message, and its headers as those of the call."""
        session_id, party_id = parse_api_ids(message.header("p-rc-api-ids"))
        self.session_id = session_id or self.session_id
        self.party_id = party_id or self.party_id
        self.headers = HeaderView(message.headers)


def _subscribe(listeners: list[_T], listener: _T) -> Callable[[], None]:
    listeners.append(listener)
    return lambda: listeners.remove(listener) if listener in listeners else None
