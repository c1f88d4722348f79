"""RTP, RTCP and telephone events: round trips, and bytes that make no sense."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import MalformedMessage
from bot.media.rtp import (
    EVENT_DIGITS,
    ReceptionReport,
    RtpPacket,
    SenderReport,
    TelephoneEvent,
    is_rtcp,
    pack_rtp,
    pack_sender_report,
    parse_event,
    parse_rtcp,
    parse_rtp,
)

U16, U32 = st.integers(0, 0xFFFF), st.integers(0, 0xFFFFFFFF)
PACKETS = st.builds(RtpPacket, st.integers(0, 127), U16, U32, U32, st.binary(max_size=200), st.booleans())
REPORTS = st.builds(ReceptionReport, U32, st.integers(0, 255), st.integers(-0x800000, 0x7FFFFF), U32, U32, U32, U32)


@given(PACKETS)
def test_a_packet_survives_the_wire(packet: RtpPacket) -> None:
    assert parse_rtp(pack_rtp(packet)) == packet


def test_contributing_sources_extension_and_padding_are_skipped() -> None:
    packet = RtpPacket(0, 1, 2, 3, b"audio")
    plain = pack_rtp(packet)
    head = bytes([0x80 | 0x20 | 0x10 | 2]) + plain[1:12]
    extension = b"\xbe\xde\x00\x01" + bytes(4)
    assert parse_rtp(head + bytes(8) + extension + b"audio" + b"\0\0\3") == packet


@given(st.binary(max_size=80))
def test_any_bytes_are_a_packet_or_malformed(data: bytes) -> None:
    for parse in (parse_rtp, parse_rtcp, parse_event):
        try:
            parse(data)
        except MalformedMessage:
            continue


@settings(max_examples=50)
@given(U32, st.text("abc", max_size=30), st.integers(0, 2**64 - 1), U32, U32, U32, REPORTS | st.none())
def test_a_sender_report_survives_the_wire(
    ssrc: int, cname: str, ntp: int, time: int, packets: int, octets: int, report: ReceptionReport | None
) -> None:
    data = pack_sender_report(ssrc, cname, ntp, time, packets, octets, report)
    assert len(data) % 4 == 0
    assert is_rtcp(data)
    assert parse_rtcp(data) == [SenderReport(ssrc, ntp, (report,) if report else ())]


@given(U32, REPORTS)
def test_a_receiver_report_survives_the_wire(ssrc: int, report: ReceptionReport) -> None:
    data = bytes([0x81, 201, 0, 7]) + ssrc.to_bytes(4, "big") + report.pack()
    assert parse_rtcp(data) == [SenderReport(ssrc, 0, (report,))]


def test_a_bye_is_passed_over() -> None:
    bye = bytes([0x81, 203, 0, 1, 0, 0, 0, 9])
    assert parse_rtcp(bye) == []
    assert parse_rtcp(pack_sender_report(1, "name", 2, 3, 4, 5, None) + bye) == [SenderReport(1, 2, ())]


@given(st.integers(0, 255), U16, st.booleans(), st.integers(0, 63))
def test_an_event_survives_the_wire(code: int, duration: int, end: bool, volume: int) -> None:
    event = TelephoneEvent(code, duration, end, volume)
    assert parse_event(event.pack()) == event
    assert event.digit == (EVENT_DIGITS[code] if code < 16 else "")


@pytest.mark.parametrize(("second", "rtcp"), [(0, False), (0x80, False), (200, True), (201, True), (207, True)])
def test_rtcp_is_told_from_rtp_by_its_type(second: int, rtcp: bool) -> None:
    assert is_rtcp(bytes([0x80, second])) is rtcp
