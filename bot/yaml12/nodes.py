"""The tree that a YAML text becomes: scalars, mappings and lists that know where they were written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from bot.problems import Problem

__all__ = ["Entry", "Items", "Mapping", "Mark", "Node", "Plain", "Scalar", "Source", "plain_value"]

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"
"""What a node means, without places."""

_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
_WORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


@dataclass(frozen=True, slots=True)
class Source:
    """A text and the name under which problems report it."""

    path: str
    text: str
    lines: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, path: str, text: str) -> Source:
        return cls(path, text, tuple(_LINE_BREAK.split(text)))

    def line(self, number: int) -> str:
        """Line `number`, from 1; empty past the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of one line: where something is written. Lines and columns count from 1."""

    source: Source
    line: int
    column: int
    length: int = 1

    def problem(self, message: str, hint: str = "", *, severity: Literal["error", "warning"] = "error") -> Problem:
        return Problem(
            self.source.path,
            self.line,
            self.column,
            self.length,
            message,
            hint,
            self.source.line(self.line),
            severity,
        )

    def __str__(self) -> str:
        return f"{self.source.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Scalar:
    """Text, a number, a truth value or nothing. `text` has the characters that were typed, `value` their meaning."""

    mark: Mark
    text: str
    value: bool | int | float | str | None
    quoted: bool = False
    end_line: int = 0

    def plain(self) -> Plain:
        return self.value

    def part(self, offset: int, length: int) -> Mark:
        """The place of `length` characters of the text, from `offset`: exact where they stand as they were typed."""
        source = self.mark.source
        wanted = self.text[offset : offset + max(length, 1)].split("\n")[0]
        if not wanted:
            return self._end()
        seen = self.text.count(wanted, 0, offset)
        for number in range(self.mark.line, max(self.end_line, self.mark.line) + 1):
            line = source.line(number)
            start = self.mark.column - 1 if number == self.mark.line else 0
            while (found := line.find(wanted, start)) >= 0:
                if seen == 0:
                    return Mark(source, number, found + 1, len(wanted))
                seen -= 1
                start = found + 1
        return self.mark

    def _end(self) -> Mark:
        """Just after the last character."""
        mark = self.mark
        return Mark(mark.source, mark.line, mark.column + max(mark.length - int(self.quoted), 0), 1)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and its value. A key is always text."""

    key: Scalar
    value: Node


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and values in the order of the file. A key that came twice is reported and kept once, as it was first."""

    mark: Mark
    entries: dict[str, Entry]

    def plain(self) -> Plain:
        return {name: entry.value.plain() for name, entry in self.entries.items()}

    def get(self, key: str) -> Node | None:
        entry = self.entries.get(key)
        return entry.value if entry else None

    def __contains__(self, key: str) -> bool:
        return key in self.entries

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.entries.values())

    def __len__(self) -> int:
        return len(self.entries)


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    mark: Mark
    items: tuple[Node, ...]

    def plain(self) -> Plain:
        return [item.plain() for item in self.items]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)


Node: TypeAlias = Scalar | Mapping | Items


def plain_value(text: str) -> bool | int | float | str | None:
    """What an unquoted scalar means. Whatever would lose characters as a number stays text."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) and text != "-0":
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
