"""The vendor's own commands: XML in MESSAGE bodies and the P-rc header, JSON in INFO bodies.

XML is read with entities, DTDs and external references refused. Source: ringcentral-web-phone 2.5, rc-message.
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, field
from typing import Any, Literal
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from defusedxml import ElementTree as DefusedElementTree
from defusedxml.common import DefusedXmlException

from bot.errors import MalformedMessage

__all__ = [
    "AGENT_CONTENT_TYPE",
    "JSON_CONTENT_TYPE",
    "Command",
    "RcMessage",
    "Reply",
    "ReplyOutcome",
    "json_request",
    "json_response",
    "parse_api_ids",
    "parse_call_info",
    "parse_json",
    "parse_xml",
    "reply_outcome",
]

AGENT_CONTENT_TYPE = "x-rc/agent"
JSON_CONTENT_TYPE = "application/json;charset=utf-8"
MAX_BODY = 32_768


class Command(enum.IntEnum):
    """`Cmd` of an XML message."""

    CHANGE_MESSAGE = 1
    FREE_RESOURCES = 2
    NEW_MESSAGE = 3
    LOG_IN_AGAIN = 4
    CHANGE_PHONES = 5
    INCOMING_CALL = 6
    ALREADY_PROCESSED = 7
    MINIMISE = 8
    SESSION_CLOSE = 9
    FORWARD = 10
    TO_VOICEMAIL = 11
    REJECT = 12
    START_REPLY = 13
    REPLY = 14
    NOT_PROCESSED = 15
    CLOSED = 16
    RECEIVE_CONFIRM = 17


@dataclass(frozen=True, slots=True)
class RcMessage:
    """`<Msg><Hdr …/><Bdy …/></Msg>`: the attributes of both, as they are spelled on the wire."""

    header: dict[str, str]
    body: dict[str, str] = field(default_factory=dict)

    @property
    def command(self) -> int:
        """`Cmd`, as a number; unknown ones are kept (compare with `Command`)."""
        text = self.header.get("Cmd", "")
        return int(text) if text.isascii() and text.isdigit() else 0

    @property
    def sid(self) -> str:
        """The session that ties a reply to the caller's answer."""
        return self.header.get("SID", "")

    def answer(self, command: Command, client: str, **body: str) -> RcMessage:
        """The command that goes back: SID and Req kept, From and To swapped, `Cln` our authorizationId."""
        header = {
            "SID": self.sid,
            "Req": self.header.get("Req", ""),
            "From": self.header.get("To", ""),
            "To": self.header.get("From", ""),
            "Cmd": str(int(command)),
        }
        return RcMessage(header, {"Cln": client, **body})

    def __str__(self) -> str:
        def attributes(values: dict[str, str]) -> str:
            return "".join(f" {name}={quoteattr(value)}" for name, value in values.items())

        return f"<Msg><Hdr{attributes(self.header)}/><Bdy{attributes(self.body)}/></Msg>"


def parse_xml(text: str) -> RcMessage:
    """Read an XML command.

    Raises:
        MalformedMessage: not XML, not a `Msg` with a `Hdr`, too long, or with entities or a DTD.
    """
    if len(text) > MAX_BODY:
        raise MalformedMessage(f"XML command of {len(text)} characters; at most {MAX_BODY} are read")
    try:
        root = DefusedElementTree.fromstring(text.strip(), forbid_dtd=True)
    except (ElementTree.ParseError, DefusedXmlException, ValueError) as error:
        raise MalformedMessage(f"XML command cannot be read: {error}") from error
    header, body = root.find("Hdr"), root.find("Bdy")
    if root.tag != "Msg" or header is None:
        raise MalformedMessage("XML command without <Msg><Hdr/></Msg>")
    return RcMessage(dict(header.attrib), dict(body.attrib) if body is not None else {})


ReplyKind = Literal[
    "text",
    "call_you_back",
    "on_my_way",
    "on_other_line",
    "call_you_back_later",
    "in_a_meeting",
    "on_other_line_no_call",
]
ReplyChoice = Literal["yes", "no", "urgent", "none"]
_REPLY_TYPES: dict[ReplyKind, int] = {
    "text": 0,
    "call_you_back": 1,
    "on_my_way": 2,
    "on_other_line": 3,
    "call_you_back_later": 4,
    "in_a_meeting": 5,
    "on_other_line_no_call": 6,
}
_UNITS = {"minutes": 0, "hours": 1, "days": 2}


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply to a ringing call: free text, or one of the six fixed kinds.

    `caller_calls` says who calls whom back (kinds call_you_back and call_you_back_later); `delay` is in `units`.
    """

    text: str = ""
    kind: ReplyKind = "text"
    caller_calls: bool = False
    delay: int = 0
    units: Literal["minutes", "hours", "days"] = "minutes"

    def body(self) -> dict[str, str]:
        """The `Bdy` attributes of command 14."""
        body = {"RepTp": str(_REPLY_TYPES[self.kind])}
        if self.kind == "text":
            body["Bdy"] = self.text
        if self.kind in ("call_you_back", "call_you_back_later"):
            body["Dir"] = str(int(self.caller_calls))
        if self.kind == "call_you_back":
            body |= {"Vl": str(self.delay), "Units": str(_UNITS[self.units])}
        return body

    @classmethod
    def from_body(cls, body: dict[str, str]) -> Reply:
        """Read the `Bdy` of command 14, as the phone system does.

        Raises:
            MalformedMessage: a kind, number or unit that does not exist.
        """
        kinds = {str(number): kind for kind, number in _REPLY_TYPES.items()}
        units = {str(number): unit for unit, number in _UNITS.items()}
        kind, delay, unit = (
            kinds.get(body.get("RepTp", "")),
            body.get("Vl", "0"),
            units.get(body.get("Units", "0")),
        )
        if kind is None or unit is None or not (delay.isascii() and delay.isdigit()):
            raise MalformedMessage(f"not a reply: {body!r}")
        return cls(body.get("Bdy", ""), kind, body.get("Dir") == "1", int(delay), unit)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class ReplyOutcome:
    """What the caller did with a reply. `number` is the call-back number of an urgent one."""

    choice: ReplyChoice
    sts: str = ""
    resp: str = ""
    number: str = ""
    phone: str = ""
    name: str = ""


def reply_outcome(message: RcMessage) -> ReplyOutcome:
    """Read the session close (command 9) that ends a reply: §6 of the wire notes."""
    body = message.body
    sts, resp = body.get("Sts", ""), body.get("Resp", "")
    choices: dict[str, ReplyChoice] = {"1": "yes", "2": "no", "3": "urgent"}
    choice: ReplyChoice = choices.get(resp, "none") if sts == "0" else "none"
    return ReplyOutcome(choice, sts, resp, body.get("ExtNfo", ""), body.get("Phn", ""), body.get("Nm", ""))


def parse_call_info(value: str) -> dict[str, str]:
    """Read `p-rc-api-call-info` or similar: `name=value;…`, where a value may hold `=`."""
    pairs = (part.strip().partition("=") for part in value.split(";"))
    return {name.strip(): text.strip() for name, _, text in pairs if name.strip()}


def parse_api_ids(value: str) -> tuple[str, str]:
    """`p-rc-api-ids` as (session id, party id), in whatever order they came; empty where one is missing."""
    found = parse_call_info(value)
    return found.get("session-id", ""), found.get("party-id", "")


def json_request(request_id: int, command: str, **arguments: Any) -> str:
    return json.dumps({"request": {"reqid": request_id, "command": command, **arguments}})


def json_response(request_id: int, command: str, result: dict[str, Any]) -> str:
    return json.dumps({"response": {"reqid": request_id, "command": command, "result": result}})


def parse_json(text: str) -> dict[str, Any]:
    """Read a JSON command: an object with `request` or `response`.

    Raises:
        MalformedMessage: not JSON, too long, or not such an object.
    """
    if len(text) > MAX_BODY:
        raise MalformedMessage(f"JSON command of {len(text)} characters; at most {MAX_BODY} are read")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MalformedMessage(f"JSON command cannot be read: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("request", found.get("response")), dict):
        raise MalformedMessage("JSON command without a request or a response")
    return found
