"""Run modes: which runs of a flow may go on at the same time, and which wait, are skipped, or replace another."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from bot.flows.model import Mode
from bot.flows.run import Run

__all__ = ["Lane"]


class Lane:
    """The runs of one flow with one key. `start` sets a run going; tell the lane with `finished` when it is over."""

    def __init__(self, mode: Mode, start: Callable[[Run], None]) -> None:
        self._mode = mode
        self._start = start
        self._running: list[Run] = []
        self._waiting: deque[Run] = deque()

    @property
    def empty(self) -> bool:
        return not self._running and not self._waiting

    @property
    def runs(self) -> list[Run]:
        """Those that go on, and those that wait."""
        return [*self._running, *self._waiting]

    def add(self, run: Run) -> None:
        """Start the run, or do what the mode says instead."""
        policy, limit = self._mode.policy, self._mode.limit
        if policy == "parallel" and len(self._running) >= limit:
            run.skip(f"{limit:,} runs of the flow are going on already")
        elif policy == "parallel" or not self._running:
            self._go(run)
        elif policy == "single":
            run.skip("another run of the flow is going on")
        elif policy == "restart":
            self._replace(run)
        elif len(self._waiting) >= limit:
            run.skip(f"{limit:,} runs of the flow are waiting already")
        else:
            self._waiting.append(run)

    def finished(self, run: Run) -> None:
        """A run is over: the next one may start."""
        self._running.remove(run)
        if self._waiting and not self._running:
            self._go(self._waiting.popleft())

    def _go(self, run: Run) -> None:
        self._running.append(run)
        self._start(run)

    def _replace(self, run: Run) -> None:
        """End those that go on; the new one starts once their `finally` is done, in the place of one that waits."""
        while self._waiting:
            self._waiting.popleft().skip("a newer run of the flow took its place")
        self._waiting.append(run)
        for other in self._running:
            other.end("the flow was restarted")
