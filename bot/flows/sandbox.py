"""The sandbox of expressions: which filters, tests and methods there are, and how large their values may be."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.sandbox import ImmutableSandboxedEnvironment

__all__ = ["ENVIRONMENT", "MAX_ITEMS", "MAX_TEXT", "METHODS", "TokenCounter", "bounded"]

MAX_TEXT = 10_000
"""Characters of a text that an expression gives."""
MAX_ITEMS = 1_000
"""Values in all that a list or mapping may hold that an expression gives."""

# fmt: off
METHODS = frozenset((
    "lower", "upper", "title", "capitalize", "strip", "lstrip", "rstrip", "startswith", "endswith", "removeprefix",
    "removesuffix", "split", "isdigit", "isalpha", "isalnum", "count", "find", "get", "keys", "values", "items",
    "index",
))
"""The methods of text, lists and mappings that an expression may call."""

_FILTERS = (
    "abs", "capitalize", "count", "d", "default", "dictsort", "first", "float", "int", "join", "last", "length",
    "list", "lower", "max", "min", "reject", "rejectattr", "replace", "select",
    "selectattr", "map", "sort", "string", "sum", "title", "trim", "truncate", "unique", "upper", "urlencode",
)
_TESTS = (
    "boolean", "defined", "divisibleby", "eq", "equalto", "even", "false", "float", "ge", "greaterthan", "gt", "in",
    "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne", "none", "number", "odd", "sequence",
    "string", "true", "undefined", "upper", "==", "!=", "<", "<=", ">", ">=",
)
# fmt: on
def _round(value: float, digits: int = 0) -> float:
    return round(float(value), max(0, min(int(digits), 10)))


class TokenCounter(Extension):
    """Counts the tokens that the parser has taken, so that a mistake has a place."""

    taken = 0

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        for token in stream:
            self.taken += 1
            yield token


class _Environment(ImmutableSandboxedEnvironment):
    """The sandbox, made smaller: keys before attributes, few methods, no arithmetic that explodes."""

    intercepted_binops = frozenset({"*", "%", "+", "//"})

    def __init__(self) -> None:
        super().__init__(undefined=StrictUndefined, extensions=[TokenCounter], autoescape=False, cache_size=0)
        self.globals.clear()
        self.filters = {**{name: self.filters[name] for name in _FILTERS}, "round": _round}
        self.tests = {name: self.tests[name] for name in _TESTS}

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping):
            if attribute in obj:
                return obj[attribute]
            if attribute not in METHODS:
                return self.undefined(obj=obj, name=attribute)
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        if isinstance(obj, str | bytes | int | float | list | tuple | Mapping):
            return attr in METHODS
        return not attr.startswith("_") and not callable(value)

    def is_safe_callable(self, obj: Any) -> bool:
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        return isinstance(owner, str | list | tuple | Mapping) and name in METHODS

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if operator in ("*", "%", "//") and not numbers:
            raise SecurityError(f'"{operator}" is for numbers')
        return bounded(super().call_binop(context, operator, left, right))


ENVIRONMENT = _Environment()


def bounded(value: Any) -> Any:
    """`value`, when it is not too large to go on with; what filters such as `map` leave behind becomes a list.

    Raises:
        SecurityError: it is too large.
    """
    if isinstance(value, Iterator):
        value = list(itertools.islice(value, MAX_ITEMS + 1))
    budget = MAX_ITEMS
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str) and len(item) > MAX_TEXT:
            raise SecurityError(f"a text of more than {MAX_TEXT:,} characters")
        if isinstance(item, int) and item.bit_length() > 256:
            raise SecurityError("a number that is too large")
        if isinstance(item, Mapping):
            waiting.extend(item.keys())
            waiting.extend(item.values())
        elif isinstance(item, list | tuple | set | frozenset):
            waiting.extend(item)
        budget -= 1
        if budget < 0 or len(waiting) > MAX_ITEMS:
            raise SecurityError(f"more than {MAX_ITEMS:,} values")
    return value
