"""A contact-center bot: flows in YAML answer, reply, supervise, park and dial.

What is named here is what plugins and programs import; all other names may change.

    from bot import ActionContext, Arguments, Event, action, hookimpl
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.actions import ActionContext, Arguments, action
    from bot.calls import Call, Calls, Event, Party
    from bot.errors import BotError, PluginError, UserError
    from bot.log import get_logger
    from bot.plugins import hookimpl
    from bot.problems import FileProblems, Problem

__all__ = [
    "ActionContext",
    "Arguments",
    "BotError",
    "Call",
    "Calls",
    "Event",
    "FileProblems",
    "Party",
    "PluginError",
    "Problem",
    "UserError",
    "action",
    "get_logger",
    "hookimpl",
]

_HOMES = {
    "ActionContext": "bot.actions",
    "Arguments": "bot.actions",
    "BotError": "bot.errors",
    "Call": "bot.calls",
    "Calls": "bot.calls",
    "Event": "bot.calls",
    "FileProblems": "bot.problems",
    "Party": "bot.calls",
    "PluginError": "bot.errors",
    "Problem": "bot.problems",
    "UserError": "bot.errors",
    "action": "bot.actions",
    "get_logger": "bot.log",
    "hookimpl": "bot.plugins",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used: `import bot.errors` stays as light as it looks."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
