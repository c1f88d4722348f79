"""Mistakes in plugins, each with its place in the plugin's file."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from bot.errors import BotError, PluginError
from bot.problems import FileProblems, Problem

__all__ = ["PluginProblems", "failure", "hint_of", "import_failure", "problem_at", "told"]


class PluginProblems(FileProblems, PluginError):
    """The mistakes of all plugins, each with file and line."""


def told(error: BaseException) -> str:
    """What an error says, in one line; our own errors need no class name."""
    text = error.message if isinstance(error, BotError) else f"{type(error).__name__}: {error}"
    return (text.splitlines() or [""])[0][:300]


def hint_of(error: BaseException) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("bot"):
        return f"install the package that has it, such as: pip install {error.name.partition('.')[0]}"
    if isinstance(error, ImportError):
        return "the names that a plugin can import from bot are those in bot.__all__"
    return error.hint if isinstance(error, BotError) else ""


def problem_at(function: Callable[..., object], message: str, hint: str) -> Problem:
    """A problem at the line that names `function`; its decorators stand above."""
    code = inspect.unwrap(getattr(function, "__func__", function)).__code__
    path, line = code.co_filename, code.co_firstlineno
    while (source := linecache.getline(path, line)) and not source.lstrip().startswith(("def ", "async def ")):
        line += 1
    return _problem(path, line, message, hint)


def failure(function: Callable[..., object], error: BaseException) -> list[Problem]:
    """What went wrong in a hook: mistakes in a file that it read, or else the hook itself."""
    if isinstance(error, FileProblems):
        return list(error.problems)
    name = getattr(function, "__name__", "the hook")
    return [problem_at(function, f"{name} failed: {told(error)}", hint_of(error))]


def import_failure(path: Path, error: BaseException) -> list[Problem]:
    """What went wrong at the import of `path`: mistakes in a file that it read, or else the line that failed."""
    return list(error.problems) if isinstance(error, FileProblems) else [_import_problem(path, error)]


def _import_problem(path: Path, error: BaseException) -> Problem:
    linecache.checkcache(str(path))
    if isinstance(error, SyntaxError) and error.filename == str(path) and error.lineno:
        source = linecache.getline(str(path), error.lineno).rstrip("\n")
        hint = "Python cannot read this line"
        return Problem(str(path), error.lineno, error.offset or 1, 1, f"syntax error: {error.msg}", hint, source)
    message = f"cannot be imported: {told(error)}"
    line = _line_in(path, error.__traceback__)
    return _problem(str(path), line, message, hint_of(error))


def _problem(path: str, line: int, message: str, hint: str) -> Problem:
    source = linecache.getline(path, line).rstrip("\n") if line else ""
    if not source:
        return Problem(path, 0, 0, 0, message, hint)
    bare = source.strip()
    return Problem(path, line, len(source) - len(source.lstrip()) + 1, max(1, len(bare)), message, hint, source)


def _line_in(path: Path, trace: TracebackType | None) -> int:
    """The innermost line of `path` that an exception came through; 0 when it did not."""
    line = 0
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
