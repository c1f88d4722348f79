"""The event gateway: a WebSocket on which clients subscribe and are told what happens, with recovery.

Frames are JSON arrays `[meta, body?]`. Every frame that the gateway sends carries `wsc{token, sequence}`; a client
that lost its connection comes back with the newest token within `RECOVERY_TIMEOUT` and gets what it missed.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NoReturn
from uuid import uuid4

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.clock import Clock
from bot.log import get_logger
from bot.sandbox.rest.auth import Login
from bot.sandbox.rest.errors import RestProblem, error_body
from bot.sandbox.rest.filters import EventFilter, parse_filter
from bot.sandbox.rest.platform import Json, Platform
from bot.sandbox.rest.shapes import iso
from bot.sandbox.switch.model import Change

__all__ = ["EventGateway"]

log = get_logger(__name__)

RECOVERY_BUFFER = 100
RECOVERY_TIMEOUT = 180.0
IDLE_TIMEOUT = 1800.0
ABSOLUTE_TIMEOUT = 86_400.0
SUBSCRIPTION_LIFE = 86_400
SUBSCRIPTION_PATH = "/restapi/v1.0/subscription"
_POLICY_VIOLATION = 1008


@dataclass(slots=True)
class _Subscription:
    id: str
    filters: dict[str, EventFilter]


@dataclass(slots=True)
class _Line:
    """What outlives a connection: the subscription, and the newest notifications with their sequence numbers."""

    login: Login
    key: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    sequence: int = 0
    subscription: _Subscription | None = None
    recent: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=RECOVERY_BUFFER))
    news: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    """One, or none; for a moment two, when a lost one is noticed only after its recovery."""
    lost_at: float | None = None
    """When its last connection was lost (seconds on the loop's clock); None while there is one."""

    def frame(self, type_: str, message_id: str, status: int, body: object = None) -> str:
        """The next frame, as text."""
        self.sequence += 1
        meta = {
            "type": type_,
            "messageId": message_id,
            "status": status,
            "headers": {"RCRequestId": str(uuid4())},
            "wsc": {"token": f"{self.key}.{self.sequence}", "sequence": self.sequence},
        }
        return json.dumps([meta] if body is None else [meta, body])

    def expired(self, now: float) -> bool:
        return self.lost_at is not None and now > self.lost_at + RECOVERY_TIMEOUT

    def notify(self, body: Json) -> None:
        frame = self.frame("ServerNotification", body["uuid"], 200, body)
        self.recent.append((self.sequence, frame))
        self.news.set()


class EventGateway:
    """Serves connections, and tells their subscriptions of every change in the switch."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._lines: dict[str, _Line] = {}
        self._remove = platform.switch.on_change(self._on_change)

    def close(self) -> None:
        """Stop listening to the switch; connections end with the server that serves them."""
        self._remove()
        self._lines.clear()

    async def serve(self, websocket: WebSocket) -> None:
        """One connection, from its query parameters to its end."""
        login = self._platform.auth.take_ws_token(websocket.query_params.get("access_token", ""))
        if login is None:
            await websocket.close(_POLICY_VIOLATION)
            return
        await websocket.accept()
        token = websocket.query_params.get("wsc", "")
        line, position = self._recover(login, token) or (self._new_line(login), 0)
        recovered = position > 0
        line.connections += 1
        line.lost_at = None
        try:
            async with asyncio.timeout(ABSOLUTE_TIMEOUT), asyncio.TaskGroup() as group:
                details = _connection_details(bool(token), recovered, self._platform.clock)
                await websocket.send_text(line.frame("ConnectionDetails", str(uuid4()), 200, details))
                group.create_task(_write(websocket, line, position))
                await self._read(websocket, line)
        except* (WebSocketDisconnect, TimeoutError):
            log.debug("event connection ended", extension=login.extension.number)
        finally:
            line.connections -= 1
            if not line.connections:
                line.lost_at = self._platform.clock.monotonic()

    def _new_line(self, login: Login) -> _Line:
        now = self._platform.clock.monotonic()
        self._lines = {key: line for key, line in self._lines.items() if not line.expired(now)}
        line = _Line(login)
        self._lines[line.key] = line
        return line

    def _recover(self, login: Login, token: str) -> tuple[_Line, int] | None:
        """The line that `token` belongs to and the sequence it was sent with, or None when that is over."""
        key, _, sequence = token.rpartition(".")
        line = self._lines.get(key)
        if line is None or not (sequence.isascii() and sequence.isdigit()):
            return None
        if line.login.extension.id != login.extension.id or line.expired(self._platform.clock.monotonic()):
            return None
        return line, int(sequence)

    def _on_change(self, change: Change) -> None:
        now = self._platform.clock.monotonic()
        for line in self._lines.values():
            if line.subscription is None or line.expired(now):
                continue
            for event_filter in line.subscription.filters.values():
                body = event_filter.body(change, self._platform)
                if body is not None:
                    line.notify(self._notification(line, line.subscription, event_filter, body))

    def _notification(self, line: _Line, subscription: _Subscription, event_filter: EventFilter, body: Json) -> Json:
        return {
            "uuid": str(uuid4()),
            "event": event_filter.event,
            "timestamp": iso(self._platform.clock.now()),
            "subscriptionId": subscription.id,
            "ownerId": line.login.extension.id,
            "body": body,
        }

    async def _read(self, websocket: WebSocket, line: _Line) -> NoReturn:
        """Answer each frame; ends by an exception only."""
        while True:
            async with asyncio.timeout(IDLE_TIMEOUT):
                text = await websocket.receive_text()
            await websocket.send_text(self._answer(line, text))

    def _answer(self, line: _Line, text: str) -> str:
        """The reply frame to a client's frame."""
        message_id = ""
        try:
            meta, body = _parse(text)
            message_id = str(meta.get("messageId", ""))
            if meta.get("type") == "Heartbeat":
                return line.frame("Heartbeat", message_id, 200)
            if meta.get("type") != "ClientRequest":
                raise RestProblem(400, "CMN-101", "Message type is not supported", parameter="type")
            status, reply = self._request(line, str(meta.get("method", "")), str(meta.get("path", "")), body)
            return line.frame("ClientRequest", message_id, status, reply)
        except RestProblem as problem:
            return line.frame("Error", message_id, problem.status, error_body(problem))

    def _request(self, line: _Line, method: str, path: str, body: Json) -> tuple[int, Json | None]:
        base, _, id_ = path.removeprefix(SUBSCRIPTION_PATH).partition("/")
        if not path.startswith(SUBSCRIPTION_PATH) or base:
            raise RestProblem(404, "CMN-102", "Resource is not found", parameter="path")
        if method == "POST":
            return 200, self._subscribe(line, body)
        if line.subscription is None or id_ != line.subscription.id:
            raise RestProblem(404, "SUB-102", "Subscription is not found", parameter="subscriptionId")
        if method == "PUT":
            return 200, self._subscribe(line, body, renew=line.subscription.id)
        if method == "DELETE":
            line.subscription = None
            return 204, None
        raise RestProblem(405, "CMN-104", "Method is not allowed", parameter="method")

    def _subscribe(self, line: _Line, body: Json, renew: str = "") -> Json:
        if line.subscription is not None and not renew:
            raise RestProblem(400, "SUB-523", "One subscription a connection is allowed")
        wanted = body.get("eventFilters")
        if not isinstance(wanted, list) or not wanted:
            raise RestProblem(400, "CMN-101", "Parameter [eventFilters] is required", parameter="eventFilters")
        filters: dict[str, EventFilter] = {}
        disabled = []
        for text in map(str, wanted):
            try:
                filters[text] = parse_filter(text, line.login, self._platform)
            except RestProblem as problem:
                disabled.append({"filter": text, "reason": problem.code, "message": problem.message})
        if not filters:
            raise RestProblem(400, "SUB-505", "None of the event filters is supported", parameter="eventFilters")
        line.subscription = _Subscription(renew or str(uuid4()), filters)
        return self._subscription_body(line.subscription, disabled)

    def _subscription_body(self, subscription: _Subscription, disabled: list[dict[str, str]]) -> Json:
        now = self._platform.clock.now()
        return {
            "id": subscription.id,
            "uri": f"{self._platform.url}{SUBSCRIPTION_PATH}/{subscription.id}",
            "eventFilters": [event_filter.event for event_filter in subscription.filters.values()],
            "disabledFilters": disabled,
            "status": "Active",
            "creationTime": iso(now),
            "expirationTime": iso(now + timedelta(seconds=SUBSCRIPTION_LIFE)),
            "expiresIn": SUBSCRIPTION_LIFE,
            "deliveryMode": {"transportType": "WebSocket", "encryption": False},
        }


async def _write(websocket: WebSocket, line: _Line, position: int) -> None:
    """Send every notification after `position`, for as long as the connection lives."""
    while True:
        line.news.clear()
        for sequence, frame in tuple(line.recent):
            if sequence > position:
                await websocket.send_text(frame)
                position = sequence
        await line.news.wait()


def _connection_details(recovery: bool, recovered: bool, clock: Clock) -> Json:
    details: Json = {
        "creationTime": iso(clock.now()),
        "maxConnectionsPerSession": 5,
        "recoveryBufferSize": RECOVERY_BUFFER,
        "recoveryTimeout": int(RECOVERY_TIMEOUT),
        "idleTimeout": int(IDLE_TIMEOUT),
        "absoluteTimeout": int(ABSOLUTE_TIMEOUT),
        "maxActiveRequests": 10,
    }
    return {**details, "recoveryState": "Successful" if recovered else "Failed"} if recovery else details


def _parse(text: str) -> tuple[Json, Json]:
    """`[meta, body?]`; raises `RestProblem` (400) for anything else."""
    try:
        frame: Any = json.loads(text)
    except (ValueError, RecursionError):
        frame = None
    if not isinstance(frame, list) or not frame or not all(isinstance(part, dict) for part in frame[:2]):
        raise RestProblem(400, "CMN-101", "A message is a JSON array of meta and body")
    return frame[0], frame[1] if len(frame) > 1 else {}
