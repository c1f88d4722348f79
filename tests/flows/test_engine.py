"""Runs: what starts them, how they go on, what ends them, and what they leave behind."""

from __future__ import annotations

import asyncio

import pytest

from bot.actions import ActionContext, Arguments, action
from bot.calls import CallEnd, CallState
from bot.errors import UserError
from bot.flows import RunEnded, RunStarted
from tests.flows.stage import FakeCall, Stage, actions

TALK = "flow: talk\non: call.ringing\ndo:\n  - answer\n  - say: one\n  - say: two\n"


class NoArguments(Arguments):
    """None."""


# Triggers


@pytest.mark.parametrize(
    ("trigger", "starts"),
    [
        ("call.ringing", True),
        ("call.answered", False),
        ("[call.ended, call.ringing]", True),
        ("{call.ringing: }", True),
        ('{call.ringing: {caller: "+16505550123"}}', True),
        ('{call.ringing: {caller: ["+1999", "+16505550123"]}}', True),
        ("{call.ringing: {caller: /^.1650/}}", True),
        ("{call.ringing: {caller: /^1650/}}", False),
        ("{call.ringing: {queue: Sales}}", True),
        ("{call.ringing: {queue: sales}}", False),
        ("{call.ringing: {queue: /sales/i}}", True),
        ("{call.ringing: {queue: Sales, direction: outbound}}", False),
        ("{call.ringing: {headers: {x-vip: yes}}}", True),
        ("{call.ringing: {headers: {X-VIP: [no, yes]}}}", True),
        ("{call.ringing: {headers: {X-Other: yes}}}", False),
        ("{call.ringing: {headers: {X-Vip: yes, X-Other: yes}}}", False),
    ],
)
async def test_a_flow_starts_when_the_event_passes_the_filters(stage: Stage, trigger: str, starts: bool) -> None:
    stage.engine_for(f"flow: a\non: {trigger}\ndo: [hang_up]\n")
    stage.incoming(queue="Sales", headers={"X-Vip": "yes"})
    await stage.settled()
    assert stage.happened == (["hang_up"] if starts else [])


async def test_two_triggers_of_one_flow_that_fit_one_event_start_one_run(stage: Stage) -> None:
    stage.engine_for("flow: a\non: [call.ringing, {call.ringing: {queue: Sales}}]\ndo: [{log: hi}]\n")
    stage.incoming(queue="Sales")
    await stage.settled()
    assert stage.outcomes == [("a", "done")]


async def test_a_condition_that_cannot_be_evaluated_starts_nothing(stage: Stage) -> None:
    stage.engine_for('flow: a\non: call.ringing\nif: caller.number + 1 == "x"\ndo: [answer]\n')
    stage.incoming()
    await stage.settled()
    assert stage.traces == []


# What callers say is data


async def test_a_template_in_a_callers_name_is_text(stage: Stage) -> None:
    stage.engine_for('flow: a\non: call.ringing\ndo: [{reply: "Hello {{ caller.name }}"}]\n')
    call = stage.incoming(name="{{ vars.senior_desk }} [1, 2] 0x10")
    call.finish("cancelled", "peer")
    stage.incoming(name="{{ vars.senior_desk }} [1, 2] 0x10").outcome.cancel()
    await asyncio.sleep(1)
    assert stage.happened == ["reply Hello {{ vars.senior_desk }} [1, 2] 0x10"]


async def test_a_number_keeps_its_characters_on_its_way_through_a_flow(stage: Stage) -> None:
    stage.engine_for(
        """
        flow: a
        on: call.ringing
        do:
          - set: {first: "{{ caller.number }}", second: 0123, third: +1650, fourth: "{{ vars.vip[0] }}"}
          - forward: "{{ first }}"
          - log: "{{ second }} {{ third }} {{ fourth }}"
        """
    )
    stage.incoming("+16505550123")
    await stage.settled()
    assert stage.happened == ["forward +16505550123"]
    assert stage.steps[-1].arguments == {"text": "0123 +1650 +16505550199"}


# The end of the call


async def test_a_run_ends_with_its_call_and_finally_is_run(stage: Stage) -> None:
    stage.engine_for(
        TALK + "finally:\n  - log: over {{ call.cause }}\n".replace("over", '"over').replace("}}", '}}"')
    )
    call = stage.incoming()
    stage.after(0.5, lambda: call.finish("hangup", "peer"))
    await stage.settled()
    assert stage.happened == ["answer", "say one"]
    assert stage.outcomes == [("talk", "cancelled")]
    assert stage.reasons == ["the call ended: hangup by peer"]
    assert [(step.action, step.outcome) for step in stage.steps] == [
        ("answer", "done"),
        ("say", "cancelled"),
        ("log", "done"),
    ]
    assert stage.steps[-1].arguments == {"text": "over hangup"}


async def test_a_flow_that_outlives_its_call_goes_on(stage: Stage) -> None:
    stage.engine_for(
        "flow: a\non: call.ringing\noutlives_call: true\ndo:\n  - answer\n  - wait: 5s\n"
        '  - log: "{{ call.state }} {{ call.cause }}"\n'
    )
    call = stage.incoming()
    stage.after(2, lambda: call.finish("hangup", "peer"))
    await stage.settled()
    assert stage.outcomes == [("a", "done")]
    assert stage.steps[-1].arguments == {"text": "ended hangup"}


@pytest.mark.parametrize("step", ["hang_up", "decline", "voicemail", "forward: 102"])
async def test_a_step_that_ends_the_call_does_not_end_the_run(stage: Stage, step: str) -> None:
    stage.engine_for(f"flow: a\non: call.ringing\ndo:\n  - {step}\n  - log: still here\n")
    stage.incoming()
    await stage.settled()
    assert stage.outcomes == [("a", "done")]


async def test_the_end_of_another_call_does_not_end_the_run(stage: Stage) -> None:
    stage.engine_for(TALK)
    stage.incoming("+1")
    other = stage.incoming("+2")
    stage.after(0.5, lambda: other.finish("hangup", "peer"))
    await stage.settled()
    assert sorted(stage.outcomes) == [("talk", "cancelled"), ("talk", "done")]


async def test_a_step_on_a_call_that_just_ended_ends_the_run_without_an_error(stage: Stage) -> None:
    stage.engine_for("flow: a\non: call.ringing\ndo: [{forward: '102'}]\n")
    call = stage.incoming()
    call.state, call.end = (
        CallState.ENDED,
        CallEnd("peer", "cancelled", "no_answer"),
    )  # and the event is still to come
    await stage.settled()
    assert stage.outcomes == [("a", "cancelled")]


# Calls that the run brings


async def test_a_dialled_call_that_is_left_over_is_hung_up(stage: Stage) -> None:
    stage.engine_for("flow: a\ninputs: [n]\ndo:\n  - dial: '{{ inputs.n }}'\n  - say: hello\n")

    async def pick_up(call: FakeCall) -> None:
        call.picked_up.set()

    stage.answering = pick_up
    await stage.engine.run_flow("a", inputs={"n": "105"})
    assert stage.happened == ["dial 105", "say hello", "hang_up"]


async def test_a_dialled_call_that_nobody_answers_in_time_is_hung_up(stage: Stage) -> None:
    stage.engine_for("flow: a\ndo:\n  - dial: '105'\n    timeout: 20s\n    on_timeout: [{log: nobody}]\n")
    result = await stage.engine.run_flow("a")
    assert result.outcome == "done"
    assert stage.happened == ["dial 105", "hang_up"]
    assert stage.times[-1] == 20
    assert [(step.action, step.outcome) for step in stage.steps] == [("dial", "timeout"), ("log", "done")]


async def test_the_end_of_a_dialled_call_ends_the_run_that_has_no_other(stage: Stage) -> None:
    stage.engine_for("flow: a\ndo:\n  - dial: '105'\n  - wait: 1h\n")

    async def pick_up_and_leave(call: FakeCall) -> None:
        call.picked_up.set()
        await asyncio.sleep(3)
        call.finish("hangup", "peer")

    stage.answering = pick_up_and_leave
    result = await stage.engine.run_flow("a")
    assert (result.outcome, result.reason) == ("cancelled", "the call ended: hangup by peer")


async def test_names_of_the_configuration_can_be_dialled(stage: Stage) -> None:
    stage.engine_for("flow: a\ndo:\n  - dial: sales\n    timeout: 1s\n    on_error: continue\n")
    await stage.engine.run_flow("a")
    assert stage.happened == ["dial 201", "hang_up"]


# Errors, time limits, retries


async def test_an_error_fails_the_run_and_names_the_step(stage: Stage) -> None:
    stage.engine_for('flow: a\non: call.ringing\ndo:\n  - log: "{{ vars.vip[7] }}"\n  - answer\n')
    stage.incoming()
    await stage.settled()
    assert stage.happened == []
    assert stage.outcomes == [("a", "failed")]
    assert stage.reasons[0].startswith("flow.yaml:4:5: vars.vip[7]: ")


async def test_on_error_steps_know_the_error_and_the_run_goes_on(stage: Stage) -> None:
    stage.engine_for(
        """
        flow: a
        on: call.ringing
        do:
          - forward: "{{ vars.vip[7] }}"
            on_error:
              - log: "{{ error.kind }}"
          - answer
        """
    )
    stage.incoming()
    await stage.settled()
    assert stage.happened == ["answer"]
    assert stage.steps[1].arguments == {"text": "ExpressionFailed"}


@pytest.mark.parametrize(
    ("remedy", "outcome", "happened"), [("continue", "done", ["answer"]), ("stop", "stopped", [])]
)
async def test_on_error_can_be_a_word(stage: Stage, remedy: str, outcome: str, happened: list[str]) -> None:
    stage.engine_for(
        f'flow: a\non: call.ringing\ndo:\n  - log: "{{{{ vars.vip[7] }}}}"\n    on_error: {remedy}\n  - answer\n'
    )
    stage.incoming()
    await stage.settled()
    assert stage.outcomes == [("a", outcome)]
    assert stage.happened == happened


async def test_a_step_is_tried_again(stage: Stage) -> None:
    tries: list[float] = []

    @action("shaky")
    async def shaky(ctx: ActionContext, args: NoArguments) -> str:
        tries.append(ctx.clock.monotonic())
        if len(tries) < 3:
            raise UserError("not yet")
        return "done"

    stage.engine_for(
        'flow: a\ndo:\n  - shaky:\n    retry: {times: 3, wait: 5s}\n    save_as: r\n  - log: "{{ r }}"\n',
        registry=actions(shaky),
    )
    result = await stage.engine.run_flow("a")
    assert tries == [0, 5, 10]
    assert result.values == {"r": "done"}


async def test_an_action_that_breaks_fails_the_run_and_nothing_else(stage: Stage) -> None:
    @action("broken")
    async def broken(ctx: ActionContext, args: NoArguments) -> None:
        raise KeyError("oops")

    stage.engine_for("flow: a\non: call.ringing\ndo: [broken]\n", TALK, registry=actions(broken))
    stage.incoming()
    await stage.settled()
    assert sorted(stage.outcomes) == [("a", "failed"), ("talk", "done")]


async def test_a_time_limit_without_on_timeout_fails_the_step(stage: Stage) -> None:
    stage.engine_for("flow: a\ndo:\n  - wait: 1h\n    timeout: '{{ 3 }}'\n")
    result = await stage.engine.run_flow("a")
    assert (result.outcome, result.reason) == ("failed", "flow.yaml:3:5: not done within 3s")


async def test_a_time_limit_on_a_form_covers_the_steps_in_it(stage: Stage) -> None:
    stage.engine_for(
        "flow: a\ndo:\n  - if: true\n    then: [{wait: 1h}]\n    timeout: 5s\n    on_timeout: [{log: late}]\n"
    )
    result = await stage.engine.run_flow("a")
    assert result.outcome == "done"
    assert [(step.action, step.outcome) for step in stage.steps] == [
        ("if", "done"),
        ("wait", "cancelled"),
        ("log", "done"),
    ]


async def test_a_guard_passes_over_a_step(stage: Stage) -> None:
    stage.engine_for("flow: a\non: call.ringing\ndo:\n  - answer:\n    if: line.busy\n  - log: hi\n")
    stage.incoming()
    await stage.settled()
    assert [(step.action, step.outcome) for step in stage.steps] == [("answer", "skipped"), ("log", "done")]


async def test_a_run_with_too_many_steps_is_stopped(stage: Stage) -> None:
    stage.engine_for("flow: a\nmax_steps: 3\ndo:\n" + "  - log: hi\n" * 5 + "finally:\n  - log: end\n")
    result = await stage.engine.run_flow("a")
    assert (result.outcome, result.reason[:21]) == ("failed", "stopped after 3 steps")
    assert len(stage.steps) == 4


async def test_an_error_in_finally_is_not_lost(stage: Stage) -> None:
    stage.engine_for("flow: a\ndo: [{log: hi}]\nfinally:\n  - log: '{{ vars.vip[7] }}'\n")
    result = await stage.engine.run_flow("a")
    assert result.outcome == "failed"
    assert result.reason.startswith("finally: ")


# Logic


@pytest.mark.parametrize(("queue", "said"), [("Sales", "sales"), ("VIP", "few"), ("Gold", "few"), ("", "other")])
async def test_match_takes_the_case_of_the_value(stage: Stage, queue: str, said: str) -> None:
    stage.engine_for(
        """
        flow: a
        on: call.ringing
        do:
          - match: call.queue
            cases:
              Sales: [{log: sales}]
              VIP | Gold: [{log: few}]
            else: [{log: other}]
        """
    )
    stage.incoming(queue=queue)
    await stage.settled()
    assert stage.steps[-1].arguments == {"text": said}


@pytest.mark.parametrize(
    ("value", "said"), [("yes", "word"), ("true", "truth"), ("1", "number"), ("null", "nothing")]
)
async def test_labels_of_match_are_compared_as_text(stage: Stage, value: str, said: str) -> None:
    stage.engine_for(
        f"flow: a\ndo:\n  - set: {{x: {value}}}\n  - match: x\n    cases:\n"
        "      yes: [{log: word}]\n      true: [{log: truth}]\n      1: [{log: number}]\n    else: [{log: nothing}]\n"
    )
    await stage.engine.run_flow("a")
    assert stage.steps[-1].arguments == {"text": said}


async def test_stop_ends_the_run_and_says_why(stage: Stage) -> None:
    stage.engine_for(
        "flow: a\non: call.ringing\ndo:\n  - if: caller.number\n    then: [{stop: enough}]\n  - answer\n"
    )
    stage.incoming()
    await stage.settled()
    assert (stage.outcomes, stage.reasons) == ([("a", "stopped")], ["enough"])
    assert stage.happened == []


# Waiting


async def test_a_key_pressed_during_a_prompt_is_not_lost_and_counts_once(stage: Stage) -> None:
    stage.engine_for(
        """
        flow: a
        on: call.ringing
        do:
          - answer
          - say: press
          - wait_for: call.digit
            save_as: first
          - wait_for: call.digit
            timeout: 3s
            on_timeout: [{log: "{{ first.digit }} and no more"}]
        """
    )
    call = stage.incoming()
    stage.after(0.5, lambda: stage.press(call, "4"))
    await stage.settled()
    assert stage.steps[-1].arguments == {"text": "4 and no more"}


async def test_keys_of_another_call_are_not_ours(stage: Stage) -> None:
    stage.engine_for(
        "flow: a\non: {call.ringing: {caller: '+1'}}\ndo:\n  - wait_for: {event: call.digit, digit: '/[0-9]/'}\n"
    )
    mine, other = stage.incoming("+1"), stage.incoming("+2")
    stage.after(1, lambda: stage.press(other, "1"))
    stage.after(2, lambda: stage.press(mine, "#"))
    stage.after(3, lambda: stage.press(mine, "2"))
    await stage.settled()
    assert stage.steps[0].result == {"kind": "call.digit", "digit": "2"}


async def test_a_target_is_waited_for(stage: Stage) -> None:
    stage.engine_for(
        "flow: a\non: call.ringing\ndo:\n"
        "  - dial: '105'\n    save_as: other\n  - wait_for: call.digit\n    target: other\n"
    )

    async def pick_up(call: FakeCall) -> None:
        call.picked_up.set()

    stage.answering = pick_up
    mine = stage.incoming()
    stage.after(1, lambda: stage.press(mine, "1"))
    stage.after(2, lambda: stage.press(stage.calls["c-2"], "2"))
    await stage.settled()
    assert stage.steps[-1].result == {"kind": "call.digit", "digit": "2"}


# Modes


def moded(mode: str) -> str:
    steps = "do:\n  - wait: 10s\n  - log: '{{ inputs.n }}'\nfinally:\n  - wait: 1s\n"
    return f"flow: a\nmode: {mode}\ninputs: [n]\n{steps}"


@pytest.mark.parametrize(
    ("mode", "logged", "outcomes", "seconds"),
    [
        ("parallel", ["1", "2", "3"], ["done", "done", "done"], 11),
        ("{policy: parallel, limit: 2}", ["1", "2"], ["done", "done", "skipped"], 11),
        ("single", ["1"], ["done", "skipped", "skipped"], 11),
        ("queued", ["1", "2", "3"], ["done", "done", "done"], 33),
        ("{policy: queued, limit: 1}", ["1", "2"], ["done", "done", "skipped"], 22),
        ("restart", ["3"], ["cancelled", "skipped", "done"], 12),
        ('{policy: single, per: "{{ inputs.n }}"}', ["1", "2", "3"], ["done", "done", "done"], 11),
    ],
)
async def test_run_modes(stage: Stage, mode: str, logged: list[str], outcomes: list[str], seconds: float) -> None:
    engine = stage.engine_for(moded(mode))

    async def later(number: int) -> str:
        await asyncio.sleep(number * 0.001)
        return (await engine.run_flow("a", inputs={"n": str(number)})).outcome

    loop = asyncio.get_running_loop()
    assert await asyncio.gather(*(later(number) for number in (1, 2, 3))) == outcomes
    assert [step.arguments["text"] for step in stage.steps if step.action == "log"] == logged
    assert loop.time() == pytest.approx(seconds, abs=0.01)
    await asyncio.sleep(0)
    assert engine.runs == []


async def test_a_queued_run_whose_call_ends_does_not_start(stage: Stage) -> None:
    stage.engine_for("flow: a\non: call.ringing\nmode: queued\ndo:\n  - wait: 10s\n  - answer\nfinally: [{log: x}]\n")
    stage.incoming("+1")
    second = stage.incoming("+2")
    stage.after(5, lambda: second.finish("cancelled", "peer"))
    await stage.settled()
    assert stage.happened == ["answer"]
    assert stage.outcomes == [("a", "done"), ("a", "cancelled")]


# By name


@pytest.mark.parametrize(
    ("name", "inputs", "said"),
    [
        ("b", {}, 'there is no flow "b"'),
        ("a", {}, 'the flow "a" needs the input "n"'),
        ("a", {"n": 1, "m": 2}, 'the flow "a" has no input "m"'),
    ],
)
async def test_a_flow_that_cannot_be_run_by_name_says_so(
    stage: Stage, name: str, inputs: dict[str, object], said: str
) -> None:
    engine = stage.engine_for(moded("single"))
    with pytest.raises(UserError, match=said):
        await engine.run_flow(name, inputs=inputs)


async def test_a_run_ends_with_whoever_waits_for_it(stage: Stage) -> None:
    engine = stage.engine_for(moded("single"))
    waiting = asyncio.ensure_future(engine.run_flow("a", inputs={"n": "1"}))
    await asyncio.sleep(1)
    waiting.cancel()
    await stage.settled()
    assert stage.outcomes == [("a", "cancelled")]


async def test_a_due_schedule_of_a_flow_that_is_gone_is_no_catastrophe(stage: Stage) -> None:
    stage.engine_for(TALK)
    stage.say("schedule.due", flow="gone", inputs={})
    stage.say("schedule.due", flow="talk", inputs={})
    await stage.settled()
    assert stage.traces == []


# Closing


async def test_whoever_waits_for_a_run_hears_of_its_end_however_the_engine_is_closed(stage: Stage) -> None:
    engine = stage.engine_for("flow: a\nmode: queued\ndo: [{wait: 1h}]\nfinally: [{wait: 25s}]\n")
    runs = [asyncio.ensure_future(engine.run_flow("a")) for _ in range(3)]
    await asyncio.sleep(1)
    await engine.close()
    assert {(await run).outcome for run in runs} <= {"cancelled", "skipped"}
    assert not engine.runs


async def test_closing_ends_all_runs_with_their_finally(stage: Stage) -> None:
    engine = stage.engine_for(moded("parallel"), "flow: b\non: {agent.call.lasted: {over: 5s}}\ndo: [stop]\n")
    first = asyncio.ensure_future(engine.run_flow("a", inputs={"n": "1"}))
    stage.agent_talks("102", "+1")
    await asyncio.sleep(1)
    await engine.close()
    assert (await first).reason == "the bot stops"
    assert asyncio.get_running_loop().time() == 2
    await asyncio.sleep(10)
    assert stage.outcomes == [("a", "cancelled")]


@pytest.mark.parametrize("step", ["answer", "{answer: {}, retry: 3}"])
async def test_a_call_that_another_run_has_taken_ends_the_run_quietly(stage: Stage, step: str) -> None:
    stage.engine_for(f"flow: a\non: call.ringing\ndo: [{step}, {{say: hello}}]\n")
    stage.incoming().taken = True
    await stage.settled()
    assert stage.happened == []
    assert stage.outcomes == [("a", "cancelled")]
    assert stage.reasons == ["the call is answered already"]


async def test_the_end_of_a_run_leaves_a_call_alone_that_another_run_has_taken(stage: Stage) -> None:
    stage.engine_for("flow: a\non: call.ringing\ndo: [answer]\nfinally: [hang_up]\n")
    call = stage.incoming()
    call.taken = True
    await stage.settled()
    assert call.live
    assert stage.outcomes == [("a", "cancelled")]


async def test_a_step_can_deal_with_a_call_that_another_run_has_taken(stage: Stage) -> None:
    stage.engine_for("flow: a\non: call.ringing\ndo: [{answer: {}, on_error: [{stop: too late}]}]\n")
    stage.incoming().taken = True
    await stage.settled()
    assert stage.outcomes == [("a", "stopped")]


async def test_a_finally_that_takes_too_long_does_not_hold_up_closing(stage: Stage) -> None:
    engine = stage.engine_for("flow: a\non: call.ringing\ndo: [{wait: 1h}]\nfinally: [{wait: 1h}]\n")
    stage.incoming()
    await asyncio.sleep(1)
    await engine.close()
    assert asyncio.get_running_loop().time() == 6
    assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("event", ["park.retrieved", "park.parked"])
async def test_nobody_tells_what_becomes_of_a_call_in_an_orbit(stage: Stage, event: str) -> None:
    stage.engine_for(
        f"""
        flow: a
        on: call.ringing
        do:
          - answer
          - park:
            save_as: parked
          - log: "dial {{{{ parked.orbit }}}}"
          - wait_for: {event}
        """
    )
    stage.incoming()
    await stage.settled()
    assert stage.happened == ["answer", "park in an orbit"]
    assert stage.outcomes == [("a", "failed")]
    assert "the orbit *813" in stage.reasons[0]


async def test_a_run_that_parked_in_an_orbit_can_wait_for_what_happens_at_a_location(stage: Stage) -> None:
    stage.engine_for(
        """
        flow: a
        on: call.ringing
        do:
          - answer
          - park
          - wait_for: {event: park.parked, location: sales}
        """
    )
    stage.incoming()
    await asyncio.sleep(1)
    stage.say("park.parked", location="sales", session_id="s-9", number="", name="")
    await stage.settled()
    assert stage.outcomes == [("a", "done")]


# Traces


async def test_a_trace_tells_what_each_step_was_given_and_gave(stage: Stage) -> None:
    stage.engine_for(
        """
        flow: a
        on: call.ringing
        do:
          - name: greet them
            answer: {after: "{{ call.answer_after }}"}
          - park: "{{ 'sa' + 'les' }}"
            save_as: parked
        """
    )
    stage.incoming(after=2.0)
    await stage.settled()
    first, *steps, last = stage.traces
    assert isinstance(first, RunStarted)
    assert (first.flow, first.event, first.call_id) == ("a", "call.ringing", "c-1")
    assert isinstance(last, RunEnded)
    assert (last.outcome, last.steps, last.seconds) == ("done", 2, pytest.approx(2.1))
    answer, park = stage.steps
    assert len(steps) == 2
    assert (answer.name, answer.arguments, answer.place) == ("greet them", {"after": 2.0}, "flow.yaml:6:5")
    assert (park.result, park.seconds) == ({"location": "sales", "orbit": "prk77"}, pytest.approx(0.1))


async def test_who_answers_at_the_very_last_moment_is_not_hung_up_on(stage: Stage) -> None:
    async def picks_up_late(call: FakeCall) -> None:
        await asyncio.sleep(29.9)
        call.state = CallState.ANSWERED  # before the step has heard of it

    stage.answering = picks_up_late
    engine = stage.engine_for("flow: a\ndo: [{dial: '+16505550100', timeout: 30s, save_as: ada}, {say: hello}]\n")
    assert (await engine.run_flow("a")).outcome == "done"
    assert stage.happened == ["dial +16505550100", "say hello", "hang_up"]
