"""Expressions: `caller.number in vars.vip`.

They are Jinja2's expressions in its sandbox, with its types. Nothing that a value contains is ever evaluated.
There are no statements and no loops, only a fixed set of filters and methods, and every result is bounded: an
expression ends, soon.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError, UndefinedError
from jinja2.parser import Parser
from jinja2.runtime import Undefined

from bot.errors import UserError
from bot.flows.sandbox import ENVIRONMENT, TokenCounter, bounded
from bot.problems import did_you_mean

__all__ = ["BadExpression", "Chain", "Expression", "ExpressionFailed"]

MAX_SOURCE = 4_000
"""Characters of one expression."""
MAX_BRACKETS = 40
"""Brackets in one another: the parsers recurse with them."""

_READ = r"""(?:['"]\s*\])?\s*(?:\.\s*|\[\s*['"])"""
"""What stands between two parts of a chain: a dot, or brackets and quotes."""
_REFUSED_NODES: dict[type[nodes.Node], str] = {nodes.Pow: "**", nodes.Slice: "[ : ]"}
_REFUSED_NAMES = frozenset({"self", "super", "varargs", "kwargs"})


class BadExpression(UserError):
    """An expression cannot be read. `offset` and `length` say where in its text."""

    def __init__(self, message: str, offset: int = 0, length: int = 1, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.offset = offset
        self.length = length


class ExpressionFailed(UserError):
    """An expression has no value: something in it is not there, or cannot be computed."""


@dataclass(frozen=True, slots=True)
class Chain:
    """A name and what is read from it: `queue.Sales.free_agents`. `guarded` by `is defined`, it may be missing."""

    parts: tuple[str, ...]
    offset: int
    length: int
    guarded: bool = False

    def __str__(self) -> str:
        return ".".join(self.parts)


class Expression:
    """One expression, compiled. `chains` are the variables that it reads, with their places in `source`."""

    __slots__ = ("_evaluate", "_roots", "chains", "source")

    def __init__(self, source: str) -> None:
        """Raises BadExpression."""
        self.source = source
        tree = _parse(source)
        self.chains = tuple(_chains(tree, source))
        self._roots = {chain.parts[0] for chain in self.chains}
        self._evaluate = _compile(tree, source)

    def evaluate(self, variables: Mapping[str, Any]) -> Any:
        """The value.

        Raises:
            ExpressionFailed: something in it is not there, or cannot be computed.
        """
        try:
            value = self._evaluate({name: variables[name] for name in self._roots if name in variables})
            if isinstance(value, Undefined):
                str(value)  # raises, and says what is undefined
            return bounded(value)
        except (UndefinedError, SecurityError) as error:
            raise ExpressionFailed(f"{self.source.strip()}: {error.message}") from error
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise ExpressionFailed(f"{self.source.strip()}: {error}") from error
        except RecursionError as error:
            raise ExpressionFailed(f"{self.source.strip()}: nested too deeply") from error

    def __repr__(self) -> str:
        return f"Expression({self.source!r})"


def _parse(source: str) -> nodes.Expr:
    if len(source) > MAX_SOURCE:
        raise BadExpression(f"an expression of more than {MAX_SOURCE:,} characters", 0, 1)
    if not source.strip():
        raise BadExpression("an expression is missing here", 0, max(len(source), 1))
    _check_brackets(source)
    counter = ENVIRONMENT.extensions[TokenCounter.identifier]
    assert isinstance(counter, TokenCounter)
    counter.taken = 0
    try:
        parser = Parser(ENVIRONMENT, source, state="variable")
        tree = parser.parse_expression()
        if not parser.stream.eos:
            raise TemplateSyntaxError(f"unexpected '{parser.stream.current.value}'", 1)
    except TemplateSyntaxError as error:
        offset, length = _token_place(source, counter.taken - 1)
        raise BadExpression(_syntax_message(error.message or ""), offset, length) from error
    except RecursionError as error:
        raise BadExpression("nested too deeply", 0, len(source)) from error
    _check_words(tree, source)
    return tree


def _check_words(tree: nodes.Expr, source: str) -> None:
    """Refuse operators, names, filters and tests that are not part of the language."""
    found: list[nodes.Node] = [tree, *tree.find_all(nodes.Node)]
    for node in found:
        if type(node) in _REFUSED_NODES:
            word = _REFUSED_NODES[type(node)]
            raise BadExpression(f'"{word}" is not used in expressions', *_word_place(source, word[:2].strip()))
        if isinstance(node, nodes.Name) and node.name in _REFUSED_NAMES:
            raise BadExpression(f'"{node.name}" is not used in expressions', *_word_place(source, node.name))
        if isinstance(node, nodes.Filter) and node.name not in ENVIRONMENT.filters:
            hint = did_you_mean(node.name, ENVIRONMENT.filters)
            raise BadExpression(f'there is no filter "{node.name}"', *_word_place(source, node.name), hint=hint)
        if isinstance(node, nodes.Test) and node.name not in ENVIRONMENT.tests:
            hint = did_you_mean(node.name, ENVIRONMENT.tests)
            raise BadExpression(f'there is no test "{node.name}"', *_word_place(source, node.name), hint=hint)


def _word_place(source: str, word: str) -> tuple[int, int]:
    pattern = rf"(?<![\w.]){re.escape(word)}(?!\w)" if word.isidentifier() else re.escape(word)
    match = re.search(pattern, source)
    return (match.start(), len(word)) if match else (0, len(source))


def _check_brackets(source: str) -> None:
    """The parsers below recurse with the brackets, so there may not be too many in one another."""
    depth = 0
    for offset, char in enumerate(source):
        depth += (char in "([{") - (char in ")]}")
        if depth > MAX_BRACKETS:
            raise BadExpression("nested too deeply", offset, 1)


def _syntax_message(message: str) -> str:
    """What Jinja2 says of a mistake, without the words of a template's statements."""
    if "end of template" in message or "end of print statement" in message or "unexpected end" in message:
        return "the expression is not complete"
    message = re.sub(r"expected token '[^']*', got '([^']*)'", r"unexpected '\1'", message.rstrip("."))
    message = re.sub(r"^(unexpected char .*) at \d+$", r"\1", message)
    return re.sub(r"""^unexpected (?:char )?(['"])(.*)\1$""", r'unexpected "\2"', message) or "this is no expression"


def _token_place(source: str, index: int) -> tuple[int, int]:
    """Where token number `index` of the expression stands; the last one when there are fewer."""
    offset, place, seen = 0, (max(len(source.rstrip()) - 1, 0), 1), -1
    try:
        for _line, kind, text in ENVIRONMENT.lexer.tokeniter(source, None, None, "variable"):
            if kind != "whitespace":
                seen += 1
                if seen == index:
                    return offset, max(len(text), 1)
            offset += len(text)
    except TemplateSyntaxError:
        return min(offset, max(len(source) - 1, 0)), 1
    return place


def _compile(tree: nodes.Expr, source: str) -> Callable[[Mapping[str, Any]], Any]:
    """As `Environment.compile_expression` does it, from a tree."""
    body = [nodes.Assign(nodes.Name("result", "store"), tree, lineno=1)]
    try:
        template = ENVIRONMENT.from_string(nodes.Template(body, lineno=1))
    except TemplateSyntaxError as error:
        raise BadExpression(_syntax_message(error.message or ""), 0, len(source)) from error
    except (RecursionError, SyntaxError, MemoryError) as error:
        raise BadExpression("too long or nested too deeply", 0, len(source)) from error

    def evaluate(variables: Mapping[str, Any]) -> Any:
        context = template.new_context(dict(variables))
        for _chunk in template.root_render_func(context):
            pass
        return context.vars["result"]

    return evaluate


def _chains(tree: nodes.Expr, source: str) -> Iterator[Chain]:
    """The variables that a tree reads, longest chains only, with the place of each occurrence."""
    spent: dict[str, int] = {}
    waiting: list[tuple[nodes.Node, bool]] = [(tree, False)]
    found: list[tuple[tuple[str, ...], bool]] = []
    while waiting:
        node, guarded = waiting.pop()
        parts = _dotted(node)
        if parts:
            found.append((parts, guarded))
            continue
        guards = isinstance(node, nodes.Test) and node.name in ("defined", "undefined")
        waiting.extend((child, guarded or guards) for child in reversed(list(node.iter_child_nodes())))
    for parts, guarded in found:
        pattern = r"(?<![\w.])" + _READ.join(map(re.escape, parts)) + r"(?!\w)"
        match = re.compile(pattern).search(source, spent.get(pattern, 0))
        if match:
            spent[pattern] = match.end()
        yield Chain(parts, match.start() if match else 0, len(match.group()) if match else len(source), guarded)


def _dotted(node: nodes.Node) -> tuple[str, ...]:
    """`a.b["c"]` as ("a", "b", "c"); nothing for another kind of expression."""
    parts: list[str] = []
    while True:
        if isinstance(node, nodes.Getattr):
            parts.append(node.attr)
            node = node.node
        elif (
            isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str)
        ):
            parts.append(node.arg.value)
            node = node.node
        elif isinstance(node, nodes.Name):
            return (node.name, *reversed(parts))
        else:
            return ()
