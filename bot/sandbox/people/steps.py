"""What people do, step by step.

A step has one action; its value is the action's main argument or a mapping of all of its arguments, as in the flow
language. Steps that wait take `within`, the longest that they wait.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag, model_validator
from pydantic_core import PydanticCustomError

from bot.problems import did_you_mean, one_of

__all__ = [
    "ACTIONS",
    "Action",
    "Call",
    "Duration",
    "ExpectEnd",
    "HangUp",
    "Hear",
    "HearArgs",
    "Listen",
    "Model",
    "Play",
    "Press",
    "Repeat",
    "Retrieve",
    "Say",
    "Step",
    "Text",
    "Tone",
    "Wait",
    "WaitFor",
    "parse_duration",
    "some",
]

_DURATION = re.compile(r"(?:(\d+(?:\.\d+)?)h)?\s*(?:(\d+(?:\.\d+)?)m)?\s*(?:(\d+(?:\.\d+)?)s)?\s*(?:(\d+)ms)?")
_MODIFIERS = frozenset({"name", "within", "do"})
_TONE = re.compile(r"tone\s+(?P<hz>\d+(?:\s*\+\s*\d+)*)\s+for\s+(?P<seconds>.+)")
_DIGITS = r"^[0-9A-D*#,]+$"


def parse_duration(value: object) -> float:
    """Seconds of `2s`, `0.5s`, `500ms`, `1m 30s`, or of a bare number of seconds; raises ValueError.

    Unlike a schedule's, these have parts of seconds.
    """
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
    if not isinstance(value, str):
        return value
    if value not in ("speech", "silence"):
        hint = did_you_mean(value, ["speech", "silence"]) or f'words are heard with {{says: "{value}"}}'
        raise PydanticCustomError("hear", '"{word}" cannot be heard', {"word": value, "hint": hint})
    return {value: True}


def _empty(value: object) -> object:
    return {} if value is None else value


def some(value: object) -> object:
    """A list of steps with something in it; told before the steps are judged."""
    if value is None or value in ([], ()):
        raise PydanticCustomError("some", "there are no steps here")
    return value


Duration = Annotated[float, BeforeValidator(parse_duration)]
Text = Annotated[str, BeforeValidator(_text)]
Within = Annotated[Duration, Field(description="the longest to wait")]


class Model(BaseModel):
    """The base of everything in a person file: unknown keys are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CallArgs(Model):
    """Whom to call, and what the call carries."""

    to: Text = Field(description="a number, an extension or a queue")
    caller_id: Text = Field("", description="the number shown instead of the person's own")
    caller_name: str = Field("", description="the name shown instead of the person's own")
    auto_answer: bool = Field(False, description="ask for an answer without a person: Alert-Info: Auto Answer")
    answer_after: Duration | None = Field(None, description="with auto_answer: seconds to wait before it")
    headers: dict[str, Text] = Field(default_factory=dict, description="further headers of the INVITE")


class RetrieveArgs(Model):
    """A park location's name or number, or an orbit such as *813."""

    location: Text = Field(description="where the call is parked")


class HearArgs(Model):
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


class Tone(Model):
    """One or more frequencies (Hz) together, for so many seconds."""

    frequencies: Annotated[tuple[Annotated[int, Field(ge=50, le=3900)], ...], Field(min_length=1, max_length=4)]
    seconds: Duration


class Action(Model):
    """One step. `name` labels it in results."""

    name: str = ""

    @property
    def action(self) -> str:
        return next(action for action, model in ACTIONS.items() if isinstance(self, model))


class Call(Action):
    """Calls somebody; later steps act in this call."""

    call: Annotated[CallArgs, _main("to")]


class Retrieve(Action):
    """Waits until a call is parked at the location, and takes it."""

    retrieve: Annotated[RetrieveArgs, _main("location")]
    within: Within = 60.0


class Wait(Action):
    """Lets time pass; what is heard meanwhile is kept for the next `hear`."""

    wait: Duration = Field(description="how long")


class WaitFor(Action):
    """Waits until the call rings, is answered, or has ended."""

    wait_for: Literal["ringing", "answered", "ended"] = Field(description="`ringing`, `answered` or `ended`")
    within: Within = 30.0


class Say(Action):
    """Speaks."""

    say: Annotated[str, Field(min_length=1, description="the words")]


class Play(Action):
    """Plays a tone: `tone 440 for 2s`."""

    play: Annotated[Tone, BeforeValidator(_tone)] = Field(description="`tone`, frequencies in Hz, `for`, how long")


class Press(Action):
    """Presses keys, 0.1 s each; a comma is a pause of a second."""

    press: Annotated[Text, Field(pattern=_DIGITS, description="keys: 0-9 * # A-D, and a comma for a pause")]


class Hear(Action):
    """Waits to hear something, in all that was heard since the last thing heard."""

    hear: Annotated[HearArgs, BeforeValidator(_hearable)]
    within: Within = 20.0


class Listen(Action):
    """Listens without judging."""

    listen: Duration = Field(description="how long")


class HangUp(Action):
    """Ends the call."""

    hang_up: Annotated[None, BeforeValidator(lambda _value: None)]


class ExpectEnd(Action):
    """Waits for the other side to end the call: in any way, by hanging up, or by refusing it before an answer."""

    expect_end: Annotated[Literal["any", "hung_up", "refused"], BeforeValidator(lambda value: value or "any")] = (
        Field(description="`any`, `hung_up` or `refused`; `any` when there is no value")
    )
    within: Within = 30.0


class Repeat(Action):
    """Does its steps so many times, or until the call has ended (`until_end`), which is then as it should be."""

    repeat: Annotated[int, Field(ge=1, le=1000)] | Literal["until_end"] = Field(
        description="how often, or `until_end`; the steps stand under `do`"
    )
    do: Annotated[tuple[Step, ...], BeforeValidator(some)]


ACTIONS: dict[str, type[Action]] = {
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


def _words(value: object) -> object:
    """Judges the keys of a step before its action's model does, and reads `- hang_up` as `- hang_up:`."""
    if isinstance(value, str) and value in ("hang_up", "expect_end"):
        return {value: None}
    if not isinstance(value, Mapping):
        return value
    actions = [key for key in value if key in ACTIONS]
    strange = [str(key) for key in value if key not in ACTIONS and key not in _MODIFIERS]
    if not actions and strange:
        hint = did_you_mean(strange[0], ACTIONS) or one_of(ACTIONS)
        raise PydanticCustomError("step", 'unknown action "{word}"', {"word": strange[0], "hint": hint})
    if len(actions) != 1:
        found = " and ".join(actions) or "none"
        raise PydanticCustomError("step", "a step has one action, and this has {found}", {"found": found})
    return value


def _model_of(value: object) -> str | None:
    if isinstance(value, Action):
        return type(value).__name__
    action = next((key for key in value if key in ACTIONS), None) if isinstance(value, Mapping) else None
    return ACTIONS[action].__name__ if action else None


Step = Annotated[
    Annotated[Call, Tag("Call")]
    | Annotated[Retrieve, Tag("Retrieve")]
    | Annotated[Wait, Tag("Wait")]
    | Annotated[WaitFor, Tag("WaitFor")]
    | Annotated[Say, Tag("Say")]
    | Annotated[Play, Tag("Play")]
    | Annotated[Press, Tag("Press")]
    | Annotated[Hear, Tag("Hear")]
    | Annotated[Listen, Tag("Listen")]
    | Annotated[HangUp, Tag("HangUp")]
    | Annotated[ExpectEnd, Tag("ExpectEnd")]
    | Annotated[Repeat, Tag("Repeat")],
    Discriminator(_model_of, custom_error_type="step", custom_error_message="a step is an action with its value"),
    BeforeValidator(_words),
]

Repeat.model_rebuild()
