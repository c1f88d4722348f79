"""Reading steps: the one rule for all of them, and the logic forms that have parts of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.actions.registry import MODIFIERS
from bot.flows.arguments import read_arguments
from bot.flows.events import EVENTS
from bot.flows.model import ActionStep, Case, IfStep, MatchStep, Modifiers, Step, Steps
from bot.flows.modifiers import read_modifiers, read_target
from bot.flows.reading import Reading
from bot.flows.scope import Scope
from bot.flows.shapes import ANYTHING, Record, Shape, shape_of
from bot.problems import did_you_mean, one_of
from bot.yaml12 import Entry, Items, Mark, Node, Scalar
from bot.yaml12 import Mapping as MappingNode

__all__ = ["FORMS", "read_steps"]

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
    if action is None:
        scope.blur()
        return None, False
    return _read_action(reading, node, action, scope)


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
    arguments, ready, event = read_arguments(reading, entry, spec, scope)
    target = read_target(reading, node, spec, scope)
    uncertain = guarded or "on_error" in node or "on_timeout" in node
    mistake = scope.act(spec, target, uncertain=uncertain)
    if not mistake and event in EVENTS and EVENTS[event].has_call and not target and scope.call == "gone":
        mistake = f'"{event}" is about a call, and the run has none here', ""
    if mistake:
        reading.say(entry.key.mark, *mistake)
    shape: Shape = EVENTS[event].details if event in EVENTS else shape_of(spec.result)
    if isinstance(shape, Record) and not shape.what:
        shape = Record(shape.fields, f'the result of "{spec.name}"')
    common = read_modifiers(reading, node, entry.key, scope, shape, read_steps)
    if spec.keys_are_names:
        for name in arguments:
            scope.save(name, ANYTHING)
    if len(reading.problems) > count:
        return None, spec.ends_run and not guarded
    common = replace(common, guard=guard_of, target=target)
    return ActionStep(common, spec, arguments, ready), spec.ends_run and not guarded


# Logic forms


def _read_form(reading: Reading, node: MappingNode, key: str, parts: tuple[str, ...], scope: Scope) -> Modifiers:
    """The modifiers of a logic form, whose own parts are `parts`; keys that it cannot have are reported."""
    allowed = {*parts, *(name for name in MODIFIERS if name not in ("target", "save_as"))}
    for entry in node:
        if entry.key.text not in allowed:
            hint = did_you_mean(entry.key.text, allowed)
            reading.say(entry.key.mark, f'unknown key "{entry.key.text}" in "{key}"', hint)
    return read_modifiers(reading, node, node.entries[key].key, scope, None, read_steps)


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
    if condition is None or len(reading.problems) > count:
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
    if subject is None or len(reading.problems) > count:
        return None, always
    return MatchStep(replace(common, guard=guard), subject, tuple(cases), otherwise), always


FormReader = Callable[[Reading, MappingNode, Scope], tuple[Step | None, bool]]

FORMS: Mapping[str, tuple[str, FormReader]] = {
    "then": ("if", _read_if),
    "match": ("match", _read_match),
}
"""The logic forms: a key that gives each away, the key that must be there with it, and what reads it."""
