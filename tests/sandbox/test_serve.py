"""A sandbox on its own: one line when it is ready, and gone soon after it is told to."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import socket
import sys
import time

import httpx
import pytest

from bot.errors import ConfigError
from bot.sandbox.options import SandboxOptions
from bot.sandbox.people.model import SHIPPED
from bot.sandbox.serve import serve

PROGRAM = """
import asyncio, sys
from bot.sandbox.options import SandboxOptions
from bot.sandbox.serve import serve
asyncio.run(serve(SandboxOptions(), sys.stdout))
"""


@pytest.mark.real_time
@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
async def test_it_says_that_it_is_ready_and_ends_when_told(told: signal.Signals) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", PROGRAM, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(30):
        description = json.loads(await process.stdout.readline())
        async with httpx.AsyncClient(trust_env=False) as http:
            reply = await http.get(f"{description['rest']}/sandbox/people")
            assert reply.status_code == 200
            assert (await http.get(f"{description['rest']}/sandbox")).json() == description
        process.send_signal(told)
        begin = time.monotonic()
        assert await process.wait() == 0
    assert time.monotonic() - begin < 5


class Output(io.StringIO):
    """Tells when something was written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = asyncio.Event()

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)


async def test_it_ends_when_cancelled_and_leaves_nothing_behind() -> None:
    out = Output()
    before = asyncio.all_tasks()
    running = asyncio.create_task(serve(SandboxOptions(people=(SHIPPED,)), out, as_json=False))
    async with asyncio.timeout(30):
        await out.written.wait()
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    assert asyncio.all_tasks() == before
    assert "script ada-orders: " in out.getvalue()
    assert "password" not in out.getvalue()


async def test_a_taken_port_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"SIP port {port} cannot be used"):
            await serve(SandboxOptions(sip_port=port), io.StringIO())
