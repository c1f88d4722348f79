"""When something is to happen, as people write it: `cron`, `at` or `every`; and the next time that it does.

APScheduler's triggers know calendars and time zones and compute the next time; they never wait. Waiting is the
scheduler's (`bot.schedule.service`), by the injected clock.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.durations import Duration, format_duration

__all__ = ["TimeOfDay", "When", "ZoneName", "zone"]

_MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_DAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_DAYS = re.compile(r"(?P<first>\*|\d|[a-z]{3})(?:-(?P<last>\d|[a-z]{3}))?(?:/(?P<step>\d+))?", re.I)
_TIME_OF_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name such as `Europe/Paris`.

    Raises:
        ValueError: there is none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f'"{name}" is not a time zone, such as America/New_York') from error


def _zone_name(name: str) -> str:
    return zone(name).key


ZoneName = Annotated[str, AfterValidator(_zone_name)]
"""A field that holds the name of a time zone that exists."""


def _read_time(text: str) -> time:
    match = _TIME_OF_DAY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f'"{text}" is not a time of day, such as 09:00')
    return time(int(match[1]), int(match[2]))


def _time_of_day(text: str) -> str:
    return _read_time(text).strftime("%H:%M")


TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
"""A field that holds a time of day, `HH:MM`."""


class When(BaseModel):
    """Exactly one of the three. Times are those of `time_zone`, by default of the place that the reader gives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cron: str | None = Field(None, description='five fields as in crontab, such as "0 9 * * mon-fri"')
    at: str | None = Field(None, description='once ("2026-03-02 09:00"), or daily ("09:00")')
    every: Duration | None = Field(None, description="again and again, such as 10m, from the start on")
    time_zone: ZoneName | None = Field(None, description="such as America/New_York")

    @model_validator(mode="after")
    def _checked(self) -> Self:
        if sum(value is not None for value in (self.cron, self.at, self.every)) != 1:
            raise ValueError("give one of cron, at and every")
        if self.every is not None and self.every < 1:
            raise ValueError("every must be one second at least")
        if self.cron is not None:
            _cron_trigger(self.cron, UTC)
        if self.at is not None:
            _moment_or_time(self.at, UTC)
        return self

    def next_after(
        self, moment: datetime, *, default_zone: tzinfo = UTC, start: datetime | None = None
    ) -> datetime | None:
        """The first time after `moment`, in UTC; None when there is none.

        `start` is where `every` counts from (`moment` when not given); `default_zone` is the zone when the
        schedule itself names none.
        """
        place = zone(self.time_zone) if self.time_zone else default_zone
        if self.at is not None:
            once = _moment_or_time(self.at, place)
            if isinstance(once, datetime):
                return once.astimezone(UTC) if once > moment else None
            return _next(_daily(once, place), moment)
        if self.cron is not None:
            return _next(_cron_trigger(self.cron, place), moment)
        assert self.every is not None
        return _next(IntervalTrigger(seconds=self.every, start_date=start or moment, timezone=UTC), moment)

    def __str__(self) -> str:
        said = f"every {format_duration(self.every)}" if self.every else f"at {self.at}" if self.at else self.cron
        return f"{said} ({self.time_zone})" if self.time_zone else f"{said}"


def _next(trigger: BaseTrigger, moment: datetime) -> datetime | None:
    # The trigger counts in floats, where a microsecond may be lost; a second is not.
    for step in (timedelta(microseconds=1), timedelta(seconds=1)):
        found: datetime | None = trigger.get_next_fire_time(None, moment + step)
        if found is None or found > moment:
            break
    return None if found is None else found.astimezone(UTC)


def _moment_or_time(text: str, place: tzinfo) -> datetime | time:
    text = text.strip()
    if _TIME_OF_DAY.fullmatch(text):
        return _read_time(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f'"{text}" is neither a moment ("2026-03-02 09:00") nor a time of day ("09:00")') from None
    return moment.replace(tzinfo=place) if moment.tzinfo is None else moment


def _daily(at: time, place: tzinfo) -> BaseTrigger:
    return CronTrigger(hour=at.hour, minute=at.minute, timezone=place)


def _cron_trigger(text: str, place: tzinfo) -> BaseTrigger:
    """As crontab means it: days count from Sunday; when days of month and of week are both given, either will do."""
    fields = _MACROS.get(text.strip().lower(), text).split()
    if len(fields) != 5:
        raise ValueError(f'"{text}" must have five fields: minute, hour, day, month, day of the week')
    minute, hour, day, month, week_day = fields
    week_day = _days_of_week(week_day)
    choices = [(day, "*"), ("*", week_day)] if day != "*" and week_day != "*" else [(day, week_day)]
    try:
        triggers = [
            CronTrigger(minute=minute, hour=hour, day=days, month=month, day_of_week=week_days, timezone=place)
            for days, week_days in choices
        ]
    except ValueError as error:
        raise ValueError(f'"{text}" is not a cron schedule: {error}') from error
    return triggers[0] if len(triggers) == 1 else OrTrigger(triggers)


def _days_of_week(field: str) -> str:
    """A crontab field of week days (0 and 7 are Sunday, ranges may wrap) as a list of names."""
    if field == "*":
        return field
    days: set[int] = set()
    for part in field.split(","):
        match = _DAYS.fullmatch(part)
        if match is None or (match["step"] and not int(match["step"][:3])):
            raise ValueError(f'"{part}" is not a day of the week, such as mon or mon-fri')
        step = int(match["step"][:3]) if match["step"] else 1
        if match["first"] == "*":
            days.update(range(0, 7, step))
            continue
        first = _day(match["first"])
        last = _day(match["last"]) if match["last"] else (6 if match["step"] else first)
        days.update(day % 7 for day in range(first, (last if last >= first else last + 7) + 1, step))
    return ",".join(_DAY_NAMES[day] for day in sorted(days))


def _day(text: str) -> int:
    day = int(text) if text.isdigit() else _DAY_NAMES.index(text.lower()) if text.lower() in _DAY_NAMES else 8
    if day > 7:
        raise ValueError(f'"{text}" is not a day of the week, such as mon')
    return day
