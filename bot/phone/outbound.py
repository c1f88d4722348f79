"""A call that we placed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from bot.errors import BotError, CallEnded, CallFailed, MalformedSdp, MediaFailed
from bot.log import get_logger
from bot.phone.connection import Outcome
from bot.phone.lifetime import SessionEnd, SessionEvent, SessionState
from bot.phone.line import Line
from bot.phone.negotiation import SDP
from bot.phone.session import Session
from bot.sip.dialogs import Dialog, DialogState
from bot.sip.messages import Request, Response
from bot.sip.transactions import cancel

if TYPE_CHECKING:
    from bot.media import MediaSession

__all__ = ["OutboundSession"]

log = get_logger(__name__)


class OutboundSession(Session):
    """A call that goes out. ANSWERED means that the 200 came, which with the real phone system says nothing
    about a person: that is for those above to find out."""

    direction: Literal["inbound", "outbound"] = "outbound"

    def __init__(
        self,
        line: Line,
        callee: str,
        media: MediaSession,
        *,
        caller_id: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        identity = line.identity
        uri = line.dialled(callee)
        extra = dict(line.contact)
        if caller_id:
            extra["P-Asserted-Identity"] = line.dialled(caller_id)
        self._invite = identity.request(
            "INVITE",
            uri,
            call_id=identity.new_call_id(),
            from_=f"{identity.address};tag={identity.new_tag()}",
            to=f"<{uri}>",
            headers={**extra, "Content-Type": SDP, **(headers or {})},
        )
        super().__init__(line, Dialog.outgoing(self._invite), media, SessionState.CALLING)
        self._dialling: asyncio.Task[None] | None = None
        self._settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._cancel_wanted = asyncio.Event()
        self._was_answered = False

    async def answered(self) -> None:
        """Wait for the 200.

        Raises:
            CallFailed: the phone system refused the call (`status`, `reason`), or was not there.
            CallEnded: the call was cancelled.
        """
        await asyncio.wait({self._settled})
        if self._was_answered:
            return
        end = await self.ended()
        if end.cause != "failed":
            raise CallEnded("the call ended before it was answered")
        raise CallFailed(
            f"the call to {self.remote_number} failed: {end.status} {end.reason}",
            status=end.status,
            reason=end.reason,
        )

    async def cancel(self) -> None:
        """Stop calling; an answered call is hung up. The same as `hangup`."""
        await self.hangup()

    async def dial(self) -> None:
        """Send the INVITE; what becomes of it is followed in the background.

        Raises:
            NotRegistered: there is no connection any more.
            CallEnded: it was hung up before it went out.
        """
        try:
            self._invite.body = await self._life.while_alive(self.media.create_offer())
            outcomes = self._line.invite(self._invite)
        except BaseException:
            self._finish(SessionEnd("network", "failed", reason="the call did not go out"))
            raise
        self._dialling = self._line.tasks.spawn(self._follow(outcomes), f"call {self.call_id}")

    def _finish(self, end: SessionEnd) -> None:
        super()._finish(end)
        self._settle()

    def _settle(self) -> None:
        if not self._settled.done():
            self._settled.set_result(None)

    async def _hang_up(self) -> None:
        """BYE when the 200 has come; before that CANCEL, which `_follow` sends when it may."""
        if self._dialog.state is DialogState.CONFIRMED:
            await super()._hang_up()
            return
        self._cancel_wanted.set()
        self._finish(SessionEnd("us", "cancelled"))
        if self._dialling is not None:
            await asyncio.wait({self._dialling})

    async def _follow(self, outcomes: asyncio.Queue[Outcome]) -> None:
        """One INVITE transaction after the other, until there is a final response that stays."""
        proved = await self._transaction(outcomes)
        if proved is not None:
            self._invite = proved
            await self._transaction(self._line.invite(proved))

    async def _transaction(self, outcomes: asyncio.Queue[Outcome]) -> Request | None:
        """Follow one INVITE to its end; the INVITE with our credentials when that is what was asked for.

        A CANCEL must not go out before the first provisional response (RFC 3261 §9.1).
        """
        cancelling: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(None) as limit:
                while True:
                    outcome = await outcomes.get()
                    if isinstance(outcome, BotError):
                        self._failed(outcome)
                        return None
                    if outcome.status >= 200:
                        return await self._final(outcome)
                    await self._progress(outcome)
                    if cancelling is None:
                        work = self._cancel_when_wanted(limit)
                        cancelling = self._line.tasks.spawn(work, f"cancel {self.call_id}")
        except TimeoutError:
            log.info("cancelled call was not confirmed", call=self.call_id)
            return None
        finally:
            if cancelling is not None:
                cancelling.cancel()

    async def _cancel_when_wanted(self, limit: asyncio.Timeout) -> None:
        try:
            async with asyncio.timeout(self._line.limits.ringing):
                await self._cancel_wanted.wait()
        except TimeoutError:
            self._finish(SessionEnd("network", "failed", 408, "it rang for too long"))
        limit.reschedule(asyncio.get_running_loop().time() + self._line.limits.cancelled)
        await self._line.ask(cancel(self._invite), limit=self._line.limits.cancelled)

    async def _progress(self, response: Response) -> None:
        """183 or 180: the ids, the tag, and early media where there is a description of it."""
        if response.status == 100 or self.state is SessionState.ENDED:
            return
        self._dialog.progress(response)
        self._learn_ids(response)
        self._move(SessionEvent.PROGRESS)
        if response.body:
            try:
                await self._life.while_alive(self.media.apply_answer(response.body))
            except CallEnded:
                return
            except (MalformedSdp, MediaFailed) as error:
                log.warning("early media not understood", call=self.call_id, error=str(error))

    async def _final(self, response: Response) -> Request | None:
        if response.status >= 300:
            proved = self._line.prove(self._invite, response)
            if proved is not None and self.state is not SessionState.ENDED:
                return proved
            self._finish(SessionEnd("peer", "failed", response.status, response.reason))
            return None
        self._dialog.confirm(response)
        self._line.acknowledge(self._invite, self._dialog.ack(self._line.identity, self._invite))
        if self.state is SessionState.ENDED:
            self._dialog.end()
            await self._send_bye()
            return None
        await self._begin(response)
        return None

    async def _begin(self, response: Response) -> None:
        try:
            if response.body:
                await self._life.while_alive(self.media.apply_answer(response.body))
        except CallEnded:
            return
        except (MalformedSdp, MediaFailed) as error:
            await self._bye(SessionEnd("peer", "failed", 488, str(error)))
            return
        self._learn_late_ids(response)
        self._was_answered = True
        self._move(SessionEvent.ANSWER)
        self._settle()
        self._line.tasks.spawn(self._hear(), f"audio of {self.call_id}")

    def _learn_late_ids(self, response: Response) -> None:
        if not self.headers:
            self._learn_ids(response)

    def _failed(self, error: BotError) -> None:
        self._finish(SessionEnd("network", "failed", 408, str(error)))
