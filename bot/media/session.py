"""One call's audio: offers and answers, the encrypted path, and what is sent and heard on it."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, TypeVar

from bot.errors import BotError, IllegalTransition, MalformedMessage, MediaFailed
from bot.log import get_logger
from bot.media._aiortc import DtlsLink, IceLink, certificate_fingerprint
from bot.media.audio import Pcm
from bot.media.negotiation import (
    Agreement,
    agree,
    answer_direction,
    answer_formats,
    dtls_role,
    offer_formats,
    setup_for_answer,
)
from bot.media.receiver import Receiver
from bot.media.rtp import SenderReport, parse_rtcp
from bot.media.sdp import DIRECTIONS, LocalAudio, RemoteAudio, parse_sdp, render_sdp
from bot.media.sender import Sender, check_digits
from bot.media.sources import Source
from bot.media.statistics import MediaStats

if TYPE_CHECKING:
    from bot.media.engine import MediaEngine

__all__ = ["MediaSession", "MediaState"]

log = get_logger(__name__)

_T = TypeVar("_T")

_REPORT_TICKS = 250
"""Ticks between RTCP reports: five seconds (RFC 3550 6.2)."""


class MediaState(enum.Enum):
    """Where the audio path of a session is."""

    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    FAILED = "failed"
    CLOSED = "closed"


class MediaEvent(enum.Enum):
    """What moves a session from one state to the next."""

    NEGOTIATED = "negotiated"
    """Offer and answer are there, or a new path was agreed on; checks begin."""
    ESTABLISHED = "established"
    """ICE and DTLS are through."""
    LOST = "lost"
    """No path, the handshake failed, or consent to send ran out."""
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
    (MediaState.FAILED, MediaEvent.NEGOTIATED): MediaState.CONNECTING,
    (MediaState.FAILED, MediaEvent.LOST): MediaState.FAILED,
    (MediaState.FAILED, MediaEvent.CLOSE): MediaState.CLOSED,
    (MediaState.CLOSED, MediaEvent.CLOSE): MediaState.CLOSED,
}


@dataclass(frozen=True, slots=True)
class _Path:
    """What a connection attempt builds: ICE below, DTLS above; `dtls` may be the one already in use."""

    ice: IceLink
    dtls: DtlsLink
    remote: RemoteAudio
    controlling: bool
    role: str


class MediaSession:
    """The audio of one call. Made by `MediaEngine.session`; closed by `close` or by the engine.

    An offer/answer exchange (`create_offer` + `apply_answer`, or `create_answer`) starts the path by itself;
    `connected` waits for it. All methods belong to the event loop's thread.
    """

    def __init__(self, engine: MediaEngine, name: str, rng: Random) -> None:
        self.name = name
        self.stats = MediaStats()
        self.local_sdp = ""
        self.remote_sdp = ""
        self.remote_direction = "sendrecv"
        self._engine = engine
        self._options = engine.options
        self._loop = asyncio.get_running_loop()
        self._state = MediaState.NEW
        self._failure: BotError | None = None
        self._changed = asyncio.Event()
        self._cname = f"{rng.getrandbits(64):016x}"
        self._session_id, self._version = rng.getrandbits(62), 0
        self._wanted_direction = "sendrecv"
        self._agreed_direction = "sendrecv"
        self._agreement: Agreement | None = None
        self._remote: RemoteAudio | None = None
        self._ice: IceLink | None = None
        self._offered_ice: IceLink | None = None
        self._dtls: DtlsLink | None = None
        self._links: list[IceLink | DtlsLink] = []
        self._connecting: asyncio.Task[None] | None = None
        self._audio_listeners: list[Callable[[Pcm], None]] = []
        self._digit_listeners: list[Callable[[str], None]] = []
        self._state_listeners: list[Callable[[MediaState], None]] = []
        self._sender = Sender(self.stats, self._transmit, rng, self._cname)
        self._receiver = Receiver(self.stats, self._digit_received)
        self._report_in = _REPORT_TICKS // 10

    # State

    @property
    def state(self) -> MediaState:
        return self._state

    def _move(self, event: MediaEvent, failure: BotError | None = None) -> None:
        state = TRANSITIONS.get((self._state, event))
        if state is None:
            raise IllegalTransition(f"audio session {self.name!r}: {event.value} in state {self._state.value}")
        self._failure = failure
        if state is self._state:
            return
        log.debug("media_state", session=self.name, old=self._state.value, new=state.value)
        self._state = state
        self._changed.set()
        self._changed = asyncio.Event()
        self._engine.session_changed(self)
        for listener in tuple(self._state_listeners):
            listener(state)

    def on_state(self, callback: Callable[[MediaState], None]) -> Callable[[], None]:
        """Calls back with every new state. Gives a remover."""
        return _subscribe(self._state_listeners, callback)

    async def connected(self) -> None:
        """Waits until audio can flow. Raises MediaFailed, after `options.ice_timeout` seconds at the latest."""
        try:
            async with asyncio.timeout(self._options.ice_timeout):
                while self._state in (MediaState.NEW, MediaState.CONNECTING):
                    await self._changed.wait()
        except TimeoutError:
            raise MediaFailed("no audio path to the peer in time") from None
        if self._state is not MediaState.CONNECTED:
            raise self._failure or MediaFailed("the audio session is closed")

    # Offer and answer

    @property
    def codec(self) -> str:
        """The name of the agreed codec; "" before there is one."""
        return self._agreement.codec.name if self._agreement else ""

    @property
    def direction(self) -> str:
        """What was agreed, from our side."""
        return self._agreed_direction

    @property
    def hold(self) -> bool:
        """Whether we asked for a direction in which we do not hear the peer."""
        return self._wanted_direction in ("sendonly", "inactive")

    def set_direction(self, direction: str) -> None:
        """The direction that our next offer or answer asks for."""
        if direction not in DIRECTIONS:
            raise ValueError(f"{direction!r} is no direction: use one of {', '.join(DIRECTIONS)}")
        self._wanted_direction = direction

    async def create_offer(self, *, ice_restart: bool | None = None) -> str:
        """A complete offer, with candidates. Each has a higher `o=` version.

        On a live session `ice_restart` asks for new ICE credentials; the path in use stays until the new one works.
        By default that is done only after the path was lost. Raises MediaFailed.
        """
        self._require_open()
        if self._offered_ice is not None and self._offered_ice is not self._ice:
            # The last offer was never answered.
            await self._discard(self._offered_ice)
        restart = self._state is MediaState.FAILED if ice_restart is None else ice_restart
        if self._ice is None or (restart and self._remote is not None):
            self._offered_ice = await self._gathered_ice()
            self._ice = self._ice or self._offered_ice
        else:
            self._offered_ice = self._ice
        formats = offer_formats(self._options.codecs)
        return self._describe(self._offered_ice, formats, self._wanted_direction, "actpass", None)

    async def create_answer(self, offer: str) -> str:
        """The answer to a first offer or to a re-INVITE's. Raises MalformedSdp (nothing has changed then), MediaFailed."""
        self._require_open()
        remote = parse_sdp(offer)
        agreement = agree(remote, self._options.codecs, answering=True)
        if self._offered_ice is not None and self._offered_ice is not self._ice:
            await self._discard(self._offered_ice)
        self._offered_ice = None
        ice, dtls = await self._links_for(remote)
        setup = setup_for_answer(remote.setup, dtls.role_in_dtls)
        direction = answer_direction(self._wanted_direction, remote.direction)
        self.remote_sdp = offer
        answer = self._describe(ice, answer_formats(agreement), direction, setup, remote)
        self._agreed(remote, agreement, direction)
        self._establish(_Path(ice, dtls, remote, remote.ice_lite, dtls_role(setup, remote.setup)))
        return answer

    async def apply_answer(self, answer: str) -> None:
        """The peer's answer to our offer; may come twice (183, then 200). Raises MalformedSdp, MediaFailed."""
        self._require_open()
        remote = parse_sdp(answer)
        agreement = agree(remote, self._options.codecs, answering=False)
        if self._offered_ice is None and self._ice is None:
            raise MediaFailed("an answer without an offer")
        self.remote_sdp = answer
        offered, self._offered_ice = self._offered_ice, None
        if offered is not None and offered is not self._ice and self._same_ice(remote):
            # The peer ignored our ICE restart, as it may (aiortc does): the old path stays.
            await self._discard(offered)
            offered = None
        ice = offered or self._ice
        assert ice is not None
        if offered is None and self._remote is not None and not self._same_ice(remote):
            ice = await self._rehomed(ice)
        dtls = self._dtls_for(remote)
        self._agreed(remote, agreement, answer_direction(self._wanted_direction, remote.direction))
        self._establish(_Path(ice, dtls, remote, True, dtls.role_in_dtls or dtls_role("actpass", remote.setup)))

    def _describe(
        self,
        ice: IceLink,
        formats: tuple,
        direction: str,
        setup: str,
        remote: RemoteAudio | None,  # type: ignore[type-arg]
    ) -> str:
        self._version += 1
        self.local_sdp = render_sdp(
            LocalAudio(
                session_id=self._session_id,
                version=self._version,
                formats=formats,
                direction=direction,
                ufrag=ice.ufrag,
                password=ice.password,
                candidates=ice.candidates,
                fingerprint=certificate_fingerprint(self._engine.certificate),
                setup=setup,
                ssrc=self._sender.ssrc,
                cname=self._cname,
                rtcp_mux=remote.rtcp_mux if remote else True,
                bundled=remote.bundled if remote else True,
                sections=remote.sections if remote else (),
                index=remote.index if remote else 0,
            )
        )
        return self.local_sdp

    def _agreed(self, remote: RemoteAudio, agreement: Agreement, direction: str) -> None:
        self._agreement = agreement
        self._remote = remote
        self.remote_direction = remote.direction
        self._agreed_direction = direction
        self._sender.configure(agreement.codec, agreement.payload_type, agreement.event_payload_type)
        self._receiver.configure(agreement.receive_codecs, agreement.receive_events)

    # The path

    def _require_open(self) -> None:
        if self._state is MediaState.CLOSED:
            raise MediaFailed("the audio session is closed")

    def _same_ice(self, remote: RemoteAudio) -> bool:
        known = self._remote
        return known is not None and (known.ufrag, known.password) == (remote.ufrag, remote.password)

    async def _gathered_ice(self) -> IceLink:
        servers = self._options.stun_servers
        ice = IceLink(
            stun_server="" if self._options.loopback or not servers else servers[0],
            loopback=self._options.loopback,
            on_datagram=self._datagram_received,
            on_lost=self._ice_lost,
        )
        self._links.append(ice)
        await ice.gather()
        self._require_open()
        return ice

    async def _rehomed(self, ice: IceLink) -> IceLink:
        raise MediaFailed("the second answer is another peer's")

    async def _links_for(self, remote: RemoteAudio) -> tuple[IceLink, DtlsLink]:
        """The ICE link that answers `remote`, a new one when its credentials are new; likewise DTLS."""
        ice = self._ice
        if ice is None or (self._remote is not None and not self._same_ice(remote)):
            ice = await self._gathered_ice()
            self._ice = self._ice or ice
        return ice, self._dtls_for(remote)

    def _dtls_for(self, remote: RemoteAudio) -> DtlsLink:
        """The association in use, unless the peer's certificate is another one or the association is over."""
        dtls = self._dtls
        if dtls is not None and self._remote is not None and self._remote.fingerprints == remote.fingerprints:
            return dtls
        dtls = DtlsLink(
            self._engine.certificate,
            on_rtp=self._rtp_received,
            on_rtcp=self._rtcp_received,
            on_lost=self._dtls_lost,
        )
        self._links.append(dtls)
        self._dtls = self._dtls or dtls
        return dtls

    def _establish(self, path: _Path) -> None:
        """Starts connecting, unless `path` is in use or being built already."""
        started = self._connecting is not None
        if started and path.ice is self._ice and path.dtls is self._dtls and self._state is not MediaState.FAILED:
            return
        self._move(MediaEvent.NEGOTIATED)
        before, self._connecting = self._connecting, self._loop.create_task(self._connect(path, self._connecting))
        del before

    async def _connect(self, path: _Path, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            before.cancel()
            await asyncio.gather(before, return_exceptions=True)
        remote = path.remote
        try:
            async with asyncio.timeout(self._options.ice_timeout):
                await path.ice.connect(
                    remote.ufrag,
                    remote.password,
                    lite=remote.ice_lite,
                    candidates=remote.candidates,
                    controlling=path.controlling,
                )
                path.dtls.ice = path.ice
                if not path.dtls.connected:
                    await path.dtls.handshake(path.role, remote.fingerprints)
        except TimeoutError:
            await self._attempt_failed(path, MediaFailed("no audio path to the peer in time"))
        except MediaFailed as error:
            await self._attempt_failed(path, error)
        else:
            self._ice, self._dtls = path.ice, path.dtls
            self._move(MediaEvent.ESTABLISHED)
            await self._discard(
                *(link for link in self._links if link not in (path.ice, path.dtls, self._offered_ice))
            )

    async def _attempt_failed(self, path: _Path, error: MediaFailed) -> None:
        log.info("media_failed", session=self.name, error=str(error))
        self._move(MediaEvent.LOST, error)

    async def _discard(self, *links: IceLink | DtlsLink) -> None:
        for link in links:
            if link in self._links:
                self._links.remove(link)
                await link.close()

    def _ice_lost(self, ice: IceLink) -> None:
        if ice is self._ice and self._state is MediaState.CONNECTED:
            self._move(MediaEvent.LOST, MediaFailed("the audio path to the peer was lost"))

    def _dtls_lost(self) -> None:
        if self._state is MediaState.CONNECTED:
            self._move(MediaEvent.LOST, MediaFailed("the peer closed the audio path"))

    # Packets

    def _datagram_received(self, datagram: bytes) -> None:
        if self._dtls is not None:
            self._dtls.datagram_received(datagram)

    def _rtp_received(self, packet: bytes) -> None:
        self._receiver.datagram_received(packet, self._loop.time())

    def _rtcp_received(self, packet: bytes) -> None:
        try:
            reports = parse_rtcp(packet)
        except MalformedMessage:
            return
        now = self._loop.time()
        for each in reports:
            if not isinstance(each, SenderReport):
                continue
            reception = self._receiver.reception
            if each.ntp and reception is not None and reception.ssrc == each.ssrc:
                reception.sender_report(each.ntp, now)
            for report in each.reports:
                if report.ssrc == self._sender.ssrc:
                    self.stats.peer_loss_percent = report.fraction_lost / 2.56
                    if report.last_sr:
                        trip = (int(now * 65536) - report.last_sr - report.delay_since_sr) & 0xFFFFFFFF
                        self.stats.round_trip_ms = trip / 65.536 if trip < 0x80000000 else 0.0

    def _transmit(self, packet: bytes) -> bool:
        return self._dtls is not None and self._dtls.send_rtp(packet)

    # The ticker's two phases

    def hand_out(self) -> None:
        """First phase of a tick: the frame that was received goes to the listeners."""
        frame = self._receiver.read()
        if frame is not None:
            for listener in tuple(self._audio_listeners):
                listener(frame)

    def send_tick(self) -> None:
        """Second phase of a tick: one frame goes out, and now and then a report."""
        self._sender.tick(self._agreed_direction in ("sendrecv", "sendonly"))
        self._report_in -= 1
        if self._report_in <= 0:
            self._report_in = _REPORT_TICKS
            if self._remote is not None and self._remote.rtcp_mux and self._dtls is not None:
                self._dtls.send_rtcp(self._sender.report(self._loop.time(), self._receiver.reception))

    # Audio

    @property
    def source(self) -> Source | None:
        """What is sent while no `play` runs; None for silence."""
        return self._sender.source

    @source.setter
    def source(self, source: Source | None) -> None:
        self._sender.source = source

    @property
    def muted(self) -> bool:
        """While on, silence goes out and sources run on unheard."""
        return self._sender.muted

    @muted.setter
    def muted(self, on: bool) -> None:
        self._sender.muted = on

    async def play(self, source: Source) -> None:
        """Sends `source` to its end, after what is being played already. Cancelling stops it at once.

        It begins when the path is there. Raises MediaFailed when the session closes meanwhile.
        """
        self._require_open()
        await self._sender.play(source)

    async def send_digits(self, digits: str, *, duration: float = 0.1, gap: float = 0.1) -> None:
        """Presses keys: `duration` and `gap` in seconds, a comma pauses for one second.

        As telephone events (RFC 4733) where the peer takes them, else as tones. Raises ValueError for other
        characters than 0-9, *, #, A-D and commas, MediaFailed when the session closes meanwhile.
        """
        keys = check_digits(digits)
        self._require_open()
        await self._sender.send_digits(keys, duration, gap)

    def on_audio(self, callback: Callable[[Pcm], None]) -> Callable[[], None]:
        """Calls back at each tick with the frame heard: silence when nothing came. Gives a remover."""
        remove = _subscribe(self._audio_listeners, callback)
        self._receiver.listening = True

        def stop() -> None:
            remove()
            self._receiver.listening = bool(self._audio_listeners)

        return stop

    def on_digit(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Calls back once for each key that the peer presses. Gives a remover."""
        remove = _subscribe(self._digit_listeners, callback)
        self._receiver.want_digits = True

        def stop() -> None:
            remove()
            self._receiver.want_digits = bool(self._digit_listeners)

        return stop

    def _digit_received(self, digit: str) -> None:
        for listener in tuple(self._digit_listeners):
            listener(digit)

    async def close(self) -> None:
        """Ends everything at once, in whatever state; leaves no task and no socket."""
        if self._state is MediaState.CLOSED:
            return
        self._move(MediaEvent.CLOSE)
        self._sender.abandon(MediaFailed("the audio session was closed"))
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        # DTLS first: its goodbye still needs the path.
        dtls = [link for link in self._links if isinstance(link, DtlsLink)]
        await self._discard(*dtls, *(link for link in self._links if link not in dtls))
        self._engine.session_closed(self)


def _subscribe(listeners: list[_T], callback: _T) -> Callable[[], None]:
    listeners.append(callback)

    def remove() -> None:
        if callback in listeners:
            listeners.remove(callback)

    return remove
