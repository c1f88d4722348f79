"""The vendor's commands: XML in MESSAGE and P-rc, JSON in INFO."""

from __future__ import annotations

import pytest

from bot.errors import MalformedMessage
from bot.sip.rc import (
    MAX_BODY,
    Command,
    RcMessage,
    Reply,
    ReplyOutcome,
    json_request,
    json_response,
    parse_api_ids,
    parse_call_info,
    parse_json,
    parse_xml,
    reply_outcome,
)

P_RC = (
    '<Msg><Hdr SID="35488543330" Req="{A-1}" From="#99@sip.ringcentral.com:5060" To="16505550100*101" Cmd="6"/>'
    '<Bdy Cln="" Phn="+16505550199" Nm="A &amp; B &quot;C&quot;"/></Msg>'
)


def test_a_command_is_read_and_written_as_it_came() -> None:
    message = parse_xml(P_RC)
    assert message.command == Command.INCOMING_CALL
    assert message.sid == "35488543330"
    assert message.body["Nm"] == 'A & B "C"'
    assert parse_xml(str(message)) == message


def test_an_answer_keeps_sid_and_req_and_swaps_the_ends() -> None:
    answer = parse_xml(P_RC).answer(Command.FORWARD, "800001", Phn="101")
    assert answer.header == {
        "SID": "35488543330",
        "Req": "{A-1}",
        "From": "16505550100*101",
        "To": "#99@sip.ringcentral.com:5060",
        "Cmd": "10",
    }
    assert answer.body == {"Cln": "800001", "Phn": "101"}


def test_a_command_may_lack_a_body_and_have_an_unknown_number() -> None:
    assert parse_xml('<Msg><Hdr Cmd="99"/></Msg>').command == 99
    assert parse_xml('<Msg><Hdr Cmd="x"/></Msg>').command == 0
    assert parse_xml("<Msg><Hdr/></Msg>") == RcMessage({}, {})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<Msg>",
        "<Other><Hdr/></Other>",
        "<Msg><Bdy/></Msg>",
        "<!DOCTYPE Msg><Msg><Hdr/></Msg>",
        '<!DOCTYPE x [<!ENTITY a "b">]><Msg><Hdr SID="&a;"/></Msg>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Msg><Hdr/><Bdy>&a;</Bdy></Msg>',
        "<Msg><Hdr/>" + " " * MAX_BODY + "</Msg>",
        "\0",
    ],
)
def test_xml_that_is_no_command_or_dangerous_is_refused(text: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_xml(text)


REPLIES = [
    (Reply('Back <soon> & "well"'), {"RepTp": "0", "Bdy": 'Back <soon> & "well"'}),
    (
        Reply(kind="call_you_back", caller_calls=True, delay=3, units="days"),
        {"RepTp": "1", "Dir": "1", "Vl": "3", "Units": "2"},
    ),
    (Reply(kind="on_my_way"), {"RepTp": "2"}),
    (Reply(kind="on_other_line"), {"RepTp": "3"}),
    (Reply(kind="call_you_back_later"), {"RepTp": "4", "Dir": "0"}),
    (Reply(kind="in_a_meeting"), {"RepTp": "5"}),
    (Reply(kind="on_other_line_no_call"), {"RepTp": "6"}),
]


@pytest.mark.parametrize(("reply", "body"), REPLIES)
def test_a_reply_is_written_and_read(reply: Reply, body: dict[str, str]) -> None:
    assert reply.body() == body
    assert Reply.from_body(body) == reply


@pytest.mark.parametrize("body", [{}, {"RepTp": "7"}, {"RepTp": "1", "Units": "9"}, {"RepTp": "1", "Vl": "soon"}])
def test_a_reply_that_does_not_exist_is_refused(body: dict[str, str]) -> None:
    with pytest.raises(MalformedMessage):
        Reply.from_body(body)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        ({"Sts": "0", "Resp": "1"}, ReplyOutcome("yes", "0", "1")),
        ({"Sts": "0", "Resp": "2", "Nm": "Us"}, ReplyOutcome("no", "0", "2", name="Us")),
        (
            {"Sts": "0", "Resp": "3", "ExtNfo": "650", "Phn": "101"},
            ReplyOutcome("urgent", "0", "3", number="650", phone="101"),
        ),
        ({"Sts": "1", "Resp": "1"}, ReplyOutcome("none", "1", "1")),
        ({"Sts": "0", "Resp": "9"}, ReplyOutcome("none", "0", "9")),
        ({}, ReplyOutcome("none")),
    ],
)
def test_the_callers_choice_is_read_from_the_session_close(body: dict[str, str], outcome: ReplyOutcome) -> None:
    assert reply_outcome(RcMessage({"Cmd": "9"}, body)) == outcome


def test_call_info_values_may_hold_equals_signs() -> None:
    assert parse_call_info(" callAttributes=queue-call,reject; queueName=a=b ;;displayInfo=") == {
        "callAttributes": "queue-call,reject",
        "queueName": "a=b",
        "displayInfo": "",
    }


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("party-id=p-a-12;session-id=s-b", ("s-b", "p-a-12")),
        ("session-id=s-b; party-id=p-a-1", ("s-b", "p-a-1")),
        ("session-id=s-b", ("s-b", "")),
        ("", ("", "")),
    ],
)
def test_api_ids_are_read_by_name(value: str, ids: tuple[str, str]) -> None:
    assert parse_api_ids(value) == ids


def test_json_commands_are_written_and_read() -> None:
    assert parse_json(json_request(3, "callflip", target="1650")) == {
        "request": {"reqid": 3, "command": "callflip", "target": "1650"}
    }
    assert parse_json(json_response(3, "callpark", {"code": 0}))["response"]["result"] == {"code": 0}


@pytest.mark.parametrize("text", ["", "[]", "1", '{"a": 1}', '{"request": 1}', "[" * 5000, "x" * (MAX_BODY + 1)])
def test_json_that_is_no_command_is_refused(text: str) -> None:
    with pytest.raises(MalformedMessage):
        parse_json(text)
