"""The event gateway: one WebSocket, one subscription, and both brought back whenever they are lost.

wstoken ─▶ connect ─▶ ConnectionDetails ─┬─ recovered ──────────────────▶ read
                                         └─ new or Failed ─▶ subscribe ─▶ read, and the owner reads state anew
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from bot.clock import Clock
from bot.errors import BotError, CertificateNotTrusted, ConnectionFailed, MalformedMessage, NoReply, RestError
from bot.log import get_logger
from bot.ringcentral.errors import refusal
from bot.ringcentral.fields import text
from bot.ringcentral.frames import (
    ConnectionDetails,
    Frame,
    FrameType,
    Notification,
    Subscription,
    Wsc,
    heartbeat,
    parse_frame,
    subscribe,
)
from bot.ringcentral.http import Endpoint, RestClient
from bot.ringcentral.limits import Group
from bot.ringcentral.wire import is_loopback

__all__ = ["WSTOKEN", "Gateway", "GatewayLimits"]

log = get_logger(__name__)

WSTOKEN = Endpoint("POST", "/restapi/oauth/wstoken", Group.AUTH)
"""Needs the app permission WebSocketsSubscription. The token is good for one connection."""

_quiet = logging.getLogger("bot.ringcentral.websocket")
_quiet.setLevel(logging.INFO)  # at debug, websockets writes the address with its tokens to the log


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """All in seconds.

    Attributes:
        opening: for the handshake, and then for ConnectionDetails.
        reply: for the reply to a subscription.
        ping, pong: between our pings, and for each answer; a connection that does not answer is lost.
        heartbeat: between frames that say that we are there (the gateway closes an idle connection after 30 minutes).
        longest_pause: between two tries to connect; the pauses double up to it, with jitter.
    """

    opening: float = 10.0
    reply: float = 10.0
    ping: float = 30.0
    pong: float = 10.0
    heartbeat: float = 60.0
    longest_pause: float = 60.0


class Gateway:
    """Delivers the events of a fixed set of filters.

    Args:
        filters: paths such as `/restapi/v1.0/account/~/extension/~/telephony/sessions`.
        on_notification: called with each event, in order. It must not block.
        on_resync: awaited after every new subscription, the first included: what happened before is not replayed,
            so the owner reads the state over REST. Events go on being delivered meanwhile. A `BotError` from it is
            logged and it is called again.
        rng: for the jitter of pauses.
    """

    def __init__(
        self,
        rest: RestClient,
        filters: Sequence[str],
        on_notification: Callable[[Notification], None],
        *,
        clock: Clock,
        on_resync: Callable[[], Awaitable[None]] | None = None,
        limits: GatewayLimits = GatewayLimits(),
        ssl_context: ssl.SSLContext | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._rest = rest
        self._filters = tuple(filters)
        self._on_notification = on_notification
        self._on_resync = on_resync
        self._clock = clock
        self._limits = limits
        self._ssl_context = ssl_context
        self._rng = rng or random.Random()  # noqa: S311 - jitter
        self._settled = asyncio.Event()
        self._connected = False
        self._failure: BotError | None = None
        self._subscription: Subscription | None = None
        self._wsc: Wsc | None = None
        self._recoverable_until = float("-inf")
        self._recovery_timeout = 0.0
        self._stale = True
        self._failures = 0
        self._requests = 0

    @property
    def connected(self) -> bool:
        """Events arrive at the moment."""
        return self._connected

    @property
    def subscription(self) -> Subscription | None:
        """What the platform made of the filters; None before the first subscription."""
        return self._subscription

    async def ready(self) -> None:
        """Wait until events arrive; without a limit, for a gateway that cannot be reached is tried again and again.

        Raises:
            RestError, CertificateNotTrusted: `run` ended with this.
        """
        await self._settled.wait()
        if self._failure is not None:
            raise self._failure

    async def run(self) -> None:
        """Connect, and stay connected, until cancelled.

        Raises:
            RestError: the login, the app's permissions or the filters were refused: trying again would not help.
            CertificateNotTrusted: the gateway's certificate was refused.
        """
        self._failure = None
        while True:
            try:
                await self._connection()
            except (RestError, ConnectionFailed, NoReply) as error:
                if _lasting(error):
                    self._failure = error
                    self._settled.set()
                    raise
                pause = self._pause()
                log.warning("event gateway lost", error=str(error), again_in=round(pause, 1))
            await self._clock.sleep(pause)

    def _pause(self) -> float:
        self._failures += 1
        longest = min(self._limits.longest_pause, 2.0 ** min(self._failures - 1, 10))
        return self._rng.uniform(longest / 2, longest)

    async def _connection(self) -> None:
        """One connection, from its token to its loss, which is always an error."""
        async with self._open(await self._address()) as socket:
            details = await self._details(socket)
            if not details.recovered:
                self._stale = True
                self._subscription = await self._subscribe(socket)
            log.info("event gateway connected", recovered=bool(details.recovered))
            self._failures = 0
            self._recovery_timeout = details.recovery_timeout
            self._connected = True
            self._settled.set()
            try:
                await self._serve(socket)
            finally:
                self._connected = False
                self._settled.clear()
                self._recoverable_until = self._clock.monotonic() + self._recovery_timeout

    async def _serve(self, socket: ClientConnection) -> None:
        async with asyncio.TaskGroup() as tasks:
            companions = [tasks.create_task(self._keep_awake(socket))]
            if self._stale:
                companions.append(tasks.create_task(self._resync()))
            try:
                while (frame := await self._receive(socket)) is not None:
                    self._deliver(frame)
            finally:
                for task in companions:
                    task.cancel()
        raise ConnectionFailed(f"the connection was closed: {_why(socket)}")

    async def _address(self) -> str:
        ticket = await self._rest.call(WSTOKEN)
        uri, secret = text(ticket, "uri"), text(ticket, "ws_access_token")
        if not uri.startswith("wss://") and not (uri.startswith("ws://") and is_loopback(uri)):
            raise ConnectionFailed("the platform gave no secure address for its event gateway")
        query = f"access_token={quote(secret, safe='')}"
        if self._wsc is not None and self._clock.monotonic() < self._recoverable_until:
            query += f"&wsc={quote(self._wsc.token, safe='')}"
        else:
            self._wsc = None
        return f"{uri}{'&' if '?' in uri else '?'}{query}"

    @asynccontextmanager
    async def _open(self, address: str) -> AsyncIterator[ClientConnection]:
        try:
            socket = await connect(
                address,
                open_timeout=self._limits.opening,
                ping_interval=self._limits.ping,
                ping_timeout=self._limits.pong,
                close_timeout=1.0,
                ssl=self._ssl_context if address.startswith("wss://") else None,
                proxy=None if is_loopback(address) else True,
                logger=_quiet,
            )
        except ssl.SSLCertVerificationError as error:
            raise CertificateNotTrusted(
                f"the event gateway: {error}", hint="check this machine's trusted certificates"
            ) from None
        except (OSError, WebSocketException) as error:  # from None: some of them quote the address with its tokens
            raise ConnectionFailed(f"no connection to the event gateway: {_told(error)}") from None
        try:
            yield socket
        finally:
            await socket.close()

    async def _details(self, socket: ClientConnection) -> ConnectionDetails:
        """Wait for the first frame: nothing may be sent before it."""
        try:
            async with asyncio.timeout(self._limits.opening):
                while (frame := await self._receive(socket)) is not None:
                    if frame.type is FrameType.CONNECTION_DETAILS:
                        return ConnectionDetails.read(frame.body)
                    if frame.type is FrameType.ERROR:
                        raise ConnectionFailed(refusal(frame.status, frame.body, "the gateway connection").message)
        except TimeoutError:
            raise NoReply(f"the event gateway said nothing for {self._limits.opening:.0f} s") from None
        raise ConnectionFailed(f"the event gateway closed at once: {_why(socket)}")

    async def _subscribe(self, socket: ClientConnection) -> Subscription:
        message_id = self._next_id()
        try:
            async with asyncio.timeout(self._limits.reply):
                await self._send(socket, subscribe(message_id, self._filters))
                while (frame := await self._receive(socket)) is not None:
                    if frame.message_id == message_id and frame.type in (FrameType.CLIENT_REQUEST, FrameType.ERROR):
                        return self._subscription_of(frame)
                    self._deliver(frame)
        except TimeoutError:
            raise NoReply(f"no reply to the subscription within {self._limits.reply:.0f} s") from None
        raise ConnectionFailed(f"closed while subscribing: {_why(socket)}")

    @staticmethod
    def _subscription_of(reply: Frame) -> Subscription:
        if reply.status >= 400 or reply.type is FrameType.ERROR:
            raise refusal(reply.status, reply.body, "the subscription")
        subscription = Subscription.read(reply.body)
        for name, reason in subscription.disabled:
            log.error("event filter not taken", filter=name, reason=reason)
        return subscription

    async def _resync(self) -> None:
        pause = 1.0
        while self._on_resync is not None:
            try:
                await self._on_resync()
                break
            except BotError as error:
                pause = min(pause * 2, self._limits.longest_pause)
                log.warning("state not read", error=str(error), again_in=pause)
                await self._clock.sleep(pause)
        self._stale = False

    async def _keep_awake(self, socket: ClientConnection) -> None:
        while True:
            await self._clock.sleep(self._limits.heartbeat)
            await self._send(socket, heartbeat(self._next_id()))

    def _next_id(self) -> str:
        self._requests += 1
        return str(self._requests)

    @staticmethod
    async def _send(socket: ClientConnection, frame: str) -> None:
        try:
            await socket.send(frame)
        except ConnectionClosed:
            return  # the reader sees it too, and knows what to do

    async def _receive(self, socket: ClientConnection) -> Frame | None:
        """The next frame that can be read; None when the connection is closed."""
        while True:
            try:
                frame = parse_frame(await socket.recv())
            except ConnectionClosed:
                return None
            except MalformedMessage as error:
                log.warning("gateway frame skipped", error=str(error))
                continue
            if frame.wsc is not None and (
                self._wsc is None
                or frame.type is FrameType.CONNECTION_DETAILS
                or frame.wsc.sequence >= self._wsc.sequence
            ):
                self._wsc = frame.wsc
            return frame

    def _deliver(self, frame: Frame) -> None:
        if frame.type is FrameType.ERROR:
            log.warning("gateway error", error=refusal(frame.status, frame.body, "a request").message)
        if frame.type is not FrameType.NOTIFICATION:
            return
        notification = Notification.read(frame.body)
        try:
            self._on_notification(notification)
        except Exception:
            log.exception("event not handled", filter=notification.event)


def _lasting(error: BotError) -> bool:
    """Trying again would bring the same."""
    if not isinstance(error, RestError):
        return isinstance(error, CertificateNotTrusted)
    return 400 <= error.status < 500 and error.status not in (401, 408, 429)


def _why(socket: ClientConnection) -> str:
    return f"{socket.close_code} {socket.close_reason or ''}".rstrip()


def _told(error: Exception) -> str:
    if isinstance(error, InvalidStatus):
        return f"HTTP {error.response.status_code}"
    if isinstance(error, InvalidURI):
        return "its address is not valid"
    return str(error) or type(error).__name__
