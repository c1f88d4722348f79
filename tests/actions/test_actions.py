"""Each action does its one thing to the call that it is given. (Runs of flows are tested in tests/flows.)"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import pytest_asyncio
from pydantic import ValidationError

from bot.actions import ActionContext, ActionSpec, StopRun, builtin_actions
from bot.actions.talking import Parked
from bot.calls import Call, Calls, CallState, Event
from bot.errors import CallFailed, UserError
from bot.log import get_logger
from bot.media import write_wav
from bot.phone import FlipResult
from bot.sip.rc import ReplyOutcome
from tests.flows.stage import FakeCall, Stage

ACTIONS = builtin_actions()


async def no_event(_name: str, _filters: Mapping[str, object]) -> Event:
    raise AssertionError("nothing waits here")


async def do(stage: Stage, name: str, call: Call | None = None, /, **given: object) -> object:
    """Do an action with these arguments; `timeout_` and `folder_` are those of the step."""
    timeout, folder = given.pop("timeout_", None), given.pop("folder_", Path())
    spec: ActionSpec = ACTIONS[name]
    kept = cast(dict[str, object], given.pop("kept_", {}))
    context = ActionContext(
        run_id="r-1",
        flow="a",
        calls=cast(Calls, stage),
        speech=stage.speech,
        clock=stage.clock,
        scheduler=stage.scheduler,
        log=get_logger(__name__),
        target=call,
        timeout=cast("float | None", timeout),
        folder=cast(Path, folder),
        directory={"Sales": "201"},
        wait_event=no_event,
        set_variable=kept.__setitem__,
    )
    return await spec(context, spec.args.model_validate(given))


@pytest_asyncio.fixture
async def ringing(stage: Stage) -> FakeCall:
    stage.engine_for()
    return stage.incoming()


@pytest_asyncio.fixture
async def talking(stage: Stage) -> FakeCall:
    stage.engine_for()
    return stage.placed()


@pytest.mark.parametrize(
    ("name", "given", "noted"),
    [
        ("answer", {}, "answer"),
        ("answer", {"after": "2s"}, "answer"),
        ("decline", {}, "decline"),
        ("forward", {"to": "SALES"}, "forward 201"),
        ("forward", {"to": "+16505550100"}, "forward +16505550100"),
        ("voicemail", {}, "voicemail"),
        ("hang_up", {}, "hang_up"),
    ],
)
async def test_what_can_be_done_with_a_ringing_call(
    stage: Stage, ringing: FakeCall, name: str, given: dict[str, object], noted: str
) -> None:
    await do(stage, name, ringing, **given)
    assert stage.happened == [noted]
    assert stage.times == [2.0 if "after" in given else 0.0]


@pytest.mark.parametrize(
    ("name", "given", "noted"),
    [
        ("say", {"text": "hello"}, "say hello"),
        ("send_digits", {"digits": "1,2#"}, "digits 1,2#"),
        ("transfer", {"to": "sales"}, "transfer 201"),
        ("voicemail", {"mailbox": "sales"}, "transfer 201"),
        ("park", {"location": "sales"}, "park sales"),
        ("park", {}, "park in an orbit"),
        ("hold", {}, "hold"),
        ("unhold", {}, "unhold"),
        ("mute", {}, "mute"),
        ("unmute", {}, "unmute"),
        ("start_recording", {}, "start_recording"),
        ("stop_recording", {}, "stop_recording"),
        ("flip", {"to": "sales"}, "flip 201"),
    ],
)
async def test_what_can_be_done_with_an_answered_call(
    stage: Stage, talking: FakeCall, name: str, given: dict[str, object], noted: str
) -> None:
    await do(stage, name, talking, **given)
    assert stage.happened == [noted]


async def test_park_says_what_to_dial(stage: Stage) -> None:
    stage.engine_for()
    assert await do(stage, "park", stage.placed(), location="sales") == Parked("sales", "prk77")
    assert await do(stage, "park", stage.placed()) == Parked("", "*813")
    with pytest.raises(ValidationError):
        await do(stage, "park", stage.placed(), location="")


async def test_flip_says_where_it_rings(stage: Stage, talking: FakeCall) -> None:
    assert await do(stage, "flip", talking, to="102") == FlipResult("+16505550102", "102")
    assert talking.live


async def test_a_file_is_played_from_the_folder_of_flows(stage: Stage, talking: FakeCall, tmp_path: Path) -> None:
    write_wav(tmp_path / "hello.wav", np.zeros(160, np.int16))
    await do(stage, "play", talking, file="hello.wav", folder_=tmp_path)
    assert stage.happened == ["play"]


async def test_a_reply_gives_the_callers_answer_field_by_field(stage: Stage, ringing: FakeCall) -> None:
    ringing.outcome.set_result(ReplyOutcome("urgent", "0", "3", "16505550177", "+1650", "Ada"))
    answer = await do(stage, "reply", ringing, text="later?")
    fields = ("choice", "sts", "resp", "ext_nfo", "phn", "nm")
    assert [getattr(answer, field) for field in fields] == ["urgent", "0", "3", "16505550177", "+1650", "Ada"]


async def test_a_reply_waits_as_long_as_the_step_says(stage: Stage, ringing: FakeCall) -> None:
    answer = await do(stage, "reply", ringing, text="later?", timeout_=7.0)
    assert getattr(answer, "choice", "") == "none"
    assert asyncio.get_running_loop().time() == 7


async def test_dial_is_done_when_somebody_really_answers(stage: Stage) -> None:
    stage.engine_for()

    async def pick_up(call: FakeCall) -> None:
        await asyncio.sleep(4)
        call.picked_up.set()

    stage.answering = pick_up
    call = await do(stage, "dial", number="Sales")
    assert isinstance(call, FakeCall)
    assert call.state is CallState.ANSWERED
    assert stage.happened == ["dial 201"]
    assert asyncio.get_running_loop().time() == 4


async def test_dial_says_why_nobody_answered_and_leaves_nothing(stage: Stage) -> None:
    stage.engine_for()

    async def busy(call: FakeCall) -> None:
        call.refusal = "busy"
        call.picked_up.set()

    stage.answering = busy
    with pytest.raises(CallFailed, match="busy"):
        await do(stage, "dial", number="105")
    assert not stage.calls["c-1"].live


async def test_dial_gives_up_after_a_minute(stage: Stage) -> None:
    stage.engine_for()
    with pytest.raises(TimeoutError):
        await do(stage, "dial", number="105")
    assert asyncio.get_running_loop().time() == 60
    assert stage.happened == ["dial 105", "hang_up"]


async def test_supervise_and_retrieve_give_the_call(stage: Stage) -> None:
    stage.engine_for()
    assert isinstance(await do(stage, "supervise", agent=102, how="barge"), Call)
    assert isinstance(await do(stage, "retrieve", location="sales"), Call)
    assert stage.happened == ["supervise 102 barge", "retrieve sales"]


async def test_schedules_are_made_for_a_delay_or_a_date(stage: Stage) -> None:
    stage.engine_for()
    at = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    await do(stage, "schedule", **{"flow": "a", "in": "45m", "inputs": {"n": 1}})
    await do(stage, "schedule", flow="b", at="2026-03-01T12:00:00Z")
    (first, due, inputs), (second, second_due, _none) = stage.scheduler.waiting
    assert (first, (due - stage.clock.now()).total_seconds(), inputs) == ("a", 2_700, {"n": 1})
    assert (second, second_due) == ("b", at)


@pytest.mark.parametrize("given", [{}, {"in": "1m", "at": "2026-03-01T12:00:00Z"}, {"at": "2026-03-01T12:00:00"}])
def test_a_schedule_has_one_time_with_its_offset(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ACTIONS["schedule"].args.model_validate({"flow": "a", **given})


async def test_set_keeps_values_and_stop_stops(stage: Stage) -> None:
    kept: dict[str, object] = {}
    await do(stage, "set", a=1, b="x", kept_=kept)
    assert kept == {"a": 1, "b": "x"}
    with pytest.raises(StopRun, match="enough"):
        await do(stage, "stop", reason="enough")


async def test_an_action_that_needs_a_call_says_so(stage: Stage) -> None:
    with pytest.raises(UserError, match="this step needs a call"):
        await do(stage, "say", text="hello")
