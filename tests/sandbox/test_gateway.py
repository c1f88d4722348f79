"""The sandbox's event gateway, asked by a bare client and by the bot's own."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from bot.clock import Clock
from bot.media import MediaEngine, MediaOptions, Speech
from bot.ringcentral import Gateway, RestClient
from bot.ringcentral.frames import Notification
from bot.sandbox.options import SandboxOptions
from bot.sandbox.people.company import People
from bot.sandbox.rest.auth import CLIENT_ID, JWT_GRANT, Login
from bot.sandbox.rest.errors import RestProblem
from bot.sandbox.rest.gateway import _parse
from bot.sandbox.rest.server import RestServer
from bot.sandbox.switch.model import Change, Party, PartyStatus, Session
from bot.sandbox.switch.switch import Switch

SESSIONS = "/restapi/v1.0/account/~/extension/~/telephony/sessions"
PRESENCE = "/restapi/v1.0/account/~/extension/{}/presence?detailedTelephonyState=true&sipData=true"


class Fixture:
    def __init__(self, server: RestServer, switch: Switch) -> None:
        self.server = server
        self.switch = switch

    def login(self, extension: str = "101") -> Login:
        auth, found = self.server.auth, self.switch.extensions[extension]
        basic = base64.b64encode(f"{CLIENT_ID}:{auth.client_secret}".encode()).decode()
        return auth.grant(f"Basic {basic}", JWT_GRANT, auth.jwt(found))

    @asynccontextmanager
    async def connected(self, wsc: str = "", extension: str = "101") -> AsyncIterator[Client]:
        token = self.server.auth.ws_token(self.login(extension))
        uri = f"{self.server.url.replace('http', 'ws')}/ws?access_token={token}" + (f"&wsc={wsc}" if wsc else "")
        async with connect(uri, proxy=None) as socket:
            yield Client(socket)

    def call(self, extension: str = "101") -> Session:
        caller = Party("p-1-1", "Outbound", "+16505550199", "Ada")
        called = Party("p-1-2", "Inbound", extension, "Olivia", extension)
        session = Session("s-1", "77", self.switch.clock.now(), caller, extension, parties=[caller, called])
        self.switch.sessions[session.id] = session
        return session

    def change(self, session: Session, status: PartyStatus) -> None:
        party = session.parties[1]
        party.move(status)
        session.sequence += 1
        self.switch.changes.tell(Change(session, party))


class Client:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def receive(self) -> tuple[dict[str, Any], Any]:
        async with asyncio.timeout(5):
            frame = json.loads(await self.socket.recv())
        return frame[0], frame[1] if len(frame) > 1 else None

    async def ask(self, *frame: object) -> tuple[dict[str, Any], Any]:
        await self.socket.send(json.dumps(frame))
        return await self.receive()

    async def subscribe(self, *filters: str) -> tuple[dict[str, Any], Any]:
        meta = {"type": "ClientRequest", "messageId": "m", "method": "POST", "path": "/restapi/v1.0/subscription"}
        return await self.ask(meta, {"eventFilters": filters, "deliveryMode": {"transportType": "WebSocket"}})


@pytest.fixture
async def rest() -> AsyncIterator[Fixture]:
    speech = Speech()
    switch = Switch(SandboxOptions(), MediaEngine(MediaOptions(loopback=True)), speech, Clock())
    async with RestServer(
        switch, People([], switch, speech), sip_info=lambda _extension, _device: {}, describe=dict
    ) as server:
        yield Fixture(server, switch)
    await speech.close()


async def test_the_first_frame_tells_the_limits(rest: Fixture) -> None:
    async with rest.connected() as client:
        meta, body = await client.receive()
    assert meta["type"] == "ConnectionDetails"
    assert meta["wsc"]["sequence"] == 1
    assert (body["recoveryBufferSize"], body["recoveryTimeout"], body["absoluteTimeout"]) == (100, 180, 86400)
    assert "recoveryState" not in body


async def test_a_token_opens_one_connection_only(rest: Fixture) -> None:
    token = rest.server.auth.ws_token(rest.login())
    uri = f"{rest.server.url.replace('http', 'ws')}/ws?access_token={token}"
    async with connect(uri, proxy=None) as socket:
        await socket.recv()
    with pytest.raises(InvalidStatus):
        await connect(uri, proxy=None)


async def test_a_subscriber_is_told_of_its_sessions_and_of_no_others(rest: Fixture) -> None:
    async with rest.connected() as client:
        await client.receive()
        meta, body = await client.subscribe(SESSIONS)
        assert (meta["type"], meta["messageId"], meta["status"]) == ("ClientRequest", "m", 200)
        assert (body["status"], body["disabledFilters"]) == ("Active", [])
        other, mine = rest.call("102"), rest.call("101")
        rest.change(other, PartyStatus.PROCEEDING)
        rest.change(mine, PartyStatus.PROCEEDING)
        rest.change(mine, PartyStatus.ANSWERED)
        frames = [await client.receive() for _ in range(2)]
    first, second = (notification["body"] for _, notification in frames)
    assert {meta["type"] for meta, _ in frames} == {"ServerNotification"}
    assert frames[1][0]["wsc"]["sequence"] > frames[0][0]["wsc"]["sequence"]
    assert [one["parties"][0]["status"]["code"] for one in (first, second)] == ["Proceeding", "Answered"]
    assert second["sequence"] > first["sequence"]
    own = rest.switch.extensions["101"].id
    assert frames[0][1]["event"].endswith(f"/extension/{own}/telephony/sessions")
    assert (frames[0][1]["subscriptionId"], frames[0][1]["ownerId"]) == (body["id"], own)
    assert frames[0][0]["messageId"] == frames[0][1]["uuid"]


async def test_presence_of_an_agent_and_of_a_park_location(rest: Fixture) -> None:
    agent, location = rest.switch.extensions["102"], rest.switch.park_locations["101"]
    async with rest.connected() as client:
        await client.receive()
        await client.subscribe(PRESENCE.format(agent.id), PRESENCE.format(location.id))
        session = rest.call("102")
        rest.change(session, PartyStatus.ANSWERED)
        _, talking = await client.receive()
        location.session, location.party = session, session.caller
        session.caller.move(PartyStatus.ANSWERED)
        session.caller.move(PartyStatus.PARKED)
        rest.switch.changes.tell(Change(session, session.caller, location))
        _, parked = await client.receive()
    assert talking["event"].endswith("presence?detailedTelephonyState=true&sipData=true")
    assert (talking["body"]["extensionId"], talking["body"]["telephonyStatus"]) == (agent.id, "CallConnected")
    assert (parked["body"]["extensionId"], parked["body"]["telephonyStatus"]) == (location.id, "ParkedCall")
    assert parked["body"]["sequence"] > talking["body"]["sequence"]


async def test_a_filter_that_is_not_known_is_disabled_and_the_rest_works(rest: Fixture) -> None:
    async with rest.connected() as client:
        await client.receive()
        _, body = await client.subscribe(SESSIONS, "/restapi/v1.0/account/~/fax")
    assert [one["filter"] for one in body["disabledFilters"]] == ["/restapi/v1.0/account/~/fax"]
    assert len(body["eventFilters"]) == 1


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ([{"type": "ClientRequest", "method": "POST", "path": "/restapi/v1.0/subscription"}, {}], "CMN-101"),
        ([{"type": "ClientRequest", "method": "GET", "path": "/restapi/v1.0/other"}], "CMN-102"),
        ([{"type": "ClientRequest", "method": "DELETE", "path": "/restapi/v1.0/subscription/x"}], "SUB-102"),
        ([{"type": "Greeting"}], "CMN-101"),
        (["text"], "CMN-101"),
        ([], "CMN-101"),
    ],
)
async def test_a_bad_request_is_answered_with_an_error_frame(rest: Fixture, frame: list[object], code: str) -> None:
    async with rest.connected() as client:
        await client.receive()
        meta, body = await client.ask(*frame)
        assert (meta["type"], body["errorCode"]) == ("Error", code)
        meta, _ = await client.ask({"type": "Heartbeat", "messageId": "h"})
        assert (meta["type"], meta["messageId"]) == ("Heartbeat", "h")


async def test_a_second_subscription_is_refused_and_the_first_can_be_renewed_and_ended(rest: Fixture) -> None:
    async with rest.connected() as client:
        await client.receive()
        _, first = await client.subscribe(SESSIONS)
        meta, _ = await client.subscribe(SESSIONS)
        assert meta["type"] == "Error"
        path = f"/restapi/v1.0/subscription/{first['id']}"
        renewal = {"type": "ClientRequest", "messageId": "r", "method": "PUT", "path": path}
        _, renewed = await client.ask(renewal, {"eventFilters": [SESSIONS]})
        assert renewed["id"] == first["id"]
        meta, _ = await client.ask({**renewal, "method": "DELETE"})
        assert meta["status"] == 204


async def test_what_was_missed_comes_after_a_recovery(rest: Fixture) -> None:
    async with rest.connected() as client:
        await client.receive()
        meta, _ = await client.subscribe(SESSIONS)
    session = rest.call()
    rest.change(session, PartyStatus.PROCEEDING)
    rest.change(session, PartyStatus.ANSWERED)
    await asyncio.sleep(100)
    async with rest.connected(meta["wsc"]["token"]) as client:
        _, details = await client.receive()
        assert details["recoveryState"] == "Successful"
        missed = [(await client.receive())[1]["body"]["parties"][0]["status"]["code"] for _ in range(2)]
        assert missed == ["Proceeding", "Answered"]
        rest.change(session, PartyStatus.DISCONNECTED)
        _, notification = await client.receive()
        assert notification["body"]["parties"][0]["status"]["code"] == "Disconnected"


async def test_a_recovered_subscription_outlives_the_lost_connection_that_is_noticed_later(rest: Fixture) -> None:
    async with rest.connected() as lost:
        await lost.receive()
        meta, _ = await lost.subscribe(SESSIONS)
        async with rest.connected(meta["wsc"]["token"]) as client:
            await client.receive()
            await lost.socket.close()
            await asyncio.sleep(300)
            rest.change(rest.call(), PartyStatus.PROCEEDING)
            meta, _ = await client.receive()
            assert meta["type"] == "ServerNotification"


async def test_a_recovery_that_comes_too_late_fails_and_leaves_a_fresh_connection(rest: Fixture) -> None:
    async with rest.connected() as client:
        meta, _ = await client.receive()
    await asyncio.sleep(200)
    async with rest.connected(meta["wsc"]["token"]) as client:
        _, details = await client.receive()
        assert details["recoveryState"] == "Failed"
        meta, _ = await client.subscribe(SESSIONS)
        assert meta["status"] == 200


async def test_a_token_of_somebody_else_does_not_recover(rest: Fixture) -> None:
    async with rest.connected() as client:
        meta, _ = await client.receive()
    async with rest.connected(meta["wsc"]["token"], "102") as client:
        _, details = await client.receive()
    assert details["recoveryState"] == "Failed"


async def test_the_bots_own_client_logs_in_subscribes_and_gets_events(rest: Fixture) -> None:
    jwt = rest.server.auth.jwt(rest.switch.extensions["101"])
    told: list[Notification] = []
    secret = SecretStr(rest.server.auth.client_secret)
    clock = rest.switch.clock
    async with RestClient(rest.server.url, CLIENT_ID, secret, SecretStr(jwt), clock=clock) as client:
        gateway = Gateway(client, [SESSIONS], told.append, clock=clock)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(gateway.run())
            await gateway.ready()
            session = rest.call()
            rest.change(session, PartyStatus.PROCEEDING)
            await asyncio.sleep(1)
            assert len(told) == 1
            running.cancel()


async def test_stopping_the_server_ends_open_connections(rest: Fixture) -> None:
    async with rest.connected() as client:
        await client.receive()
        begin = asyncio.get_running_loop().time()
        await rest.server.stop()
        assert asyncio.get_running_loop().time() - begin < 2
        await client.socket.wait_closed()


@given(st.text(max_size=200))
def test_any_frame_is_read_or_refused(text: str) -> None:
    try:
        meta, body = _parse(text)
    except RestProblem:
        return
    assert isinstance(meta, dict)
    assert isinstance(body, dict)
