"""Calling hooks: each plugin for itself, with a limit on time, and with its errors kept to itself."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import pluggy

from bot.calls import Calls, Event
from bot.errors import PluginError
from bot.log import get_logger
from bot.plugins.problems import PluginProblems, failure, hint_of, problem_at, told
from bot.plugins.thread import PluginThread
from bot.problems import Problem

__all__ = ["PluginLimits", "Plugins"]

log = get_logger(__name__)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class PluginLimits:
    """Seconds that each hook may take, and how many events may wait for a plugin before further ones are dropped."""

    start: float = 30.0
    event: float = 10.0
    stop: float = 1.0
    waiting: int = 1000


class _Plugin:
    """One plugin: its hooks, the events that wait for it, and its thread for plain functions."""

    def __init__(self, name: str, hooks: dict[str, pluggy.HookImpl], limits: PluginLimits) -> None:
        self.name = name
        self.hooks = hooks
        self.waiting: asyncio.Queue[Event] = asyncio.Queue(limits.waiting)
        self._overflowed = False
        self._stuck = False
        self._thread = PluginThread(name)

    async def call(self, hook: str, limit: float, **arguments: object) -> bool:
        """Call a hook if the plugin has it; False when that failed, which is logged."""
        implementation = self.hooks.get(hook)
        if implementation is None:
            return True
        if self._thread.stuck:
            if not self._stuck:
                log.error("plugin stuck", plugin=self.name, hook=hook, hint="an earlier call has not returned yet")
            self._stuck = True
            return False
        self._stuck = False
        run = partial(implementation.function, **_wanted(implementation.function, arguments))
        timer = asyncio.timeout(limit)
        try:
            async with timer:
                await self._run(implementation.function, run)
        except asyncio.CancelledError:
            if (task := asyncio.current_task()) is None or task.cancelling():
                raise
            log.error("plugin failed", plugin=self.name, hook=hook, reason="it cancelled itself")
        except (Exception, SystemExit) as error:
            if timer.expired():
                log.error("plugin too slow", plugin=self.name, hook=hook, limit=limit)
            else:
                log.error("plugin failed", plugin=self.name, hook=hook, exc_info=error)
        else:
            return True
        return False

    async def _run(self, function: Callable[..., object], run: Callable[[], object]) -> None:
        result = run() if inspect.iscoroutinefunction(function) else await self._thread.call(run)
        if inspect.isawaitable(result):
            await result

    def offer(self, event: Event) -> None:
        try:
            self.waiting.put_nowait(event)
            self._overflowed = False
        except asyncio.QueueFull:
            if not self._overflowed:
                log.error("plugin too slow", plugin=self.name, hint="events are dropped", first=event.name)
            self._overflowed = True

    async def hear(self, limit: float) -> None:
        """Deliver events in order, until cancelled."""
        while True:
            event = await self.waiting.get()
            await self.call("bot_call_event", limit, event=event)
            self.waiting.task_done()

    async def close(self, patience: float) -> None:
        if not await self._thread.close(patience):
            log.error("plugin left behind", plugin=self.name, hint="a hook of it does not return")


class Plugins:
    """The plugins that were loaded, in the order in which they are called: by name, installed ones first."""

    def __init__(self, manager: pluggy.PluginManager, limits: PluginLimits) -> None:
        self._limits = limits
        self._plugins = []
        for name, plugin in manager.list_name_plugin():
            callers = manager.get_hookcallers(plugin) or []
            hooks = {
                caller.name: implementation
                for caller in callers
                for implementation in caller.get_hookimpls()
                if implementation.plugin is plugin
            }
            self._plugins.append(_Plugin(name, hooks, limits))

    @property
    def names(self) -> Sequence[str]:
        return [plugin.name for plugin in self._plugins]

    def add_actions(self, kind: type[_T], add: Callable[[_T], None]) -> None:
        """Give what the `bot_actions` hooks return to `add`, such as `ActionRegistry.add`.

        Raises:
            PluginProblems: hooks that failed, what they returned that is no `kind`, what `add` did not take.
        """
        hooks = [hook for plugin in self._plugins if (hook := plugin.hooks.get("bot_actions")) is not None]
        problems = [problem for hook in hooks for problem in _add_from(hook, kind, add)]
        if problems:
            raise PluginProblems(problems, checked=len(hooks))

    @asynccontextmanager
    async def running(self, calls: Calls) -> AsyncIterator[None]:
        """Start the plugins, deliver the events of `calls` to them, and stop them at the end."""
        started: list[_Plugin] = []
        tasks: list[asyncio.Task[None]] = []
        removers: list[Callable[[], None]] = []
        try:
            for plugin in self._plugins:
                if await plugin.call("bot_start", self._limits.start, calls=calls):
                    started.append(plugin)  # noqa: PERF401 - a cancellation must find those started so far
            for plugin in started:
                if "bot_call_event" in plugin.hooks:
                    removers.append(calls.on_event(plugin.offer))
                    tasks.append(asyncio.create_task(plugin.hear(self._limits.event), name=f"plugin-{plugin.name}"))
            yield
        finally:
            for remove in removers:
                remove()
            await _at_most(self._limits.stop, (plugin.waiting.join() for plugin in started))
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for plugin in reversed(started):
                await plugin.call("bot_stop", self._limits.stop)
            for plugin in self._plugins:
                await plugin.close(self._limits.stop)


def _wanted(function: Callable[..., object], arguments: Mapping[str, object]) -> dict[str, object]:
    """Those arguments that a hook takes."""
    return {name: arguments[name] for name in inspect.signature(function).parameters if name in arguments}


async def _at_most(seconds: float, waits: Iterable[Coroutine[None, None, None]]) -> None:
    """Wait for all of `waits`, but no longer than `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            await asyncio.gather(*waits)
    except TimeoutError:
        log.warning("plugins not done", seconds=seconds, hint="events that still wait are dropped")


def _add_from(hook: pluggy.HookImpl, kind: type[_T], add: Callable[[_T], None]) -> Iterator[Problem]:
    try:
        returned: object = hook.function()
    except Exception as error:
        yield from failure(hook.function, error)
        return
    for item in returned if isinstance(returned, list | tuple) else [returned]:
        if not isinstance(item, kind):
            message = f"bot_actions returned {type(item).__name__} where an action belongs"
            yield problem_at(hook.function, message, "return a list of functions that are decorated with @action(…)")
            continue
        try:
            add(item)
        except PluginError as error:
            yield problem_at(hook.function, told(error), hint_of(error))
