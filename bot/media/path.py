"""The encrypted way to the peer: which ICE link and which DTLS association are in use, or on the way to it."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from dataclasses import dataclass

from bot.errors import BotError, IllegalTransition, MediaFailed
from bot.log import get_logger
from bot.media._aiortc import DtlsLink, IceLink, RTCCertificate
from bot.media.sdp import RemoteAudio

__all__ = ["TRANSITIONS", "MediaEvent", "MediaPath", "MediaState", "Route"]

log = get_logger(__name__)


class MediaState(enum.Enum):
    """Where the audio path of a session is."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"
    CLOSED = "closed"


class MediaEvent(enum.Enum):
    """What moves a path from one state to the next."""

    NEGOTIATED = "negotiated"
    """Offer and answer are there, for the first path or for another one; checks begin."""
    ESTABLISHED = "established"
    """ICE and DTLS are through."""
    LOST = "lost"
    """No path was found, the handshake failed, consent to send ran out, or the peer closed DTLS."""
    CLOSE = "close"


TRANSITIONS: dict[tuple[MediaState, MediaEvent], MediaState] = {
    (MediaState.NEW, MediaEvent.NEGOTIATED): MediaState.CONNECTING,
    (MediaState.NEW, MediaEvent.CLOSE): MediaState.CLOSED,
    (MediaState.CONNECTING, MediaEvent.NEGOTIATED): MediaState.CONNECTING,
    (MediaState.CONNECTING, MediaEvent.ESTABLISHED): MediaState.CONNECTED,
    (MediaState.CONNECTING, MediaEvent.LOST): MediaState.FAILED,
    (MediaState.CONNECTING, MediaEvent.CLOSE): MediaState.CLOSED,
    # An ICE restart runs beside the path in use.
    (MediaState.CONNECTED, MediaEvent.NEGOTIATED): MediaState.CONNECTED,
    (MediaState.CONNECTED, MediaEvent.ESTABLISHED): MediaState.CONNECTED,
    (MediaState.CONNECTED, MediaEvent.LOST): MediaState.FAILED,
    (MediaState.CONNECTED, MediaEvent.CLOSE): MediaState.CLOSED,
    # The path in use was lost while another one was on the way, which may still come.
    (MediaState.FAILED, MediaEvent.ESTABLISHED): MediaState.CONNECTED,
    (MediaState.FAILED, MediaEvent.NEGOTIATED): MediaState.CONNECTING,
    (MediaState.FAILED, MediaEvent.LOST): MediaState.FAILED,
    (MediaState.FAILED, MediaEvent.CLOSE): MediaState.CLOSED,
}


@dataclass(frozen=True, slots=True)
class Route:
    """One ICE link and the DTLS association on it. After an ICE restart the association is an older route's."""

    ice: IceLink
    dtls: DtlsLink
    remote: RemoteAudio

    def leads_to(self, remote: RemoteAudio) -> bool:
        """Whether `remote` names the ICE credentials that this route was made for."""
        return (self.remote.ufrag, self.remote.password) == (remote.ufrag, remote.password)


class MediaPath:
    """Builds routes and keeps the best one: a new route replaces the one in use only once it works.

    `on_state` is called with each new state, `on_rtp` and `on_rtcp` with decrypted packets.
    """

    def __init__(
        self,
        name: str,
        certificate: RTCCertificate,
        *,
        stun_server: str,
        loopback: bool,
        limit: float,
        on_state: Callable[[MediaState], None],
        on_rtp: Callable[[bytes], None],
        on_rtcp: Callable[[bytes], None],
    ) -> None:
        self.state = MediaState.NEW
        self.failure: BotError | None = None
        self._name = name
        self._certificate = certificate
        self._stun_server = stun_server
        self._loopback = loopback
        self._limit = limit
        self._on_state = on_state
        self._on_rtp = on_rtp
        self._on_rtcp = on_rtcp
        self._links: list[IceLink | DtlsLink] = []
        self._active: Route | None = None
        self.latest: Route | None = None
        """The route that offers and answers are about: the one on the way, else the one in use."""
        self._offered: IceLink | None = None
        self._attempt: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None

    def _move(self, event: MediaEvent, failure: BotError | None = None) -> None:
        state = TRANSITIONS.get((self.state, event))
        if state is None:
            raise IllegalTransition(f"audio path {self._name!r}: {event.value} in state {self.state.value}")
        self.failure = failure
        if state is not self.state:
            log.debug("media_state", session=self._name, old=self.state.value, new=state.value)
            self.state = state
            self._on_state(state)

    def require_open(self) -> None:
        """Raises MediaFailed once the path is closed."""
        if self.state is MediaState.CLOSED:
            raise MediaFailed("the audio session is closed")

    # For offers and answers

    async def link_for_offer(self, *, restart: bool) -> IceLink:
        """The ICE link to describe in an offer: a new one at first and for a restart."""
        await self._withdraw_offer()
        if self.latest is None or restart:
            self._offered = await self._gathered()
            self._offered.lead()
            return self._offered
        return self.latest.ice

    async def _withdraw_offer(self) -> None:
        """Our last offer was never answered, or lost against the peer's."""
        offered, self._offered = self._offered, None
        if offered is not None:
            await self._discard(offered)

    async def route_for_offer(self, remote: RemoteAudio) -> Route:
        """The route that answers the peer's offer: the latest, or a new one when the peer's ICE is new."""
        await self._withdraw_offer()
        if self.latest is not None and self.latest.leads_to(remote):
            return self.latest
        return self._route(await self._gathered(), remote)

    async def route_for_answer(self, remote: RemoteAudio) -> Route:
        """The route that the peer's answer completes. Raises MediaFailed when nothing was offered."""
        offered, self._offered = self._offered, None
        latest = self.latest
        if latest is None:
            if offered is None:
                raise MediaFailed("an answer without an offer")
            return self._route(offered, remote)
        if latest.leads_to(remote):
            # A second answer (183, then 200), a re-INVITE that changes no path, or an ICE restart that the peer
            # ignored, as aiortc's does: all stays.
            if offered is not None:
                await self._discard(offered)
            return latest
        if offered is None:
            # The second answer is another peer's (a fork, RFC 3261 13.2.2.4): same offer, same sockets, new checks.
            offered = latest.ice.fork()
            self._links.append(offered)
        return self._route(offered, remote)

    def _route(self, ice: IceLink, remote: RemoteAudio) -> Route:
        """Keeps the DTLS association when it is up and the peer's certificate is the same (RFC 8842 5.5)."""
        latest = self.latest
        if latest is not None and latest.dtls.connected and latest.remote.fingerprints == remote.fingerprints:
            return Route(ice, latest.dtls, remote)
        dtls = DtlsLink(self._certificate, on_rtp=self._on_rtp, on_rtcp=self._on_rtcp, on_lost=self._dtls_lost)
        self._links.append(dtls)
        return Route(ice, dtls, remote)

    async def _gathered(self) -> IceLink:
        ice = IceLink(stun_server=self._stun_server, loopback=self._loopback, on_lost=self._ice_lost)
        self._links.append(ice)
        await ice.gather()
        self.require_open()
        return ice

    # Connecting

    def establish(self, route: Route, *, controlling: bool, role: str) -> None:
        """Starts connecting `route`, unless it is in use or on the way already. `role` is the one in DTLS."""
        if route is self.latest:
            return
        self.latest = route
        route.ice.dtls = route.dtls
        self._move(MediaEvent.NEGOTIATED)
        self._attempt = asyncio.create_task(self._connect(route, controlling, role, self._attempt))

    async def _connect(self, route: Route, controlling: bool, role: str, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            before.cancel()
            await asyncio.gather(before, return_exceptions=True)
        remote = route.remote
        try:
            async with asyncio.timeout(self._limit):
                await route.ice.connect(
                    remote.ufrag,
                    remote.password,
                    lite=remote.ice_lite,
                    candidates=remote.candidates,
                    controlling=controlling,
                )
                route.dtls.ice = route.ice
                if not route.dtls.connected:
                    await route.dtls.handshake(role, remote.fingerprints)
        except TimeoutError:
            await self._attempt_failed(route, MediaFailed("no audio path to the peer in time"))
        except MediaFailed as error:
            await self._attempt_failed(route, error)
        else:
            self._active = route
            self._move(MediaEvent.ESTABLISHED)
            await self._discard_all_but(route)

    async def _attempt_failed(self, route: Route, error: MediaFailed) -> None:
        log.info("media_path_failed", session=self._name, error=str(error))
        if self.state is not MediaState.CONNECTED or self._active is None:
            self._move(MediaEvent.LOST, error)
            return
        # The route in use goes on.
        self.latest = self._active
        await self._discard_all_but(self._active)

    async def _discard_all_but(self, route: Route) -> None:
        await self._discard(*(link for link in self._links if link not in (route.ice, route.dtls, self._offered)))

    async def _discard(self, *links: IceLink | DtlsLink) -> None:
        for link in links:
            if link in self._links:
                self._links.remove(link)
                await link.close()

    def _ice_lost(self, ice: IceLink) -> None:
        if self.state is MediaState.CONNECTED and self._active is not None and ice is self._active.ice:
            self._move(MediaEvent.LOST, MediaFailed("the audio path to the peer was lost"))

    def _dtls_lost(self, dtls: DtlsLink) -> None:
        if self.state is MediaState.CONNECTED and self._active is not None and dtls is self._active.dtls:
            self._move(MediaEvent.LOST, MediaFailed("the peer closed the audio path"))

    def send_rtp(self, packet: bytes) -> bool:
        """Encrypts and sends; False when there is no way."""
        return self._active is not None and self._active.dtls.send_rtp(packet)

    def send_rtcp(self, packet: bytes) -> bool:
        """Encrypts and sends; False when there is no way."""
        return self._active is not None and self._active.dtls.send_rtcp(packet)

    async def close(self) -> None:
        """Ends it all, in whatever state; leaves no task and no socket. Again and again does no harm."""
        if self._closing is None:
            self._move(MediaEvent.CLOSE)
            self._closing = asyncio.create_task(self._close())
        # Who is cancelled while closing must not leave half of it open.
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._attempt is not None:
            self._attempt.cancel()
            await asyncio.gather(self._attempt, return_exceptions=True)
        # DTLS first: its goodbye still needs the way.
        dtls = [link for link in self._links if isinstance(link, DtlsLink)]
        await self._discard(*dtls)
        await self._discard(*self._links[:])
