"""The switch's facts as the REST interface and the event gateway show them: extensions, sessions, parties, places.

A telephony session (`s-…`) is one call; a party (`p-…-N`) is one participant of it, with a status of its own.
Status names are the platform's. Nothing here acts; the call model moves these, and only along `MOVES`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from bot.errors import IllegalTransition
from bot.media import SAMPLE_RATE, Pcm

__all__ = [
    "MOVES",
    "Change",
    "Extension",
    "Message",
    "ParkLocation",
    "Party",
    "PartyStatus",
    "Queue",
    "Session",
    "SipData",
]


class PartyStatus(enum.Enum):
    """`parties[].status.code`."""

    SETUP = "Setup"
    PROCEEDING = "Proceeding"
    ANSWERED = "Answered"
    HOLD = "Hold"
    PARKED = "Parked"
    VOICEMAIL = "VoiceMail"
    DISCONNECTED = "Disconnected"


_S = PartyStatus
MOVES: dict[PartyStatus, frozenset[PartyStatus]] = {
    _S.SETUP: frozenset({_S.PROCEEDING, _S.ANSWERED, _S.HOLD, _S.VOICEMAIL, _S.DISCONNECTED}),
    _S.PROCEEDING: frozenset({_S.ANSWERED, _S.HOLD, _S.VOICEMAIL, _S.DISCONNECTED}),
    _S.ANSWERED: frozenset({_S.HOLD, _S.PARKED, _S.DISCONNECTED}),
    _S.HOLD: frozenset({_S.ANSWERED, _S.PARKED, _S.DISCONNECTED}),
    _S.PARKED: frozenset({_S.ANSWERED, _S.HOLD, _S.DISCONNECTED}),
    _S.VOICEMAIL: frozenset({_S.DISCONNECTED}),
    _S.DISCONNECTED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class SipData:
    """The dialog behind a party: `parties[].sipData`. The tags are those of the INVITE's From and To."""

    call_id: str
    from_tag: str
    to_tag: str


@dataclass(slots=True)
class Party:
    """One participant. `direction` is Outbound for who placed the call, Inbound for who was called."""

    id: str
    direction: Literal["Inbound", "Outbound"]
    number: str
    """`+1…` of an outside party, the extension number of an inside one."""
    name: str = ""
    extension: str = ""
    """The extension number, or empty for an outside party."""
    status: PartyStatus = PartyStatus.SETUP
    reason: str = ""
    sip_data: SipData | None = None
    park_location: str = ""
    """The id of the park location that the party waits at, or empty."""
    queue_call: bool = False

    def move(self, status: PartyStatus, reason: str = "") -> bool:
        """Go to `status`; False when the party is there already. Raises `IllegalTransition`."""
        if status is self.status:
            return False
        if status not in MOVES[self.status]:
            raise IllegalTransition(f"party {self.id}: {self.status.value} to {status.value}")
        self.status, self.reason = status, reason
        return True

    @property
    def over(self) -> bool:
        return self.status is PartyStatus.DISCONNECTED


@dataclass(slots=True)
class Session:
    """One call: `telephonySessionId` is `id`, `sessionId` is `number`; `sequence` grows with each change."""

    id: str
    number: str
    started: datetime
    caller: Party
    to_number: str
    to_name: str = ""
    queue: str = ""
    """The extension number of the queue that it came through, or empty."""
    parties: list[Party] = field(default_factory=list)
    sequence: int = 0
    drop: Callable[[], None] | None = None
    """Ends the whole call."""

    def party(self, party_id: str) -> Party | None:
        return next((party for party in self.parties if party.id == party_id), None)

    @property
    def over(self) -> bool:
        return all(party.over for party in self.parties)


@dataclass(slots=True)
class Extension:
    """A user with phones. `credentials` are authorizationId and password of each provisioned device."""

    number: str
    id: str
    direct_number: str
    name: str
    username: str
    credentials: dict[str, str] = field(default_factory=dict)
    dnd_status: str = "TakeAllCalls"


@dataclass(slots=True)
class Queue:
    """A call queue. `accepting` says of each agent whether he takes its calls."""

    id: str
    name: str
    extension: str
    accepting: dict[str, bool] = field(default_factory=dict)
    waiting: list[Session] = field(default_factory=list)


@dataclass(slots=True)
class ParkLocation:
    """A place behind `prk<id>` where one answered call can wait."""

    id: str
    name: str
    extension: str
    session: Session | None = None
    """The session that waits here or is on its way, and who waits in it."""
    party: Party | None = None

    @property
    def free(self) -> bool:
        return self.session is None or self.session.over


@dataclass(frozen=True, slots=True)
class Message:
    """A message that somebody left for an extension (or a queue's)."""

    extension: str
    caller_number: str
    caller_name: str
    session_id: str
    at: datetime
    pcm: Pcm

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.pcm) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Change:
    """What `Switch.on_change` tells: `party` of `session` has changed; `location` is set when a park location did."""

    session: Session
    party: Party
    location: ParkLocation | None = None
