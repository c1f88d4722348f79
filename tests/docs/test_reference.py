"""The reference pages say what the models say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.reference import PAGES

DOCS = Path("docs")


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_up_to_date(name: str) -> None:
    written = (DOCS / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), f"docs/{name} is stale: run `make docs`"


def test_every_page_is_in_the_index() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    missing = [path.name for path in DOCS.glob("*.md") if path.name != "index.md" and f"({path.name})" not in index]
    assert not missing
