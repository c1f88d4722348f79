"""Waits for what is due, and starts it: flows that were scheduled for later, and what recurs.

Flows for later live in the store and so survive a restart; one that fell due meanwhile is started at once. Each is
claimed before it is started, so it runs at most once. What recurs (`add`) comes from files that are read at every
start: of the times that passed while the bot was down, none is made up for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial
from types import TracebackType

from bot.clock import Clock
from bot.errors import StoreFailed, UserError
from bot.log import get_logger
from bot.schedule.timing import When
from bot.store import ScheduledFlow, Schedules

__all__ = ["RunFlow", "Scheduler"]

LOOK_AGAIN = 60.0
"""Seconds that the scheduler sleeps at most: a machine that was suspended, or whose time was set, is noticed."""

log = get_logger(__name__)

RunFlow = Callable[[str, Mapping[str, object]], Awaitable[None]]


@dataclass(slots=True)
class _Recurring:
    when: When
    run: Callable[[], Awaitable[None]]
    start: datetime
    next_at: datetime | None
    task: asyncio.Task[None] | None = None


class Scheduler:
    """An async context manager: inside it, what falls due is started; leaving it cancels what it started.

    `run_flow(flow, inputs)` is awaited in a task of its own; what it raises is logged, and nothing else stops.
    """

    def __init__(self, schedules: Schedules, clock: Clock, run_flow: RunFlow, *, default_zone: tzinfo = UTC) -> None:
        self._schedules = schedules
        self._clock = clock
        self._run_flow = run_flow
        self._zone = default_zone
        self._recurring: dict[str, _Recurring] = {}
        self._next_scheduled: datetime | None = None
        self._wake = asyncio.Event()
        self._started: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Scheduler:
        self._next_scheduled = await self._schedules.next_due()
        self._loop = asyncio.create_task(self._serve(), name="scheduler")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        tasks = [task for task in (self._loop, *self._started) if task is not None]
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def schedule(self, flow: str, at: datetime, inputs: Mapping[str, object]) -> ScheduledFlow:
        """Run `flow` with `inputs` at that moment, or soon when it has passed; kept over a restart.

        Raises:
            UserError: the inputs are more than text, numbers, lists and mappings.
        """
        try:
            plain = json.loads(json.dumps(dict(inputs)))
        except (TypeError, ValueError) as error:
            raise UserError(
                f'the inputs of a scheduled run of "{flow}" cannot be kept: {error}',
                hint="give text, numbers, lists or mappings",
            ) from error
        scheduled = await self._schedules.add(flow, at, plain)
        if self._next_scheduled is None or at < self._next_scheduled:
            self._next_scheduled = at
            self._wake.set()
        return scheduled

    async def cancel(self, schedule_id: int) -> bool:
        """Forget a scheduled flow; False when it has been started already, or never was."""
        return await self._schedules.cancel(schedule_id)

    def add(self, name: str, when: When, run: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Await `run()` whenever `when` says, until the returned function is called.

        A time at which the run before still goes on is left out, and logged.
        """
        if name in self._recurring:
            raise ValueError(f'"{name}" recurs already')
        now = self._clock.now()
        entry = _Recurring(when, run, now, when.next_after(now, default_zone=self._zone, start=now))
        self._recurring[name] = entry
        self._wake.set()

        def remove() -> None:
            if self._recurring.get(name) is entry:
                del self._recurring[name]

        return remove

    def upcoming(self) -> dict[str, datetime]:
        """When each thing that recurs is next due."""
        return {name: entry.next_at for name, entry in self._recurring.items() if entry.next_at is not None}

    async def _serve(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._start_due()
            except StoreFailed as error:
                log.error("schedule.store_failed", error=str(error))
                await self._clock.sleep(LOOK_AGAIN)
                continue
            await self._sleep()

    async def _sleep(self) -> None:
        moments = [*self.upcoming().values(), *([self._next_scheduled] if self._next_scheduled else [])]
        delay = (min(moments) - self._clock.now()).total_seconds() if moments else LOOK_AGAIN
        try:
            async with asyncio.timeout(min(max(delay, 0.0), LOOK_AGAIN)):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _start_due(self) -> None:
        now = self._clock.now()
        for name, entry in list(self._recurring.items()):
            if entry.next_at is not None and entry.next_at <= now:
                entry.next_at = entry.when.next_after(now, default_zone=self._zone, start=entry.start)
                if entry.task is not None and not entry.task.done():
                    log.warning("schedule.still_running", name=name)
                    continue
                entry.task = self._start(name, entry.run)
        if self._next_scheduled is not None and self._next_scheduled <= now:
            for scheduled in await self._schedules.claim_due(now):
                self._start(scheduled.flow, partial(self._run_flow, scheduled.flow, scheduled.inputs))
            self._next_scheduled = await self._schedules.next_due()

    def _start(self, name: str, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        task = asyncio.create_task(_logged(name, work), name=f"schedule {name}")
        self._started.add(task)
        task.add_done_callback(self._started.discard)
        return task


async def _logged(name: str, work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Exception:
        log.exception("schedule.failed", name=name)
