"""Mistakes in the files that people write: each with its place, all of them at once, with a caret and a suggestion.

    flows/front-desk.yaml:14:5  unknown action "anwser"
       14 |   - anwser: {after: 2}
          |     ^^^^^^  did you mean "answer"?

    1 error in 1 of 6 files. The flows that were running keep running.

Flows, campaigns, people and configuration are read with `bot.yaml12`, which makes these.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from bot.errors import UserError

__all__ = ["FileProblems", "Problem", "did_you_mean", "format_problems", "one_of"]

MAX_LINE = 110
"""Characters of a source line that are shown; of a longer one, the part around the mistake."""
MAX_PROBLEMS = 100
"""Problems that are printed in full; the summary counts all of them."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake. `line` and `column` count from 1; `line` 0 means the file as a whole."""

    path: str
    line: int
    column: int
    length: int
    message: str
    hint: str = ""
    source_line: str = ""
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """The lines that a person reads: place and message, the source line, the caret with the hint."""
        warning = "warning: " if self.severity == "warning" else ""
        if self.line == 0:
            return f"{self.path}  {warning}{self.message}" + (f" ({self.hint})" if self.hint else "")
        shown, before, carets = _window(self.source_line, self.column - 1, self.length)
        hint = f"  {self.hint}" if self.hint else ""
        return (
            f"{self.path}:{self.line}:{self.column}  {warning}{self.message}\n"
            f"{self.line:>5} | {shown}\n"
            f"      | {' ' * before}{'^' * carets}{hint}"
        )


class FileProblems(UserError):
    """The mistakes of one or more files, every one of them; `checked` is the number of files that were read."""

    def __init__(self, problems: Sequence[Problem], *, checked: int = 1, tail: str = "") -> None:
        self.problems = tuple(problems)
        self.checked = checked
        super().__init__(format_problems(problems, checked=checked, tail=tail))


def format_problems(problems: Sequence[Problem], *, checked: int = 1, tail: str = "") -> str:
    """All problems in order of file and line, and the summary, ended by `tail` (a sentence on what happens now)."""
    ordered = sorted(problems, key=lambda problem: (problem.path, problem.line, problem.column))
    errors = [problem for problem in ordered if problem.severity == "error"]
    warnings = len(ordered) - len(errors)
    counts = [_count(len(errors), "error")] if errors or not warnings else []
    counts += [_count(warnings, "warning")] if warnings else []
    files = len({problem.path for problem in ordered})
    summary = f"{' and '.join(counts)} in {files} of {_count(max(checked, files), 'file')}."
    blocks = [str(problem) for problem in ordered[:MAX_PROBLEMS]]
    if len(ordered) > MAX_PROBLEMS:
        blocks.append(f"… and {len(ordered) - MAX_PROBLEMS} more")
    return "\n".join([*blocks, "", f"{summary} {tail}".rstrip()]).lstrip("\n")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean "answer"?` when one of `known` is close to `word`, else nothing."""
    candidates = list(known)
    folded = {candidate.casefold(): candidate for candidate in candidates}
    found = difflib.get_close_matches(word[:200].casefold(), folded, n=1, cutoff=0.6)
    return f'did you mean "{folded[found[0]]}"?' if found else ""


def one_of(words: Iterable[str], limit: int = 12) -> str:
    """`one of "a", "b", "c"`: the choices, for a hint; long lists are cut."""
    choices = [f'"{word}"' for word in words]
    shown = ", ".join(choices[:limit])
    prefix = "" if len(choices) == 1 else "one of "
    return f"{prefix}{shown}{', …' if len(choices) > limit else ''}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _window(line: str, start: int, length: int) -> tuple[str, int, int]:
    """The part of `line` to show, how far the caret is in it, and how many carets; in columns of a terminal."""
    text = "".join(char if char.isprintable() else " " for char in line)
    start = min(max(start, 0), len(text))
    length = max(1, min(length, len(text) - start))
    cut = 0
    if len(text) > MAX_LINE:
        cut = max(0, min(start - MAX_LINE // 3, len(text) - MAX_LINE))
        text = ("…" if cut else "") + text[cut + (1 if cut else 0) : cut + MAX_LINE]
        text += "…" if cut + MAX_LINE < len(line) else ""
    begin = start - cut
    marked = text[begin : begin + length]
    return text.rstrip(), _columns(text[:begin]), max(1, _columns(marked))


def _columns(text: str) -> int:
    """Columns that `text` takes in a terminal: wide characters two, combining ones none."""
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text
    )
