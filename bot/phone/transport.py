"""SIP over a secure WebSocket (RFC 7118): one message a text frame."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from typing import cast
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from bot.errors import CertificateNotTrusted, ConnectionFailed
from bot.log import get_logger
from bot.sip.identity import USER_AGENT
from bot.sip.messages import MAX_MESSAGE

__all__ = ["Transport"]

log = get_logger(__name__)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class Transport:
    """An open connection. `send` never waits; a writer task, owned here, does."""

    def __init__(self, socket: ClientConnection, url: str) -> None:
        self.url = url
        self._socket = socket
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write(), name=f"write to {url}")

    @classmethod
    async def open(cls, url: str, *, ssl_context: ssl.SSLContext | None, limit: float) -> Transport:
        """Connect within `limit` seconds. `ssl_context` None means the system's trust store.

        Raises:
            CertificateNotTrusted: TLS works, but we do not know who signed for the server.
            ConnectionFailed: anything else that came between.
        """
        parts = urlsplit(url)
        tls = (ssl_context or ssl.create_default_context()) if parts.scheme == "wss" else None
        try:
            async with asyncio.timeout(limit):
                socket = await connect(
                    url,
                    subprotocols=[Subprotocol("sip")],
                    user_agent_header=USER_AGENT,
                    compression=None,
                    max_size=4 * MAX_MESSAGE,
                    open_timeout=None,
                    ping_interval=None,
                    close_timeout=1,
                    proxy=None if parts.hostname in _LOOPBACK else True,
                    ssl=tls,
                )
        except ssl.SSLCertVerificationError as error:
            raise CertificateNotTrusted(
                f"the certificate of {parts.netloc} is not trusted: {error.verify_message}",
                hint="give the authority's certificate (PEM) in the configuration, or mend the server's",
            ) from error
        except TimeoutError as error:
            raise ConnectionFailed(
                f"no connection to {parts.netloc} within {limit:g} s", hint="check the network and the firewall"
            ) from error
        except (OSError, WebSocketException, ValueError, EOFError) as error:
            raise ConnectionFailed(
                f"no connection to {parts.netloc}: {error}", hint="check the outbound proxy's address and the network"
            ) from error
        if socket.subprotocol != "sip":
            log.warning("the server did not choose subprotocol sip", server=parts.netloc)
        return cls(socket, url)

    def send(self, text: str) -> None:
        """Put one message into the line of those that go out."""
        self._outgoing.put_nowait(text)

    async def frames(self) -> AsyncIterator[str]:
        """The messages that come in, until the connection is gone.

        Raises:
            ConnectionFailed: always, at the end: closed by the server, lost, or closed by us.
        """
        try:
            while True:
                frame = await self._socket.recv()
                yield frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
        except ConnectionClosed as error:
            raise ConnectionFailed(f"connection to {urlsplit(self.url).netloc} lost: {error}") from error

    async def close(self) -> None:
        """Send what is waiting, then close the WebSocket and the socket below. The caller sets the limit."""
        await self._outgoing.join()
        self._writer.cancel()
        await asyncio.wait({self._writer})
        await self._socket.close()

    def abort(self) -> None:
        """Cut the connection without a word."""
        self._writer.cancel()
        cast(asyncio.WriteTransport, self._socket.transport).abort()

    async def _write(self) -> None:
        while True:
            text = await self._outgoing.get()
            try:
                await self._socket.send(text)
            except ConnectionClosed:
                log.debug("message not sent: the connection is closed", first_line=text.split("\r\n", 1)[0])
            finally:
                self._outgoing.task_done()
