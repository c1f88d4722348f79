"""Tasks with an owner: whoever made the group closes it, and nothing outlives that."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from bot.errors import BotError
from bot.log import get_logger

__all__ = ["Tasks"]

log = get_logger(__name__)
_T = TypeVar("_T")


class Tasks:
    """The background work of one phone. Unlike a `TaskGroup`, one failure is logged and leaves the others alone."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[object]] = set()

    def spawn(self, work: Coroutine[object, object, _T], name: str) -> asyncio.Task[_T]:
        """Run `work`; it is awaited by `drain` or cancelled by `close`."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._done)
        return task

    async def drain(self) -> None:
        """Wait until everything has come to its end."""
        while others := self._running - {asyncio.current_task()}:
            await asyncio.wait(others)

    async def close(self) -> None:
        """Cancel what is still running, and wait for it."""
        while others := self._running - {asyncio.current_task()}:
            for task in others:
                task.cancel()
            await asyncio.wait(others)

    def _done(self, task: asyncio.Task[object]) -> None:
        self._running.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, BotError):
            log.info("background work ended", work=task.get_name(), error=str(error))
        else:
            log.error("background work failed", work=task.get_name(), exc_info=error)
