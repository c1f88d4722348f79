"""Session descriptions (RFC 8866): tolerant of what real peers send, strict in what we send.

Only what one audio stream over DTLS-SRTP needs is read; lines that we do not know are skipped. What a peer left
out gets the value that the RFCs, or else Chromium, would give it: no direction means `sendrecv` (RFC 3264 5.1),
no `a=setup` or `holdconn` leaves the role to us (RFC 5763 5), static payload types need no `a=rtpmap` (RFC 3551 6).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.errors import MalformedSdp

__all__ = [
    "DIRECTIONS",
    "Format",
    "IceCandidate",
    "LocalAudio",
    "RemoteAudio",
    "RemoteSection",
    "parse_sdp",
    "render_sdp",
    "reverse_direction",
]

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_REVERSED = {"sendrecv": "sendrecv", "sendonly": "recvonly", "recvonly": "sendonly", "inactive": "inactive"}
_SETUPS = ("actpass", "active", "passive")
_STATIC_FORMATS = {0: ("PCMU", 8000), 8: ("PCMA", 8000), 9: ("G722", 8000), 13: ("CN", 8000)}
_MEDIA_LINE = re.compile(r"(\S+)\s+(\d+)(?:/\d+)?\s+(\S+)\s*(.*)")
_ICE_CREDENTIAL = re.compile(r"[A-Za-z0-9+/]+")


def reverse_direction(direction: str) -> str:
    """A direction as seen from the other side."""
    return _REVERSED[direction]


@dataclass(frozen=True, slots=True)
class Format:
    """One payload type of a media line."""

    payload_type: int
    name: str
    clock_rate: int
    channels: int = 1
    fmtp: str = ""


@dataclass(frozen=True, slots=True)
class IceCandidate:
    """RFC 8839 5.1. `host` may be an mDNS name."""

    foundation: str
    component: int
    transport: str
    priority: int
    host: str
    port: int
    kind: str
    related_host: str | None = None
    related_port: int | None = None

    def __str__(self) -> str:
        text = f"{self.foundation} {self.component} {self.transport} {self.priority} {self.host} {self.port}"
        text += f" typ {self.kind}"
        if self.related_host is not None and self.related_port is not None:
            text += f" raddr {self.related_host} rport {self.related_port}"
        return text


@dataclass(frozen=True, slots=True)
class RemoteSection:
    """A media line as the peer sent it; an answer needs one line for each (RFC 3264 6)."""

    kind: str
    port: int
    profile: str
    formats: str
    mid: str | None


@dataclass(frozen=True, slots=True)
class RemoteAudio:
    """What a peer's session description says about its audio."""

    sections: tuple[RemoteSection, ...]
    index: int
    """Which of the sections is the audio that we use."""
    formats: tuple[Format, ...]
    direction: str
    ufrag: str
    password: str
    ice_lite: bool
    candidates: tuple[IceCandidate, ...]
    fingerprints: tuple[tuple[str, str], ...]
    """Algorithm and value, such as ("sha-256", "AB:CD:…")."""
    setup: str
    """"actpass", "active", "passive", or "" when the peer does not say."""
    rtcp_mux: bool
    bundled: bool
    version: int

    @property
    def section(self) -> RemoteSection:
        return self.sections[self.index]


@dataclass(slots=True)
class _Lines:
    """One section's lines, as lists of values by attribute name."""

    media: str = ""
    attributes: dict[str, list[str]] = field(default_factory=dict)
    connection: str = ""

    def first(self, name: str) -> str | None:
        values = self.attributes.get(name)
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        return self.attributes.get(name, [])


def parse_sdp(text: str) -> RemoteAudio:
    """Reads an offer or an answer. Raises MalformedSdp when there is no audio in it that we can use."""
    session, media, version = _split(text)
    parsed = [(lines, _section(lines)) for lines in media]
    sections = tuple(section for _lines, section in parsed)
    index = _choose_audio(sections)
    lines = parsed[index][0]
    ufrag, password = _inherited(lines, session, "ice-ufrag"), _inherited(lines, session, "ice-pwd")
    if not (_ICE_CREDENTIAL.fullmatch(ufrag) and 4 <= len(ufrag) <= 256):
        raise MalformedSdp("the session description has no usable a=ice-ufrag", hint="the peer must use ICE")
    if not (_ICE_CREDENTIAL.fullmatch(password) and 22 <= len(password) <= 256):
        raise MalformedSdp("the session description has no usable a=ice-pwd", hint="the peer must use ICE")
    fingerprints = _fingerprints(lines.all("fingerprint") or session.all("fingerprint"))
    if not fingerprints:
        raise MalformedSdp("the session description has no a=fingerprint", hint="the peer must use DTLS-SRTP")
    setup = _inherited(lines, session, "setup").lower()
    mid = sections[index].mid
    return RemoteAudio(
        sections=sections,
        index=index,
        formats=_formats(sections[index], lines),
        direction=_direction(lines, session),
        ufrag=ufrag,
        password=password,
        ice_lite="ice-lite" in session.attributes or "ice-lite" in lines.attributes,
        candidates=tuple(_candidates(lines.all("candidate"))),
        fingerprints=fingerprints,
        setup=setup if setup in _SETUPS else "",
        rtcp_mux="rtcp-mux" in lines.attributes,
        bundled=mid is not None and any(mid in group.split()[1:] for group in session.all("group")),
        version=version,
    )


def _split(text: str) -> tuple[_Lines, list[_Lines], int]:
    session, media, version = _Lines(), list[_Lines](), 0
    current = session
    for line in text.splitlines():
        kind, equals, value = line.strip().partition("=")
        if not equals:
            continue
        if kind == "m":
            current = _Lines(media=value)
            media.append(current)
        elif kind == "a":
            name, _colon, argument = value.partition(":")
            current.attributes.setdefault(name.strip().lower(), []).append(argument.strip())
        elif kind == "o":
            parts = value.split()
            version = int(parts[2]) if len(parts) > 2 and parts[2].isdecimal() else 0
    if not media:
        raise MalformedSdp("the session description has no media line")
    return session, media, version


def _section(lines: _Lines) -> RemoteSection:
    match = _MEDIA_LINE.fullmatch(lines.media)
    if match is None:
        raise MalformedSdp(f"unreadable media line: m={lines.media[:80]}")
    kind, port, profile, formats = match.groups()
    if len(port) > 5:
        raise MalformedSdp(f"unreadable media line: m={lines.media[:80]}")
    return RemoteSection(kind.lower(), int(port), profile, formats.strip(), lines.first("mid"))


def _choose_audio(sections: Sequence[RemoteSection]) -> int:
    for index, section in enumerate(sections):
        if section.kind == "audio" and section.port:
            return index
    if any(section.kind == "audio" for section in sections):
        raise MalformedSdp("the peer rejected the audio stream")
    raise MalformedSdp("the session description has no audio")


def _inherited(lines: _Lines, session: _Lines, name: str) -> str:
    """A media attribute, or the session's when the media section does not have it."""
    return lines.first(name) or session.first(name) or ""


def _fingerprints(values: Sequence[str]) -> tuple[tuple[str, str], ...]:
    pairs = (value.split() for value in values)
    return tuple((pair[0].lower(), pair[1].upper()) for pair in pairs if len(pair) == 2)


def _direction(lines: _Lines, session: _Lines) -> str:
    for source in (lines, session):
        for direction in DIRECTIONS:
            if direction in source.attributes:
                return direction
    return "sendrecv"


def _formats(section: RemoteSection, lines: _Lines) -> tuple[Format, ...]:
    rtpmaps = _by_payload_type(lines.all("rtpmap"))
    fmtps = _by_payload_type(lines.all("fmtp"))
    formats = []
    for text in section.formats.split():
        if not text.isdecimal() or len(text) > 3 or int(text) > 127:
            continue
        payload_type = int(text)
        name, clock_rate, channels = _rtpmap(payload_type, rtpmaps.get(payload_type, ""))
        if name:
            formats.append(Format(payload_type, name, clock_rate, channels, fmtps.get(payload_type, "")))
    return tuple(formats)


def _by_payload_type(values: Sequence[str]) -> Mapping[int, str]:
    found: dict[int, str] = {}
    for value in values:
        number, _space, rest = value.partition(" ")
        if number.isdecimal() and len(number) <= 3:
            found.setdefault(int(number), rest.strip())
    return found


def _rtpmap(payload_type: int, text: str) -> tuple[str, int, int]:
    """Name, clock rate and channels; an empty name when nothing says what the payload type means."""
    parts = text.split("/")
    if len(parts) >= 2 and re.fullmatch(r"[0-9]{1,7}", parts[1].strip()):
        channels = int(parts[2]) if len(parts) > 2 and re.fullmatch(r"[0-9]{1,2}", parts[2].strip()) else 1
        return parts[0].strip(), int(parts[1]), channels
    name, clock_rate = _STATIC_FORMATS.get(payload_type, ("", 0))
    return name, clock_rate, 1


def _candidates(values: Sequence[str]) -> list[IceCandidate]:
    """The UDP candidates of component 1; TCP ones, RTCP's own and unreadable ones are left out."""
    found = []
    for value in values:
        parts = value.split()
        if len(parts) < 8 or parts[6] != "typ" or parts[2].lower() != "udp":
            continue
        if not all(re.fullmatch(r"[0-9]{1,10}", part) for part in (parts[1], parts[3], parts[5])):
            continue
        port = int(parts[5])
        if int(parts[1]) == 1 and 0 < port < 65536 and parts[7] in ("host", "srflx", "prflx", "relay"):
            kind = "srflx" if parts[7] == "prflx" else parts[7]
            found.append(IceCandidate(parts[0], 1, "udp", int(parts[3]), parts[4], port, kind))
    return found


@dataclass(frozen=True, slots=True)
class LocalAudio:
    """What our session description says. `sections` empty: an offer; else the offer's, to be answered."""

    session_id: int
    version: int
    formats: tuple[Format, ...]
    direction: str
    ufrag: str
    password: str
    candidates: tuple[IceCandidate, ...]
    fingerprint: tuple[str, str]
    setup: str
    ssrc: int
    cname: str
    rtcp_mux: bool = True
    bundled: bool = True
    sections: tuple[RemoteSection, ...] = ()
    index: int = 0


def render_sdp(local: LocalAudio) -> str:
    """The text of our offer or answer."""
    sections = local.sections or (RemoteSection("audio", 9, "UDP/TLS/RTP/SAVPF", "", "0"),)
    mid = sections[local.index].mid
    lines = ["v=0", f"o=- {local.session_id} {local.version} IN IP4 127.0.0.1", "s=-", "t=0 0"]
    if local.bundled and mid is not None:
        lines.append(f"a=group:BUNDLE {mid}")
    lines.append("a=msid-semantic:WMS *")
    for index, section in enumerate(sections):
        lines += _audio_lines(local, section) if index == local.index else _rejected_lines(section)
    return "\r\n".join(lines) + "\r\n"


def _rejected_lines(section: RemoteSection) -> list[str]:
    lines = [f"m={section.kind} 0 {section.profile} {section.formats or '0'}", "c=IN IP4 0.0.0.0", "a=inactive"]
    return lines + ([f"a=mid:{section.mid}"] if section.mid is not None else [])


def _audio_lines(local: LocalAudio, section: RemoteSection) -> list[str]:
    default = next((candidate for candidate in local.candidates if ":" not in candidate.host), None)
    host, port = (default.host, default.port) if default else ("0.0.0.0", 9)  # noqa: S104 - RFC 8839 4.3.1
    numbers = " ".join(str(each.payload_type) for each in local.formats)
    lines = [f"m=audio {port} {section.profile} {numbers}", f"c=IN IP4 {host}"]
    if local.rtcp_mux:
        lines += [f"a=rtcp:{port} IN IP4 {host}", "a=rtcp-mux"]
    if section.mid is not None:
        lines.append(f"a=mid:{section.mid}")
    lines += [f"a={local.direction}", f"a=msid:- {local.cname}"]
    for each in local.formats:
        channels = f"/{each.channels}" if each.channels > 1 else ""
        lines.append(f"a=rtpmap:{each.payload_type} {each.name}/{each.clock_rate}{channels}")
        if each.fmtp:
            lines.append(f"a=fmtp:{each.payload_type} {each.fmtp}")
    lines += ["a=ptime:20", f"a=ssrc:{local.ssrc} cname:{local.cname}"]
    lines += [f"a=ice-ufrag:{local.ufrag}", f"a=ice-pwd:{local.password}"]
    lines += [f"a=candidate:{candidate}" for candidate in local.candidates]
    lines += ["a=end-of-candidates", f"a=fingerprint:{local.fingerprint[0]} {local.fingerprint[1]}"]
    return [*lines, f"a=setup:{local.setup}"]
