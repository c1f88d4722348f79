"""Telephony sessions: who takes part in a call and how each party stands, as session events tell it.

Events come out of order and usually tell of one party each, so what is known of a session is merged party by
party: `merge`. An event's body is read by `TelephonySession.read`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Literal

from bot.errors import MalformedMessage
from bot.ringcentral.fields import Json, boolean, integer, mapping, records, text

__all__ = [
    "SESSION_EVENTS",
    "PartyAddress",
    "PartyId",
    "PartyState",
    "SipData",
    "TelephonyParty",
    "TelephonySession",
    "merge",
]

SESSION_EVENTS = "/restapi/v1.0/account/~/extension/{extension_id}/telephony/sessions"
"""Event filter of one extension's calls (`~`: the login's own). Needs the permission CallControl."""


class PartyState(Enum):
    """How a party stands: the platform's status codes, which are compared without regard to case."""

    SETUP = "setup"
    PROCEEDING = "proceeding"
    ANSWERED = "answered"
    DISCONNECTED = "disconnected"
    GONE = "gone"
    PARKED = "parked"
    HOLD = "hold"
    VOICEMAIL = "voicemail"
    VOICEMAIL_SCREENING = "voicemailscreening"
    UNKNOWN = ""

    @property
    def over(self) -> bool:
        """The party is not in the call any more."""
        return self in (PartyState.DISCONNECTED, PartyState.GONE)


_STATES: Mapping[str, PartyState] = {state.value: state for state in PartyState}


@dataclass(frozen=True, slots=True)
class PartyAddress:
    """One end of a party's call leg."""

    number: str = ""
    name: str = ""
    extension_id: str = ""

    @classmethod
    def read(cls, body: Json) -> PartyAddress:
        number = text(body, "phoneNumber") or text(body, "extensionNumber")
        return cls(number, text(body, "name"), text(body, "extensionId"))


@dataclass(frozen=True, slots=True)
class SipData:
    """What ties a party to a SIP dialog; `call_id` equals the SIP Call-ID. Tags are the platform's own view."""

    call_id: str = ""
    to_tag: str = ""
    from_tag: str = ""

    @classmethod
    def read(cls, body: Json) -> SipData:
        return cls(text(body, "callId"), text(body, "toTag"), text(body, "fromTag"))


@dataclass(frozen=True, slots=True)
class PartyId:
    """A party of some session, such as the one that took a transferred call over."""

    session_id: str
    party_id: str

    @classmethod
    def read(cls, body: Json) -> PartyId | None:
        party_id = text(body, "partyId")
        return cls(text(body, "telephonySessionId") or text(body, "sessionId"), party_id) if party_id else None


@dataclass(frozen=True, slots=True)
class TelephonyParty:
    """One party of a session.

    Attributes:
        extension_id: whose party it is; empty for one outside.
        reason: why its state is what it is, such as `Pickup`, `BlindTransfer`, `CallFlip`; often empty.
        park_data: where it is parked, such as `*801`; empty otherwise.
        peer: the party that continues the call elsewhere.
        sequence: of the event that told this.
    """

    id: str
    state: PartyState
    reason: str = ""
    extension_id: str = ""
    direction: Literal["inbound", "outbound", ""] = ""
    caller: PartyAddress = field(default_factory=PartyAddress)
    callee: PartyAddress = field(default_factory=PartyAddress)
    park_data: str = ""
    peer: PartyId | None = None
    queue_call: bool = False
    missed_call: bool = False
    muted: bool = False
    conference_role: str = ""
    sip: SipData = field(default_factory=SipData)
    sequence: int = 0

    @classmethod
    def read(cls, body: Json, sequence: int = 0) -> TelephonyParty:
        status = mapping(body, "status")
        direction = text(body, "direction").lower()
        return cls(
            id=text(body, "id"),
            state=_STATES.get(text(status, "code").lower(), PartyState.UNKNOWN),
            reason=text(status, "reason"),
            extension_id=text(body, "extensionId"),
            direction="inbound" if direction == "inbound" else "outbound" if direction == "outbound" else "",
            caller=PartyAddress.read(mapping(body, "from")),
            callee=PartyAddress.read(mapping(body, "to")),
            park_data=text(status, "parkData") or text(mapping(status, "parkData"), "id"),
            peer=PartyId.read(mapping(status, "peerId")),
            queue_call=boolean(body, "queueCall"),
            missed_call=boolean(body, "missedCall"),
            muted=boolean(body, "muted"),
            conference_role=text(body, "conferenceRole"),
            sip=SipData.read(mapping(body, "sipData")),
            sequence=sequence,
        )


@dataclass(frozen=True, slots=True)
class TelephonySession:
    """A call as the platform sees it.

    Attributes:
        id: the telephony session id, `s-…`: what `p-rc-api-ids` carries on the SIP side.
        session_id: the older numeric id of the call log.
        event_time: when it happened, ISO 8601, by the platform's clock.
    """

    id: str
    parties: Mapping[str, TelephonyParty] = field(default_factory=dict)
    sequence: int = 0
    session_id: str = ""
    origin: str = ""
    event_time: str = ""

    @classmethod
    def read(cls, body: Json) -> TelephonySession:
        """The body of a session event.

        Raises:
            MalformedMessage: it names no session.
        """
        session_id = text(body, "telephonySessionId") or text(body, "id")
        if not session_id:
            raise MalformedMessage("a session event without telephonySessionId")
        sequence = integer(body, "sequence")
        parties = (TelephonyParty.read(item, sequence) for item in records(body, "parties"))
        return cls(
            id=session_id,
            parties={party.id: party for party in parties if party.id},
            sequence=sequence,
            session_id=text(body, "sessionId"),
            origin=text(mapping(body, "origin"), "type"),
            event_time=text(body, "eventTime"),
        )

    @property
    def over(self) -> bool:
        """Every party that we heard of is gone."""
        return bool(self.parties) and all(party.state.over for party in self.parties.values())

    def party_of(self, extension_id: str) -> TelephonyParty | None:
        """The party of an extension that is still in the call, or else its last one."""
        own = [party for party in self.parties.values() if party.extension_id == extension_id]
        return next((party for party in own if not party.state.over), own[-1] if own else None)


def merge(known: TelephonySession | None, event: TelephonySession) -> TelephonySession:
    """What is known after `event`: each party as its highest sequence tells it.

    The sequence counts the session's events, and an event that was overtaken may still be the only one to tell of
    its party; so it is each party, not the event, that a lower sequence is dropped for.
    """
    if known is None:
        return event
    newer, older = (event, known) if event.sequence >= known.sequence else (known, event)
    parties = dict(known.parties)
    for party in event.parties.values():
        if party.id not in parties or party.sequence >= parties[party.id].sequence:
            parties[party.id] = party
    return replace(
        newer,
        parties=parties,
        session_id=newer.session_id or older.session_id,
        origin=newer.origin or older.origin,
    )
