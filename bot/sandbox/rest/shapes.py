"""The JSON of the platform's resources, made from the switch's model: one function a shape.

Source: the vendor's API reference, telephony sessions event, presence and extension resources.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from bot.sandbox.switch.model import Extension, ParkLocation, Party, PartyStatus, Queue, Session

__all__ = [
    "ACCOUNT_ID",
    "extension_record",
    "iso",
    "park_location_presence",
    "park_location_record",
    "presence",
    "queue_presence",
    "queue_record",
    "telephony_session",
]

ACCOUNT_ID = "400129284008"

_STATUS = {
    PartyStatus.SETUP: "Ringing",
    PartyStatus.PROCEEDING: "Ringing",
    PartyStatus.ANSWERED: "CallConnected",
    PartyStatus.HOLD: "OnHold",
    PartyStatus.PARKED: "ParkedCall",
    PartyStatus.VOICEMAIL: "CallConnected",
}
_BUSIEST = ("Ringing", "CallConnected", "OnHold", "ParkedCall")


def iso(moment: datetime) -> str:
    """`2026-11-23T04:10:00.000Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def _address(party: Party) -> dict[str, str]:
    kind = "extensionNumber" if party.extension else "phoneNumber"
    return {kind: party.number, "name": party.name}


def _ends(session: Session, party: Party) -> tuple[dict[str, str], dict[str, str]]:
    """`from` and `to` as they stand in every party: the caller, and who was called."""
    caller = _address(session.caller)
    if party is session.caller:
        kind = "phoneNumber" if session.to_number.startswith("+") else "extensionNumber"
        return caller, {kind: session.to_number, "name": session.to_name}
    return caller, _address(party)


def _party(session: Session, party: Party, extension_ids: dict[str, str]) -> dict[str, Any]:
    caller, callee = _ends(session, party)
    status: dict[str, Any] = {"code": party.status.value, "rcc": False}
    if party.reason:
        status["reason"] = party.reason
    if party.park_location:
        status["parkData"] = {"id": party.park_location}
    body: dict[str, Any] = {
        "id": party.id,
        "accountId": ACCOUNT_ID,
        "direction": party.direction,
        "from": caller,
        "to": callee,
        "status": status,
        "recordings": [],
        "queueCall": party.queue_call,
        "missedCall": False,
        "standAlone": False,
        "muted": False,
    }
    if party.extension:
        body["extensionId"] = extension_ids.get(party.extension, "")
    if party.sip_data is not None:
        data = party.sip_data
        body["sipData"] = {"callId": data.call_id, "toTag": data.to_tag, "fromTag": data.from_tag}
    return body


def telephony_session(
    session: Session, parties: Iterable[Party], extension_ids: dict[str, str], now: datetime
) -> dict[str, Any]:
    """The session with these of its parties; `extension_ids` gives the id of each extension number."""
    return {
        "sequence": session.sequence,
        "sessionId": session.number,
        "telephonySessionId": session.id,
        "serverId": "sandbox",
        "eventTime": iso(now),
        "origin": {"type": "Call"},
        "parties": [_party(session, party, extension_ids) for party in parties],
    }


def extension_record(extension: Extension) -> dict[str, Any]:
    return {
        "id": int(extension.id) if extension.id.isdigit() else extension.id,
        "extensionNumber": extension.number,
        "name": extension.name,
        "type": "User",
        "status": "Enabled",
        "contact": {"firstName": extension.name, "businessPhone": extension.direct_number},
    }


def park_location_record(location: ParkLocation) -> dict[str, Any]:
    return {
        "id": location.id,
        "extensionNumber": location.extension,
        "name": location.name,
        "type": "ParkLocation",
        "status": "Enabled",
    }


def queue_record(queue: Queue) -> dict[str, Any]:
    return {"id": queue.id, "extensionNumber": queue.extension, "name": queue.name, "type": "Department"}


def queue_presence(queue: Queue, extensions: dict[str, Extension]) -> dict[str, Any]:
    """Who of a queue's agents takes its calls."""
    return {
        "records": [
            {
                "member": {"id": agent.id, "name": agent.name, "extensionNumber": agent.number},
                "acceptQueueCalls": agent.dnd_status in ("TakeAllCalls", "TakeDepartmentCallsOnly"),
                "acceptCurrentQueueCalls": accepts,
            }
            for number, accepts in queue.accepting.items()
            if (agent := extensions.get(number)) is not None
        ]
    }


def _active_call(session: Session, party: Party, sip_data: bool) -> dict[str, Any]:
    caller, callee = _ends(session, party)
    call: dict[str, Any] = {
        "id": party.id,
        "direction": party.direction,
        "from": next(iter(caller.values())),
        "fromName": caller["name"],
        "to": next(iter(callee.values())),
        "toName": callee["name"],
        "startTime": iso(session.started),
        "telephonyStatus": _STATUS[party.status],
        "sessionId": session.number,
        "telephonySessionId": session.id,
        "partyId": party.id,
        "queueCall": party.queue_call,
    }
    if sip_data and party.sip_data is not None:
        data = party.sip_data
        call["sipData"] = {
            "callId": data.call_id,
            "fromTag": data.from_tag,
            "toTag": data.to_tag,
            "localUri": f"sip:{party.number}@sip.ringcentral.com",
            "remoteUri": f"sip:{session.caller.number}@sip.ringcentral.com",
        }
    return call


def _parties_of(extension: str, sessions: Iterable[Session]) -> Iterator[tuple[Session, Party]]:
    for session in sessions:
        for party in session.parties:
            if party.extension == extension and not party.over:
                yield session, party


def _presence(
    id_: str, number: str, calls: list[tuple[Session, Party]], sequence: int, *, detailed: bool, sip_data: bool
) -> dict[str, Any]:
    states = {_STATUS[party.status] for _, party in calls}
    body: dict[str, Any] = {
        "extensionId": id_,
        "extension": {"id": id_, "extensionNumber": number},
        "telephonyStatus": next((state for state in _BUSIEST if state in states), "NoCall"),
        "presenceStatus": "Busy" if calls else "Available",
        "userStatus": "Available",
        "sequence": sequence,
    }
    if detailed:
        body["activeCalls"] = [_active_call(session, party, sip_data) for session, party in calls]
    return body


def presence(
    extension: Extension, sessions: Iterable[Session], sequence: int, *, detailed: bool, sip_data: bool
) -> dict[str, Any]:
    """An extension's presence; `detailed` adds its calls, `sip_data` the tags of their dialogs."""
    calls = list(_parties_of(extension.number, sessions))
    body = _presence(extension.id, extension.number, calls, sequence, detailed=detailed, sip_data=sip_data)
    return {**body, "dndStatus": extension.dnd_status}


def park_location_presence(
    location: ParkLocation, sequence: int, *, detailed: bool, sip_data: bool
) -> dict[str, Any]:
    """A park location's presence: the call that waits there."""
    calls = [(location.session, location.party)] if location.session and location.party else []
    return _presence(location.id, location.extension, calls, sequence, detailed=detailed, sip_data=sip_data)
