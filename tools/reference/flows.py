"""The reference of the flow language."""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime

from pydantic.fields import FieldInfo

from bot.actions import ActionRegistry, ActionSpec, builtin_actions
from bot.actions.registry import MODIFIERS, RESERVED
from bot.calls import EVENT_NAMES, Call
from bot.campaigns import opt_out_action
from bot.flows.events import DETAILS, EVENTS, CallFilters, EventFilters, EventSpec
from bot.flows.expressions import MAX_SOURCE
from bot.flows.header import FlowHeader, InputModel, ModeModel
from bot.flows.model import POLICIES
from bot.flows.modifiers import RetryModel
from bot.flows.run import FINALLY_LIMIT
from bot.flows.sandbox import ENVIRONMENT as EXPRESSIONS
from bot.flows.sandbox import MAX_ITEMS, MAX_TEXT, METHODS
from bot.flows.shapes import AGENT, CALL, COMMON, PARTY, QUEUE, Record, Table, Value
from bot.flows.steps import FORMS
from bot.yaml12 import MAX_CHARACTERS, MAX_DEPTH, MAX_NODES
from tools.reference.words import (
    DURATIONS_TEXT,
    Rows,
    about,
    codes,
    default_words,
    field_table,
    fields_of,
    first_sentence,
    page,
    table,
    type_words,
)

# The flow language


class _KeepsNothing:
    async def add(self, number: str, added_at: datetime, source: str) -> object:
        raise NotImplementedError(number, added_at, source)


def every_action() -> ActionRegistry:
    registry = builtin_actions()
    registry.add(opt_out_action(_KeepsNothing()))
    return registry


def flow_reference() -> str:
    return page(
        "Flow reference",
        "A flow is one YAML file in the folder of flows: what starts it, and the steps that it does. `bot check`\n"
        "reads all of them and shows every mistake with its place.",
        "## The keys of a flow",
        field_table(FlowHeader, _HEADER_VALUES),
        "`inputs` is a list of names, or a mapping of names to a default or to these details:",
        field_table(InputModel),
        "## What starts a flow",
        EVENTS_TEXT,
        event_tables(),
        "## Run modes",
        "`mode` is the name of a policy, or a mapping:",
        field_table(ModeModel),
        table(("policy", "what happens to a new run"), ((f"`{name}`", text) for name, text in POLICIES.items())),
        "## How a run ends",
        RUN_TEXT,
        "## Steps",
        STEPS_TEXT,
        table(("modifier", "what it does"), ((f"`{name}`", text) for name, text in MODIFIERS.items())),
        "`retry` is a number of times, or:",
        field_table(RetryModel),
        "### Logic forms",
        forms(),
        "## Actions",
        ACTIONS_TEXT,
        *action_sections(),
        "## Expressions and variables",
        EXPRESSIONS_TEXT,
        variables(),
        "## How text is read",
        YAML_TEXT,
    )


_HEADER_VALUES = {
    "on": "event, list or mapping",
    "if": "expression",
    "mode": "policy or mapping",
    "inputs": "list or mapping",
    "do": "steps",
    "finally": "steps",
}
"""What the keys hold that the header reads in detail apart."""

EVENTS_TEXT = """\
`on` names one event, a list of events, or a mapping of events to filters; all filters of an event must fit.
A filter is a text that must be equal, a `/pattern/` that must be found (`/pattern/i` in any case), or a
list of those, of which one must fit. A pattern that a caller's name could make run for ever is refused: in
it, a group that repeats holds no repetition and no choice. Filters may use `{{ vars.NAME }}`. `if` is looked
at afterwards, for what filters cannot say. A flow without `on` is run by name: by `schedule`, or by a
campaign. A flow with several events may read only what all of them have.

```yaml
on:
  call.ringing: {queue: Sales, caller: /^\\+1650/}
  call.digit: {digit: ["1", "9"]}
```"""


def event_tables() -> str:
    events = table(
        ("event", "when", "variables", "filters"),
        ((f"`{spec.name}`", event_words(spec), codes(_roots(spec)), filter_words(spec)) for spec in EVENTS.values()),
    )
    return "\n\n".join(
        (
            events,
            f"A call's filters: {codes(CallFilters.model_fields)}. `event.kind` is the event's name.",
            table(("filter", "what it is compared with"), _filter_rows()),
            "What an event tells beside that, as `event.NAME`, or under the name that `wait_for` saves it as:",
            table(("event", "details"), _detail_rows()),
            table(("detail", "what it is"), ((f"`{name}`", text) for name, text in sorted(_details().items()))),
        )
    )


def event_words(spec: EventSpec) -> str:
    words = EVENT_NAMES.get(spec.name, "").partition(": ")[0] or first_sentence(spec.filters.__doc__ or "").rstrip(
        "."
    )
    if not words:
        raise LookupError(f"the event {spec.name} has no description")
    return words[0].lower() + words[1:]


def filters_of(spec: EventSpec) -> Iterator[tuple[str, FieldInfo]]:
    return fields_of(spec.filters)


def filter_words(spec: EventSpec) -> str:
    """Its filters; those that every event of a call has are not told again."""
    if not issubclass(spec.filters, CallFilters):
        return codes(name for name, _ in filters_of(spec))
    own = codes(name for name, _ in filters_of(spec) if name not in CallFilters.model_fields)
    return f"a call's, {own}" if own else "a call's"


def _roots(spec: EventSpec) -> list[str]:
    return [name for name in spec.scope().fields if name not in COMMON]


def _filter_rows() -> Rows:
    told: dict[str, tuple[type[EventFilters], FieldInfo]] = {}
    for spec in EVENTS.values():
        for name, field in filters_of(spec):
            told.setdefault(name, (spec.filters, field))
    for name, (model, field) in told.items():
        required = " (required)" if field.is_required() else ""
        yield f"`{name}`", about(model, name, field) + required


def _detail_rows() -> Rows:
    for spec in EVENTS.values():
        if spec.data:
            yield f"`{spec.name}`", codes(spec.data)


def _details() -> dict[str, str]:
    """What each detail of an event is: as its filter says, or as `DETAILS` does."""
    filters = {name: field.description for spec in EVENTS.values() for name, field in filters_of(spec)}
    details = {name for spec in EVENTS.values() for name in spec.data}
    return {name: DETAILS.get(name) or filters.get(name) or _missing(name) for name in details}


def _missing(name: str) -> str:
    raise LookupError(f"the detail {name} has no description")


RUN_TEXT = f"""\
- **done**, after its last step; **stopped**, by `stop` or `on_error: stop`.
- **failed**, at a step that fails without `on_error`, or after `max_steps`.
- **cancelled**, when the other side ends the run's call, unless the flow says `outlives_call: true`; when
  another run deals with the ringing call already, and the step has no `on_error`; or when
  `mode` lets a newer run take its place. A step that itself ends the call (`reply`, `park`, `transfer`,
  `hang_up` …) does not end the run: what follows acts without a call, or on another `target`.
- **skipped**: `mode` did not let it begin.

In all cases but the last `finally` is done, in {FINALLY_LIMIT:g} seconds at most. A call that the flow brought in
(`dial`, `retrieve`, `supervise`) becomes the run's own when it has none; what is still up of those calls at the end,
and was not handed on, is hung up. The call that started the flow goes on."""

STEPS_TEXT = """\
A step has one action. The action's value is its main argument, or a mapping of all its arguments; an action
without arguments is just its name (`- hang_up`). The step's other keys are modifiers, and every step may
have them:"""

ACTIONS_TEXT = """\
The main argument of an action, the one that a plain value stands for, is in bold. Where a name of the
configuration is allowed, it is one of the `directory`. Plugins add further actions: see
[plugins](plugins.md)."""

FORM_TEXTS: Mapping[str, str] = {
    "if": """\
**if / then / else**: one way or the other. Without `then`, `if` is the guard of an action.

```yaml
- if: caller.number in vars.vip
  then:
    - say: Welcome back.
  else:
    - say: Good morning.
```""",
    "match": """\
**match / cases / else**: the value of an expression, as text, is compared with the names of the cases; `yes
| no` is a case for both words.

```yaml
- match: answer.choice
  cases:
    yes: [{log: they want a call back}]
    urgent | none: [{log: something else}]
  else:
    - stop: no answer
```""",
}


def forms() -> str:
    known = {form[0] for form in FORMS.values()}
    if known != FORM_TEXTS.keys():
        raise LookupError(f"the logic forms are {known}, and the reference tells of {set(FORM_TEXTS)}")
    ends = (
        "The steps in a form may have forms in them. A form takes the modifiers too, but not `target` and\n"
        "`save_as`. No plugin can give an action a name that is a word of the language:\n"
        f"{codes(sorted(RESERVED))}."
    )
    return "\n\n".join([*FORM_TEXTS.values(), ends])


_FAMILIES = {
    "bot.actions.ringing": "A call that rings",
    "bot.actions.talking": "A call that is answered",
    "bot.actions.placing": "Calls that a flow brings in",
    "bot.actions.running": "Beside the calls",
    "bot.campaigns.actions": "Campaigns",
}


def action_sections() -> Iterator[str]:
    family = ""
    for spec in every_action().values():
        here = _FAMILIES[spec.run.__module__]
        if here != family:
            family = here
            yield f"### {family}"
        yield action_section(spec)


def action_section(spec: ActionSpec) -> str:
    notes = [note for holds, note in _NOTES if holds(spec)]
    parts = [f"#### `{spec.name}`", spec.doc.replace("\n\n", "\n").strip() + (" " + " ".join(notes)).rstrip()]
    rows = [
        (
            f"**`{name}`**" if name == _main(spec) else f"`{name}`",
            type_words(field.annotation, field.metadata),
            default_words(field),
            about(spec.args, name, field),
        )
        for name, field in fields_of(spec.args)
    ]
    if rows:
        parts.append(table(("argument", "value", "default", "what it is"), rows))
    elif spec.args.model_config.get("extra") == "allow":
        parts.append(first_sentence(spec.args.__doc__ or ""))
    if spec.filters:
        parts.append(first_sentence(spec.args.__doc__ or ""))
    result = result_words(spec)
    return "\n\n".join([*parts, *([f"Result: {result}"] if result else [])])


_NOTES: tuple[tuple[Callable[[ActionSpec], bool], str], ...] = (
    (lambda spec: spec.needs == "call", "Needs a call."),
    (lambda spec: spec.needs == "ringing_call", "Needs a call that rings."),
    (lambda spec: spec.needs == "answered_call", "Needs a call that is answered."),
    (lambda spec: spec.ends_call, "Afterwards the run goes on without that call."),
)


def _main(spec: ActionSpec) -> str:
    return (spec.args.model_fields[spec.main].alias or spec.main) if spec.main else ""


def result_words(spec: ActionSpec) -> str:
    result = spec.result
    if result is None:
        return "the event's details." if spec.filters else ""
    if issubclass(result, Call):
        return "the call, which later steps may name as their `target`."
    names = typing.get_type_hints(result)
    return f"{codes(names)}. {first_sentence(result.__doc__ or '')}"


EXPRESSIONS_TEXT = f"""\
`if` and `match` hold an expression; any other text may hold expressions as `{{{{ … }}}}`. They are Jinja's:
`==`, `!=`, `<`, `in`, `not`, `and`, `or`, `a if b else c`, arithmetic, and filters after a `|`. Words that
come from a caller are data and are never evaluated. A text that is one `{{{{ expression }}}}` and nothing
else keeps the type of its value. A variable that is not there is an error when the file is read, unless `is
defined` guards it.

Filters: {", ".join(f"`{name}`" for name in sorted(EXPRESSIONS.filters))}.

Tests (`is …`): {", ".join(f"`{name}`" for name in sorted(EXPRESSIONS.tests) if name.isalpha())}.

Methods: {", ".join(f"`{name}`" for name in sorted(METHODS))}.

An expression has at most {MAX_SOURCE:,} characters; a text that it gives at most {MAX_TEXT:,}, a list
{MAX_ITEMS:,} values."""


def variables() -> str:
    records = {
        "call": CALL,
        "caller, callee": PARTY,
        "line": COMMON["line"],
        "queue.NAME": QUEUE,
        "agents.EXTENSION, agent": AGENT,
        "run": COMMON["run"],
    }
    rows = [
        (f"`{name}.{field}`" if "," not in name else ", ".join(f"`{one}.{field}`" for one in name.split(", ")), text)
        for name, record in records.items()
        for field, text in _record_rows(name, record)
    ]
    more = [
        ("`vars.NAME`", "a value of the configuration's `vars`"),
        ("`inputs.NAME`", "an input of the flow"),
        ("`event.NAME`", "a detail of the event that started the flow"),
        ("`error.message`, `error.kind`", "in `on_error`: what went wrong"),
        ("the name of a `save_as` or `set`", "what a step before kept"),
    ]
    return table(("variable", "what it is"), [*rows, *more])


def _record_rows(name: str, record: object) -> Iterator[tuple[str, str]]:
    assert isinstance(record, Record)
    for field, shape in record.fields.items():
        if shape is PARTY:
            yield field, "with `number` and `name`"
            continue
        inner, shown = (shape.of, f"{field}.NAME") if isinstance(shape, Table) else (shape, field)
        assert isinstance(inner, Value)
        yield shown, inner.about or _missing(f"{name}.{field}")


YAML_TEXT = f"""\
{DURATIONS_TEXT}

Files are YAML 1.2, in UTF-8, and what is typed is what is meant:

- Only `true` and `false` are truth values. `yes`, `no`, `on` and `off` are words.
- `0123`, `+16505550199`, `12:30` and `1_000` stay text with the characters that were typed.
- A bare `*82` is a YAML alias and a bare `#5` a comment. Both are errors that show the quotes: `"*82"`.
- A `{{{{ template }}}}` that begins a value needs quotes: `say: "{{{{ caller.name }}}}"`.
- Text with `: ` in it needs quotes.
- Unknown keys, a key that is there twice, a second document, anchors and tags are errors.
- A file has at most {MAX_CHARACTERS:,} characters, {MAX_NODES:,} keys and values, and {MAX_DEPTH} levels."""
