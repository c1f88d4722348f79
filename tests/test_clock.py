"""The virtual clock: days pass in no time, threads and sockets keep their place."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta

from bot.clock import VirtualClock
from tests.effort import little_work


async def test_three_days_pass_in_no_time() -> None:
    clock = VirtualClock(datetime(2026, 3, 1, tzinfo=UTC))
    with little_work():
        await clock.sleep(3 * 86_400)
        assert clock.now() == datetime(2026, 3, 4, tzinfo=UTC)


async def test_timers_fire_in_order_of_their_time() -> None:
    order: list[int] = []
    await asyncio.gather(*(_note(order, seconds) for seconds in (30, 10, 20)))
    assert order == [10, 20, 30]


async def _note(order: list[int], seconds: int) -> None:
    await asyncio.sleep(seconds)
    order.append(seconds)


async def test_no_virtual_time_passes_while_a_thread_works() -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    waiting = asyncio.ensure_future(asyncio.sleep(5))
    await loop.run_in_executor(None, time.sleep, 0.05)
    assert loop.time() == began
    await waiting
    assert loop.time() - began == 5


async def test_a_socket_between_two_parts_of_the_process_is_served_before_time_jumps() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(timedelta(seconds=1).total_seconds()):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"hello\n")
        assert await reader.readline() == b"hello\n"
    writer.close()
    await writer.wait_closed()
    server.close()
    await server.wait_closed()
