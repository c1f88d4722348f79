"""Who is calling: adds the action `lookup_caller`, and notes the segment of every known caller that rings.

    - lookup_caller: "{{ caller.number }}"
      save_as: known
    - if: known.found and known.segment == "gold"
      say: "Welcome back, {{ known.name }}."

The callers are in `callers.csv` beside this file: number, name, segment. Replace it by a look-up in your customer
database, and this is the plugin that you need.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import phonenumbers
from pydantic import Field

from bot import ActionContext, Arguments, Event, FileProblems, Problem, action, get_logger, hookimpl

log = get_logger("plugins.caller_lookup")

CALLERS = Path(__file__).with_name("callers.csv")
REGION = "US"
"""Where numbers that are written without a country code belong."""
COLUMNS = ["number", "name", "segment"]


@dataclass(frozen=True, slots=True)
class Caller:
    """What `save_as` keeps. `found` is false, and the rest empty, for somebody unknown."""

    found: bool
    name: str = ""
    segment: str = ""


class LookupArguments(Arguments):
    number: str = Field(description="a phone number, in any spelling")


_known: dict[str, Caller] = {}


@action("lookup_caller", main="number", result=Caller)
async def lookup_caller(ctx: ActionContext, args: LookupArguments) -> Caller:
    """Find out who has a number: found, name, segment."""
    return find(args.number)


@hookimpl
def bot_actions() -> Sequence[object]:
    """The file is read here, so that a mistake in it is told at the start and not during a call."""
    _known.clear()
    _known.update(read_callers(CALLERS))
    return [lookup_caller]


@hookimpl
def bot_call_event(event: Event) -> None:
    if event.name == "call.ringing" and event.call is not None and event.call.direction == "inbound":
        caller = find(event.call.caller.number)
        if caller.found:
            log.info("known caller", call=event.call.id, name=caller.name, segment=caller.segment)


def find(number: str) -> Caller:
    """The caller with a number, in any spelling."""
    return _known.get(to_e164(number) or "", Caller(found=False))


def to_e164(number: str) -> str | None:
    """`(650) 555-0198` becomes `+16505550198`; None for what is no phone number."""
    try:
        parsed = phonenumbers.parse(number, REGION)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(parsed):
        return None
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def read_callers(path: Path) -> Mapping[str, Caller]:
    """The callers of a CSV file, by number in E.164.

    Raises:
        FileProblems: every line that is wrong, with the reason.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise FileProblems([Problem(str(path), 0, 0, 0, f"cannot be read: {error}")]) from None
    callers: dict[str, Caller] = {}
    problems = list(_read(lines, callers))
    if problems:
        raise FileProblems([_problem(path, lines, line, message) for line, message in problems])
    return callers


def _read(lines: list[str], callers: dict[str, Caller]) -> Iterator[tuple[int, str]]:
    """Fill `callers`; yield each mistake as line number and reason."""
    rows = csv.reader(lines, strict=True)
    try:
        if [name.strip().lower() for name in next(rows, [])] != COLUMNS:
            yield 1, f"the first line must be {','.join(COLUMNS)}"
            return
        for row in rows:
            if row:
                reason = _add(row, callers)
                if reason:
                    yield rows.line_num, reason
    except csv.Error as error:
        yield rows.line_num, str(error)


def _add(row: list[str], callers: dict[str, Caller]) -> str:
    """Add one caller; what is wrong with the row, or nothing."""
    if len(row) != len(COLUMNS):
        return f"{len(row)} values where there must be {len(COLUMNS)}"
    number, name, segment = (value.strip() for value in row)
    key = to_e164(number)
    if key is None:
        return f'"{number}" is not a phone number'
    if key in callers:
        return f"{number} is listed twice"
    if not name or not segment:
        return f"{'name' if not name else 'segment'} is missing"
    callers[key] = Caller(True, name, segment)
    return ""


def _problem(path: Path, lines: list[str], line: int, message: str) -> Problem:
    source = lines[line - 1] if 0 < line <= len(lines) else ""
    return Problem(str(path), max(line, 1), 1, max(1, len(source)), message, "", source)
