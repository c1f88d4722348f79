"""What is wrong with a flow is said at once, with its place, a caret and a mend."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from bot.flows import FlowSet, check
from bot.flows.loader import read_text
from bot.problems import FileProblems, Problem, format_problems
from tests.flows.stage import VARIABLES, actions

HERE = Path(__file__).parent


def problems_of(text: str, variables: dict[str, object] | None = None) -> list[Problem]:
    return read_text(textwrap.dedent(text), actions(), path="flow.yaml", variables=variables)[1]


def told(text: str, variables: dict[str, object] | None = None) -> list[str]:
    """Each problem as `text under the caret: message (hint)`."""
    return [
        f"{problem.source_line[problem.column - 1 :][: problem.length]}: {problem.message}"
        + (f" ({problem.hint})" if problem.hint else "")
        for problem in problems_of(text, variables)
    ]


def told_of_step(step: str, trigger: str = "[call.ringing, call.alerting]") -> list[str]:
    return told(f"flow: a\non: {trigger}\ndo:\n" + textwrap.indent(textwrap.dedent(step).strip(), "  ") + "\n")


def test_ten_mistakes_are_ten_errors_each_with_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(HERE.parents[1])
    folder = Path("tests/flows/bad")
    problems = check(folder, actions(), variables={})
    assert len(problems) == 10
    shown = format_problems(problems, tail="The flows that were running keep running.")
    assert shown == (HERE / "bad" / "ten-mistakes.txt").read_text().rstrip("\n")


def test_a_folder_with_a_mistake_is_not_taken_at_all(tmp_path: Path) -> None:
    (tmp_path / "good.yaml").write_text("flow: good\non: call.ringing\ndo:\n  - answer\n")
    (tmp_path / "bad.yaml").write_text("flow: bad\non: call.ringing\ndo:\n  - anwser\n")
    with pytest.raises(FileProblems) as caught:
        FlowSet.load(tmp_path, actions())
    assert caught.value.checked == 2
    assert str(caught.value).endswith("1 error in 1 of 2 files.")


def test_the_shipped_flows_have_no_problems() -> None:
    assert check(HERE.parents[1] / "flows", actions(), variables=VARIABLES) == []


def test_files_of_campaigns_tests_and_people_are_passed_over(tmp_path: Path) -> None:
    for kind in ("campaign", "test", "people"):
        (tmp_path / f"{kind}.yaml").write_text(f"{kind}: spring\nanything: goes\n")
    assert check(tmp_path, actions()) == []


def test_a_folder_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    assert [problem.message for problem in check(tmp_path / "no", actions())] == ["there is no such folder"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("do: [stop]", ['do: "flow" is missing']),
        ("flow: a", ['flow: "do" is missing']),
        ("- flow", ["-: this is not a flow (a flow begins with flow: its-name)"]),
        ("flow: a\ndo:\n", [': "do" has no steps (each step begins with "- ")']),
        ("flow: A b\ndo: [stop]", ['A b: "A b" is not possible here (its name: small letters, digits and -)']),
        (
            "flow: a\non: call.rining\ndo: [stop]",
            ['call.rining: unknown event "call.rining" (did you mean "call.ringing"?)'],
        ),
        (
            "flow: a\non: schedule.due\ndo: [stop]",
            ['schedule.due: unknown event "schedule.due" (a schedule runs its flow by name)'],
        ),
        (
            "flow: a\non: {call.ringing: {header: x}}\ndo: [stop]",
            ['header: unknown key "header" (did you mean "headers"?)'],
        ),
        (
            "flow: a\non: {call.ringing: {caller: /(/}}\ndo: [stop]",
            ["(: the pattern cannot be read: missing ), unterminated subpattern"],
        ),
        (
            "flow: a\non: {call.ringing: {caller: {number: 1}}}\ndo: [stop]",
            ["{: this must be text, a list of texts, or a /pattern/"],
        ),
        ("flow: a\non: {agent.call.lasted: {agent: 102}}\ndo: [stop]", ['agent: "over" is missing']),
        (
            "flow: a\non: {agent.call.lasted: {over: long}}\ndo: [stop]",
            ['long: "long" is not a length of time (write it like 90s, 3m or 1h30m)'],
        ),
        ("flow: a\nmode: singel\ndo: [stop]", ['singel: "singel" is not possible here (did you mean "single"?)']),
        (
            "flow: a\nmode: {policy: queued, limit: 0}\ndo: [stop]",
            ["0: this should be greater than or equal to 1"],
        ),
        (
            "flow: a\non: call.ringing\nmode: {per: caller.number}\ndo: [stop]",
            ['caller.number: this is the same for every run (such as "{{ caller.number }}")'],
        ),
        ("flow: a\noutlives_call: yes\ndo: [stop]", ["yes: this must be true or false"]),
        (
            "flow: a\ninputs: [a b]\ndo: [stop]",
            ['a b: "a b" cannot be the name of an input (use letters, digits and _)'],
        ),
        ("flow: a\ninputs: [number]\ndo: [stop]", ['number: the input "number" is never used']),
        (
            'flow: a\non: call.ringing\ninputs: [number]\ndo: [{log: "{{ inputs.number }}"}]',
            ['number: the input "number" needs a default (an event that starts the flow gives no inputs)'],
        ),
        ("flow: a\nif: \ndo: [stop]", [" : this must be an expression (such as: caller.number in vars.vip)"]),
        (
            "flow: a\non: call.ringing\nif: number == 3\ndo: [stop]",
            ['number: "number" is not something a ringing call has (did you mean "call.number"?)'],
        ),
    ],
)
def test_mistakes_before_the_steps(text: str, expected: list[str]) -> None:
    assert told(text) == expected


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("- anwser", ['anwser: unknown action "anwser" (did you mean "answer"?)']),
        ("- 5", ['5: unknown action "5"']),
        ("- [say]", ["[: this is not a step (a step is an action: say: Hello)"]),
        ("- name: x", ["name: this step has no action (such as say: Hello)"]),
        ("- say: a\n  log: b", ['log: a step has one action: this one has "say" already (begin a new "- " step)']),
        ("- answer:\n  timout: 3s", ['timout: unknown key "timout" (did you mean "timeout"?)']),
        ("- hang_up: now", ['now: "hang_up" takes no plain value (write just: - hang_up)']),
        ("- say: {txt: hello}", ['txt: "text" is missing', 'txt: unknown key "txt" (did you mean "text"?)']),
        ("- say: true", ['true: this must be text (put quotes around it: "true")']),
        ("- send_digits: 12x", ['12x: "12x" is not possible here (0-9 * # A-D; a comma is a pause of one second)']),
        ("- supervise: {agent: 102, how: take}", ['take: "take" is not possible here (did you mean "take_over"?)']),
        ("- wait: 3 minutes", ['3 minutes: "3 minutes" is not a length of time (write it like 90s, 3m or 1h30m)']),
        ("- answer:\n  timeout: soon", ['soon: "soon" is not a length of time (write it like 90s, 3m or 1h30m)']),
        ("- answer:\n  on_timeout: [stop]", ['on_timeout: "on_timeout" needs a "timeout" in the same step']),
        ("- wait_for: call.digits", ['call.digits: unknown event "call.digits" (did you mean "call.digit"?)']),
        (
            "- wait_for: {event: call.digit, digits: 1}",
            ['digits: unknown key "digits" (did you mean "digit"?)'],
        ),
        (
            "- wait_for: {event: agent.call.lasted, over: 3m}",
            ['agent.call.lasted: "agent.call.lasted" starts flows, and cannot be waited for'],
        ),
        ("- schedule: {flow: b, in: 1h}", ['b: there is no flow "b" (flows: a)']),
        ("- schedule: {flow: a}", ['{: give either "in" or "at"']),
        ("- say: hi\n  target: colleague", ['colleague: no step before this one saves "colleague"']),
        ("- log: hi\n  target: call\n- wait: 3\n  target: x", ['x: no step before this one saves "x"']),
        ("- say: hi\n  save_as:", [": the name to save the result under is missing"]),
        ("- answer:\n  save_as: caller", ['caller: "caller" is taken (it has a meaning of its own in every flow)']),
        ("- set: {line: 3}", ['line: "line" is taken (it has a meaning of its own in every flow)']),
        ("- set: {a-b: 3}", ['a-b: "a-b" cannot be the name of a variable (use letters, digits and _)']),
        ("- stop\n- say: bye", ["say: this step is never reached (the run has always ended before it)"]),
        (
            "- if: line.busy\n  then: [stop]\n  else: [stop]\n- answer",
            ["answer: this step is never reached (the run has always ended before it)"],
        ),
        ("- then: [stop]", ['then: "then" needs "if" in the same step']),
        ("- match: call.queue\n  case: {}", [
            'match: "match" needs "cases" (cases: a value, and its steps, each)',
            'case: unknown key "case" in "match" (did you mean "cases"?)',
        ]),
        ("- hang_up\n- say: bye", ['say: "say" needs a call, and "hang_up" has ended it for us']),
        (
            "- park: sales\n- wait_for: call.digit",
            ['wait_for: "call.digit" is about a call, and the run has none here'],
        ),
        (
            '- say: "{{ caller.nam }}"',
            ['caller.nam: "caller.nam" is not something a ringing call has (did you mean "caller.name"?)'],
        ),
        ('- say: "{{ answer.choice }}"', ['answer.choice: "answer" is not something a ringing call has']),
        (
            '- reply: hi\n  save_as: a\n- log: "{{ a.choise }}"',
            ['a.choise: "a.choise" is not something the result of "reply" has (did you mean "a.choice"?)'],
        ),
        ('- say: "{{ call.queue.size }}"', ['call.queue.size: "call.queue" is a plain value: it has no "size"']),
        ('- say: "{{ caller.name|uper }}"', ['uper: there is no filter "uper" (did you mean "upper"?)']),
        ('- say: "hi {{ caller.name"', ["{{: this {{ has no }} (close it with }})"]),
        ('- say: "{% if x %}"', ['{%: "{%" is not used here (only {{ … }}; logic has steps)']),
        ("- say: {{ caller.name }}", ['{{: a template needs quotes around it (write "{{ … }}")']),
        (
            "- dial: #5",
            ['#5: a bare #5 is a comment, not text (put quotes around it: "#5")', 'dial: "number" is missing'],
        ),
        ("- reply: hi\n  retry: 0", ["0: this should be greater than or equal to 1"]),
    ],
)  # fmt: skip
def test_mistakes_in_steps(step: str, expected: list[str]) -> None:
    assert told_of_step(step) == expected


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ("- say: hello", ['say: "say" is for an answered call, and this one still rings (answer it first)']),
        ("- answer\n- reply: hi", ['reply: "reply" is for a call that rings, and this one is answered']),
        ("- answer:\n  if: line.busy\n- say: hi", []),
        ("- if: line.busy\n  then: [answer]\n- reply: hi", []),
        ("- anwser\n- say: hi", ['anwser: unknown action "anwser" (did you mean "answer"?)']),
        ("- hang_up\n- dial: '105'\n- say: hi", []),
    ],
)
def test_what_a_call_is_not_ready_for_is_a_mistake(steps: str, expected: list[str]) -> None:
    assert told_of_step(steps, "call.ringing") == expected


def test_a_variable_must_be_known_to_every_trigger() -> None:
    text = """
        flow: a
        on: [call.ringing, phone.lost]
        do:
          - log: "{{ caller.number }}"
    """
    assert told(text) == ['caller.number: "caller" is not something a phone that went down has']


def test_variables_of_the_configuration_are_checked_when_they_are_known() -> None:
    text = "flow: a\non: call.ringing\nif: caller.number in vars.vpi\ndo: [answer]\n"
    assert told(text, {"vip": []}) == [
        'vars.vpi: "vars.vpi" is not something "vars" of the configuration has (did you mean "vars.vip"?)'
    ]
    assert told(text) == []


def test_a_trigger_takes_its_filter_from_the_configuration() -> None:
    text = 'flow: a\non: {agent.call.lasted: {agent: "102", over: "{{ vars.limit }}"}}\ndo: [stop]\n'
    assert told(text, {"limit": "2s"}) == []
    assert told(text, {"limit": "soon"})[0].endswith("(write it like 90s, 3m or 1h30m)")
    assert 'did you mean "vars.limit"?' in told(text.replace("limit }}", "limt }}"), {"limit": "2s"})[0]


def test_schedules_are_checked_against_the_flow_that_they_run(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text('flow: b\ninputs: [number]\ndo: [{dial: "{{ inputs.number }}"}]\n')
    (tmp_path / "c.yaml").write_text("flow: c\ndo: [{say: hi}]\n")
    (tmp_path / "a.yaml").write_text(
        "flow: a\non: call.ringing\ndo:\n"
        "  - schedule: {flow: b, in: 1m, inputs: {nubmer: 1}}\n"
        "  - schedule: {flow: c, in: 1m}\n"
    )
    assert [problem.message for problem in check(tmp_path, actions())] == [
        'the flow "b" has no input "nubmer"',
        'the flow "b" needs the input "number"',
        'the flow "c" needs a call, and is given none here',
    ]


def test_two_flows_cannot_have_one_name(tmp_path: Path) -> None:
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text("flow: same\ndo: [stop]\n")
    (problem,) = check(tmp_path, actions())
    assert (Path(problem.path).name, problem.message) == ("b.yaml", 'there is a flow "same" already')
