"""Dialogs: both ends' tags, and the two dialects of in-dialog requests."""

from __future__ import annotations

import random

import pytest

from bot.errors import IllegalTransition
from bot.sip.dialogs import Dialog, DialogState, notified_status
from bot.sip.identity import Identity
from bot.sip.messages import Request, make_headers, respond


@pytest.fixture
def identity() -> Identity:
    return Identity("101", "example.com", rng=random.Random(1))


def invite(**headers: str) -> Request:
    values = {
        "Via": "SIP/2.0/WSS s;branch=z9hG4bKs",
        "From": '"Ada" <sip:+1650@example.com>;tag=hers',
        "To": "<sip:101@example.com>",
        "Call-ID": "c",
        "CSeq": "5 INVITE",
        **headers,
    }
    return Request("INVITE", "sip:101@x.invalid", headers=make_headers(values))


def test_an_incoming_dialog_has_our_tag_at_our_end(identity: Identity) -> None:
    dialog = Dialog.incoming(invite(), "mine")
    assert (dialog.local, dialog.remote) == (
        "<sip:101@example.com>;tag=mine",
        '"Ada" <sip:+1650@example.com>;tag=hers',
    )
    assert (dialog.local_tag, dialog.remote_tag) == ("mine", "hers")
    request = dialog.request(identity, "BYE", uri="sip:example.com")
    assert (request.uri, request.from_tag, request.to_tag, request.call_id) == (
        "sip:example.com",
        "mine",
        "hers",
        "c",
    )
    assert dialog.request(identity, "INVITE").uri == "sip:+1650@example.com"


def test_an_outgoing_dialog_learns_the_peers_tag(identity: Identity) -> None:
    request = identity.request("INVITE", "sip:102@e", call_id="c", from_="<sip:101@e>;tag=mine", to="<sip:102@e>")
    dialog = Dialog.outgoing(request)
    assert dialog.remote_tag == ""
    dialog.progress(respond(request, 183, to_tag="early"))
    assert dialog.remote_tag == "early"
    dialog.confirm(respond(request, 200, to_tag="final"))
    assert (dialog.remote_tag, dialog.state) == ("final", DialogState.CONFIRMED)
    ack = dialog.ack(identity, request)
    assert (ack.method, ack.cseq, ack.cseq_method) == ("ACK", request.cseq, "ACK")
    assert ack.header("Via") == request.header("Via")
    assert ack.uri == "sip:102@e"


def test_behind_a_recording_proxy_the_standards_rules_hold(identity: Identity) -> None:
    request = identity.request("INVITE", "sip:102@e", call_id="c", from_="<sip:101@e>;tag=mine", to="<sip:102@e>")
    dialog = Dialog.outgoing(request)
    headers = {"Record-Route": "<sip:near;lr>, <sip:far;lr>", "Contact": "<sip:102@client.invalid;transport=ws>;x=y"}
    dialog.confirm(respond(request, 200, to_tag="t", headers=headers))
    ack = dialog.ack(identity, request)
    assert ack.headers.getlist("Route") == ["<sip:far;lr>", "<sip:near;lr>"]
    assert ack.uri == "sip:102@client.invalid;transport=ws"
    assert ack.branch != request.branch
    assert dialog.request(identity, "BYE", uri="sip:e").uri == "sip:102@client.invalid;transport=ws"


def test_a_callee_keeps_the_route_in_the_order_in_which_it_came(identity: Identity) -> None:
    headers = {"Record-Route": "<sip:near;lr>,<sip:far;lr>", "Contact": "<sip:caller@c.invalid>"}
    dialog = Dialog.incoming(invite(**headers), "mine")
    assert dialog.request(identity, "BYE").headers.getlist("Route") == ["<sip:near;lr>", "<sip:far;lr>"]


def test_a_dialog_that_is_over_stays_over() -> None:
    dialog = Dialog.incoming(invite(), "mine")
    dialog.end()
    dialog.end()
    with pytest.raises(IllegalTransition):
        dialog.confirm()


def test_a_confirmed_dialog_does_not_become_early_again(identity: Identity) -> None:
    request = identity.request("INVITE", "sip:102@e", call_id="c", from_="<sip:101@e>;tag=mine", to="<sip:102@e>")
    dialog = Dialog.outgoing(request)
    dialog.confirm(respond(request, 200, to_tag="t"))
    with pytest.raises(IllegalTransition):
        dialog.progress(respond(request, 183))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("SIP/2.0 200 OK\r\n", (200, "OK")),
        ("\r\nSIP/2.0 486 Busy Here\nReason: x", (486, "Busy Here")),
        ("SIP/2.0 100", (100, "")),
        ("", (0, "")),
        ("HTTP/1.1 200 OK", (0, "")),
        ("SIP/2.0 two OK", (0, "")),
        ("SIP/2.0", (0, "")),
    ],
)
def test_the_status_of_a_transfer_is_in_the_body_of_a_notify(body: str, status: tuple[int, str]) -> None:
    assert notified_status(Request("NOTIFY", "sip:x", body=body)) == status
