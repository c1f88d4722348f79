"""The state of one run: its variables, its call and the calls that it placed, and the events that concern it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.actions import Scheduler, Speaker
from bot.actions.talking import Parked
from bot.calls import Call, Calls, Event
from bot.clock import Clock
from bot.errors import UserError
from bot.flows.events import EVENTS, EventFilters
from bot.flows.inbox import Inbox
from bot.flows.model import Flow
from bot.flows.trace import Trace
from bot.flows.variables import Variables

__all__ = ["RunState", "Services"]


@dataclass(frozen=True, slots=True)
class Services:
    """What all runs share. `variables` and `directory` are the configuration's: see `ActionContext`."""

    calls: Calls
    speech: Speaker
    clock: Clock
    scheduler: Scheduler
    variables: Mapping[str, object] = field(default_factory=dict)
    directory: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path()
    on_trace: Trace = lambda _record: None


class RunState:
    """Written by the run and its steps alone.

    `own` is the call that steps act on when they name no target. It is `gone` once it is over for us, by one of our
    own steps or otherwise; a call that a step brings then becomes the run's own.
    """

    def __init__(
        self,
        run_id: str,
        flow: Flow,
        services: Services,
        *,
        event: Event | None = None,
        call: Call | None = None,
        inputs: Mapping[str, object] | None = None,
    ) -> None:
        self.id = run_id
        self.flow = flow
        self.services = services
        self.event = event
        self.inputs = dict(inputs or {})
        self.own = call
        self.gone = False
        self.letting_go: Call | None = None
        """The call that a step is about to take from us: its end is our own doing."""
        self.placed: list[Call] = []
        self.parked: dict[str, Call] = {}
        """The call that this run parked last, by park location."""
        self.orbit = ""
        """Where this run parked a call last without a location."""
        self.steps = 0
        self.inbox = Inbox()
        self.variables = Variables(
            services.calls,
            services.variables,
            {"id": run_id, "flow": flow.name},
            event=event,
            call=call,
            inputs=self.inputs,
        )

    # Calls

    def target(self, name: str) -> Call | None:
        """The call that a step acts on: the saved one of that name, or the run's own.

        Raises:
            UserError: nothing was saved under that name (the step that would have done so was passed over).
        """
        if not name:
            return self.own
        try:
            return self.variables.saved_calls[name]
        except KeyError:
            raise UserError(f'there is no call "{name}"', hint="the step that saves it was not run") from None

    def take(self, call: Call) -> None:
        """A step brought a call: it is ours to end, and becomes the run's own when there is none."""
        self.placed.append(call)
        if self.own is None or self.gone:
            self.own = self.variables.call = call
            self.gone = False

    def let_go(self, call: Call) -> None:
        """A step of ours ended a call, or handed it over."""
        if call is self.own:
            self.gone = True

    def lose_call(self) -> None:
        """Another run deals with our call: what comes yet, `finally` that is, must not act on it."""
        self.own = None

    def park(self, place: Parked, call: Call) -> None:
        """A step of ours parked a call."""
        if place.location:
            self.parked[place.location] = call
        else:
            self.orbit = place.orbit

    # Events

    def concerns(self, event: Event) -> bool:
        """Whether an event is about a call of this run, one that it parked, or nobody's call."""
        if event.call is not None:
            mine = [self.own, *self.placed]
            return any(event.call is call for call in mine)
        if event.name.startswith("park."):
            parked = self.parked.get(str(event.data.get("location", "")))
            return not self.parked or (parked is not None and _is_about(event, parked))
        return True

    async def wait_event(self, name: str, filters: Mapping[str, object], target: Call | None) -> Event:
        """Wait for an event that concerns the run and passes the filters; a call event must be about `target`.

        Raises:
            UserError: it would be about a call in an orbit, of which nobody tells anything.
        """
        if name.startswith("park.") and self.orbit and not self.parked and "location" not in filters:
            raise UserError(
                f"{name} never comes: the call is in the orbit {self.orbit}",
                hint="only park locations tell who comes and goes: park the call at a location",
            )
        spec = EVENTS[name]
        wanted: EventFilters = spec.filters.model_validate(filters)

        def fits(event: Event) -> bool:
            about = not spec.has_call or target is None or event.call is target
            return about and wanted.fits(event)

        return await self.inbox.wait(name, fits)


def _is_about(event: Event, parked: Call) -> bool:
    """Whether an event of a park location is about this call, or does not say whom it is about."""
    session_id, number = str(event.data.get("session_id", "")), str(event.data.get("number", ""))
    return parked.is_parked_as(session_id, number) or not (session_id or number)
