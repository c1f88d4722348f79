"""The one gate: may this number be dialled now? Yes, or no with the reason and with when to ask again.

Pure: everything that it judges by is an argument. Whatever dials for a campaign asks here first.
"""

from __future__ import annotations

import enum
from collections.abc import Container, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.campaigns.numbers import special_service
from bot.campaigns.window import Window, next_midnight, zones_of
from bot.store import Attempt

__all__ = ["LOOK_BACK", "DialRules", "Reason", "Verdict", "may_dial"]

LOOK_BACK = timedelta(days=2)
"""How far back the attempts to a number must be known: a local day has 25 hours at most."""


class Reason(enum.StrEnum):
    """Why a number is not dialled."""

    SPECIAL = "special_number"
    DO_NOT_CALL = "do_not_call"
    NO_CONSENT = "no_consent"
    IN_USE = "in_use"
    DAILY_CAP = "daily_cap"
    TIME_ZONE_UNKNOWN = "time_zone_unknown"
    NEVER_OPEN = "never_open"
    OUTSIDE_WINDOW = "outside_window"


@dataclass(frozen=True, slots=True)
class DialRules:
    """The rules of a campaign. `per_day` counts everybody's attempts in the called party's day; None is no cap."""

    window: Window = field(default_factory=Window)
    per_day: int | None = 3
    needs_consent: bool = True


@dataclass(frozen=True, slots=True)
class Verdict:
    """`allowed`; or `reason`, `text` for people, and `until`: None when waiting does not help."""

    allowed: bool
    reason: Reason | None = None
    text: str = ""
    until: datetime | None = None


_YES = Verdict(True)


def may_dial(
    number: str,
    now: datetime,
    *,
    rules: DialRules,
    time_zone: str = "",
    consent: bool = False,
    attempts: Iterable[Attempt] = (),
    do_not_call: Container[str] = (),
) -> Verdict:
    """Whether `number` (E.164) may be dialled at `now`.

    `time_zone` is what the contact's row says, or empty; `attempts` are everybody's to this number, at least
    those of the last `LOOK_BACK`.
    """
    special = special_service(number)
    if special:
        return _no(Reason.SPECIAL, special)
    if number in do_not_call:
        return _no(Reason.DO_NOT_CALL, "on the do-not-call list")
    if rules.needs_consent and not consent:
        return _no(Reason.NO_CONSENT, "has not consented to calls by a machine")
    counted = [attempt for attempt in attempts if attempt.number == number and attempt.counts]
    if any(attempt.disposition is None for attempt in counted):
        return _no(Reason.IN_USE, "is being called at this moment", now + timedelta(minutes=1))
    capped = _over_cap(number, now, rules, time_zone, counted)
    return capped if capped is not None else _in_window(number, now, rules, time_zone)


def _over_cap(number: str, now: datetime, rules: DialRules, time_zone: str, counted: list[Attempt]) -> Verdict | None:
    """No when the calls of the called party's day are used up, in whichever zone comes into question."""
    if rules.per_day is None or len(counted) < rules.per_day:
        return None
    text = f"called {rules.per_day} times today" if rules.per_day > 1 else "called today already"
    zones = zones_of(number, time_zone)
    if not zones:
        recent = sorted(attempt.started_at for attempt in counted if attempt.started_at > now - timedelta(days=1))
        if len(recent) < rules.per_day:
            return None
        return _no(Reason.DAILY_CAP, text, recent[-rules.per_day] + timedelta(days=1))
    full = [
        zone
        for zone in zones
        if sum(attempt.started_at.astimezone(zone).date() == now.astimezone(zone).date() for attempt in counted)
        >= rules.per_day
    ]
    return _no(Reason.DAILY_CAP, text, max(next_midnight(now, zone) for zone in full)) if full else None


def _in_window(number: str, now: datetime, rules: DialRules, time_zone: str) -> Verdict:
    if rules.window.always:
        return _YES
    zones = zones_of(number, time_zone)
    if not zones:
        return _no(Reason.TIME_ZONE_UNKNOWN, "nobody knows what time it is there: give a time_zone column")
    opens = rules.window.opens(now, zones)
    if opens is None:
        return _no(
            Reason.NEVER_OPEN, "no hour is within the window in all of its time zones: give a time_zone column"
        )
    if opens > now:
        local = now.astimezone(zones[0])
        return _no(Reason.OUTSIDE_WINDOW, f"it is {local:%a %H:%M} there, outside the window", opens)
    return _YES


def _no(reason: Reason, text: str, until: datetime | None = None) -> Verdict:
    return Verdict(False, reason, text, until)
