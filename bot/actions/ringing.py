"""What can be done with a call that rings: answer it, reply to it with text, or send it elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bot.actions.context import ActionContext
from bot.actions.registry import Arguments, action
from bot.calls import CallState, reply_details
from bot.durations import Duration
from bot.sip.rc import Reply

__all__ = ["ReplyAnswer", "answer", "decline", "forward", "reply", "voicemail"]

Text = Annotated[str, Field(min_length=1)]
REPLY_LIMIT = 180.0
"""Seconds that a caller has to deal with a reply, unless the step says otherwise."""


class AnswerArguments(Arguments):
    after: Duration = Field(0.0, description="wait so long before answering")


@action("answer", main="after", needs="ringing_call", answers=True)
async def answer(ctx: ActionContext, args: AnswerArguments) -> None:
    """Answer a ringing call. Done when audio flows."""
    if args.after:
        await ctx.clock.sleep(args.after)
    await ctx.call.answer()


class NoArguments(Arguments):
    """The action takes none."""


@action("decline", needs="ringing_call", ends_call=True)
async def decline(ctx: ActionContext, args: NoArguments) -> None:
    """Turn a ringing call down: the caller hears ringing and an announcement, and does not reach voicemail."""
    await ctx.call.decline()


class TargetArguments(Arguments):
    to: Text = Field(description="a number, or a name of the configuration")


@action("forward", main="to", needs="ringing_call", ends_call=True)
async def forward(ctx: ActionContext, args: TargetArguments) -> None:
    """Send a ringing call on to another number."""
    await ctx.call.forward(ctx.number(args.to))


class VoicemailArguments(Arguments):
    mailbox: str = Field("", description="whose, for an answered call: an extension, or a name of the configuration")


@action("voicemail", main="mailbox", needs="call", ends_call=True)
async def voicemail(ctx: ActionContext, args: VoicemailArguments) -> None:
    """Take the caller to voicemail: ours while the call rings, that of `mailbox` once it is answered."""
    if ctx.call.state is CallState.RINGING and ctx.call.direction == "inbound":
        await ctx.call.to_voicemail()
    else:
        await ctx.call.transfer(ctx.number(args.mailbox or ctx.call.phone))


class ReplyArguments(Arguments):
    text: Text = Field(description="what the caller hears, before the menu of answers", max_length=1000)


@dataclass(frozen=True, slots=True)
class ReplyAnswer:
    """What the caller made of a reply. `choice` is yes, no, urgent or none; the rest is as it came on the wire."""

    choice: str
    sts: str
    resp: str
    ext_nfo: str
    """The call-back number that an urgent caller left."""
    phn: str
    nm: str


@action("reply", main="text", needs="ringing_call", result=ReplyAnswer, ends_call=True, own_timeout=True)
async def reply(ctx: ActionContext, args: ReplyArguments) -> ReplyAnswer:
    """Answer a ringing call with text, and wait for the caller's choice; `none` when the time is up.

    The caller has three minutes, unless `timeout` says otherwise.
    """
    outcome = await ctx.call.reply(Reply(args.text), wait=REPLY_LIMIT if ctx.timeout is None else ctx.timeout)
    return ReplyAnswer(**reply_details(outcome))
