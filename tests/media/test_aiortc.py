"""What our adapter stands on below the public names of aiortc and aioice, and aiortc's own peer as the other side.

When one of the first tests fails after an upgrade, its name says which foundation of `bot/media/_aiortc.py` moved.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator

import aioice
import aioice.ice
import aiortc
import numpy as np
import pytest
import pytest_asyncio
from aiortc import RTCConfiguration, RTCDtlsTransport, RTCIceGatherer, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack

from bot.errors import MediaFailed
from bot.media import MediaEngine, MediaOptions, MediaSession, MediaState, ToneSource, dominant_frequency
from bot.media._aiortc import IceLink, _Connection
from tests.media.line import connect, record


def test_gathering_takes_the_addresses_as_an_argument() -> None:
    parameters = inspect.signature(aioice.Connection.get_component_candidates).parameters
    assert list(parameters) == ["self", "component", "addresses", "timeout"]


async def test_datagrams_reach_one_method_that_can_be_replaced() -> None:
    assert list(inspect.signature(aioice.ice.StunProtocol.datagram_received).parameters) == ["self", "data", "addr"]
    got: list[bytes] = []
    connection = _Connection(None, True, got.append)
    await connection.gather_candidates()
    connection._protocols[0].datagram_received(b"\x80data", ("127.0.0.1", 1))
    connection._protocols[0].datagram_received(b"\x00junk", ("127.0.0.1", 1))
    assert connection._queue.empty()
    await connection.close()
    assert got == [b"\x80data"]


async def test_a_gatherer_has_a_connection_that_can_be_replaced() -> None:
    gatherer = RTCIceGatherer(iceServers=[])
    assert type(gatherer._connection) is aioice.Connection
    assert gatherer._connection.stun_server is None
    gatherer._connection = _Connection(None, True, lambda _data: None)
    await gatherer.gather()
    assert [candidate.ip for candidate in gatherer.getLocalCandidates()] == ["127.0.0.1"]
    await gatherer._connection.close()


def test_a_dtls_transport_asks_little_of_its_ice_transport() -> None:
    source = inspect.getsource(RTCDtlsTransport)
    used = {part.split("(")[0].split(")")[0].split(",")[0].split()[0] for part in source.split("self.transport.")[1:]}
    assert used == {"_recv", "_send", "role"}


async def test_the_pair_in_use_and_the_keys_are_where_we_look(engine: MediaEngine) -> None:
    caller, callee = engine.session(), engine.session()
    await connect(caller, callee)
    route = caller._path.latest
    pair = route.ice._connection._nominated[1]
    assert pair.remote_addr[0] == "127.0.0.1"
    assert hasattr(pair.protocol.transport, "sendto")
    assert route.dtls._transport._rx_srtp is not None
    assert route.dtls._transport._tx_srtp is not None
    assert route.dtls._transport._task is not None


def test_connection_has_what_a_fork_moves() -> None:
    source = inspect.getsource(aioice.Connection)
    for name in ("_protocols", "_local_candidates", "_local_candidates_start", "_local_candidates_end", "_closing"):
        assert f"self.{name}" in source, name
    assert "self.receiver" in inspect.getsource(aioice.ice.StunProtocol)


async def test_without_the_option_loopback_is_not_offered() -> None:
    link = IceLink(stun_server="", loopback=False, on_lost=lambda _link: None)
    with contextlib.suppress(MediaFailed):  # on a machine without a network
        await link.gather()
    assert all(candidate.host != "127.0.0.1" for candidate in link.candidates)
    await link.close()


async def test_a_dead_stun_server_holds_an_offer_up_for_half_a_second_at_most() -> None:
    silent = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )
    port = silent[0].get_extra_info("sockname")[1]
    link = IceLink(stun_server=f"127.0.0.1:{port}", loopback=True, on_lost=lambda _link: None)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await link.gather()
    assert loop.time() - began <= 0.51
    assert len(link.candidates) == 1
    await link.close()
    silent[0].close()
    await asyncio.sleep(0)


async def test_closing_does_not_wait_for_a_stun_server() -> None:
    silent = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )
    port = silent[0].get_extra_info("sockname")[1]
    link = IceLink(stun_server=f"127.0.0.1:{port}", loopback=True, on_lost=lambda _link: None)
    gathering = asyncio.create_task(link.gather())
    await asyncio.sleep(0.1)
    began = asyncio.get_running_loop().time()
    await link.close()
    assert asyncio.get_running_loop().time() - began < 0.05
    await gathering
    silent[0].close()
    await asyncio.sleep(0)


# aiortc's own RTCPeerConnection as the other side


class Peer:
    """aiortc as it comes, with a track that hums at 1400 Hz."""

    def __init__(self) -> None:
        self.pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.heard: list[aiortc.MediaStreamTrack] = []
        self.pc.addTrack(Hum())
        self.pc.on("track", self.heard.append)

    async def offer(self) -> str:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return self.pc.localDescription.sdp

    async def answer(self, offer: str) -> str:
        await self.pc.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await self.pc.setLocalDescription(await self.pc.createAnswer())
        return self.pc.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def hears(self, hz: float) -> None:
        parts = []
        for _each in range(50):
            frame = await self.heard[0].recv()
            samples = frame.to_ndarray().reshape(-1, len(frame.layout.channels))[:, 0]
            parts.append(samples[:: frame.sample_rate // 8000])
        assert dominant_frequency(np.concatenate(parts[10:])) == pytest.approx(hz, abs=8)


class Hum(AudioStreamTrack):
    """A tone in the pace that the base class keeps."""

    def __init__(self) -> None:
        super().__init__()
        self._tone = ToneSource([1400])

    async def recv(self) -> aiortc.mediastreams.Frame:
        frame = await super().recv()
        for plane in frame.planes:
            plane.update(self._tone.read().tobytes())
        return frame


@pytest_asyncio.fixture
async def peer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Peer]:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_kinds: ["127.0.0.1"])
    peer = Peer()
    yield peer
    await peer.pc.close()
    await asyncio.sleep(0.1)


async def hears_the_hum(session: MediaSession) -> None:
    assert dominant_frequency((await record(session, 1))[2400:]) == pytest.approx(1400, abs=8)


@pytest.mark.real_time
@pytest.mark.parametrize("codec_name", ["PCMU", "opus"])
async def test_aiortc_offers_and_each_hears_the_other(peer: Peer, codec_name: str) -> None:
    async with MediaEngine(MediaOptions(loopback=True, codecs=(codec_name,))) as engine:
        session = engine.session()
        session.source = ToneSource([600])
        await peer.accept(await session.create_answer(await peer.offer()))
        await session.connected()
        await asyncio.gather(hears_the_hum(session), peer.hears(600))


@pytest.mark.real_time
async def test_aiortc_answers_and_keeps_its_ice_when_we_restart(peer: Peer) -> None:
    async with MediaEngine(MediaOptions(loopback=True)) as engine:
        session = engine.session()
        session.source = ToneSource([600])
        await session.apply_answer(await peer.answer(await session.create_offer()))
        await session.connected()
        await asyncio.gather(hears_the_hum(session), peer.hears(600))
        await session.apply_answer(await peer.answer(await session.create_offer(ice_restart=True)))
        assert session.state is MediaState.CONNECTED
        await asyncio.gather(hears_the_hum(session), peer.hears(600))
