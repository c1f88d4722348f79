"""Telephony sessions as events tell them, in whatever order."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import MalformedMessage
from bot.ringcentral.telephony import PartyAddress, PartyId, PartyState, SipData, TelephonySession, merge


def event(sequence: int, *parties: dict[str, Any]) -> TelephonySession:
    return TelephonySession.read({"telephonySessionId": "s-1", "sequence": sequence, "parties": list(parties)})


def party(number: int, code: str, **more: Any) -> dict[str, Any]:
    return {"id": f"p-1-{number}", "status": {"code": code}, **more}


def test_reads_a_session_event() -> None:
    session = TelephonySession.read(
        {
            "sequence": 4,
            "sessionId": "877",
            "telephonySessionId": "s-a0d1",
            "eventTime": "2026-03-01T12:00:00.123Z",
            "origin": {"type": "Call"},
            "parties": [
                {
                    "id": "p-a0d1-2",
                    "extensionId": 102,
                    "direction": "Inbound",
                    "from": {"phoneNumber": "+16505550199", "name": "Ada"},
                    "to": {"extensionNumber": "102", "extensionId": "7102"},
                    "status": {
                        "code": "Disconnected",
                        "reason": "BlindTransfer",
                        "parkData": "*801",
                        "peerId": {"sessionId": "878", "telephonySessionId": "s-b", "partyId": "p-b-1"},
                    },
                    "queueCall": True,
                    "missedCall": False,
                    "muted": True,
                    "conferenceRole": "Host",
                    "sipData": {"callId": "c@x", "toTag": "tt", "fromTag": "ft"},
                }
            ],
        }
    )
    assert (session.id, session.session_id, session.sequence, session.origin) == ("s-a0d1", "877", 4, "Call")
    found = session.parties["p-a0d1-2"]
    assert (found.state, found.reason, found.park_data) == (PartyState.DISCONNECTED, "BlindTransfer", "*801")
    assert found.peer == PartyId("s-b", "p-b-1")
    assert (found.extension_id, found.direction) == ("102", "inbound")
    assert found.caller == PartyAddress("+16505550199", "Ada")
    assert found.callee == PartyAddress("102", "", "7102")
    assert found.sip == SipData("c@x", "tt", "ft")
    assert (found.queue_call, found.missed_call, found.muted, found.conference_role) == (True, False, True, "Host")
    assert session.over


@pytest.mark.parametrize("code", ["Setup", "PROCEEDING", "answered", "VoiceMail", "VoiceMailScreening", "Parked"])
def test_status_codes_are_compared_without_case(code: str) -> None:
    assert event(1, party(1, code)).parties["p-1-1"].state.value == code.lower()


def test_a_new_status_code_is_unknown_and_not_over() -> None:
    assert event(1, party(1, "Teleported")).parties["p-1-1"].state is PartyState.UNKNOWN
    assert not event(1, party(1, "Teleported")).over


def test_events_in_any_order_lead_to_the_same_session() -> None:
    events = [
        event(1, party(1, "Setup"), party(2, "Setup")),
        event(2, party(2, "Proceeding")),
        event(3, party(1, "Answered", extensionId="7101")),
        event(4, party(2, "Answered", extensionId="7102")),
        event(5, party(2, "Disconnected", extensionId="7102")),
    ]
    outcomes = []
    for order in itertools.permutations(events):
        known = None
        for item in order:
            known = merge(known, item)
        outcomes.append(known)
    first = outcomes[0]
    assert first is not None
    assert {id_: one.state for id_, one in first.parties.items()} == {
        "p-1-1": PartyState.ANSWERED,
        "p-1-2": PartyState.DISCONNECTED,
    }
    assert all(outcome is not None and dict(outcome.parties) == dict(first.parties) for outcome in outcomes)
    assert all(outcome is not None and outcome.sequence == 5 for outcome in outcomes)


def test_the_party_of_an_extension_is_the_one_still_in_the_call() -> None:
    session = event(1, party(1, "Gone", extensionId="7"), party(2, "Answered", extensionId="7"), party(3, "Hold"))
    found = session.party_of("7")
    assert found is not None
    assert found.id == "p-1-2"
    assert session.party_of("8") is None


@pytest.mark.parametrize("body", [{}, {"parties": []}, {"telephonySessionId": None}])
def test_an_event_without_a_session_is_malformed(body: dict[str, object]) -> None:
    with pytest.raises(MalformedMessage):
        TelephonySession.read(body)


KEYS = [
    "telephonySessionId",
    "sequence",
    "parties",
    "id",
    "status",
    "code",
    "from",
    "to",
    "peerId",
    "sipData",
    "origin",
]
BODIES = st.dictionaries(
    st.sampled_from(KEYS),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
        max_leaves=10,
    ),
)


@given(BODIES, BODIES)
def test_any_body_is_a_session_or_malformed(first: dict[str, object], second: dict[str, object]) -> None:
    try:
        merged = merge(TelephonySession.read(first), TelephonySession.read(second))
    except MalformedMessage:
        return
    assert all(key == one.id for key, one in merged.parties.items())
