"""What reading a flow needs everywhere: the problems found so far, expressions and templates, arguments."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import BaseModel

from bot.actions import ActionRegistry
from bot.flows.expressions import BadExpression, Chain, Expression
from bot.flows.model import Written
from bot.flows.scope import Scope
from bot.flows.templates import Template
from bot.problems import Problem
from bot.yaml12 import Items, Mark, Node, Scalar, to_model
from bot.yaml12 import Mapping as MappingNode

__all__ = ["Reading", "Reference"]

ModelT = TypeVar("ModelT", bound=BaseModel)
ReadT = TypeVar("ReadT", Expression, Template)


@dataclass(frozen=True, slots=True)
class Reference:
    """A flow that another one names: checked once all of them are read. `inputs` are those that it is given."""

    flow: str
    mark: Mark
    inputs: MappingNode | None = None


@dataclass(slots=True)
class Reading:
    """One file being read. `variables` are the configuration's, or None when they are not known."""

    registry: ActionRegistry
    variables: Mapping[str, object] | None
    problems: list[Problem] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    read_inputs: set[str] = field(default_factory=set)

    def say(self, mark: Mark, message: str, hint: str = "") -> None:
        self.problems.append(mark.problem(message, hint))

    def model(self, node: Node, model: type[ModelT], open_at: set[int] | None = None) -> ModelT | None:
        return to_model(node, model, self.problems, open_at=open_at or ())

    # Expressions

    def expression(self, node: Node, scope: Scope) -> Expression | None:
        """A plain expression, as `if` and `match` have it; `{{ … }}` around all of it is allowed."""
        if not isinstance(node, Scalar) or not node.text.strip():
            self.say(node.mark, "this must be an expression", "such as: caller.number in vars.vip")
            return None
        text, offset = node.text, 0
        if text.strip().startswith("{{") and text.strip().endswith("}}") and text.count("{{") == 1:
            offset = text.index("{{") + 2
            text = text[offset : text.rindex("}}")]
        expression = self._read(node, lambda: Expression(text), offset)
        if expression is not None:
            for chain in expression.chains:
                self._check(node, chain, offset, scope)
        return expression

    def template(self, node: Scalar, scope: Scope) -> Template | None:
        """A text that may hold `{{ expressions }}`."""
        template = self._read(node, lambda: Template(node.text), 0)
        if template is not None:
            for chain in template.chains:
                self._check(node, chain, 0, scope)
        return template

    def _read(self, node: Scalar, make: Callable[[], ReadT], offset: int) -> ReadT | None:
        try:
            return make()
        except BadExpression as error:
            self.say(node.part(offset + error.offset, error.length), error.message, error.hint)
            return None

    def _check(self, node: Scalar, chain: Chain, offset: int, scope: Scope) -> None:
        if chain.parts[0] == "inputs" and len(chain.parts) > 1:
            self.read_inputs.add(chain.parts[1])
        if chain.guarded:
            return
        mistake = scope.mistake(chain.parts)
        if mistake:
            self.say(node.part(offset + chain.offset, chain.length), *mistake)

    # Values

    def written(self, node: Node, scope: Scope, open_at: set[int]) -> Written:
        """A value with the templates in it; `open_at` gets the ids of the nodes that are templates."""
        if isinstance(node, MappingNode):
            return {entry.key.text: self.written(entry.value, scope, open_at) for entry in node}
        if isinstance(node, Items):
            return [self.written(item, scope, open_at) for item in node]
        if not has_template(node):
            return node.value
        open_at.add(id(node))
        return self.template(node, scope)

    def settled(self, node: Node, scope: Scope, open_at: set[int]) -> Node:
        """A node whose templates are replaced by their values, from the configuration's variables alone.

        What cannot be known, because the variables are not, stays and is put into `open_at`.
        """
        if isinstance(node, MappingNode):
            entries = {
                name: type(entry)(entry.key, self.settled(entry.value, scope, open_at))
                for name, entry in node.entries.items()
            }
            return MappingNode(node.mark, entries)
        if isinstance(node, Items):
            return Items(node.mark, tuple(self.settled(item, scope, open_at) for item in node))
        if not has_template(node):
            return node
        count = len(self.problems)
        template = self.template(node, scope)
        if template is not None and self.variables is not None and len(self.problems) == count:
            try:
                return node_of(template.render({"vars": self.variables}), node)
            except BadExpression as error:
                self.say(node.mark, error.message)
        open_at.add(id(node))
        return node


def has_template(node: Scalar) -> bool:
    return isinstance(node.value, str) and ("{{" in node.text or "{%" in node.text)


def node_of(value: object, place: Scalar) -> Node:
    """A value as if it had been written at `place`."""
    if isinstance(value, list | tuple):
        return Items(place.mark, tuple(node_of(item, place) for item in value))
    if isinstance(value, bool | int | float | str) or value is None:
        return Scalar(place.mark, "" if value is None else str(value), value, place.quoted, place.end_line)
    return Scalar(place.mark, str(value), str(value), True, place.end_line)
