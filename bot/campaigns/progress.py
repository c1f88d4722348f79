"""How far a contact has come, told by its attempts alone: the ledger is the one place where that is kept."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.store import Attempt, Disposition

__all__ = ["RETRY_AFTER", "AttemptRules", "Stage", "Standing", "standing"]

RETRY_AFTER: Mapping[Disposition, timedelta] = {
    Disposition.BUSY: timedelta(minutes=10),
    Disposition.NO_ANSWER: timedelta(hours=1),
    Disposition.FAILED: timedelta(minutes=10),
    Disposition.INTERRUPTED: timedelta(minutes=10),
}
"""The delay before the next attempt; what is not listed is not tried again."""


class Stage(enum.StrEnum):
    WAITING = "waiting"
    """To be called, from `not_before` on."""
    CALLING = "calling"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class AttemptRules:
    """`most` attempts a contact, and the delay after each disposition that is worth another one."""

    most: int = 3
    retry_after: Mapping[Disposition, timedelta] = field(default_factory=lambda: RETRY_AFTER)


@dataclass(frozen=True, slots=True)
class Standing:
    """`attempts` that count, what came of the last of them, and what comes next."""

    stage: Stage
    attempts: int = 0
    last: Attempt | None = None
    not_before: datetime | None = None

    @property
    def disposition(self) -> Disposition | None:
        return self.last.disposition if self.last else None


def standing(attempts: Sequence[Attempt], rules: AttemptRules) -> Standing:
    """Where a contact stands after its `attempts` of this round, oldest first."""
    counted = [attempt for attempt in attempts if attempt.counts]
    if not counted:
        return Standing(Stage.WAITING)
    last = counted[-1]
    if last.disposition is None:
        return Standing(Stage.CALLING, len(counted), last)
    delay = rules.retry_after.get(last.disposition)
    if delay is None or len(counted) >= rules.most:
        return Standing(Stage.FINISHED, len(counted), last)
    return Standing(Stage.WAITING, len(counted), last, (last.ended_at or last.started_at) + delay)
