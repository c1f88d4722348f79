"""Reading steps: the one rule for all of them, and the logic forms that have parts of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.actions import ActionSpec
from bot.actions.registry import MODIFIERS, Refers
from bot.durations import Duration
from bot.flows.events import AGENT_CALL_LASTED, EVENTS
from bot.flows.model import ActionStep, Case, IfStep, MatchStep, Modifiers, Retry, Step, Steps, Written
from bot.flows.reading import Reading, Reference, has_template
from bot.flows.scope import Scope
from bot.flows.shapes import ANYTHING, CALL, VALUE, Record, Shape, shape_of
from bot.problems import did_you_mean, one_of
from bot.yaml12 import Entry, Items, Mark, Node, Scalar
from bot.yaml12 import Mapping as MappingNode

__all__ = ["FORMS", "read_steps"]

ERROR = Record({"message": VALUE, "kind": VALUE}, "an error")
"""What `on_error` can read."""
_FORM_PARTS = {"then": "if", "else": "if", "cases": "match"}


def read_steps(reading: Reading, node: Node, scope: Scope, what: str = "do") -> tuple[Steps, bool]:
    """The steps of a list, and whether the run always ends within them."""
    if isinstance(node, Scalar | MappingNode):
        if isinstance(node, Scalar) and node.value is None:
            reading.say(node.mark, f'"{what}" has no steps', 'each step begins with "- "')
            return (), False
        node = Items(node.mark, (node,))  # one step may stand without the dash
    steps: list[Step] = []
    ended = told = False
    for item in node:
        if ended and not told:
            reading.say(_first_key(item), "this step is never reached", "the run has always ended before it")
            told = True
        step, ends = _read_step(reading, item, scope)
        ended = ended or ends
        if step is not None:
            steps.append(step)
    return tuple(steps), ended


def _first_key(node: Node) -> Mark:
    return next(iter(node)).key.mark if isinstance(node, MappingNode) and len(node) else node.mark


def _read_step(reading: Reading, node: Node, scope: Scope) -> tuple[Step | None, bool]:
    if isinstance(node, Scalar) and node.text:
        bare = Entry(node, Scalar(node.mark, "", None))
        node = MappingNode(node.mark, {node.text: bare})  # "- hang_up"
    if not isinstance(node, MappingNode) or not len(node):
        reading.say(node.mark, "this is not a step", "a step is an action: say: Hello")
        return None, False
    for key, form in FORMS.items():
        partner = form[0]
        if key in node and (partner in node or partner == key):
            return form[1](reading, node, scope)
    action = _find_action(reading, node)
    return _read_action(reading, node, action, scope) if action else (None, False)


def _find_action(reading: Reading, node: MappingNode) -> Entry | None:
    """The entry that is the step's action; what is wrong when there is none, or several."""
    candidates = [entry for entry in node if entry.key.text not in MODIFIERS]
    known = [entry for entry in candidates if entry.key.text in reading.registry]
    if len(known) > 1:
        first, second = known[0].key, known[1].key
        reading.say(
            second.mark, f'a step has one action: this one has "{first.text}" already', 'begin a new "- " step'
        )
    for entry in candidates:
        if entry.key.text in reading.registry:
            continue
        word = entry.key.text
        modifier, similar = did_you_mean(word, MODIFIERS), did_you_mean(word, reading.registry)
        if word in _FORM_PARTS:
            reading.say(entry.key.mark, f'"{word}" needs "{_FORM_PARTS[word]}" in the same step')
        elif known or (modifier and not similar):
            hint = modifier or f"beside its action, a step can have {one_of(MODIFIERS).removeprefix('one of ')}"
            reading.say(entry.key.mark, f'unknown key "{word}"', hint)
        else:
            reading.say(entry.key.mark, f'unknown action "{word}"', similar)
    if not candidates:
        reading.say(next(iter(node)).key.mark, "this step has no action", "such as say: Hello")
    return known[0] if known else None


# Actions


def _read_action(reading: Reading, node: MappingNode, entry: Entry, scope: Scope) -> tuple[Step | None, bool]:
    spec = reading.registry[entry.key.text]
    count = len(reading.problems)
    guarded = "if" in node
    guard_of = reading.expression(node.entries["if"].value, scope) if guarded else None
    arguments, ready, event = _read_arguments(reading, entry, spec, scope)
    target = _read_target(reading, node, spec, scope)
    uncertain = guarded or "on_error" in node or "on_timeout" in node
    mistake = scope.act(spec, target, spec.name, guarded=uncertain)
    if not mistake and event in EVENTS and EVENTS[event].has_call and not target and scope.call == "gone":
        mistake = f'"{event}" is about a call, and the run has none here'
    if mistake:
        reading.say(entry.key.mark, mistake)
    shape: Shape = EVENTS[event].details if event in EVENTS else shape_of(spec.result)
    if isinstance(shape, Record) and not shape.what:
        shape = Record(shape.fields, f'the result of "{spec.name}"')
    common = _read_modifiers(reading, node, entry.key, scope, shape)
    if spec.keys_are_names:
        for name in arguments:
            scope.save(name, ANYTHING)
    if common is None or len(reading.problems) > count:
        return None, spec.ends_run and not guarded
    common = _with(common, guard=guard_of, target=target)
    return ActionStep(common, spec, arguments, ready), spec.ends_run and not guarded


def _read_arguments(
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
        _check_name(reading, entry.key, scope)


def _check_name(reading: Reading, key: Scalar, scope: Scope) -> bool:
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


# Modifiers


class RetryModel(BaseModel):
    model_config = ConfigDict(extra="forbid")

    times: int = Field(ge=1, le=100, description="how often to try again")
    wait: Duration = Field(0.0, description="how long to wait before each")


def _read_target(reading: Reading, node: MappingNode, spec: ActionSpec, scope: Scope) -> str:
    value = node.get("target")
    if value is None:
        return ""
    if not isinstance(value, Scalar):
        reading.say(value.mark, "this must be the name of a saved call")
        return ""
    if value.text == "call":
        return ""
    mistake = scope.target_mistake(value.text)
    if mistake:
        reading.say(value.mark, *mistake)
    elif spec.needs == "none" and not spec.filters:
        reading.say(node.entries["target"].key.mark, f'"{spec.name}" acts on no call, so it has no target')
    return value.text


def _read_modifiers(
    reading: Reading, node: MappingNode, key: Scalar, scope: Scope, shape: Shape | None
) -> Modifiers | None:
    """All but `if` and `target`. `shape` is that of the step's result; None when it has none to save."""
    timeout: Written = None
    if "timeout" in node:
        timeout = _read_duration(reading, node.entries["timeout"].value, scope)
    on_timeout = _read_branch(reading, node, "on_timeout", scope)
    if "on_timeout" in node and "timeout" not in node:
        reading.say(node.entries["on_timeout"].key.mark, '"on_timeout" needs a "timeout" in the same step')
    on_error = _read_on_error(reading, node, scope)
    return Modifiers(
        mark=key.mark,
        title=key.text,
        name=_read_text(reading, node, "name"),
        save_as=_read_save_as(reading, node, scope, shape),
        timeout=timeout,
        on_timeout=on_timeout,
        retry=_read_retry(reading, node),
        on_error=on_error,
    )


def _with(common: Modifiers, **changes: object) -> Modifiers:
    values = {name: getattr(common, name) for name in Modifiers.__dataclass_fields__}
    return Modifiers(**(values | changes))


def _read_text(reading: Reading, node: MappingNode, key: str) -> str:
    value = node.get(key)
    if value is None:
        return ""
    if not isinstance(value, Scalar) or not value.text:
        reading.say(value.mark, "this must be text")
        return ""
    return value.text


class _Timeout(BaseModel):
    timeout: Duration


def _read_duration(reading: Reading, node: Node, scope: Scope) -> Written:
    if isinstance(node, Scalar) and has_template(node):
        return reading.template(node, scope)
    key = Scalar(node.mark, "timeout", "timeout")
    made = reading.model(MappingNode(node.mark, {"timeout": Entry(key, node)}), _Timeout)
    return made.timeout if made else None


def _read_branch(reading: Reading, node: MappingNode, key: str, scope: Scope, **more: Shape) -> Steps | None:
    value = node.get(key)
    if value is None:
        return None
    with scope.branch(**more) as inner:
        return read_steps(reading, value, inner, key)[0]


def _read_save_as(reading: Reading, node: MappingNode, scope: Scope, shape: Shape | None) -> str:
    if "save_as" not in node:
        return ""
    value = node.entries["save_as"].value
    if shape is None:
        reading.say(node.entries["save_as"].key.mark, "this step has no result to save")
        return ""
    if not isinstance(value, Scalar) or not value.text:
        reading.say(value.mark, "the name to save the result under is missing")
        return ""
    if not _check_name(reading, value, scope):
        return ""
    scope.save(value.text, shape, is_call=shape is CALL)
    return value.text


def _read_retry(reading: Reading, node: MappingNode) -> Retry | None:
    value = node.get("retry")
    if value is None:
        return None
    if isinstance(value, Scalar):
        key = Scalar(value.mark, "times", "times")
        value = MappingNode(value.mark, {"times": Entry(key, value)})
    made = reading.model(value, RetryModel)
    return Retry(made.times, made.wait) if made else None


def _read_on_error(reading: Reading, node: MappingNode, scope: Scope) -> Steps | Literal["continue", "stop"] | None:
    value = node.get("on_error")
    if isinstance(value, Scalar) and value.text == "continue":
        return "continue"
    if isinstance(value, Scalar) and value.text == "stop":
        return "stop"
    return _read_branch(reading, node, "on_error", scope, error=ERROR)


# Logic forms


def _read_form(
    reading: Reading, node: MappingNode, key: str, parts: tuple[str, ...], scope: Scope
) -> Modifiers | None:
    """The modifiers of a logic form, whose own parts are `parts`; keys that it cannot have are reported."""
    allowed = {*parts, *(name for name in MODIFIERS if name not in ("target", "save_as"))}
    for entry in node:
        if entry.key.text not in allowed:
            hint = did_you_mean(entry.key.text, allowed)
            reading.say(entry.key.mark, f'unknown key "{entry.key.text}" in "{key}"', hint)
    return _read_modifiers(reading, node, node.entries[key].key, scope, None)


def _read_if(reading: Reading, node: MappingNode, scope: Scope) -> tuple[Step | None, bool]:
    count = len(reading.problems)
    condition = reading.expression(node.entries["if"].value, scope)
    with scope.branch() as inner:
        then, then_ends = read_steps(reading, node.entries["then"].value, inner, "then")
    otherwise: Steps = ()
    else_ends = False
    if "else" in node:
        with scope.branch() as inner:
            otherwise, else_ends = read_steps(reading, node.entries["else"].value, inner, "else")
    common = _read_form(reading, node, "if", ("if", "then", "else"), scope)
    if condition is None or common is None or len(reading.problems) > count:
        return None, then_ends and else_ends
    return IfStep(common, condition, then, otherwise), then_ends and else_ends


def _read_match(reading: Reading, node: MappingNode, scope: Scope) -> tuple[Step | None, bool]:
    count = len(reading.problems)
    subject = reading.expression(node.entries["match"].value, scope)
    guard = reading.expression(node.entries["if"].value, scope) if "if" in node else None
    cases: list[Case] = []
    ends: list[bool] = []
    table = node.get("cases")
    if not isinstance(table, MappingNode) or not len(table):
        place = node.entries["match"].key if table is None else table
        reading.say(place.mark, '"match" needs "cases"', "cases: a value, and its steps, each")
        table = MappingNode(node.mark, {})
    for entry in table:
        labels = tuple(label.strip() for label in entry.key.text.split("|"))
        with scope.branch() as inner:
            steps, ended = read_steps(reading, entry.value, inner, entry.key.text)
        cases.append(Case(labels, steps))
        ends.append(ended)
    otherwise: Steps = ()
    if "else" in node:
        with scope.branch() as inner:
            otherwise, ended = read_steps(reading, node.entries["else"].value, inner, "else")
        ends.append(ended)
    common = _read_form(reading, node, "match", ("match", "cases", "else"), scope)
    always = "else" in node and guard is None and all(ends)
    if subject is None or common is None or len(reading.problems) > count:
        return None, always
    return MatchStep(_with(common, guard=guard), subject, tuple(cases), otherwise), always


FormReader = Callable[[Reading, MappingNode, Scope], tuple[Step | None, bool]]

FORMS: Mapping[str, tuple[str, FormReader]] = {
    "then": ("if", _read_if),
    "match": ("match", _read_match),
}
"""The logic forms: a key that gives each away, the key that must be there with it, and what reads it."""
