"""One call's audio: offers and answers, and what is sent and heard."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import TypeVar

from bot.errors import MalformedMessage, MediaFailed
from bot.media._aiortc import IceLink, RTCCertificate, certificate_fingerprint
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
from bot.media.options import MediaOptions
from bot.media.path import MediaPath, MediaState
from bot.media.receiver import Receiver
from bot.media.rtp import parse_rtcp
from bot.media.sdp import DIRECTIONS, Format, LocalAudio, RemoteAudio, parse_sdp, render_sdp
from bot.media.sender import Sender, check_digits
from bot.media.sources import Source
from bot.media.statistics import MediaStats

__all__ = ["MediaSession"]

_T = TypeVar("_T")

_REPORT_TICKS = 250
"""Ticks between RTCP reports: five seconds (RFC 3550 6.2)."""
_FIRST_REPORT_TICKS = 25


class MediaSession:
    """The audio of one call. Made by `MediaEngine.session`; closed by `close` or by the engine.

    An offer/answer exchange (`create_offer` + `apply_answer`, or `create_answer`) starts the path by itself;
    `connected` waits for it. All methods belong to the event loop's thread.
    """

    def __init__(
        self,
        name: str,
        options: MediaOptions,
        certificate: RTCCertificate,
        rng: Random,
        *,
        on_changed: Callable[[MediaSession], None],
        on_closed: Callable[[MediaSession], None],
    ) -> None:
        self.name = name
        self.stats = MediaStats()
        self.local_sdp = ""
        self.remote_sdp = ""
        self.remote_direction = "sendrecv"
        self._options = options
        self._certificate = certificate
        self._on_changed = on_changed
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._cname = f"{rng.getrandbits(64):016x}"
        self._session_id, self._version = rng.getrandbits(62), 0
        self._wanted_direction = "sendrecv"
        self._direction = "sendrecv"
        self._agreement: Agreement | None = None
        self._rtcp = False
        self._audio_listeners: list[Callable[[Pcm], None]] = []
        self._digit_listeners: list[Callable[[str], None]] = []
        self._state_listeners: list[Callable[[MediaState], None]] = []
        servers = () if options.loopback else options.stun_servers
        self._path = MediaPath(
            name,
            certificate,
            stun_server=servers[0] if servers else "",
            loopback=options.loopback,
            limit=options.ice_timeout,
            on_state=self._state_changed,
            on_rtp=self._rtp_received,
            on_rtcp=self._rtcp_received,
        )
        self._sender = Sender(self.stats, self._path.send_rtp, rng, self._cname)
        self._receiver = Receiver(self.stats, self._digit_received)
        self._report_in = _FIRST_REPORT_TICKS

    # State

    @property
    def state(self) -> MediaState:
        return self._path.state

    def _state_changed(self, state: MediaState) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        self._on_changed(self)
        for listener in tuple(self._state_listeners):
            listener(state)

    def on_state(self, callback: Callable[[MediaState], None]) -> Callable[[], None]:
        """Calls back with every new state. Gives a remover."""
        return _subscribe(self._state_listeners, callback)

    async def connected(self) -> None:
        """Waits until audio can flow. Raises MediaFailed, after `options.ice_timeout` seconds at the latest."""
        try:
            async with asyncio.timeout(self._options.ice_timeout):
                while self.state in (MediaState.NEW, MediaState.CONNECTING):
                    await self._changed.wait()
        except TimeoutError:
            raise MediaFailed("no audio path to the peer in time") from None
        if self.state is not MediaState.CONNECTED:
            raise self._path.failure or MediaFailed("the audio session is closed")

    async def close(self) -> None:
        """Ends everything at once, in whatever state; leaves no task and no socket."""
        self._sender.abandon(MediaFailed("the audio session was closed"))
        await self._path.close()
        self._on_closed(self)

    # Offer and answer

    @property
    def codec(self) -> str:
        """The name of the agreed codec; "" before there is one."""
        return self._agreement.codec.name if self._agreement else ""

    @property
    def direction(self) -> str:
        """What was agreed, from our side."""
        return self._direction

    def set_direction(self, direction: str) -> None:
        """The direction that our next offer or answer asks for. Raises ValueError for an unknown one."""
        if direction not in DIRECTIONS:
            raise ValueError(f"{direction!r} is no direction: use one of {', '.join(DIRECTIONS)}")
        self._wanted_direction = direction

    async def create_offer(self, *, ice_restart: bool | None = None) -> str:
        """A complete offer, with candidates. Each has a higher `o=` version.

        On a live session `ice_restart` asks for new ICE credentials; the path in use stays until the new one works.
        By default that is done only after the path was lost. Raises MediaFailed.
        """
        self._path.require_open()
        restart = self.state is MediaState.FAILED if ice_restart is None else ice_restart
        ice = await self._path.link_for_offer(restart=restart)
        return self._describe(ice, offer_formats(self._options.codecs), self._wanted_direction, "actpass")

    async def create_answer(self, offer: str) -> str:
        """The answer to a first offer or to a re-INVITE's.

        Raises MalformedSdp, and has changed nothing then; MediaFailed.
        """
        self._path.require_open()
        remote = parse_sdp(offer)
        agreement = agree(remote, self._options.codecs, answering=True)
        route = await self._path.route_for_offer(remote)
        setup = setup_for_answer(remote.setup, route.dtls.role_in_dtls)
        direction = answer_direction(self._wanted_direction, remote.direction)
        answer = self._describe(route.ice, answer_formats(agreement), direction, setup, remote)
        self.remote_sdp = offer
        self._agreed(remote, agreement, direction)
        self._path.establish(route, controlling=False, role=dtls_role(setup, remote.setup))
        return answer

    async def apply_answer(self, answer: str) -> None:
        """The peer's answer to our offer; may come twice (183, then 200). Raises MalformedSdp, MediaFailed."""
        self._path.require_open()
        remote = parse_sdp(answer)
        agreement = agree(remote, self._options.codecs, answering=False)
        route = await self._path.route_for_answer(remote)
        self.remote_sdp = answer
        self._agreed(remote, agreement, answer_direction(self._wanted_direction, remote.direction))
        self._path.establish(route, controlling=True, role=dtls_role("actpass", remote.setup))

    def _describe(
        self,
        ice: IceLink,
        formats: tuple[Format, ...],
        direction: str,
        setup: str,
        remote: RemoteAudio | None = None,
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
                fingerprint=certificate_fingerprint(self._certificate),
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
        self._rtcp = remote.rtcp_mux
        self.remote_direction = remote.direction
        self._direction = direction
        self._sender.configure(agreement.codec, agreement.payload_type, agreement.event_payload_type)
        self._receiver.configure(agreement.receive_codecs, agreement.receive_events)

    # Packets

    def _rtp_received(self, packet: bytes) -> None:
        self._receiver.datagram_received(packet, self._loop.time())

    def _rtcp_received(self, packet: bytes) -> None:
        try:
            reports = parse_rtcp(packet)
        except MalformedMessage:
            return
        for each in reports:
            self._receiver.sender_report(each, self._loop.time())
            self._sender.reports_received(each, self._loop.time())

    # The ticker's two phases

    def hand_out(self) -> None:
        """First phase of a tick: the frame that was received goes to the listeners."""
        frame = self._receiver.read()
        if frame is not None:
            for listener in tuple(self._audio_listeners):
                listener(frame)

    def send_tick(self) -> None:
        """Second phase of a tick: one frame goes out, and now and then a report."""
        self._sender.tick(self._direction in ("sendrecv", "sendonly"))
        self._report_in -= 1
        if self._report_in <= 0:
            self._report_in = _REPORT_TICKS
            if self._rtcp:
                self._path.send_rtcp(self._sender.report(self._loop.time(), self._receiver.reception))

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
        self._path.require_open()
        await self._sender.play(source)

    async def send_digits(self, digits: str, *, duration: float = 0.1, gap: float = 0.1) -> None:
        """Presses keys: `duration` and `gap` in seconds, a comma pauses for one second.

        As telephone events (RFC 4733) where the peer takes them, else as tones. Raises ValueError for other
        characters than 0-9, *, #, A-D and commas, MediaFailed when the session closes meanwhile.
        """
        keys = check_digits(digits)
        self._path.require_open()
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


def _subscribe(listeners: list[_T], callback: _T) -> Callable[[], None]:
    listeners.append(callback)

    def remove() -> None:
        if callback in listeners:
            listeners.remove(callback)

    return remove
