"""What a filter compares with: texts and /patterns/, which are refused where matching them could take for ever."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainValidator
from pydantic_core import PydanticCustomError

__all__ = ["LONGEST_MATCHED", "Match", "Matches", "fits"]

LONGEST_MATCHED = 256
"""Characters of a header or name that a pattern looks at: they come from the caller."""
MOST_WORK = 2**28
"""Ways to match that a pattern may have to try: every repetition multiplies them by the length, a choice by two."""

_TOKEN = re.compile(
    r"""(?P<plain> \\[^1-9] | \[\^?\]?(?:\\.|[^\]\\])*\] | [^()|*+?{\\\[] | \{(?!\d*,?\d*\}) )
    | (?P<open> \((?!\?) | \(\?(?:P<\w+>|:|<?[=!]) )
    | (?P<close> \) )
    | (?P<either> \| )
    | (?P<times> \{\d+\} )
    | (?P<maybe> \?[+?]? )
    | (?P<repeat> [*+][+?]? | \{\d*,?\d*\}[?+]? )""",
    re.X | re.S,
)


@dataclass(frozen=True, slots=True)
class Match:
    """One text to be equal to, or a /pattern/ to be found."""

    text: str
    pattern: re.Pattern[str] | None = None

    def fits(self, value: str) -> bool:
        if self.pattern is not None:
            return self.pattern.search(value[:LONGEST_MATCHED]) is not None
        return value.strip() == self.text


def fits(matches: tuple[Match, ...] | None, value: object) -> bool:
    """Whether one of them fits, or there are none to fit."""
    return matches is None or any(match.fits(str(value)) for match in matches)


def _read_match(value: object) -> Match:
    if isinstance(value, Match):
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise PydanticCustomError("match", "this must be text, a list of texts, or a /pattern/")
    text = str(value).strip()
    flags = re.IGNORECASE if text.endswith("/i") else 0
    body = text.removesuffix("i") if flags else text
    if len(body) < 2 or not (body.startswith("/") and body.endswith("/")):
        return Match(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            pattern = re.compile(body[1:-1], flags)
    except (re.error, RecursionError, OverflowError, Warning) as error:
        raise _refused(getattr(error, "pos", None) or 0, str(getattr(error, "msg", error))) from error
    _refuse_slow(body[1:-1])
    return Match(text, pattern)


def _refused(offset: int, reason: str) -> PydanticCustomError:
    place = {"offset": 1 + offset, "length": 1, "reason": reason}
    return PydanticCustomError("pattern", "the pattern cannot be read: {reason}", place)


def _refuse_slow(pattern: str) -> None:
    """Refuse a pattern that `re` accepts and could take too long over, as it tries one way to match after another.

    A group that repeats may not hold a repetition or a choice (`(a+)*` tries every way to cut the text), nor may
    there be many of them side by side. What is not known here (back-references, conditions) is refused too.

    Raises:
        PydanticCustomError: it says where and why.
    """
    variable = [False]  # whether there is a repetition or a choice: in the pattern itself, and in each open group
    closed, work, position = False, LONGEST_MATCHED, 0
    while position < len(pattern):
        token = _TOKEN.match(pattern, position)
        if token is None:
            raise _refused(position, "a filter takes simple patterns only")
        kind = token.lastgroup
        if closed and kind in ("repeat", "times"):
            raise _refused(position, "a group that repeats may hold neither a repetition nor a choice")
        if kind == "repeat":
            work *= LONGEST_MATCHED
        elif kind == "maybe" or (kind == "either" and len(variable) > 1):
            work *= 2
        if work > MOST_WORK:
            raise _refused(position, "it repeats or chooses in too many places")
        variable[-1] |= kind in ("repeat", "maybe", "either")
        if kind == "open":
            variable.append(False)
        closed = kind == "close" and variable.pop()
        variable[-1] |= closed
        position = token.end()


def _as_list(value: object) -> object:
    return value if isinstance(value, list | tuple) else [value]


Matches = Annotated[
    tuple[Annotated[Match, PlainValidator(_read_match)], ...], BeforeValidator(_as_list), Field(min_length=1)
]
"""A filter: a text, a /pattern/, or a list of them, of which one has to fit."""
