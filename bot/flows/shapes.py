"""What is known, before a flow runs, about the variables that its expressions can read."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import BaseModel

from bot.calls import Call
from bot.flows.sandbox import METHODS
from bot.problems import did_you_mean

__all__ = [
    "AGENT",
    "ANYTHING",
    "CALL",
    "COMMON",
    "PARTY",
    "VALUE",
    "Anything",
    "Record",
    "Shape",
    "Table",
    "Value",
    "mistake_in",
    "shape_of",
    "shape_of_value",
]


@dataclass(frozen=True, slots=True)
class Anything:
    """Nothing is known: every name may be read from it."""


@dataclass(frozen=True, slots=True)
class Value:
    """Text, a number, a truth value: it has nothing to read but the methods of text. `about` says what it is."""

    about: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """Fixed names. `what` says in messages whose names they are; empty where that is the parent's."""

    fields: Mapping[str, Shape]
    what: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Any name, and the same shape behind each."""

    of: Shape


Shape: TypeAlias = Anything | Value | Record | Table

ANYTHING = Anything()
VALUE = Value()
PARTY = Record({"number": Value("as the phone system gives it"), "name": Value("empty when nobody knows it")})
CALL = Record(
    {
        "id": Value("the bot's own id of the call"),
        "direction": Value("inbound or outbound"),
        "state": Value("dialling, ringing, answered or ended"),
        "number": Value("the number of the other side"),
        "name": Value("the name of the other side"),
        "queue": Value("the queue that it came through; empty without one"),
        "phone": Value("the name of our phone"),
        "answer_after": Value("seconds after which the call asks to be answered; 0 when it does not say"),
        "session_id": Value("the platform's id of the telephony session"),
        "headers": Table(Value("a header of the INVITE, its name in any case")),
        "caller": PARTY,
        "callee": PARTY,
        "cause": Value("how it ended; empty while it goes on"),
        "disposition": Value("what came of it: answered, busy, no_answer, invalid, failed or cancelled"),
    },
    "a call",
)
AGENT = Record(
    {
        "extension": Value("the agent's extension number"),
        "busy": Value("whether the agent is in a call"),
        "free": Value("whether the agent takes calls and is in none"),
        "accepts_calls": Value("whether the agent takes calls"),
        "talking_to": PARTY,
    }
)
QUEUE = Record(
    {
        "free_agents": Value("how many of its agents take calls and are in none"),
        "busy_agents": Value("how many of its agents are in a call"),
        "members": Value("the extensions of its agents"),
    }
)
COMMON: Mapping[str, Shape] = {
    "line": Record({"busy": Value("whether the phone of the call is in another call")}),
    "queue": Table(QUEUE),
    "agents": Table(AGENT),
    "run": Record({"id": Value("the id of this run, as traces show it"), "flow": Value("the name of the flow")}),
    "vars": ANYTHING,
    "inputs": Record({}),
}
"""What every flow can read, whatever it was started by."""


def shape_of(result: type | None) -> Shape:
    """The shape of an action's result, from its type."""
    if result is None:
        return ANYTHING
    if issubclass(result, Call):
        return CALL
    hints: dict[str, Any]
    if dataclasses.is_dataclass(result):
        hints = {field.name: ANYTHING for field in dataclasses.fields(result)}
    elif issubclass(result, BaseModel):
        hints = dict.fromkeys(result.model_fields, ANYTHING)
    else:
        return VALUE if issubclass(result, str | int | float) else ANYTHING
    known = typing.get_type_hints(result)
    return Record({name: VALUE if known.get(name) in (str, int, float, bool) else ANYTHING for name in hints})


def shape_of_value(value: object) -> Shape:
    """The shape of a value that is known already: the configuration's variables."""
    if isinstance(value, Mapping):
        return Record({str(name): shape_of_value(item) for name, item in value.items()})
    return ANYTHING if isinstance(value, list | tuple) or value is None else VALUE


def mistake_in(scope: Record, parts: tuple[str, ...]) -> tuple[str, str] | None:
    """What is wrong with reading `parts` in `scope`, and a suggestion; None when nothing is."""
    shape: Shape = scope
    what = scope.what
    for index, part in enumerate(parts):
        if isinstance(shape, Anything):
            return None
        if isinstance(shape, Value):
            if part in METHODS:
                return None
            return f'"{".".join(parts[:index])}" is a plain value: it has no "{part}"', ""
        if isinstance(shape, Table):
            shape = shape.of
            continue
        if part in METHODS and index > 0 and part not in shape.fields:
            return None
        what = shape.what or what
        if part not in shape.fields:
            return _unknown(shape, parts, index, what)
        shape = shape.fields[part]
    return None


def _unknown(shape: Record, parts: tuple[str, ...], index: int, what: str) -> tuple[str, str]:
    prefix = ".".join(parts[:index])
    before = f"{prefix}." if prefix else ""
    hint = did_you_mean(before + parts[index], [before + name for name in shape.fields])
    if not hint and index == 0:  # {{ number }} is perhaps {{ caller.number }}
        inner = [
            f"{root}.{name}"
            for root, deeper in shape.fields.items()
            if isinstance(deeper, Record)
            for name in deeper.fields
            if name == parts[0]
        ]
        hint = f'did you mean "{inner[0]}"?' if inner else ""
    if not hint and shape.fields and index > 0:
        hint = "it has " + ", ".join(f'"{name}"' for name in list(shape.fields)[:8])
    return f'"{".".join(parts[: index + 1])}" is not something {what} has', hint
