"""The language of campaign files.

campaign: spring-offer
flow: spring-offer                     # what happens in each call
list:
  file: spring-offer.csv               # beside this file
  columns: {number: phone, name: name, time_zone: tz, consent: consent}
window: {from: "09:00", to: "20:00", days: [mon, tue, wed, thu, fri]}
lines: 2
attempts: {max: 3, per_day: 1, retry_after: {busy: 10m, no_answer: 1h}}
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self

import phonenumbers
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.campaigns.compliance import DialRules
from bot.campaigns.progress import RETRY_AFTER, AttemptRules
from bot.campaigns.window import DAYS, Day, Window
from bot.durations import Duration
from bot.schedule import TimeOfDay, When
from bot.store import Contact, Disposition

__all__ = ["OFFERED", "Campaign", "CampaignFile", "Columns"]


OFFERED = ("number", "name", "campaign")
"""The inputs that a flow can take whatever the columns of the list are."""


def _country(code: str) -> str:
    if code.upper() not in phonenumbers.SUPPORTED_REGIONS:
        raise ValueError(f'"{code}" is not a country, such as US or GB')
    return code.upper()


def _ring_time(seconds: float) -> float:
    if not 15 <= seconds <= 120:
        raise ValueError("let it ring for 15s at least and 2m at most")
    return seconds


def _minutes(time_of_day: str) -> int:
    hours, minutes = time_of_day.split(":")
    return int(hours) * 60 + int(minutes)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Columns(_Model):
    """Which column of the list is what. Every other column is an input of the flow, by its own name."""

    number: str = Field("number", description="the column with the phone number")
    name: str = Field("", description="the column with the name")
    time_zone: str = Field("", description="the column with the contact's time zone, such as America/New_York")
    consent: str = Field("", description="the column that says yes, or since when, to calls by a machine")

    def mapped(self) -> dict[str, str]:
        """The columns that are named, by what they hold."""
        return {field: column for field, column in self.model_dump().items() if column}


class ContactList(_Model):
    """Whom to call: a CSV file."""

    file: str = Field(description="a CSV file with a header; relative to the campaign's file")
    columns: Columns = Columns()
    country: Annotated[str, AfterValidator(_country)] = Field("US", description="of numbers without a country code")


class WindowHours(_Model):
    """When people may be called, by their own clocks."""

    from_: TimeOfDay = Field("09:00", alias="from", description="the first minute")
    to: TimeOfDay | Literal["24:00"] = Field(
        "20:00", description="the first minute that is too late; 24:00 is midnight"
    )
    days: tuple[Day, ...] = Field(DAYS, min_length=1, description="the days of the week")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.window().first >= self.window().last:
            raise ValueError(f"the window ends ({self.to}) before it begins ({self.from_})")
        return self

    def window(self) -> Window:
        return Window(_minutes(self.from_), _minutes(self.to), frozenset(DAYS.index(day) for day in self.days))


class RetryAfter(_Model):
    """The delay before the next attempt; `never` to leave it."""

    busy: Duration | Literal["never"] = Field(
        RETRY_AFTER[Disposition.BUSY].total_seconds(), description="after a busy line"
    )
    no_answer: Duration | Literal["never"] = Field(
        RETRY_AFTER[Disposition.NO_ANSWER].total_seconds(), description="after nobody answered"
    )
    failed: Duration | Literal["never"] = Field(
        RETRY_AFTER[Disposition.FAILED].total_seconds(), description="after a call that the phone system failed"
    )
    interrupted: Duration | Literal["never"] = Field(
        RETRY_AFTER[Disposition.INTERRUPTED].total_seconds(),
        description="after an attempt during which the bot stopped: it may have rung",
    )

    def delays(self) -> dict[Disposition, timedelta]:
        written = {Disposition(name): getattr(self, name) for name in type(self).model_fields}
        return {disposition: timedelta(seconds=delay) for disposition, delay in written.items() if delay != "never"}


class Attempts(_Model):
    """How often a contact is called."""

    max: int = Field(3, ge=1, le=50, description="attempts a contact, in all")
    per_day: int | None = Field(
        3, ge=1, le=20, description="attempts to a number in a day of the called party, whoever makes them"
    )
    retry_after: RetryAfter = RetryAfter()


class CampaignFile(_Model):
    """A campaign: whom to call, when, how often, and the flow that each answered call runs."""

    campaign: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=60, description="its name")
    flow: str = Field(description="the flow that runs in each answered call")
    contacts: ContactList = Field(alias="list", description="whom to call")
    schedule: When | None = Field(None, description="when it starts by itself; by hand when not given")
    hours: WindowHours = Field(WindowHours(), alias="window", description="when people may be called")
    lines: int = Field(1, ge=1, le=100, description="calls at once")
    attempts: Attempts = Attempts()
    ring_for: Annotated[Duration, AfterValidator(_ring_time)] = Field(
        20.0, description="how long it rings before that is no answer"
    )
    do_not_call: str = Field("", description="a file with numbers that are not called, besides those who opted out")
    caller_id: str = Field("", description="the number that is shown; the phone's own when not given")
    phone: str = Field("", description="the name of the phone that dials; any free one when not given")
    speaks: bool = Field(True, description="whether a machine's voice speaks: then each contact must have consented")
    consent: str = Field("", description="how every contact on the list has consented, where no column says it")

    @property
    def needs_consent_column(self) -> bool:
        return self.speaks and not self.consent and not self.contacts.columns.consent


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as it runs: what its file says, where that is, and the inputs that its flow takes (None: any)."""

    settings: CampaignFile
    path: Path
    inputs: frozenset[str] | None = None

    @property
    def name(self) -> str:
        return self.settings.campaign

    def inputs_for(self, contact: Contact) -> dict[str, str]:
        """What the flow is given for a contact: `OFFERED` and the columns of its row, as far as it takes them."""
        offered = {**contact.fields, "number": contact.number, "name": contact.name, "campaign": self.name}
        return {name: text for name, text in offered.items() if self.inputs is None or name in self.inputs}

    @property
    def list_path(self) -> Path:
        return self.path.parent / self.settings.contacts.file

    @property
    def do_not_call_path(self) -> Path | None:
        return self.path.parent / self.settings.do_not_call if self.settings.do_not_call else None

    @property
    def dial_rules(self) -> DialRules:
        settings = self.settings
        return DialRules(
            window=settings.hours.window(),
            per_day=settings.attempts.per_day,
            needs_consent=bool(settings.contacts.columns.consent) or (settings.speaks and not settings.consent),
        )

    @property
    def attempt_rules(self) -> AttemptRules:
        return AttemptRules(self.settings.attempts.max, self.settings.attempts.retry_after.delays())
