"""Calling hooks: in order, with limits, and with nobody's failure touching anybody else."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
import structlog

import bot
from bot.calls import Calls, Event
from bot.clock import Clock
from tests.plugins.conftest import Load, Write

HEARD: list[Any] = []


@pytest.fixture(autouse=True)
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What plugins put into `bot.heard`, their only way to be seen from here."""
    HEARD.clear()
    monkeypatch.setattr(bot, "heard", HEARD, raising=False)
    return HEARD


GOOD = """
from bot import heard

@hookimpl
async def bot_call_event(event):
    heard.append(event.name)
"""


SLOW = """
import asyncio
from bot import heard

@hookimpl
async def bot_call_event(event):
    await asyncio.sleep({seconds})
    heard.append(event.name)
"""

LATE = """
from bot import heard

async def late():
    heard.append(1)

@hookimpl
def bot_stop():
    return late()
"""

HANGS = """
from bot import release

@hookimpl
def bot_call_event(event):
    release.wait(20)

@hookimpl
def bot_stop():
    pass
"""


def tell(calls: Calls, *names: str) -> None:
    for name in names:
        calls.publish(Event(name, Clock().now(), None, {}))


async def test_start_events_and_stop_come_in_this_order(write: Write, load: Load, calls: Calls) -> None:
    write(
        "p.py",
        """
        from bot import heard

        @hookimpl
        async def bot_start(calls):
            heard.append(type(calls).__name__)

        @hookimpl
        async def bot_call_event(event):
            heard.append(event.name)

        @hookimpl
        async def bot_stop():
            heard.append("stop")
        """,
    )
    async with load().running(calls):
        tell(calls, "phone.registered", "phone.lost")
    tell(calls, "phone.registered")
    assert HEARD == ["Calls", "phone.registered", "phone.lost", "stop"]


async def test_plain_functions_run_in_their_plugins_thread(write: Write, load: Load, calls: Calls) -> None:
    write(
        "p.py",
        """
        import threading
        from bot import heard

        @hookimpl
        def bot_call_event(event):
            heard.append((event.name, threading.current_thread().name))

        @hookimpl
        def bot_stop():
            heard.append(("stop", threading.current_thread().name))
        """,
    )
    async with load().running(calls):
        tell(calls, "a", "b")
    assert HEARD == [("a", "plugin-p"), ("b", "plugin-p"), ("stop", "plugin-p")]
    assert "plugin-p" not in {thread.name for thread in threading.enumerate()}


async def test_a_plain_function_may_return_what_must_be_awaited(write: Write, load: Load, calls: Calls) -> None:
    write("p.py", LATE)
    async with load().running(calls):
        pass
    assert HEARD == [1]


@pytest.mark.parametrize(
    "raising",
    [
        "raise ValueError('no')",
        "raise SystemExit(1)",
        "raise StopIteration",
        "raise TimeoutError",
        "import asyncio; raise asyncio.CancelledError",
    ],
)
@pytest.mark.parametrize("kind", ["def", "async def"])
async def test_a_failing_plugin_is_named_and_the_others_go_on(
    write: Write, load: Load, calls: Calls, raising: str, kind: str
) -> None:
    write("bad.py", f"@hookimpl\n{kind} bot_call_event(event):\n    {raising}")
    write("good.py", GOOD)
    with structlog.testing.capture_logs() as logs:
        async with load().running(calls):
            tell(calls, "a", "b")
    assert HEARD == ["a", "b"]
    failures = [(entry["plugin"], entry["hook"]) for entry in logs if entry["event"] == "plugin failed"]
    assert failures == [("bad", "bot_call_event")] * 2


async def test_a_slow_plugin_is_cut_off_and_holds_up_nobody(write: Write, load: Load, calls: Calls) -> None:
    write("a_slow.py", SLOW.format(seconds=1000))
    write("good.py", GOOD)
    with structlog.testing.capture_logs() as logs:
        async with load(event=10.0, stop=60.0).running(calls):
            tell(calls, "a", "b")
            await asyncio.sleep(1)
            assert HEARD == ["a", "b"]
            await asyncio.sleep(25)
    slow = [(entry["plugin"], entry["limit"]) for entry in logs if entry["event"] == "plugin too slow"]
    assert slow == [("a_slow", 10.0)] * 2


async def test_a_plugin_that_cannot_start_hears_nothing_and_is_not_stopped(
    write: Write, load: Load, calls: Calls
) -> None:
    write(
        "bad.py",
        GOOD + "@hookimpl\nasync def bot_start():\n    1 / 0\n@hookimpl\nasync def bot_stop():\n    heard.append(0)",
    )
    async with load().running(calls):
        tell(calls, "a")
        await asyncio.sleep(1)
    assert HEARD == []


async def test_events_beyond_what_may_wait_are_dropped_and_this_is_logged_once(
    write: Write, load: Load, calls: Calls
) -> None:
    write("p.py", SLOW.format(seconds=1))
    with structlog.testing.capture_logs() as logs:
        async with load(waiting=3, stop=60.0).running(calls):
            tell(calls, *"abcdefgh")
    assert HEARD == ["a", "b", "c"]
    assert [entry["first"] for entry in logs if entry["event"] == "plugin too slow"] == ["d"]


async def test_at_the_end_waiting_events_get_a_last_chance_but_no_more(
    write: Write, load: Load, calls: Calls
) -> None:
    write("p.py", SLOW.format(seconds=2))
    async with load(stop=5.0).running(calls):
        tell(calls, *"abcdefgh")
    assert HEARD == ["a", "b"]


async def test_leaving_by_an_error_stops_the_plugins_and_passes_it_on(write: Write, load: Load, calls: Calls) -> None:
    write("p.py", GOOD + "@hookimpl\nasync def bot_stop():\n    heard.append('stop')")
    before = asyncio.all_tasks()
    with pytest.raises(ZeroDivisionError):
        async with load().running(calls):
            raise ZeroDivisionError
    assert HEARD == ["stop"]
    assert asyncio.all_tasks() == before


async def test_a_start_that_is_cancelled_stops_what_was_started(write: Write, load: Load, calls: Calls) -> None:
    write("a.py", GOOD + "@hookimpl\nasync def bot_stop():\n    heard.append('stop')")
    write("b.py", "import asyncio\n@hookimpl\nasync def bot_start():\n    await asyncio.sleep(1000)")

    async def run() -> None:
        async with load().running(calls):
            pytest.fail("it had not started yet")

    running = asyncio.create_task(run())
    await asyncio.sleep(1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert HEARD == ["stop"]


@pytest.mark.real_time
async def test_a_plain_function_that_hangs_is_left_behind(write: Write, load: Load, calls: Calls) -> None:
    release = threading.Event()
    bot.release = release
    write("hung.py", HANGS)
    write("good.py", GOOD)
    try:
        with structlog.testing.capture_logs() as logs:
            async with load(event=0.05, stop=0.1).running(calls):
                tell(calls, "a", "b")
                await asyncio.sleep(0.2)
        assert HEARD == ["a", "b"]
        told = [(entry["event"], entry["plugin"]) for entry in logs if entry["log_level"] == "error"]
        assert told == [
            ("plugin too slow", "hung"),
            ("plugin stuck", "hung"),
            ("plugin left behind", "hung"),
        ]
    finally:
        release.set()
        del bot.release
