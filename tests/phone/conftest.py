from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from bot.clock import Clock
from bot.phone import (
    InboundSession,
    IncomingCall,
    OutboundSession,
    Phone,
    PhoneEvent,
    PhoneLimits,
    SipInfo,
)
from tests.phone.fake_media import FakeEngine
from tests.phone.server import DOMAIN, Peer, SipServer


@dataclass
class Rig:
    """A phone, registered at a scripted server, and what happened to it."""

    server: SipServer
    engine: FakeEngine
    phone: Phone
    events: list[PhoneEvent]
    peer: Peer | None = None
    log: list[tuple[str, str]] = field(default_factory=list)

    @property
    def wire(self) -> Peer:
        assert self.peer is not None
        return self.peer

    async def start(self) -> None:
        await self.phone.start()
        self.peer = await self.server.peer()

    def of(self, kind: type) -> list[PhoneEvent]:
        return [event for event in self.events if isinstance(event, kind)]

    async def ring(self, **invite: object) -> tuple[object, InboundSession]:
        """Let a call ring to the point where the receive confirm is answered."""
        request = self.server.invite(**invite)  # type: ignore[arg-type]
        await self.wire.send(request)
        await self.wire.response(100)
        await self.wire.response(180)
        if request.header("P-rc"):
            confirm = await self.wire.request("MESSAGE")
            assert 'Cmd="17"' in confirm.body
            await self.wire.reply(confirm, 100)
            await self.wire.reply(confirm, 200)
        await asyncio.sleep(0.01)
        event = self.of(IncomingCall)[-1]
        assert isinstance(event, IncomingCall)
        return request, event.session

    async def dial(self, callee: str = "+16505550123", **extra: object) -> OutboundSession:
        return await self.phone.call(callee, **extra)  # type: ignore[arg-type]


def sip_info(port: int, **changes: object) -> SipInfo:
    values: dict[str, object] = {
        "username": "16505550100*101",
        "password": "secret",
        "authorization_id": "800001",
        "domain": DOMAIN,
        "outbound_proxy": f"127.0.0.1:{port}",
        "transport": "WS",
        **changes,
    }
    return SipInfo(**values)  # type: ignore[arg-type]


def make_rig(server: SipServer, limits: PhoneLimits | None = None, **changes: object) -> Rig:
    engine, events, lines = FakeEngine(), [], []
    phone = Phone(
        sip_info(server.port, **changes),
        engine.as_engine,
        name="101",
        instance_id="instance-1",
        clock=Clock(),
        limits=limits,
        on_event=events.append,
        rng=random.Random(7),
        sip_log=lambda direction, text: lines.append((direction, text)),
    )
    return Rig(server, engine, phone, events, log=lines)


@pytest.fixture
async def server() -> AsyncIterator[SipServer]:
    async with SipServer() as running:
        yield running


@pytest.fixture
async def rig(server: SipServer) -> AsyncIterator[Rig]:
    """A phone that is registered; after the test it must stop and leave nothing behind."""
    before = asyncio.all_tasks()
    made = make_rig(server)
    await made.start()
    yield made
    await made.phone.stop()
    assert not made.phone.sessions
    await asyncio.sleep(2)
    assert asyncio.all_tasks() - {asyncio.current_task()} <= before
