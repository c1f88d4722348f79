"""What every test shares: time is virtual unless a test is marked `real_time` or `interop`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from bot.clock import VirtualTimeLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    if item.get_closest_marker("real_time") or item.get_closest_marker("interop"):
        return {"real": asyncio.SelectorEventLoop}
    return {"virtual": VirtualTimeLoop}
