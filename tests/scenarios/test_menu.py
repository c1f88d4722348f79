"""The reply menu, key by key, through the flow busy-reply: what the caller does, and what the bot makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from bot.clock import VirtualClock
from bot.flows import RunEnded, StepDone
from bot.media import Speech, ToneSource
from bot.sandbox.endpoints import Leg
from bot.sandbox.events import SandboxEvent
from tests.sandbox.conftest import ToneSpeech
from tests.scenarios.conftest import quiet
from tests.scenarios.staging import OwnStage, Somebody, own_stage, until

TEXT = "I am with a customer. May I call you back within the hour?"
MENU = "To hear this again, press 1."
MOBILE = "+16505550123"


class Desk:
    """The busy front desk, and a caller who gets its text."""

    def __init__(self, stage: OwnStage, speech: ToneSpeech) -> None:
        self.stage = stage
        self.speech = speech
        self.happened: list[SandboxEvent] = []
        self.ada = Somebody("+16505550166", "Ada Byron")
        self.leg: Leg
        stage.sandbox.on_event(self.happened.append)

    async def caller_hears_the_text(self) -> None:
        self.leg = await self.stage.call(self.ada, "101")
        await until(lambda: any(event.kind == "reply.sent" for event in self.happened))

    async def asked(self, part: str, times: int = 1) -> None:
        """Wait until the switch has said something so often."""
        await until(lambda: sum(part in text for text in self.speech.said) >= times)

    async def over(self) -> dict[str, Any]:
        """The flow's answer, once the flow is done and the caller has gone."""
        await self.leg.ended()
        await self.stage.flow_done("busy-reply", 0)
        return dict(cast(dict[str, Any], self.step("reply").result))

    def step(self, action: str) -> StepDone:
        return next(step for step in self.stage.records.steps if step.flow == "busy-reply" and step.action == action)

    def did(self, action: str) -> bool:
        return any(
            step.flow == "busy-reply" and step.action == action and step.outcome == "done"
            for step in self.stage.records.steps
        )

    def outcome(self) -> str:
        runs: list[RunEnded] = [
            run for run in self.stage.ended if run.flow == "busy-reply" and run.outcome != "skipped"
        ]
        assert len(runs) == 1
        return runs[0].outcome


@pytest.fixture
async def desk(clock: VirtualClock, tmp_path: Path) -> AsyncIterator[Desk]:
    speech = ToneSpeech()
    async with own_stage(tmp_path / "state", clock, speech=cast(Speech, speech)) as stage:
        ben = await stage.call(Somebody("+16505550167", "Ben Long"), "101", headers={"Alert-Info": "Auto Answer"})
        await until(lambda: stage.bot.calls.line_busy("front-desk"))
        yield Desk(stage, speech)
        await ben.hangup()
        await quiet(stage)


def answer(choice: str, sts: str, resp: str, number: str = "") -> dict[str, str]:
    """What the flow knows as `answer`: its fields are those of the wire, besides `choice`."""
    return {
        "choice": choice, "sts": sts, "resp": resp, "ext_nfo": number, "phn": "+16505550166", "nm": "Ada Byron"
    }  # fmt: skip


async def test_1_repeats_the_text(desk: Desk) -> None:
    await desk.caller_hears_the_text()
    await desk.leg.press("1")
    await desk.asked(TEXT, 2)
    await desk.leg.press("1")
    await desk.asked(TEXT, 3)
    await desk.leg.press("4")
    assert (await desk.over())["choice"] == "no"


async def test_2_keeps_a_voicemail(desk: Desk) -> None:
    await desk.caller_hears_the_text()
    await desk.leg.press("2")
    await desk.asked("leave a message after the tone")
    await asyncio.sleep(2)
    await desk.leg.speak(ToneSource([700.0], seconds=3))
    await desk.leg.press("#")
    assert await desk.over() == answer("none", "1", "0")
    kept = [message for message in desk.stage.sandbox.switch.voicemails if message.caller_number == desk.ada.number]
    assert [message.extension for message in kept] == ["101"]
    assert kept[0].duration > 3
    assert desk.did("log")


async def test_3_is_yes_and_a_call_back_is_kept_for_in_45_minutes(desk: Desk, clock: VirtualClock) -> None:
    await desk.caller_hears_the_text()
    await desk.leg.press("3")
    assert await desk.over() == answer("yes", "0", "1")
    waiting = await desk.stage.bot.store.schedules.waiting()
    assert [(one.flow, one.inputs) for one in waiting] == [("call-back", {"number": desk.ada.number})]
    due_in = waiting[0].due_at - clock.now()
    assert timedelta(minutes=44) < due_in < timedelta(minutes=45)
    assert not desk.did("log")


async def test_4_is_no_and_nothing_is_scheduled(desk: Desk) -> None:
    await desk.caller_hears_the_text()
    await desk.leg.press("4")
    assert await desk.over() == answer("no", "0", "2")
    assert await desk.stage.bot.store.schedules.waiting() == []
    assert desk.step("log").arguments["text"] == "Ada Byron did not ask for a call back"


async def test_5_is_urgent_and_the_number_that_was_left_is_called(desk: Desk) -> None:
    mobile = desk.stage.caller(Somebody(MOBILE, "Ada's mobile"))
    await desk.caller_hears_the_text()
    await desk.leg.press("5")
    await desk.asked("enter your call back number")
    await desk.leg.press("16505550199#")
    await desk.asked("You entered")
    await desk.leg.press("2")
    await desk.asked("enter your call back number", 2)
    await desk.leg.press("16505550123#")
    await desk.asked("You entered", 2)
    await desk.leg.press("1")
    assert await desk.over() == answer("urgent", "0", "3", "16505550123")
    assert len(mobile.legs) == 1, "the number that was confirmed is called, once"
    assert "You asked for an urgent call." in desk.speech.said
    assert desk.outcome() == "done"


async def test_5_without_a_number_goes_back_to_the_menu(desk: Desk) -> None:
    await desk.caller_hears_the_text()
    await desk.leg.press("5")
    await desk.asked("enter your call back number")
    await desk.leg.press("#")
    await desk.asked(TEXT, 2)
    await desk.leg.press("3")
    assert (await desk.over())["choice"] == "yes"


async def test_6_disconnects(desk: Desk) -> None:
    await desk.caller_hears_the_text()
    await desk.leg.press("6")
    assert await desk.over() == answer("none", "2", "0")
    assert not desk.leg.ended_by_us
    assert desk.did("log")


async def test_a_key_that_the_menu_does_not_have_repeats_it(desk: Desk) -> None:
    await desk.caller_hears_the_text()
    await desk.leg.press("9")
    await desk.asked(TEXT, 2)
    await desk.leg.press("6")
    assert (await desk.over())["choice"] == "none"


async def test_a_caller_who_chooses_nothing_hears_it_three_times(desk: Desk) -> None:
    await desk.caller_hears_the_text()
    assert await desk.over() == answer("none", "3", "0")
    assert sum(MENU in text for text in desk.speech.said) == 3
    assert not desk.leg.ended_by_us
    assert desk.outcome() == "done"


@pytest.mark.parametrize("moment", [0.1, 0.9, 5.0])
async def test_a_caller_who_hangs_up_in_the_menu_chose_nothing(desk: Desk, moment: float) -> None:
    await desk.caller_hears_the_text()
    await asyncio.sleep(moment)
    await desk.leg.hangup()
    assert await desk.over() == answer("none", "2", "0")
    assert await desk.stage.bot.store.schedules.waiting() == []
    assert desk.outcome() in ("done", "cancelled")
