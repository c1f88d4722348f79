"""Nodes become models; what does not fit is said with its place and a suggestion."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from bot.problems import FileProblems, Problem
from bot.yaml12 import load_document, read_model, to_model


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Retry(Strict):
    times: int = Field(1, ge=1)
    policy: Literal["single", "restart"] = "single"


class Person(Strict):
    name: str
    extension: str = ""
    numbers: list[str] = []
    retry: Retry = Retry()
    retries: dict[str, Retry] = {}
    either: int | list[int] = 0
    flag: bool = False
    code: Annotated[str, Field(pattern="^[0-9]+$", description="digits only")] = "0"
    anything: Any = None
    real_name: str = Field("", alias="real-name")
    notes: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=5)], ...], Field(min_length=1, max_length=2)
    ] = ("x",)

    @model_validator(mode="after")
    def _not_both(self) -> Person:
        if self.extension and self.numbers:
            raise ValueError("give either an extension or numbers")
        return self


def read(text: str) -> tuple[Person | None, list[str]]:
    document = load_document("a.yaml", text)
    problems: list[Problem] = list(document.problems)
    made = to_model(document.node, Person, problems)
    return made, [
        f"{problem.line}:{problem.column} {problem.message}" + (f" ({problem.hint})" if problem.hint else "")
        for problem in problems
    ]


def test_a_number_is_taken_as_it_was_typed_where_text_is_wanted() -> None:
    made, problems = read("name: 102\nnumbers: [16505550199, 1.50, 0123, x]\nanything: 1.50")
    assert problems == []
    assert made is not None
    assert (made.name, made.numbers, made.anything) == ("102", ["16505550199", "1.50", "0123", "x"], 1.5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nme: Ada", ['1:1 "name" is missing', '1:1 unknown key "nme" (did you mean "name"?)']),
        ("name: x\nrealname: y", ['2:1 unknown key "realname" (did you mean "real-name"?)']),
        ("name: x\nretry: {time: 3}", ['2:9 unknown key "time" (did you mean "times"?)']),
        ("name: x\nretries:\n  a: {polcy: single}", ['3:7 unknown key "polcy" (did you mean "policy"?)']),
        ("name: x\nretry: {policy: singel}", ['2:17 "singel" is not possible here (did you mean "single"?)']),
        ("name: x\nretry: {policy: zzz}", ['2:17 "zzz" is not possible here (one of "single", "restart")']),
        ("name: x\nretry: {times: 0}", ["2:16 this should be greater than or equal to 1"]),
        ("name: x\nretry: {times: many}", ["2:16 this must be a whole number"]),
        ("name: x\nretry: 3", ["2:8 this must have keys and values"]),
        ("name: x\nnumbers: 3", ["2:10 this must be a list"]),
        ("name: x\nnotes: []", ["2:8 too few here: at least 1"]),
        ("name: x\nnotes: [a, b, c]", ["2:8 too many here: at most 2"]),
        (
            "name: x\nnotes: ['', abcdef]",
            ["2:9 too short: 1 or more characters", "2:13 too long: at most 5 characters"],
        ),
        ("name: x\nnumbers:", ["2:9 a value is missing here (this must be a list)"]),
        ("name: true", ['1:7 this must be text (put quotes around it: "true")']),
        ("name: x\nflag: maybe", ["2:7 this must be true or false"]),
        ("name: x\neither: a", ["2:9 this must be a whole number"]),
        ("name: x\neither: [1, b]", ["2:13 this must be a whole number"]),
        ("name: x\ncode: 1a", ['2:7 "1a" is not possible here (digits only)']),
        ("name: x\nextension: 1\nnumbers: [2]", ["1:1 give either an extension or numbers"]),
        ("- name", ["1:1 this must have keys and values"]),
        ("", ["1:1 a value is missing here (this must have keys and values)"]),
    ],
)
def test_what_does_not_fit_is_said_with_its_place(text: str, expected: list[str]) -> None:
    assert read(text) == (None, expected)


def test_an_error_can_name_a_part_of_a_text() -> None:
    class Model(BaseModel):
        text: str

        @model_validator(mode="before")
        @classmethod
        def _check(cls, value: Any) -> Any:
            return value

    class Text(BaseModel):
        pattern: Annotated[str, Field()]

        @model_validator(mode="after")
        def _never(self) -> Text:
            raise PydanticCustomError("pattern", "not {what}", {"what": "good", "hint": "better", "offset": 2})

    document = load_document("a", "pattern: abc")
    problems: list[Problem] = []
    assert to_model(document.node, Text, problems) is None
    assert (problems[0].message, problems[0].hint) == ("not good", "better")
    assert to_model(load_document("a", "text: x").node, Model, []) is not None


def test_a_file_is_read_into_a_model_or_all_its_problems_are_raised(tmp_path: Path) -> None:
    path = tmp_path / "person.yaml"
    path.write_text("name: Ada\n")
    assert read_model(path, Person).name == "Ada"
    path.write_text("nme: Ada\nretry: {times: x}\n")
    with pytest.raises(FileProblems) as caught:
        read_model(path, Person, "person.yaml")
    assert [problem.path for problem in caught.value.problems] == ["person.yaml"] * 3
