"""REFER: blind transfer, park at a location, warm transfer. 202 has gone out; NOTIFYs and a BYE follow (§8)."""

from __future__ import annotations

import re
from urllib.parse import unquote

from bot.sandbox.endpoints import LegState
from bot.sandbox.switch.calls import Park, Transfer
from bot.sandbox.switch.model import ParkLocation
from bot.sandbox.switch.numbering import resolve
from bot.sandbox.wire.phone_leg import PhoneLeg
from bot.sip.messages import Request, address_of, number_of

__all__ = ["refer"]


async def refer(leg: PhoneLeg, request: Request) -> None:
    """Carry a REFER out, or tell by a NOTIFY with 486 that it cannot be."""
    target = request.header("Refer-To")
    await _notify(leg, "100 Trying", "active;expires=60")
    if (replaced := _replaced_call(target)) is not None:
        await _join(leg, replaced)
    else:
        await _transfer(leg, number_of(target))


def _replaced_call(refer_to: str) -> str | None:
    """The Call-Id in `<sip:…?Replaces=…>`, or None."""
    match = re.search(r"[?&]Replaces=([^&>]+)", address_of(refer_to), re.I)
    return unquote(match.group(1)).split(";")[0] if match else None


async def _transfer(leg: PhoneLeg, number: str) -> None:
    call, switch = leg.call, leg.call.switch
    destination = resolve(switch, number)
    order = Park(leg, destination) if isinstance(destination, ParkLocation) else Transfer(leg, number)
    taken = isinstance(destination, ParkLocation) and not destination.free
    if destination is None or taken or leg.state is not LegState.ANSWERED or call.other(leg) is None:
        await _refuse(leg, number)
        return
    if isinstance(destination, ParkLocation):
        # Taken from now on, so that nobody else parks here while the NOTIFY is under way.
        destination.session = call.session
    ordered = False
    try:
        await _notify(leg, "200 OK", "terminated;reason=noresource")
        ordered = call.order(order)
    finally:
        if isinstance(destination, ParkLocation) and not ordered:
            destination.session = None


async def _join(leg: PhoneLeg, call_id: str) -> None:
    """Warm transfer: whom the phone talks to in its other call takes its place in this one."""
    second = leg.core.dialogs.get(call_id)
    far = second.call.other(second) if isinstance(second, PhoneLeg) else None
    if not isinstance(second, PhoneLeg) or far is None or leg.call.other(leg) is None:
        await _refuse(leg, call_id)
        return
    call, old = leg.call, far.party
    party = call.add_party(old.number, old.name, old.direction, extension=old.extension)
    party.sip_data = old.sip_data
    call.adopt(far, party)
    second.drop()
    await _notify(leg, "200 OK", "terminated;reason=noresource")
    call.replace(leg, far)
    call.note("call.transferred", leg.party.number, to=old.number)


async def _refuse(leg: PhoneLeg, target: str) -> None:
    kind = "park.refused" if target.startswith("prk") else "call.refused"
    leg.call.note(kind, leg.party.number, to=target)
    await _notify(leg, "486 Busy Here", "terminated;reason=noresource")


async def _notify(leg: PhoneLeg, status: str, subscription: str) -> None:
    """How the transfer goes (RFC 3515 §2.4.5)."""
    if leg.dialog is None:
        return
    headers = {
        "Event": "refer",
        "Subscription-State": subscription,
        "Content-Type": "message/sipfrag;version=2.0",
    }
    await leg.dialog.transact("NOTIFY", headers, f"SIP/2.0 {status}\r\n")
