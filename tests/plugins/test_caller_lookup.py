"""The plugin that ships: who is calling, from a CSV file."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import bot
from bot.actions import ActionSpec, builtin_actions
from bot.plugins import load_plugins
from bot.problems import FileProblems

PLUGINS = Path(bot.__file__).parent.parent / "plugins"


@pytest.fixture(scope="module")
def plugin() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location("caller_lookup_under_test", PLUGINS / "caller_lookup.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.mark.parametrize(
    "number", ["+16505550198", "16505550198", "(650) 555-0198", "650.555.0198", " +1 650 555 0198"]
)
async def test_finds_a_caller_by_any_spelling_of_the_number(number: str) -> None:
    plugins = load_plugins(PLUGINS, entry_points=False)
    registry = builtin_actions()
    plugins.add_actions(ActionSpec, registry.add)
    lookup = registry["lookup_caller"]
    assert lookup.main == "number"
    found: Any = await lookup.run(None, lookup.args(number=number))  # type: ignore[arg-type]
    assert (found.found, found.name, found.segment) == (True, "Grace Hopper", "gold")


@pytest.mark.parametrize("number", ["+16505550111", "", "anonymous", "1", "+" + "9" * 40])
def test_somebody_unknown_is_not_found(plugin: ModuleType, number: str) -> None:
    plugin.bot_actions()
    found = plugin.find(number)
    assert (found.found, found.name, found.segment) == (False, "", "")


def mistakes(plugin: ModuleType, path: Path, text: str) -> list[tuple[int, str]]:
    path.write_text(text)
    with pytest.raises(FileProblems) as caught:
        plugin.read_callers(path)
    return [(problem.line, problem.message) for problem in caught.value.problems]


def test_every_wrong_line_is_told_with_its_reason(plugin: ModuleType, tmp_path: Path) -> None:
    text = """number,name,segment
+16505550198,Grace,gold
abc,Ada,gold

+16505550197,Alan
(650) 555-0198,Grace again,gold
+16505550196,,gold
+16505550195,Edsger,
"""
    assert mistakes(plugin, tmp_path / "callers.csv", text) == [
        (3, '"abc" is not a phone number'),
        (5, "2 values where there must be 3"),
        (6, "(650) 555-0198 is listed twice"),
        (7, "name is missing"),
        (8, "segment is missing"),
    ]


@pytest.mark.parametrize("text", ["", "name,number\n", "+16505550198,Grace,gold\n"])
def test_the_columns_must_be_named(plugin: ModuleType, tmp_path: Path, text: str) -> None:
    assert mistakes(plugin, tmp_path / "c.csv", text) == [(1, "the first line must be number,name,segment")]


def test_a_file_that_is_not_there_is_told(plugin: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(FileProblems, match="cannot be read"):
        plugin.read_callers(tmp_path / "none.csv")


def test_quotes_and_a_byte_order_mark_are_read(plugin: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(b'\xef\xbb\xbfNumber, Name ,segment\r\n+16505550198,"Hopper, Grace",gold\r\n')
    assert plugin.read_callers(path)["+16505550198"].name == "Hopper, Grace"


@given(text=st.text(alphabet='+1650501989,"\n\ragold', max_size=80))
def test_any_file_is_read_or_refused(plugin: ModuleType, tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text("number,name,segment\n" + text, newline="")
    try:
        callers = plugin.read_callers(path)
    except FileProblems:
        return
    assert all(number.startswith("+") for number in callers)
