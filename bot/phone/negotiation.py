"""Offers and answers of one call, the peer's and ours: at its beginning and while it lasts (RFC 3264)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from bot.errors import CallEnded, MalformedSdp, MediaFailed, NoReply, OperationRefused
from bot.log import get_logger
from bot.phone.lifetime import Lifetime, SessionState
from bot.phone.line import Line
from bot.sip.dialogs import Dialog
from bot.sip.messages import Request, Response

if TYPE_CHECKING:
    from bot.media import MediaSession

__all__ = ["SDP", "Negotiation"]

log = get_logger(__name__)

SDP = "application/sdp"
GLARE_WAIT = (2.1, 4.0)
"""Seconds before an offer that met the peer's own is made again (RFC 3261 §14.1)."""


class Negotiation:
    """One exchange at a time, in the order in which they come; an offer of the peer's that meets ours is put off
    with 491 (RFC 3261 §14.2)."""

    def __init__(self, line: Line, dialog: Dialog, media: MediaSession, life: Lifetime) -> None:
        self._line = line
        self._dialog = dialog
        self._media = media
        self._life = life
        self._acks: dict[int, asyncio.Future[Request]] = {}
        self._turn = asyncio.Lock()
        self._offered = False
        self.listeners: list[Callable[[], None]] = []
        """Called when an offer of the peer's in the live call was answered."""

    async def exchange(self, request: Request) -> None:
        """Answer the offer of an INVITE or UPDATE, or make ours where an INVITE has none (RFC 3261 §13.2.1); done
        when the ACK is there.

        Raises:
            MalformedSdp, MediaFailed: no audio can be agreed on; nothing was sent when the offer was the peer's.
            NoReply: the ACK did not come.
            CallEnded: the call ended first.
        """
        media, life = self._media, self._life
        sdp = await life.while_alive(media.create_answer(request.body) if request.body else media.create_offer())
        waiting: asyncio.Future[Request] = asyncio.get_running_loop().create_future()
        if request.method == "INVITE":
            self._acks[request.cseq] = waiting
        headers = {**self._line.contact, "Content-Type": SDP}
        self._line.respond(request, 200, to_tag=self._dialog.local_tag, headers=headers, body=sdp)
        if request.method != "INVITE":
            return
        await asyncio.wait({waiting})
        if waiting.cancelled():
            raise CallEnded("the call ended before our answer was acknowledged")
        ack = waiting.result()
        if not request.body:
            await life.while_alive(media.apply_answer(ack.body))

    def ack_received(self, invite: Request, ack: Request | None) -> None:
        """The ACK for our 2xx to `invite`, or the news that it did not come."""
        waiting = self._acks.pop(invite.cseq, None)
        if waiting is None or waiting.done():
            return
        if ack is not None:
            waiting.set_result(ack)
        else:
            waiting.set_exception(NoReply("the phone system did not acknowledge our answer"))

    def refusal(self) -> int:
        """The status with which an offer of the peer's is put off at this moment, or 0."""
        if self._offered:
            return 491
        return 0 if self._life.state is SessionState.ANSWERED else 500

    async def answer(self, request: Request) -> None:
        """Answer a re-INVITE or UPDATE of the live call.

        Raises:
            NoReply: the ACK did not come, and the call must be ended (RFC 3261 §14.2).
        """
        async with self._turn:
            try:
                if request.method == "INVITE":
                    self._respond(request, 100)
                await self.exchange(request)
            except (MalformedSdp, MediaFailed) as error:
                log.warning("offer refused", call=self._dialog.call_id, error=str(error))
                self._respond(request, 488)
                return
            except CallEnded:
                self._respond(request, 487)
                return
        for listener in list(self.listeners):
            listener()

    async def offer(self, *, ice_restart: bool = False) -> None:
        """A re-INVITE with a new offer; once more when it met the peer's.

        Raises:
            OperationRefused: the peer did not accept.
            CallEnded: the call ended first.
            MediaFailed, MalformedSdp: no audio can be agreed on.
            NoReply, ConnectionFailed, NotRegistered: nothing came back.
        """
        response = await self._re_invite(ice_restart)
        if response.status == 491:
            await self._life.while_alive(asyncio.sleep(self._line.rng.uniform(*GLARE_WAIT)))
            response = await self._re_invite(ice_restart)
        if response.status >= 300:
            raise OperationRefused(
                f"the phone system refused the new offer: {response.status} {response.reason}",
                status=response.status,
                reason=response.reason,
            )

    def close(self) -> None:
        """The call is over."""
        for waiting in self._acks.values():
            waiting.cancel()

    async def _re_invite(self, ice_restart: bool) -> Response:
        life, identity = self._life, self._line.identity
        async with self._turn:
            self._offered = True
            try:
                sdp = await life.while_alive(self._media.create_offer(ice_restart=ice_restart))
                headers = {**self._line.contact, "Content-Type": SDP}
                invite = self._dialog.request(identity, "INVITE", headers=headers, body=sdp)
                response = await life.while_alive(self._line.ask(invite))
                if 200 <= response.status < 300:
                    self._line.acknowledge(invite, self._dialog.ack(identity, invite))
                    await life.while_alive(self._media.apply_answer(response.body))
                return response
            finally:
                self._offered = False

    def _respond(self, request: Request, status: int) -> None:
        self._line.respond(request, status, to_tag=self._dialog.local_tag)
