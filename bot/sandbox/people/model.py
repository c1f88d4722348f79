"""A person file: who the person is, what happens when they are called, and the scripts that they can play.

person: Ada
number: "+16505550199"
when_called: answer after 2s
then:
  - say: Hello, this is Ada.
scripts:
  ada-orders:
    do:
      - call: "101"
      - hear: {says: You are through to the order line}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from bot.errors import ConfigError
from bot.problems import FileProblems, Problem, did_you_mean, one_of
from bot.sandbox.people.steps import Action, Model, Repeat, Step, Text, parse_duration, some
from bot.yaml12 import read_model

__all__ = ["SHIPPED", "Answer", "Answering", "Person", "Script", "read_people"]

SHIPPED = Path(__file__).with_name("scripts")
"""The folder of the people who come with the sandbox."""

_ANSWER = re.compile(r"answer(?:\s+after\s+(?P<after>.+))?")


class Answering(Enum):
    """What a person does when called."""

    ANSWERS = "answer"
    RINGS_OUT = "rings_out"
    BUSY = "busy"
    INVALID = "invalid"


class Answer(Model):
    """How a call to a person goes; `after` is the ringing before an answer, in seconds."""

    answering: Answering
    after: float = 0.0


def _read_answer(value: object) -> object:
    if isinstance(value, Answer):
        return value
    word = str(value).strip()
    if match := _ANSWER.fullmatch(word):
        return Answer(answering=Answering.ANSWERS, after=parse_duration(match["after"] or 0))
    words = [answering.value for answering in Answering]
    if word not in words:
        hint = did_you_mean(word, words) or one_of(["answer after 2s", *words])
        raise PydanticCustomError("when_called", '"{word}" is not what can happen', {"word": word, "hint": hint})
    return Answer(answering=Answering(word))


class Script(Model):
    """What a person does when told to: usually a call. What is still up at the end is hung up."""

    about: str = Field("", description="one line for those who choose a script")
    do: Annotated[tuple[Step, ...], BeforeValidator(some)] = Field(description="the steps")


class Person(Model):
    """One person: outside, with a number of their own, or at an extension's desk phone.

    `then` is done once the person has answered; afterwards they stay silent until the other side hangs up.
    """

    person: str = Field(min_length=1, description="the name, shown to whoever they call")
    number: Annotated[Text, Field(pattern=r"^\+1650555\d{4}$")] = Field(
        "", description="of a person outside, such as +16505550199"
    )
    extension: Annotated[Text, Field(pattern=r"^\d{3,6}$")] = Field(
        "", description="of a desk phone inside, such as 102"
    )
    about: str = Field("", description="one line about the person")
    when_called: Annotated[Answer, BeforeValidator(_read_answer)] = Field(
        Answer(answering=Answering.RINGS_OUT), description="what happens to a call; it rings out when not given"
    )
    then: tuple[Step, ...] = Field((), description="the steps once the person has answered")
    scripts: dict[str, Script] = Field(default_factory=dict, description="what the person can play, by name")

    @model_validator(mode="after")
    def _fits(self) -> Person:
        if bool(self.number) == bool(self.extension):
            raise ValueError("a person has either a number or an extension")
        if self.then and self.when_called.answering is not Answering.ANSWERS:
            raise ValueError("`then` needs `when_called: answer`")
        return self

    @property
    def address(self) -> str:
        """What one dials to reach the person."""
        return self.number or self.extension

    def steps(self) -> Iterator[Action]:
        """Every step of the person, those inside `repeat` included."""

        def walk(steps: Sequence[Action]) -> Iterator[Action]:
            for step in steps:
                yield step
                if isinstance(step, Repeat):
                    yield from walk(step.do)

        for steps in (self.then, *(script.do for script in self.scripts.values())):
            yield from walk(steps)


def read_people(*folders: Path) -> list[Person]:
    """The people of all `*.yaml` files in these folders.

    Raises:
        FileProblems: the files have mistakes; all of them are told.
        ConfigError: a folder is not there, or two people share a number or the name of a script.
    """
    people: list[Person] = []
    problems: list[Problem] = []
    checked = 0
    for folder in folders:
        if not folder.is_dir():
            raise ConfigError(f"there is no folder {folder} with people", hint="check the path")
        for path in sorted(folder.glob("*.yaml")):
            checked += 1
            try:
                people.append(read_model(path, Person, f"{folder.name}/{path.name}"))
            except FileProblems as found:
                problems += found.problems
    if problems:
        raise FileProblems(problems, checked=checked)
    _check_unique("number", [person.address for person in people])
    _check_unique("script", [name for person in people for name in person.scripts])
    return people


def _check_unique(what: str, words: Sequence[str]) -> None:
    twice = sorted({word for word in words if words.count(word) > 1})
    if twice:
        raise ConfigError(f"two people have the {what} {twice[0]}", hint=f"a {what} belongs to one person")
