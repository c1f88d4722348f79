"""One run of a flow, from its start to its end: its body, its `finally`, and what it leaves behind."""

from __future__ import annotations

import asyncio

from bot.actions import StopRun
from bot.calls import Call, Event
from bot.errors import BotError
from bot.flows.state import RunState
from bot.flows.stepping import CallGone, Runaway, StepFailed, Stepper
from bot.flows.trace import Outcome, RunEnded, RunResult, RunStarted
from bot.log import get_logger

__all__ = ["Run"]

log = get_logger(__name__)

FINALLY_LIMIT = 30.0
"""Seconds that the steps of `finally` may take."""
HANG_UP_LIMIT = 5.0
"""Seconds to end one call that the run leaves behind."""


class Run:
    """`execute()` is the run; `end()` stops it from outside, and `finally` is still run."""

    def __init__(self, state: RunState) -> None:
        self.state = state
        self.result: asyncio.Future[RunResult] = asyncio.get_running_loop().create_future()
        self._body: asyncio.Task[None] | None = None
        self._ending = ""

    def __repr__(self) -> str:
        return f"<Run {self.state.id} of {self.state.flow.name}>"

    async def execute(self) -> None:
        """Run the flow. Never raises for what a flow does; its result is in `result`."""
        state = self.state
        services = state.services
        started = services.clock.monotonic()
        call_id = state.own.id if state.own else ""
        event = state.event.name if state.event else ""
        services.on_trace(RunStarted(state.id, state.flow.name, services.clock.now(), event, call_id, state.inputs))
        outcome: Outcome = "cancelled"
        reason = "broken off"
        try:
            outcome, reason = await self._run_body()
            problem = await self._run_finally() if self._body else ""
            if problem and outcome in ("done", "stopped"):
                outcome, reason = "failed", problem
            await self._hang_up_placed()
        finally:
            self._finish(outcome, reason, services.clock.monotonic() - started, call_id)

    def skip(self, reason: str) -> None:
        """The run does not take place."""
        self._finish("skipped", reason, 0.0, self.state.own.id if self.state.own else "")

    def end(self, reason: str) -> None:
        """Stop the run from outside: what it is doing is cancelled, then `finally` is run."""
        if not self._ending:
            self._ending = reason
            if self._body is not None:
                self._body.cancel()

    def take(self, event: Event) -> None:
        """Hear an event: those that concern the run wait for its steps; the end of its call ends it."""
        state = self.state
        if not state.concerns(event):
            return
        state.inbox.put(event)
        if event.name == "call.ended" and event.call is state.own and not state.gone:
            if state.letting_go is event.call:
                return  # the step that does it will say
            state.gone = True
            if not state.flow.outlives_call:
                self.end(_why(event))

    async def _run_body(self) -> tuple[Outcome, str]:
        if self._ending:
            return "cancelled", self._ending
        self._body = asyncio.create_task(Stepper(self.state).run(self.state.flow.steps))
        try:
            await asyncio.wait({self._body})
        except asyncio.CancelledError:  # not by end(): the engine itself goes down
            self._body.cancel()
            await asyncio.gather(self._body, return_exceptions=True)
            raise
        return self._outcome(self._body)

    def _outcome(self, body: asyncio.Task[None]) -> tuple[Outcome, str]:
        if body.cancelled():
            return "cancelled", self._ending
        error = body.exception()
        match error:
            case None:
                return "done", ""
            case StopRun():
                return "stopped", error.reason
            case CallGone():
                return "cancelled", str(error)
            case StepFailed():
                log.warning(
                    "run failed", run=self.state.id, flow=self.state.flow.name, place=error.place, error=str(error)
                )
                return "failed", f"{error.place}: {error.message}"
            case Runaway():
                log.error("run stopped", run=self.state.id, flow=self.state.flow.name, error=str(error))
                return "failed", str(error)
            case _:
                log.error("run broke", run=self.state.id, flow=self.state.flow.name, exc_info=error)
                return "failed", f"{type(error).__name__}: {error}"

    async def _run_finally(self) -> str:
        """Run `finally`; what went wrong in it, or nothing."""
        if not self.state.flow.finally_steps:
            return ""
        try:
            async with asyncio.timeout(FINALLY_LIMIT):
                await Stepper(self.state).run(self.state.flow.finally_steps)
        except StopRun:
            return ""
        except TimeoutError:
            return f"finally: not done within {FINALLY_LIMIT:g} seconds"
        except (CallGone, BotError) as error:
            return f"finally: {error}"
        return ""

    async def _hang_up_placed(self) -> None:
        """End the calls that the run brought and did not hand over to anyone."""
        for call in self.state.placed:
            if call.live:
                await self._hang_up(call)

    async def _hang_up(self, call: Call) -> None:
        try:
            async with asyncio.timeout(HANG_UP_LIMIT):
                await call.hangup()
        except (BotError, TimeoutError) as error:
            log.warning("call was not hung up", run=self.state.id, call=call.id, error=str(error))

    def _finish(self, outcome: Outcome, reason: str, seconds: float, call_id: str) -> None:
        state = self.state
        clock, trace = state.services.clock, state.services.on_trace
        trace(RunEnded(state.id, state.flow.name, clock.now(), outcome, reason, state.steps, seconds, call_id))
        if not self.result.done():
            self.result.set_result(RunResult(state.id, outcome, reason, dict(state.variables.saved)))


def _why(event: Event) -> str:
    cause, by = event.data.get("cause", ""), event.data.get("by", "")
    return f"the call ended: {cause or 'over'}" + (f" by {by}" if by else "")
