"""The switch: who can be called, which calls there are, and how a call comes to be."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from bot.clock import Clock
from bot.errors import CallFailed
from bot.media import MediaEngine, Speech
from bot.sandbox.endpoints import Endpoint, Leg, LegState
from bot.sandbox.events import Listeners, SandboxEvent
from bot.sandbox.options import SandboxOptions
from bot.sandbox.switch.announcements import Announcer
from bot.sandbox.switch.calls import Call
from bot.sandbox.switch.legs import BaseLeg
from bot.sandbox.switch.local_leg import LocalLeg
from bot.sandbox.switch.model import (
    Change,
    Extension,
    Message,
    ParkLocation,
    Party,
    PartyStatus,
    Queue,
    Session,
    SipData,
)
from bot.sandbox.switch.numbering import Destination, Supervision, resolve
from bot.sandbox.switch.park import Replaces
from bot.sandbox.switch.plan import make_extensions, make_park_locations, make_queues, password_of
from bot.sandbox.switch.routing import serve
from bot.sandbox.switch.tasks import Tasks, first_of

__all__ = ["Caller", "Opened", "Phones", "Switch"]


class Phones(Protocol):
    """The registered web phones, as the switch needs them."""

    def registered(self, extension: str) -> bool: ...

    def leg(self, call: Call, party: Party, shown: Party) -> BaseLeg:
        """A leg that rings all instances of `party.extension`; they see `shown` as the caller."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who places a call. `extension` is empty for an outside number."""

    number: str
    name: str = ""
    extension: str = ""


@dataclass(frozen=True, slots=True)
class Opened:
    """A call that is about to begin: make the caller's leg for `party` of `call`, then `start` it."""

    call: Call
    party: Party
    start: Callable[[BaseLeg], None]


class Switch:
    """`extensions` go by number, `queues` by extension number, `park_locations` and live `sessions` by id."""

    def __init__(self, options: SandboxOptions, media: MediaEngine, speech: Speech, clock: Clock) -> None:
        self.options = options
        self.clock = clock
        self.media = media
        self.rng = random.Random(options.seed)  # noqa: S311 - ids and tags; passwords come from plan
        self.announcer = Announcer(speech, options.menu_wait)
        self.extensions: dict[str, Extension] = make_extensions(options)
        self.queues: dict[str, Queue] = make_queues(options)
        self.park_locations: dict[str, ParkLocation] = make_park_locations(options)
        self.orbits: dict[str, ParkLocation] = {}
        self.sessions: dict[str, Session] = {}
        self.voicemails: list[Message] = []
        self.changes: Listeners[Change] = Listeners()
        self.events: Listeners[SandboxEvent] = Listeners()
        self.phones: Phones | None = None
        self.tasks = Tasks()
        self._calls: dict[str, Call] = {}
        self._endpoints: dict[str, Endpoint] = {}

    # Who there is.

    def add_endpoint(self, endpoint: Endpoint) -> Callable[[], None]:
        """Make `endpoint.number` callable; returns what removes it again. An extension's number is allowed, too:
        its calls then go to the endpoint while no web phone is registered for it."""
        self._endpoints[endpoint.number] = endpoint

        def remove() -> None:
            if self._endpoints.get(endpoint.number) is endpoint:
                del self._endpoints[endpoint.number]

        return remove

    def endpoint(self, number: str) -> Endpoint | None:
        return self._endpoints.get(number)

    def provision(self, extension: str) -> tuple[str, str]:
        """Mint an authorizationId and its password for a new device of an extension. Raises KeyError."""
        credentials = self.extensions[extension].credentials
        authorization_id = f"8000{extension}{len(credentials)}"
        credentials[authorization_id] = password_of(self.options.seed, authorization_id)
        return authorization_id, credentials[authorization_id]

    def free_orbit(self) -> ParkLocation | None:
        """A free one of the places `*801` to `*899`; None when all are taken."""
        for number in range(801, 900):
            orbit = self.orbits.setdefault(f"*{number}", ParkLocation(f"orbit{number}", "Orbit", f"*{number}"))
            if orbit.free:
                return orbit
        return None

    def reachable(self, extension: str) -> bool:
        """Whether anything would ring."""
        return extension in self._endpoints or (self.phones is not None and self.phones.registered(extension))

    def in_call(self, extension: str) -> bool:
        return any(leg.party.extension == extension for call in self._calls.values() for leg in call.legs)

    def call(self, session_id: str) -> Call:
        """A live call. Raises KeyError."""
        return self._calls[session_id]

    def talking(self, extension: str) -> tuple[Call, BaseLeg] | None:
        """The call in which an extension talks to somebody, and its leg there."""
        for call in self._calls.values():
            for leg in call.talking or ():
                if leg.party.extension == extension:
                    return call, leg
        return None

    # Calls.

    async def place_call(
        self,
        caller: Endpoint,
        callee: str,
        *,
        caller_id: str = "",
        name: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Leg:
        """Call `callee` for a person. Raises `CallFailed` (486) when the number cannot be called at all.

        `headers` go onto the INVITEs that the called phones get (`Alert-Info`, `Call-Info`); `Replaces` retrieves
        a parked call, with the location (`prk…`) as the callee.
        """
        extension = caller.number if caller.number in self.extensions else ""
        who = Caller(caller_id or caller.number, name or caller.name, extension)
        opened = self.open_call(who, callee, headers or {})
        if opened is None:
            raise CallFailed(f"{callee} cannot be called", status=486, reason="Busy Here")
        leg = LocalLeg(opened.call, opened.party, LegState.CALLING, (callee, ""), self.media)
        opened.call.add_leg(leg)
        opened.start(leg)
        return leg

    def open_call(self, caller: Caller, callee: str, headers: Mapping[str, str]) -> Opened | None:
        """The first step of every call; None when the number cannot be called or there is nothing to replace."""
        replaces = next((value for name, value in headers.items() if name.lower() == "replaces"), "")
        if replaces:
            return self._open_replacing(caller, callee, Replaces.parse(replaces))
        orbit = self.orbits.get(callee)
        if orbit is not None and orbit.session is not None and orbit.party is not None:
            call = self._calls[orbit.session.id]
            return Opened(call, self._add_party(call, caller), call.retrieve)
        destination = resolve(self, callee)
        if destination is None or isinstance(destination, ParkLocation):
            self.note("call.refused", caller.number, to=callee)
            return None
        return self._open_new(caller, callee, destination, headers)

    def _open_new(self, caller: Caller, callee: str, destination: Destination, headers: Mapping[str, str]) -> Opened:
        session_id = self._identifier()
        party = self._party(f"p-{session_id}-1", caller)
        number = str(self.rng.randrange(10**11, 10**12))
        session = Session(f"s-{session_id}", number, self.clock.now(), party, callee, parties=[party])
        call = Call(self, session)
        call.headers.update(headers)
        self.sessions[session.id] = session
        self._calls[session.id] = call
        call.note("call.placed", caller.number, to=callee)

        def start(leg: BaseLeg) -> None:
            if not isinstance(destination, Supervision):
                call.move(party, PartyStatus.PROCEEDING)
            self.tasks.start(self._serve(call, leg, destination), f"call {session.id}")

        return Opened(call, party, start)

    async def _serve(self, call: Call, leg: BaseLeg, destination: Destination) -> None:
        try:
            await serve(call, leg, destination)
        finally:
            self._forget(call)

    def _open_replacing(self, caller: Caller, callee: str, replaces: Replaces | None) -> Opened | None:
        call = self._calls.get(replaces.session_id) if replaces else None
        if call is None or replaces is None:
            return None
        location = self.park_locations.get(callee.removeprefix("prk")) if callee.startswith("prk") else None
        if location is not None:
            parked = location.party
            if location.session is not call.session or parked is None or not replaces.retrieves(parked):
                self.note("park.refused", caller.number, location=location.id)
                return None
            return Opened(call, self._add_party(call, caller), call.retrieve)
        old = next((leg for leg in call.talking or () if replaces.takes_over(leg.party)), None)
        if old is None:
            return None
        return Opened(call, self._add_party(call, caller), partial(_replace, call, old))

    def _party(self, party_id: str, caller: Caller) -> Party:
        return Party(party_id, "Outbound", caller.number, caller.name, caller.extension, sip_data=self.new_sip_data())

    def _add_party(self, call: Call, caller: Caller) -> Party:
        party = call.add_party(caller.number, caller.name, "Outbound", extension=caller.extension)
        party.sip_data = self.new_sip_data()
        return party

    def forget(self, opened: Opened) -> None:
        """Take back a call whose caller's leg never came to be."""
        call = opened.call
        call.move(opened.party, PartyStatus.DISCONNECTED)
        if len(call.session.parties) == 1:
            self._forget(call)

    def _forget(self, call: Call) -> None:
        del self._calls[call.session_id]
        del self.sessions[call.session_id]
        call.note("call.ended", call.session.caller.number)

    def make_leg(self, call: Call, party: Party, shown: Party) -> BaseLeg:
        """A leg for an extension: its web phones when some are registered, else the person who sits there."""
        endpoint = self._endpoints.get(party.extension)
        if endpoint is not None and not (self.phones is not None and self.phones.registered(party.extension)):
            return self.make_endpoint_leg(call, party, shown, endpoint)
        assert self.phones is not None
        leg = self.phones.leg(call, party, shown)
        call.add_leg(leg)
        return leg

    def make_endpoint_leg(self, call: Call, party: Party, shown: Party, endpoint: Endpoint) -> BaseLeg:
        """A ringing leg for a person."""
        party.sip_data = self.new_sip_data()

        def on_ring(leg: LocalLeg) -> None:
            self.tasks.start(self._attend(endpoint, leg), f"person {endpoint.number}")

        shown_as = (shown.number, shown.name)
        leg = LocalLeg(call, party, LegState.RINGING, shown_as, self.media, on_ring)
        call.add_leg(leg)
        return leg

    async def _attend(self, endpoint: Endpoint, leg: LocalLeg) -> None:
        """Run the person's part for as long as the leg lives."""
        await first_of(endpoint.ring(leg), leg.gone)

    # Ids.

    def _identifier(self) -> str:
        """Of the characters that the vendor's clients accept in session and party ids."""
        return f"a{self.rng.getrandbits(60):015x}z{self.rng.getrandbits(40):010x}"

    def tag(self) -> str:
        return f"{self.rng.getrandbits(64):016x}"

    def refused_ids(self) -> str:
        """`p-rc-api-ids` of a call that never comes to be."""
        identifier = self._identifier()
        return f"party-id=p-{identifier}-1;session-id=s-{identifier}"

    def new_sip_data(self) -> SipData:
        """For a party without a SIP dialog of its own."""
        return SipData(self.tag(), self.tag(), self.tag())

    # Telling.

    def changed(self, session: Session, party: Party, location: ParkLocation | None = None) -> None:
        self.changes.tell(Change(session, party, location))

    def note(self, kind: str, who: str = "", session_id: str = "", **details: str) -> None:
        self.events.tell(SandboxEvent(kind, self.clock.now(), who, session_id, details))

    def on_change(self, callback: Callable[[Change], None]) -> Callable[[], None]:
        return self.changes.add(callback)

    def on_event(self, callback: Callable[[SandboxEvent], None]) -> Callable[[], None]:
        return self.events.add(callback)

    async def close(self) -> None:
        """End every call, and wait until nothing of them is left."""
        for call in list(self._calls.values()):
            call.end()
        await self.tasks.close()


def _replace(call: Call, old: BaseLeg, new: BaseLeg) -> None:
    call.replace(old, new)
