"""Running a sandbox on its own, for programs in other languages and for curious people: `bot sandbox`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import Iterator
from typing import Any, TextIO

from bot.sandbox.options import SandboxOptions
from bot.sandbox.sandbox import Sandbox

__all__ = ["serve", "summary"]


async def serve(options: SandboxOptions, out: TextIO, *, as_json: bool = True) -> None:
    """Run a sandbox until this is cancelled or the process is told to stop (SIGINT, SIGTERM, SIGHUP).

    As soon as everything answers, one line of JSON is written to `out` (`Sandbox.describe`), or, without `as_json`,
    a few lines for people.

    Raises:
        ConfigError: a port is taken, or a folder of people is not there.
        FileProblems: the files of the people have mistakes.
    """
    with _told_to_stop() as told:
        async with Sandbox(options) as sandbox:
            description = sandbox.describe()
            out.write((json.dumps(description) if as_json else summary(description)) + "\n")
            out.flush()
            await told.wait()


@contextlib.contextmanager
def _told_to_stop() -> Iterator[asyncio.Event]:
    """An event that the signals to stop set; one that is ignored stays so (nohup)."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    signals = [
        number
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    ]
    with contextlib.suppress(NotImplementedError):  # an event loop without signals, as on Windows
        for number in signals:
            loop.add_signal_handler(number, told.set)
    try:
        yield told
    finally:
        with contextlib.suppress(NotImplementedError):
            for number in signals:
                loop.remove_signal_handler(number)


def summary(description: dict[str, Any]) -> str:
    """What a person wants to know of a running sandbox; no passwords."""
    lines = [
        f"SIP over secure WebSockets  wss://{description['sip']}  (trust {description['certificate']})",
        f"REST and events             {description['rest']}",
        "extensions  " + ", ".join(f"{one['extension']} {one['name']}" for one in description["extensions"]),
    ]
    lines += [f"{one['number']}  {one['person']}: {one['about']}" for one in description["outside"]]
    lines += [f"{one['extension']:>12}  {one['person']}: {one['about']}" for one in description["desk_phones"]]
    scripts = {
        name: about
        for one in [*description["outside"], *description["desk_phones"]]
        for name, about in one["scripts"].items()
    }
    lines += [f"script {name}: {about}" for name, about in scripts.items()]
    return "\n".join(lines)
