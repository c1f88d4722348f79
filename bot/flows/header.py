"""Reading a flow file: its name, what starts it, its mode and inputs, and then its steps."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from bot.flows.events import EVENTS, EventFilters, EventSpec
from bot.flows.expressions import Expression
from bot.flows.model import Flow, Input, Mode, Policy, Trigger
from bot.flows.reading import Reading
from bot.flows.scope import CallState, Scope
from bot.flows.shapes import ANYTHING, CALL, COMMON, PARTY, VALUE, Record, Shape, shape_of_value
from bot.flows.steps import read_steps
from bot.flows.templates import Template
from bot.problems import did_you_mean
from bot.yaml12 import Document, Entry, Items, Mark, Node, Scalar
from bot.yaml12 import Mapping as MappingNode

__all__ = ["FlowHeader", "read_flow"]

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,59}$")]


class FlowHeader(BaseModel):
    """The keys of a flow file. Triggers, expressions and steps are read in detail apart."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    flow: Name = Field(description="its name: small letters, digits and -")
    description: str = Field("", description="what it is for, in a sentence")
    on: Any = Field(None, description="the events that start it; without any, it is run by name")
    condition: Any = Field(None, alias="if", description="an expression; the flow runs when it is true")
    mode: Any = Field("parallel", description="single, restart, queued or parallel, with a limit and a key (per)")
    inputs: Any = Field(None, description="what it is given when it is run by name")
    outlives_call: StrictBool = Field(False, description="go on when the other side ends the call")
    max_steps: int = Field(1_000, ge=1, le=100_000, description="steps after which a run is stopped as endless")
    do: Any = Field(description="the steps")
    finally_: Any = Field(None, alias="finally", description="steps that are run whatever happened before")


class ModeModel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    policy: Policy = Field("parallel", description="what happens when another run goes on")
    limit: int = Field(100, ge=1, le=10_000, description="runs at a time (parallel), or runs that wait (queued)")
    per: str | None = Field(None, description="a template; runs with different values do not touch each other")


class InputModel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    default: Any = Field(None, description="its value when none is given")
    required: StrictBool | None = Field(None, description="true unless there is a default")
    description: str = Field("", description="what it is for, in a sentence")


def read_flow(reading: Reading, document: Document) -> Flow | None:
    """The flow of a file, or None; what is wrong is in `reading.problems`."""
    reading.problems.extend(document.problems)
    node = document.node
    if not isinstance(node, MappingNode):
        if not document.problems:
            reading.say(node.mark, "this is not a flow", "a flow begins with flow: its-name")
        return None
    header = reading.model(node, FlowHeader)
    inputs = _read_inputs(reading, node)
    triggers, scope = _read_triggers(reading, node, inputs)
    condition = _read_condition(reading, node, scope)
    mode = _read_mode(reading, node, scope)
    steps, _ends = read_steps(reading, node.entries["do"].value, scope) if "do" in node else ((), False)
    finally_steps, _ends = _read_finally(reading, node, scope)
    if triggers:
        _check_defaults(reading, node, inputs)
    _warn_of_unused(reading, node, inputs)
    if header is None or mode is None or any(problem.severity == "error" for problem in reading.problems):
        return None
    return Flow(
        name=header.flow,
        path=document.source.path,
        steps=steps,
        triggers=triggers,
        description=header.description,
        condition=condition,
        mode=mode,
        inputs=inputs,
        outlives_call=header.outlives_call,
        finally_steps=finally_steps,
        max_steps=header.max_steps,
        needs_call=scope.needs_call,
    )


# What starts it


def _read_triggers(
    reading: Reading, node: MappingNode, inputs: dict[str, Input]
) -> tuple[tuple[Trigger, ...], Scope]:
    """The triggers, and the scope of the first step: a variable has to be known to every one of them."""
    triggers: list[Trigger] = []
    specs: list[EventSpec] = []
    unknown = False
    for name, filters in _trigger_nodes(reading, node.get("on")):
        spec = EVENTS.get(name.text)
        if spec is None:
            unknown = True
            hint = did_you_mean(name.text, EVENTS)
            if name.text == "schedule.due":
                hint = "a schedule runs its flow by name"
            reading.say(name.mark, f'unknown event "{name.text}"', hint)
            continue
        specs.append(spec)
        made = _read_filters(reading, name, filters, spec)
        if made is not None:
            triggers.append(Trigger(spec, made, name.mark))
    return tuple(triggers), _first_scope(reading, specs, inputs, unknown=unknown)


def _trigger_nodes(reading: Reading, node: Node | None) -> list[tuple[Scalar, Node]]:
    """The names of the events with their filters, from text, a list, or a mapping."""
    if node is None or (isinstance(node, Scalar) and node.value is None):
        if node is not None:
            reading.say(node.mark, "the name of an event is missing", "such as call.ringing")
        return []
    if isinstance(node, Scalar):
        return [(node, MappingNode(node.mark, {}))]
    if isinstance(node, Items):
        return [pair for item in node for pair in _trigger_nodes(reading, item)]
    return [(entry.key, entry.value) for entry in node]


def _read_filters(reading: Reading, name: Scalar, node: Node, spec: EventSpec) -> EventFilters | None:
    if isinstance(node, Scalar) and node.value is None:
        node = MappingNode(name.mark, {})
    open_at: set[int] = set()
    variables: Shape = ANYTHING if reading.variables is None else shape_of_value(reading.variables)
    scope = Scope((Record({"vars": _known_as(variables, "vars")}, "a trigger's filter"),), "gone")
    settled = reading.settled(node, scope, open_at)
    return reading.model(settled, spec.filters, open_at)


def _known_as(shape: Shape, name: str) -> Shape:
    return Record(shape.fields, f'"{name}" of the configuration') if isinstance(shape, Record) else shape


def _first_scope(reading: Reading, specs: list[EventSpec], inputs: dict[str, Input], *, unknown: bool) -> Scope:
    more: dict[str, Shape] = {"inputs": Record(dict.fromkeys(inputs, ANYTHING), "this flow")}
    if reading.variables is not None:
        more["vars"] = _known_as(shape_of_value(reading.variables), "vars")
    if unknown and not specs:  # nobody can know what an unknown event has: do not complain about that as well
        more |= dict.fromkeys(("call", "caller", "callee", "agent", "event"), ANYTHING)
    if specs:
        records = tuple(spec.scope(**more) for spec in specs)
        states = {spec.call for spec in specs}
        state: CallState = "perhaps"
        if len(states) == 1:
            state = specs[0].call
        elif "gone" not in states:
            state = "there"
        return Scope(records, state)
    roots: dict[str, Shape] = {"call": CALL, "caller": PARTY, "callee": PARTY, "event": Record({"kind": VALUE})}
    return Scope((Record({**COMMON, **roots, **more}, "a flow that is run by name"),), "perhaps")


def _read_condition(reading: Reading, node: MappingNode, scope: Scope) -> Expression | None:
    value = node.get("if")
    return reading.expression(value, scope) if value is not None else None


# How its runs behave


def _read_mode(reading: Reading, node: MappingNode, scope: Scope) -> Mode | None:
    value = node.get("mode")
    if value is None:
        return Mode()
    if isinstance(value, Scalar):
        key = Scalar(value.mark, "policy", "policy")
        value = MappingNode(value.mark, {"policy": Entry(key, value)})
    made = reading.model(value, ModeModel)
    per = value.get("per") if isinstance(value, MappingNode) else None
    template: Template | None = None
    if isinstance(per, Scalar):
        template = reading.template(per, scope)
        if template is not None and template.constant:
            reading.say(per.mark, "this is the same for every run", 'such as "{{ caller.number }}"')
    return Mode(made.policy, made.limit, template) if made else None


def _read_inputs(reading: Reading, node: MappingNode) -> dict[str, Input]:
    """`inputs: [number]`, or a mapping of names to a default or to details."""
    value = node.get("inputs")
    inputs: dict[str, Input] = {}
    if value is None:
        return inputs
    if isinstance(value, Items):
        for item in value:
            if isinstance(item, Scalar) and _is_name(reading, item):
                inputs[item.text] = Input()
            elif not isinstance(item, Scalar):
                reading.say(item.mark, "this must be the name of an input")
        return inputs
    if not isinstance(value, MappingNode):
        reading.say(value.mark, "inputs are a list of names, or names with details")
        return inputs
    for entry in value:
        if not _is_name(reading, entry.key):
            continue
        if isinstance(entry.value, Scalar):
            given = entry.value.value
            inputs[entry.key.text] = Input(required=given is None, default=given)
        else:
            made = reading.model(entry.value, InputModel)
            if made is not None:
                has_default = isinstance(entry.value, MappingNode) and "default" in entry.value
                required = not has_default if made.required is None else made.required
                inputs[entry.key.text] = Input(required, made.default, made.description)
    return inputs


def _is_name(reading: Reading, key: Scalar) -> bool:
    if key.text.isidentifier():
        return True
    reading.say(key.mark, f'"{key.text}" cannot be the name of an input', "use letters, digits and _")
    return False


def _read_finally(reading: Reading, node: MappingNode, scope: Scope) -> tuple[Any, bool]:
    """`finally` can be reached from anywhere, so all that was saved may be missing, and the call may be over."""
    value = node.get("finally")
    if value is None:
        return (), False
    with scope.branch() as inner:
        if inner.call == "gone":
            inner.call = "perhaps"
        return read_steps(reading, value, inner, "finally")


def _check_defaults(reading: Reading, node: MappingNode, inputs: dict[str, Input]) -> None:
    for name, definition in inputs.items():
        if definition.required:
            mark = _input_mark(node, name)
            reading.say(mark, f'the input "{name}" needs a default', "an event that starts the flow gives no inputs")


def _warn_of_unused(reading: Reading, node: MappingNode, inputs: dict[str, Input]) -> None:
    for name in sorted(inputs.keys() - reading.read_inputs):
        message = f'the input "{name}" is never used'
        reading.problems.append(_input_mark(node, name).problem(message, severity="warning"))


def _input_mark(node: MappingNode, name: str) -> Mark:
    value = node.get("inputs")
    if isinstance(value, MappingNode):
        return value.entries[name].key.mark
    if isinstance(value, Items):
        return next(item.mark for item in value if isinstance(item, Scalar) and item.text == name)
    return node.mark
