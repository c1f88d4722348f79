"""Presence of extensions, park locations and queues; and the lists of the account."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.ringcentral.directory import Extension, list_extensions, list_park_locations, list_queues
from bot.ringcentral.http import RestClient
from bot.ringcentral.presence import (
    DndStatus,
    Presence,
    QueueMember,
    TelephonyStatus,
    fetch_presence,
    fetch_queue_members,
    read_queue_members,
)
from bot.ringcentral.telephony import PartyAddress, SipData
from tests.ringcentral.scripted import Platform, reply

ACCOUNT = "/restapi/v1.0/account/~"


def test_reads_a_parked_call_with_the_tags_that_retrieve_it() -> None:
    presence = Presence.read(
        {
            "extensionId": 40001,
            "telephonyStatus": "ParkedCall",
            "sequence": "12",
            "dndStatus": "TakeAllCalls",
            "activeCalls": [
                {
                    "id": "x",
                    "direction": "Inbound",
                    "from": "+16505550199",
                    "fromName": "Ada",
                    "to": "40001",
                    "telephonyStatus": "ParkedCall",
                    "sessionId": "877",
                    "telephonySessionId": "s-a",
                    "partyId": "p-a-2",
                    "sipData": {"toTag": "tt", "fromTag": "ft"},
                },
                "junk",
            ],
        }
    )
    assert (presence.extension_id, presence.status, presence.sequence) == ("40001", TelephonyStatus.PARKED, 12)
    assert presence.dnd is DndStatus.TAKE_ALL
    (call,) = presence.active_calls
    assert (call.telephony_session_id, call.party_id, call.status) == ("s-a", "p-a-2", TelephonyStatus.PARKED)
    assert call.caller == PartyAddress("+16505550199", "Ada")
    assert call.sip == SipData("", "tt", "ft")
    assert not presence.free


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("TakeAllCalls", DndStatus.TAKE_ALL),
        ("DoNotAcceptAnyCalls", DndStatus.TAKE_NONE),
        ("DoNotAcceptDepartmentCalls", DndStatus.NO_QUEUE_CALLS),
        ("TakeDepartmentCallsOnly", DndStatus.QUEUE_CALLS_ONLY),
        ("Whatever", DndStatus.UNKNOWN),
    ],
)
def test_reads_do_not_disturb(text: str, status: DndStatus) -> None:
    assert Presence.read({"dndStatus": text}).dnd is status


def test_an_extension_without_a_call_is_free() -> None:
    assert Presence.read({"telephonyStatus": "NoCall"}).free
    assert not Presence.read({}).free


async def test_a_presence_is_asked_for_with_its_calls(rest: RestClient, platform: Platform) -> None:
    path = f"{ACCOUNT}/extension/7102/presence"
    platform.script[path] = [reply(200, {"telephonyStatus": "Ringing"})]
    presence = await fetch_presence(rest, "7102")
    assert (presence.extension_id, presence.status) == ("7102", TelephonyStatus.RINGING)
    assert dict(platform.asked(path)[0].url.params) == {"detailedTelephonyState": "true", "sipData": "true"}


async def test_who_takes_the_calls_of_a_queue(rest: RestClient, platform: Platform) -> None:
    records = [
        {
            "member": {"id": "7102", "extensionNumber": "102"},
            "acceptQueueCalls": True,
            "acceptCurrentQueueCalls": True,
        },
        {
            "member": {"id": 7103, "extensionNumber": "103"},
            "acceptQueueCalls": False,
            "acceptCurrentQueueCalls": True,
        },
    ]
    platform.script[f"{ACCOUNT}/call-queues/9/presence"] = [reply(200, {"records": records})]
    assert await fetch_queue_members(rest, "9") == (
        QueueMember("7102", "102", accepts_queues=True, accepts_this_queue=True),
        QueueMember("7103", "103", accepts_queues=False, accepts_this_queue=True),
    )


def test_a_queue_event_names_only_the_member_and_this_queue() -> None:
    body = {"records": [{"member": {"id": "7102"}, "acceptCurrentQueueCalls": False}]}
    assert read_queue_members(body) == (QueueMember("7102"),)


async def test_lists_extensions_park_locations_and_queues(rest: RestClient, platform: Platform) -> None:
    record = {
        "id": 40001,
        "extensionNumber": "4001",
        "name": "Sales park",
        "type": "ParkLocation",
        "status": "Enabled",
    }
    platform.script[f"{ACCOUNT}/extension"] = [reply(200, {"records": [record]})]
    platform.script[f"{ACCOUNT}/call-queues"] = [reply(200, {"records": [{"id": "9", "name": "Sales"}]})]
    expected = Extension("40001", "4001", "Sales park", "ParkLocation", "Enabled")
    assert await list_extensions(rest) == [expected]
    assert await list_park_locations(rest) == [expected]
    assert await list_queues(rest) == [Extension("9", "", "Sales")]
    kinds = [request.url.params.get("type") for request in platform.asked(f"{ACCOUNT}/extension")]
    assert kinds == [None, "ParkLocation"]


KEYS = [
    "extensionId",
    "telephonyStatus",
    "activeCalls",
    "sequence",
    "dndStatus",
    "records",
    "member",
    "id",
    "sipData",
]


@given(
    st.dictionaries(
        st.sampled_from(KEYS),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=9),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
            max_leaves=10,
        ),
    )
)
def test_any_body_is_read(body: dict[str, object]) -> None:
    Presence.read(body)
    read_queue_members(body)
