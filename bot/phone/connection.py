"""One connection to the phone system: the transport, its transactions and their timers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from bot.errors import BotError, ConnectionFailed, MalformedMessage, NoReply
from bot.log import get_logger, mask
from bot.phone.limits import PhoneLimits
from bot.phone.transport import Transport
from bot.sip.messages import Request, Response, parse, respond
from bot.sip.transactions import (
    AckMissing,
    Acknowledged,
    Effect,
    Received,
    Responded,
    Send,
    TimedOut,
    Transactions,
    Unmatched,
)

__all__ = ["Connection", "Outcome", "Receiver"]

log = get_logger(__name__)

Outcome = Response | BotError
"""What becomes of a request: responses, and in the end possibly an error instead."""


class Receiver(Protocol):
    """Who answers the server's requests: the phone."""

    def request_received(self, request: Request) -> None:
        """A new request; answered at once or later through `Connection.respond`."""

    def ack_received(self, invite: Request, ack: Request | None) -> None:
        """The ACK for our 2xx to `invite`; None when it did not come in time."""


class Connection:
    """Reads until the connection is lost or closed. `lost` is then done, with the reason."""

    def __init__(
        self,
        transport: Transport,
        receiver: Receiver,
        *,
        name: str,
        limits: PhoneLimits,
        sip_log: Callable[[str, str], None] | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = transport
        self._receiver = receiver
        self._name = name
        self._sip_log = sip_log
        self._transactions = Transactions(ack_limit=limits.acknowledge)
        self._sinks: dict[tuple[str, str], Callable[[Outcome], None]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self.lost: asyncio.Future[ConnectionFailed] = self._loop.create_future()
        self._reader = self._loop.create_task(self._read(), name=f"read from {transport.url}")

    async def ask(self, request: Request, *, limit: float) -> Response:
        """Send a request and wait at most `limit` seconds for its final response.

        Raises:
            NoReply: it did not come.
            ConnectionFailed: the connection went first.
        """
        answer: asyncio.Future[Response] = self._loop.create_future()

        def sink(outcome: Outcome) -> None:
            if answer.done() or (isinstance(outcome, Response) and outcome.status < 200):
                return
            if isinstance(outcome, Response):
                answer.set_result(outcome)
            else:
                answer.set_exception(outcome)

        self.open(request, sink, limit=limit, final_limit=limit)
        return await answer

    def open(self, request: Request, sink: Callable[[Outcome], None], *, limit: float, final_limit: float) -> None:
        """Send a request; `sink` gets every response, and at most one error, as they come."""
        if self.lost.done():
            sink(self.lost.result())
            return
        self._sinks[request.branch, request.method] = sink
        self._run(self._transactions.request(request, self._loop.time(), limit=limit, final_limit=final_limit))

    def acknowledge(self, invite: Request, ack: Request) -> None:
        """Send the ACK for the 2xx to our `invite`."""
        self._run(self._transactions.acknowledge(invite, ack))

    def respond(self, request: Request, response: Response) -> None:
        """Answer a request of the server's."""
        self._run(self._transactions.respond(request, response, self._loop.time()))

    def ignore(self, request: Request) -> None:
        """Leave a request of the server's without an answer."""
        self._transactions.ignore(request)

    def pending(self, request: Request) -> bool:
        """Whether a request of the server's waits for our final response."""
        return self._transactions.pending(request)

    async def close(self, *, limit: float) -> None:
        """Close within `limit` seconds; nothing of the connection is left afterwards."""
        self._lose(ConnectionFailed("the connection was closed by us"))
        try:
            async with asyncio.timeout(limit):
                await self._transport.close()
        except TimeoutError:
            log.info("the server did not close its side in time", phone=self._name)
        finally:
            self._transport.abort()
            self._reader.cancel()
            await asyncio.wait({self._reader})

    async def _read(self) -> None:
        try:
            async for text in self._transport.frames():
                self._receive(text)
        except ConnectionFailed as error:
            self._lose(error)
        except Exception:
            log.exception("reading failed in the bot", phone=self._name)
            self._lose(ConnectionFailed("the connection was given up after a fault in the bot"))

    def _receive(self, text: str) -> None:
        if not text.strip():
            return
        self._trace("received", text)
        try:
            message = parse(text)
        except MalformedMessage as error:
            log.warning("message not understood", phone=self._name, error=str(error))
            return
        self._run(self._transactions.receive(message, self._loop.time()))

    def _lose(self, error: ConnectionFailed) -> None:
        if self.lost.done():
            return
        self.lost.set_result(error)
        if self._timer is not None:
            self._timer.cancel()
        sinks, self._sinks = self._sinks, {}
        for sink in sinks.values():
            sink(error)

    def _run(self, effects: list[Effect]) -> None:
        for effect in effects:
            self._apply(effect)
        self._arm()

    def _apply(self, effect: Effect) -> None:
        match effect:
            case Send(message):
                text = str(message)
                self._trace("sent", text)
                self._transport.send(text)
            case Received(request):
                self._dispatch(request)
            case Responded(request, response):
                self._responded(request, response)
            case TimedOut(request):
                error = NoReply(f"no reply to {request.method} from the phone system")
                self._sinks.pop((request.branch, request.method), _nobody)(error)
            case Acknowledged(invite, ack):
                self._receiver.ack_received(invite, ack)
            case AckMissing(invite):
                self._receiver.ack_received(invite, None)
            case Unmatched(message):
                log.debug("message belongs to nothing", phone=self._name, first_line=message.start_line)

    def _dispatch(self, request: Request) -> None:
        try:
            self._receiver.request_received(request)
        except Exception:
            log.exception("request failed in the bot", phone=self._name, method=request.method)
            if self.pending(request):
                self.respond(request, respond(request, 500))

    def _responded(self, request: Request, response: Response) -> None:
        key = request.branch, request.method
        sink = self._sinks.get(key, _nobody) if response.status < 200 else self._sinks.pop(key, _nobody)
        sink(response)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._transactions.deadline
        if deadline is not None and not self.lost.done():
            self._timer = self._loop.call_at(deadline, self._expire)

    def _expire(self) -> None:
        self._run(self._transactions.expire(self._loop.time()))

    def _trace(self, direction: str, text: str) -> None:
        if self._sip_log is not None:
            self._sip_log(direction, mask(text))


def _nobody(_outcome: Outcome) -> None:
    """For a response that nobody waits for any more."""
