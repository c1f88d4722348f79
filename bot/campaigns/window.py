"""The hours in which people may be called, by their own clocks.

Where it is not certain in which zone somebody is, the window must be open in every zone that comes into question:
that is the narrowest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

from bot.campaigns.numbers import time_zones_of

__all__ = ["DAYS", "Day", "Window", "next_midnight", "zones_of"]

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAY = timedelta(days=1)
_HORIZON = 15 * _DAY
"""How far ahead an opening is looked for: every weekday comes twice."""


@dataclass(frozen=True, slots=True)
class Window:
    """From `first` to before `last`, in minutes after local midnight, on `days` (0 is Monday)."""

    first: int = 9 * 60
    last: int = 20 * 60
    days: frozenset[int] = frozenset(range(7))

    @property
    def always(self) -> bool:
        return self.first == 0 and self.last == 1440 and len(self.days) == 7

    def is_open(self, moment: datetime, zone: tzinfo) -> bool:
        """Whether people in `zone` may be called at that moment."""
        local = moment.astimezone(zone)
        return local.weekday() in self.days and self.first <= local.hour * 60 + local.minute < self.last

    def opens(self, moment: datetime, zones: Iterable[tzinfo]) -> datetime | None:
        """The first moment, from `moment` on, at which it is open in all of `zones`; None when that never comes."""
        places = tuple(zones)
        found = moment
        while found <= moment + _HORIZON:
            closed = next((place for place in places if not self.is_open(found, place)), None)
            if closed is None:
                return found
            later = self._next_in(found, closed)
            if later is None:
                return None
            found = later
        return None

    def _next_in(self, moment: datetime, zone: tzinfo) -> datetime | None:
        candidates = sorted(candidate for candidate in self._candidates(moment, zone) if candidate > moment)
        return next((candidate for candidate in candidates if self.is_open(candidate, zone)), None)

    def _candidates(self, moment: datetime, zone: tzinfo) -> Iterator[datetime]:
        """Every moment of the next days at which the window could open: its local start, and changes of the clock."""
        opening = time(self.first // 60, self.first % 60)
        today = moment.astimezone(zone).date()
        for days in range(9):
            # Dates are counted on the calendar: when clocks go forward, 24 hours can reach the day after next.
            begin, date = moment + days * _DAY, today + days * _DAY
            for fold in (0, 1):
                yield datetime.combine(date, opening, zone).replace(fold=fold).astimezone(UTC)
            change = _clock_change(begin, begin + _DAY, zone)
            if change is not None:
                yield change


def next_midnight(moment: datetime, zone: tzinfo) -> datetime:
    """When the local day of `moment` is over, in UTC."""
    today = moment.astimezone(zone).date()
    inside, after = moment, moment + 2 * _DAY
    while after - inside > timedelta(seconds=1):
        middle = inside + (after - inside) / 2
        inside, after = (middle, after) if middle.astimezone(zone).date() <= today else (inside, middle)
    return after.astimezone(UTC).replace(microsecond=0)


def zones_of(number: str, own: str = "") -> tuple[ZoneInfo, ...]:
    """The zones that come into question for a contact: `own` is what the list says, and may be empty.

    The contact's own zone alone when the number could be there; both when they disagree. Empty when nobody knows.
    """
    by_number = time_zones_of(number)
    names = (own,) if own and (own in by_number or not by_number) else (*((own,) if own else ()), *by_number)
    return tuple(ZoneInfo(name) for name in names)


def _clock_change(begin: datetime, end: datetime, zone: tzinfo) -> datetime | None:
    """The second at which the zone's offset changes between two moments, in UTC."""
    before = begin.astimezone(zone).utcoffset()
    if end.astimezone(zone).utcoffset() == before:
        return None
    while end - begin > timedelta(seconds=1):
        middle = begin + (end - begin) / 2
        begin, end = (middle, end) if middle.astimezone(zone).utcoffset() == before else (begin, middle)
    return end.astimezone(UTC).replace(microsecond=0)
