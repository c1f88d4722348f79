"""Anything may come over the wire: it is read, or refused with the documented error."""

from __future__ import annotations

import contextlib
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import MalformedMessage
from bot.sip.dialogs import Dialog, notified_status
from bot.sip.digest import Credentials, authorize, parse_challenge, verify
from bot.sip.identity import Identity
from bot.sip.messages import (
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
from bot.sip.rc import RcMessage, Reply, parse_api_ids, parse_call_info, parse_json, parse_xml, reply_outcome
from bot.sip.registration import Registration
from bot.sip.transactions import Received, Transactions

MESSAGES = (
    "INVITE sip:1*2@h.invalid SIP/2.0\r\nVia: SIP/2.0/WSS s;branch=z9hG4bKa\r\nFrom: \"A\" <sip:+1@h>;tag=1\r\n"
    "To: <sip:2@h>\r\nCall-Id: c\r\nCSeq: 5 INVITE\r\nP-rc: <Msg><Hdr Cmd=\"6\"/></Msg>\r\n\r\nv=0",
    "SIP/2.0 401 Unauthorized\r\nVia: SIP/2.0/WSS s;branch=z9hG4bKa\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"
    "Call-ID: c\r\nCSeq: 5 REGISTER\r\nWww-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n\r\n",
    "ACK sip:x SIP/2.0\r\ni: c\r\nf: <sip:a@h>;tag=1\r\nt: <sip:b@h>;tag=2\r\nCSeq: 5 ACK\r\n\r\n",
)  # fmt: skip
PIECES = st.sampled_from(
    [
        "\r\n",
        "\r\n\r\n",
        ": ",
        ";",
        "tag=",
        '"',
        "<",
        ">",
        "\\",
        "\0",
        "é",
        "٣",
        " ",
        "\t",
        "SIP/2.0",
        "CSeq: 1 X",
        ",",
    ]
)
ANY_TEXT = st.text(max_size=300) | st.lists(PIECES | st.text(max_size=8), max_size=30).map("".join)
TOKENS = st.text(alphabet="abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)
VALUES = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=40).map(str.strip)


@st.composite
def broken_messages(draw: st.DrawFn) -> str:
    """A good message with a few things cut out and put in."""
    text = draw(st.sampled_from(MESSAGES))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        end = min(len(text), at + draw(st.integers(0, 12)))
        text = text[:at] + draw(PIECES | st.text(max_size=6)) + text[end:]
    return text


@settings(max_examples=150, deadline=None)
@given(ANY_TEXT | broken_messages())
def test_text_is_a_message_or_malformed(text: str) -> None:
    try:
        message = parse(text)
    except MalformedMessage:
        return
    assert str(parse(str(message))) == str(message)
    _ = (message.branch, message.cseq, message.cseq_method, message.from_tag, message.to_tag)
    notified_status(message) if isinstance(message, Request) else None


@settings(max_examples=80, deadline=None)
@given(
    method=TOKENS,
    uri=st.text(alphabet="abc019:@*#;=.", min_size=1, max_size=30),
    headers=st.lists(st.tuples(TOKENS, VALUES.filter(bool)), max_size=8),
    body=st.text(max_size=80),
)
def test_a_request_survives_the_wire(method: str, uri: str, headers: list[tuple[str, str]], body: str) -> None:
    needed = [("Via", "v;branch=b"), ("Call-ID", "c"), ("CSeq", f"1 {method}"), ("From", "f"), ("To", "t")]
    names = {"call-id", "cseq", "from", "to", "via", "content-length"}
    extra = [(f"X-{name}", value) for name, value in headers if name.lower() not in names]
    request = Request(method, uri, headers=make_headers(needed + extra), body=body)
    read = parse(str(request))
    assert isinstance(read, Request)
    assert (read.method, read.uri, read.body) == (method, uri, body)
    for name, value in extra:
        assert value in read.headers.getlist(name)


@settings(max_examples=100, deadline=None)
@given(ANY_TEXT)
def test_any_address_can_be_taken_apart(value: str) -> None:
    assert isinstance(number_of(value), str)
    assert isinstance(address_of(value) + name_of(value), str)
    assert tag_of(with_tag(value, "t")) == (tag_of(value) or "t") or ";" in value or "<" in value


@settings(max_examples=100, deadline=None)
@given(ANY_TEXT | ANY_TEXT.map(lambda text: f"Digest {text}"))
def test_a_challenge_is_read_or_malformed(value: str) -> None:
    with contextlib.suppress(MalformedMessage):
        authorize(parse_challenge(value), Credentials("u", "p"), "INVITE", "sip:d", cnonce="c")
    with contextlib.suppress(MalformedMessage):
        assert not verify(value, realm="r", nonce="n", method="INVITE", credentials=Credentials("u", "p"))


ATTRIBUTES = st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True), VALUES, max_size=5)
XML_SAFE = st.characters(codec="utf-8", min_codepoint=32, exclude_characters="\ufffe\uffff")


@settings(max_examples=80, deadline=None)
@given(st.dictionaries(st.from_regex(r"[A-Za-z]{1,6}", fullmatch=True), st.text(XML_SAFE, max_size=30), max_size=5))
def test_an_xml_command_survives_the_wire(attributes: dict[str, str]) -> None:
    message = RcMessage({"Cmd": "14", **attributes}, attributes)
    assert parse_xml(str(message)) == message


@settings(max_examples=100, deadline=None)
@given(ANY_TEXT | ANY_TEXT.map(lambda text: f'<Msg><Hdr SID="{text}"/><Bdy {text}/></Msg>'))
def test_xml_is_a_command_or_malformed(text: str) -> None:
    with contextlib.suppress(MalformedMessage):
        message = parse_xml(text)
        reply_outcome(message)
        _ = message.command
        with contextlib.suppress(MalformedMessage):
            Reply.from_body(message.body)


@settings(max_examples=80, deadline=None)
@given(ANY_TEXT | st.recursive(st.none() | st.booleans() | st.text(max_size=5), st.lists, max_leaves=5).map(str))
def test_json_is_a_command_or_malformed(text: str) -> None:
    with contextlib.suppress(MalformedMessage):
        parse_json(text)


@given(ANY_TEXT)
def test_header_values_of_the_vendors_are_always_read(value: str) -> None:
    assert isinstance(parse_call_info(value), dict)
    assert len(parse_api_ids(value)) == 2


@settings(max_examples=80, deadline=None)
@given(st.lists(broken_messages(), max_size=6))
def test_transactions_take_whatever_can_be_read(texts: list[str]) -> None:
    layer = Transactions()
    for now, text in enumerate(texts):
        with contextlib.suppress(MalformedMessage):
            for effect in layer.receive(parse(text), float(now)):
                if isinstance(effect, Received):
                    Dialog.incoming(effect.request, "t")
                    layer.respond(effect.request, respond(effect.request, 486), float(now))
    layer.expire(1000.0)
    assert layer.deadline is None


@settings(max_examples=80, deadline=None)
@given(st.integers(100, 699), ANY_TEXT.filter(lambda text: "\r" not in text and "\n" not in text))
def test_a_registration_takes_whatever_response_comes(status: int, value: str) -> None:
    identity = Identity("101", "d", rng=random.Random(1))
    registration = Registration(identity, Credentials("u", "p"), "i")
    registration.start()
    response = Response(max(status, 200), headers=make_headers({"WWW-Authenticate": value, "Contact": value}))
    registration.received(response, 0.0)
