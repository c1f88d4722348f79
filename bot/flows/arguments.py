"""Reading an action's arguments: by name or as its plain value, checked against its model and its references."""

from __future__ import annotations

from pydantic import BaseModel

from bot.actions import ActionSpec
from bot.actions.registry import Refers
from bot.flows.events import AGENT_CALL_LASTED, EVENTS
from bot.flows.model import Written
from bot.flows.reading import Reading, Reference, has_template
from bot.flows.scope import Scope
from bot.problems import did_you_mean, one_of
from bot.yaml12 import Entry, Node, Scalar
from bot.yaml12 import Mapping as MappingNode

__all__ = ["check_name", "read_arguments"]


def read_arguments(
    reading: Reading, entry: Entry, spec: ActionSpec, scope: Scope
) -> tuple[dict[str, Written], BaseModel | None, str]:
    """The arguments as written, validated ones if nothing in them is open, and the event that the step waits for."""
    node = _arguments_node(reading, entry, spec)
    if node is None:
        return {}, None, ""
    if spec.keys_are_names:
        _check_names(reading, node, scope)
    open_at: set[int] = set()
    written = reading.written(node, scope, open_at)
    assert isinstance(written, dict)
    event = _check_filters(reading, node, spec, scope) if spec.filters else ""
    ready = reading.model(node, spec.args, open_at)
    _check_references(reading, node, spec)
    return written, None if open_at else ready, event


def _arguments_node(reading: Reading, entry: Entry, spec: ActionSpec) -> MappingNode | None:
    """All arguments by name: a plain value is that of the main one."""
    value = entry.value
    if isinstance(value, MappingNode):
        return value
    if isinstance(value, Scalar) and value.value is None and not value.quoted:
        return MappingNode(entry.key.mark, {})
    if not spec.main:
        names = one_of(_argument_names(spec)).removeprefix("one of ")
        hint = f"its arguments: {names}" if _argument_names(spec) else f"write just: - {spec.name}"
        reading.say(value.mark, f'"{spec.name}" takes no plain value', hint)
        return None
    field = spec.args.model_fields[spec.main]
    name = field.alias or spec.main
    return MappingNode(value.mark, {name: Entry(Scalar(entry.key.mark, name, name), value)})


def _argument_names(spec: ActionSpec) -> list[str]:
    return [field.alias or name for name, field in spec.args.model_fields.items()]


def _check_names(reading: Reading, node: MappingNode, scope: Scope) -> None:
    for entry in node:
        check_name(reading, entry.key, scope)


def check_name(reading: Reading, key: Scalar, scope: Scope) -> bool:
    if not key.text.isidentifier() or key.text != key.text.strip("_"):
        reading.say(key.mark, f'"{key.text}" cannot be the name of a variable', "use letters, digits and _")
        return False
    if key.text in set(scope.reserved()) - set(scope.saved):
        reading.say(key.mark, f'"{key.text}" is taken', "it has a meaning of its own in every flow")
        return False
    return True


def _check_filters(reading: Reading, node: MappingNode, spec: ActionSpec, scope: Scope) -> str:
    """The event that a step waits for, when it is known; its filters are checked like those of a trigger."""
    name = node.get(spec.filters)
    if not isinstance(name, Scalar) or name.text not in EVENTS:
        return ""
    own = set(_argument_names(spec))
    others = {key: entry for key, entry in node.entries.items() if key not in own}
    open_at = {id(entry.value) for entry in others.values() if _open(entry.value)}
    reading.model(MappingNode(node.mark, others), EVENTS[name.text].filters, open_at)
    return name.text


def _open(node: Node) -> bool:
    if isinstance(node, Scalar):
        return has_template(node)
    return any(_open(item if not isinstance(item, Entry) else item.value) for item in node)


def _check_references(reading: Reading, node: MappingNode, spec: ActionSpec) -> None:
    """Names of flows and events among the arguments."""
    for name, field in spec.args.model_fields.items():
        value = node.get(field.alias or name)
        kinds = [item.kind for item in field.metadata if isinstance(item, Refers)]
        if not kinds or not isinstance(value, Scalar) or not value.text or has_template(value):
            continue
        if "event" in kinds and value.text not in EVENTS:
            reading.say(value.mark, f'unknown event "{value.text}"', did_you_mean(value.text, EVENTS))
        elif "event" in kinds and value.text == AGENT_CALL_LASTED:
            reading.say(value.mark, f'"{value.text}" starts flows, and cannot be waited for')
        if "flow" in kinds:
            inputs = node.get("inputs")
            given = inputs if isinstance(inputs, MappingNode) else MappingNode(node.mark, {})
            reading.references.append(Reference(value.text, value.mark, given))
