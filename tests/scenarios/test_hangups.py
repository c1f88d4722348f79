"""A caller hangs up at every possible moment: nothing is left, and the next call is handled as ever."""

from __future__ import annotations

import asyncio

import pytest

from bot.demo import Stage
from bot.sandbox.endpoints import Leg
from tests.scenarios.conftest import quiet

MOMENTS = [0.0, 0.001, 0.01, 0.02, 0.04, 0.06, 0.1, 0.2, 0.5, 1.0, 1.4, 1.6, 2.0, 3.0]
"""Seconds after dialling: before the INVITE, while it rings, is answered, connects, speaks, and after that."""
REPLY_MOMENTS = [0.0, 0.01, 0.05, 0.1, 0.5, 2.0, 5.0, 9.0, 14.0, 20.0]


class Caller:
    number = "+16505550177"
    name = "Eve"

    async def ring(self, leg: Leg) -> None:
        await leg.reject()


def live(stage: Stage) -> tuple[int, int]:
    """Tasks, and media sessions, that are up."""
    sessions = len(stage.sandbox.switch.media.sessions)
    return len(asyncio.all_tasks()), sessions


async def call(stage: Stage, hang_up_after: float, headers: dict[str, str]) -> None:
    leg = await stage.sandbox.switch.place_call(Caller(), "101", headers=headers)
    await asyncio.sleep(hang_up_after)
    await leg.hangup()
    await quiet(stage)


async def test_a_caller_who_hangs_up_at_any_moment_of_an_answered_call_leaves_nothing(stage: Stage) -> None:
    order = {"Alert-Info": "Auto Answer"}
    await call(stage, 1.0, order)
    before = live(stage)
    for moment in MOMENTS:
        await call(stage, moment, order)
        assert live(stage) == before, f"something is left after a hang-up at {moment} s"
    result = await stage.sandbox.people.play("ada-orders")
    assert result.ok, result


async def test_a_caller_who_hangs_up_at_any_moment_of_a_reply_leaves_nothing(stage: Stage) -> None:
    async with stage.busy_line():
        for moment in REPLY_MOMENTS:
            leg = await stage.sandbox.switch.place_call(Caller(), "101")
            await asyncio.sleep(moment)
            await leg.hangup()
            await asyncio.sleep(1)
    await quiet(stage)
    replies = [run for run in stage.ended if run.flow == "busy-reply"]
    assert replies
    assert all(run.outcome in ("done", "cancelled") for run in replies), replies


@pytest.mark.parametrize("moment", [0.0, 0.05, 0.5, 1.5, 3.0])
async def test_the_bot_can_stop_at_any_moment_of_a_call(stage: Stage, moment: float) -> None:
    leg = await stage.sandbox.switch.place_call(Caller(), "101", headers={"Alert-Info": "Auto Answer"})
    await asyncio.sleep(moment)
    began = asyncio.get_running_loop().time()
    for phone in stage.bot.phones.values():
        await phone.stop()
    assert asyncio.get_running_loop().time() - began < 2
    await leg.ended()
    await quiet(stage)
