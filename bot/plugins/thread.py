"""A thread for the plain functions of one plugin, so that one that blocks holds up nobody but its plugin."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from bot.clock import hold_time

__all__ = ["PluginThread"]


@dataclass(slots=True)
class _Job:
    run: Callable[[], object]
    loop: asyncio.AbstractEventLoop
    done: asyncio.Future[object]


class PluginThread:
    """Runs functions one after another. Its thread starts with the first, and is a daemon: a function that never
    returns does not keep the process alive, which an executor's would.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._unfinished: asyncio.Future[object] | None = None

    @property
    def stuck(self) -> bool:
        """A function that was given up is still running."""
        return self._unfinished is not None and not self._unfinished.done()

    async def call(self, function: Callable[[], object]) -> object:
        """What `function` returns or raises. Being cancelled leaves it running: see `stuck`."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=f"plugin-{self._name}", daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        self._unfinished = loop.create_future()
        self._jobs.put(_Job(function, loop, self._unfinished))
        with hold_time():
            return await asyncio.shield(self._unfinished)

    async def close(self, patience: float) -> bool:
        """End the thread. False when a function takes more than `patience` seconds: then it is left behind."""
        if self._thread is None:
            return True
        self._jobs.put(None)
        if self._unfinished is not None and not self._unfinished.done():
            with hold_time():
                await asyncio.wait({self._unfinished}, timeout=patience)
        if self.stuck:
            return False
        self._thread.join()
        return True

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            result: object = None
            error: BaseException | None = None
            try:
                result = job.run()
            except BaseException as raised:
                error = raised
            try:
                job.loop.call_soon_threadsafe(_finish, job.done, result, error)
            except RuntimeError:
                return  # the loop was closed: nobody waits any more


def _finish(done: asyncio.Future[object], result: object, error: BaseException | None) -> None:
    if error is None:
        done.set_result(result)
        return
    # A future takes no StopIteration, and a SystemExit would end the loop: both become ordinary errors.
    ordinary = isinstance(error, Exception) and not isinstance(error, StopIteration)
    done.set_exception(error if ordinary else RuntimeError(f"{type(error).__name__}: {error}"))
    done.exception()  # whoever waited may have given up: then nobody else asks for it
