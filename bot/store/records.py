"""What the repositories hand out: plain values, valid after the transaction that read them.

Every date is aware and in UTC. A number is in E.164 form (`+16505550199`).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["Attempt", "CampaignRun", "Contact", "Disposition", "DoNotCallEntry", "NewContact", "ScheduledFlow"]


class Disposition(enum.StrEnum):
    """What came of an attempt. Every one of them but `NOT_DIALLED` counts against the caps."""

    ANSWERED = "answered"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    INVALID = "invalid"
    """The phone system says that there is no such number."""
    FAILED = "failed"
    OPTED_OUT = "opted_out"
    """Answered, and the called party asked not to be called again."""
    INTERRUPTED = "interrupted"
    """The bot stopped between writing the attempt and resolving it: it may have rung."""
    NOT_DIALLED = "not_dialled"
    """Nothing went out: our phone was down."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One dialling attempt, written before it is dialled. `disposition` is None until it is resolved."""

    id: int
    number: str
    started_at: datetime
    campaign: str = ""
    round: int = 0
    contact_id: int | None = None
    caller_id: str = ""
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    disposition: Disposition | None = None
    reason: str = ""

    @property
    def counts(self) -> bool:
        """Whether it counts against the caps: also while nobody knows yet what came of it."""
        return self.disposition is not Disposition.NOT_DIALLED


@dataclass(frozen=True, slots=True)
class NewContact:
    """A row of a campaign's list that was found good. `line` is its line in the file, from 1."""

    number: str
    name: str = ""
    time_zone: str = ""
    consent: bool = False
    line: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact of a campaign. `removed` once the list does not have it any more."""

    id: int
    campaign: str
    number: str
    name: str = ""
    time_zone: str = ""
    consent: bool = False
    line: int = 0
    fields: Mapping[str, str] = field(default_factory=dict)
    removed: bool = False


@dataclass(frozen=True, slots=True)
class DoNotCallEntry:
    number: str
    added_at: datetime
    source: str


@dataclass(frozen=True, slots=True)
class ScheduledFlow:
    """A flow that is to run at `due_at`, with these inputs. `claimed_at` once it was handed out to be run."""

    id: int
    flow: str
    due_at: datetime
    inputs: Mapping[str, object] = field(default_factory=dict)
    claimed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CampaignRun:
    """One run of a campaign. `ended_at` is None while it runs, and after a crash until it is taken up again.

    Runs of one `round` go through the list once, together; a new round begins it anew.
    """

    id: int
    campaign: str
    round: int
    started_at: datetime
    ended_at: datetime | None = None
    result: str = ""
