"""Request limits of the platform: so many a minute for each group, and a penalty for going over.

After a 429 every request that is sent during the penalty starts it anew. So all requests of a group pass one
gate, in order, and none passes while a penalty runs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from enum import Enum

from bot.clock import Clock
from bot.errors import RestError

__all__ = ["PENALTY", "PER_MINUTE", "Gate", "Group", "Window"]

PENALTY = 30.0
"""Seconds to stay away after a 429 that has no Retry-After."""


class Group(Enum):
    """What the platform's API reference calls the usage plan group of an endpoint."""

    LIGHT = "light"
    MEDIUM = "medium"
    HEAVY = "heavy"
    AUTH = "auth"


PER_MINUTE: Mapping[Group, int] = {Group.LIGHT: 50, Group.MEDIUM: 40, Group.HEAVY: 10, Group.AUTH: 5}
"""For each user and app; a reply's X-Rate-Limit-Limit corrects it."""


class Window:
    """One group's limit, as arithmetic on the times that it is given (seconds on any steady clock)."""

    __slots__ = ("_held_until", "_sent", "limit", "seconds")

    def __init__(self, limit: int, seconds: float = 60.0) -> None:
        self.limit = limit
        self.seconds = seconds
        self._sent: deque[float] = deque()
        self._held_until = float("-inf")

    def wait(self, now: float) -> float:
        """Seconds until a request may go; 0 when it may go now."""
        while self._sent and self._sent[0] + self.seconds <= now:
            self._sent.popleft()
        free_at = self._sent[-self.limit] + self.seconds if len(self._sent) >= self.limit else now
        return max(0.0, free_at - now, self._held_until - now)

    def take(self, now: float) -> None:
        """A request goes at `now`."""
        self._sent.append(now)

    def hold(self, until: float) -> None:
        """Let nothing pass before `until`."""
        self._held_until = max(self._held_until, until)

    def observe(self, headers: Mapping[str, str], now: float) -> None:
        """Learn from the X-Rate-Limit-* headers of a reply; other processes may have used up the limit."""
        limit = _number(headers.get("X-Rate-Limit-Limit"))
        seconds = _number(headers.get("X-Rate-Limit-Window"))
        if limit:
            self.limit = limit
        if seconds:
            self.seconds = float(seconds)
        if _number(headers.get("X-Rate-Limit-Remaining")) == 0:
            self.hold(now + self.seconds)


class Gate:
    """Lets requests through as the limits of their groups allow, first come, first served."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows = {group: Window(limit) for group, limit in PER_MINUTE.items()}
        self._turns = {group: asyncio.Lock() for group in Group}

    async def enter(self, group: Group, until: float) -> None:
        """Return when a request of `group` may be sent.

        Raises:
            RestError: that would be after `until` (seconds on the loop's clock); `status` is 429.
        """
        window = self._windows[group]
        try:
            async with asyncio.timeout_at(until), self._turns[group]:
                while wait := window.wait(now := self._clock.monotonic()):
                    if now + wait > until:
                        raise _too_long(group, wait)
                    await self._clock.sleep(wait)
                window.take(now)
        except TimeoutError:
            raise _too_long(group, window.wait(self._clock.monotonic())) from None

    def penalise(self, group: Group, seconds: float | None) -> None:
        """A 429 came: nothing of `group` goes out for `seconds` (None: as long as the platform's rule says)."""
        self._windows[group].hold(self._clock.monotonic() + (PENALTY if seconds is None else seconds))

    def observe(self, group: Group, headers: Mapping[str, str]) -> None:
        self._windows[group].observe(headers, self._clock.monotonic())


def _too_long(group: Group, wait: float) -> RestError:
    return RestError(
        f"the limit of requests in the {group.value} group leaves no room for {wait:.0f} s",
        status=429,
        hint="ask less often, or share one login among fewer processes",
    )


def _number(value: str | None) -> int | None:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 10 else None
