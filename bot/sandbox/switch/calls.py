"""One call: its session, its legs, what they hear, and the orders that change who talks to whom."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Literal, Protocol

from bot.clock import Clock
from bot.sandbox.endpoints import Endpoint, LegEnd, LegState
from bot.sandbox.options import SandboxOptions
from bot.sandbox.switch.announcements import Announcer
from bot.sandbox.switch.bridge import Bridge
from bot.sandbox.switch.legs import BaseLeg
from bot.sandbox.switch.model import Extension, Message, ParkLocation, Party, PartyStatus, Queue, Session
from bot.sandbox.switch.tasks import any_of

__all__ = ["Call", "Exchange", "HungUp", "Order", "Park", "Replace", "Transfer", "converse"]


@dataclass(frozen=True, slots=True)
class HungUp:
    """One of the two left."""

    by: BaseLeg


@dataclass(frozen=True, slots=True)
class Transfer:
    """`by` leaves, and the other one is connected to `target`."""

    by: BaseLeg
    target: str


@dataclass(frozen=True, slots=True)
class Park:
    """`by` leaves (or hangs up himself, later), and the other one waits at `location`."""

    by: BaseLeg
    location: ParkLocation
    leaves: bool = True


@dataclass(frozen=True, slots=True)
class Replace:
    """`new` takes the place of `old`, who leaves (or hangs up himself, later)."""

    old: BaseLeg
    new: BaseLeg
    leaves: bool = True


Order = Transfer | Park | Replace


class Exchange(Protocol):
    """The switch, as its calls need it."""

    options: SandboxOptions
    clock: Clock
    announcer: Announcer
    extensions: dict[str, Extension]
    queues: dict[str, Queue]
    park_locations: dict[str, ParkLocation]
    voicemails: list[Message]

    def endpoint(self, number: str) -> Endpoint | None: ...

    def reachable(self, extension: str) -> bool: ...

    def in_call(self, extension: str) -> bool: ...

    def talking(self, extension: str) -> tuple[Call, BaseLeg] | None: ...

    def make_leg(self, call: Call, party: Party, shown: Party) -> BaseLeg: ...

    def make_endpoint_leg(self, call: Call, party: Party, shown: Party, endpoint: Endpoint) -> BaseLeg: ...

    def changed(self, session: Session, party: Party, location: ParkLocation | None = None) -> None: ...

    def note(self, kind: str, who: str = "", session_id: str = "", **details: str) -> None: ...


class Call:
    """A telephony session at work. Its task (`routing.serve`) is its only driver; others give it orders."""

    def __init__(self, switch: Exchange, session: Session) -> None:
        self.switch = switch
        self.session = session
        self.bridge = Bridge()
        self.legs: list[BaseLeg] = []
        self.talking: tuple[BaseLeg, BaseLeg] | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.orders: asyncio.Queue[Order] = asyncio.Queue()
        self._retrieval: asyncio.Future[BaseLeg] | None = None
        self.headers: dict[str, str] = {}
        """Headers for the INVITEs to the called phones."""
        session.drop = self.end

    @property
    def session_id(self) -> str:
        return self.session.id

    def add_party(
        self, number: str, name: str, direction: Literal["Inbound", "Outbound"], *, extension: str = ""
    ) -> Party:
        index = 1 + max((int(party.id.rpartition("-")[2]) for party in self.session.parties), default=0)
        party = Party(f"p-{self.session.id[2:]}-{index}", direction, number, name, extension)
        self.session.parties.append(party)
        return party

    def add_leg(self, leg: BaseLeg) -> None:
        self.legs.append(leg)
        self.changed(leg.party)

    def move(self, party: Party, status: PartyStatus, reason: str = "") -> None:
        """Change a party's status and tell who listens."""
        if party.over:
            return
        if party.move(status, reason):
            self.changed(party)

    def changed(self, party: Party, location: ParkLocation | None = None) -> None:
        self.session.sequence += 1
        self.switch.changed(self.session, party, location)

    def note(self, kind: str, who: str = "", **details: str) -> None:
        """Add to the sandbox's story."""
        self.switch.note(kind, who, self.session.id, **details)

    def leave(self, leg: BaseLeg) -> None:
        self.bridge.leave(leg)
        if leg in self.legs:
            self.legs.remove(leg)
        if leg.party.status is not PartyStatus.VOICEMAIL:
            self.move(leg.party, PartyStatus.DISCONNECTED, "Cancelled" if leg.end is LegEnd.CANCELLED else "")

    def adopt(self, leg: BaseLeg, party: Party) -> None:
        """Take a leg of another call over as `party` of this one."""
        leg.call.leave(leg)
        leg.call, leg.party = self, party
        self.add_leg(leg)

    def key_pressed(self, leg: BaseLeg, digit: str) -> None:
        self.note("digit", leg.party.number, digit=digit)

    def hold(self, leg: BaseLeg, held: bool) -> None:
        """A leg put its other side on hold, or took it back."""
        if leg.held == held:
            return
        leg.held = held
        self.bridge.held()
        if leg.party.status in (PartyStatus.ANSWERED, PartyStatus.HOLD):
            self.move(leg.party, PartyStatus.HOLD if held else PartyStatus.ANSWERED)
        self.note("call.held" if held else "call.resumed", leg.party.number)

    def order(self, order: Order) -> bool:
        """Hand an order to the call's task; False when nobody is talking, so that it cannot be carried out."""
        by = order.old if isinstance(order, Replace) else order.by
        if self.talking is None or by not in self.talking:
            return False
        if isinstance(order, Park):
            order.location.session = self.session
        self.orders.put_nowait(order)
        return True

    def discard_orders(self) -> None:
        """Nobody talks any more: what was ordered too late is taken back."""
        while not self.orders.empty():
            match self.orders.get_nowait():
                case Park(location=location):
                    location.session = None
                case Replace(new=new):
                    new.drop()

    def replace(self, old: BaseLeg, new: BaseLeg, *, leaves: bool = True) -> bool:
        """Let `new` take the place of `old`; `new` is dropped when `old` talks no more."""
        if self.order(Replace(old, new, leaves)):
            return True
        new.drop()
        return False

    async def retrieved(self) -> BaseLeg:
        """While the call is parked: wait for the leg that takes it."""
        self._retrieval = asyncio.get_running_loop().create_future()
        try:
            return await self._retrieval
        finally:
            self._retrieval = None

    def retrieve(self, leg: BaseLeg) -> None:
        """`leg` takes the parked call; it is dropped when somebody else was faster."""
        if self._retrieval is None or self._retrieval.done():
            leg.drop()
        else:
            self._retrieval.set_result(leg)

    def other(self, leg: BaseLeg) -> BaseLeg | None:
        """Whom `leg` talks to."""
        if self.talking is None or leg not in self.talking:
            return None
        return self.talking[1] if leg is self.talking[0] else self.talking[0]

    def end(self) -> None:
        """Let everybody go; the call's task ends by that."""
        for leg in list(self.legs):
            leg.drop(LegEnd.HANGUP)

    def close(self) -> None:
        """The last step of the call's task."""
        self.end()
        self.bridge.close()
        for party in self.session.parties:
            self.move(party, PartyStatus.DISCONNECTED)
        if not self.over.done():
            self.over.set_result(None)


async def converse(call: Call, one: BaseLeg, two: BaseLeg) -> HungUp | Order:
    """Let two legs talk until one leaves or an order changes the call. Supervisors may join meanwhile."""
    call.talking = (one, two)
    order = asyncio.ensure_future(call.orders.get())
    try:
        for leg in (one, two):
            if leg.state is not LegState.ENDED:
                leg.connected()
                call.bridge.join(leg)
                call.move(leg.party, PartyStatus.HOLD if leg.held else PartyStatus.ANSWERED)
        await any_of(one.gone, two.gone, order)
        if one.gone.done() or two.gone.done():
            if order.done():
                call.orders.put_nowait(order.result())
            return HungUp(one if one.gone.done() else two)
        return order.result()
    finally:
        order.cancel()
        call.talking = None
        call.discard_orders()
        call.bridge.leave(one)
        call.bridge.leave(two)
