"""From text to nodes, or to problems: what is refused, what is bounded, and how it is said.

It stands on PyYAML's events and builds the tree itself without recursion, so that no text, however nested, costs
more than a little time or memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import yaml

from bot.problems import Problem
from bot.yaml12.nodes import Entry, Items, Mapping, Mark, Node, Scalar, Source, plain_value

__all__ = ["MAX_CHARACTERS", "MAX_DEPTH", "MAX_NODES", "Document", "load_document", "load_file"]

MAX_CHARACTERS = 200_000
MAX_DEPTH = 40
MAX_NODES = 50_000

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TEXT_TAG = "tag:yaml.org,2002:str"
_LOST_COMMENT = re.compile(r"[ \t]*(#[0-9*]\S*)")

_ADVICE: tuple[tuple[str, str, str], ...] = (
    # what the parser says, what we say, the mend
    ("mapping values are not allowed", "a second key on one line", 'text with ": " in it needs quotes around it'),
    ("could not find expected ':'", "this is neither a key with a value nor a list item", "a key ends with a colon"),
    ("did not find expected key", "this does not line up with what is above it", "check the indentation"),
    ("did not find expected '-' indicator", "this does not line up with the list above it", "check the indentation"),
    ("found unexpected end of stream", "the quote is never closed", "add the closing quote"),
    ("found a tab character", "a tab cannot indent", "use spaces"),
    ("found character that cannot start any token", "this character needs quotes", "put quotes around the text"),
    ("did not find expected ',' or '}'", "the { … } is not complete", "quotes around the text, a comma, or a }"),
    ("did not find expected ',' or ']'", "the [ … ] is not complete", "quotes around the text, a comma, or a ]"),
    ("did not find expected node content", "a value is missing here", ""),
    ("alphabetic or numeric character", "a bare * or & has a meaning of its own here", "put quotes around it"),
    ("found unknown escape character", "this is no escape that double quotes know", "use single quotes, or \\\\"),
    ("block sequence entries are not allowed", "a list cannot begin here", "start the list on a line of its own"),
    ("found undefined tag handle", "a bare ! has a meaning of its own here", "put quotes around the text"),
)


@dataclass(slots=True)
class Document:
    """A text that was read: its tree (an empty scalar where there is none), and what was wrong."""

    source: Source
    node: Node
    problems: list[Problem] = field(default_factory=list)


def load_file(path: Path, name: str = "") -> Document:
    """Read a UTF-8 file; one that cannot be read becomes a problem too. `name` is how problems call it."""
    shown = name or str(path)
    try:
        data = path.read_bytes()
        text = data.decode("utf-8-sig")
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
        return _unreadable(shown, reason)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _unreadable(shown, f"is not UTF-8 text (line {line})", "save it with the encoding UTF-8")
    return load_document(shown, text)


def load_document(path: str, text: str) -> Document:
    """Read YAML text; never raises."""
    text = text.removeprefix("\ufeff")
    source = Source.of(path, text)
    if len(text) > MAX_CHARACTERS:
        return _unreadable(path, f"has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read")
    nothing = Scalar(Mark(source, 1, 1), "", None)
    odd = _NOT_YAML.search(text)
    if odd:
        before = Source.of(path, text[: odd.start()]).lines
        mark = Mark(source, len(before), len(before[-1]) + 1)
        problem = mark.problem(f"the character U+{ord(odd.group()):04X} has no place in a text file", "remove it")
        return Document(source, nothing, [problem])
    builder = _Builder(source)
    try:
        builder.build(yaml.parse(text, Loader=_LOADER))
    except yaml.YAMLError as error:
        problem = _syntax(source, error)
        if all(problem.line != earlier.line or problem.message != earlier.message for earlier in builder.problems):
            builder.problems.append(problem)
    root = builder.root if builder.root is not None else nothing
    return Document(source, root, builder.problems)


def _unreadable(path: str, reason: str, hint: str = "") -> Document:
    source = Source(path, "")
    return Document(source, Scalar(Mark(source, 1, 1), "", None), [Problem(path, 0, 0, 0, reason, hint)])


class _Stop(Exception):
    """A bound was reached: what follows is not looked at."""


@dataclass(slots=True)
class _Open:
    """A mapping or list that is being read. `key` waits for its value."""

    mark: Mark
    entries: dict[str, Entry] | None
    items: list[Node] = field(default_factory=list)
    key: Scalar | None = None
    expects_key: bool = True
    unquoted: bool = False
    """It is no mapping at all, but a `{{ template }}` without its quotes."""


class _Builder:
    """Puts nodes together from the parser's events, with a stack of its own instead of recursion."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self._stack: list[_Open] = []
        self._nodes = 0

    def build(self, events: Iterator[yaml.Event]) -> None:
        try:
            for event in events:
                self._take(event)
        except _Stop:
            pass
        while self._stack:
            self._close()

    def _take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.DocumentStartEvent) and self.root is not None:
            self._say(self._mark(event), "a second document", "one file, one document: remove the ---")
            raise _Stop
        if not isinstance(event, yaml.NodeEvent):
            if isinstance(event, yaml.CollectionEndEvent):
                self._close()
            return
        self._nodes += 1
        mark = self._mark(event)
        if self._nodes > MAX_NODES:
            self._say(mark, f"too much for one file: more than {MAX_NODES:,} keys and values")
            raise _Stop
        if isinstance(event, yaml.AliasEvent):
            self._add(self._alias(event, mark))
            return
        self._check_properties(event, mark)
        if isinstance(event, yaml.ScalarEvent):
            self._add(self._scalar(event, mark))
        else:
            self._open(event, mark)

    def _open(self, event: yaml.NodeEvent, mark: Mark) -> None:
        if len(self._stack) >= MAX_DEPTH:
            self._say(mark, f"nested more than {MAX_DEPTH} levels deep")
            raise _Stop
        parent = self._stack[-1] if self._stack else None
        if parent is not None and parent.entries is not None and parent.expects_key:
            if self.source.line(mark.line)[mark.column - 2 : mark.column] == "{{":
                template = Mark(self.source, mark.line, mark.column - 1, 2)
                self._say(template, "a template needs quotes around it", 'write "{{ … }}"')
                parent.unquoted = True
            else:
                self._say(mark, "a key must be text")
        mapping = isinstance(event, yaml.MappingStartEvent)
        self._stack.append(_Open(mark, {} if mapping else None))

    def _close(self) -> None:
        done = self._stack.pop()
        if done.unquoted:
            self._add(Scalar(done.mark, "template", "template", True, done.mark.line))
        elif done.entries is not None:
            if done.key is not None:  # the text broke off between a key and its value
                done.entries.setdefault(done.key.text, Entry(done.key, Scalar(done.key.mark, "", None)))
            self._add(Mapping(done.mark, done.entries))
        else:
            self._add(Items(done.mark, tuple(done.items)))

    def _add(self, node: Node) -> None:
        if not self._stack:
            self.root = node
            return
        parent = self._stack[-1]
        if parent.entries is None:
            parent.items.append(node)
        elif parent.expects_key:
            parent.expects_key = False
            parent.key = node if isinstance(node, Scalar) else None
        else:
            parent.expects_key = True
            if parent.key is not None:
                self._set(parent.entries, parent.key, node)
            parent.key = None

    def _set(self, entries: dict[str, Entry], key: Scalar, value: Node) -> None:
        first = entries.get(key.text)
        if first is None:
            entries[key.text] = Entry(key, value)
        else:
            self._say(key.mark, f'"{key.text}" is here twice', f"the first one is on line {first.key.mark.line}")

    def _scalar(self, event: yaml.ScalarEvent, mark: Mark) -> Scalar:
        quoted = event.style not in (None, "")
        text = str(event.value)
        value = text if quoted or event.tag == _TEXT_TAG else plain_value(text)
        if not quoted:
            self._check_comment(event)
        return Scalar(mark, text, value, quoted, _span(event)[1].line + 1)

    def _alias(self, event: yaml.AliasEvent, mark: Mark) -> Scalar:
        line = self.source.line(mark.line)
        written = line[mark.column - 1 :].split()[0] if line[mark.column - 1 :].split() else f"*{event.anchor}"
        written = written.rstrip(",]}")
        self._say(
            Mark(self.source, mark.line, mark.column, len(written)),
            f"a bare {written} is a YAML alias, not text",
            f'put quotes around it: "{written}"',
        )
        return Scalar(mark, written, written, True, mark.line)

    def _check_properties(self, event: yaml.NodeEvent, mark: Mark) -> None:
        if event.anchor:
            line = self.source.line(mark.line)
            self._say(mark, f"&{event.anchor} is a YAML anchor, which is not used here", _quote(line, "&"))
        tag = getattr(event, "tag", None)
        if tag and tag not in (_TEXT_TAG, "!"):
            self._say(mark, f"{tag} is a YAML tag, which is not used here", "remove it, or quote the text")

    def _check_comment(self, event: yaml.ScalarEvent) -> None:
        """`dial: #5` and `say: press #5` lose what follows the `#`, which nobody means."""
        start, end = _span(event)
        line = self.source.line(end.line + 1)
        rest = line[end.column :]
        lost = _LOST_COMMENT.match(rest)
        if lost and start.line == end.line:
            column = line.index(lost.group(1), end.column) + 1
            self._say(
                Mark(self.source, end.line + 1, column, len(lost.group(1))),
                f"a bare {lost.group(1)} is a comment, not text",
                f'put quotes around it: "{(event.value + " " + lost.group(1)).strip()}"',
            )

    def _mark(self, event: yaml.Event) -> Mark:
        start, end = _span(event)
        line = self.source.line(start.line + 1)
        if isinstance(event, yaml.CollectionStartEvent):
            length = 1
        elif end.line == start.line:
            length = max(1, end.column - start.column)
        else:
            length = max(1, len(line.rstrip()) - start.column)
        return Mark(self.source, start.line + 1, start.column + 1, length)

    def _say(self, mark: Mark, message: str, hint: str = "") -> None:
        self.problems.append(mark.problem(message, hint))


def _span(event: yaml.Event) -> tuple[yaml.Mark, yaml.Mark]:
    """Where an event starts and ends. The parser always knows; its type stubs do not."""
    return cast("yaml.Mark", event.start_mark), cast("yaml.Mark", event.end_mark)


def _quote(line: str, char: str) -> str:
    return "remove it" if line.count(char) == 1 else "put quotes around the text"


def _syntax(source: Source, error: yaml.YAMLError) -> Problem:
    """What the parser could not read, in words that a person can act on."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return Mark(source, 1, 1).problem(f"this is not YAML: {error}")
    said = error.problem or error.context or "this is not YAML"
    where = error.problem_mark or error.context_mark
    message, hint = said, ""
    for fragment, plain, mend in _ADVICE:
        if fragment in said:
            message, hint = plain, mend
            break
    if "quote is never closed" in message and error.context_mark is not None:
        where = error.context_mark
    if where is None:
        return Mark(source, 1, 1).problem(message, hint)
    number = min(where.line + 1, len(source.lines))
    line = source.line(number)
    column = min(where.column, len(line)) if number == where.line + 1 else len(line)
    template = re.search(r"(?:[:\-,{\[]\s+|[:{\[])(\{\{)", line)
    if template:
        mark = Mark(source, number, template.start(1) + 1, 2)
        return mark.problem("a template needs quotes around it", 'write "{{ … }}"')
    if line[column : column + 1] == "\t":
        message, hint = "a tab cannot indent", "use spaces"
    return Mark(source, number, column + 1).problem(message, hint)
