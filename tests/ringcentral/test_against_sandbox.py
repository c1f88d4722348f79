"""The client against the sandbox's REST interface and event gateway, which were written from the same pages apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection, connect

from bot.clock import Clock
from bot.errors import RestError
from bot.ringcentral import Gateway, Provisioner, RestClient
from bot.ringcentral.directory import list_extensions, list_park_locations, list_queues
from bot.ringcentral.frames import Notification
from bot.ringcentral.presence import (
    PRESENCE_EVENTS,
    DndStatus,
    Presence,
    TelephonyStatus,
    fetch_presence,
    fetch_queue_members,
)
from bot.ringcentral.telephony import SESSION_EVENTS, PartyState, SipData, TelephonySession, merge
from bot.sandbox.sandbox import Sandbox
from bot.sandbox.switch.model import Party, PartyStatus, Session
from bot.sandbox.switch.model import SipData as SandboxSipData
from bot.sandbox.switch.switch import Switch


@dataclass
class World:
    """A sandbox, and clients logged in as its extensions."""

    sandbox: Sandbox
    clients: list[RestClient] = field(default_factory=list)

    @property
    def switch(self) -> Switch:
        return self.sandbox.switch

    def client(self, extension: str = "101", *, jwt: str = "") -> RestClient:
        account = self.sandbox.describe()
        jwts = {user["extension"]: user["jwt"] for user in account["extensions"]}
        client = RestClient(
            account["rest"],
            account["client_id"],
            SecretStr(account["client_secret"]),
            SecretStr(jwt or jwts[extension]),
            clock=Clock(),
        )
        self.clients.append(client)
        return client

    def id(self, extension: str) -> str:
        return self.switch.extensions[extension].id

    def ring(self, extension: str) -> Session:
        """A call from outside that rings at an extension."""
        caller = Party("p-a-1", "Outbound", "+16505550199", "Ada", status=PartyStatus.PROCEEDING)
        called = Party("p-a-2", "Inbound", extension, "Olivia", extension, PartyStatus.PROCEEDING)
        called.sip_data = SandboxSipData("call-id", "from-tag", "to-tag")
        session = Session(
            "s-a", "77", self.switch.clock.now(), caller, extension, parties=[caller, called], sequence=1
        )
        self.switch.sessions[session.id] = session
        return session

    def move(self, session: Session, party: Party, status: PartyStatus) -> None:
        party.move(status)
        session.sequence += 1
        self.switch.changed(session, party)


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with Sandbox() as sandbox:
        world = World(sandbox)
        yield world
        for client in world.clients:
            await client.close()


async def test_reads_the_account(world: World) -> None:
    rest = world.client()
    users = await list_extensions(rest, "User")
    assert [user.number for user in users] == [str(number) for number in range(101, 111)]
    assert users[0].id == world.id("101")
    assert [place.id for place in await list_park_locations(rest)] == ["101", "102", "103"]
    (queue,) = await list_queues(rest)
    assert (queue.name, queue.number) == ("Sales", "300")
    members = await fetch_queue_members(rest, queue.id)
    assert [(one.extension_number, one.accepts_queues, one.accepts_this_queue) for one in members] == [
        ("103", True, True),
        ("104", True, True),
    ]


async def test_reads_the_presence_of_an_extension_in_a_call(world: World) -> None:
    rest = world.client()
    free = await fetch_presence(rest, world.id("102"))
    assert (free.free, free.dnd) == (True, DndStatus.TAKE_ALL)
    world.ring("102")
    ringing = await fetch_presence(rest, world.id("102"))
    assert ringing.status is TelephonyStatus.RINGING
    (call,) = ringing.active_calls
    assert (call.caller.number, call.caller.name, call.telephony_session_id) == ("+16505550199", "Ada", "s-a")
    assert call.sip == SipData("call-id", "to-tag", "from-tag")


async def test_a_wrong_jwt_is_refused_for_good(world: World) -> None:
    rest = world.client(jwt="not.a.jwt")
    for _ in range(2):
        with pytest.raises(RestError) as caught:
            await list_queues(rest)
        assert caught.value.status == 400
        assert caught.value.code.startswith("OAU-")
        assert "JWT" in caught.value.hint


async def test_what_does_not_exist_is_told_by_its_code(world: World) -> None:
    with pytest.raises(RestError) as caught:
        await fetch_presence(world.client(), "999")
    assert (caught.value.status, caught.value.code) == (404, "CMN-102")


async def test_a_session_that_the_platform_ended_is_renewed(world: World) -> None:
    rest = world.client()
    await list_queues(rest)
    for _ in range(5):  # the platform allows a user five sessions, and ends the oldest
        await asyncio.sleep(61)
        await list_queues(world.client())
    assert await list_queues(rest)


async def test_limits_are_kept_without_a_single_refusal(world: World) -> None:
    rest = world.client()
    began = asyncio.get_running_loop().time()
    with structlog.testing.capture_logs() as logs:
        await asyncio.gather(*(list_queues(rest) for _ in range(90)))
    assert asyncio.get_running_loop().time() - began == pytest.approx(120, abs=1)
    assert [entry for entry in logs if entry["event"] == "request failed"] == []


async def test_provisions_a_phone_and_keeps_it(world: World, tmp_path: Path) -> None:
    rest = world.client("102")
    provisioner = Provisioner(rest, tmp_path)
    first = await provisioner.provision("102")
    assert first.sip_info["outboundProxy"] == world.sandbox.sip
    assert first.sip_info["username"] == "16505550100*102"
    assert first.extension_number == "102"
    assert first.retry_codes == (408, 503)
    assert await provisioner.provision("102") == first
    again = await provisioner.provision("102", refused=first)
    assert again.device_id == first.device_id


@dataclass
class Ears:
    """A gateway client, what it heard, and its sockets."""

    gateway: Gateway
    heard: list[Notification] = field(default_factory=list)
    resyncs: int = 0
    sockets: list[ClientConnection] = field(default_factory=list)
    cut: bool = False
    """The network is down: no connection is made."""

    def sessions(self) -> TelephonySession | None:
        known = None
        for notification in self.heard:
            if notification.event.endswith("/telephony/sessions"):
                known = merge(known, TelephonySession.read(notification.body))
        return known


@pytest.fixture
async def ears(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ears]:
    sockets: list[ClientConnection] = []

    async def remember(*args: object, **settings: object) -> ClientConnection:
        if made.cut:
            raise OSError("network is unreachable")
        socket = await connect(*args, **settings)  # type: ignore[arg-type]
        sockets.append(socket)
        return socket

    monkeypatch.setattr("bot.ringcentral.gateway.connect", remember)
    heard: list[Notification] = []
    filters = [
        SESSION_EVENTS.format(extension_id=world.id("102")),
        PRESENCE_EVENTS.format(extension_id=world.id("102")),
    ]

    async def resync() -> None:
        made.resyncs += 1

    gateway = Gateway(world.client(), filters, heard.append, clock=Clock(), on_resync=resync)
    made = Ears(gateway, heard, sockets=sockets)
    running = asyncio.create_task(gateway.run())
    async with asyncio.timeout(30):
        await gateway.ready()
    await asyncio.sleep(0.1)
    yield made
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_hears_how_a_call_goes(world: World, ears: Ears) -> None:
    assert ears.gateway.subscription is not None
    assert ears.gateway.subscription.disabled == ()
    session = world.ring("102")
    world.move(session, session.parties[1], PartyStatus.ANSWERED)
    world.move(session, session.parties[1], PartyStatus.DISCONNECTED)
    await asyncio.sleep(1)
    known = ears.sessions()
    assert known is not None
    party = known.party_of(world.id("102"))
    assert party is not None
    assert (party.state, party.sip.call_id) == (PartyState.DISCONNECTED, "call-id")
    presences = [Presence.read(one.body).status for one in ears.heard if "/presence" in one.event]
    assert presences == [TelephonyStatus.CALL_CONNECTED, TelephonyStatus.NO_CALL]


async def test_what_was_missed_during_a_loss_is_heard_after_the_recovery(world: World, ears: Ears) -> None:
    session = world.ring("102")
    world.move(session, session.parties[1], PartyStatus.ANSWERED)
    await asyncio.sleep(1)
    before = len(ears.heard)
    ears.sockets[0].transport.abort()
    world.move(session, session.parties[1], PartyStatus.HOLD)
    await asyncio.sleep(30)
    assert ears.gateway.connected
    assert len(ears.sockets) == 2
    known = ears.sessions()
    assert known is not None
    assert known.parties["p-a-2"].state is PartyState.HOLD
    assert len(ears.heard) == before + 2  # the session's and the presence's, each once
    assert ears.resyncs == 1


async def test_after_too_long_a_loss_it_subscribes_and_reads_anew(world: World, ears: Ears) -> None:
    ears.cut = True
    ears.sockets[0].transport.abort()
    await asyncio.sleep(300)
    assert not ears.gateway.connected
    ears.cut = False
    async with asyncio.timeout(90):
        await ears.gateway.ready()
    await asyncio.sleep(1)
    assert ears.gateway.connected
    assert ears.resyncs == 2
    session = world.ring("102")
    world.move(session, session.parties[1], PartyStatus.ANSWERED)
    await asyncio.sleep(1)
    assert ears.sessions() is not None


@pytest.fixture
def short_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gateway closes a connection after ten minutes rather than after 24 hours."""
    monkeypatch.setattr("bot.sandbox.rest.gateway.ABSOLUTE_TIMEOUT", 600.0)


async def test_a_connection_that_the_gateway_closes_by_its_age_is_made_again(
    short_day: None, world: World, ears: Ears
) -> None:
    await asyncio.sleep(1300)
    async with asyncio.timeout(60):
        await ears.gateway.ready()
    assert len(ears.sockets) == 3
    session = world.ring("102")
    world.move(session, session.parties[1], PartyStatus.ANSWERED)
    await asyncio.sleep(1)
    assert ears.sessions() is not None
