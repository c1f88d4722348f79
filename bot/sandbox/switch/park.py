"""Park locations: an answered call waits there with music until somebody takes it (wire notes, §8)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.media import hold_music
from bot.sandbox.switch.calls import Call
from bot.sandbox.switch.legs import BaseLeg
from bot.sandbox.switch.model import ParkLocation, Party, PartyStatus

__all__ = ["Replaces", "wait_parked"]


@dataclass(frozen=True, slots=True)
class Replaces:
    """The vendor's Replaces header: a telephony session id, and the tags of one of its parties."""

    session_id: str
    to_tag: str
    from_tag: str

    @classmethod
    def parse(cls, value: str) -> Replaces | None:
        """`s-…;to-tag=…;from-tag=…;early-only`, the parameters in any order; None when one is missing."""
        session_id, _, rest = value.partition(";")
        found = dict(re.findall(r"([a-z-]+)=([^;]+)", rest))
        if not session_id or "to-tag" not in found or "from-tag" not in found:
            return None
        return cls(session_id.strip(), found["to-tag"].strip(), found["from-tag"].strip())

    def retrieves(self, party: Party) -> bool:
        """Whether it names a parked party: its tags come swapped."""
        sip = party.sip_data
        return sip is not None and (self.to_tag, self.from_tag) == (sip.from_tag, sip.to_tag)

    def takes_over(self, party: Party) -> bool:
        """Whether it names a live party: its tags come as they are."""
        sip = party.sip_data
        return sip is not None and (self.to_tag, self.from_tag) == (sip.to_tag, sip.from_tag)


async def wait_parked(call: Call, waiting: BaseLeg, location: ParkLocation) -> BaseLeg | None:
    """Music for `waiting` until somebody retrieves the call; who did. None when `waiting` has just hung up."""
    party = waiting.party
    if party.over:
        location.session = None
        return None
    location.session, location.party = call.session, party
    party.park_location = location.id
    party.move(PartyStatus.PARKED)
    call.changed(party, location)
    call.note("park.parked", party.number, location=location.id)
    waiting.set_background(hold_music())
    try:
        leg = await call.retrieved()
    finally:
        location.session = location.party = None
        party.park_location = ""
        waiting.set_background(None)
        call.changed(party, location)
    call.note("park.retrieved", leg.party.number, location=location.id)
    return leg
