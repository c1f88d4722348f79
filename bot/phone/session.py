"""One call on one phone: what inbound and outbound sessions share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Literal, TypeVar

from bot.errors import BotError, CallEnded, ConnectionFailed, MediaFailed, NoReply, NotRegistered
from bot.log import get_logger
from bot.media import MediaState
from bot.phone.commands import CallCommands, Commands
from bot.phone.lifetime import Lifetime, SessionEnd, SessionEvent, SessionState
from bot.phone.line import Line
from bot.phone.negotiation import Negotiation
from bot.phone.transfer import Transfer
from bot.sip.dialogs import Dialog, DialogState
from bot.sip.messages import HeaderView, Message, Request, name_of, number_of
from bot.sip.rc import parse_api_ids

if TYPE_CHECKING:
    from bot.media import MediaSession

__all__ = ["ChangeCallback", "Session"]

log = get_logger(__name__)
_T = TypeVar("_T")

REPAIR_AFTER = 1.0
"""Seconds between the loss of the audio and the offer that is to bring it back."""

ChangeCallback = Callable[["Session", SessionState, SessionState], None]


class Session(CallCommands):
    """A call session. `end` is set when `state` is ENDED.

    `remote_number` and `remote_name` are the other party, `session_id` ties the legs of one call together
    (`s-…`), `party_id` is this leg (`p-…`); both are empty where the phone system did not say. `headers` are those of
    the INVITE (inbound) or of the first response that says something (outbound), with names in any case.
    """

    direction: Literal["inbound", "outbound"]

    def __init__(self, line: Line, dialog: Dialog, media: MediaSession, state: SessionState) -> None:
        self.call_id = dialog.call_id
        self.session_id = ""
        self.party_id = ""
        self.remote_number = number_of(dialog.remote)
        self.remote_name = name_of(dialog.remote)
        self.local_number = number_of(dialog.local)
        self.headers: Mapping[str, str] = HeaderView()
        self.media = media
        self.held = False
        self._line = line
        self._dialog = dialog
        self._life = Lifetime(state, line.tasks, self._moved)
        self._negotiation = Negotiation(line, dialog, media, self._life)
        self._transfer = Transfer(line, dialog, self._life)
        self._commands = Commands(line, dialog, self._life)
        self._callbacks: list[ChangeCallback] = []
        self._stop_watching: Callable[[], None] | None = None
        self._hanging_up: asyncio.Task[None] | None = None
        self._recovering = False

    @property
    def phone(self) -> str:
        """The name of the phone that this call is on."""
        return self._line.name

    @property
    def state(self) -> SessionState:
        return self._life.state

    @property
    def end(self) -> SessionEnd | None:
        """Who ended the call and how; None while it lasts."""
        return self._life.end

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.call_id} {self.state.value}>"

    # What the owner of a session can do.

    async def hangup(self) -> None:
        """End the call, whatever its state; nothing happens when it is over. Returns when the phone system has
        confirmed it, or has had its time to."""
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
        self._life.require_answered("digits can be sent")
        await self._life.while_alive(self.media.send_digits(digits))

    async def transfer(self, target: str) -> None:
        """Hand the other party to `target` (a number, or `prk<park location id>`), which ends this session.

        Raises:
            CallEnded: the call is not answered, or ended first.
            CallFailed: `target` cannot be dialled.
            OperationRefused: the phone system said no, or did not do it within the limit.
            NoReply: the phone system did not answer at all.
        """
        self._life.require_answered("it can be transferred")
        work = self._transfer.to(self._line.dialled(target))
        await self._life.see_through(work, f"transfer {self.call_id}")

    async def hold(self) -> None:
        """Put the other party on hold: it hears the phone system's music.

        Raises:
            CallEnded: the call is not answered, or ended meanwhile.
            OperationRefused: the phone system did not accept.
            NoReply: the phone system did not answer at all.
        """
        await self._life.see_through(self._set_held(True), f"hold {self.call_id}")

    async def unhold(self) -> None:
        """Take the other party back from hold. Raises what `hold` raises."""
        await self._life.see_through(self._set_held(False), f"unhold {self.call_id}")

    async def ended(self) -> SessionEnd:
        """Wait for the end of the call."""
        return await self._life.ended()

    def on_change(self, callback: ChangeCallback) -> Callable[[], None]:
        """Have `callback(session, old, new)` called after each change of state; the result takes it off again."""
        return _subscribe(self._callbacks, callback)

    def on_renegotiated(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have `callback()` called when an offer of the peer's in the live call was answered: a hold, a move, or the
        customer at a take-over. The result takes it off again."""
        return _subscribe(self._negotiation.listeners, callback)

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
                self._transfer.notified(request)
            case "INFO":
                self._respond(request, 200)
                self._commands.received(request)
            case "UPDATE" | "MESSAGE" | "OPTIONS" | "CANCEL" | "PRACK":
                self._respond(request, 200)
            case "REFER":
                self._respond(request, 603)
            case _:
                self._respond(request, 501)

    def ack_received(self, invite: Request, ack: Request | None) -> None:
        """Take the ACK for our 2xx to `invite`, or the news that it did not come."""
        self._negotiation.ack_received(invite, ack)

    def connection_lost(self, error: BotError) -> None:
        """The connection is gone. What is not answered is over with it; an answered call waits for the next one."""
        if self.state is not SessionState.ANSWERED:
            self.abandon(error)

    def abandon(self, error: BotError) -> None:
        """End the call without a word: nobody can be reached."""
        self._finish(SessionEnd("network", "failed", reason=str(error)))

    async def recover(self) -> None:
        """Offer again, with ICE restarted (ringcentral-sip.md §8): after a new registration, or when the audio was
        lost. A call that the phone system does not know any more, or that stays without audio, is ended."""
        if self._recovering:
            return
        self._recovering = True
        try:
            await self._negotiation.offer(ice_restart=True)
            await self._life.while_alive(self.media.connected())
        except (CallEnded, ConnectionFailed, NotRegistered) as error:
            log.info("call not recovered now", call=self.call_id, error=str(error))
        except BotError as error:
            log.warning("call could not be recovered", call=self.call_id, error=str(error))
            await self._bye(SessionEnd("network", "failed", reason=str(error)))
        else:
            log.info("call recovered", call=self.call_id)
        finally:
            self._recovering = False

    async def shut_down(self) -> None:
        """The phone stops: end the call in the way that suits its state."""
        await self.hangup()

    # States.

    def _move(self, event: SessionEvent) -> None:
        self._life.move(event)

    def _moved(self, old: SessionState, new: SessionState) -> None:
        log.info("call session", phone=self._line.name, call=self.call_id, state=new.value)
        for callback in list(self._callbacks):
            try:
                callback(self, old, new)
            except Exception:
                log.exception("listener failed", call=self.call_id, listener=repr(callback))

    def _finish(self, end: SessionEnd) -> None:
        """Move to ENDED, once; the first reason counts."""
        if self.state is SessionState.ENDED:
            return
        if self._dialog.state is DialogState.CONFIRMED:
            self._dialog.end()
        self._negotiation.close()
        if self._stop_watching is not None:
            self._stop_watching()
        self._line.tasks.spawn(self.media.close(), f"close media of {self.call_id}")
        self._life.finish(end)

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
        if self._transfer.under_way:
            self._finish(SessionEnd("us", "transferred"))
        else:
            self._finish(SessionEnd("peer", "hangup"))

    # Audio.

    def _offer_received(self, request: Request) -> None:
        refusal = self._negotiation.refusal()
        if refusal:
            self._respond(request, refusal, headers={"Retry-After": "1"})
        else:
            self._line.tasks.spawn(self._answer_offer(request), f"answer {request.method} of {self.call_id}")

    async def _answer_offer(self, request: Request) -> None:
        try:
            await self._negotiation.answer(request)
        except NoReply as error:
            await self._bye(SessionEnd("network", "failed", reason=str(error)))

    async def _set_held(self, held: bool) -> None:
        self._life.require_answered("it can be held")
        if self.held == held:
            return
        self.media.set_direction("sendonly" if held else "sendrecv")
        try:
            await self._negotiation.offer()
        except BotError:
            self.media.set_direction("sendonly" if self.held else "sendrecv")
            raise
        self.held = held

    async def _hear(self) -> None:
        """Wait for the audio of an answered call. Without any it is of no use to anybody: it is ended.

        Raises:
            MediaFailed: there is no audio; the call is hung up.
            CallEnded: the call ended first.
        """
        try:
            await self._life.while_alive(self.media.connected())
        except MediaFailed as error:
            await self._bye(SessionEnd("network", "failed", reason=str(error)))
            raise
        if self._stop_watching is None:
            self._stop_watching = self.media.on_state(self._media_changed)

    def _media_changed(self, state: MediaState) -> None:
        if state is MediaState.FAILED and self.state is SessionState.ANSWERED:
            self._line.tasks.spawn(self._repair(), f"repair {self.call_id}")

    async def _repair(self) -> None:
        """The audio of a peer that hangs up can end before its BYE comes, so this waits a moment."""
        await asyncio.wait({self._life.over}, timeout=REPAIR_AFTER)
        if self.state is SessionState.ANSWERED and self.media.state is MediaState.FAILED and self._line.connection:
            log.warning("audio lost: offering anew", call=self.call_id)
            await self.recover()

    # Small things.

    def _respond(self, request: Request, status: int, *, headers: Mapping[str, str] | None = None) -> None:
        self._line.respond(request, status, to_tag=self._dialog.local_tag, headers=headers)

    def _learn_ids(self, message: Message) -> None:
        """Keep the ids of a message, and its headers as those of the call."""
        session_id, party_id = parse_api_ids(message.header("p-rc-api-ids"))
        self.session_id = session_id or self.session_id
        self.party_id = party_id or self.party_id
        self.headers = HeaderView(message.headers)


def _subscribe(listeners: list[_T], listener: _T) -> Callable[[], None]:
    listeners.append(listener)
    return lambda: listeners.remove(listener) if listener in listeners else None
