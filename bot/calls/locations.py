"""The park locations that the bot watches: who waits where, as presence tells it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.calls.events import Event, Listener
from bot.calls.parking import ParkedCall, ParkLocation
from bot.clock import Clock
from bot.errors import CallEnded, UserError

__all__ = ["ParkLocations"]


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
