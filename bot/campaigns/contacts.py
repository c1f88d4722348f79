"""Reading lists of people: contacts with a header and a mapping of columns, and lists of numbers not to call.

A row that cannot be used is rejected with its line and the reason; the others are read. A file that cannot be used at
all is a problem, as in any other file that people write.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from bot.campaigns.model import Columns, ContactList
from bot.campaigns.numbers import normalise
from bot.problems import FileProblems, Problem, did_you_mean, one_of
from bot.schedule import zone
from bot.store import NewContact

__all__ = ["ContactRows", "Rejected", "missing_columns", "read_contacts", "read_header", "read_numbers"]

_YES = frozenset({"yes", "y", "true", "1", "x"})
_NO = frozenset({"", "no", "n", "false", "0", "none", "withdrawn"})


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be used: its line in the file, what it says, and why."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class ContactRows:
    """What a list holds: good rows in the order of the file, one a number, and the rejected ones."""

    contacts: tuple[NewContact, ...]
    rejected: tuple[Rejected, ...]


def read_contacts(path: Path, settings: ContactList) -> ContactRows:
    """Read a list of contacts.

    Raises:
        FileProblems: the file cannot be read, or its header lacks a column that the campaign names.
    """
    rows = _Rows(path)
    missing = missing_columns(settings.columns, rows.header).values()
    _raise([Problem(str(path), 1, 1, len(rows.first_line), *told, rows.first_line) for told in missing])
    contacts: dict[str, NewContact] = {}
    rejected: list[Rejected] = []
    for line, cells in rows:
        try:
            contact = _contact(line, cells, rows.header, settings)
            if contact.number in contacts:
                raise ValueError(f"the same number as line {contacts[contact.number].line}")
        except ValueError as error:
            rejected.append(Rejected(line, ", ".join(cells), str(error)))
        else:
            contacts[contact.number] = contact
    return ContactRows(tuple(contacts.values()), tuple(rejected))


def read_header(path: Path) -> list[str]:
    """The columns of a list.

    Raises:
        FileProblems: the file cannot be read, or names a column twice.
    """
    return _Rows(path).header


def missing_columns(columns: Columns, header: Sequence[str]) -> dict[str, tuple[str, str]]:
    """What a campaign wants of a list that lacks it: by field, the message and the hint."""
    there_are = f"its columns: {one_of(header).removeprefix('one of ')}"
    return {
        field: (f'the list has no column "{column}"', did_you_mean(column, header) or there_are)
        for field, column in columns.mapped().items()
        if column not in header
    }


def read_numbers(path: Path, country: str = "US") -> frozenset[str]:
    """Read a list of numbers: the first cell of each line; `#` begins a comment, a first line of words is a header.

    Raises:
        FileProblems: the file cannot be read, or a line holds no number; one that is skipped might be called.
    """
    numbers: set[str] = set()
    problems: list[Problem] = []
    for index, line in enumerate(_text(path).splitlines(), start=1):
        cell = line.split("#")[0].replace(";", ",").split(",")[0].strip().strip('"')
        if not cell or (index == 1 and not any(char.isdigit() for char in cell)):
            continue
        try:
            numbers.add(normalise(cell, country))
        except ValueError as error:
            column = line.find(cell) + 1
            problems.append(Problem(str(path), index, column, len(cell), str(error), "correct or remove it", line))
    _raise(problems)
    return frozenset(numbers)


class _Rows:
    """The header and the rows of a CSV file, each row with the line on which it begins."""

    def __init__(self, path: Path) -> None:
        text = _text(path)
        self.first_line = text.splitlines()[0] if text.strip() else ""
        if not self.first_line:
            raise FileProblems([Problem(str(path), 0, 0, 0, "is empty", "its first line names the columns")])
        self._path = path
        delimiter = max(",;\t", key=self.first_line.count)
        self._reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        self.header = [name.strip() for name in self._next() or []]
        twice = sorted({name for name in self.header if name and self.header.count(name) > 1})
        _raise([self._twice(name) for name in twice])

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        while True:
            line = self._reader.line_num + 1
            cells = self._next()
            if cells is None:
                return
            if any(cell.strip() for cell in cells):
                yield line, [cell.strip() for cell in cells]

    def _twice(self, name: str) -> Problem:
        column = max(self.first_line.rfind(name), 0) + 1
        return Problem(str(self._path), 1, column, len(name), f'two columns are called "{name}"', "", self.first_line)

    def _next(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except csv.Error as error:
            line = self._reader.line_num
            raise FileProblems([Problem(str(self._path), line, 1, 1, f"cannot be read: {error}")]) from error


def _contact(line: int, cells: list[str], header: list[str], settings: ContactList) -> NewContact:
    if len(cells) > len(header):
        raise ValueError(f"{len(cells)} cells, but the header names {len(header)} columns")
    row = dict(zip(header, [*cells, *[""] * (len(header) - len(cells))], strict=True))
    columns = settings.columns
    place = row.get(columns.time_zone, "")
    return NewContact(
        number=normalise(row[columns.number], settings.country),
        name=row.get(columns.name, ""),
        time_zone=zone(place).key if place else "",
        consent=_consent(row.get(columns.consent, "")),
        line=line,
        fields=_others(row, columns),
    )


def _others(row: Mapping[str, str], columns: Columns) -> dict[str, str]:
    mapped = set(columns.mapped().values())
    return {column: text for column, text in row.items() if column and column not in mapped}


def _consent(text: str) -> bool:
    word = text.casefold()
    if word in _YES or word in _NO:
        return word in _YES
    try:
        date.fromisoformat(text[:10])
    except ValueError:
        raise ValueError(f'consent is "{text}": say yes, no, or the date on which it was given') from None
    return True


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        problem = Problem(str(path), 0, 0, 0, f"cannot be read: {error.strerror or error}")
        raise FileProblems([problem]) from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        hint = "save it as CSV UTF-8"
        raise FileProblems([Problem(str(path), 0, 0, 0, f"is not UTF-8 text (line {line})", hint)]) from error


def _raise(problems: list[Problem]) -> None:
    if problems:
        raise FileProblems(problems)
