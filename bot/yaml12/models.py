"""From nodes to pydantic models, with the place of every mistake and a suggestion for words that nearly fit."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from bot.problems import FileProblems, Problem, did_you_mean, one_of
from bot.yaml12.nodes import Items, Mapping, Mark, Node, Plain, Scalar
from bot.yaml12.reader import load_file

__all__ = ["read_model", "to_model"]

ModelT = TypeVar("ModelT", bound=BaseModel)
Location = tuple[str | int, ...]

_WORDS: dict[str, str] = {
    "string_type": "this must be text",
    "int_type": "this must be a whole number",
    "int_parsing": "this must be a whole number",
    "int_from_float": "this must be a whole number",
    "float_type": "this must be a number",
    "float_parsing": "this must be a number",
    "bool_type": "this must be true or false",
    "bool_parsing": "this must be true or false",
    "list_type": "this must be a list",
    "tuple_type": "this must be a list",
    "set_type": "this must be a list",
    "frozen_set_type": "this must be a list",
    "dict_type": "this must have keys and values",
    "mapping_type": "this must have keys and values",
    "model_type": "this must have keys and values",
    "model_attributes_type": "this must have keys and values",
    "none_required": "this must be empty",
}
_LENGTHS: dict[str, str] = {
    "too_short": "too few here: at least {min_length:,}",
    "too_long": "too many here: at most {max_length:,}",
    "string_too_short": "too short: {min_length:,} or more characters",
    "string_too_long": "too long: at most {max_length:,} characters",
}


def read_model(path: Path, model: type[ModelT], name: str = "") -> ModelT:
    """Read a file into a model; `name` is how problems call the file.

    Raises:
        FileProblems: everything that is wrong with it.
    """
    document = load_file(path, name)
    problems = list(document.problems)
    made = to_model(document.node, model, problems) if not problems else None
    if made is None:
        raise FileProblems(problems)
    return made


def to_model(
    node: Node, model: type[ModelT], problems: list[Problem], *, open_at: Collection[int] = ()
) -> ModelT | None:
    """Validate a node; what is wrong is added to `problems`, and None is returned.

    A number where the model wants text is taken as the characters that were typed. Scalars whose `id()` is in
    `open_at` are not judged by their value: it will be known later (a template).
    """
    data = node.plain()
    for _attempt in range(2):
        try:
            return model.model_validate(data)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            if not _restore_text(data, node, details):
                break
    problems.extend(_explain(node, model, details, open_at))
    return None


def _restore_text(data: Plain, node: Node, details: list[ErrorDetails]) -> bool:
    """Give back the typed characters of numbers that should have been text; whether there was one."""
    restored = False
    for detail in details:
        if detail["type"] != "string_type":
            continue
        path = tuple(_resolve(node, detail["loc"]))
        scalar = path[-1][1]
        if not isinstance(scalar, Scalar) or type(scalar.value) not in (int, float):
            continue
        holder: Any = data
        for key, _node in path[1:-1]:
            holder = holder[key]
        if len(path) > 1 and type(holder[path[-1][0]]) is type(scalar.value):
            holder[path[-1][0]] = scalar.text
            restored = True
    return restored


def _resolve(node: Node, location: Location) -> Iterator[tuple[str | int, Node]]:
    """The nodes along an error's location, from the root. Names of union members in it are passed over."""
    yield "", node
    for part in location:
        if isinstance(node, Mapping) and str(part) in node:
            node = node.entries[str(part)].value
            yield str(part), node
        elif isinstance(node, Items) and isinstance(part, int) and part < len(node.items):
            node = node.items[part]
            yield part, node


def _explain(
    node: Node, model: type[BaseModel], details: list[ErrorDetails], open_at: Collection[int]
) -> Iterator[Problem]:
    told: set[tuple[int, int]] = set()  # one complaint about each value; missing and unknown keys are each their own
    for detail in _best_of_unions(node, details):
        location, kind = detail["loc"], detail["type"]
        path = tuple(_resolve(node, location))
        found = path[-1][1]
        if kind == "too_short" and any(_is_below(other["loc"], location) for other in details):
            continue  # those that are wrong were not counted
        if kind == "extra_forbidden":
            yield _unknown_key(node, model, location)
        elif kind == "missing":
            yield _key_mark(node, location[:-1]).problem(f'"{location[-1]}" is missing')
        elif id(found) not in open_at:
            problem = _wrong_value(found, model, detail)
            if (problem.line, problem.column) not in told:
                told.add((problem.line, problem.column))
                yield problem


def _is_below(location: Location, other: Location) -> bool:
    return len(location) > len(other) and location[: len(other)] == other


def _best_of_unions(node: Node, details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Of the errors that the members of a union have at one node, those of the member that came furthest."""
    paths = [tuple(id(part[1]) for part in _resolve(node, detail["loc"])) for detail in details]
    kept: list[ErrorDetails] = []
    groups: dict[int, list[ErrorDetails]] = {}
    for detail, path in zip(details, paths, strict=True):
        if len(path) - 1 == len(detail["loc"]) or detail["type"] in ("extra_forbidden", "missing"):
            kept.append(detail)
        elif not any(path[-1] in other[:-1] for other in paths):
            groups.setdefault(path[-1], []).append(detail)
    for group in groups.values():
        informative = [detail for detail in group if detail["type"] not in _WORDS]
        kept.append(informative[-1] if informative else group[0])
    return kept


def _unknown_key(node: Node, model: type[BaseModel], location: Location) -> Problem:
    name = str(location[-1])
    parent = tuple(_resolve(node, location[:-1]))[-1][1]
    mark = parent.entries[name].key.mark if isinstance(parent, Mapping) and name in parent else parent.mark
    known = _keys_at(model, location[:-1])
    hint = did_you_mean(name, known) or (f"known here: {one_of(known).removeprefix('one of ')}" if known else "")
    return mark.problem(f'unknown key "{name}"', hint)


def _key_mark(node: Node, location: Location) -> Mark:
    """Where to point for something that is not there: the key of its parent, or the parent's beginning."""
    path = tuple(_resolve(node, location))
    if len(path) > 1 and isinstance(path[-2][1], Mapping):
        return path[-2][1].entries[str(path[-1][0])].key.mark
    first = path[-1][1]
    if isinstance(first, Mapping) and first.entries:
        return next(iter(first)).key.mark
    return first.mark


def _wrong_value(node: Node, model: type[BaseModel], detail: ErrorDetails) -> Problem:
    context: dict[str, Any] = detail.get("ctx") or {}
    kind = detail["type"]
    if isinstance(node, Scalar) and "offset" in context:
        mark = node.part(context["offset"], context.get("length", 1))
    else:
        mark = node.mark
    hint = str(context.get("hint", ""))
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        word = node.text if isinstance(node, Scalar) else ""
        shown = f'"{word}" is not possible here' if word else "this is not possible here"
        return mark.problem(shown, did_you_mean(word, choices) or one_of(choices))
    if kind == "string_type" and isinstance(node, Scalar) and isinstance(node.value, bool):
        return mark.problem("this must be text", f'put quotes around it: "{node.text}"')
    if isinstance(node, Scalar) and node.value is None and kind in _WORDS:
        return mark.problem("a value is missing here", _WORDS[kind])
    if kind == "string_pattern_mismatch":
        return mark.problem(
            f'"{getattr(node, "text", "")}" is not possible here', hint or _described(model, detail["loc"])
        )
    if kind in _LENGTHS:
        return mark.problem(_LENGTHS[kind].format(**context), hint)
    message = _WORDS.get(kind) or detail["msg"].removeprefix("Value error, ").replace("Input should", "this should")
    return mark.problem(message, hint)


def _described(model: type[BaseModel], location: Location) -> str:
    """The description of the field at a location."""
    for candidate in _models_at(model, location[:-1]):
        for name, field in candidate.model_fields.items():
            if (field.alias or name) == location[-1]:
                return field.description or ""
    return ""


def _keys_at(model: type[BaseModel], location: Location) -> list[str]:
    """The keys that a model knows at a location, for suggestions."""
    known: list[str] = []
    for candidate in _models_at(model, location):
        known += [field.alias or name for name, field in candidate.model_fields.items()]
    return list(dict.fromkeys(known))


def _models_at(model: type[BaseModel], location: Location) -> list[type[BaseModel]]:
    """The models that a location can belong to: best effort through containers and unions."""
    models: list[type[BaseModel]] = [model]
    for part in location:
        deeper: list[type[BaseModel]] = []
        for candidate in models:
            fields = {(field.alias or name): field for name, field in candidate.model_fields.items()}
            if part in fields:
                deeper += _models_in(fields[str(part)].annotation)
        named = [candidate for candidate in models if candidate.__name__ == part]
        models = deeper or named or models
    return models


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [found for argument in typing.get_args(annotation) for found in _models_in(argument)]
