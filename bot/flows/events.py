"""The events that start flows or that they wait for: what each has, and how it can be filtered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict, Field

from bot.calls import Call, Event
from bot.durations import Duration
from bot.flows.matching import Match, Matches, fits
from bot.flows.scope import CallState
from bot.flows.shapes import AGENT, CALL, COMMON, PARTY, VALUE, Record, Shape

__all__ = ["AGENT_CALL_LASTED", "DETAILS", "EVENTS", "EventFilters", "EventSpec", "LastedFilters", "Match", "Matches"]

AGENT_CALL_LASTED = "agent.call.lasted"


class EventFilters(BaseModel):
    """The base of an event's filters. A field is compared with the event's detail of that name."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)

    def fits(self, event: Event) -> bool:
        """Whether the event passes."""
        return all(fits(getattr(self, name), event.data.get(name, "")) for name in self._details())

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
            fits(self.caller, call.caller.number)
            and fits(self.callee, call.callee.number)
            and fits(self.queue, call.queue)
            and fits(self.phone, call.phone)
            and fits(self.direction, call.direction)
            and all(fits(matches, call.headers.get(name, "")) for name, matches in (self.headers or {}).items())
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
