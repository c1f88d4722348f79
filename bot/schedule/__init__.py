"""Schedules: when something is due (`When`, `Duration`), and the service that waits for it (`Scheduler`)."""

from bot.schedule.duration import Duration, format_duration, parse_duration
from bot.schedule.service import RunFlow, Scheduler, SchedulesFlows
from bot.schedule.timing import TimeOfDay, When, ZoneName, zone

__all__ = [
    "Duration",
    "RunFlow",
    "Scheduler",
    "SchedulesFlows",
    "TimeOfDay",
    "When",
    "ZoneName",
    "format_duration",
    "parse_duration",
    "zone",
]
