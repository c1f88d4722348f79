"""What becomes of a caller once a ringing extension has decided: talk, voicemail, reply menu, refusal, forwarding."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bot.media import ringback
from bot.sandbox.switch.calls import Call
from bot.sandbox.switch.legs import Accepted, BaseLeg, Forwarded, Refused, Rejected, Replied, ToVoicemail, Verdict
from bot.sandbox.switch.menu import reply_menu
from bot.sandbox.switch.model import Extension, Party
from bot.sandbox.switch.numbering import Destination, Outside, resolve
from bot.sandbox.switch.voicemail import take_message

__all__ = ["Connected", "Redirect", "follow", "hearing_ringback", "ringing_leg", "to_voicemail"]


@dataclass(frozen=True, slots=True)
class Redirect:
    """The caller goes on to somewhere else."""

    destination: Destination


Connected = BaseLeg | Redirect | None
"""Who answered, where to go on, or None when the switch itself has dealt with the caller to the end."""


@contextmanager
def hearing_ringback(caller: BaseLeg) -> Iterator[None]:
    caller.set_background(ringback())
    try:
        yield
    finally:
        caller.set_background(None)


def ringing_leg(call: Call, caller: Party, destination: Extension | Outside) -> BaseLeg:
    """A leg for a new party of the call, ready to be rung."""
    if isinstance(destination, Outside):
        endpoint = destination.endpoint
        party = call.add_party(endpoint.number, endpoint.name, "Inbound")
        return call.switch.make_endpoint_leg(call, party, caller, endpoint)
    party = call.add_party(destination.number, destination.name, "Inbound", extension=destination.number)
    return call.switch.make_leg(call, party, caller)


async def follow(call: Call, caller: BaseLeg, leg: BaseLeg, verdict: Verdict | None) -> Connected:
    """Do what the one behind `leg` decided; None as a verdict: nobody answered in time."""
    party = leg.party
    match verdict:
        case Accepted():
            caller.connected()
            return leg
        case Forwarded(target) if (found := resolve(call.switch, target)) is not None:
            call.note("call.forwarded", party.number, to=target)
            return Redirect(found)
        case Rejected():
            await _refuse(call, caller, party)
        case Replied():
            if await reply_menu(call, caller, party, verdict):
                await to_voicemail(call, caller, party.number, party.name)
        case Forwarded() | ToVoicemail() | Refused() | None:
            await to_voicemail(call, caller, party.number, party.name)
    return None


async def to_voicemail(call: Call, caller: BaseLeg, extension: str, name: str) -> None:
    """The caller leaves a message in the box of an extension or queue, which is a party of the call then."""
    await take_message(call, caller, call.add_party(extension, name, "Inbound", extension=extension))


async def _refuse(call: Call, caller: BaseLeg, party: Party) -> None:
    """Command 12: ringback for some seconds more, then an announcement, and no voicemail."""
    call.note("call.refused", party.number)
    with hearing_ringback(caller):
        await asyncio.sleep(call.switch.options.reject_ringback)
    caller.connected()
    name = party.name or party.number
    await call.switch.announcer.say(caller, f"{name} cannot take your call. Please try again later. Goodbye.")
