"""`agent.call.lasted`: a timer for each flow that waits for an agent's call to last too long."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable

from bot.calls import Event
from bot.clock import Clock
from bot.flows.events import AGENT_CALL_LASTED, LastedFilters
from bot.flows.model import Flow, Trigger

__all__ = ["LastedTimers"]

Fire = Callable[[Flow, Event], None]


class LastedTimers:
    """Armed when an agent begins to talk, disarmed when the call is over."""

    def __init__(self, clock: Clock, fire: Fire) -> None:
        self._clock = clock
        self._fire = fire
        self._timers: defaultdict[str, list[asyncio.TimerHandle]] = defaultdict(list)

    def started(self, event: Event, triggers: Iterable[tuple[Flow, Trigger]]) -> None:
        """An agent's call began (at `event.at`, which may lie in the past)."""
        agent = str(event.data.get("agent", ""))
        self._disarm(agent)
        loop = asyncio.get_running_loop()
        for flow, trigger in triggers:
            filters = trigger.filters
            if isinstance(filters, LastedFilters) and filters.fits(event):
                delay = filters.over - (self._clock.now() - event.at).total_seconds()
                self._timers[agent].append(loop.call_later(max(0.0, delay), self._due, flow, event, filters.over))

    def ended(self, event: Event) -> None:
        """An agent's call is over."""
        self._disarm(str(event.data.get("agent", "")))

    def close(self) -> None:
        for agent in list(self._timers):
            self._disarm(agent)

    def _due(self, flow: Flow, event: Event, over: float) -> None:
        self._fire(flow, Event(AGENT_CALL_LASTED, self._clock.now(), event.call, {**event.data, "seconds": over}))

    def _disarm(self, agent: str) -> None:
        for timer in self._timers.pop(agent, []):
            timer.cancel()
