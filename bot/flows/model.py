"""A flow as it was read and checked: what starts it, how its runs behave together, and its steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from pydantic import BaseModel

from bot.actions import ActionSpec
from bot.flows.events import EventFilters, EventSpec
from bot.flows.expressions import Expression
from bot.flows.templates import Template
from bot.yaml12 import Mark

__all__ = [
    "POLICIES",
    "ActionStep",
    "Case",
    "Flow",
    "IfStep",
    "Input",
    "MatchStep",
    "Mode",
    "Modifiers",
    "Policy",
    "Retry",
    "Step",
    "Steps",
    "Trigger",
    "Written",
    "render",
]

Written: TypeAlias = "Template | bool | int | float | str | list[Written] | dict[str, Written] | None"
"""An argument as it stands in the file: plain values, with templates where there are some."""


def render(written: Written, variables: Mapping[str, object]) -> object:
    """The value of an argument now.

    Raises:
        ExpressionFailed: a template in it has no value.
    """
    if isinstance(written, Template):
        return written.render(variables)
    if isinstance(written, list):
        return [render(item, variables) for item in written]
    if isinstance(written, dict):
        return {name: render(item, variables) for name, item in written.items()}
    return written


@dataclass(frozen=True, slots=True)
class Trigger:
    """An event that starts the flow, when it passes the filters."""

    event: EventSpec
    filters: EventFilters
    mark: Mark


Policy = Literal["single", "restart", "queued", "parallel"]

POLICIES: Mapping[Policy, str] = {
    "parallel": "it goes on beside the others, up to `limit` runs; further ones are left out",
    "single": "it is left out while another run goes on",
    "restart": "the run that goes on is ended, its `finally` is done, and the new one begins",
    "queued": "it waits its turn; when `limit` runs wait already, it is left out",
}


@dataclass(frozen=True, slots=True)
class Mode:
    """How runs of one flow behave together; `per` gives the key within which they count, None for all together."""

    policy: Policy = "parallel"
    limit: int = 100
    per: Template | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """What a flow is given when it is run by name."""

    required: bool = True
    default: object = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often a failed step is tried again, and how long to wait before, in seconds."""

    times: int
    wait: float = 0.0


Steps: TypeAlias = "tuple[Step, ...]"


@dataclass(frozen=True, slots=True)
class Modifiers:
    """What every step has beside its action. None and empty mean that the step does not have it."""

    mark: Mark
    title: str
    """What the step does, for traces: the action's name, or that of the form."""
    name: str = ""
    guard: Expression | None = None
    target: str = ""
    save_as: str = ""
    timeout: Written = None
    on_timeout: Steps | None = None
    retry: Retry | None = None
    on_error: Steps | Literal["continue", "stop"] | None = None


@dataclass(frozen=True, slots=True)
class ActionStep:
    """One action. `ready` are its arguments when they have no templates."""

    common: Modifiers
    spec: ActionSpec
    arguments: dict[str, Written]
    ready: BaseModel | None = None


@dataclass(frozen=True, slots=True)
class IfStep:
    common: Modifiers
    condition: Expression
    then: Steps
    otherwise: Steps = ()


@dataclass(frozen=True, slots=True)
class Case:
    labels: tuple[str, ...]
    steps: Steps


@dataclass(frozen=True, slots=True)
class MatchStep:
    """The value of `subject`, as text, is compared with the labels."""

    common: Modifiers
    subject: Expression
    cases: tuple[Case, ...]
    otherwise: Steps = ()


Step: TypeAlias = ActionStep | IfStep | MatchStep


@dataclass(frozen=True, slots=True)
class Flow:
    """One flow file."""

    name: str
    path: str
    steps: Steps
    triggers: tuple[Trigger, ...] = ()
    description: str = ""
    condition: Expression | None = None
    mode: Mode = field(default_factory=Mode)
    inputs: Mapping[str, Input] = field(default_factory=dict)
    outlives_call: bool = False
    finally_steps: Steps = ()
    max_steps: int = 1_000
    needs_call: str = ""
    """The step that cannot do without a call that the flow is given; empty when there is none."""
