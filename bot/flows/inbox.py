"""The events that concern a run: those that it waits for, and those that it has not waited for yet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from bot.calls import Event

__all__ = ["Inbox"]

LENGTH = 256
"""Events that are kept for later waits; the oldest go first."""


@dataclass(slots=True)
class _Waiter:
    name: str
    fits: Callable[[Event], bool]
    result: asyncio.Future[Event]


class Inbox:
    """Keeps what happened since the run began, so that nothing is lost between two steps."""

    def __init__(self) -> None:
        self._kept: deque[Event] = deque(maxlen=LENGTH)
        self._waiters: list[_Waiter] = []

    def put(self, event: Event) -> None:
        """Hand in an event that concerns the run."""
        for waiter in self._waiters:
            if waiter.name == event.name and not waiter.result.done() and waiter.fits(event):
                waiter.result.set_result(event)
                return
        self._kept.append(event)

    async def wait(self, name: str, fits: Callable[[Event], bool]) -> Event:
        """The first event of that name that fits: one that is kept, or the next. It is not found again."""
        for event in self._kept:
            if event.name == name and fits(event):
                self._forget_until(event)
                return event
        waiter = _Waiter(name, fits, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            return await waiter.result
        finally:
            self._waiters.remove(waiter)

    def _forget_until(self, found: Event) -> None:
        """Drop it, and what came before it of the same name: a later wait is about later events."""
        kept: list[Event] = []
        reached = False
        for event in self._kept:
            if event.name != found.name or reached:
                kept.append(event)
            reached = reached or event is found
        self._kept = deque(kept, maxlen=LENGTH)
