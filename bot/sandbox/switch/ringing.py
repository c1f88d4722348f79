"""Ringing: offering a call to one leg or several, until one of them decides what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bot.sandbox.endpoints import LegEnd
from bot.sandbox.switch.calls import Call
from bot.sandbox.switch.legs import Accepted, BaseLeg, Refused, Verdict
from bot.sandbox.switch.model import PartyStatus

__all__ = ["ring"]


async def ring(
    call: Call, legs: Sequence[BaseLeg], seconds: float, *, refusals: tuple[type[Verdict], ...] = (Refused,)
) -> tuple[BaseLeg, Verdict] | None:
    """Ring all legs for `seconds`; who decided, and what. None: nobody did.

    A verdict of the kinds `refusals` takes one leg out and counts only when it is the last one's. All but an
    accepting leg are dropped on return, and on cancellation.
    """
    winner: BaseLeg | None = None
    try:
        for leg in legs:
            leg.ring()
        decided = await _first_decision(call, legs, seconds, refusals)
        if decided is None:
            for leg in legs:
                call.move(leg.party, PartyStatus.DISCONNECTED, "NoAnswer")
        elif isinstance(decided[1], Accepted):
            winner = decided[0]
            call.note("call.answered", winner.party.number)
        return decided
    finally:
        for leg in legs:
            if leg is not winner:
                leg.drop(LegEnd.CANCELLED)


async def _first_decision(
    call: Call, legs: Sequence[BaseLeg], seconds: float, refusals: tuple[type[Verdict], ...]
) -> tuple[BaseLeg, Verdict] | None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    replying = {leg: asyncio.ensure_future(leg.reply_started.wait()) for leg in legs}
    waiting: list[BaseLeg] = list(legs)
    refusal: tuple[BaseLeg, Verdict] | None = None
    try:
        while waiting and loop.time() < deadline:
            watched: set[asyncio.Future[object]] = {leg.verdict for leg in waiting}  # type: ignore[misc]
            watched |= set(replying.values())  # type: ignore[arg-type]
            await asyncio.wait(watched, timeout=deadline - loop.time(), return_when=asyncio.FIRST_COMPLETED)
            for leg in [leg for leg in replying if replying[leg].done()]:
                del replying[leg]
                deadline += call.switch.options.reply_extra
            for leg in [leg for leg in waiting if leg.verdict.done()]:
                waiting.remove(leg)
                verdict = Refused(487) if leg.verdict.cancelled() else leg.verdict.result()
                if not isinstance(verdict, refusals):
                    return leg, verdict
                refusal = leg, verdict
                reason = verdict.reason if isinstance(verdict, Refused) else "Rejected"
                call.move(leg.party, PartyStatus.DISCONNECTED, reason)
        return None if waiting else refusal
    finally:
        for task in replying.values():
            task.cancel()
