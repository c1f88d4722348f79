"""One phone's WebSocket: SIP messages in and out, and replies matched to the requests that the server sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from bot.errors import MalformedMessage
from bot.log import get_logger
from bot.sip.messages import Message, Request, Response, parse, respond

__all__ = ["Connection", "Registration"]

log = get_logger(__name__)

NONCES = 64
FLUSH = 1.0
"""Seconds that the last messages get before the socket is closed."""


@dataclass(frozen=True, slots=True)
class Registration:
    """Who registered over a connection; it may place calls until `expires_at`."""

    extension: str
    instance: str
    authorization_id: str
    expires_at: float


class Connection:
    """Requests go to `on_request`; `send` never waits."""

    def __init__(
        self,
        socket: ServerConnection,
        on_request: Callable[[Connection, Request], None],
        sip_log: Callable[[str, str], None] | None = None,
    ) -> None:
        self._socket = socket
        self._on_request = on_request
        self._sip_log = sip_log
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()
        self._pending: dict[tuple[str, int, str], Callable[[Response], None]] = {}
        self.registration: Registration | None = None
        self.nonces: deque[str] = deque(maxlen=NONCES)
        """Challenges that went out. Several can be under way at a time: one a request."""
        self.open = True

    async def run(self) -> None:
        """Until the socket is closed."""
        writer = asyncio.ensure_future(self._write())
        try:
            async for text in self._socket:
                if isinstance(text, str):
                    self._receive(text)
        except ConnectionClosed:
            log.debug("connection lost")
        finally:
            self.open = False
            writer.cancel()
            await asyncio.wait({writer})

    async def _write(self) -> None:
        while True:
            text = await self._outgoing.get()
            try:
                await self._socket.send(text)
            except ConnectionClosed:
                self.open = False
            finally:
                self._outgoing.task_done()

    def _receive(self, text: str) -> None:
        if not text.strip():
            return
        try:
            message = parse(text)
        except MalformedMessage as error:
            log.warning("malformed SIP message", error=str(error))
            return
        if self._sip_log is not None:
            self._sip_log("in", text)
        if isinstance(message, Request):
            self._handle(message)
        elif (heard := self._pending.get((message.call_id, message.cseq, message.cseq_method))) is not None:
            heard(message)

    def _handle(self, request: Request) -> None:
        """A request whose values cannot be used is refused; it must not take the connection down."""
        try:
            self._on_request(self, request)
        except MalformedMessage as error:
            log.warning("request refused", method=request.method, error=str(error))
            if request.method != "ACK":
                self.send(respond(request, 400))

    def send(self, message: Message) -> None:
        """Put a message on its way; nothing happens when the connection is gone."""
        if not self.open:
            return
        text = str(message)
        if self._sip_log is not None:
            self._sip_log("out", text)
        self._outgoing.put_nowait(text)

    def expect(self, request: Request, heard: Callable[[Response], None]) -> Callable[[], None]:
        """Send a request and hear its responses, until the returned function is called."""
        key = (request.call_id, request.cseq, request.method)
        self._pending[key] = heard
        self.send(request)

        def forget() -> None:
            self._pending.pop(key, None)

        return forget

    async def transact(self, request: Request, timeout: float) -> Response | None:
        """Send a request; its final response, or None when none came within `timeout` seconds."""
        final: asyncio.Future[Response] = asyncio.get_running_loop().create_future()

        def heard(response: Response) -> None:
            if response.status >= 200 and not final.done():
                final.set_result(response)

        forget = self.expect(request, heard)
        try:
            async with asyncio.timeout(timeout):
                return await final
        except TimeoutError:
            return None
        finally:
            forget()

    async def close(self) -> None:
        """Send what is waiting, then close the socket."""
        try:
            async with asyncio.timeout(FLUSH):
                if self.open:
                    await self._outgoing.join()
        except TimeoutError:
            log.debug("last messages were not sent")
        await self._socket.close()
