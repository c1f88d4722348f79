"""The action with which a flow obeys somebody who does not want to be called again."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Protocol

from pydantic import Field

from bot.actions import ActionContext, ActionSpec, Arguments, action
from bot.campaigns.numbers import normalise
from bot.errors import UserError

__all__ = ["KeepsOptOuts", "opt_out_action"]

_WITHOUT_PLUS = re.compile(r"[1-9]\d{10,14}")
"""A number as the phone system shows callers: country code first, and no plus."""


class OptOutArguments(Arguments):
    number: str = Field("", description="whom not to call again; the other side of the call when empty")


class KeepsOptOuts(Protocol):
    """Where opt-outs go: the store's do-not-call list."""

    async def add(self, number: str, added_at: datetime, source: str, /) -> object: ...


def opt_out_action(do_not_call: KeepsOptOuts) -> ActionSpec:
    """`- opt_out`: the number goes on the do-not-call list at once, for every campaign."""

    @action("opt_out", main="number")
    async def opt_out(ctx: ActionContext, args: OptOutArguments) -> None:
        """Never call this number again, in any campaign."""
        written = args.number or ctx.call.number
        try:
            number = normalise(f"+{written}" if _WITHOUT_PLUS.fullmatch(written) else written)
        except ValueError as error:
            raise UserError(f"nobody can be taken off the lists: {error}") from error
        await do_not_call.add(number, ctx.clock.now(), f"flow {ctx.flow}")

    return opt_out
