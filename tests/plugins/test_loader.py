"""Loading plugins: what is a plugin, and how mistakes are told."""

from __future__ import annotations

import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from bot.actions import ActionRegistry, ActionSpec
from bot.plugins import PluginProblems, Plugins, load_plugins
from tests.plugins.conftest import Load, Write

HEARS = """
@hookimpl
def bot_call_event(event):
    pass
"""


def mistakes(load: Load) -> list[tuple[str, int, str, str]]:
    with pytest.raises(PluginProblems) as caught:
        load()
    return [(Path(one.path).name, one.line, one.message, one.hint) for one in caught.value.problems]


def test_every_file_is_a_plugin_but_those_with_an_underscore(write: Write, load: Load) -> None:
    write("b.py", HEARS)
    write("a-b.py", HEARS)
    write("_shared.py", "1 / 0")
    assert load().names == ["a-b", "b"]


def test_a_folder_that_is_not_there_is_empty(folder: Path) -> None:
    assert load_plugins(folder / "none", entry_points=False).names == []
    assert load_plugins(None, entry_points=False).names == []


def test_plugins_share_code_and_do_not_take_the_names_of_modules(write: Write, load: Load) -> None:
    write("_shared.py", "VALUE = 7")
    write("json.py", "from ._shared import VALUE\nimport json as real\nassert real.loads('7') == VALUE\n" + HEARS)
    assert load().names == ["json"]
    assert "VALUE" not in vars(sys.modules["json"])


def test_all_mistakes_of_all_plugins_are_told_at_once(write: Write, load: Load) -> None:
    write("a.py", "def broken(:\n    pass")
    write("b.py", "import no_such_package")
    write("c.py", "x = 1\nraise ValueError('no database')")
    write("d.py", "def helps(): ...")
    write("e.py", HEARS)
    found = mistakes(load)
    assert [(name, line) for name, line, _, _ in found] == [("a.py", 2), ("b.py", 2), ("c.py", 3), ("d.py", 0)]
    assert found[0][2].startswith("syntax error")
    assert "pip install no_such_package" in found[1][3]
    assert found[2][2] == "cannot be imported: ValueError: no database"
    assert found[3][2] == "has no hook"


def test_the_text_shows_place_line_and_summary(write: Write, load: Load) -> None:
    path = write("c.py", "x = 1\nraise ValueError('no database')")
    with pytest.raises(PluginProblems) as caught:
        load()
    assert f"{path}:3:1  cannot be imported: ValueError: no database" in str(caught.value)
    assert "    3 | raise ValueError('no database')" in str(caught.value)
    assert "1 error in 1 of 1 file." in str(caught.value)


@pytest.mark.parametrize(
    ("code", "message", "hint"),
    [
        (
            "@hookimpl\ndef bot_cal_event(event): ...",
            'unknown hook "bot_cal_event"',
            'did you mean "bot_call_event"?',
        ),
        (
            "@hookimpl\ndef bot_call_event(evnt): ...",
            'bot_call_event has no argument "evnt"',
            'did you mean "event"?',
        ),
        ("@hookimpl\ndef bot_stop(calls): ...", 'bot_stop has no argument "calls"', "it takes none"),
        (
            "@hookimpl\nasync def bot_actions(): ...",
            "bot_actions must be a plain function",
            "write def, not async def",
        ),
        ("@hookimpl\ndef bot_stop():\n    yield", "bot_stop must not yield", "wrappers are not supported"),
        ("x = 1\ndef bot_stop(): ...", "bot_stop is not marked as a hook", "write @hookimpl above it"),
    ],
)
def test_a_hook_that_is_wrong_is_told_at_its_line(
    write: Write, load: Load, code: str, message: str, hint: str
) -> None:
    write("p.py", code)
    ((name, line, found, advice),) = mistakes(load)
    assert (name, line, found) == ("p.py", 3, message)
    assert hint in advice


def test_a_plugin_that_exits_does_not_take_the_bot_with_it(write: Write, load: Load) -> None:
    write("p.py", "raise SystemExit(3)")
    ((_, line, message, _),) = mistakes(load)
    assert (line, message) == (2, "cannot be imported: SystemExit: 3")


def test_our_own_errors_keep_their_hint(write: Write, load: Load) -> None:
    write("p.py", "@action('x', main='nothing')\nasync def x(ctx, args: Arguments): ...")
    ((_, line, message, _),) = mistakes(load)
    assert line == 2
    assert "no argument" in message


def test_nothing_of_a_failed_loading_stays_behind(write: Write, load: Load) -> None:
    write("a.py", HEARS)
    write("p.py", "1 / 0")
    before = set(sys.modules)
    mistakes(load)
    assert not {name for name in set(sys.modules) - before if name.startswith("_bot_plugins")}


def test_installed_plugins_come_first(write: Write, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write("zebra.py", HEARS)
    write("installed_one.py", HEARS)
    monkeypatch.syspath_prepend(folder)
    entries = [EntryPoint("zoo", "installed_one", "bot"), EntryPoint("broken", "no_such_module", "bot")]
    monkeypatch.setattr("bot.plugins.loader.installed_entry_points", lambda group: entries[:1])
    own = folder / "own"
    own.mkdir()
    (folder / "zebra.py").rename(own / "zebra.py")
    assert load_plugins(own).names == ["zoo", "zebra"]
    monkeypatch.setattr("bot.plugins.loader.installed_entry_points", lambda group: entries)
    with pytest.raises(PluginProblems, match=r"broken \(installed: no_such_module\)"):
        load_plugins(own)


def registered(plugins: Plugins) -> ActionRegistry:
    registry = ActionRegistry()
    plugins.add_actions(ActionSpec, registry.add)
    return registry


GREET = """
class Greeting(Arguments):
    name: str

@action("greet", main="name")
async def greet(ctx: ActionContext, args: Greeting) -> str:
    "Say hello."
    return f"Hello {args.name}"

@hookimpl
def bot_actions():
    return [greet]
"""


async def test_a_plugin_adds_an_action_to_the_language(write: Write, load: Load) -> None:
    write("p.py", GREET)
    spec = registered(load())["greet"]
    assert (spec.main, spec.doc) == ("name", "Say hello.")
    assert await spec.run(None, spec.args(name="Ada")) == "Hello Ada"  # type: ignore[arg-type]


def test_every_action_that_cannot_be_added_is_told_with_its_plugin(write: Write, load: Load) -> None:
    write("a.py", GREET)
    write("b.py", GREET)
    write("c.py", "@hookimpl\ndef bot_actions():\n    return ['greet', 7]")
    write("d.py", "@hookimpl\ndef bot_actions():\n    return 1 / 0")
    with pytest.raises(PluginProblems) as caught:
        registered(load())
    assert [(Path(one.path).name, one.message) for one in caught.value.problems] == [
        ("b.py", 'two actions are called "greet"'),
        ("c.py", "bot_actions returned str where an action belongs"),
        ("c.py", "bot_actions returned int where an action belongs"),
        ("d.py", "bot_actions failed: ZeroDivisionError: division by zero"),
    ]
