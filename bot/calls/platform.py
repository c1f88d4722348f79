"""What the platform's events tell about calls: who was answered, which agents talk, who is parked.

`PlatformWatch` subscribes to the gateway for the extensions, queues and park locations that the configuration
names, reads their state after every new subscription, and feeds `Calls`.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass

from bot.calls.call import Call
from bot.calls.directory import Calls
from bot.calls.events import Event
from bot.calls.parking import ParkedCall
from bot.calls.state import Party
from bot.clock import Clock
from bot.errors import ConfigError, MalformedMessage
from bot.log import get_logger
from bot.ringcentral import Gateway, RestClient
from bot.ringcentral.directory import list_extensions, list_queues
from bot.ringcentral.frames import Notification
from bot.ringcentral.presence import (
    PRESENCE_EVENTS,
    QUEUE_PRESENCE_EVENTS,
    DndStatus,
    Presence,
    TelephonyStatus,
    fetch_presence,
    fetch_queue_members,
    read_queue_members,
)
from bot.ringcentral.telephony import SESSION_EVENTS, TelephonySession, merge

__all__ = ["PlatformWatch", "Watched"]

log = get_logger(__name__)

SESSIONS_KEPT = 1_000
"""Telephony sessions that are followed at a time."""

_CONNECTED = frozenset({TelephonyStatus.CALL_CONNECTED, TelephonyStatus.ON_HOLD})
_PARKED = frozenset({TelephonyStatus.PARKED, TelephonyStatus.UNKNOWN, TelephonyStatus.ON_HOLD})
_NO_QUEUE_CALLS = frozenset({DndStatus.TAKE_NONE, DndStatus.NO_QUEUE_CALLS})


@dataclass(frozen=True, slots=True)
class Watched:
    """What the configuration asks to watch.

    `agents` and `phones` are extension numbers; `queues` and `park_locations` map the flows' names to an
    extension number or an id of the platform.
    """

    phones: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    queues: Mapping[str, str] | None = None
    park_locations: Mapping[str, str] | None = None


class PlatformWatch:
    """Runs for as long as the bot does: `await run()` in a task of its owner."""

    def __init__(
        self,
        calls: Calls,
        rest: RestClient,
        watched: Watched,
        *,
        clock: Clock,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._calls = calls
        self._rest = rest
        self._watched = watched
        self._clock = clock
        self._ssl_context = ssl_context
        self._extensions: dict[str, str] = {}
        """Extension numbers by id."""
        self._queues: dict[str, str] = {}
        """Queue names by id."""
        self._locations: dict[str, str] = {
            location: name for name, location in (watched.park_locations or {}).items()
        }
        self._sessions: dict[str, TelephonySession] = {}
        """Those that go on, by id, the newest last."""
        self._sequences: dict[str, int] = {}
        self._gateway: Gateway | None = None

    async def prepare(self) -> None:
        """Look up the ids of what is watched: phones, agents, and the members of queues, whose calls tell who is
        free. Who joins a queue later is followed from the next start on.

        Raises:
            ConfigError: an extension or queue that the account does not have, all of them at once.
            RestError, NoReply, ConnectionFailed: as the REST client does.
        """
        wanted = set(self._watched.agents) | set(self._watched.phones)
        everyone = {extension.number: extension.id for extension in await list_extensions(self._rest)}
        missing = sorted(number for number in wanted if number not in everyone)
        queues = self._watched.queues or {}
        known = {key: queue.id for queue in await list_queues(self._rest) for key in (queue.number, queue.id)}
        missing += [f"queue {name} ({key})" for name, key in queues.items() if key not in known]
        if missing:
            raise ConfigError(f"the account has no {', '.join(missing)}", hint="see agents and queues in the config")
        self._extensions = {everyone[number]: number for number in wanted}
        self._queues = {known[key]: name for name, key in queues.items()}
        for queue_id in self._queues:
            members = await fetch_queue_members(self._rest, queue_id)
            self._extensions |= {member.id: member.extension_number for member in members}
        filters = [
            *(SESSION_EVENTS.format(extension_id=everyone[number]) for number in self._watched.phones),
            *(PRESENCE_EVENTS.format(extension_id=id_) for id_ in (*self._extensions, *self._locations)),
            *(QUEUE_PRESENCE_EVENTS.format(queue_id=id_) for id_ in self._queues),
        ]
        self._gateway = Gateway(
            self._rest,
            filters,
            self._notified,
            clock=self._clock,
            on_resync=self._read_everything,
            ssl_context=self._ssl_context,
        )

    async def ready(self) -> None:
        """Wait until events arrive."""
        assert self._gateway is not None
        await self._gateway.ready()

    async def run(self) -> None:
        """Receive events until cancelled. Raises as `Gateway.run` does."""
        assert self._gateway is not None
        stop = self._calls.on_event(self._call_event)
        try:
            await self._gateway.run()
        finally:
            stop()

    async def _read_everything(self) -> None:
        """After a new subscription: whatever was known may be out of date, and sequences may begin anew."""
        self._sessions.clear()
        self._sequences.clear()
        for queue_id in self._queues:
            await self._read_queue(queue_id)
        for extension_id in (*self._extensions, *self._locations):
            await self._read_presence(extension_id)

    async def _read_presence(self, extension_id: str) -> None:
        """Read a presence over REST; an event that comes meanwhile is newer, and stands."""
        known = self._sequences.get(extension_id)
        presence = await fetch_presence(self._rest, extension_id)
        if self._sequences.get(extension_id) == known:
            self._presence(presence)

    async def _read_queue(self, queue_id: str) -> None:
        members = await fetch_queue_members(self._rest, queue_id)
        accepting = {
            member.extension_number: member.accepts_queues and member.accepts_this_queue for member in members
        }
        self._calls.watched.set_queue(self._queues[queue_id], accepting)

    def _notified(self, notification: Notification) -> None:
        path = notification.event.partition("?")[0]
        try:
            if path.endswith("/telephony/sessions"):
                self._session(TelephonySession.read(notification.body))
            elif path.endswith("/presence") and "/call-queues/" in path:
                self._queue_event(path.split("/")[-2], notification)
            elif path.endswith("/presence"):
                self._presence(Presence.read(notification.body, path.split("/")[-2]))
        except MalformedMessage as error:
            log.warning("event not read", filter=notification.event, error=str(error))

    def _queue_event(self, queue_id: str, notification: Notification) -> None:
        queue = self._calls.queues.get(self._queues.get(queue_id, ""))
        if queue is None:
            return
        accepting = {agent.extension: agent.extension in queue.accepting for agent in queue.members}
        for member in read_queue_members(notification.body):
            extension = member.extension_number or self._extensions.get(member.id, "")
            if extension:
                accepting[extension] = member.accepts_queues and member.accepts_this_queue
        self._calls.watched.set_queue(queue.name, accepting)

    def _presence(self, presence: Presence) -> None:
        if presence.sequence and presence.sequence < self._sequences.get(presence.extension_id, 0):
            return
        self._sequences[presence.extension_id] = presence.sequence
        if presence.extension_id in self._locations:
            self._parked(self._locations[presence.extension_id], presence)
        extension = self._extensions.get(presence.extension_id)
        told = presence.status is not TelephonyStatus.UNKNOWN or presence.active_calls
        if extension is not None and told:
            self._calls.watched.update(
                extension,
                busy=not presence.free,
                accepts_calls=presence.dnd not in _NO_QUEUE_CALLS,
                talking_to=_other_party(presence),
            )

    def _parked(self, location: str, presence: Presence) -> None:
        waiting = tuple(
            ParkedCall(
                location,
                call.telephony_session_id,
                call.sip.to_tag,
                call.sip.from_tag,
                call.caller.number,
                call.caller.name,
            )
            for call in presence.active_calls
            if call.status in _PARKED and call.telephony_session_id
        )
        self._calls.park_locations.update(location, waiting)

    def _session(self, event: TelephonySession) -> None:
        session = merge(self._sessions.get(event.id), event)
        self._sessions[event.id] = session
        if session.over:
            del self._sessions[event.id]
        elif len(self._sessions) > SESSIONS_KEPT:  # some never end: their last event came before one that it overtook
            del self._sessions[next(iter(self._sessions))]
        for call in self._calls.by_session_id(session.id):
            _tell(call, session)

    def _call_event(self, event: Event) -> None:
        """A call that we placed learns its session id while it is set up; events may have told of it before."""
        if event.name == "call.alerting" and event.call is not None:
            session = self._sessions.get(event.call.session_id)
            if session is not None:
                _tell(event.call, session)


def _tell(call: Call, session: TelephonySession) -> None:
    """Tell a call what the platform says of our party in it."""
    party = session.parties.get(call.session.party_id)
    if party is not None:
        call.party_status(party.state.value, party.reason)


def _other_party(presence: Presence) -> Party | None:
    """Whom an extension talks to: the far end of its first connected call."""
    for call in presence.active_calls:
        if call.status in _CONNECTED:
            far = call.caller if call.direction == "inbound" else call.callee
            return Party(far.number, far.name)
    return None
