"""The life of a call: connect the caller, let the two talk, follow orders, until somebody hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from bot.errors import CallEnded
from bot.log import get_logger
from bot.media import busy, reorder, sit
from bot.sandbox.switch.calls import Call, HungUp, Park, Replace, Transfer, converse
from bot.sandbox.switch.legs import Accepted, BaseLeg, Refused
from bot.sandbox.switch.model import Extension, ParkLocation, Queue
from bot.sandbox.switch.numbering import Destination, Outside, Supervision, resolve
from bot.sandbox.switch.outcomes import Connected, Redirect, follow, hearing_ringback, ringing_leg, to_voicemail
from bot.sandbox.switch.park import wait_parked
from bot.sandbox.switch.queues import connect_queue
from bot.sandbox.switch.ringing import ring
from bot.sandbox.switch.supervision import supervise
from bot.sandbox.switch.tasks import first_of

__all__ = ["connect", "serve"]

log = get_logger(__name__)

MAX_FORWARDS = 5
NOT_FOUND = 404
"""The status of a number that nobody has."""


async def serve(call: Call, caller: BaseLeg, destination: Destination) -> None:
    """Drive `call` from its first ring to its end. Everything of the call is gone on return."""
    try:
        await _serve(call, caller, destination)
    except CallEnded as ended:
        log.info("call ended by its audio", session=call.session_id, reason=str(ended))
    finally:
        call.close()


async def _serve(call: Call, waiting: BaseLeg, destination: Destination) -> None:
    step: Coroutine[Any, Any, BaseLeg | None] = connect(call, waiting, destination)
    while True:
        peer = await first_of(step, waiting.gone)
        if peer is None:
            return
        outcome = await converse(call, waiting, peer)
        match outcome:
            case HungUp():
                return
            case Transfer(by, target):
                waiting = peer if by is waiting else waiting
                by.drop()
                call.note("call.transferred", by.party.number, to=target)
                if (found := resolve(call.switch, target)) is None:
                    return
                step = connect(call, waiting, found)
            case Park(by, location, leaves):
                waiting = peer if by is waiting else waiting
                if leaves:
                    by.drop()
                step = wait_parked(call, waiting, location)
            case Replace(old, new, leaves):
                waiting = peer if old is waiting else waiting
                if leaves:
                    old.drop()
                step = _ready(new)


async def _ready(leg: BaseLeg) -> BaseLeg:
    return leg


async def connect(call: Call, caller: BaseLeg, destination: Destination) -> BaseLeg | None:
    """Who answered for `destination`; None when the switch itself has dealt with the caller to the end."""
    for _ in range(MAX_FORWARDS):
        connected = await _connect(call, caller, destination)
        if not isinstance(connected, Redirect):
            return connected
        destination = connected.destination
    await call.switch.announcer.say(caller, "This call was forwarded too often. Goodbye.")
    return None


async def _connect(call: Call, caller: BaseLeg, destination: Destination) -> Connected:
    match destination:
        case Extension():
            return await _connect_extension(call, caller, destination)
        case Queue():
            return await connect_queue(call, caller, destination)
        case Outside():
            return await _connect_outside(call, caller, destination)
        case Supervision(code):
            await supervise(call, caller, code)
        case ParkLocation():
            await call.switch.announcer.say(caller, "Nobody can be reached here. Goodbye.")
    return None


async def _connect_extension(call: Call, caller: BaseLeg, extension: Extension) -> Connected:
    number, name = extension.number, extension.name
    if extension.dnd_status == "DoNotAcceptAnyCalls" or not call.switch.reachable(number):
        await to_voicemail(call, caller, number, name)
        return None
    leg = ringing_leg(call, caller.party, extension)
    call.note("call.ringing", number)
    with hearing_ringback(caller):
        decided = await ring(call, [leg], call.switch.options.ring_time)
    return await follow(call, caller, *(decided or (leg, None)))


async def _connect_outside(call: Call, caller: BaseLeg, outside: Outside) -> BaseLeg | None:
    options, number = call.switch.options, outside.endpoint.number
    leg = ringing_leg(call, caller.party, outside)
    call.note("call.ringing", number)
    with hearing_ringback(caller):
        decided = await ring(call, [leg], options.outside_ring_time)
    if decided and isinstance(decided[1], Accepted):
        caller.connected()
        return leg
    if decided and decided[1] == Refused(NOT_FOUND):
        call.note("call.refused", number, reason=leg.party.reason)
        await caller.play(sit())
        await call.switch.announcer.say(caller, "The number you have dialled is not in service.")
        return None
    call.note("call.refused", number, reason=leg.party.reason)
    if decided:
        caller.set_background(busy() if leg.party.reason == "TargetBusy" else reorder())
        await asyncio.sleep(options.busy_time)
    return None
