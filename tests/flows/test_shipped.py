"""The flows that ship do what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.calls import AgentState, QueueState
from bot.flows import FlowSet
from bot.sip.rc import ReplyOutcome
from tests.flows.stage import VARIABLES, FakeCall, Stage, actions

FOLDER = Path(__file__).parents[2] / "flows"


Play = Callable[..., Stage]


@pytest.fixture
def play(stage: Stage) -> Play:
    """The stage with the flows of these names, alone."""

    def choose(*names: str) -> Stage:
        whole = FlowSet.load(FOLDER, actions(), variables=VARIABLES)
        stage.engine_of(FlowSet(FOLDER, {name: whole.flows[name] for name in names}))
        return stage

    return choose


async def picks_up(call: FakeCall) -> None:
    await asyncio.sleep(3)
    call.picked_up.set()


async def is_busy(call: FakeCall) -> None:
    await asyncio.sleep(1)
    call.refusal = "busy"
    call.picked_up.set()


async def test_a_call_that_asks_for_it_is_answered_after_the_seconds_that_it_names(play: Play) -> None:
    shipped = play("auto-answer")
    shipped.incoming(headers={"alert-info": "Auto Answer"}, after=2.0)
    await shipped.settled()
    assert shipped.happened == ["answer", "say You are through to the order line."]
    assert shipped.times == [2.0, 2.0]
    assert shipped.outcomes == [("auto-answer", "done")]


async def test_another_call_is_left_alone(play: Play) -> None:
    shipped = play("auto-answer")
    shipped.incoming(headers={"Alert-Info": "Ring"})
    await shipped.settled()
    assert shipped.happened == []
    assert shipped.traces == []


async def test_busy_and_the_caller_says_yes_is_called_back_45_minutes_later(play: Play) -> None:
    shipped = play("busy-reply", "call-back")
    shipped.busy = True
    shipped.answering = picks_up
    call = shipped.incoming("+16505550123", "Ada")
    shipped.after(20, lambda: call.outcome.set_result(ReplyOutcome("yes", "0", "1")))
    await asyncio.sleep(25)
    assert shipped.happened == ["reply I am with a customer. May I call you back within the hour?"]
    assert shipped.outcomes == [("busy-reply", "done")]
    await asyncio.sleep(45 * 60)
    assert shipped.happened[1:] == [
        "dial +16505550123",
        "say Hello, this is the call back that you asked for. A colleague is with you at once.",
        "transfer 102",
    ]
    assert shipped.times[1] == 20 + 45 * 60
    assert shipped.outcomes[1:] == [("call-back", "done")]


async def test_an_urgent_caller_is_called_at_the_number_that_they_left(play: Play) -> None:
    shipped = play("busy-reply")
    shipped.busy = True
    shipped.answering = picks_up
    call = shipped.incoming()
    shipped.after(20, lambda: call.outcome.set_result(ReplyOutcome("urgent", "0", "3", number="16505550177")))
    await shipped.settled()
    assert shipped.happened[1:] == ["dial 16505550177", "say You asked for an urgent call.", "hang_up"]


@pytest.mark.parametrize("outcome", [ReplyOutcome("no", "0", "2"), None])
async def test_no_and_no_choice_are_logged_only(play: Play, outcome: ReplyOutcome | None) -> None:
    shipped = play("busy-reply")
    shipped.busy = True
    call = shipped.incoming("+16505550123", "Ada")
    if outcome:
        call.outcome.set_result(outcome)
    await shipped.settled()
    assert [step.action for step in shipped.steps] == ["reply", "match", "log"]
    assert shipped.steps[-1].arguments == {"text": "Ada did not ask for a call back"}
    if outcome is None:
        assert shipped.steps[0].seconds == 180.0
    assert shipped.scheduler.waiting == []


async def test_the_same_caller_is_asked_once_at_a_time(play: Play) -> None:
    shipped = play("busy-reply")
    shipped.busy = True
    shipped.incoming("+16505550123")
    shipped.incoming("+16505550123")
    shipped.incoming("+16505550177")
    await shipped.settled()
    assert shipped.happened == ["reply I am with a customer. May I call you back within the hour?"] * 2
    assert ("busy-reply", "skipped") in shipped.outcomes


async def test_a_supervisor_takes_over_a_vip_call_that_lasts_too_long(play: Play) -> None:
    shipped = play("rescue-vip")
    shipped.agent_talks("102", "+16505550199")
    await asyncio.sleep(599)
    assert shipped.happened == []
    await asyncio.sleep(10)
    assert shipped.happened == [
        "supervise 102 take_over",
        "say A supervisor is joining you now.",
        "transfer 105",
    ]
    assert shipped.times[0] == 600
    assert shipped.outcomes == [("rescue-vip", "done")]


@pytest.mark.parametrize(("agent", "number"), [("102", "+16505550111"), ("103", "+16505550199")])
async def test_other_customers_and_other_agents_are_not_supervised(play: Play, agent: str, number: str) -> None:
    shipped = play("rescue-vip")
    shipped.agent_talks(agent, number)
    await asyncio.sleep(1_200)
    assert shipped.traces == []


async def test_a_vip_call_that_ends_in_time_is_not_supervised(play: Play) -> None:
    shipped = play("rescue-vip")
    shipped.agent_talks("102", "+16505550199")
    await asyncio.sleep(599)
    shipped.say("agent.call.ended", agent="102", number="+16505550199", name="", seconds=599)
    await asyncio.sleep(1_200)
    assert shipped.traces == []


async def answered_sales_call(stage: Stage) -> FakeCall:
    agent = AgentState("102", busy=True)
    stage.queues["Sales"] = QueueState("Sales", (agent,), frozenset({"102"}))
    call = stage.incoming(queue="Sales")
    await call.answer()
    return call


async def test_an_overflow_call_is_parked_and_picked_up(play: Play) -> None:
    shipped = play("park-overflow")
    call = await answered_sales_call(shipped)
    await asyncio.sleep(60)
    shipped.say("park.retrieved", location="sales", session_id="s-other", number="+1999", name="")
    shipped.say("park.retrieved", location="sales", session_id=call.session_id, number=call.number, name="")
    await shipped.settled()
    assert shipped.happened == ["answer", "say One moment please, a colleague will be with you.", "park sales"]
    assert shipped.outcomes == [("park-overflow", "done")]
    assert shipped.steps[-1].result == {
        "kind": "park.retrieved",
        "name": "",
        "location": "sales",
        "session_id": call.session_id,
        "number": call.number,
    }


async def test_an_overflow_call_that_nobody_picks_up_goes_to_voicemail(play: Play) -> None:
    shipped = play("park-overflow")
    await answered_sales_call(shipped)
    await shipped.settled()
    assert shipped.happened[-3:] == ["park sales", "retrieve sales", "transfer 201"]
    assert shipped.times[-2] == pytest.approx(121.1)


async def test_a_sales_call_with_a_free_agent_is_left_alone(play: Play) -> None:
    shipped = play("park-overflow")
    shipped.queues["Sales"] = QueueState("Sales", (AgentState("102"),), frozenset({"102"}))
    call = shipped.incoming(queue="Sales")
    await call.answer()
    await shipped.settled()
    assert shipped.happened == ["answer"]


async def test_a_call_back_to_a_busy_number_is_logged(play: Play) -> None:
    shipped = play("call-back")
    shipped.answering = is_busy
    result = await shipped.engine.run_flow("call-back", inputs={"number": "+16505550123"})
    assert (result.outcome, result.reason) == ("stopped", "not reached")
    assert shipped.steps[1].arguments == {
        "text": "nobody was reached at +16505550123: the call was not answered: busy"
    }


async def test_a_known_gold_customer_at_the_front_desk_is_greeted_by_name(play: Play) -> None:
    shipped = play("vip-greeting")
    await shipped.incoming("+16505550199", phone="front-desk").answer()
    await shipped.settled()
    assert shipped.happened[:2] == ["answer", "say Welcome back, Ada."]


@pytest.mark.parametrize("number", ["+16505550100", "+16505550124"])
async def test_other_callers_are_not(play: Play, number: str) -> None:
    shipped = play("vip-greeting")
    await shipped.incoming(number, phone="front-desk").answer()
    await shipped.settled()
    assert not any("Welcome back" in what for what in shipped.happened)


async def test_the_offer_is_made_and_a_key_chosen_during_the_prompt(play: Play) -> None:
    shipped = play("spring-offer")
    call = shipped.placed()
    shipped.after(0.5, lambda: shipped.press(call, "5"))
    shipped.after(0.6, lambda: shipped.press(call, "1"))
    result = await shipped.engine.run_flow("spring-offer", call, {"name": "Ada"})
    assert result.outcome == "done"
    assert shipped.happened[0].startswith("say Hello Ada. Spring is here")
    assert shipped.happened[1:] == ["say Thank you. A colleague will call you within the hour.", "hang_up"]
    assert result.values["key"] == {"kind": "call.digit", "digit": "1"}


async def test_the_offer_ends_politely_when_no_key_is_pressed(play: Play) -> None:
    shipped = play("spring-offer")
    result = await shipped.engine.run_flow("spring-offer", shipped.placed())
    assert (result.outcome, result.reason) == ("stopped", "no key was pressed")
    assert shipped.happened[1:] == ["say Thank you, and good bye.", "hang_up"]


async def test_the_offer_ends_when_the_customer_hangs_up(play: Play) -> None:
    shipped = play("spring-offer")
    call = shipped.placed()
    shipped.after(0.5, lambda: call.finish("hangup", "peer"))
    result = await shipped.engine.run_flow("spring-offer", call)
    assert (result.outcome, result.reason) == ("cancelled", "the call ended: hangup by peer")


async def test_the_offer_cannot_be_made_without_a_call(play: Play) -> None:
    shipped = play("spring-offer")
    with pytest.raises(Exception, match='the flow "spring-offer" needs a call'):
        await shipped.engine.run_flow("spring-offer")
