"""What call sessions need of their phone, whatever connection it has at the moment."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Mapping

from bot.errors import CallFailed, MalformedMessage, NotRegistered
from bot.log import get_logger
from bot.phone.connection import Connection, Outcome
from bot.phone.limits import PhoneLimits
from bot.phone.sip_info import SipInfo
from bot.phone.tasks import Tasks
from bot.sip.digest import Credentials, authorize, parse_challenge
from bot.sip.identity import Identity
from bot.sip.messages import Request, Response, respond

__all__ = ["Line"]

log = get_logger(__name__)


class Line:
    """The signalling side of one phone: its identity, its limits, and the connection while there is one."""

    def __init__(
        self,
        sip_info: SipInfo,
        *,
        name: str,
        limits: PhoneLimits,
        rng: random.Random,
    ) -> None:
        self.sip_info = sip_info
        self.name = name
        self.limits = limits
        self.rng = rng
        self.tasks = Tasks()
        self.credentials = Credentials(sip_info.authorization_id, sip_info.password)
        self.identity = Identity(sip_info.username, sip_info.domain, transport=sip_info.transport, rng=rng)
        self.connection: Connection | None = None

    @property
    def contact(self) -> dict[str, str]:
        return {"Contact": self.identity.contact}

    async def ask(self, request: Request, *, limit: float | None = None) -> Response:
        """Send a request and wait for its final response; a challenge is answered once.

        Raises:
            NotRegistered: there is no connection.
            NoReply, ConnectionFailed: nothing came back.
        """
        limit = self.limits.reply if limit is None else limit
        response = await self._connected().ask(request, limit=limit)
        proved = self.prove(request, response)
        return response if proved is None else await self._connected().ask(proved, limit=limit)

    def invite(self, request: Request) -> asyncio.Queue[Outcome]:
        """Send an INVITE; its responses, and at most one error, come through the queue."""
        outcomes: asyncio.Queue[Outcome] = asyncio.Queue()
        self._connected().open(
            request,
            outcomes.put_nowait,
            limit=self.limits.reply,
            final_limit=self.limits.ringing + 2 * self.limits.cancelled,
        )
        return outcomes

    def prove(self, request: Request, response: Response) -> Request | None:
        """The request once more with our credentials, when a 401 or 407 asks for them for the first time."""
        names = {401: ("WWW-Authenticate", "Authorization"), 407: ("Proxy-Authenticate", "Proxy-Authorization")}
        if response.status not in names:
            return None
        asked, proof = names[response.status]
        if request.header(proof) or not response.header(asked):
            return None
        try:
            challenge = parse_challenge(response.header(asked))
        except MalformedMessage as error:
            log.warning("challenge not understood", phone=self.name, method=request.method, error=str(error))
            return None
        uri = f"sip:{self.sip_info.domain}"
        cnonce = self.identity.new_tag()
        value = authorize(challenge, self.credentials, request.method, uri, cnonce=cnonce)
        return self.identity.again(request, {proof: value})

    def acknowledge(self, invite: Request, ack: Request) -> None:
        """Send the ACK for a 2xx, if the connection is still there."""
        if self.connection is not None:
            self.connection.acknowledge(invite, ack)

    def respond(
        self,
        request: Request,
        status: int,
        reason: str = "",
        *,
        to_tag: str,
        headers: Mapping[str, str] | None = None,
        body: str = "",
    ) -> None:
        """Answer a request of the server's, unless it was answered, or came over a connection that is gone."""
        if not self.pending(request):
            log.debug("reply has nowhere to go", phone=self.name, method=request.method, status=status)
            return
        response = respond(request, status, reason, headers=headers, body=body, to_tag=to_tag)
        self._connected().respond(request, response)

    def ignore(self, request: Request) -> None:
        """Leave a request of the server's without an answer."""
        if self.connection is not None:
            self.connection.ignore(request)

    def pending(self, request: Request) -> bool:
        """Whether a request of the server's still waits for our final response."""
        return self.connection is not None and self.connection.pending(request)

    def dialled(self, target: str) -> str:
        """The SIP URI of a number, extension, star code, `prk<ID>` or `conf_` token.

        Raises:
            CallFailed: 484, it cannot be part of a URI.
        """
        if not re.fullmatch(r"[^\s<>\"@;?,:\\]{1,128}", target):
            raise CallFailed(
                f"{target!r} is not a number that can be dialled",
                status=484,
                reason="Address Incomplete",
                hint="give a number like +16505550123, an extension, a star code or prk<location id>",
            )
        return f"sip:{target}@{self.sip_info.domain}"

    def _connected(self) -> Connection:
        if self.connection is None:
            raise NotRegistered(f"phone {self.name or self.sip_info.username} has no connection at the moment")
        return self.connection
