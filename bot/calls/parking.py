"""Park locations: who waits where, and what retrieving needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.calls.events import Event, Listener
from bot.clock import Clock
from bot.errors import CallEnded, UserError

__all__ = ["ParkLocation", "ParkLocations", "ParkedCall"]


@dataclass(frozen=True, slots=True)
class ParkedCall:
    """A call that waits: its telephony session and the two tags that presence reports for it."""

    location: str
    session_id: str
    to_tag: str
    from_tag: str
    number: str = ""
    name: str = ""

    @property
    def replaces(self) -> str:
        """The Replaces value that retrieves it. The two tags are swapped: see the wire notes, §8."""
        return f"{self.session_id};to-tag={self.from_tag};from-tag={self.to_tag};early-only"


@dataclass(slots=True)
class ParkLocation:
    """A named place on the platform. `id` is its extension id there; on the wire it is `prk<id>`."""

    name: str
    id: str
    parked: tuple[ParkedCall, ...] = ()

    @property
    def target(self) -> str:
        return f"prk{self.id}"


class ParkLocations(Mapping[str, ParkLocation]):
    """The configured locations by name, fed with what presence says about each."""

    def __init__(self, ids: Mapping[str, str], clock: Clock, publish: Listener) -> None:
        self._locations = {name: ParkLocation(name, location) for name, location in ids.items()}
        self._clock = clock
        self._publish = publish

    def __getitem__(self, name: str) -> ParkLocation:
        try:
            return self._locations[name]
        except KeyError:
            known = ", ".join(sorted(self._locations)) or "none"
            raise UserError(f'no park location "{name}" is configured', hint=f"park_locations has: {known}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._locations)

    def __len__(self) -> int:
        return len(self._locations)

    def update(self, name: str, parked: tuple[ParkedCall, ...]) -> None:
        """Take in one presence of a location: the calls that wait there now."""
        location = self[name]
        before = {call.session_id: call for call in location.parked}
        after = {call.session_id: call for call in parked}
        stayed = [after[session_id] for session_id in before if session_id in after]
        came = [call for session_id, call in after.items() if session_id not in before]
        location.parked = (*stayed, *came)
        for call in came:
            self._say("park.parked", call)
        for session_id, call in before.items():
            if session_id not in after:
                self._say("park.retrieved", call)

    def waiting(self, name: str) -> tuple[ParkedCall, ...]:
        """The calls at a location; the one that has waited longest comes first.

        Raises:
            CallEnded: nobody waits there.
        """
        location = self[name]
        if not location.parked:
            raise CallEnded(f'nobody waits at the park location "{name}"')
        return location.parked

    def _say(self, name: str, parked: ParkedCall) -> None:
        data = {
            "location": parked.location,
            "session_id": parked.session_id,
            "number": parked.number,
            "name": parked.name,
        }
        self._publish(Event(name, self._clock.now(), None, data))
