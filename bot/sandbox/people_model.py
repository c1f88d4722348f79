"""What a person file says: who the person is, what happens when they are called, and the calls that they make.

A step has one action; its value is the action's main argument or a mapping of all of its arguments, as in the
flow language. Steps that wait take `within`, the longest that they wait.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator

__all__ = [
    "ACTIONS",
    "Answering",
    "Call",
    "ExpectEnd",
    "HangUp",
    "Hear",
    "HearArgs",
    "Listen",
    "Person",
    "Play",
    "Press",
    "Repeat",
    "Retrieve",
    "Say",
    "Script",
    "Step",
    "Tone",
    "Wait",
    "WaitFor",
    "WhenCalled",
    "parse_duration",
]

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?\s*(?:(\d+(?:\.\d+)?)m)?\s*(?:(\d+(?:\.\d+)?)s)?\s*(?:(\d+)ms)?")
_ANSWER = re.compile(r"answer(?:\s+after\s+(?P<after>.+))?")
_RINGS_OUT = re.compile(r"rings[_ ]out")
_TONE = re.compile(r"tone\s+(?P<hz>\d+(?:\s*\+\s*\d+)*)\s+for\s+(?P<seconds>.+)")
_DIGITS = r"^[0-9A-D*#,]+$"


def parse_duration(value: object) -> float:
    """Seconds of `2s`, `500ms`, `3m`, `1m 30s`, or of a bare number of seconds; raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = float(value)
    else:
        text = str(value).strip()
        try:
            seconds = float(text)
        except ValueError:
            match = _DURATION.fullmatch(text)
            if match is None or not any(match.groups()):
                raise ValueError(f'"{text}" is not a duration, such as 2s, 500ms or 1m 30s') from None
            hours, minutes, whole, milli = (float(part or 0) for part in match.groups())
            seconds = hours * 3600 + minutes * 60 + whole + milli / 1000
    if not 0 <= seconds <= 86_400:
        raise ValueError("a duration is between 0 and 24 hours")
    return seconds


def _text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _tone(value: object) -> object:
    if not isinstance(value, str):
        return value
    match = _TONE.fullmatch(value.strip())
    if match is None:
        raise ValueError(f'"{value}" is not a tone, such as "tone 440 for 2s" or "tone 350+440 for 1s"')
    return {"frequencies": [int(hz) for hz in match["hz"].split("+")], "seconds": match["seconds"]}


def _main(field: str) -> BeforeValidator:
    """Lets a bare value stand for the mapping that holds it as `field`."""
    return BeforeValidator(lambda value: value if isinstance(value, Mapping | BaseModel) else {field: value})


def _hearable(value: object) -> object:
    return {str(value): True} if value in ("speech", "silence") else value


def _empty(value: object) -> object:
    return {} if value is None else value


Duration = Annotated[float, BeforeValidator(parse_duration)]
Text = Annotated[str, BeforeValidator(_text)]
Within = Annotated[Duration, Field(description="the longest to wait")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CallArgs(_Model):
    """Whom to call, and what the call carries."""

    to: Text
    caller_id: Text = Field("", description="the number shown instead of the person's own")
    caller_name: str = Field("", description="the name shown instead of the person's own")
    auto_answer: bool = Field(False, description="ask for an answer without a person: Alert-Info: Auto Answer")
    answer_after: Duration | None = Field(None, description="with auto_answer: seconds to wait before it")
    headers: dict[str, Text] = Field(default_factory=dict, description="further headers of the INVITE")


class RetrieveArgs(_Model):
    """A park location's name or number, or an orbit such as *813."""

    location: Text


class HearArgs(_Model):
    """What should be heard: exactly one of these."""

    says: str | None = Field(None, min_length=1, description="these words, in the bot's voice")
    tone: Annotated[int, Field(ge=100, le=3800)] | None = Field(None, description="a tone of so many Hz")
    digits: Annotated[Text, Field(pattern=_DIGITS)] | None = Field(None, description="these digits, in this order")
    speech: Literal[True] | None = Field(None, description="anybody speaking")
    silence: Duration | Literal[True] | None = Field(None, description="nothing, for so long (true: two seconds)")

    @model_validator(mode="after")
    def _one(self) -> HearArgs:
        if sum(value is not None for value in (self.says, self.tone, self.digits, self.speech, self.silence)) != 1:
            raise ValueError("say one thing to hear: says, tone, digits, speech or silence")
        return self


class Tone(_Model):
    """One or more frequencies (Hz) together, for so many seconds."""

    frequencies: Annotated[tuple[Annotated[int, Field(ge=50, le=3900)], ...], Field(min_length=1, max_length=4)]
    seconds: Duration


class _Step(_Model):
    """One step. `name` labels it in results."""

    name: str = ""

    @property
    def action(self) -> str:
        return next(action for action, model in ACTIONS.items() if isinstance(self, model))


class Call(_Step):
    """Calls somebody; later steps act in this call."""

    call: Annotated[CallArgs, _main("to")]


class Retrieve(_Step):
    """Waits until a call is parked at the location, and takes it."""

    retrieve: Annotated[RetrieveArgs, _main("location")]
    within: Within = 60.0


class Wait(_Step):
    """Lets time pass; what is heard meanwhile is kept for the next `hear`."""

    wait: Duration


class WaitFor(_Step):
    """Waits until the call rings, is answered, or has ended."""

    wait_for: Literal["ringing", "answered", "ended"]
    within: Within = 30.0


class Say(_Step):
    """Speaks."""

    say: Annotated[str, Field(min_length=1)]


class Play(_Step):
    """Plays a tone: `tone 440 for 2s`."""

    play: Annotated[Tone, BeforeValidator(_tone)]


class Press(_Step):
    """Presses keys, 0.1 s each; a comma is a pause of a second."""

    press: Annotated[Text, Field(pattern=_DIGITS)]


class Hear(_Step):
    """Waits to hear something, in all that was heard since the last thing heard."""

    hear: Annotated[HearArgs, BeforeValidator(_hearable)]
    within: Within = 20.0


class Listen(_Step):
    """Listens without judging."""

    listen: Duration


class HangUp(_Step):
    """Ends the call."""

    hang_up: Annotated[None, BeforeValidator(lambda _value: None)]


class ExpectEnd(_Step):
    """Waits for the other side to end the call; a number is the status that refuses it, such as 486."""

    expect_end: Annotated[Literal["any"] | Annotated[int, Field(ge=300, le=699)], BeforeValidator(lambda v: v or "any")]
    within: Within = 30.0


class Repeat(_Step):
    """Does its steps so many times."""

    repeat: Annotated[int, Field(ge=1, le=1000)]
    do: Annotated[tuple[Step, ...], Field(min_length=1)]


ACTIONS: dict[str, type[_Step]] = {
    "call": Call,
    "retrieve": Retrieve,
    "wait": Wait,
    "wait_for": WaitFor,
    "say": Say,
    "play": Play,
    "press": Press,
    "hear": Hear,
    "listen": Listen,
    "hang_up": HangUp,
    "expect_end": ExpectEnd,
    "repeat": Repeat,
}


def _action_of(value: Any) -> str | None:
    if isinstance(value, _Step):
        return value.action
    if not isinstance(value, Mapping):
        return None
    return next((action for action in ACTIONS if action in value), None)


def _bare(value: object) -> object:
    """`- hang_up` is `- hang_up:`."""
    return {value: None} if isinstance(value, str) and value in ("hang_up", "expect_end") else value


Step = Annotated[
    Annotated[Call, Tag("call")]
    | Annotated[Retrieve, Tag("retrieve")]
    | Annotated[Wait, Tag("wait")]
    | Annotated[WaitFor, Tag("wait_for")]
    | Annotated[Say, Tag("say")]
    | Annotated[Play, Tag("play")]
    | Annotated[Press, Tag("press")]
    | Annotated[Hear, Tag("hear")]
    | Annotated[Listen, Tag("listen")]
    | Annotated[HangUp, Tag("hang_up")]
    | Annotated[ExpectEnd, Tag("expect_end")]
    | Annotated[Repeat, Tag("repeat")],
    Discriminator(
        _action_of,
        custom_error_type="step",
        custom_error_message=f"a step has one action: {', '.join(ACTIONS)}",
    ),
    BeforeValidator(_bare),
]


class Answering(Enum):
    """What a person does when called."""

    ANSWERS = "answer"
    RINGS_OUT = "rings_out"
    BUSY = "busy"
    INVALID = "invalid"


class WhenCalled(_Model):
    """What happens when the person is called: `answer after 2s`, `rings_out`, `busy` or `invalid`, then steps."""

    answering: Answering
    after: Duration = 0.0
    do: tuple[Step, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: Any) -> Any:
        first, *steps = value if isinstance(value, list | tuple) and value else [value]
        if not isinstance(first, str):
            return value
        if match := _ANSWER.fullmatch(first.strip()):
            return {"answering": "answer", "after": match["after"] or 0, "do": steps}
        if steps:
            raise ValueError("steps can only follow `answer`: nobody listens otherwise")
        if _RINGS_OUT.fullmatch(first):
            return {"answering": "rings_out"}
        if first in ("busy", "invalid"):
            return {"answering": first}
        raise ValueError(f'"{first}" is not one of: answer, answer after 2s, rings_out, busy, invalid')


class Script(_Model):
    """A sequence of steps that `People.play` runs: usually a call."""

    about: str = Field("", description="one line for those who choose a script")
    do: Annotated[tuple[Step, ...], Field(min_length=1)]


class Person(_Model):
    """One person: outside, with a number of their own, or at an extension's desk phone."""

    person: str = Field(min_length=1, description="the name, shown to whoever they call")
    number: Annotated[Text, Field(pattern=r"^\+1650555\d{4}$")] = Field("", description="of a person outside")
    extension: Annotated[Text, Field(pattern=r"^\d{3,6}$")] = Field("", description="of a desk phone inside")
    about: str = ""
    when_called: WhenCalled = WhenCalled(answering=Answering.RINGS_OUT)
    scripts: dict[str, Script] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_place(self) -> Person:
        if bool(self.number) == bool(self.extension):
            raise ValueError("a person has either a number or an extension")
        return self

    @property
    def address(self) -> str:
        """What one dials to reach the person."""
        return self.number or self.extension

    def steps(self) -> Iterator[_Step]:
        """Every step of the person, those inside `repeat` included."""

        def walk(steps: tuple[_Step, ...]) -> Iterator[_Step]:
            for step in steps:
                yield step
                if isinstance(step, Repeat):
                    yield from walk(step.do)

        yield from walk(self.when_called.do)
        for script in self.scripts.values():
            yield from walk(script.do)


Repeat.model_rebuild()
