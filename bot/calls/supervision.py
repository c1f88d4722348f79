"""Stepping into an agent's call: the star codes, the digits, and both forms of a take-over (wire notes, §10)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, get_args

from bot.clock import Clock
from bot.errors import OperationRefused
from bot.phone import Session

if TYPE_CHECKING:
    from bot.calls.call import Call
    from bot.calls.directory import Calls

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
        """Whether a new inbound session is the call that this take-over waits for."""
        return not self._handed_over.done() and session.remote_number == CODES["take_over"]

    def incoming(self, call: Call) -> None:
        if not self._handed_over.done():
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


async def supervise(calls: Calls, agent: str, how: SupervisionMode, phone: str, clock: Clock) -> Call:
    """See `Calls.supervise`."""
    first = await calls.place_service(CODES[how], phone)
    take_over = TakeOver(first)
    stop: list[Callable[[], None]] = []
    if how == "take_over":
        stop = [calls.expect_take_over(take_over), first.session.on_renegotiated(take_over.renegotiated)]
    try:
        await clock.sleep(PAUSE)
        await first.send_digits(f"{agent}#")
        if how != "take_over":
            return first
        customer = await take_over.customer()
        if customer is not first:
            customer.companion, first.companion = first, customer
            await customer.answer()
        return customer
    except BaseException:
        await first.hangup()
        raise
    finally:
        for remove in stop:
            remove()
