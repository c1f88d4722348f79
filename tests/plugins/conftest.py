"""Plugins written into a folder, and calls to tell them about."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.calls import Calls
from bot.clock import Clock
from bot.plugins import PluginLimits, Plugins, load_plugins

Write = Callable[..., Path]
Load = Callable[..., Plugins]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def write(folder: Path) -> Write:
    """Write a plugin; the import of the public names is line 1."""

    def write(name: str, code: str) -> Path:
        path = folder / name
        path.write_text("from bot import *\n" + textwrap.dedent(code).strip("\n") + "\n")
        return path

    return write


@pytest.fixture
def load(folder: Path) -> Load:
    def load(**limits: Any) -> Plugins:
        return load_plugins(folder, entry_points=False, limits=PluginLimits(**limits))

    return load


@pytest.fixture
def calls() -> Calls:
    return Calls(Clock())
