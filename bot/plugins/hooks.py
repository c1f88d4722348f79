"""What a plugin can hook into. A plugin is a Python file (or an installed package) with functions marked `@hookimpl`:

    from bot import Event, hookimpl

    @hookimpl
    async def bot_call_event(event: Event) -> None:
        if event.name == "call.ended":
            ...

Every hook is optional, and so is every argument: take those that you need, by name. `async def` hooks run on
the bot's loop and may use `calls` and `event.call`. Plain functions run in a thread of their plugin, so they may
block (files, databases, requests); they may read what they are given but not act on calls. Either way a hook has a
limit on time, its events come one after another and in order, and its errors are logged under the plugin's
name and touch nobody else.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from inspect import signature

import pluggy

from bot.calls import Calls, Event

__all__ = ["HOOKS", "PROJECT", "BotHooks", "hookimpl", "hookspec"]

PROJECT = "bot"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class BotHooks:
    """The hooks. What they are declared to return, implementations return."""

    @hookspec
    def bot_actions(self) -> Sequence[object]:  # type: ignore[empty-body]
        """The actions that the plugin adds to the flow language: functions decorated with `@action`.

        Called once, when plugins are loaded, before any flow is read; a plain function.
        """

    @hookspec
    def bot_start(self, calls: Calls) -> Awaitable[None] | None:
        """The bot is about to start: open what you need. A plugin that fails here gets no events.

        Args:
            calls: the directory of calls; phones are not registered yet.
        """

    @hookspec
    def bot_call_event(self, event: Event) -> Awaitable[None] | None:
        """Something happened to a call, an agent, a park location or a phone.

        Args:
            event: its `name` (`call.ringing`, `call.ended`, …), `at`, `call` (None when it concerns none), `data`.
        """

    @hookspec
    def bot_stop(self) -> Awaitable[None] | None:
        """The bot is stopping; no event comes any more. Close what you opened."""


HOOKS: Mapping[str, frozenset[str]] = {
    name: frozenset(signature(hook).parameters) - {"self"}
    for name, hook in vars(BotHooks).items()
    if name.startswith("bot_")
}
"""The names of the hooks, and of the arguments of each."""
