"""`opt_out`: what a flow does when somebody does not want to be called again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from bot.actions import ActionRegistry
from bot.campaigns import opt_out_action
from bot.errors import UserError
from tests.campaigns.stage import ADA, BOB, START, Stage


def context(stage: Stage, number: str) -> Any:
    return SimpleNamespace(call=SimpleNamespace(number=number), clock=stage.clock, flow="offer")


@pytest.mark.parametrize("shown", ["+16505550191", "16505550191", "(650) 555-0191"])
async def test_the_other_side_of_the_call_is_not_called_again(stage: Stage, shown: str) -> None:
    opt_out = opt_out_action(stage.store.do_not_call)
    await opt_out(context(stage, shown), opt_out.args())
    (entry,) = await stage.store.do_not_call.entries()
    assert (entry.number, entry.added_at, entry.source) == (ADA, START, "flow offer")


async def test_another_number_can_be_given(stage: Stage) -> None:
    opt_out = opt_out_action(stage.store.do_not_call)
    await opt_out(context(stage, ADA), opt_out.args(number=BOB))
    assert await stage.store.do_not_call.numbers() == {BOB}


async def test_what_is_no_number_is_an_error_and_not_silently_kept(stage: Stage) -> None:
    opt_out = opt_out_action(stage.store.do_not_call)
    with pytest.raises(UserError, match="anonymous"):
        await opt_out(context(stage, "anonymous"), opt_out.args())


def test_it_is_an_action_like_any_other(stage: Stage) -> None:
    registry = ActionRegistry([opt_out_action(stage.store.do_not_call)])
    assert registry["opt_out"].doc == "Never call this number again, in any campaign."
