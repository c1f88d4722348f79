"""One INVITE to one registered instance: its responses, and the commands that the phone sends while it rings."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from typing import Protocol

from bot.errors import IllegalTransition, MalformedMessage
from bot.sandbox.switch.registrar import Binding
from bot.sandbox.wire.connection import Connection
from bot.sandbox.wire.core import Core
from bot.sandbox.wire.dialog import TRANSACTION, Dialog
from bot.sip.messages import Request, Response, make_headers, respond
from bot.sip.rc import RcMessage, parse_xml

__all__ = ["Branch", "BranchState", "BranchUser"]

_AFTER_CANCEL = 2.0
"""Seconds that we wait for the 487 of a cancelled INVITE; the vendor's client sends none."""


class BranchState(enum.Enum):
    """CALLING until 100 or 180 came, then RINGING; CANCELLED while a CANCEL waits for its end."""

    CALLING = "calling"
    RINGING = "ringing"
    CANCELLED = "cancelled"
    ANSWERED = "answered"
    OVER = "over"


_MOVES: dict[BranchState, frozenset[BranchState]] = {
    BranchState.CALLING: frozenset(
        {BranchState.RINGING, BranchState.CANCELLED, BranchState.ANSWERED, BranchState.OVER}
    ),
    BranchState.RINGING: frozenset({BranchState.CANCELLED, BranchState.ANSWERED, BranchState.OVER}),
    BranchState.CANCELLED: frozenset({BranchState.OVER}),
    BranchState.ANSWERED: frozenset({BranchState.OVER}),
    BranchState.OVER: frozenset(),
}


class BranchUser(Protocol):
    """Who rings the branches: the leg."""

    def branch_rings(self, branch: Branch) -> None: ...

    def branch_answered(self, branch: Branch, response: Response) -> None: ...

    def branch_refused(self, branch: Branch, response: Response) -> None: ...

    def branch_lost(self, branch: Branch) -> None: ...

    def branch_command(self, branch: Branch, message: RcMessage) -> None: ...


class Branch:
    """`dialog.remote` gets the phone's tag with the first response that has one."""

    def __init__(self, core: Core, user: BranchUser, binding: Binding[Connection], dialog: Dialog) -> None:
        self._core = core
        self._user = user
        self._forget: Callable[[], None] | None = None
        self._invite: Request | None = None
        self.binding = binding
        self.dialog = dialog
        self.state = BranchState.CALLING

    def _move(self, state: BranchState) -> None:
        if state not in _MOVES[self.state]:
            raise IllegalTransition(f"INVITE branch: {self.state.value} to {state.value}")
        self.state = state

    def invite(self, headers: dict[str, str], offer: str) -> None:
        """Send the INVITE; an empty `offer` leaves that to the phone."""
        if offer:
            headers = {**headers, "Content-Type": "application/sdp"}
        self._invite = self.dialog.request("INVITE", headers, offer)
        self._core.dialogs[self.dialog.call_id] = self
        self._forget = self.dialog.connection.expect(self._invite, self._heard)

    def _heard(self, response: Response) -> None:
        if response.status > 100 and response.to_tag:
            self.dialog.remote = response.header("To")
        if response.status < 200:
            if self.state is BranchState.CALLING and response.status > 100:
                self._move(BranchState.RINGING)
                self._user.branch_rings(self)
        elif response.status < 300:
            self._accepted(response)
        else:
            self._refused(response)

    def _accepted(self, response: Response) -> None:
        if self.state in (BranchState.CALLING, BranchState.RINGING):
            self._move(BranchState.ANSWERED)
            self._release()
            self._user.branch_answered(self, response)
        elif self.state is BranchState.CANCELLED:
            # The 200 and our CANCEL crossed: the call is taken, and given back at once (RFC 3261 §9.1).
            self._over()
            self.dialog.acknowledge(response)
            self.dialog.connection.send(self.dialog.request("BYE"))

    def _refused(self, response: Response) -> None:
        if self.state in (BranchState.ANSWERED, BranchState.OVER):
            return
        self.dialog.acknowledge(response)
        ringing = self.state is not BranchState.CANCELLED
        self._over()
        if ringing:
            self._user.branch_refused(self, response)

    def lost(self) -> None:
        """The connection to the phone is gone."""
        if self.state in (BranchState.CALLING, BranchState.RINGING):
            self._over()
            self._user.branch_lost(self)

    def cancel(self, *, elsewhere: bool = False) -> None:
        """Stop the ringing. `elsewhere`: because another phone answered (RFC 3326)."""
        if self._invite is None or self.state not in (BranchState.CALLING, BranchState.RINGING):
            return
        self._move(BranchState.CANCELLED)
        request = Request("CANCEL", self._invite.uri)
        request.headers = make_headers(
            [(name, self._invite.header(name)) for name in ("Via", "From", "To", "Call-Id")]
            + [("CSeq", f"{self._invite.cseq} CANCEL"), ("Max-Forwards", "70")]
        )
        if elsewhere:
            request.headers.add("Reason", 'SIP;cause=200;text="Call completed elsewhere"')
        self._core.tasks.start(self._end_cancelled(request), "cancel")

    async def _end_cancelled(self, request: Request) -> None:
        """Wait for the reply, and for the 487 of those phones that send one."""
        await self.dialog.connection.transact(request, TRANSACTION)
        await asyncio.sleep(_AFTER_CANCEL)
        if self.state is BranchState.CANCELLED:
            self._over()

    def receive(self, connection: Connection, request: Request) -> None:
        """A request on the branch's Call-Id: commands by MESSAGE, and nothing else."""
        if request.method != "MESSAGE":
            if request.method != "ACK":
                connection.send(respond(request, 481))
            return
        connection.send(respond(request, 100))
        connection.send(respond(request, 200))
        try:
            message = parse_xml(request.body)
        except MalformedMessage:
            return
        if self.state in (BranchState.CALLING, BranchState.RINGING):
            self._user.branch_command(self, message)

    def _over(self) -> None:
        self._move(BranchState.OVER)
        self._release()
        self._core.forget(self)

    def _release(self) -> None:
        if self._forget is not None:
            self._forget()
            self._forget = None
