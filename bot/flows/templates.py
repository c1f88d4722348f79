"""Text with expressions in it: `"{{ caller.name or caller.number }} did not ask for a call back"`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bot.flows.expressions import BadExpression, Chain, Expression, ExpressionFailed
from bot.flows.sandbox import MAX_TEXT

__all__ = ["Template"]


class Template:
    """Text with `{{ expressions }}` in it."""

    __slots__ = ("parts", "source")

    def __init__(self, source: str) -> None:
        """Raises BadExpression, with an offset in the whole text."""
        self.source = source
        self.parts: tuple[str | tuple[int, Expression], ...] = tuple(_split(source))

    @property
    def constant(self) -> bool:
        """Whether there is no expression in it."""
        return all(isinstance(part, str) for part in self.parts)

    @property
    def chains(self) -> Iterator[Chain]:
        """The variables of all its expressions, with offsets in the whole text."""
        for part in self.parts:
            if not isinstance(part, str):
                start, expression = part
                for chain in expression.chains:
                    yield Chain(chain.parts, start + chain.offset, chain.length, chain.guarded)

    def render(self, variables: Mapping[str, Any]) -> Any:
        """The expression's own value when there is nothing around it, else text.

        Raises:
            ExpressionFailed: see `Expression.evaluate`.
        """
        if len(self.parts) == 1 and not isinstance(self.parts[0], str):
            return self.parts[0][1].evaluate(variables)
        pieces: list[str] = []
        for part in self.parts:
            value = part if isinstance(part, str) else part[1].evaluate(variables)
            pieces.append("" if value is None else str(value))
        text = "".join(pieces)
        if len(text) > MAX_TEXT:
            raise ExpressionFailed(f"a text of more than {MAX_TEXT:,} characters")
        return text

    def __repr__(self) -> str:
        return f"Template({self.source!r})"


def _split(source: str) -> Iterator[str | tuple[int, Expression]]:
    """The text and the expressions of a template; each expression with its offset."""
    if len(source) > 2 * MAX_TEXT:
        raise BadExpression(f"a text of more than {2 * MAX_TEXT:,} characters", 0, 1)
    position = 0
    while True:
        begin = source.find("{{", position)
        statement = re.compile(r"\{[%#]").search(source, position, begin if begin >= 0 else len(source))
        if statement:
            raise BadExpression(
                f'"{statement.group()}" is not used here', statement.start(), 2, hint="only {{ … }}; logic has steps"
            )
        if begin < 0:
            if position < len(source) or not source:
                yield source[position:]
            return
        if begin > position:
            yield source[position:begin]
        end = _closing(source, begin + 2)
        inner = source[begin + 2 : end]
        try:
            yield begin + 2, Expression(inner)
        except BadExpression as error:
            raise BadExpression(error.message, begin + 2 + error.offset, error.length, hint=error.hint) from error
        position = end + 2


def _closing(source: str, start: int) -> int:
    """Where the `}}` of an expression stands that begins at `start`; quotes and braces inside it are passed over."""
    depth, quote, position = 0, "", start
    while position < len(source):
        char = source[position]
        if quote:
            if char == "\\":
                position += 1
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char == "{":
            depth += 1
        elif char == "}":
            if depth == 0 and source.startswith("}}", position):
                return position
            depth -= 1
        position += 1
    simple = source.find("}}", start)
    if quote and simple >= 0:
        return simple  # the expression itself then says that a quote is not closed
    raise BadExpression("this {{ has no }}", start - 2, 2, hint="close it with }}")
