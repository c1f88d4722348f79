"""Gateway frames: whatever arrives is read, or refused as malformed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import MalformedMessage
from bot.ringcentral.frames import (
    ConnectionDetails,
    Frame,
    FrameType,
    Notification,
    Subscription,
    Wsc,
    heartbeat,
    parse_frame,
    subscribe,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "messageId", "status", "wsc", "token", "sequence", "body", "event", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def test_reads_the_first_frame_of_a_connection() -> None:
    meta = {"type": "ConnectionDetails", "messageId": "m", "status": 200, "wsc": {"token": "t", "sequence": 3}}
    body = {"recoveryTimeout": 120, "idleTimeout": 600, "absoluteTimeout": 86400, "recoveryState": "Successful"}
    frame = parse_frame(json.dumps([meta, body]))
    assert frame == Frame(FrameType.CONNECTION_DETAILS, "m", 200, Wsc("t", 3), body)
    assert ConnectionDetails.read(frame.body) == ConnectionDetails(120.0, 600.0, 86400.0, recovered=True)


@pytest.mark.parametrize(("state", "recovered"), [("Successful", True), ("Failed", False), ("", None), (None, None)])
def test_recovery_is_successful_failed_or_was_not_asked(state: object, recovered: bool | None) -> None:
    assert ConnectionDetails.read({"recoveryState": state}).recovered is recovered


def test_reads_a_notification() -> None:
    body = {"uuid": "u", "event": "/x", "timestamp": "t", "subscriptionId": "s", "ownerId": 7, "body": {"a": 1}}
    frame = parse_frame(json.dumps([{"type": "ServerNotification", "messageId": "u"}, body]))
    assert Notification.read(frame.body) == Notification("/x", {"a": 1}, "u", "t", "s", "7")


def test_a_type_that_we_do_not_know_is_no_error() -> None:
    assert parse_frame('[{"type": "Tomorrow"}]').type is FrameType.OTHER


@pytest.mark.parametrize("text", ["", "{}", "[]", "[1]", "null", "[[]]", "[" * 100_000, "9" * 5000, b"\xff", "[NaN]"])
def test_what_is_no_frame_is_malformed(text: str | bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_frame(text)


@given(st.text() | st.binary())
def test_any_text_is_a_frame_or_malformed(text: str | bytes) -> None:
    _read_or_refuse(text)


@given(st.lists(JSON, max_size=3))
def test_any_json_is_a_frame_or_malformed(parts: list[object]) -> None:
    _read_or_refuse(json.dumps(parts))


def _read_or_refuse(text: str | bytes) -> None:
    try:
        frame = parse_frame(text)
    except MalformedMessage:
        return
    Notification.read(frame.body)
    Subscription.read(frame.body)
    ConnectionDetails.read(frame.body)


def test_a_subscription_names_what_it_wants() -> None:
    meta, body = json.loads(subscribe("1", ["/a", "/b"]))
    assert meta == {
        "type": "ClientRequest",
        "messageId": "1",
        "method": "POST",
        "path": "/restapi/v1.0/subscription",
    }
    assert body == {"eventFilters": ["/a", "/b"], "deliveryMode": {"transportType": "WebSocket"}}


def test_filters_that_were_not_taken_are_told_with_their_reason() -> None:
    body = {
        "id": "s",
        "eventFilters": ["/a"],
        "disabledFilters": [{"filter": "/b", "reason": "SUB-1", "message": "no"}],
    }
    assert Subscription.read(body) == Subscription("s", ("/a",), (("/b", "no"),))


def test_a_heartbeat_is_a_frame() -> None:
    assert parse_frame(heartbeat("4")) == Frame(FrameType.HEARTBEAT, "4")


def test_the_token_is_not_in_a_frames_text() -> None:
    assert "secret" not in repr(parse_frame('[{"wsc": {"token": "secret"}}]'))
