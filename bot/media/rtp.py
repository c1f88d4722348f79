"""RTP and RTCP on the wire (RFC 3550), and telephone events (RFC 4733): bytes to values and back, nothing else."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from bot.errors import MalformedMessage

__all__ = [
    "EVENT_DIGITS",
    "ReceptionReport",
    "RtpPacket",
    "SenderReport",
    "TelephoneEvent",
    "is_rtcp",
    "pack_rtp",
    "pack_sender_report",
    "parse_event",
    "parse_rtcp",
    "parse_rtp",
]

EVENT_DIGITS = "0123456789*#ABCD"
"""A digit's place is its event code (RFC 4733 3.2)."""

_HEADER = struct.Struct("!BBHII")
_EVENT = struct.Struct("!BBH")
_SENDER_INFO = struct.Struct("!IIIIII")
_REPORT = struct.Struct("!IIIIII")

_SR, _RR, _SDES = 200, 201, 202


@dataclass(frozen=True, slots=True)
class RtpPacket:
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False


def is_rtcp(datagram: bytes) -> bool:
    """Whether a datagram on a multiplexed port is RTCP (RFC 5761 4)."""
    return len(datagram) > 1 and 192 <= datagram[1] <= 223


def pack_rtp(packet: RtpPacket) -> bytes:
    return (
        _HEADER.pack(
            0x80,
            packet.payload_type | (0x80 if packet.marker else 0),
            packet.sequence & 0xFFFF,
            packet.timestamp & 0xFFFFFFFF,
            packet.ssrc,
        )
        + packet.payload
    )


def parse_rtp(datagram: bytes) -> RtpPacket:
    """Raises MalformedMessage for anything that is not RTP version 2. Header extensions are skipped."""
    if len(datagram) < 12:
        raise MalformedMessage("RTP packet shorter than its header")
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(datagram)
    if first >> 6 != 2:
        raise MalformedMessage("RTP packet of another version than 2")
    start, end = 12 + 4 * (first & 0x0F), len(datagram)
    if first & 0x10:
        if end < start + 4:
            raise MalformedMessage("RTP header extension cut short")
        start += 4 + 4 * int.from_bytes(datagram[start + 2 : start + 4], "big")
    if first & 0x20:
        end -= datagram[-1]
        if datagram[-1] == 0:
            raise MalformedMessage("RTP padding of length 0")
    if start > end:
        raise MalformedMessage("RTP packet cut short")
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, datagram[start:end], bool(second & 0x80))


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """One packet of an event. `duration` in timestamp ticks since the event began; `volume` in -dBm0."""

    code: int
    duration: int
    end: bool = False
    volume: int = 10

    @property
    def digit(self) -> str:
        """The key, or "" for an event that is none."""
        return EVENT_DIGITS[self.code] if self.code < len(EVENT_DIGITS) else ""

    def pack(self) -> bytes:
        return _EVENT.pack(self.code, (0x80 if self.end else 0) | self.volume, self.duration)


def parse_event(payload: bytes) -> TelephoneEvent:
    """The first event of a payload (RFC 4733 2.3). Raises MalformedMessage."""
    if len(payload) < 4:
        raise MalformedMessage("telephone event cut short")
    code, flags, duration = _EVENT.unpack_from(payload)
    return TelephoneEvent(code, duration, bool(flags & 0x80), flags & 0x3F)


@dataclass(frozen=True, slots=True)
class ReceptionReport:
    """What a receiver says about one source (RFC 3550 6.4.1). `jitter` in ticks, `delay` in 1/65536 s."""

    ssrc: int
    fraction_lost: int
    packets_lost: int
    highest_sequence: int
    jitter: int
    last_sr: int
    delay_since_sr: int

    def pack(self) -> bytes:
        lost = max(-0x800000, min(0x7FFFFF, self.packets_lost)) & 0xFFFFFF
        return _REPORT.pack(
            self.ssrc,
            (self.fraction_lost << 24) | lost,
            self.highest_sequence & 0xFFFFFFFF,
            self.jitter & 0xFFFFFFFF,
            self.last_sr,
            self.delay_since_sr & 0xFFFFFFFF,
        )


@dataclass(frozen=True, slots=True)
class SenderReport:
    """An SR, or an RR when `ntp` is 0. `ntp` is the 64-bit NTP time of sending."""

    ssrc: int
    ntp: int
    reports: tuple[ReceptionReport, ...]


def parse_rtcp(datagram: bytes) -> list[SenderReport]:
    """The reports of a compound packet; other kinds are skipped. Raises MalformedMessage.

    So is BYE: whether a call is over is SIP's matter, and its audio may go on under another SSRC.
    """
    reports: list[SenderReport] = []
    start = 0
    while start < len(datagram):
        if len(datagram) < start + 4:
            raise MalformedMessage("RTCP packet shorter than its header")
        first, kind, words = struct.unpack_from("!BBH", datagram, start)
        body = datagram[start + 4 : start + 4 + 4 * words]
        if first >> 6 != 2 or len(body) < 4 * words:
            raise MalformedMessage("RTCP packet of another version than 2, or cut short")
        start += 4 + 4 * words
        if kind in (_SR, _RR):
            reports.append(_parse_report(kind, first & 0x1F, body))
    return reports


def _parse_report(kind: int, count: int, body: bytes) -> SenderReport:
    head = 24 if kind == _SR else 4
    if len(body) < head + 24 * count:
        raise MalformedMessage("RTCP report cut short")
    ntp = int.from_bytes(body[4:12], "big") if kind == _SR else 0
    reports = []
    for index in range(count):
        ssrc, lost, highest, jitter, last_sr, delay = _REPORT.unpack_from(body, head + 24 * index)
        total = lost & 0xFFFFFF
        signed = total - 0x1000000 if total & 0x800000 else total
        reports.append(ReceptionReport(ssrc, lost >> 24, signed, highest, jitter, last_sr, delay))
    return SenderReport(int.from_bytes(body[:4], "big"), ntp, tuple(reports))


def _pack_rtcp(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def _pack_cname(ssrc: int, cname: str) -> bytes:
    name = cname.encode()
    chunk = struct.pack("!IBB", ssrc, 1, len(name)) + name
    return _pack_rtcp(_SDES, 1, chunk + bytes(4 - len(chunk) % 4))


def pack_sender_report(
    ssrc: int, cname: str, ntp: int, timestamp: int, packets: int, octets: int, report: ReceptionReport | None
) -> bytes:
    """A compound packet of SR and SDES. `timestamp` is the RTP time that belongs to `ntp`."""
    body = _SENDER_INFO.pack(
        ssrc, ntp >> 32, ntp & 0xFFFFFFFF, timestamp & 0xFFFFFFFF, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF
    )
    return _pack_rtcp(_SR, 1 if report else 0, body + (report.pack() if report else b"")) + _pack_cname(ssrc, cname)
