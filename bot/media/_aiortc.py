"""The one module that reaches below the public names of aiortc and aioice.

What it stands on, and tests/media/test_aiortc.py checks one by one:

- `aioice.Connection.get_component_candidates` takes the addresses to gather on: aioice itself skips 127.0.0.1,
  and waits five seconds for a STUN server that does not answer.
- `aioice.ice.StunProtocol.datagram_received` gets every datagram, synchronously, and may be replaced in an instance.
- `aioice.Connection._nominated` maps component 1 to the pair in use (`protocol.transport`, `remote_addr`).
- `RTCIceGatherer._connection` may be replaced before anything was gathered.
- `RTCDtlsTransport` needs only `_recv`, `_send` and `role` of its ICE transport, and keeps its SRTP contexts in
  `_rx_srtp` and `_tx_srtp`, its receiving task in `_task` and its role in `_set_role`.

So the DTLS association can outlive the ICE transport below it (an ICE restart), and SRTP is sent and received
without a task or a queue for each packet.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable, Sequence

import aioice
import aioice.ice
import pylibsrtp
from aiortc import (
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    RTCIceCandidate,
    RTCIceGatherer,
    RTCIceParameters,
    RTCIceServer,
    RTCIceTransport,
)

from bot.errors import MediaFailed
from bot.media.rtp import is_rtcp
from bot.media.sdp import IceCandidate

__all__ = ["DtlsLink", "IceLink", "RTCCertificate", "certificate_fingerprint"]

_STUN_LIMIT = 0.5
"""Seconds that an offer or answer waits for the STUN server."""
_MDNS_LIMIT = 2.0
"""Seconds that a peer's mDNS name may take to resolve; connectivity checks go on meanwhile."""


def certificate_fingerprint(certificate: RTCCertificate) -> tuple[str, str]:
    """Algorithm and value, for SDP."""
    for fingerprint in certificate.getFingerprints():
        if fingerprint.algorithm == "sha-256":
            return fingerprint.algorithm, fingerprint.value
    raise MediaFailed("the DTLS certificate has no SHA-256 fingerprint")


class _Connection(aioice.Connection):
    """aioice's connection, on addresses of our choice, with datagrams handed over at once."""

    def __init__(
        self,
        stun_server: tuple[str, int] | None,
        loopback: bool,
        sink: Callable[[bytes], None],
        local_username: str | None = None,
        local_password: str | None = None,
    ) -> None:
        super().__init__(ice_controlling=False, local_username=local_username, local_password=local_password)
        self._our_stun_server = stun_server
        self._loopback = loopback
        self._sink = sink
        self._shared = False
        """Whether another peer may send to our sockets too."""
        self._stun_queries: list[asyncio.Task[tuple[aioice.Candidate, None]]] = []

    async def get_component_candidates(
        self, component: int, addresses: list[str], timeout: int = 5
    ) -> list[aioice.Candidate]:
        if self._loopback:
            addresses = ["127.0.0.1"]
        candidates = await super().get_component_candidates(component, addresses, timeout)
        self._listen()
        return candidates + await self._reflexive_candidates()

    async def _reflexive_candidates(self) -> list[aioice.Candidate]:
        if self._our_stun_server is None or self._closing:
            return []
        self._stun_queries = [
            asyncio.create_task(aioice.ice.server_reflexive_candidate(protocol, self._our_stun_server))
            for protocol in self._protocols
            if ":" not in protocol.local_candidate.host
        ]
        if not self._stun_queries:
            return []
        await asyncio.wait(self._stun_queries, timeout=_STUN_LIMIT)
        self.abort_stun()
        results = await asyncio.gather(*self._stun_queries, return_exceptions=True)
        return [result[0] for result in results if not isinstance(result, BaseException)]

    def abort_stun(self) -> None:
        """Stop waiting for the STUN server."""
        for query in self._stun_queries:
            query.cancel()

    def data_received(self, data: bytes, component: int) -> None:
        """What looked like STUN and is none. aioice would keep it for ever."""

    def take_sockets(self, other: _Connection) -> None:
        """Moves the sockets and candidates of `other` here. What its peer still sends is not for us."""
        self._protocols, other._protocols = other._protocols, []
        for protocol in self._protocols:
            protocol.receiver = self
        self._shared = True
        self._listen()
        self._local_candidates = other.local_candidates
        self._local_candidates_start = self._local_candidates_end = True

    def _listen(self) -> None:
        for protocol in self._protocols:
            stun_received = functools.partial(aioice.ice.StunProtocol.datagram_received, protocol)
            protocol.datagram_received = functools.partial(self._sort, stun_received)  # type: ignore[method-assign]

    def _sort(
        self, stun_received: Callable[[bytes, tuple[str, int]], None], data: bytes, source: tuple[str, int]
    ) -> None:
        """STUN (RFC 7983 7) to aioice, which would else try to read each audio packet as such; the rest to us."""
        if data[:1] < b"\x04":
            stun_received(data, source)
        elif not self._shared or self._from_our_peer(source):
            self._sink(data)

    def _from_our_peer(self, source: tuple[str, int]) -> bool:
        return any((each._network_host, each.port) == source[:2] for each in self._remote_candidates)


class IceLink:
    """One generation of ICE: its own credentials and sockets.

    `dtls` gets every datagram that is not STUN; `on_lost` is called when consent to send ran out (RFC 7675).
    `forked_from`: a link whose credentials and sockets this one takes over.
    """

    def __init__(
        self,
        *,
        stun_server: str,
        loopback: bool,
        on_lost: Callable[[IceLink], None],
        forked_from: IceLink | None = None,
    ) -> None:
        self.dtls: DtlsLink | None = None
        self._gatherer = RTCIceGatherer(iceServers=[RTCIceServer(f"stun:{stun_server}")] if stun_server else [])
        self._connection = _Connection(
            self._gatherer._connection.stun_server,
            loopback,
            self._datagram_received,
            forked_from.ufrag if forked_from else None,
            forked_from.password if forked_from else None,
        )
        if forked_from is not None:
            self._connection.take_sockets(forked_from._connection)
        self._gatherer._connection = self._connection
        self._transport = RTCIceTransport(self._gatherer)
        self._transport.on("statechange", self._state_changed)
        self._on_lost = on_lost
        self._loopback = loopback
        self._gathering: asyncio.Task[None] | None = None
        self._closed = False

    def fork(self) -> IceLink:
        """A link to another peer that answered the same offer (RFC 3261 13.2.2.4); it takes this one's sockets."""
        return IceLink(stun_server="", loopback=self._loopback, on_lost=self._on_lost, forked_from=self)

    def _datagram_received(self, datagram: bytes) -> None:
        if self.dtls is not None:
            self.dtls.datagram_received(datagram)

    async def gather(self) -> None:
        """Opens the sockets and finds our candidates. Raises MediaFailed when there is no address at all."""
        if self._gathering is None:
            self._gathering = asyncio.create_task(self._gatherer.gather())
        # Never cancelled half-way: a socket that aioice has not noted yet could not be closed.
        await asyncio.shield(self._gathering)
        if not self._closed and not self._gatherer.getLocalCandidates():
            raise MediaFailed("no network address to receive audio on", hint="check the network interfaces")

    def lead(self) -> None:
        """Be the controlling side (the offerer, RFC 8445 6.1.1) before the answer comes: the peer's checks may
        come first, and answered in the wrong role they make both sides controlled in the end."""
        self._connection.ice_controlling = True

    @property
    def ufrag(self) -> str:
        return self._connection.local_username

    @property
    def password(self) -> str:
        return self._connection.local_password

    @property
    def candidates(self) -> tuple[IceCandidate, ...]:
        return tuple(
            IceCandidate(
                each.foundation,
                each.component,
                each.protocol,
                each.priority,
                each.ip,
                each.port,
                each.type,
                each.relatedAddress,
                each.relatedPort,
            )
            for each in self._gatherer.getLocalCandidates()
        )

    async def connect(
        self, ufrag: str, password: str, *, lite: bool, candidates: Sequence[IceCandidate], controlling: bool
    ) -> None:
        """Runs the connectivity checks until a pair is chosen. Raises MediaFailed; the caller sets the time limit.

        The end of the peer's candidates is never signalled to aioice, so that a peer whose candidates cannot be
        reached (mDNS, NAT) has the whole time to reach us.
        """
        self._connection.ice_controlling = controlling or lite
        named = [each for each in candidates if aioice.mdns.is_mdns_hostname(each.host)]
        for candidate in candidates:
            if candidate not in named:
                await self._add(candidate)
        async with asyncio.TaskGroup() as group:
            resolving = [group.create_task(self._resolve(each)) for each in named if not self._loopback]
            await self._transport.start(RTCIceParameters(ufrag, password, iceLite=lite))
            for task in resolving:
                task.cancel()
        if self._transport.state != "completed":
            raise MediaFailed("no network path to the peer (ICE failed)")

    async def _resolve(self, candidate: IceCandidate) -> None:
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(_MDNS_LIMIT):
                await self._add(candidate)

    async def _add(self, candidate: IceCandidate) -> None:
        await self._transport.addRemoteCandidate(
            RTCIceCandidate(
                component=candidate.component,
                foundation=candidate.foundation,
                ip=candidate.host,
                port=candidate.port,
                priority=candidate.priority,
                protocol=candidate.transport,
                type=candidate.kind,
            )
        )

    def send(self, datagram: bytes) -> bool:
        """Sends on the chosen pair; False when there is none."""
        pair = self._connection._nominated.get(1)
        if pair is None:
            return False
        pair.protocol.transport.sendto(datagram, pair.remote_addr)
        return True

    def _state_changed(self) -> None:
        if self._transport.state == "failed" and not self._closed:
            self._on_lost(self)

    async def close(self) -> None:
        """Closes the sockets. Nobody may be inside `connect` any more."""
        if self._closed:
            return
        self._closed = True
        self._connection._closing = True
        self._connection.abort_stun()
        if self._gathering is not None:
            await asyncio.gather(self._gathering, return_exceptions=True)
        await self._transport.stop()


class DtlsLink:
    """A DTLS-SRTP association (RFC 5764), over whichever ICE link it is attached to at the moment."""

    def __init__(
        self,
        certificate: RTCCertificate,
        *,
        on_rtp: Callable[[bytes], None],
        on_rtcp: Callable[[bytes], None],
        on_lost: Callable[[DtlsLink], None],
    ) -> None:
        self.ice: IceLink | None = None
        self.role_in_dtls = ""
        self._on_rtp = on_rtp
        self._on_rtcp = on_rtcp
        self._on_lost = on_lost
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue()
        # Asked for by RTCDtlsTransport for its statistics only.
        self.role = "controlled"
        self._transport = RTCDtlsTransport(self, [certificate])  # type: ignore[arg-type]
        self._transport.on("statechange", self._state_changed)
        self._closing = False

    @property
    def connected(self) -> bool:
        return self._transport.state == "connected"

    def datagram_received(self, datagram: bytes) -> None:
        """Everything that is not STUN (RFC 7983 7)."""
        if not datagram:
            return
        first = datagram[0]
        if 20 <= first <= 63:
            self._incoming.put_nowait(datagram)
        elif 128 <= first <= 191 and self._transport._rx_srtp is not None:
            self._srtp_received(datagram)

    def _srtp_received(self, datagram: bytes) -> None:
        try:
            if is_rtcp(datagram):
                self._on_rtcp(self._transport._rx_srtp.unprotect_rtcp(datagram))
            else:
                self._on_rtp(self._transport._rx_srtp.unprotect(datagram))
        except pylibsrtp.Error:
            # Replayed, damaged or forged (RFC 3711 3.3): dropped, as on any network.
            return

    async def handshake(self, role: str, fingerprints: Sequence[tuple[str, str]]) -> None:
        """`role` is "client" (we are `active`) or "server". Raises MediaFailed; the caller sets the time limit."""
        self.role_in_dtls = role
        self._transport._set_role(role)
        parameters = RTCDtlsParameters([RTCDtlsFingerprint(algorithm, value) for algorithm, value in fingerprints])
        await self._transport.start(parameters)
        if self._transport.state != "connected":
            raise MediaFailed("the encryption handshake with the peer failed (DTLS)")

    def send_rtp(self, packet: bytes) -> bool:
        """Encrypts and sends; False when there is no path."""
        if self.ice is None or not self.connected:
            return False
        return self.ice.send(self._transport._tx_srtp.protect(packet))

    def send_rtcp(self, packet: bytes) -> bool:
        """Encrypts and sends; False when there is no path."""
        if self.ice is None or not self.connected:
            return False
        return self.ice.send(self._transport._tx_srtp.protect_rtcp(packet))

    async def _recv(self) -> bytes:
        return await self._incoming.get()

    async def _send(self, datagram: bytes) -> None:
        if self.ice is None or not self.ice.send(datagram):
            raise ConnectionError("no ICE path")

    def _state_changed(self) -> None:
        if self._transport.state == "closed" and not self._closing:
            self._on_lost(self)

    async def close(self) -> None:
        """Tells the peer (close_notify) and stops. Nobody may be inside `handshake` any more."""
        self._closing = True
        task = self._transport._task
        await self._transport.stop()
        if task is not None:
            await asyncio.gather(task, return_exceptions=True)
        self._transport.remove_all_listeners()
