"""Event filters: which changes of the switch a subscription is told of, and in which shape."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qs

from bot.sandbox.rest import shapes
from bot.sandbox.rest.auth import Login
from bot.sandbox.rest.errors import RestProblem
from bot.sandbox.rest.platform import Json, Platform
from bot.sandbox.switch.model import Change, Extension, ParkLocation, Queue

__all__ = ["EventFilter", "parse_filter"]

_FILTER = re.compile(
    r"/restapi/v1\.0/account/(?P<account>~|\d+)(?:"
    r"(?:/extension/(?P<extension>~|[\w-]+))?/telephony/sessions"
    r"|/extension/(?P<place>~|[\w-]+)/presence"
    r"|/call-queues/(?P<queue>[\w-]+)/presence)"
    r"(?:\?(?P<query>[\w=&~.-]*))?"
)
_BASE = f"/restapi/v1.0/account/{shapes.ACCOUNT_ID}"


class EventFilter(Protocol):
    """One filter of a subscription. `event` names it in notifications, with ids in place of `~`."""

    @property
    def event(self) -> str: ...

    def body(self, change: Change, platform: Platform) -> Json | None:
        """What to tell of `change`, or None when this filter does not ask for it."""


@dataclass(frozen=True, slots=True)
class _Sessions:
    """Telephony sessions in which `extension` takes part; of the whole account when it is None."""

    extension: Extension | None

    @property
    def event(self) -> str:
        part = f"/extension/{self.extension.id}" if self.extension else ""
        return f"{_BASE}{part}/telephony/sessions"

    def body(self, change: Change, platform: Platform) -> Json | None:
        session = change.session
        if self.extension and all(party.extension != self.extension.number for party in session.parties):
            return None
        return shapes.telephony_session(session, [change.party], platform.extension_ids(), platform.clock.now())


@dataclass(frozen=True, slots=True)
class _Presence:
    """The presence of a user or of a park location."""

    place: Extension | ParkLocation
    detailed: bool
    sip_data: bool

    @property
    def event(self) -> str:
        query = [
            f"{name}=true"
            for name, on in (("detailedTelephonyState", self.detailed), ("sipData", self.sip_data))
            if on
        ]
        return f"{_BASE}/extension/{self.place.id}/presence" + ("?" + "&".join(query) if query else "")

    def body(self, change: Change, platform: Platform) -> Json | None:
        if isinstance(self.place, ParkLocation):
            concerned = change.location is not None and change.location.id == self.place.id
        else:
            concerned = change.party.extension == self.place.number
        return platform.presence(self.place, detailed=self.detailed, sip_data=self.sip_data) if concerned else None


@dataclass(frozen=True, slots=True)
class _QueuePresence:
    """Who takes a queue's calls; told whenever one of its agents becomes busy or free."""

    queue: Queue

    @property
    def event(self) -> str:
        return f"{_BASE}/call-queues/{self.queue.id}/presence"

    def body(self, change: Change, platform: Platform) -> Json | None:
        if change.party.extension not in self.queue.accepting:
            return None
        return shapes.queue_presence(self.queue, platform.switch.extensions)


def parse_filter(text: str, login: Login, platform: Platform) -> EventFilter:
    """The filter behind its path. Raises `RestProblem` when it names nothing that can be subscribed to."""
    match = _FILTER.fullmatch(text)
    if match is None or match["account"] not in ("~", shapes.ACCOUNT_ID):
        raise RestProblem(400, "SUB-505", "Event filter is not supported", parameter="eventFilters")
    if match["place"]:
        query = parse_qs(match["query"] or "")
        detailed, sip_data = (query.get(name) == ["true"] for name in ("detailedTelephonyState", "sipData"))
        return _Presence(platform.place(match["place"], login), detailed, sip_data)
    if match["queue"]:
        return _QueuePresence(platform.queue(match["queue"]))
    return _Sessions(platform.extension(match["extension"], login) if match["extension"] else None)
