"""A call that came in: answered, declined, forwarded, sent to voicemail, or replied to with text."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from bot.errors import (
    BotError,
    CallEnded,
    CallTaken,
    MalformedMessage,
    MalformedSdp,
    MediaFailed,
    NoReply,
    OperationRefused,
)
from bot.log import get_logger
from bot.phone.lifetime import EndCause, SessionEnd, SessionEvent, SessionState
from bot.phone.line import Line
from bot.phone.replies import Replies
from bot.phone.session import Session
from bot.sip.dialogs import Dialog
from bot.sip.messages import Request
from bot.sip.rc import (
    AGENT_CONTENT_TYPE,
    Command,
    RcMessage,
    Reply,
    ReplyOutcome,
    parse_call_info,
    parse_xml,
)

if TYPE_CHECKING:
    from bot.media import MediaSession

__all__ = ["InboundSession"]

log = get_logger(__name__)

_DONE_TO_IT: Mapping[EndCause, str] = {
    "declined": "declined",
    "voicemail": "sent to voicemail",
    "forwarded": "forwarded",
    "replied": "replied to",
}
"""What an operation does to a call, as it is said in a sentence."""


class InboundSession(Session):
    """A call that rings here, and what can be done with it.

    `rc` is the vendor's own message in the INVITE, without which only `answer` and `decline` are possible.
    `call_info` is what a queue call says about itself, `queue_name` its queue (or empty). `auto_answer` means that
    the call is to be answered without a person, `answer_after` seconds from now: whoever owns the call does that.
    """

    direction: Literal["inbound", "outbound"] = "inbound"

    def __init__(self, line: Line, invite: Request, media: MediaSession, replies: Replies) -> None:
        super().__init__(line, Dialog.incoming(invite, line.identity.new_tag()), media, SessionState.RINGING)
        self._invite = invite
        self._replies = replies
        self._learn_ids(invite)
        self.rc = _rc_of(invite)
        self.call_info = parse_call_info(invite.header("p-rc-api-call-info"))
        self.queue_name = self.call_info.get("queueName", "")
        self.auto_answer = invite.header("Alert-Info").strip().lower() == "auto answer"
        after = re.search(r"Answer-After\s*=\s*(\d{1,4})", invite.header("Call-Info"), re.I | re.ASCII)
        self.answer_after = float(after.group(1)) if after else 0.0
        if self.rc is not None:
            self.remote_number = self.rc.body.get("Phn") or self.remote_number
            self.remote_name = self.rc.body.get("Nm") or self.remote_name
            self.local_number = self.rc.body.get("ToPhn") or self.local_number
        self._confirmed: asyncio.Task[None] | None = None
        self._answering: asyncio.Task[None] | None = None
        self._operation: EndCause | None = None
        self._processed_elsewhere = False
        self._cancelled = False

    # What the owner can do while it rings.

    async def answer(self) -> None:
        """Answer, and wait until the phone system has acknowledged it and audio flows.

        Raises:
            CallEnded: the caller hung up, or another phone was quicker.
            CallTaken: something else is being done with the call.
            MalformedSdp: the caller offered no audio that we can use; the call is refused with 488.
            MediaFailed: there is no way for the audio; the call is ended.
            NoReply: no ACK came; the call is ended.
        """
        if self._answering is None:
            self._require_ringing()
            self._answering = self._line.tasks.spawn(self._answer(), f"answer {self.call_id}")
        await asyncio.wait({self._answering})
        if self._answering.cancelled():
            raise CallEnded("the phone was stopped")
        self._answering.result()
        await self._life.see_through(self._hear(), f"audio of {self.call_id}")

    async def decline(self) -> None:
        """Refuse the call: the caller hears an announcement and does not reach voicemail.

        Raises:
            CallEnded: it is over.
            CallTaken: it is answered, or something else is being done with it.
            OperationRefused, NoReply: the phone system did not do it.
        """
        if self.rc is not None:
            await self._operate(Command.REJECT, "declined")
            return
        self._require_ringing()
        self._respond(self._invite, 603)
        self._finish(SessionEnd("us", "declined"))

    async def to_voicemail(self) -> None:
        """Send the caller to voicemail. Raises what `decline` raises."""
        await self._operate(Command.TO_VOICEMAIL, "voicemail")

    async def forward(self, target: str) -> None:
        """Send the caller to another number. Raises what `decline` raises."""
        await self._operate(Command.FORWARD, "forwarded", FwdDly="0", Phn=target, PhnTp="3")

    async def start_reply(self) -> None:
        """Ask for more time, because a reply is being written; the call keeps ringing.

        Raises:
            CallEnded: it is over.
            CallTaken: it is answered, or something else is being done with it.
            OperationRefused, NoReply: the phone system did not accept.
        """
        self._require_ringing()
        await self._life.while_alive(self._command(self._rc("a reply"), Command.START_REPLY))

    async def reply(self, reply: Reply, timeout: float = 180.0) -> ReplyOutcome:
        """Have a text spoken to the caller instead of answering, and wait for the caller's choice.

        The session is ENDED (cause `replied`) as soon as the phone system has taken the call from us. The choice is
        `none` when the caller made none, or nothing came within `timeout` seconds.

        Raises what `decline` raises.
        """
        with self._replies.expect(self._rc("a reply").sid) as outcome:
            await self._operate(Command.REPLY, "replied", **reply.body())
            return await outcome.within(timeout)

    # What the phone tells.

    def ring(self) -> None:
        """Tell the phone system that it rings here: 100, 180, and the receive confirm."""
        self._respond(self._invite, 100)
        self._respond(self._invite, 180, headers=self._line.contact)
        if self.rc is not None:
            self._confirmed = self._line.tasks.spawn(self._confirm(self.rc), f"confirm {self.call_id}")
        self._line.tasks.spawn(self._limit_ringing(), f"ringing of {self.call_id}")

    def handle(self, request: Request) -> None:
        """Take a request of the phone system's for this call (ACK apart)."""
        if request.method == "CANCEL":
            self._respond(request, 200)
            self._cancel_received(request)
        elif request.method == "INVITE" and self.state is SessionState.RINGING:
            self._respond(request, 482)
        else:
            super().handle(request)

    def ack_received(self, invite: Request, ack: Request | None) -> None:
        """Take the ACK for our 2xx to `invite`, or the news that it did not come. The first one answers the call."""
        if ack is not None and self.state is SessionState.RINGING:
            self._dialog.confirm()
            self._move(SessionEvent.ANSWER)
        super().ack_received(invite, ack)

    def processed(self) -> None:
        """Command 7 named us: when a CANCEL follows while it rings, somebody else has the call."""
        self._processed_elsewhere = self._answering is None and self._operation is None

    async def shut_down(self) -> None:
        """The phone stops: a ringing call is left to the other phones, an answered one is hung up."""
        if self.state is SessionState.RINGING and self._answering is None:
            self._respond(self._invite, 480)
            self._finish(SessionEnd("us", "hangup"))
        else:
            await self.hangup()

    # How it is done.

    def _require_ringing(self) -> None:
        if self.end is not None:
            raise CallEnded("the call is over")
        if self.state is not SessionState.RINGING:
            raise CallTaken("the call is answered already")
        if self._answering is not None:
            raise CallTaken("the call is being answered already")
        if self._operation is not None:
            raise CallTaken(f"the call is being {_DONE_TO_IT[self._operation]} already")

    async def _answer(self) -> None:
        try:
            await self._negotiation.exchange(self._invite)
        except (MalformedSdp, MediaFailed) as error:
            end = SessionEnd("us", "failed", 488, str(error))
            if self._line.pending(self._invite):
                self._respond(self._invite, 488)
                self._finish(end)
            else:
                await self._bye(end)
            raise
        except NoReply as error:
            if self._cancelled:
                await self._bye(SessionEnd("peer", "cancelled"))
                raise CallEnded("the caller hung up while we answered") from error
            await self._bye(SessionEnd("network", "failed", 408, str(error)))
            raise

    async def _hang_up(self) -> None:
        """BYE when answered, after the ACK when that is under way (RFC 3261 §15), decline while it rings."""
        if self._answering is None and self.state is SessionState.RINGING:
            try:
                await self.decline()
            except CallEnded:
                return
            except BotError as error:
                log.warning("decline failed: refusing the call", call=self.call_id, error=str(error))
                self._respond(self._invite, 480)
                self._finish(SessionEnd("us", "hangup"))
            return
        if self._answering is not None:
            await asyncio.wait({self._answering})
        if self.state is SessionState.ANSWERED:
            await super()._hang_up()

    async def _operate(self, command: Command, cause: EndCause, **body: str) -> None:
        """Send a command that takes the call from us, which the CANCEL shows."""
        self._require_ringing()
        rc = self._rc(f"a call that is to be {_DONE_TO_IT[cause]}")
        self._operation = cause
        await self._life.see_through(self._taken_from_us(rc, command, cause, body), f"{cause} {self.call_id}")

    async def _taken_from_us(self, rc: RcMessage, command: Command, cause: EndCause, body: dict[str, str]) -> None:
        try:
            await self._life.while_alive(self._command(rc, command, **body))
            await asyncio.wait({self._life.over}, timeout=self._line.limits.operation)
        except CallEnded:
            log.debug("CANCEL came before the reply to the command", call=self.call_id, command=command.name)
        finally:
            self._operation = None
        if self.end is None:
            raise NoReply(
                f"the phone system accepted that the call be {_DONE_TO_IT[cause]}, but did not do it",
                hint="it still rings: try again, or answer it",
            )
        if self.end.cause != cause:
            raise CallEnded(f"the call ended before it could be {_DONE_TO_IT[cause]}")

    async def _command(self, rc: RcMessage, command: Command, **body: str) -> None:
        if self._confirmed is not None:
            await asyncio.wait({self._confirmed})
        await self._send_command(rc, command, **body)

    async def _send_command(self, rc: RcMessage, command: Command, **body: str) -> None:
        """Send one XML command of ringcentral-sip.md §5 and wait for the 200."""
        identity = self._line.identity
        message = rc.answer(command, self._line.sip_info.authorization_id, **body)
        address = f"sip:{message.header['To']}"
        request = identity.request(
            "MESSAGE",
            address,
            call_id=self.call_id,
            from_=f"{identity.address};tag={identity.new_tag()}",
            to=f"<{address}>",
            headers={"Content-Type": AGENT_CONTENT_TYPE},
            body=str(message),
        )
        response = await self._line.ask(request)
        if response.status >= 300:
            raise OperationRefused(
                f"{command.name.lower()} refused: {response.status} {response.reason}",
                status=response.status,
                reason=response.reason,
            )

    async def _confirm(self, rc: RcMessage) -> None:
        try:
            await self._send_command(rc, Command.RECEIVE_CONFIRM)
        except BotError as error:
            log.warning("receive confirm failed: to-voicemail may not work", call=self.call_id, error=str(error))

    async def _limit_ringing(self) -> None:
        await asyncio.wait({self._life.over}, timeout=self._line.limits.ringing)
        if self.state is SessionState.RINGING and self._answering is None:
            self._respond(self._invite, 480)
            self._finish(SessionEnd("network", "cancelled", reason="it rang for too long"))

    def _cancel_received(self, cancel: Request) -> None:
        """A CANCEL ends what rings. One that crosses our 200 ends nothing (RFC 3261 §9.2): the peer must ACK and
        BYE; only when neither comes soon, it is over all the same."""
        if not self._line.pending(self._invite):
            self._cancelled = True
            self._line.tasks.spawn(self._expect_ack_after_cancel(), f"late cancel of {self.call_id}")
            return
        self._respond(self._invite, 487)
        elsewhere = self._processed_elsewhere or "answered elsewhere" in _reason_of(cancel)
        if self._operation is not None:
            self._finish(SessionEnd("us", self._operation))
        elif elsewhere:
            self._finish(SessionEnd("elsewhere", "answered_elsewhere"))
        else:
            self._finish(SessionEnd("peer", "cancelled"))

    async def _expect_ack_after_cancel(self) -> None:
        await asyncio.wait({self._life.over}, timeout=self._line.limits.cancelled)
        self.ack_received(self._invite, None)

    def _bye_received(self) -> None:
        if self.state is SessionState.RINGING:
            self._respond(self._invite, 487)
        super()._bye_received()

    def _rc(self, what: str) -> RcMessage:
        if self.rc is None:
            raise OperationRefused(
                f"{what} needs the vendor's P-rc header, which this call does not have",
                hint="answer or decline it",
            )
        return self.rc


def _rc_of(invite: Request) -> RcMessage | None:
    text = invite.header("P-rc")
    if not text:
        return None
    try:
        return parse_xml(text)
    except MalformedMessage as error:
        log.warning("P-rc header not understood", error=str(error))
        return None


def _reason_of(request: Request) -> str:
    """The Reason header (RFC 3326), with the wordings for one thing made one."""
    return request.header("Reason").lower().replace("completed elsewhere", "answered elsewhere")
