"""Tasks with an owner: whoever starts work in the background here ends it, too."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from bot.log import get_logger

__all__ = ["Tasks", "any_of", "first_of"]

log = get_logger(__name__)
_T = TypeVar("_T")


class Tasks:
    """A set of running tasks. A failure is logged with its trace and does not end the others."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("sandbox task failed", task=task.get_name(), exc_info=error)

    async def close(self) -> None:
        """Cancel what runs and wait until it has ended; what that starts is ended as well."""
        while self._tasks:
            running = list(self._tasks)
            for task in running:
                task.cancel()
            await asyncio.wait(running)

    def __len__(self) -> int:
        return len(self._tasks)


async def any_of(*futures: asyncio.Future[Any]) -> None:
    """Wait until one of them is done; none is cancelled."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


async def first_of(work: Coroutine[Any, Any, _T], stop: asyncio.Future[Any]) -> _T | None:
    """The result of `work`, or None when `stop` was done first: `work` is cancelled then and has ended on return."""
    if stop.done():
        work.close()
        return None
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            return None
        return task.result()
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task})
