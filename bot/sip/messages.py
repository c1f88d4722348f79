"""SIP messages: text in, `Request` or `Response` out, and back (RFC 3261 §7, RFC 7118 §5).

Header storage and value types (addresses, Via, CSeq) are those of the `sipmessage` package. The start line is
our own, because the vendor's request URIs (`sip:#996333008@sip.ringcentral.com:5060`) are not URIs by the RFC's
grammar: a request URI is kept as the text that came.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sipmessage import Headers

from bot.errors import MalformedMessage

__all__ = [
    "MAX_MESSAGE",
    "REASONS",
    "HeaderView",
    "Headers",
    "Message",
    "Request",
    "Response",
    "address_of",
    "make_headers",
    "name_of",
    "number_of",
    "parse",
    "respond",
    "tag_of",
    "with_tag",
]

MAX_MESSAGE = 65_536
"""Bytes. A longer message is refused before it is read."""

MAX_HEADERS = 256

REASONS = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    415: "Unsupported Media Type",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    484: "Address Incomplete",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    600: "Busy Everywhere",
    603: "Decline",
}

_TAG = re.compile(r";\s*tag\s*=\s*([^;,\s>]+)", re.I)
_QUOTED = re.compile(r'\s*"(?:[^"\\]|\\.)*"')
_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
_COMPACT = {
    "i": "Call-ID", "m": "Contact", "l": "Content-Length", "c": "Content-Type", "f": "From", "s": "Subject",
    "k": "Supported", "t": "To", "v": "Via", "r": "Refer-To", "b": "Referred-By", "o": "Event",
    "x": "Session-Expires",
}  # fmt: skip


class HeaderView(Mapping[str, str]):
    """The headers of a message as a read-only mapping: names in any case, the first value of each."""

    def __init__(self, headers: Headers | None = None) -> None:
        self._headers = headers or Headers()

    def __getitem__(self, name: str) -> str:
        return self._headers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers.keys())

    def __len__(self) -> int:
        return len(self._headers.keys())

    def __repr__(self) -> str:
        return f"HeaderView({dict(self)!r})"


@dataclass(slots=True)
class Message(ABC):
    """What requests and responses share. Header names are case-insensitive and keep the spelling they came with."""

    headers: Headers = field(default_factory=Headers, kw_only=True)
    body: str = field(default="", kw_only=True)

    def header(self, name: str, default: str = "") -> str:
        """The first value of a header, or `default`."""
        return self.headers.get(name) or default

    @property
    def call_id(self) -> str:
        return self.header("Call-ID")

    @property
    def cseq(self) -> int:
        """The CSeq number, 0 when it is missing or not a number."""
        number = self.header("CSeq").split()
        return int(number[0]) if number and number[0].isascii() and number[0].isdigit() else 0

    @property
    def cseq_method(self) -> str:
        parts = self.header("CSeq").split()
        return parts[1] if len(parts) == 2 else ""

    @property
    def branch(self) -> str:
        """The branch parameter of the topmost Via (RFC 3261 §8.1.1.7), or empty."""
        match = re.search(r";\s*branch\s*=\s*([^;,\s]+)", self.header("Via"), re.I)
        return match.group(1) if match else ""

    @property
    def from_tag(self) -> str:
        return tag_of(self.header("From"))

    @property
    def to_tag(self) -> str:
        return tag_of(self.header("To"))

    @property
    @abstractmethod
    def start_line(self) -> str:
        """The first line, without its line end."""

    def __str__(self) -> str:
        """The message as it goes onto the wire: CRLF line ends, Content-Length in bytes."""
        self.headers.set("Content-Length", str(len(self.body.encode())))
        return f"{self.start_line}\r\n{self.headers}{self.body}"


@dataclass(slots=True)
class Request(Message):
    method: str
    uri: str

    @property
    def start_line(self) -> str:
        return f"{self.method} {self.uri} SIP/2.0"


@dataclass(slots=True)
class Response(Message):
    status: int
    reason: str = ""

    def __post_init__(self) -> None:
        self.reason = self.reason or REASONS.get(self.status, "Unknown")

    @property
    def start_line(self) -> str:
        return f"SIP/2.0 {self.status} {self.reason}"


def parse(text: str) -> Request | Response:
    """Read one message, as one WebSocket frame carries it.

    The body is all that follows the empty line: the frame delimits the message, so a Content-Length that
    disagrees (the vendor's SDK counts UTF-16 units) does not matter (RFC 7118 §5.3).

    Raises:
        MalformedMessage: what is wrong and where.
    """
    if len(text) > MAX_MESSAGE:
        raise MalformedMessage(f"SIP message of {len(text)} characters; at most {MAX_MESSAGE} are read")
    head, _, body = text.lstrip("\r\n").partition("\r\n\r\n")
    lines = re.sub(r"\r\n[ \t]+", " ", head).split("\r\n")
    message = _start_line(lines[0])
    if len(lines) - 1 > MAX_HEADERS:
        raise MalformedMessage(f"SIP message with {len(lines) - 1} header lines; at most {MAX_HEADERS} are read")
    for number, line in enumerate(lines[1:], 2):
        name, colon, value = line.partition(":")
        name = name.rstrip(" \t")
        if not colon or not _TOKEN.fullmatch(name) or "\r" in value or "\n" in value:
            raise MalformedMessage(f"line {number} of a SIP message is not a header: {line[:80]!r}")
        message.headers.add(_COMPACT.get(name.lower(), name), value.strip())
    message.body = body
    for required in ("Call-ID", "CSeq", "From", "To"):
        if not message.header(required):
            raise MalformedMessage(f"SIP message without {required}: {lines[0][:80]!r}")
    if not message.cseq_method:
        raise MalformedMessage(f"CSeq is not a number and a method: {message.header('CSeq')[:80]!r}")
    return message


def _start_line(line: str) -> Request | Response:
    parts = line.split(" ", 2)
    if len(parts) >= 2 and parts[0] == "SIP/2.0" and re.fullmatch(r"[1-6]\d\d", parts[1], re.ASCII):
        return Response(int(parts[1]), parts[2] if len(parts) == 3 else "")
    if len(parts) == 3 and parts[2] == "SIP/2.0" and _TOKEN.fullmatch(parts[0]) and parts[1]:
        return Request(parts[0], parts[1])
    raise MalformedMessage(f"neither a SIP request nor a response: {line[:80]!r}")


def make_headers(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> Headers:
    """`Headers` with these values, in this order.

    Raises:
        MalformedMessage: a name or value that would break the message (a line break inside it).
    """
    made = Headers()
    for name, value in headers.items() if isinstance(headers, Mapping) else headers:
        if not _TOKEN.fullmatch(name) or "\r" in value or "\n" in value:
            raise MalformedMessage(f"not a header: {name[:40]!r}: {value[:40]!r}")
        made.add(name, value)
    return made


def respond(
    request: Request,
    status: int,
    reason: str = "",
    *,
    headers: Mapping[str, str] | None = None,
    body: str = "",
    to_tag: str = "",
) -> Response:
    """A response that echoes Via, From, To, Call-ID and CSeq exactly as they came (RFC 3261 §8.2.6.2).

    `to_tag` is added to a To that came without a tag. A response that begins a dialog echoes Record-Route too
    (RFC 3261 §12.1.1).
    """
    response = Response(status, reason, body=body)
    echoed = {"via", "from", "to", "call-id", "cseq"}
    if request.method == "INVITE" and 100 < status < 300:
        echoed.add("record-route")
    for name in request.headers.keys():  # noqa: SIM118 - Headers is not a mapping
        if name.lower() in echoed:
            for value in request.headers.getlist(name):
                response.headers.add(name, with_tag(value, to_tag) if to_tag and name.lower() == "to" else value)
    for name, value in (headers or {}).items():
        response.headers.set(name, value)
    return response


def tag_of(address: str) -> str:
    """The tag parameter of a From or To value, or empty. A tag inside the URI or the display name is none."""
    match = _TAG.search(_split_address(address)[2])
    return match.group(1) if match else ""


def with_tag(address: str, tag: str) -> str:
    """The value with this tag; one that it has already is kept."""
    return address if tag_of(address) else f"{address};tag={tag}"


def address_of(value: str) -> str:
    """The URI of an address header: `"Ada" <sip:a@b>;tag=1` gives `sip:a@b`."""
    return _split_address(value)[1].strip().removeprefix("<").removesuffix(">")


def name_of(value: str) -> str:
    """The display name of an address header, or empty: `"Ada \\"L\\"" <sip:a@b>` gives `Ada "L"`."""
    name = _split_address(value)[0].strip()
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if len(name) > 1 and name[0] == name[-1] == '"' else name


def number_of(value: str) -> str:
    """The user part of an address header or URI: the number, extension, star code or `conf_` token."""
    match = re.match(r"sips?:([^@;?]+)@", address_of(value), re.I)
    return match.group(1) if match else ""


def _split_address(value: str) -> tuple[str, str, str]:
    """An address header in three: what stands before the URI, the URI with its brackets, the header's parameters."""
    quoted = _QUOTED.match(value)
    start = value.find("<", quoted.end() if quoted else 0)
    end = value.find(">", start) + 1 if start >= 0 else 0
    if end:
        return value[:start], value[start:end], value[end:]
    uri, semicolon, parameters = value.partition(";")
    return "", uri, semicolon + parameters
