"""What an action is, and where flows find it by name. Plugins register theirs in the same way.

    class GreetArguments(Arguments):
        name: str
        loudly: bool = False

    @action("greet", main="name")
    async def greet(ctx: ActionContext, args: GreetArguments) -> None:
        "Say hello by name."
        await ctx.call.say(await ctx.speech.say(f"Hello {args.name}"))

makes `- greet: Ada` and `- greet: {name: Ada, loudly: true}` steps of a flow.
"""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict

from bot.errors import PluginError

if TYPE_CHECKING:
    from bot.actions.context import ActionContext

__all__ = [
    "MODIFIERS",
    "RESERVED",
    "ActionRegistry",
    "ActionSpec",
    "Arguments",
    "EventName",
    "FlowName",
    "Refers",
    "action",
]

MODIFIERS: Mapping[str, str] = {
    "if": "an expression; the step is left out when it is not true",
    "name": "what traces call the step",
    "target": "the saved call that the step acts on, instead of the run's own",
    "save_as": "the name under which later steps find the result",
    "timeout": "how long the step may take",
    "on_timeout": "steps that follow when it took too long; without it that is an error",
    "retry": "how often to try again after an error, and how long to wait before",
    "on_error": "`continue`, `stop` (the run counts as done), or steps; without it the run fails",
}
"""The keys that every step has beside its action, and what they are for."""

RESERVED = frozenset({*MODIFIERS, "then", "else", "match", "cases", "repeat", "do", "parallel", "try", "catch"})
"""Words of the language that no action can have as its name."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Arguments(BaseModel):
    """The base of action arguments: no unknown keys, and numbers are accepted where text is wanted."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True, validate_by_name=True)


@dataclass(frozen=True, slots=True)
class Refers:
    """Marks an argument as the name of something that the loader can check."""

    kind: Literal["flow", "event"]


FlowName = Annotated[str, Refers("flow")]
EventName = Annotated[str, Refers("event")]

Run = Callable[["ActionContext", Any], Awaitable[object]]
Needs = Literal["none", "call", "ringing_call", "answered_call"]


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """One action.

    `main` is the argument that a step's plain value stands for. `needs` says what call there must be.
    `result` is the type of what `save_as` keeps: a dataclass or model whose fields flows can read, `Call` for a call
    that other steps may target, or None when nobody can know.
    """

    name: str
    args: type[BaseModel]
    run: Run
    main: str = ""
    needs: Needs = "none"
    result: type | None = None
    doc: str = ""
    answers: bool = False
    """After it, the ringing call is an answered one."""
    ends_call: bool = False
    """It takes the call away from us (park, transfer, hang up): the run goes on without it."""
    ends_run: bool = False
    """No step after it is reached."""
    own_timeout: bool = False
    """It deals with the step's time limit itself (`ctx.timeout`), unless the step has `on_timeout`."""
    keys_are_names: bool = False
    """Its arguments are not fixed: each key is a variable that it sets."""
    filters: str = ""
    """The argument that names an event; the keys that `args` does not have are that event's filters."""

    async def __call__(self, ctx: ActionContext, args: Any) -> object:
        return await self.run(ctx, args)


def action(
    name: str,
    *,
    args: type[BaseModel] | None = None,
    main: str = "",
    needs: Needs = "none",
    result: type | None = None,
    answers: bool = False,
    ends_call: bool = False,
    ends_run: bool = False,
    own_timeout: bool = False,
    keys_are_names: bool = False,
    filters: str = "",
) -> Callable[[Callable[..., Awaitable[object]]], ActionSpec]:
    """Make an action of `async def name(ctx, args)`; `args` is the annotation of the second parameter by default.

    Raises:
        PluginError: the name or the function is not fit for an action.
    """

    def make(function: Callable[..., Awaitable[object]]) -> ActionSpec:
        model = args or _annotated_arguments(name, function)
        if main and main not in model.model_fields:
            raise PluginError(f'the action "{name}" has no argument "{main}" to be its main one')
        return ActionSpec(
            name=name,
            args=model,
            run=function,
            main=main,
            needs=needs,
            result=result,
            doc=inspect.getdoc(function) or "",
            answers=answers,
            ends_call=ends_call,
            ends_run=ends_run,
            own_timeout=own_timeout,
            keys_are_names=keys_are_names,
            filters=filters,
        )

    return make


def _annotated_arguments(name: str, function: Callable[..., Awaitable[object]]) -> type[BaseModel]:
    parameters = list(inspect.signature(function).parameters.values())
    if not inspect.iscoroutinefunction(function) or len(parameters) != 2:
        raise PluginError(f'the action "{name}" must be an "async def" with two parameters: ctx, args')
    annotation = parameters[1].annotation
    if isinstance(annotation, str):
        globals_ = typing.cast(Mapping[str, object], getattr(function, "__globals__", {}))
        annotation = globals_.get(annotation)
    if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        raise PluginError(
            f'the action "{name}" does not say what its arguments are',
            hint="annotate the second parameter with a pydantic model, or pass args=",
        )
    return annotation


class ActionRegistry(Mapping[str, ActionSpec]):
    """The actions that flows can use, by name."""

    def __init__(self, specs: Iterable[ActionSpec] = ()) -> None:
        self._specs: dict[str, ActionSpec] = {}
        for spec in specs:
            self.add(spec)

    def add(self, spec: ActionSpec) -> None:
        """Register an action.

        Raises:
            PluginError: its name is taken, reserved, or not lower_case.
        """
        if not _NAME.fullmatch(spec.name):
            raise PluginError(f'"{spec.name}" cannot be the name of an action', hint="use lower_case letters")
        if spec.name in RESERVED:
            raise PluginError(f'"{spec.name}" is a word of the flow language and cannot be an action')
        if spec.name in self._specs:
            raise PluginError(f'two actions are called "{spec.name}"')
        self._specs[spec.name] = spec

    def __getitem__(self, name: str) -> ActionSpec:
        return self._specs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)
