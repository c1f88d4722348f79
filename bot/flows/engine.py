"""The engine: events come in, runs of flows go on.

async with FlowEngine(flows, calls=calls, speech=speech, clock=clock, scheduler=schedules) as engine:
    remove = calls.on_event(engine.handle)
    ...
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.actions import Scheduler, Speaker
from bot.calls import Call, Calls, Event
from bot.clock import Clock
from bot.errors import BotError, UserError
from bot.flows.expressions import ExpressionFailed
from bot.flows.lanes import Lane
from bot.flows.loader import FlowSet
from bot.flows.model import Flow, Trigger
from bot.flows.run import Run
from bot.flows.state import RunState, Services
from bot.flows.timers import LastedTimers
from bot.flows.trace import RunResult, Trace, TraceRecord
from bot.log import get_logger
from bot.problems import did_you_mean

__all__ = ["FlowEngine"]

log = get_logger(__name__)

CLOSING_LIMIT = 5.0
"""Seconds that runs have to end, `finally` included, when the engine closes."""


class FlowEngine:
    """Starts the flows of a set when their events come, and carries their runs.

    `variables` are the configuration's `vars`, `directory` its names for numbers. `on_trace` hears of every run and
    step as it happens; it must return at once.
    """

    def __init__(
        self,
        flows: FlowSet,
        *,
        calls: Calls,
        speech: Speaker,
        clock: Clock,
        scheduler: Scheduler,
        variables: Mapping[str, object] | None = None,
        directory: Mapping[str, str] | None = None,
        on_trace: Trace | None = None,
    ) -> None:
        self._flows = flows
        self._services = Services(
            calls=calls,
            speech=speech,
            clock=clock,
            scheduler=scheduler,
            variables=variables or {},
            directory=directory or {},
            folder=Path(flows.folder),
            on_trace=on_trace or _ignore,
        )
        self._numbers = itertools.count(1)
        self._lanes: dict[tuple[str, str], Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers = LastedTimers(clock, self._trigger)
        self._closing = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def flows(self) -> FlowSet:
        return self._flows

    @property
    def runs(self) -> list[Run]:
        """The runs that go on or wait for their turn."""
        return [run for lane in self._lanes.values() for run in lane.runs]

    def use(self, flows: FlowSet) -> None:
        """Take another set of flows; runs in progress finish on what they started with."""
        self._flows = flows

    # Events

    def handle(self, event: Event) -> None:
        """Take in an event: runs that it concerns hear of it, then the flows that it triggers start."""
        if self._closing:
            return
        for run in self.runs:
            run.take(event)
        if event.name == "agent.call.started":
            self._timers.started(event, self._flows.triggers("agent.call.lasted"))
        elif event.name == "agent.call.ended":
            self._timers.ended(event)
        elif event.name == "schedule.due":
            self._due(event)
        for flow in self._triggered(event):
            self._trigger(flow, event)

    def _triggered(self, event: Event) -> list[Flow]:
        """Flows whose trigger the event passes, each once. A call with a service of the platform starts none."""
        if event.call is not None and event.call.service:
            return []
        found = {flow.name: flow for flow, trigger in self._flows.triggers(event.name) if _fits(trigger, event)}
        return list(found.values())

    def _trigger(self, flow: Flow, event: Event) -> None:
        """Start a flow if its condition holds."""
        run = self._make(flow, event=event, call=event.call)
        try:
            if flow.condition is not None and not flow.condition.evaluate(run.state.variables):
                return
            self._submit(run)
        except ExpressionFailed as error:
            self._not_started(flow, error)

    def _due(self, event: Event) -> None:
        name, inputs = str(event.data.get("flow", "")), event.data.get("inputs") or {}
        try:
            self._submit(self._prepare(name, None, inputs, event))
        except BotError as error:
            log.error("schedule not run", flow=name, error=str(error))

    @staticmethod
    def _not_started(flow: Flow, error: BotError) -> None:
        log.error("flow not started", flow=flow.name, path=flow.path, error=str(error))

    # Running by name

    async def run_flow(
        self, name: str, call: Call | None = None, inputs: Mapping[str, object] | None = None
    ) -> RunResult:
        """Run a flow, with a call or without one, and wait for its end. Cancelling this ends the run.

        Raises:
            UserError: there is no such flow, or it is not given what it needs.
        """
        run = self._prepare(name, call, inputs or {}, None)
        self._submit(run)
        try:
            return await asyncio.shield(run.result)
        except asyncio.CancelledError:
            run.end("whoever waited for it was cancelled")
            raise

    def _prepare(self, name: str, call: Call | None, inputs: Mapping[str, object], event: Event | None) -> Run:
        flow = self._flows.flows.get(name)
        if flow is None:
            raise UserError(f'there is no flow "{name}"', hint=did_you_mean(name, self._flows.flows))
        if flow.needs_call and call is None:
            raise UserError(f'the flow "{name}" needs a call', hint=f'its step "{flow.needs_call}" acts on it')
        return self._make(flow, event=event, call=call, inputs=_with_defaults(flow, inputs))

    # Runs

    def _make(
        self, flow: Flow, *, event: Event | None, call: Call | None, inputs: Mapping[str, object] | None = None
    ) -> Run:
        given = _with_defaults(flow, {}) if inputs is None else inputs
        state = RunState(f"r-{next(self._numbers)}", flow, self._services, event=event, call=call, inputs=given)
        return Run(state)

    def _submit(self, run: Run) -> None:
        """Hand a run to the lane of its key."""
        if self._closing:
            raise UserError("the flows are being stopped")
        flow = run.state.flow
        key = str(flow.mode.per.render(run.state.variables)) if flow.mode.per else ""
        lane = self._lanes.get((flow.name, key))
        if lane is None:
            lane = self._lanes[flow.name, key] = Lane(flow.mode, lambda started: self._start(started, key))
        lane.add(run)

    def _start(self, run: Run, key: str) -> None:
        task = asyncio.create_task(self._carry(run, key), name=f"{run.state.id} {run.state.flow.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, run: Run, key: str) -> None:
        name = (run.state.flow.name, key)
        try:
            await run.execute()
        finally:
            lane = self._lanes[name]
            lane.finished(run)
            if lane.empty:
                del self._lanes[name]

    async def close(self) -> None:
        """End all runs; nothing is left afterwards."""
        self._closing = True
        self._timers.close()
        for run in self.runs:
            run.end("the bot stops")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSING_LIMIT)
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
        for run in self.runs:
            run.skip("the bot stops")


def _fits(trigger: Trigger, event: Event) -> bool:
    return trigger.filters.fits(event)


def _required(flow: Flow) -> list[str]:
    return [name for name, definition in flow.inputs.items() if definition.required]


def _with_defaults(flow: Flow, given: Mapping[str, object]) -> dict[str, object]:
    """The inputs of a run.

    Raises:
        UserError: one is missing, or unknown.
    """
    missing = [name for name in _required(flow) if name not in given]
    unknown = [name for name in given if name not in flow.inputs]
    if missing:
        raise UserError(f'the flow "{flow.name}" needs the input "{missing[0]}"')
    if unknown:
        hint = did_you_mean(unknown[0], flow.inputs)
        raise UserError(f'the flow "{flow.name}" has no input "{unknown[0]}"', hint=hint)
    return {name: given.get(name, definition.default) for name, definition in flow.inputs.items()}


def _ignore(_record: TraceRecord) -> None:
    """Nobody listens."""
