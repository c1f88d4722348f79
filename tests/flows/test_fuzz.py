"""Whatever a flow file holds, the loader ends soon, with flows or with problems."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.flows.loader import read_text
from bot.problems import format_problems
from tests.effort import little_work
from tests.flows.stage import actions

REGISTRY = actions()
SHIPPED = [path.read_text() for path in sorted((Path(__file__).parents[2] / "flows").glob("*.yaml"))]
WORDS = [
    *("flow", "on", "if", "mode", "do", "then", "else", "match", "cases", "inputs", "finally", "per", "call.ringing"),
    *(
        "agent.call.lasted",
        "over",
        "headers",
        "3m",
        "say",
        "answer",
        "set",
        "wait_for",
        "schedule",
        "target",
        "save_as",
    ),
    *(
        "timeout",
        "on_timeout",
        "on_error",
        "retry",
        "stop",
        "{{ caller.name }}",
        "{{ vars.x }}",
        "{{",
        "/(/",
        "*82",
        "",
    ),
]

_leaf = st.one_of(st.sampled_from(WORDS), st.integers(-5, 5), st.booleans(), st.none())
_tree = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(WORDS).map(str), inner, max_size=5)
    ),
    max_leaves=25,
)


def as_yaml(value: object) -> str:
    """Flow style, unquoted where that is possible, so that the reader meets all kinds of scalars."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_yaml(key)}: {as_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(as_yaml(item) for item in value) + "]"
    text = (
        {True: "true", False: "false", None: "null"}.get(value, str(value))
        if isinstance(value, bool | None)
        else str(value)
    )  # type: ignore[arg-type]
    return text if text and text.replace(".", "").replace("_", "").isalnum() else "'" + text.replace("'", "''") + "'"


def read(text: str) -> None:
    with little_work():
        _flows, problems = read_text(text, REGISTRY, variables={"x": 1})
        if problems:
            assert format_problems(problems)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from(WORDS[:14]), _tree, max_size=8))
def test_a_file_of_the_right_words_in_the_wrong_places(tree: dict[str, object]) -> None:
    read("\n".join(f"{as_yaml(key)}: {as_yaml(value)}" for key, value in tree.items()))


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(SHIPPED),
    st.integers(0, 2_000),
    st.integers(0, 40),
    st.sampled_from([*WORDS, "- ", "\n", "  ", ": "]),
)
def test_a_shipped_flow_with_a_part_replaced(text: str, at: int, length: int, by: str) -> None:
    at %= len(text)
    read(text[:at] + by + text[at + length :])


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    read(text)


def test_many_steps_and_deep_nesting_are_read_in_time() -> None:
    read("flow: a\non: call.ringing\ndo:\n" + "  - log: '{{ caller.name }} {{ caller.number }}'\n" * 600)
    nested = "".join(f"{'  ' * depth}- if: line.busy\n{'  ' * depth}  then:\n" for depth in range(1, 20))
    read("flow: a\non: call.ringing\ndo:\n" + nested + "  " * 21 + "- answer\n")
