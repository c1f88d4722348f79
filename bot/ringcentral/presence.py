"""Presence: what an extension, a park location or the members of a call queue are doing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from bot.ringcentral.fields import Json, boolean, integer, mapping, records, text
from bot.ringcentral.http import Endpoint, RestClient
from bot.ringcentral.limits import Group
from bot.ringcentral.telephony import PartyAddress, SipData

__all__ = [
    "PRESENCE_EVENTS",
    "QUEUE_PRESENCE_EVENTS",
    "ActiveCall",
    "DndStatus",
    "Presence",
    "QueueMember",
    "TelephonyStatus",
    "fetch_presence",
    "fetch_queue_members",
    "read_queue_members",
]

PRESENCE_EVENTS = "/restapi/v1.0/account/~/extension/{extension_id}/presence?detailedTelephonyState=true&sipData=true"
"""Event filter; a park location's id stands for the extension id. Needs the permission ReadPresence."""
QUEUE_PRESENCE_EVENTS = "/restapi/v1.0/account/~/call-queues/{queue_id}/presence"

_PRESENCE = Endpoint("GET", "/restapi/v1.0/account/~/extension/{extension_id}/presence", Group.LIGHT)
_QUEUE_PRESENCE = Endpoint("GET", "/restapi/v1.0/account/~/call-queues/{queue_id}/presence", Group.LIGHT)


class TelephonyStatus(Enum):
    NO_CALL = "nocall"
    RINGING = "ringing"
    CALL_CONNECTED = "callconnected"
    ON_HOLD = "onhold"
    PARKED = "parkedcall"
    UNKNOWN = ""


class DndStatus(Enum):
    """Do not disturb. "Department" is what the platform used to call a call queue."""

    TAKE_ALL = "takeallcalls"
    TAKE_NONE = "donotacceptanycalls"
    NO_QUEUE_CALLS = "donotacceptdepartmentcalls"
    QUEUE_CALLS_ONLY = "takedepartmentcallsonly"
    UNKNOWN = ""


_TELEPHONY: Mapping[str, TelephonyStatus] = {status.value: status for status in TelephonyStatus}
_DND: Mapping[str, DndStatus] = {status.value: status for status in DndStatus}


@dataclass(frozen=True, slots=True)
class ActiveCall:
    """A call that an extension is in, or that waits at a park location.

    Attributes:
        telephony_session_id: `s-…`; together with `sip`'s tags it retrieves a parked call.
    """

    id: str
    status: TelephonyStatus
    direction: str = ""
    caller: PartyAddress = field(default_factory=PartyAddress)
    callee: PartyAddress = field(default_factory=PartyAddress)
    session_id: str = ""
    telephony_session_id: str = ""
    party_id: str = ""
    sip: SipData = field(default_factory=SipData)

    @classmethod
    def read(cls, body: Json) -> ActiveCall:
        return cls(
            id=text(body, "id"),
            status=_TELEPHONY.get(text(body, "telephonyStatus").lower(), TelephonyStatus.UNKNOWN),
            direction=text(body, "direction").lower(),
            caller=PartyAddress(text(body, "from"), text(body, "fromName")),
            callee=PartyAddress(text(body, "to"), text(body, "toName")),
            session_id=text(body, "sessionId"),
            telephony_session_id=text(body, "telephonySessionId"),
            party_id=text(body, "partyId"),
            sip=SipData.read(mapping(body, "sipData")),
        )


@dataclass(frozen=True, slots=True)
class Presence:
    """What one extension or park location is doing. A lower `sequence` is older."""

    extension_id: str
    status: TelephonyStatus
    dnd: DndStatus = DndStatus.UNKNOWN
    active_calls: tuple[ActiveCall, ...] = ()
    sequence: int = 0

    @classmethod
    def read(cls, body: Json, extension_id: str = "") -> Presence:
        """The body of a presence event or reply; `extension_id` is for a body that does not name it."""
        return cls(
            extension_id=text(body, "extensionId") or text(mapping(body, "extension"), "id") or extension_id,
            status=_TELEPHONY.get(text(body, "telephonyStatus").lower(), TelephonyStatus.UNKNOWN),
            dnd=_DND.get(text(body, "dndStatus").lower(), DndStatus.UNKNOWN),
            active_calls=tuple(ActiveCall.read(item) for item in records(body, "activeCalls")),
            sequence=integer(body, "sequence"),
        )

    @property
    def free(self) -> bool:
        """In no call. Whether calls are taken is `dnd`'s to say."""
        return self.status is TelephonyStatus.NO_CALL and not self.active_calls


@dataclass(frozen=True, slots=True)
class QueueMember:
    """Whether a member takes the calls of one queue. An event tells only `id` and `accepts_this_queue`."""

    id: str
    extension_number: str = ""
    accepts_queues: bool = True
    accepts_this_queue: bool = False


def read_queue_members(body: Json) -> tuple[QueueMember, ...]:
    """The body of a call queue's presence, as event or reply."""
    return tuple(
        QueueMember(
            id=text(mapping(item, "member"), "id"),
            extension_number=text(mapping(item, "member"), "extensionNumber"),
            accepts_queues=item.get("acceptQueueCalls") is not False,
            accepts_this_queue=boolean(item, "acceptCurrentQueueCalls"),
        )
        for item in records(body, "records")
    )


async def fetch_presence(rest: RestClient, extension_id: str) -> Presence:
    """The presence of an extension or park location. Raises as `RestClient.call` does."""
    params = {"detailedTelephonyState": "true", "sipData": "true"}
    return Presence.read(await rest.call(_PRESENCE, params=params, extension_id=extension_id), extension_id)


async def fetch_queue_members(rest: RestClient, queue_id: str) -> tuple[QueueMember, ...]:
    """Who takes the calls of a queue. Raises as `RestClient.call` does."""
    return read_queue_members(await rest.call(_QUEUE_PRESENCE, queue_id=queue_id))
