"""Time, injected: the wall clock and sleeping on the real loop, or on one whose time is virtual.

Code above this module never reads `time` or `datetime.now`: it is given a `Clock`. Everything that waits does
so through the event loop (`asyncio.sleep`, `asyncio.timeout`, `loop.call_at`), so that on a `VirtualTimeLoop` a
flow that waits three days runs in milliseconds, real sockets on this machine included.
"""

from __future__ import annotations

import asyncio
import contextlib
import selectors
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple

__all__ = ["Clock", "VirtualClock", "VirtualTimeLoop", "hold_time"]

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class Clock:
    """The real clock."""

    def now(self) -> datetime:
        """The time of day, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds on the running loop's clock: for intervals, never for dates."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class VirtualClock(Clock):
    """A clock that starts at `start` and follows the loop's time, which may be virtual."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._origin = asyncio.get_running_loop().time()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic() - self._origin)


class _JumpingSelector(selectors.BaseSelector):
    """Polls the sockets; when none is ready, moves the loop's time instead of waiting."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop
        self._real = selectors.DefaultSelector()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or (timeout is not None and timeout <= 0):
            return ready
        if timeout is None or self._loop.held:
            # Only a thread or another process can wake us: real waiting, during which no virtual time passes.
            return self._real.select(timeout if self._loop.held else None)
        self._loop.advance(timeout)
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Any:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop that never waits: when nothing is ready, its time jumps to the next timer.

    Time stands still while a job runs in an executor or inside `hold()`, so that work in threads counts as
    taking no time. Sockets between parts of this process work as usual; do not use it with a peer in another process.
    """

    def __init__(self) -> None:
        self._virtual = 0.0
        self.held = 0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self._virtual

    def advance(self, seconds: float) -> None:
        self._virtual += seconds

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Keep time from jumping: something outside this loop is at work."""
        self.held += 1
        try:
            yield
        finally:
            self.held -= 1

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[*_Ts], _T], *args: *_Ts
    ) -> asyncio.Future[_T]:
        future = super().run_in_executor(executor, func, *args)
        self.held += 1
        future.add_done_callback(self._release)
        return future

    def _release(self, _future: asyncio.Future[Any]) -> None:
        self.held -= 1


def hold_time() -> contextlib.AbstractContextManager[None]:
    """Around work that a thread or another process does for us: on a virtual loop no time passes meanwhile."""
    loop = asyncio.get_running_loop()
    return loop.hold() if isinstance(loop, VirtualTimeLoop) else contextlib.nullcontext()
