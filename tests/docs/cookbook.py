"""The blocks of the cookbook, recipe by recipe, as the files that a reader would make of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bot.yaml12 import Mapping, Scalar, load_document

__all__ = ["COOKBOOK", "Block", "Recipe", "recipes"]

COOKBOOK = Path("docs/cookbook.md")

_BLOCK = re.compile(r"^```(?P<kind>\w+) (?P<what>[^\n]+)\n(?P<text>.*?)^```$", re.M | re.S)
_FOLDERS = {"flow": "flows", "campaign": "flows/campaigns", "csv": "flows/campaigns", "people": "people"}


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what stands behind that, and its text."""

    kind: str
    what: str
    text: str


@dataclass
class Recipe:
    """A section of the cookbook."""

    title: str
    blocks: list[Block] = field(default_factory=list)

    def of(self, what: str) -> list[Block]:
        return [block for block in self.blocks if block.what == what]

    def write(self, folder: Path) -> None:
        """Write every block to the file that it would be: flows, campaigns and their lists, people, plugins."""
        for name in ("flows/campaigns", "people", "plugins"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for number, block in enumerate(self.blocks):
            path = _path(block, number)
            if path is not None:
                (folder / path).write_text(block.text, encoding="utf-8")

    def scripts(self) -> list[str]:
        """The scripts of its people, in the order of the page."""
        found = [_read(block).get("scripts") for block in self.of("people")]
        return [name for scripts in found if isinstance(scripts, Mapping) for name in scripts.entries]

    def flows(self) -> set[str]:
        names = [_read(block).get("flow") for block in self.of("flow")]
        return {name.text for name in names if isinstance(name, Scalar)}


def _read(block: Block) -> Mapping:
    node = load_document(block.what, block.text).node
    assert isinstance(node, Mapping), block
    return node


def _path(block: Block, number: int) -> str | None:
    if block.kind == "csv":
        return f"{_FOLDERS['csv']}/{block.what}"
    if block.kind == "python":
        return f"plugins/{block.what.removeprefix('plugin ')}"
    folder = _FOLDERS.get(block.what)
    return f"{folder}/{number}.yaml" if folder else None


def recipes() -> Iterator[Recipe]:
    """The recipes of the page, in its order."""
    for section in COOKBOOK.read_text(encoding="utf-8").split("\n## ")[1:]:
        title, _, text = section.partition("\n")
        yield Recipe(title, [Block(**match.groupdict()) for match in _BLOCK.finditer(text)])
