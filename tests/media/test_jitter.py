"""The jitter buffer and the counters of a stream."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.media.jitter import EMPTY, LOST, JitterBuffer
from bot.media.rtp import RtpPacket
from bot.media.statistics import MediaStats, Reception


def packet(number: int) -> RtpPacket:
    return RtpPacket(0, number & 0xFFFF, 0, 1, b"")


def pulled(buffer: JitterBuffer) -> object:
    got = buffer.pull()
    return got.sequence if isinstance(got, RtpPacket) else got


def test_packets_come_out_in_order_and_once() -> None:
    buffer = JitterBuffer()
    for number in (11, 10, 13, 12, 11, 13):
        buffer.push(number, packet(number))
    assert [pulled(buffer) for _each in range(5)] == [10, 11, 12, 13, EMPTY]


def test_a_reserve_is_built_up_first() -> None:
    buffer = JitterBuffer()
    buffer.push(1, packet(1))
    assert pulled(buffer) is EMPTY
    buffer.push(2, packet(2))
    assert pulled(buffer) == 1


def test_a_single_packet_does_not_wait_for_ever() -> None:
    buffer = JitterBuffer()
    buffer.push(1, packet(1))
    assert [pulled(buffer) for _each in range(3)] == [EMPTY, EMPTY, 1]


def test_a_gap_is_told_from_the_end() -> None:
    buffer = JitterBuffer()
    for number in (1, 2, 4):
        buffer.push(number, packet(number))
    assert [pulled(buffer) for _each in range(5)] == [1, 2, LOST, 4, EMPTY]


def test_what_comes_too_late_is_dropped_and_makes_the_reserve_larger() -> None:
    buffer = JitterBuffer()
    for number in (1, 2, 4):
        buffer.push(number, packet(number))
    for _each in range(3):
        buffer.pull()
    buffer.push(3, packet(3))
    assert buffer.discarded == 1
    assert buffer._reserve.packets == 3


def test_delay_that_is_not_needed_is_given_up() -> None:
    buffer = JitterBuffer()
    for number in range(10):
        buffer.push(number, packet(number))
    for number in range(10, 600):
        buffer.push(number, packet(number))
        buffer.pull()
    assert len(buffer) <= 3


@given(st.lists(st.tuples(st.integers(0, 120), st.booleans()), max_size=300))
def test_order_holds_whatever_comes(steps: list[tuple[int, bool]]) -> None:
    buffer, last = JitterBuffer(), -1
    for number, pull in steps:
        buffer.push(number, packet(number))
        assert len(buffer) <= JitterBuffer.LIMIT
        if pull and isinstance(got := pulled(buffer), int):
            assert got > last
            last = got


def test_numbers_go_on_after_they_wrap() -> None:
    reception = Reception(1, 65534)
    assert [reception.extend(number & 0xFFFF) for number in range(65534, 65540)] == list(range(65534, 65540))
    assert reception.lost == 0


def test_loss_is_counted_and_reported_by_interval() -> None:
    reception, rng = Reception(1, 0), Random(1)
    for number in range(1000):
        if number == 0 or rng.random() > 0.25:
            reception.extend(number)
    report = reception.report(0.0)
    assert report.fraction_lost / 256 == pytest.approx(0.25, abs=0.05)
    assert report.packets_lost == reception.lost
    assert reception.report(1.0).fraction_lost == 0


def test_a_number_far_off_is_believed_only_when_the_next_follows_it() -> None:
    reception = Reception(1, 100)
    reception.extend(100)
    assert reception.extend(40000) is None
    assert reception.extend(101) == 101
    assert reception.extend(40000) is None
    assert reception.extend(40001) is not None


def test_jitter_is_zero_for_an_even_stream() -> None:
    reception = Reception(1, 0)
    for index in range(100):
        reception.arrived(160 * index, 0.02 * index, 8000)
    assert reception.jitter < 0.01


def test_the_opinion_falls_with_loss_and_delay() -> None:
    good, lossy = MediaStats(packets_received=100), MediaStats(packets_received=90, packets_lost=10)
    slow = MediaStats(round_trip_ms=900)
    assert 4.2 < good.mos <= 4.5
    assert lossy.mos < 3.5
    assert slow.mos < 3.5
