"""What happens to calls, as everything above sees it: one frozen `Event` each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.calls.call import Call

__all__ = ["EVENT_NAMES", "Event", "Listener"]

EVENT_NAMES: Mapping[str, str] = {
    "call.dialling": "we placed a call",
    "call.alerting": "a call that we placed rings at the other side, as far as can be told",
    "call.ringing": "a call rings at us",
    "call.answered": "the call was really answered",
    "call.digit": "the other side pressed a key: digit",
    "call.ended": "the call is over: cause, by, disposition",
    "reply.closed": "the caller dealt with our text reply: choice, sts, resp, ext_nfo, phn, nm",
    "park.parked": "a call waits at a park location: location",
    "park.retrieved": "the call at a park location was picked up, or its caller gave up: location",
    "agent.call.started": "a watched agent began to talk: agent, number, name",
    "agent.call.ended": "a watched agent's call is over: agent, seconds",
    "phone.registered": "a phone can be called: phone",
    "phone.lost": "a phone cannot be called at the moment: phone, reason",
    "schedule.due": "a scheduled flow is due: flow, inputs",
}


@dataclass(frozen=True, slots=True)
class Event:
    name: str
    at: datetime
    call: Call | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


Listener = Callable[[Event], None]
