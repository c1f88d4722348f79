"""SIP transactions on a reliable transport (RFC 3261 §17, RFC 6026), without I/O.

A message or a moment goes in, effects come out as values. Nothing is retransmitted, so the timers that remain
are those that give up: B and F (no answer to a request), H and L (no ACK), M (late 2xx). Timers D, I, J and K
are zero on a reliable transport, so what the RFC calls Completed and Confirmed is passed at once.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.errors import IllegalTransition
from bot.sip.messages import Request, Response, make_headers

__all__ = [
    "INVITE_CLIENT",
    "INVITE_SERVER",
    "OTHER_CLIENT",
    "OTHER_SERVER",
    "AckMissing",
    "Acknowledged",
    "ClientState",
    "Effect",
    "Received",
    "Responded",
    "Send",
    "ServerState",
    "TimedOut",
    "Transactions",
    "Unmatched",
    "ack_refusal",
    "cancel",
]

LATE_2XX = 32.0
"""Seconds: timer M, how long a repeated 2xx is still acknowledged (64 x T1)."""


class ClientState(enum.Enum):
    CALLING = "calling"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    TERMINATED = "terminated"


class ServerState(enum.Enum):
    PROCEEDING = "proceeding"
    COMPLETED = "completed"
    ACCEPTED = "accepted"
    TERMINATED = "terminated"


class Event(enum.Enum):
    PROVISIONAL = "1xx"
    SUCCESS = "2xx"
    REFUSAL = "3xx-6xx"
    ACK = "ACK"
    TIMEOUT = "timeout"


INVITE_CLIENT: Mapping[tuple[ClientState, Event], ClientState] = {
    (ClientState.CALLING, Event.PROVISIONAL): ClientState.PROCEEDING,
    (ClientState.CALLING, Event.SUCCESS): ClientState.ACCEPTED,
    (ClientState.CALLING, Event.REFUSAL): ClientState.TERMINATED,
    (ClientState.CALLING, Event.TIMEOUT): ClientState.TERMINATED,
    (ClientState.PROCEEDING, Event.PROVISIONAL): ClientState.PROCEEDING,
    (ClientState.PROCEEDING, Event.SUCCESS): ClientState.ACCEPTED,
    (ClientState.PROCEEDING, Event.REFUSAL): ClientState.TERMINATED,
    (ClientState.PROCEEDING, Event.TIMEOUT): ClientState.TERMINATED,
    (ClientState.ACCEPTED, Event.PROVISIONAL): ClientState.ACCEPTED,
    (ClientState.ACCEPTED, Event.SUCCESS): ClientState.ACCEPTED,
    (ClientState.ACCEPTED, Event.REFUSAL): ClientState.ACCEPTED,
    (ClientState.ACCEPTED, Event.TIMEOUT): ClientState.TERMINATED,
}

OTHER_CLIENT: Mapping[tuple[ClientState, Event], ClientState] = {
    (ClientState.CALLING, Event.PROVISIONAL): ClientState.PROCEEDING,
    (ClientState.CALLING, Event.SUCCESS): ClientState.TERMINATED,
    (ClientState.CALLING, Event.REFUSAL): ClientState.TERMINATED,
    (ClientState.CALLING, Event.TIMEOUT): ClientState.TERMINATED,
    (ClientState.PROCEEDING, Event.PROVISIONAL): ClientState.PROCEEDING,
    (ClientState.PROCEEDING, Event.SUCCESS): ClientState.TERMINATED,
    (ClientState.PROCEEDING, Event.REFUSAL): ClientState.TERMINATED,
    (ClientState.PROCEEDING, Event.TIMEOUT): ClientState.TERMINATED,
}

INVITE_SERVER: Mapping[tuple[ServerState, Event], ServerState] = {
    (ServerState.PROCEEDING, Event.PROVISIONAL): ServerState.PROCEEDING,
    (ServerState.PROCEEDING, Event.SUCCESS): ServerState.ACCEPTED,
    (ServerState.PROCEEDING, Event.REFUSAL): ServerState.COMPLETED,
    (ServerState.PROCEEDING, Event.ACK): ServerState.PROCEEDING,
    (ServerState.COMPLETED, Event.ACK): ServerState.TERMINATED,
    (ServerState.COMPLETED, Event.TIMEOUT): ServerState.TERMINATED,
    (ServerState.ACCEPTED, Event.ACK): ServerState.TERMINATED,
    (ServerState.ACCEPTED, Event.TIMEOUT): ServerState.TERMINATED,
}

OTHER_SERVER: Mapping[tuple[ServerState, Event], ServerState] = {
    (ServerState.PROCEEDING, Event.PROVISIONAL): ServerState.PROCEEDING,
    (ServerState.PROCEEDING, Event.SUCCESS): ServerState.TERMINATED,
    (ServerState.PROCEEDING, Event.REFUSAL): ServerState.TERMINATED,
}


@dataclass(frozen=True, slots=True)
class Send:
    """Put this message onto the wire."""

    message: Request | Response


@dataclass(frozen=True, slots=True)
class Received:
    """A new request, which is to be answered through `Transactions.respond`."""

    request: Request


@dataclass(frozen=True, slots=True)
class Responded:
    """A response to a request of ours."""

    request: Request
    response: Response


@dataclass(frozen=True, slots=True)
class TimedOut:
    """A request of ours got no (final) response within its limit."""

    request: Request


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The ACK for our 2xx to `invite`."""

    invite: Request
    ack: Request


@dataclass(frozen=True, slots=True)
class AckMissing:
    """No ACK came for our 2xx to `invite`: RFC 3261 §13.3.1.4 wants the dialog ended by a BYE."""

    invite: Request


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A response or an ACK that belongs to nothing that we know: ignored, and worth a line in the log."""

    message: Request | Response


Effect = Send | Received | Responded | TimedOut | Acknowledged | AckMissing | Unmatched
_ClientKey = tuple[str, str]
_ServerKey = tuple[str, int, str]


@dataclass(slots=True)
class _Client:
    request: Request
    deadline: float
    final_limit: float
    state: ClientState = ClientState.CALLING
    ack: Request | None = None

    def move(self, event: Event) -> None:
        table = INVITE_CLIENT if self.request.method == "INVITE" else OTHER_CLIENT
        if (self.state, event) not in table:
            raise IllegalTransition(f"client transaction {self.request.method}: {event.value} in {self.state.value}")
        self.state = table[self.state, event]


@dataclass(slots=True)
class _Server:
    request: Request
    state: ServerState = ServerState.PROCEEDING
    deadline: float | None = None
    last: Response | None = field(default=None)

    def move(self, event: Event) -> None:
        table = INVITE_SERVER if self.request.method == "INVITE" else OTHER_SERVER
        if (self.state, event) not in table:
            raise IllegalTransition(f"server transaction {self.request.method}: {event.value} in {self.state.value}")
        self.state = table[self.state, event]


def _event_of(status: int) -> Event:
    if status < 200:
        return Event.PROVISIONAL
    return Event.SUCCESS if status < 300 else Event.REFUSAL


def _server_key(request: Request) -> _ServerKey:
    return request.branch or request.call_id, request.cseq, request.method


class Transactions:
    """All transactions of one connection. `now` is seconds on any clock that does not run backwards.

    `ack_limit` is how long the ACK for a final response of ours may take, in seconds (timers H and L).
    """

    def __init__(self, *, ack_limit: float = 32.0) -> None:
        self._ack_limit = ack_limit
        self._clients: dict[_ClientKey, _Client] = {}
        self._servers: dict[_ServerKey, _Server] = {}

    def request(
        self, request: Request, now: float, *, limit: float, final_limit: float | None = None
    ) -> list[Effect]:
        """Begin a client transaction.

        `limit` is how long the first response may take; `final_limit` counts anew from each provisional response
        to an INVITE (what a proxy calls timer C). For other methods `limit` covers the whole transaction.
        """
        client = _Client(request, now + limit, limit if final_limit is None else final_limit)
        self._clients[request.branch, request.method] = client
        return [Send(request)]

    def acknowledge(self, invite: Request, ack: Request) -> list[Effect]:
        """Send the ACK for a 2xx, now and whenever that 2xx is repeated."""
        client = self._clients.get((invite.branch, "INVITE"))
        if client is not None:
            client.ack = ack
        return [Send(ack)]

    def respond(self, request: Request, response: Response, now: float) -> list[Effect]:
        """Answer a request that was `Received`.

        Raises:
            IllegalTransition: a final response was sent already, or the request is not from this connection.
        """
        server = self._servers.get(_server_key(request))
        if server is None:
            raise IllegalTransition(f"no transaction for a {response.status} to {request.method}")
        server.move(_event_of(response.status))
        server.last = response
        if server.state is ServerState.TERMINATED:
            del self._servers[_server_key(request)]
        elif server.state is not ServerState.PROCEEDING:
            server.deadline = now + self._ack_limit
        return [Send(response)]

    def pending(self, request: Request) -> bool:
        """Whether a final response to this request is still to be sent."""
        server = self._servers.get(_server_key(request))
        return server is not None and server.state is ServerState.PROCEEDING

    def ignore(self, request: Request) -> None:
        """Forget a request that is to get no reply at all."""
        self._servers.pop(_server_key(request), None)

    def receive(self, message: Request | Response, now: float) -> list[Effect]:
        """Take one message from the wire."""
        if isinstance(message, Response):
            return self._response(message, now)
        if message.method == "ACK":
            return self._ack(message)
        key = _server_key(message)
        if (server := self._servers.get(key)) is not None:
            return [Send(server.last)] if server.last is not None else []
        self._servers[key] = _Server(message)
        return [Received(message)]

    def _response(self, response: Response, now: float) -> list[Effect]:
        key = response.branch, response.cseq_method
        client = self._clients.get(key)
        if client is None or client.request.cseq != response.cseq:
            return [Unmatched(response)]
        before = client.state
        client.move(_event_of(response.status))
        if before is ClientState.ACCEPTED:
            return [Send(client.ack)] if client.ack is not None and 200 <= response.status < 300 else []
        effects: list[Effect] = []
        if client.state is ClientState.TERMINATED:
            del self._clients[key]
            if client.request.method == "INVITE":
                effects.append(Send(ack_refusal(client.request, response)))
        elif client.state is ClientState.ACCEPTED:
            client.deadline = now + LATE_2XX
        elif client.request.method == "INVITE":
            client.deadline = now + client.final_limit
        return [*effects, Responded(client.request, response)]

    def _ack(self, ack: Request) -> list[Effect]:
        for key, server in self._servers.items():
            if server.request.method == "INVITE" and (key[1], server.request.call_id) == (ack.cseq, ack.call_id):
                before = server.state
                server.move(Event.ACK)
                if server.state is ServerState.TERMINATED:
                    del self._servers[key]
                return [Acknowledged(server.request, ack)] if before is ServerState.ACCEPTED else []
        return [Unmatched(ack)]

    @property
    def deadline(self) -> float | None:
        """When `expire` has something to do, if ever."""
        clients = (client.deadline for client in self._clients.values())
        servers = (server.deadline for server in self._servers.values() if server.deadline is not None)
        return min((*clients, *servers), default=None)

    def expire(self, now: float) -> list[Effect]:
        """Give up on what is overdue."""
        effects: list[Effect] = []
        for client_key, client in list(self._clients.items()):
            if client.deadline <= now:
                unanswered = client.state is not ClientState.ACCEPTED
                client.move(Event.TIMEOUT)
                del self._clients[client_key]
                effects += [TimedOut(client.request)] if unanswered else []
        for server_key, server in list(self._servers.items()):
            if server.deadline is not None and server.deadline <= now:
                accepted = server.state is ServerState.ACCEPTED
                server.move(Event.TIMEOUT)
                del self._servers[server_key]
                effects += [AckMissing(server.request)] if accepted else []
        return effects


def _hop_by_hop(invite: Request, method: str, to: str) -> Request:
    routes = [("Route", value) for value in invite.headers.getlist("Route")]
    return Request(
        method,
        invite.uri,
        headers=make_headers(
            [
                ("Via", invite.header("Via")),
                ("Max-Forwards", "70"),
                *routes,
                ("From", invite.header("From")),
                ("To", to),
                ("Call-ID", invite.call_id),
                ("CSeq", f"{invite.cseq} {method}"),
            ]
        ),
    )


def cancel(invite: Request) -> Request:
    """The CANCEL of an INVITE: its Via, its CSeq number, its To without a tag (RFC 3261 §9.1)."""
    return _hop_by_hop(invite, "CANCEL", invite.header("To"))


def ack_refusal(invite: Request, response: Response) -> Request:
    """The ACK for a 3xx-6xx response, which belongs to the INVITE's own transaction (RFC 3261 §17.1.1.3)."""
    return _hop_by_hop(invite, "ACK", response.header("To"))
