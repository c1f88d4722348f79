"""The platform's request limits: so many a minute for each user, app and group, and a penalty for going over."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bot.clock import Clock
from bot.sandbox.rest.errors import RestProblem

__all__ = ["Group", "Limits"]

WINDOW = 60.0
PENALTY = 60.0


class Group(Enum):
    """A usage plan group, by its name in `X-Rate-Limit-Group`; each allows `per_minute` requests."""

    LIGHT = "light"
    MEDIUM = "medium"
    HEAVY = "heavy"
    AUTH = "auth"

    @property
    def per_minute(self) -> int:
        return {"light": 50, "medium": 40, "heavy": 10, "auth": 5}[self.value]


@dataclass(slots=True)
class _Window:
    ends_at: float
    used: int = 0
    penalty_until: float = float("-inf")


class Limits:
    """Counts the requests of each user in windows of a minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, Group], _Window] = {}

    def count(self, user: str, group: Group) -> dict[str, str]:
        """Count a request; returns the headers of its reply.

        Raises `RestProblem` (429) when it is one too many; from then on every request starts the penalty anew.
        """
        now = self._clock.monotonic()
        window = self._windows.get((user, group))
        if window is None or (window.ends_at <= now and window.penalty_until <= now):
            window = self._windows[user, group] = _Window(now + WINDOW)
        penalised = window.penalty_until > now
        if penalised or window.used >= group.per_minute:
            window.penalty_until = now + PENALTY
            headers = {**_headers(group, 0), "Retry-After": str(int(PENALTY))}
            raise RestProblem(429, "CMN-301", "Request rate exceeded", headers=headers)
        window.used += 1
        return _headers(group, group.per_minute - window.used)


def _headers(group: Group, remaining: int) -> dict[str, str]:
    return {
        "X-Rate-Limit-Group": group.value,
        "X-Rate-Limit-Limit": str(group.per_minute),
        "X-Rate-Limit-Remaining": str(remaining),
        "X-Rate-Limit-Window": str(int(WINDOW)),
    }
