"""Types, defaults and tables in the words of the people who write the files."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import AwareDatetime, BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bot.actions import EventName, FlowName
from bot.durations import Duration, format_duration
from bot.flows.events import Matches
from bot.sandbox.people.steps import Duration as StepDuration
from bot.sandbox.people.steps import Text as PersonText
from bot.schedule import TimeOfDay

GENERATED = "<!-- Made by tools/reference from the models: change those, then run `make docs`. -->"
DURATIONS_TEXT = "A length of time is `90s`, `3m`, `1h30m`, `500ms` or `2d`; a bare number is seconds."

Rows = Iterable[Sequence[str]]

# Words for types

_NAMED: tuple[tuple[Any, str], ...] = (
    (Duration, "length of time"),
    (StepDuration, "length of time"),
    (TimeOfDay, "time of day"),
    (FlowName, "name of a flow"),
    (EventName, "name of an event"),
    (AwareDatetime, "date and time"),
    (Matches, "text, /pattern/ or list"),
    (PersonText, "text"),
)
_PLAIN: Mapping[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    Path: "path",
    SecretStr: "text (secret)",
    datetime: "date and time",
    Any: "anything",
    object: "anything",
    types.NoneType: "",
}


def type_words(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """A type as a person who writes the file would name it."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return type_words(inner, [*more, *metadata])
    for alias, words in _NAMED:
        inner, *marks = get_args(alias) if get_origin(alias) is Annotated else (alias,)
        if annotation is alias or (marks and inner == annotation and any(mark in metadata for mark in marks[:1])):
            return words
    return _type_words(annotation) + _bounds(metadata)


def _type_words(annotation: Any) -> str:
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " \\| ".join(f"`{_plain(value)}`" for value in args)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(filter(None, map(type_words, args))))
    if origin in (tuple, list):
        return f"list of {type_words(args[0])}"
    if origin is dict:
        return "mapping" if args[1] in (Any, object) else f"name: {type_words(args[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "mapping"
    return _PLAIN[annotation]


def _bounds(metadata: Sequence[Any]) -> str:
    low = next((mark.ge for mark in metadata if isinstance(mark, annotated_types.Ge)), None)
    over = next((mark.gt for mark in metadata if isinstance(mark, annotated_types.Gt)), None)
    high = next((mark.le for mark in metadata if isinstance(mark, annotated_types.Le)), None)
    if low is not None and high is not None:
        return f", {low:,} to {high:,}"
    return f", over {over:g}" if over is not None else ""


def _is_duration(field: FieldInfo) -> bool:
    return "length of time" in type_words(field.annotation, field.metadata)


def default_words(field: FieldInfo) -> str:
    """A default as it would be written in the file; `required` where there is none."""
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value == "" or isinstance(value, BaseModel):
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if _is_duration(field) and isinstance(value, int | float):
        return f"`{format_duration(float(value))}`"
    if value in ((), {}):
        return ""
    if isinstance(value, tuple):
        return f"`[{', '.join(map(_plain, value))}]`"
    return f"`{_plain(value)}`"


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


# Tables


def table(head: Sequence[str], rows: Rows) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(cell.replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def fields_of(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """The fields by the names that people write."""
    for name, field in model.model_fields.items():
        yield field.alias or name, field


def about(model: type[BaseModel], name: str, field: FieldInfo) -> str:
    """What a field is for: its description, or for a part with keys of its own that part's first sentence."""
    if field.description:
        return field.description
    parts = models_in(field.annotation)
    if parts and parts[0].__doc__:
        return first_sentence(parts[0].__doc__)
    raise LookupError(f"{model.__name__}.{name} has no description")


def first_sentence(text: str) -> str:
    return text.strip().split("\n\n")[0].replace("\n", " ").strip()


def field_table(model: type[BaseModel], values: Mapping[str, str] | None = None) -> str:
    """A row for each field. `values` names the values of fields whose types say nothing."""
    known = values or {}
    rows = [
        (
            f"`{name}`",
            known.get(name) or type_words(field.annotation, field.metadata),
            default_words(field),
            about(model, name, field),
        )
        for name, field in fields_of(model)
    ]
    return table(("key", "value", "default", "what it is"), rows)


def models_in(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation holds, through containers and unions."""
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [found for argument in get_args(annotation) for found in models_in(argument)]


def sections(model: type[BaseModel], path: str = "") -> Iterator[str]:
    """A heading and a table for each part of a model that has keys of its own."""
    for name, field in fields_of(model):
        here = f"{path}.{name}" if path else name
        for part in models_in(field.annotation):
            words = type_words(field.annotation, field.metadata)
            many = " (a list)" if words.startswith("list") else " (by name)" if words.startswith("name") else ""
            yield f"### `{here}`{many}\n\n{first_sentence(part.__doc__ or '')}\n\n{field_table(part)}".replace(
                "\n\n\n\n", "\n\n"
            )
            yield from sections(part, here)


def page(*parts: str) -> str:
    title, *rest = parts
    return "\n\n".join([f"# {title}", GENERATED, *rest]) + "\n"


def codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
