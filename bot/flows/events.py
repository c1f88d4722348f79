"""The events that start flows or that they wait for: what each has, and how it can be filtered."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator
from pydantic_core import PydanticCustomError

from bot.calls import Call, Event
from bot.durations import Duration
from bot.flows.scope import CallState
from bot.flows.shapes import AGENT, CALL, COMMON, PARTY, VALUE, Record, Shape

__all__ = ["AGENT_CALL_LASTED", "DETAILS", "EVENTS", "EventFilters", "EventSpec", "LastedFilters", "Match", "Matches"]

AGENT_CALL_LASTED = "agent.call.lasted"
LONGEST_MATCHED = 1_000
"""Characters of a header or name that a pattern looks at."""


@dataclass(frozen=True, slots=True)
class Match:
    """One text to be equal to, or a /pattern/ to be found."""

    text: str
    pattern: re.Pattern[str] | None = None

    def fits(self, value: str) -> bool:
        if self.pattern is not None:
            return self.pattern.search(value[:LONGEST_MATCHED]) is not None
        return value.strip() == self.text


def _read_match(value: object) -> Match:
    if isinstance(value, Match):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise PydanticCustomError("match", "this must be text, a list of texts, or a /pattern/")
    text = str(value).strip()
    flags = re.IGNORECASE if text.endswith("/i") else 0
    body = text.removesuffix("i") if flags else text
    if len(body) < 2 or not (body.startswith("/") and body.endswith("/")):
        return Match(text)
    try:
        return Match(text, re.compile(body[1:-1], flags))
    except (re.error, RecursionError, OverflowError) as error:
        place = {
            "offset": 1 + (getattr(error, "pos", None) or 0),
            "length": 1,
            "reason": getattr(error, "msg", error),
        }
        raise PydanticCustomError("pattern", "the pattern cannot be read: {reason}", place) from error


def _as_list(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


Matches = Annotated[
    tuple[Annotated[Match, PlainValidator(_read_match)], ...], BeforeValidator(_as_list), Field(min_length=1)
]
"""A filter: a text, a /pattern/, or a list of them, of which one has to fit."""


def _fits(matches: tuple[Match, ...] | None, value: object) -> bool:
    return matches is None or any(match.fits(str(value)) for match in matches)


class EventFilters(BaseModel):
    """The base of an event's filters. A field is compared with the event's detail of that name."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    def fits(self, event: Event) -> bool:
        """Whether the event passes."""
        return all(_fits(getattr(self, name), event.data.get(name, "")) for name in self._details())

    def _details(self) -> list[str]:
        return [name for name in self.model_fields_set if name not in CallFilters.model_fields]


class CallFilters(EventFilters):
    """Filters of the events that a call has. All of them have to fit."""

    headers: dict[str, Matches] | None = Field(None, description="headers of the INVITE, names in any case")
    caller: Matches | None = Field(None, description="the caller's number")
    callee: Matches | None = Field(None, description="the number that was called")
    queue: Matches | None = Field(None, description="the queue that it came through")
    phone: Matches | None = Field(None, description="the name of our phone")
    direction: Matches | None = Field(None, description="inbound or outbound")

    def fits(self, event: Event) -> bool:
        call = event.call
        return call is not None and super().fits(event) and self._fits_call(call)

    def _fits_call(self, call: Call) -> bool:
        return (
            _fits(self.caller, call.caller.number)
            and _fits(self.callee, call.callee.number)
            and _fits(self.queue, call.queue)
            and _fits(self.phone, call.phone)
            and _fits(self.direction, call.direction)
            and all(_fits(matches, call.headers.get(name, "")) for name, matches in (self.headers or {}).items())
        )


class DigitFilters(CallFilters):
    digit: Matches | None = Field(None, description="the key that was pressed")


class EndedFilters(CallFilters):
    cause: Matches | None = Field(None, description="hangup, declined, voicemail, transferred …")
    by: Matches | None = Field(None, description="us, peer, elsewhere or network")
    disposition: Matches | None = Field(None, description="answered, busy, no_answer, invalid, failed or cancelled")


class ReplyFilters(CallFilters):
    choice: Matches | None = Field(None, description="yes, no, urgent or none")


class ParkFilters(EventFilters):
    location: Matches | None = Field(None, description="the configuration's name of the park location")
    number: Matches | None = Field(None, description="the number of the parked caller")


class AgentFilters(EventFilters):
    agent: Matches | None = Field(None, description="the agent's extension")
    number: Matches | None = Field(None, description="the number of the other side")


class LastedFilters(AgentFilters):
    """A call of a watched agent has gone on for so long."""

    over: Duration = Field(description="how long the call must have lasted")

    def _details(self) -> list[str]:
        return [name for name in super()._details() if name != "over"]


class PhoneFilters(EventFilters):
    phone: Matches | None = Field(None, description="the name of our phone")

    def _details(self) -> list[str]:
        return [name for name in self.model_fields_set if name == "phone"]


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One kind of event. `what` completes "… is not something … has"; `data` are the details that it carries."""

    name: str
    what: str
    filters: type[EventFilters]
    data: tuple[str, ...] = ()
    call: CallState = "gone"
    """What is known about the call of such an event; `gone` when it has none, or none that can be acted on."""
    roots: Mapping[str, Shape] = field(default_factory=dict)

    @property
    def details(self) -> Record:
        """The shape of the event itself: `event`, or what `wait_for` saves."""
        return Record({"kind": VALUE, **dict.fromkeys(self.data, VALUE)}, f'the event "{self.name}"')

    @property
    def has_call(self) -> bool:
        return issubclass(self.filters, CallFilters)

    def scope(self, **more: Shape) -> Record:
        """All variables of a flow that this event starts."""
        call: dict[str, Shape] = {"call": CALL, "caller": PARTY, "callee": PARTY} if self.has_call else {}
        return Record({**COMMON, **call, **self.roots, "event": self.details, **more}, self.what)


_AGENT_ROOTS: Mapping[str, Shape] = {"agent": AGENT, "caller": PARTY}
_REPLY = ("choice", "sts", "resp", "ext_nfo", "phn", "nm")
_PARK = ("location", "session_id", "number", "name")

DETAILS: Mapping[str, str] = {
    "ext_nfo": "the call-back number that an urgent caller left",
    "name": "the name of the other side",
    "nm": "the caller's name, as it came with the answer",
    "number": "the number of the other side",
    "phn": "the caller's number, as it came with the answer",
    "reason": "why the phone was lost",
    "resp": "the answer as it came on the wire: 1 yes, 2 no, 3 urgent",
    "seconds": "how long the call lasted",
    "session_id": "the platform's id of the telephony session",
    "sts": "whether the reply came through, as it came on the wire: 0 when it did",
}
"""What the details of events are; those that can be filtered say it at their filter."""

EVENTS: Mapping[str, EventSpec] = {
    spec.name: spec
    for spec in (
        EventSpec("call.dialling", "a call that we place", CallFilters, ("number",), call="there"),
        EventSpec("call.alerting", "a call that we placed", CallFilters, call="there"),
        EventSpec("call.ringing", "a ringing call", CallFilters, call="ringing"),
        EventSpec("call.answered", "an answered call", CallFilters, call="answered"),
        EventSpec("call.digit", "a call with a key pressed", DigitFilters, ("digit",), call="answered"),
        EventSpec("call.ended", "a call that is over", EndedFilters, ("cause", "by", "disposition")),
        EventSpec("reply.closed", "the answer to a reply", ReplyFilters, _REPLY),
        EventSpec("park.parked", "a parked call", ParkFilters, _PARK, roots={"caller": PARTY}),
        EventSpec("park.retrieved", "a retrieved call", ParkFilters, _PARK, roots={"caller": PARTY}),
        EventSpec(
            "agent.call.started", "an agent's call", AgentFilters, ("agent", "number", "name"), roots=_AGENT_ROOTS
        ),
        EventSpec(
            AGENT_CALL_LASTED, "an agent's call", LastedFilters, ("agent", "number", "name"), roots=_AGENT_ROOTS
        ),
        EventSpec(
            "agent.call.ended",
            "an agent's call that is over",
            AgentFilters,
            ("agent", "number", "name", "seconds"),
            roots=_AGENT_ROOTS,
        ),
        EventSpec("phone.registered", "a phone that came up", PhoneFilters, ("phone",)),
        EventSpec("phone.lost", "a phone that went down", PhoneFilters, ("phone", "reason")),
    )
}
"""By name. A schedule that falls due (`schedule.due`) starts its flow by name and is no trigger."""
