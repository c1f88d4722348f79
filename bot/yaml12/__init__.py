"""YAML as people mean it: the 1.2 core rules, text that keeps its characters, and a place for every key and value.

Only `true` and `false` are booleans; `yes`, `no`, `on`, `off` are words. A phone number, an extension or a time of
day stays what was typed (`0123`, `+16505550199`, `12:30`, `1_000`); so do hexadecimal, octal and exponent forms.
Anchors, aliases, tags and further documents are refused; size, depth and the number of nodes are bounded.

    document = load_document("people.yaml", text)            # never raises: see document.problems
    problems = list(document.problems)
    person = to_model(document.node, Person, problems)       # None when something was wrong, and problems says what

`read_model(path, Person)` does all of it for a file, and raises `FileProblems`.
"""

from bot.yaml12.models import read_model, to_model
from bot.yaml12.nodes import Entry, Items, Mapping, Mark, Node, Plain, Scalar, Source
from bot.yaml12.reader import MAX_CHARACTERS, MAX_DEPTH, MAX_NODES, Document, load_document, load_file

__all__ = [
    "MAX_CHARACTERS",
    "MAX_DEPTH",
    "MAX_NODES",
    "Document",
    "Entry",
    "Items",
    "Mapping",
    "Mark",
    "Node",
    "Plain",
    "Scalar",
    "Source",
    "load_document",
    "load_file",
    "read_model",
    "to_model",
]
