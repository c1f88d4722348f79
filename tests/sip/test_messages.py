"""SIP messages: what is read, what is written, and what is refused."""

from __future__ import annotations

import pytest

from bot.errors import MalformedMessage
from bot.sip.messages import (
    MAX_MESSAGE,
    HeaderView,
    Request,
    Response,
    address_of,
    make_headers,
    name_of,
    number_of,
    parse,
    respond,
    tag_of,
    with_tag,
)

INVITE = (
    "INVITE sip:16505550100*101@client.invalid;transport=ws SIP/2.0\r\n"
    "Via: SIP/2.0/WSS 203.0.113.9:8083;rport;branch=z9hG4bK-abc\r\n"
    'From: "WIRELESS CALLER" <sip:+16505550199@sip.ringcentral.com>;tag=10.1.2.3\r\n'
    'To: "Agent One" <sip:16505550100*101@50.237.72.154>\r\n'
    "Call-Id: a-call\r\n"
    "CSeq: 218956 INVITE\r\n"
    "p-rc-api-ids: party-id=p-1-2;session-id=s-1\r\n"
    "Content-Length: 7\r\n"
    "\r\n"
    "v=0\r\n\r\n"
)
MINIMAL = "Call-ID: c\r\nCSeq: 1 BYE\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\n"


def test_a_request_is_read_and_written_as_it_came() -> None:
    message = parse(INVITE)
    assert isinstance(message, Request)
    assert (message.method, message.uri) == ("INVITE", "sip:16505550100*101@client.invalid;transport=ws")
    assert (message.call_id, message.cseq, message.cseq_method) == ("a-call", 218956, "INVITE")
    assert (message.branch, message.from_tag, message.to_tag) == ("z9hG4bK-abc", "10.1.2.3", "")
    assert message.header("P-RC-API-IDS") == "party-id=p-1-2;session-id=s-1"
    assert message.body == "v=0\r\n\r\n"
    assert str(message) == INVITE


def test_a_response_is_read_and_written_as_it_came() -> None:
    text = f"SIP/2.0 603 Too Many Contacts\r\n{MINIMAL}Content-Length: 0\r\n\r\n"
    message = parse(text)
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (603, "Too Many Contacts")
    assert str(message) == text


@pytest.mark.parametrize("line", ["SIP/2.0 200", "SIP/2.0 200 ", "SIP/2.0 200 OK"])
def test_a_status_line_may_lack_its_reason(line: str) -> None:
    message = parse(f"{line}\r\n{MINIMAL}\r\n")
    assert isinstance(message, Response)
    assert (message.status, message.reason) == (200, "OK")


def test_the_vendors_strange_request_uri_is_kept() -> None:
    message = parse(f"MESSAGE sip:#996333008@sip.ringcentral.com:5060 SIP/2.0\r\n{MINIMAL}\r\n")
    assert isinstance(message, Request)
    assert message.uri == "sip:#996333008@sip.ringcentral.com:5060"


def test_short_names_folded_lines_and_space_before_the_colon_are_understood() -> None:
    message = parse("BYE sip:x SIP/2.0\r\ni: c\r\nCSeq : 1 BYE\r\nf: <sip:a@b>\r\n ;tag=1\r\nt: <sip:c@d>\r\n\r\n")
    assert (message.call_id, message.from_tag) == ("c", "1")


def test_a_content_length_that_disagrees_with_the_frame_does_not_matter() -> None:
    message = parse(f"INFO sip:x SIP/2.0\r\n{MINIMAL.replace('BYE', 'INFO')}Content-Length: 3\r\n\r\ngrüße")
    assert message.body == "grüße"
    assert "Content-Length: 7\r\n" in str(message)


def test_a_header_that_comes_twice_keeps_both_values_in_order() -> None:
    message = parse(f"BYE sip:x SIP/2.0\r\nVia: a;branch=1\r\n{MINIMAL}via: b;branch=2\r\n\r\n")
    assert message.headers.getlist("VIA") == ["a;branch=1", "b;branch=2"]
    assert message.branch == "1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "neither"),
        ("hello\r\n\r\n", "neither"),
        ("SIP/2.0 99 Low\r\n\r\n", "neither"),
        ("SIP/2.0 700 High\r\n\r\n", "neither"),
        ("SIP/2.0 ２００ Wide\r\n\r\n", "neither"),
        ("BYE sip:x SIP/3.0\r\n\r\n", "neither"),
        ("BYE  SIP/2.0\r\n\r\n", "neither"),
        ("BYE sip:x SIP/2.0\r\nno colon\r\n\r\n", "line 2"),
        ("BYE sip:x SIP/2.0\r\nbad name: x\r\n\r\n", "line 2"),
        ("BYE sip:x SIP/2.0\r\nA: b\nC: d\r\n\r\n", "line 2"),
        ("BYE sip:x SIP/2.0\r\nCSeq: 1 BYE\r\nFrom: a\r\nTo: b\r\n\r\n", "without Call-ID"),
        (f"BYE sip:x SIP/2.0\r\n{MINIMAL}\r\n".replace("1 BYE", "one"), "CSeq"),
        ("BYE sip:x SIP/2.0\r\n" + "A: b\r\n" * 300 + "\r\n", "300 header lines"),
        ("x" * (MAX_MESSAGE + 1), "at most"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(MalformedMessage, match=says):
        parse(text)


@pytest.mark.parametrize("headers", [{"A b": "x"}, {"A": "x\r\nB: y"}, {"A": "x\n"}, {"": "x"}])
def test_a_header_that_would_break_the_message_is_not_made(headers: dict[str, str]) -> None:
    with pytest.raises(MalformedMessage):
        make_headers(headers)


def test_a_response_echoes_the_headers_as_they_came_and_adds_its_tag_once() -> None:
    invite = parse(INVITE)
    assert isinstance(invite, Request)
    ringing = respond(invite, 180, to_tag="mine", headers={"Contact": "<sip:x>"})
    lines = str(ringing).split("\r\n")
    for name in ("Via", "From", "Call-Id", "CSeq"):
        assert f"{name}: {invite.header(name)}" in lines
    assert 'To: "Agent One" <sip:16505550100*101@50.237.72.154>;tag=mine' in lines
    assert "Contact: <sip:x>" in lines
    assert not any(line.startswith("p-rc") for line in lines)
    again = parse(INVITE.replace("154>\r\n", "154>;tag=theirs\r\n"))
    assert isinstance(again, Request)
    assert respond(again, 200, to_tag="mine").to_tag == "theirs"


def test_responses_that_begin_a_dialog_echo_the_route() -> None:
    invite = parse(INVITE.replace("Call-Id", "Record-Route: <sip:near;lr>\r\nRecord-Route: <sip:far;lr>\r\nCall-Id"))
    assert isinstance(invite, Request)
    for status, routes in ((180, 2), (200, 2), (100, 0), (486, 0)):
        assert len(respond(invite, status).headers.getlist("Record-Route")) == routes


ADDRESSES = [
    ('"Ada" <sip:+1650@h>;tag=1', "Ada", "sip:+1650@h", "+1650", "1"),
    ("<sip:16505550100*102@h;transport=wss>;expires=60;tag=a.b", "", "sip:16505550100*102@h;transport=wss",
     "16505550100*102", "a.b"),
    ("sip:101@h;tag=x", "", "sip:101@h", "101", "x"),
    ("<sip:conf_abc@h>", "", "sip:conf_abc@h", "conf_abc", ""),
    ("<sip:a@h;tag=inside>;tag=outside", "", "sip:a@h;tag=inside", "a", "outside"),
    ("<sip:a@h;tag=inside>", "", "sip:a@h;tag=inside", "a", ""),
    ('"x;tag=no <sip:no@no>" <sip:a@h>;TAG = yes', "x;tag=no <sip:no@no>", "sip:a@h", "a", "yes"),
    (r'"say \"hi\"" <sips:a@h>', 'say "hi"', "sips:a@h", "a", ""),
    ("Plain Name <sip:#99@h>", "Plain Name", "sip:#99@h", "#99", ""),
    ("nonsense", "", "nonsense", "", ""),
    ("<sip:unclosed@h", "", "<sip:unclosed@h".removeprefix("<"), "unclosed", ""),
    ("", "", "", "", ""),
]  # fmt: skip


@pytest.mark.parametrize(("value", "name", "uri", "number", "tag"), ADDRESSES)
def test_an_address_header_has_a_name_a_uri_a_number_and_a_tag(
    value: str, name: str, uri: str, number: str, tag: str
) -> None:
    assert (name_of(value), address_of(value), number_of(value), tag_of(value)) == (name, uri, number, tag)
    assert tag_of(with_tag(value, "new")) == (tag or "new")


def test_a_view_of_headers_is_a_mapping_whose_names_have_no_case() -> None:
    view = HeaderView(make_headers([("P-rc", "a"), ("Via", "1"), ("Via", "2")]))
    assert view["p-RC"] == "a"
    assert view.get("missing", "none") == "none"
    assert "VIA" in view
    assert dict(view) == {"P-rc": "a", "Via": "1"}
    assert len(view) == 2
    assert not HeaderView()
    with pytest.raises(KeyError):
        view["missing"]
