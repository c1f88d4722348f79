"""YAML text becomes nodes with places, or problems; never anything else, and never slowly."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.yaml12 import MAX_CHARACTERS, MAX_DEPTH, Items, Mapping, Scalar, load_document, load_file
from tests.effort import little_work


def value_of(text: str) -> object:
    document = load_document("a.yaml", text)
    assert not document.problems, [str(problem) for problem in document.problems]
    return document.node.plain()


def told(text: str) -> list[str]:
    """Each problem as `text under the caret: message (hint)`."""
    return [
        f"{problem.source_line[problem.column - 1 :][: problem.length]}: {problem.message}"
        + (f" ({problem.hint})" if problem.hint else "")
        for problem in load_document("a.yaml", text).problems
    ]


# Text that surprises nobody


@pytest.mark.parametrize("word", ["yes", "no", "on", "off", "Yes", "NO", "y", "n", "On", "tRue", "nil", "none"])
def test_words_are_words(word: str) -> None:
    assert value_of(f"a: {word}") == {"a": word}


@pytest.mark.parametrize(
    "text",
    [
        *("0123", "+16505550199", "12:30", "1_000", "0x1F", "0o17", "1e3", "+5", "-0", "1.2.3", ".5", "5.", ".inf"),
        *("1:2:3", "2026-03-01", "9" * 30, "1.0000000000000000000001"),
    ],
)
def test_what_looks_like_a_number_but_has_more_to_it_keeps_its_characters(text: str) -> None:
    assert value_of(f"a: {text}") == {"a": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("true", True), ("false", False), ("null", None), ("~", None), ("", None), ("0", 0), ("-12", -12)),
        *(("1.50", 1.5), ("102", 102), ("16505550123", 16505550123), ('"true"', "true"), ("'5'", "5"), ('""', "")),
        ("|\n  x", "x"),
    ],
)
def test_plain_values(text: str, value: object) -> None:
    found = value_of(f"a: {text}")
    assert found == {"a": value}
    assert isinstance(found, dict)
    assert type(found["a"]) is type(value)


def test_keys_are_text() -> None:
    assert value_of("1: a\nyes: b\ntrue: c\n0123: d") == {"1": "a", "yes": "b", "true": "c", "0123": "d"}


def test_a_scalar_keeps_what_was_typed() -> None:
    node = load_document("a", "a: 1.50").node
    assert isinstance(node, Mapping)
    scalar = node.get("a")
    assert isinstance(scalar, Scalar)
    assert (scalar.text, scalar.value) == ("1.50", 1.5)


# Places


def test_every_key_and_value_has_its_place() -> None:
    node = load_document("a", "a:\n  - b: [1, 'two']\n").node
    assert isinstance(node, Mapping)
    items = node.get("a")
    assert isinstance(items, Items)
    inner = items.items[0]
    assert isinstance(inner, Mapping)
    numbers = inner.get("b")
    assert isinstance(numbers, Items)
    places = [(n.mark.line, n.mark.column, n.mark.length) for n in (inner.entries["b"].key, *numbers)]
    assert places == [(2, 5, 1), (2, 9, 1), (2, 12, 5)]


@pytest.mark.parametrize(
    ("text", "part", "place"),
    [
        ("a: hello world", "world", (1, 10)),
        ("a: 'it''s {{ x }}'", "{{ x }}", (1, 11)),
        ('a: "say \\"hi\\" {{ x }}"', "{{ x }}", (1, 16)),
        ("a: |\n  first\n  then {{ x }}\n", "{{ x }}", (3, 8)),
        ("a: >\n  first x\n  then x\n", "x", (2, 9)),
        ("a: one one one", "one", (1, 4)),
    ],
)
def test_a_part_of_a_text_has_its_place(text: str, part: str, place: tuple[int, int]) -> None:
    node = load_document("a", text).node
    assert isinstance(node, Mapping)
    scalar = node.get("a")
    assert isinstance(scalar, Scalar)
    mark = scalar.part(scalar.text.index(part), len(part))
    assert (mark.line, mark.column, mark.length) == (*place, len(part))


# Mistakes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dial: *82", ['*82: a bare *82 is a YAML alias, not text (put quotes around it: "*82")']),
        ("dial: #5", ['#5: a bare #5 is a comment, not text (put quotes around it: "#5")']),
        ("say: press #5 now", ['#5: a bare #5 is a comment, not text (put quotes around it: "press #5")']),
        ("say: press 5 # not spoken", []),
        ("a: 1\nb: 2\na: 3", ['a: "a" is here twice (the first one is on line 1)']),
        ("a: &x 5", ["&x 5: &x is a YAML anchor, which is not used here (remove it)"]),
        ("a: !x 5", ["!x 5: !x is a YAML tag, which is not used here (remove it, or quote the text)"]),
        ("a: {{ x }}", ['{{: a template needs quotes around it (write "{{ … }}")']),
        ("a: {{ x }} y", ['{{: a template needs quotes around it (write "{{ … }}")']),
        ("- {b: {{ x }}}", ['{{: a template needs quotes around it (write "{{ … }}")']),
        ("? [a]\n: b", ["[: a key must be text"]),
        ("a: b: c", [':: a second key on one line (text with ": " in it needs quotes around it)']),
        ("a:\n\t- b", ["\t: a tab cannot indent (use spaces)"]),
        ("a: 'b", ["': the quote is never closed (add the closing quote)"]),
        ("a: %b", ["%: this character needs quotes (put quotes around the text)"]),
        ("a:\n  b: 1\n c: 2", ["c: this does not line up with what is above it (check the indentation)"]),
        ("a: - b", ["-: a list cannot begin here (start the list on a line of its own)"]),
        ("a\n---\nb", ["---: a second document (one file, one document: remove the ---)"]),
        ("a: \x07", ["\x07: the character U+0007 has no place in a text file (remove it)"]),
        ("a: \ud800", ["\ud800: the character U+D800 has no place in a text file (remove it)"]),
    ],
)
def test_mistakes_have_a_place_and_a_mend(text: str, expected: list[str]) -> None:
    assert told(text) == expected


def test_what_is_right_beside_a_mistake_is_still_read() -> None:
    document = load_document("a", "a: *82\nb: {{ x }}\nc: [1, *2]\nc: again\nd: fine")
    assert document.node.plain() == {"a": "*82", "b": "template", "c": [1, "*2"], "d": "fine"}
    assert len(document.problems) == 4


def test_a_billion_laughs_are_not_laughed() -> None:
    lines = ["a0: &a0 [lol, lol]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 30)]
    document = load_document("a", "\n".join(lines))
    assert len(document.problems) == 30 + 2 * 29


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "{a: " * 30_000, "- " * 60_000, "? " * 60_000, "a:\n" + " " * 10 + "[" * 99]
)
def test_nesting_is_bounded(text: str) -> None:
    with little_work():
        problems = load_document("a", text).problems
    assert f"nested more than {MAX_DEPTH} levels deep" in [problem.message for problem in problems]


def test_size_is_bounded() -> None:
    assert "at most" in load_document("a", "x" * (MAX_CHARACTERS + 1)).problems[0].message
    many = load_document("a", "[" + "1," * 60_000 + "]")
    assert [problem.message for problem in many.problems] == [
        "too much for one file: more than 50,000 keys and values"
    ]


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: caf\xe9\n")
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    (missing,) = load_file(tmp_path / "no.yaml").problems
    (latin,) = load_file(tmp_path / "latin.yaml", "latin.yaml").problems
    assert missing.message == "cannot be read: No such file or directory"
    assert str(latin) == "latin.yaml  is not UTF-8 text (line 2) (save it with the encoding UTF-8)"
    assert load_file(tmp_path / "bom.yaml").node.plain() == {"a": 1}


# Whatever comes


_PIECES = st.sampled_from(
    [
        *("- ", "a: ", "? ", ": ", "{", "}", "[", "]", ",", "\n", "  ", "&x ", "*x", "!t ", "|", ">", "'", '"', "#5"),
        *("---", "%", "@", "`", "\t", "\\", "{{", "}}", "é", "\u2028", "\x00", "\r", "0x", "<<: ", "..."),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=300), st.lists(_PIECES, max_size=80).map("".join)))
def test_no_text_makes_it_crash_or_linger(text: str) -> None:
    with little_work():
        document = load_document("a", text)
        document.node.plain()
        for problem in document.problems:
            assert str(problem)
