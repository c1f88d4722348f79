"""What a flow does beside its calls: wait, schedule, keep values, log, stop."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, ConfigDict, Field, model_validator

from bot.actions.context import ActionContext, StopRun
from bot.actions.registry import Arguments, EventName, FlowName, action
from bot.actions.ringing import Text
from bot.durations import Duration

__all__ = ["log", "schedule", "set_variables", "stop", "wait", "wait_for"]


class WaitArguments(Arguments):
    time: Duration = Field(description="how long")


@action("wait", main="time")
async def wait(ctx: ActionContext, args: WaitArguments) -> None:
    """Do nothing for a while."""
    await ctx.clock.sleep(args.time)


class WaitForArguments(Arguments):
    """The other keys are filters of the event, as a trigger has them."""

    model_config = ConfigDict(extra="allow")

    event: EventName = Field(description="the name of the event")


@action("wait_for", main="event", filters="event")
async def wait_for(ctx: ActionContext, args: WaitForArguments) -> dict[str, object]:
    """Wait until something happens to this run's call (or to the one that it parked). `save_as` keeps its details.

    What happened since the run began, and was not waited for yet, counts: a key pressed during a prompt is not lost.
    """
    event = await ctx.wait_event(args.event, args.model_extra or {})
    return {"kind": event.name, **event.data}


class ScheduleArguments(Arguments):
    flow: FlowName = Field(description="the flow to run")
    after: Duration | None = Field(None, alias="in", description="how long from now")
    at: AwareDatetime | None = Field(None, description="when: a date and time with its offset")
    inputs: dict[str, object] = Field({}, description="the inputs of that flow")

    @model_validator(mode="after")
    def _one_time(self) -> ScheduleArguments:
        if (self.after is None) == (self.at is None):
            raise ValueError('give either "in" or "at"')
        return self


@action("schedule")
async def schedule(ctx: ActionContext, args: ScheduleArguments) -> None:
    """Run a flow later; it outlives this run and a restart of the bot."""
    due: datetime = args.at if args.at is not None else ctx.clock.now() + timedelta(seconds=args.after or 0.0)
    await ctx.scheduler.schedule(args.flow, due, args.inputs)


class SetArguments(Arguments):
    """Each key is the name of a variable."""

    model_config = ConfigDict(extra="allow")


@action("set", keys_are_names=True)
async def set_variables(ctx: ActionContext, args: SetArguments) -> None:
    """Keep values for later steps."""
    for name, value in (args.model_extra or {}).items():
        ctx.set_variable(name, value)


class LogArguments(Arguments):
    text: Text = Field(description="what to write", max_length=5000)
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="how loud")


@action("log", main="text")
async def log(ctx: ActionContext, args: LogArguments) -> None:
    """Write a line to the log, with the run that it came from."""
    getattr(ctx.log, args.level)("flow says", text=args.text, flow=ctx.flow, run=ctx.run_id)


class StopArguments(Arguments):
    reason: str = Field("", description="why, for the trace")


@action("stop", main="reason", ends_run=True)
async def stop(ctx: ActionContext, args: StopArguments) -> None:
    """End the run here; it counts as done."""
    raise StopRun(args.reason)
