"""What brings a call to the run: dial, retrieve a parked one, step into an agent's."""

from __future__ import annotations

import asyncio
from typing import Literal

from pydantic import Field

from bot.actions.context import ActionContext
from bot.actions.registry import Arguments, action
from bot.actions.ringing import Text
from bot.calls import Call, CallState

__all__ = ["RING_LIMIT", "dial", "retrieve", "supervise"]

PHONE = "the name of the phone to use; when empty, that of the call which the step acts on, or else any that is up"

RING_LIMIT = 60.0
"""Seconds that a dialled number may ring, unless the step says otherwise."""


class DialArguments(Arguments):
    number: Text = Field(description="a number, or a name of the configuration")
    caller_id: str = Field("", description="the number to show; the phone's own when empty")
    phone: str = Field("", description=PHONE)


@action("dial", main="number", result=Call, own_timeout=True)
async def dial(ctx: ActionContext, args: DialArguments) -> Call:
    """Call a number and wait until it was really answered: a minute, unless `timeout` says otherwise.

    Emergency and special numbers are refused. The rules of campaigns (hours, consent, do-not-call lists) are for
    campaigns: a flow that calls back was asked to.
    """
    call = await ctx.calls.dial(ctx.number(args.number), phone=_phone(ctx, args.phone), caller_id=args.caller_id)
    try:
        async with asyncio.timeout(RING_LIMIT if ctx.timeout is None else ctx.timeout):
            await call.answered()
    except BaseException as error:
        if isinstance(error, TimeoutError) and call.state is CallState.ANSWERED:
            return call  # at the very last moment: somebody is waiting
        await call.hangup()
        raise
    return call


class RetrieveArguments(Arguments):
    location: Text = Field(description="the configuration's name of a park location")
    phone: str = Field("", description=PHONE)


@action("retrieve", main="location", result=Call)
async def retrieve(ctx: ActionContext, args: RetrieveArguments) -> Call:
    """Take a call from a park location: the one that this run parked there, or else who has waited longest."""
    parked = ctx.parked.get(args.location)
    return await ctx.calls.retrieve(args.location, phone=_phone(ctx, args.phone), parked=parked)


class SuperviseArguments(Arguments):
    agent: Text = Field(description="the agent's extension")
    how: Literal["monitor", "whisper", "barge", "take_over"] = Field(
        "monitor", description="hear both; speak to the agent alone; talk with both; replace the agent"
    )
    phone: str = Field("", description=PHONE)


@action("supervise", main="agent", result=Call)
async def supervise(ctx: ActionContext, args: SuperviseArguments) -> Call:
    """Step into the call that an agent is in (star codes *80 to *83). The result is the call with the customer."""
    return await ctx.calls.supervise(args.agent, args.how, phone=_phone(ctx, args.phone))


def _phone(ctx: ActionContext, named: str) -> str:
    """The phone that a step means: who was called is who calls back, while that phone is up."""
    if named or ctx.target is None:
        return named
    phone = ctx.calls.phones.get(ctx.target.phone)
    return ctx.target.phone if phone is not None and phone.registered else ""
