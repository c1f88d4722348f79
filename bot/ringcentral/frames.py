"""Frames of the event gateway: text in, `Frame` out, and back. No I/O.

A frame is a JSON array `[meta, body?]`. `meta` says its type and carries the newest `wsc` token, with which a
lost connection is taken up again.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from bot.errors import MalformedMessage
from bot.ringcentral.fields import Json, integer, mapping, records, text

__all__ = [
    "ConnectionDetails",
    "Frame",
    "FrameType",
    "Notification",
    "Subscription",
    "Wsc",
    "heartbeat",
    "parse_frame",
    "subscribe",
]


class FrameType(Enum):
    CONNECTION_DETAILS = "ConnectionDetails"
    CLIENT_REQUEST = "ClientRequest"
    """Also the type of the reply to a request of ours."""
    NOTIFICATION = "ServerNotification"
    HEARTBEAT = "Heartbeat"
    ERROR = "Error"
    OTHER = ""
    """One that we do not know, and pass over."""


@dataclass(frozen=True, slots=True)
class Wsc:
    """Where in the stream of events a connection is: a token for taking it up again, and a count."""

    token: str = field(repr=False)
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Frame:
    type: FrameType
    message_id: str = ""
    status: int = 0
    wsc: Wsc | None = None
    body: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ConnectionDetails:
    """The first frame of a connection. Times are seconds.

    Attributes:
        recovered: what was missed follows, and the old subscription lives; None when no recovery was asked for.
    """

    recovery_timeout: float = 180.0
    idle_timeout: float = 1800.0
    absolute_timeout: float = 86400.0
    recovered: bool | None = None

    @classmethod
    def read(cls, body: Json) -> ConnectionDetails:
        state = text(body, "recoveryState").lower()
        return cls(
            float(integer(body, "recoveryTimeout", 180)),
            float(integer(body, "idleTimeout", 1800)),
            float(integer(body, "absoluteTimeout", 86400)),
            state == "successful" if state else None,
        )


@dataclass(frozen=True, slots=True)
class Subscription:
    """The platform's reply to a subscription.

    Attributes:
        disabled: for each filter that it did not take, why.
    """

    id: str
    filters: tuple[str, ...] = ()
    disabled: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, body: Json) -> Subscription:
        filters = body.get("eventFilters")
        return cls(
            text(body, "id"),
            tuple(item for item in filters if isinstance(item, str)) if isinstance(filters, list) else (),
            tuple(
                (text(item, "filter"), text(item, "message") or text(item, "reason"))
                for item in records(body, "disabledFilters")
            ),
        )


@dataclass(frozen=True, slots=True)
class Notification:
    """An event of a subscription. `event` is the path that changed; what `body` holds depends on it."""

    event: str
    body: Json = field(repr=False)
    uuid: str = ""
    timestamp: str = ""
    subscription_id: str = ""
    owner_id: str = ""

    @classmethod
    def read(cls, body: Json) -> Notification:
        return cls(
            event=text(body, "event"),
            body=mapping(body, "body"),
            uuid=text(body, "uuid"),
            timestamp=text(body, "timestamp"),
            subscription_id=text(body, "subscriptionId"),
            owner_id=text(body, "ownerId"),
        )


_TYPES = {member.value: member for member in FrameType}


def parse_frame(data: str | bytes) -> Frame:
    """Read one frame.

    Raises:
        MalformedMessage: it is no JSON array with an object at its head.
    """
    try:
        parts = json.loads(data)
    except (ValueError, RecursionError):
        raise MalformedMessage(f"a gateway frame of {len(data)} bytes is not JSON") from None
    if not isinstance(parts, list) or not parts or not isinstance(parts[0], dict):
        raise MalformedMessage(f"a gateway frame of {len(data)} bytes is not [meta, body]")
    meta = parts[0]
    wsc = mapping(meta, "wsc")
    token = text(wsc, "token")
    return Frame(
        type=_TYPES.get(text(meta, "type"), FrameType.OTHER),
        message_id=text(meta, "messageId"),
        status=integer(meta, "status"),
        wsc=Wsc(token, integer(wsc, "sequence")) if token else None,
        body=mapping(parts[1]) if len(parts) > 1 else {},
    )


def subscribe(message_id: str, filters: Sequence[str]) -> str:
    """The request for a subscription. A connection can have one."""
    meta = {
        "type": FrameType.CLIENT_REQUEST.value,
        "messageId": message_id,
        "method": "POST",
        "path": "/restapi/v1.0/subscription",
    }
    return json.dumps([meta, {"eventFilters": list(filters), "deliveryMode": {"transportType": "WebSocket"}}])


def heartbeat(message_id: str) -> str:
    """Keeps a connection from being closed for idling."""
    return json.dumps([{"type": FrameType.HEARTBEAT.value, "messageId": message_id}])
