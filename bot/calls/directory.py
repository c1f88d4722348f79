"""The directory of calls: every live call of every phone, and the ways to place new ones.

It turns what the phones report into calls and events, and offers what needs more than one call: supervision and
retrieving a parked call.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from types import TracebackType
from typing import Any, Self

from bot.calls.agents import Agents, AgentState, QueueState
from bot.calls.call import Call
from bot.calls.events import Event, Listener
from bot.calls.locations import ParkLocations
from bot.calls.state import CallState
from bot.calls.supervision import CODES, SupervisionMode, TakeOver, supervise
from bot.clock import Clock
from bot.errors import CallEnded, NotRegistered, OperationRefused, UserError
from bot.log import get_logger
from bot.phone import (
    IncomingCall,
    OutboundSession,
    Phone,
    PhoneEvent,
    Registered,
    RegistrationLost,
    Session,
    SessionChanged,
    SessionState,
    Unregistered,
)

__all__ = ["Calls", "DialGate"]

log = get_logger(__name__)

DialGate = Callable[[str], str | None]
"""Asked before every outbound call: None, or the reason why this number must not be dialled."""


class Calls:
    """All calls of all phones. Use it as an async context manager: leaving it ends what it started.

    `park_locations` maps names to the platform's location ids; `gate` decides about every dialled number.
    """

    def __init__(
        self, clock: Clock, *, park_locations: Mapping[str, str] | None = None, gate: DialGate = lambda _number: None
    ) -> None:
        self._clock = clock
        self._gate = gate
        self._phones: dict[str, Phone] = {}
        self._extensions: dict[str, str] = {}
        self._caller_ids: dict[str, str] = {}
        self._live: dict[str, Call] = {}
        self._by_session: dict[Session, Call] = {}
        self._listeners: list[Listener] = []
        self._untold: deque[Event] = deque()
        self._numbers = itertools.count(1)
        self._take_overs: list[TakeOver] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self.watched = Agents(clock, self.publish)
        self.park_locations = ParkLocations(park_locations or {}, clock, self.publish)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What is known

    @property
    def live(self) -> Mapping[str, Call]:
        """The calls that are not over, by id."""
        return self._live

    @property
    def phones(self) -> Mapping[str, Phone]:
        return self._phones

    @property
    def agents(self) -> Mapping[str, AgentState]:
        return self.watched.agents

    @property
    def queues(self) -> Mapping[str, QueueState]:
        return self.watched.queues

    def line_busy(self, phone: str = "", *, besides: Call | None = None) -> bool:
        """Whether a phone (every phone when none is named) is in an answered call other than `besides`."""
        return any(
            call.state is CallState.ANSWERED and call is not besides and phone in ("", call.phone)
            for call in self._live.values()
        )

    def by_session_id(self, session_id: str) -> list[Call]:
        """Our live calls that belong to one telephony session."""
        return [call for call in self._live.values() if session_id and call.session_id == session_id]

    # Events

    def on_event(self, listener: Listener) -> Callable[[], None]:
        """Hear every event, in order; returns what stops it. A listener must return at once."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def publish(self, event: Event) -> None:
        """Tell all listeners. An event that a listener brings about is told when all have heard the one before."""
        if event.call:
            self._account(event.call)
        self._untold.append(event)
        if len(self._untold) > 1:
            return
        while self._untold:
            self._tell(self._untold[0])
            self._untold.popleft()

    def _call_tells(self, name: str, call: Call, details: Mapping[str, Any]) -> None:
        self.publish(Event(name, self._clock.now(), call, details))

    def _tell(self, event: Event) -> None:
        told = {key: value for key, value in event.data.items() if key not in ("name", "nm")}  # no people's names
        log.debug(event.name, call=event.call.id if event.call else None, **told)
        for listener in tuple(self._listeners):
            try:
                listener(event)
            except Exception:
                log.exception("listener failed", told=event.name)

    # Placing calls

    async def dial(
        self, number: str, *, phone: str = "", caller_id: str = "", headers: Mapping[str, str] | None = None
    ) -> Call:
        """Place a call; returns at once, while it is being dialled. `await call.answered()` waits for an answer.

        The gate keeps emergency and special numbers from being dialled, whoever asks. The rules of campaigns (hours,
        consent, do-not-call lists) are judged before they come here: a flow that calls back was asked to.

        Raises:
            OperationRefused: the dialling gate says no, with its reason.
            NotRegistered: no phone is up.
        """
        refusal = self._gate(number)
        if refusal:
            raise OperationRefused(f"{number} was not dialled: {refusal}", reason=refusal)
        return await self._place(number, phone, caller_id, headers)

    async def retrieve(self, location: str, *, phone: str = "", parked: Call | None = None) -> Call:
        """Pick up a call from a park location: what became of `parked`, or else the one that has waited longest.

        Raises:
            CallEnded: nobody waits there, or not the call that was asked for.
        """
        waiting = self.park_locations.waiting(location)
        wanted = next(
            (call for call in waiting if parked is None or parked.is_parked_as(call.session_id, call.number)), None
        )
        if wanted is None:
            raise CallEnded(f'the call that was parked at "{location}" does not wait there any more')
        target = self.park_locations[location].target
        return await self._place_service(target, phone, {"Replaces": wanted.replaces})

    async def supervise(self, agent: str, how: SupervisionMode, *, phone: str = "") -> Call:
        """Join, or take over, the call that an agent is in. Returns the call in which the customer is heard.

        Raises:
            OperationRefused: the take-over was not granted (no call to supervise, no monitoring group). Of the other
                ways the platform only speaks its refusal, and then ends the call.
        """
        if how not in CODES:
            raise UserError(f"{how!r} is no way to supervise", hint=f"one of {', '.join(CODES)}")
        return await supervise(
            lambda code: self._place_service(code, phone, None), self._expect_take_over, agent, how, self._clock
        )

    def _expect_take_over(self, take_over: TakeOver) -> Callable[[], None]:
        """The next inbound call from `*83`, or re-INVITE of the first call, belongs to this take-over."""
        self._take_overs.append(take_over)
        return lambda: self._take_overs.remove(take_over)

    def _adopt(self, session: Session, phone: str, *, service: bool = False) -> Call:
        """Make the call of a new session, without telling anyone yet."""
        call = Call(
            f"c-{next(self._numbers)}",
            session,
            phone,
            self._clock,
            self._call_tells,
            self.park_locations,
            self._consult,
        )
        call.service = service
        self._live[call.id] = call
        self._by_session[session] = call
        return call

    async def _consult(self, number: str, phone: str) -> Call:
        return await self.dial(number, phone=phone)

    async def _place_service(self, target: str, phone: str, headers: Mapping[str, str] | None) -> Call:
        """Call a service; here the 200 does mean an answer. A call that does not come up is hung up."""
        call = await self._place(target, phone, "", headers, service=True)
        session = call.session
        assert isinstance(session, OutboundSession)
        try:
            await session.answered()
            await session.media.connected()
        except BaseException:
            await call.hangup()
            raise
        call.assume_answered("the platform's service answers by itself")
        return call

    async def _place(
        self, target: str, phone: str, caller_id: str, headers: Mapping[str, str] | None, *, service: bool = False
    ) -> Call:
        chosen = self._choose(phone)
        caller_id = caller_id or self._caller_ids[chosen.name]
        session = await chosen.call(target, caller_id=caller_id, headers=headers)
        call = self._adopt(session, chosen.name, service=service)
        self.publish(Event("call.dialling", self._clock.now(), call, {"number": target}))
        if session.state is not SessionState.CALLING:
            self._follow(call, session.state)
        return call

    def _choose(self, name: str) -> Phone:
        """The phone of that name, or else the registered one with the fewest calls."""
        if name and name not in self._phones:
            raise UserError(f'no phone "{name}" is configured', hint=f"phones: {', '.join(self._phones) or 'none'}")
        candidates = [self._phones[name]] if name else list(self._phones.values())
        registered = [phone for phone in candidates if phone.registered]
        if not registered:
            raise NotRegistered(
                "no phone is registered at the moment", hint="the call was not placed; see phone.lost"
            )
        return min(registered, key=lambda phone: sum(call.phone == phone.name for call in self._live.values()))

    # What the phones report

    def add_phone(self, phone: Phone, extension: str = "", caller_id: str = "") -> None:
        """A phone whose calls are ours: its number in the account, and the number that its calls show."""
        self._phones[phone.name] = phone
        self._caller_ids[phone.name] = caller_id
        self._extensions[phone.name] = extension

    def phone_event(self, event: PhoneEvent) -> None:
        """Take in what a phone reports."""
        now = self._clock.now()
        match event:
            case IncomingCall(session=session):
                self._incoming(session)
            case SessionChanged(session=session, new=new):
                call = self._by_session.get(session)
                if call is not None:
                    self._follow(call, new)
            case Registered(phone=phone):
                self.publish(Event("phone.registered", now, None, {"phone": phone}))
            case RegistrationLost(phone=phone, error=error):
                self.publish(Event("phone.lost", now, None, {"phone": phone, "reason": str(error)}))
            case Unregistered():
                pass

    def _incoming(self, session: Session) -> None:
        for take_over in self._take_overs:
            if take_over.claims(session):
                take_over.incoming(self._adopt(session, session.phone, service=True))
                return
        call = self._adopt(session, session.phone)
        self.publish(Event("call.ringing", self._clock.now(), call))

    @staticmethod
    def _follow(call: Call, state: SessionState) -> None:
        if state is SessionState.RINGING:
            call.session_ringing()
        elif state is SessionState.ANSWERED:
            call.session_answered()
        elif state is SessionState.ENDED:
            call.session_ended()

    def _account(self, call: Call) -> None:
        """Keep the books on a call that has changed: who is live, and which of our extensions is engaged."""
        if not call.live:
            self._live.pop(call.id, None)
            self._by_session.pop(call.session, None)
            if call.companion is not None and call.companion.live:
                self._start(call.companion.hangup())
        engaged = any(other.phone == call.phone for other in self._live.values())
        self.watched.in_our_call(self._extensions.get(call.phone, ""), engaged)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
