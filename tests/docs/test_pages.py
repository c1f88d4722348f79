"""What the other pages show is so: plugins load, links lead somewhere, commands exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from bot.actions import ActionSpec, builtin_actions
from bot.cli import app
from bot.config import load_config
from bot.plugins import load_plugins
from bot.plugins.problems import PluginProblems
from bot.sandbox import SHIPPED, Sandbox, SandboxOptions

DOCS = Path("docs")
PAGES = sorted(DOCS.glob("*.md"))
_BLOCK = re.compile(r"^```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^```$", re.M | re.S)
_LINK = re.compile(r"\]\((?P<page>[\w-]+\.md)?(?:#(?P<part>[\w-]+))?\)")


def blocks(page: str, kind: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return [match["text"] for match in _BLOCK.finditer(text) if match["kind"] == kind]


def test_the_plugins_that_are_shown_load(tmp_path: Path) -> None:
    for number, text in enumerate(blocks("plugins.md", "python")):
        (tmp_path / f"shown_{number}.py").write_text(text, encoding="utf-8")
    plugins = load_plugins(tmp_path, entry_points=False)
    assert len(plugins.names) == 2
    registry = builtin_actions()
    plugins.add_actions(ActionSpec, registry.add)
    assert "spell" in registry


def test_a_mistake_in_a_plugin_is_told_as_shown(tmp_path: Path) -> None:
    (shown,) = blocks("plugins.md", "text")
    lines = ["from bot import Event, hookimpl", "", "", "@hookimpl", "async def bot_call_evnt(event: Event) -> None:"]
    path = tmp_path / "hello.py"
    path.write_text("\n".join([*lines, "    print(event)", ""]), encoding="utf-8")
    with pytest.raises(PluginProblems) as raised:
        load_plugins(tmp_path, entry_points=False)
    assert str(raised.value).replace(str(path), "plugins/hello.py") == shown.rstrip("\n")


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in _LINK.finditer(page.read_text(encoding="utf-8")):
        target = DOCS / link["page"] if link["page"] else page
        assert target.is_file(), link[0]
        assert link["part"] is None or link["part"] in anchors(target), link[0]


def commands(page: Path) -> Iterator[list[str]]:
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if not block["kind"]:
            for line in block["text"].splitlines():
                words = line.partition("#")[0].split()
                if words[:1] == ["bot"]:
                    yield words[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_one(page: Path) -> None:
    for words in commands(page):
        command = typer.main.get_command(app)
        while words and words[0] in getattr(command, "commands", {}):
            command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
        options = {option for parameter in command.params for option in parameter.opts}
        assert not getattr(command, "commands", {}), f"{words} is no command"
        assert {word for word in words if word.startswith("--")} <= options, words


async def test_the_sandbox_describes_itself_as_listed() -> None:
    text = (DOCS / "sandbox.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text, re.M)
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    async with Sandbox(SandboxOptions(people=(SHIPPED,))) as sandbox:
        assert sandbox.describe().keys() == listed


def test_the_configuration_for_people_of_ones_own_is_one(tmp_path: Path) -> None:
    _account, shown = blocks("sandbox.md", "yaml")
    (tmp_path / "own.yaml").write_text(shown + 'phones: [{name: desk, extension: "101"}]\n', encoding="utf-8")
    assert load_config(tmp_path / "own.yaml", {}).sandbox.people == (tmp_path / "people",)


def test_the_configuration_for_a_bot_in_another_process_is_one(tmp_path: Path) -> None:
    shown, _people = blocks("sandbox.md", "yaml")
    (tmp_path / "two.yaml").write_text(shown, encoding="utf-8")
    config = load_config(
        tmp_path / "two.yaml", {"RINGCENTRAL_CLIENT_ID": "sandbox", "RINGCENTRAL_CLIENT_SECRET": "x"}
    )
    assert config.media.loopback
