"""Person files: what can be written, and what is said about what cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ConfigError
from bot.problems import FileProblems
from bot.sandbox.people.model import SHIPPED, Answering, Person, read_people
from bot.sandbox.people.steps import ACTIONS, Call, Hear, Play, Repeat, parse_duration
from bot.yaml12 import load_document, to_model

ADA = """\
person: Ada
number: "+16505550199"
when_called: answer after 2s
then:
  - say: Hello, this is Ada.
scripts:
  story:
    do:
"""


def read(text: str) -> tuple[Person | None, list[str]]:
    """The person, and each problem as `line:column message | hint`."""
    document = load_document("ada.yaml", text)
    problems = list(document.problems)
    person = to_model(document.node, Person, problems)
    return person, [f"{one.line}:{one.column} {one.message} | {one.hint}" for one in problems]


def steps(*lines: str) -> str:
    return ADA + "".join(f"      {line}\n" for line in lines)


def test_a_person_reads_as_it_is_written() -> None:
    person, problems = read(
        steps(
            "- call: 101",
            "- call: {to: '101', auto_answer: true, answer_after: 2s, headers: {X-Order: 0123}}",
            "- {wait_for: answered, within: 1m 30s}",
            "- hear: {says: You are through}",
            "- hear: speech",
            "- hear: {digits: '102#'}",
            "- play: tone 350+440 for 500ms",
            "- repeat: 3",
            "  do:",
            "    - wait: 0.5s",
            "- repeat: until_end",
            "  do: [{listen: 3s}]",
            "- expect_end",
            "- hang_up",
        )
    )
    assert problems == []
    assert person is not None
    assert (person.when_called.answering, person.when_called.after) == (Answering.ANSWERS, 2.0)
    done = person.scripts["story"].do
    assert isinstance(done[0], Call)
    assert done[0].call.to == "101"
    assert isinstance(done[1], Call)
    assert (done[1].call.answer_after, done[1].call.headers) == (2.0, {"X-Order": "0123"})
    assert isinstance(done[4], Hear)
    assert done[4].hear.speech is True
    assert isinstance(done[6], Play)
    assert (done[6].play.frequencies, done[6].play.seconds) == ((350, 440), 0.5)
    assert isinstance(done[7], Repeat)
    assert [step.action for step in person.steps()].count("wait") == 1


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("- cal: 101", '9:9 unknown action "cal" | did you mean "call"?'),
        ("- {call: 101, wait: 2s}", "9:9 a step has one action, and this has call and wait | "),
        ("- call: {to: 101, headrs: {}}", '9:25 unknown key "headrs" | did you mean "headers"?'),
        ("- {call: 101, loud: true}", '9:21 unknown key "loud" | '),
        ("- wait: soon", '9:15 "soon" is not a duration, such as 2s, 500ms or 1m 30s | '),
        ("- hear: speach", '9:15 "speach" cannot be heard | did you mean "speech"?'),
        ("- hear: {says: a, tone: 440}", "9:15 say one thing to hear: says, tone, digits, speech or silence | "),
        ("- wait_for: anserd", '9:19 "anserd" is not possible here | did you mean "answered"?'),
        ("- play: tone", '9:15 "tone" is not a tone, such as "tone 440 for 2s" or "tone 350+440 for 1s" | '),
        ("- press: 5x", '9:16 "5x" is not possible here | keys: 0-9'),
        ("- {repeat: 2, do: []}", "9:25 there are no steps here | "),
        ("- 7", "9:9 a step is an action with its value | "),
    ],
)
def test_a_mistake_in_a_step_is_shown_where_it_is(line: str, problem: str) -> None:
    _, problems = read(steps(line))
    assert len(problems) == 1, problems
    assert problems[0].startswith(problem)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("person: Ada\n", "a person has either a number or an extension"),
        ("person: Ada\nnumber: '+16505550199'\nextension: '101'\n", "a person has either a number or an extension"),
        ("person: Ada\nnumber: '+4930123456'\n", "such as +16505550199"),
        ("person: Ada\nnumber: '+16505550199'\nwhen_called: bussy\n", 'did you mean "busy"?'),
        ("person: Ada\nnumber: '+16505550199'\nwhen_called: busy\nthen: [hang_up]\n", "`then` needs"),
        ("number: '+16505550199'\n", '"person" is missing'),
    ],
)
def test_a_mistake_about_the_person_is_told(text: str, problem: str) -> None:
    _, problems = read(text)
    assert len(problems) == 1, problems
    assert problem in problems[0]


def test_all_mistakes_of_all_files_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(steps("- cal: 1", "- wait: x"))
    (tmp_path / "b.yaml").write_text("person: Bob\n")
    with pytest.raises(FileProblems) as raised:
        read_people(tmp_path)
    assert [problem.path for problem in raised.value.problems] == [f"{tmp_path.name}/{name}.yaml" for name in "aab"]


def test_two_people_cannot_share_a_number(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text("person: Ada\nnumber: '+16505550199'\n")
    with pytest.raises(ConfigError, match="number"):
        read_people(tmp_path)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no folder"):
        read_people(tmp_path / "none")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2s", 2), ("500ms", 0.5), ("1m 30s", 90), ("1h", 3600), (3, 3), ("0.5", 0.5), ("1.5s", 1.5)],
)
def test_durations(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_refused(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds <= 86_400


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*ACTIONS, "do", "to", "says"]), inner)
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*ACTIONS, "within", "name", "do"]), _values, max_size=3))
def test_any_step_is_read_or_its_mistakes_are_told(step: dict[str, object]) -> None:
    text = ADA + "      - " + json.dumps(step) + "\n"
    person, problems = read(text)
    assert (person is None) == bool(problems)


def test_every_shipped_person_is_valid() -> None:
    people = read_people(SHIPPED)
    assert {"+16505550199", "102", "105", "106"} <= {person.address for person in people}
    assert all(person.about for person in people)
    assert all(script.about for person in people for script in person.scripts.values())
