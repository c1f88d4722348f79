"""Stepping into an agent's call: the star codes, the digits, and both forms of a take-over (wire notes, §10)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal, get_args

from bot.calls.call import Call
from bot.clock import Clock
from bot.errors import OperationRefused
from bot.phone import Session

__all__ = ["CODES", "SupervisionMode", "TakeOver", "supervise"]

SupervisionMode = Literal["monitor", "whisper", "barge", "take_over"]

CODES: dict[str, str] = dict(zip(get_args(SupervisionMode), ("*80", "*81", "*82", "*83"), strict=True))

PAUSE = 1.5
"""Seconds between the answer and the digits: the platform asks for one to three."""

TAKE_OVER_LIMIT = 20.0
"""Seconds after the digits within which the customer must have been handed over."""


class TakeOver:
    """Waits for the customer: a further inbound call from `*83`, or a re-INVITE of the first call."""

    def __init__(self, first: Call) -> None:
        self._first = first
        self._handed_over: asyncio.Future[Call] = asyncio.get_running_loop().create_future()

    def claims(self, session: Session) -> bool:
        """Whether a new inbound session is the call that this take-over waits for: it comes to the same phone."""
        expected = session.remote_number == CODES["take_over"] and session.phone == self._first.session.phone
        return expected and not self._handed_over.done()

    def incoming(self, call: Call) -> None:
        """The customer's call came; from here on the two end together."""
        call.companion, self._first.companion = self._first, call
        self._handed_over.set_result(call)

    def renegotiated(self) -> None:
        """The first call got a re-INVITE: the customer is on it now."""
        if not self._handed_over.done():
            self._handed_over.set_result(self._first)

    async def customer(self) -> Call:
        """The call in which the customer is heard.

        Raises:
            OperationRefused: nothing came in time, or the first call ended.
        """
        ended = asyncio.ensure_future(self._first.ended())
        try:
            async with asyncio.timeout(TAKE_OVER_LIMIT):
                waits: set[asyncio.Future[Any]] = {self._handed_over, ended}
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        except TimeoutError:
            pass
        finally:
            ended.cancel()
        if not self._handed_over.done():
            raise OperationRefused(
                "the take-over was not granted",
                hint="the supervisor's extension needs a call monitoring group that has the agent in it",
            )
        return self._handed_over.result()


ExpectTakeOver = Callable[[TakeOver], Callable[[], None]]
"""Has new inbound sessions offered to a take-over first; the result stops that."""


async def supervise(
    place: Callable[[str], Awaitable[Call]], expect: ExpectTakeOver, agent: str, how: SupervisionMode, clock: Clock
) -> Call:
    """See `Calls.supervise`. `place` calls a service of the platform and waits until it is on the line."""
    first = await place(CODES[how])
    take_over = TakeOver(first)
    stop: list[Callable[[], None]] = []
    if how == "take_over":
        stop = [expect(take_over), first.session.on_renegotiated(take_over.renegotiated)]
    try:
        await clock.sleep(PAUSE)
        await first.send_digits(f"{agent}#")
        if how != "take_over":
            return first
        customer = await take_over.customer()
        if customer is not first:
            await customer.answer()
        return customer
    except BaseException:
        await first.hangup()
        raise
    finally:
        for remove in stop:
            remove()
