"""Schedules: when something is due (`When`), and the service that waits for it (`Scheduler`)."""

from bot.schedule.service import RunFlow, Scheduler
from bot.schedule.timing import TimeOfDay, When, ZoneName, zone

__all__ = [
    "RunFlow",
    "Scheduler",
    "TimeOfDay",
    "When",
    "ZoneName",
    "zone",
]
