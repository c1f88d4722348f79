"""The event gateway's client against a small gateway on a real socket: losses, recovery, refusals, a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog
from websockets.asyncio.server import ServerConnection, serve

from bot.clock import Clock
from bot.errors import NoReply, RestError
from bot.ringcentral.frames import Notification
from bot.ringcentral.gateway import WSTOKEN, Gateway, GatewayLimits
from bot.ringcentral.http import RestClient
from tests.ringcentral.scripted import Platform, reply

FILTER = "/restapi/v1.0/account/~/extension/~/telephony/sessions"


@dataclass
class Server:
    """Keeps the current connection at hand; `recovery` is what it says to a `wsc` token."""

    port: int = 0
    recovery: str = "Successful"
    details: bool = True
    subscription: tuple[int, dict[str, Any]] = (200, {"id": "sub-1", "eventFilters": [FILTER]})
    queries: list[dict[str, str]] = field(default_factory=list)
    received: list[list[Any]] = field(default_factory=list)
    early: list[str] = field(default_factory=list)
    """Frames that it sends before the reply to a subscription."""
    sequence: int = 0
    current: ServerConnection | None = None

    async def handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = {name: values[0] for name, values in parse_qs(urlsplit(connection.request.path).query).items()}
        self.queries.append(query)
        self.current = connection
        if self.details:
            body: dict[str, Any] = {"recoveryTimeout": 180, "idleTimeout": 1800, "absoluteTimeout": 86400}
            if "wsc" in query:
                body["recoveryState"] = self.recovery
            await self.send("ConnectionDetails", "cd", body)
        async for text in connection:
            frame = json.loads(text)
            self.received.append(frame)
            if frame[0]["type"] == "ClientRequest":
                for early in self.early:
                    await connection.send(early)
                status, body = self.subscription
                await self.send("ClientRequest", frame[0]["messageId"], body, status)

    async def send(self, kind: str, message_id: str, body: dict[str, Any], status: int = 200) -> None:
        assert self.current is not None
        self.sequence += 1
        wsc = {"token": f"wsc-{self.sequence}", "sequence": self.sequence}
        await self.current.send(
            json.dumps([{"type": kind, "messageId": message_id, "status": status, "wsc": wsc}, body])
        )

    async def notify(self, number: int) -> None:
        await self.send("ServerNotification", f"n{number}", {"event": FILTER, "body": {"number": number}})

    @property
    def subscriptions(self) -> int:
        return sum(frame[0]["type"] == "ClientRequest" for frame in self.received)

    async def drop(self) -> None:
        assert self.current is not None
        self.current.transport.abort()
        await asyncio.sleep(0.1)


@pytest.fixture
async def server(platform: Platform) -> AsyncIterator[Server]:
    server = Server()
    async with serve(server.handle, "127.0.0.1", 0) as listening:
        server.port = next(iter(listening.sockets)).getsockname()[1]
        tokens = iter(range(1, 1000))
        platform.script[WSTOKEN.path] = [
            lambda _: reply(200, {"uri": f"ws://127.0.0.1:{server.port}/ws", "ws_access_token": f"ws-{next(tokens)}"})
        ]
        yield server


@dataclass
class Client:
    gateway: Gateway
    numbers: list[object]
    resyncs: list[float]
    running: asyncio.Task[None]

    async def heard(self, *numbers: int) -> None:
        async with asyncio.timeout(30):
            while self.numbers != list(numbers):  # noqa: ASYNC110 - hears of it as its user does
                await asyncio.sleep(0.05)


Start = Callable[..., Awaitable[Client]]


@pytest.fixture
async def start(rest: RestClient) -> AsyncIterator[Start]:
    async with contextlib.AsyncExitStack() as stack:

        async def begin(ready: bool = True, fail: list[Exception] | None = None, **limits: float) -> Client:
            numbers: list[object] = []
            resyncs: list[float] = []

            def hear(notification: Notification) -> None:
                if notification.body["number"] == 13:
                    raise ValueError("unlucky")
                numbers.append(notification.body["number"])

            async def resync() -> None:
                resyncs.append(asyncio.get_running_loop().time())
                if fail:
                    raise fail.pop(0)

            gateway = Gateway(
                rest,
                [FILTER],
                hear,
                clock=Clock(),
                on_resync=resync,
                limits=GatewayLimits(**limits),
                rng=random.Random(1),
            )
            running = asyncio.create_task(gateway.run())

            async def end() -> None:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)

            stack.push_async_callback(end)
            if ready:
                async with asyncio.timeout(60):
                    await gateway.ready()
                await asyncio.sleep(0.1)
            return Client(gateway, numbers, resyncs, running)

        yield begin


async def test_subscribes_after_the_connection_details_and_delivers_events(start: Start, server: Server) -> None:
    client = await start()
    assert server.queries == [{"access_token": "ws-1"}]
    assert server.received[0][1] == {"eventFilters": [FILTER], "deliveryMode": {"transportType": "WebSocket"}}
    for number in (1, 2, 3):
        await server.notify(number)
    await client.heard(1, 2, 3)
    assert client.gateway.connected
    assert client.gateway.subscription is not None
    assert client.gateway.subscription.id == "sub-1"
    assert len(client.resyncs) == 1


async def test_an_event_before_the_reply_to_the_subscription_is_not_lost(start: Start, server: Server) -> None:
    server.early = [json.dumps([{"type": "ServerNotification"}, {"event": FILTER, "body": {"number": 5}}])]
    client = await start()
    await client.heard(5)


async def test_a_lost_connection_is_recovered_with_the_newest_token_and_a_new_login_ticket(
    start: Start, server: Server
) -> None:
    client = await start()
    await server.notify(1)
    await client.heard(1)
    newest = server.sequence
    await server.drop()
    assert not client.gateway.connected
    await client.gateway.ready()
    assert server.queries[1] == {"access_token": "ws-2", "wsc": f"wsc-{newest}"}
    await server.notify(2)
    await client.heard(1, 2)
    assert server.subscriptions == 1
    assert len(client.resyncs) == 1


async def test_a_failed_recovery_subscribes_anew_and_asks_for_the_state(start: Start, server: Server) -> None:
    client = await start()
    server.recovery = "Failed"
    await server.drop()
    await client.gateway.ready()
    await asyncio.sleep(0.1)
    assert "wsc" in server.queries[1]
    assert server.subscriptions == 2
    assert len(client.resyncs) == 2


async def test_after_the_recovery_timeout_no_recovery_is_tried(
    start: Start, server: Server, platform: Platform
) -> None:
    client = await start()
    good = platform.script[WSTOKEN.path]
    platform.script[WSTOKEN.path] = [reply(500)]
    await server.drop()
    await asyncio.sleep(400)
    platform.script[WSTOKEN.path] = good
    await client.gateway.ready()
    await asyncio.sleep(0.1)
    assert server.queries[1] == {"access_token": "ws-2"}
    assert len(client.resyncs) == 2


async def test_a_resync_that_fails_is_done_again(start: Start, server: Server) -> None:
    client = await start(fail=[NoReply("slow"), RestError("no", status=500)])
    await asyncio.sleep(30)
    assert len(client.resyncs) == 3
    await server.notify(1)
    await client.heard(1)


async def test_a_resync_cut_off_by_a_loss_is_done_after_the_recovery(start: Start, server: Server) -> None:
    client = await start(fail=[NoReply("slow")])
    await server.drop()
    await client.gateway.ready()
    await asyncio.sleep(10)
    assert server.subscriptions == 1
    assert len(client.resyncs) == 2


async def test_a_frame_that_cannot_be_read_is_passed_over(start: Start, server: Server) -> None:
    client = await start()
    assert server.current is not None
    for junk in ("junk", "[]", b"\x00", '[{"type":"Tomorrow"}]', '[{"type":"Error","status":500}]'):
        await server.current.send(junk)
    await server.notify(1)
    await client.heard(1)


async def test_an_event_that_its_owner_cannot_handle_does_not_end_the_rest(start: Start, server: Server) -> None:
    client = await start()
    with structlog.testing.capture_logs() as logs:
        for number in (12, 13, 14):
            await server.notify(number)
        await client.heard(12, 14)
    assert any(entry["event"] == "event not handled" for entry in logs)


async def test_pings_are_answered_while_nothing_else_happens(start: Start, server: Server) -> None:
    await start()
    assert server.current is not None
    async with asyncio.timeout(10):
        await (await server.current.ping())


async def test_a_server_that_stops_answering_is_left(start: Start, server: Server) -> None:
    client = await start(ping=5.0, pong=5.0)
    assert server.current is not None
    server.current.transport.pause_reading()
    await asyncio.sleep(20)
    assert len(server.queries) == 2
    assert client.gateway.connected


async def test_an_idle_connection_says_that_it_is_there(start: Start, server: Server) -> None:
    await start(heartbeat=60.0)
    await asyncio.sleep(190)
    assert [frame[0]["type"] for frame in server.received[1:]] == ["Heartbeat"] * 3


async def test_a_refused_app_permission_ends_the_run(start: Start, server: Server, platform: Platform) -> None:
    platform.script[WSTOKEN.path] = [reply(403, {"errorCode": "CMN-401", "message": "WebSocketsSubscription"})]
    client = await start(ready=False)
    with pytest.raises(RestError, match="developer console"):
        await client.gateway.ready()
    with pytest.raises(RestError, match="developer console"):
        await client.running


async def test_refused_filters_end_the_run(start: Start, server: Server) -> None:
    server.subscription = (400, {"errorCode": "SUB-505", "message": "none of the filters"})
    client = await start(ready=False)
    with pytest.raises(RestError) as caught:
        await client.running
    assert caught.value.code == "SUB-505"


async def test_filters_that_were_not_taken_are_logged(start: Start, server: Server) -> None:
    server.subscription = (200, {"id": "s", "disabledFilters": [{"filter": "/b", "reason": "no permission"}]})
    with structlog.testing.capture_logs() as logs:
        client = await start()
    assert client.gateway.subscription is not None
    assert client.gateway.subscription.disabled == (("/b", "no permission"),)
    assert {
        "event": "event filter not taken",
        "filter": "/b",
        "reason": "no permission",
        "log_level": "error",
    } in logs


async def test_a_silent_gateway_is_tried_again_with_growing_pauses(start: Start, server: Server) -> None:
    server.details = False
    client = await start(ready=False)
    await asyncio.sleep(120)
    assert 4 <= len(server.queries) <= 10
    server.details = True
    async with asyncio.timeout(120):
        await client.gateway.ready()


async def test_a_gateway_that_closes_at_once_is_not_asked_more_often_than_the_limit(
    start: Start, server: Server
) -> None:
    client = await start()
    for _ in range(8):
        await server.drop()
        await client.gateway.ready()
    assert asyncio.get_running_loop().time() >= 60  # five logins and tickets a minute


async def test_no_gateway_at_all_is_waited_for(start: Start, server: Server) -> None:
    port, server.port = server.port, 1
    client = await start(ready=False)
    await asyncio.sleep(30)
    assert not client.gateway.connected
    server.port = port
    async with asyncio.timeout(120):
        await client.gateway.ready()


async def test_an_address_in_clear_text_elsewhere_is_not_used(
    start: Start, server: Server, platform: Platform
) -> None:
    platform.script[WSTOKEN.path] = [reply(200, {"uri": "ws://elsewhere.example/ws", "ws_access_token": "t"})]
    with structlog.testing.capture_logs() as logs:
        await start(ready=False)
        await asyncio.sleep(1)
    assert any("no secure address" in str(entry.get("error")) for entry in logs)


async def test_cancelling_closes_the_connection_and_leaves_no_task(start: Start, server: Server) -> None:
    before = asyncio.all_tasks()
    client = await start()
    connection = server.current
    assert connection is not None
    client.running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client.running
    await connection.wait_closed()
    await asyncio.sleep(0.1)
    assert connection.close_code == 1000
    assert asyncio.all_tasks() == before
    assert not client.gateway.connected


async def test_no_token_is_logged(start: Start, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with structlog.testing.capture_logs() as logs:
        client = await start()
        await server.drop()
        await client.gateway.ready()
    told = f"{logs} {[record.getMessage() for record in caplog.records if not record.name.startswith('websockets')]}"
    assert "ws-1" not in told
    assert "wsc-1" not in told
