"""Executing steps: guards, time limits, retries, errors, and a trace of each."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from pydantic import BaseModel, ValidationError

from bot.actions import ActionContext, StopRun
from bot.actions.talking import Parked
from bot.calls import Call
from bot.clock import Clock
from bot.durations import format_duration, parse_duration
from bot.errors import BotError, CallEnded, CallTaken, UserError
from bot.flows.model import ActionStep, IfStep, MatchStep, Modifiers, Step, Steps, render
from bot.flows.state import RunState
from bot.flows.trace import StepDone, StepOutcome
from bot.flows.variables import plain
from bot.log import get_logger

__all__ = ["CallGone", "Runaway", "StepFailed", "Stepper"]

log = get_logger(__name__)


class StepFailed(BotError):
    """A step could not be done, and nothing in the flow deals with it. `kind` is the error's class, or "timeout"."""

    def __init__(self, message: str, *, place: str, kind: str) -> None:
        super().__init__(message)
        self.place = place
        self.kind = kind


class Runaway(UserError):
    """A run took more steps than its flow allows."""


class CallGone(Exception):
    """The run's call was ended by the other side, or is dealt with by another run, when a step acts on it."""


_END_OF_RUN = (StopRun, CallGone, Runaway)
"""What no `on_error` deals with."""


@dataclass(slots=True)
class _Visit:
    """One step being done, as the trace will tell it."""

    step: Step
    number: int
    at: datetime
    started: float
    arguments: Mapping[str, object] = field(default_factory=dict)
    result: object = None
    outcome: StepOutcome = "done"
    error: str = ""
    told: bool = False


class Stepper:
    """Executes steps of one run, no more than its flow allows."""

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._clock: Clock = state.services.clock
        self._last_step = state.steps + state.flow.max_steps

    async def run(self, steps: Steps) -> None:
        """Do the steps in order.

        Raises:
            StepFailed: one failed and has no `on_error`.
            StopRun: a `stop` was reached.
            CallGone: the other side ended the call, or another run took it.
            Runaway: the flow's limit of steps is reached.
        """
        for step in steps:
            await self._step(step)

    async def _step(self, step: Step) -> None:
        state, common = self._state, step.common
        if state.steps >= self._last_step:
            limit = f"stopped after {state.flow.max_steps:,} steps"
            raise Runaway(limit, hint="an endless loop? max_steps raises the limit")
        state.steps += 1
        visit = _Visit(step, state.steps, self._clock.now(), self._clock.monotonic())
        try:
            if common.guard is None or common.guard.evaluate(state.variables):
                await self._attempts(step, visit)
            else:
                visit.outcome = "skipped"
            return
        except _END_OF_RUN:
            raise
        except asyncio.CancelledError:
            visit.outcome = "cancelled"
            raise
        except Exception as error:
            remedy = self._remedy(common, visit, error)
        finally:
            self._tell(visit)
        await self.run(remedy)

    async def _attempts(self, step: Step, visit: _Visit) -> None:
        """Do a step, again if it fails and is to be retried."""
        retry = step.common.retry
        for _attempt in range(retry.times if retry else 0):
            try:
                return await self._once(step, visit)
            except _END_OF_RUN:
                raise
            except Exception as error:
                log.debug("step is tried again", run=self._state.id, step=step.common.title, error=str(error))
            await self._clock.sleep(retry.wait if retry else 0.0)
        return await self._once(step, visit)

    async def _once(self, step: Step, visit: _Visit) -> None:
        limit = self._limit(step.common)
        if isinstance(step, ActionStep):
            await self._act(step, visit, limit)
            return
        inner = self._if(step, visit) if isinstance(step, IfStep) else self._match(step, visit)
        self._tell(visit)
        try:
            async with asyncio.timeout(limit) as scope:
                await self.run(inner)
        except TimeoutError:
            if scope.expired():
                raise TimeoutError(_too_long(limit)) from None
            raise

    def _limit(self, common: Modifiers) -> float | None:
        if common.timeout is None:
            return None
        try:
            return parse_duration(render(common.timeout, self._state.variables))
        except ValueError as error:
            raise UserError(f"timeout: {error}") from error

    # Forms

    def _if(self, step: IfStep, visit: _Visit) -> Steps:
        holds = bool(step.condition.evaluate(self._state.variables))
        visit.arguments, visit.result = {"condition": step.condition.source}, holds
        return step.then if holds else step.otherwise

    def _match(self, step: MatchStep, visit: _Visit) -> Steps:
        value = as_label(step.subject.evaluate(self._state.variables))
        visit.arguments, visit.result = {"subject": step.subject.source}, value
        return next((case.steps for case in step.cases if value in case.labels), step.otherwise)

    # Actions

    async def _act(self, step: ActionStep, visit: _Visit, limit: float | None) -> None:
        state, spec, common = self._state, step.spec, step.common
        args = step.ready or self._arguments(step)
        visit.arguments = plain_arguments(args)
        call = state.target(common.target)
        own_limit = spec.own_timeout and not common.on_timeout
        context = self._context(call, limit if own_limit else None)
        if spec.ends_call and call is not None and call is state.own:
            state.letting_go = call
        try:
            async with asyncio.timeout(None if own_limit else limit):
                result = await spec.run(context, args)
        except TimeoutError:
            raise TimeoutError(_too_long(limit)) from None
        except (CallEnded, CallTaken) as error:
            if call is not None and call is state.own and self._lost(call, common, error):
                visit.outcome, visit.error = "cancelled", error.message
                if call.live:
                    state.lose_call()
                raise CallGone(error.message) from error
            raise
        finally:
            self._note_end(step, call)
        self._keep(step, call, result, visit)

    def _lost(self, call: Call, common: Modifiers, error: CallEnded | CallTaken) -> bool:
        """Whether a step found that the run has lost its call: to the other side, or to another run that deals with
        it. A step that has an `on_error` can go on without a call that was taken."""
        if isinstance(error, CallTaken):
            return common.on_error is None
        return ended_by_other_side(call) and not self._state.flow.outlives_call

    def _note_end(self, step: ActionStep, call: Call | None) -> None:
        """After a step that ends a call: is it over for us?"""
        state = self._state
        state.letting_go = None
        if step.spec.ends_call and call is not None and not call.live and not ended_by_other_side(call):
            state.let_go(call)

    def _keep(self, step: ActionStep, call: Call | None, result: object, visit: _Visit) -> None:
        state = self._state
        visit.result = plain(result)
        if isinstance(result, Call):
            state.take(result)
        if step.spec.ends_call and call is not None:
            state.let_go(call)
        if isinstance(result, Parked) and call is not None:
            state.park(result, call)
        if step.common.save_as:
            state.variables.save(step.common.save_as, result)

    def _arguments(self, step: ActionStep) -> BaseModel:
        values = {name: render(written, self._state.variables) for name, written in step.arguments.items()}
        try:
            return step.spec.args.model_validate(values)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise UserError(f"{step.spec.name}: {where}: {first['msg']}") from error

    def _context(self, call: Call | None, timeout: float | None) -> ActionContext:
        state, services = self._state, self._state.services
        return ActionContext(
            run_id=state.id,
            flow=state.flow.name,
            calls=services.calls,
            speech=services.speech,
            clock=services.clock,
            scheduler=services.scheduler,
            log=log,
            target=call,
            timeout=timeout,
            folder=services.folder,
            directory=services.directory,
            parked=state.parked,
            wait_event=partial(state.wait_event, target=call),
            set_variable=state.variables.save,
        )

    # Errors and traces

    def _remedy(self, common: Modifiers, visit: _Visit, error: Exception) -> Steps:
        """What follows a failure: the steps of `on_timeout` or `on_error`, nothing, or the end of the run."""
        timed_out = isinstance(error, TimeoutError)
        message, kind = describe(error)
        visit.outcome, visit.error = ("timeout" if timed_out else "error"), message
        if not isinstance(error, BotError | TimeoutError):
            log.error("step broke", run=self._state.id, place=str(common.mark), step=common.title, exc_info=error)
        if timed_out and common.on_timeout is not None:
            return common.on_timeout
        if common.on_error == "continue":
            return ()
        if common.on_error == "stop":
            raise StopRun(message) from error
        if common.on_error is None:
            if isinstance(error, StepFailed):  # of a step inside this one
                raise error
            raise StepFailed(message, place=str(common.mark), kind=kind) from error
        self._state.variables.save("error", {"message": message, "kind": kind})
        return common.on_error

    def _tell(self, visit: _Visit) -> None:
        """The trace of a step, once: a form tells before its inner steps do."""
        if visit.told:
            return
        visit.told = True
        state, common = self._state, visit.step.common
        state.services.on_trace(
            StepDone(
                run_id=state.id,
                flow=state.flow.name,
                number=visit.number,
                place=str(common.mark),
                action=common.title,
                name=common.name,
                arguments=visit.arguments,
                result=visit.result,
                outcome=visit.outcome,
                error=visit.error,
                at=visit.at,
                seconds=self._clock.monotonic() - visit.started,
            )
        )


def _too_long(limit: float | None) -> str:
    return "not done in time" if limit is None else f"not done within {format_duration(limit)}"


def as_label(value: object) -> str:
    """A value as the labels of `match` spell it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def plain_arguments(args: BaseModel) -> Mapping[str, object]:
    """Arguments for the trace: those that the step gives."""
    values = args.model_dump(exclude_unset=True, by_alias=True)
    return {name: plain(value) for name, value in values.items()}


def ended_by_other_side(call: Call) -> bool:
    return call.end is not None and call.end.by != "us"


def describe(error: Exception) -> tuple[str, str]:
    """An error's message and kind, as `on_error` sees them."""
    if isinstance(error, StepFailed):
        return error.message, error.kind
    if isinstance(error, TimeoutError):
        return str(error) or "not done in time", "timeout"
    if isinstance(error, BotError):
        return str(error), type(error).__name__
    return f"{type(error).__name__}: {error}", type(error).__name__
