"""The receiving half of a session: RTP packets in, frames and digits out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

import numpy as np

from bot.errors import MalformedMessage
from bot.media.audio import FRAME, SILENCE, Pcm, as_frame
from bot.media.codecs import Codec, Decoder
from bot.media.detect import DigitDetector
from bot.media.jitter import EMPTY, LOST, JitterBuffer
from bot.media.rtp import RtpPacket, SenderReport, parse_event, parse_rtp
from bot.media.statistics import MediaStats, Reception

__all__ = ["Receiver"]

_FADE = (0.8, 0.5, 0.25)
"""What is left of the last frame in each further one that is missing; after that, silence."""


class Receiver:
    """Sorts, decodes and conceals; reports each digit once.

    Nothing is decoded unless `listening` is on, or digits have to be found in the audio itself.
    """

    def __init__(self, stats: MediaStats, on_digit: Callable[[str], None]) -> None:
        self._stats = stats
        self._on_digit = on_digit
        self._codecs: Mapping[int, Codec] = {}
        self._event_clocks: Mapping[int, int] = {}
        self._decoders: dict[int, Decoder] = {}
        self.reception: Reception | None = None
        self._lost_before = 0
        self._buffer = JitterBuffer()
        self._samples = np.zeros(0, dtype=np.int16)
        self._last = SILENCE
        self._missing = len(_FADE)
        self._frames_a_packet = 1
        self._recent_events: deque[int] = deque(maxlen=16)
        self._detector: DigitDetector | None = None
        self._listening = self._want_digits = False

    def configure(self, codecs: Mapping[int, Codec], event_clocks: Mapping[int, int]) -> None:
        """Which payload types mean what; `event_clocks` are those of telephone events, with their clock rates."""
        if (codecs, event_clocks) == (self._codecs, self._event_clocks):
            return
        self._codecs, self._event_clocks = codecs, event_clocks
        self._decoders.clear()
        self._detector = None if event_clocks else DigitDetector()

    @property
    def listening(self) -> bool:
        return self._listening

    @listening.setter
    def listening(self, on: bool) -> None:
        decoding, self._listening = self._decoding, on
        self._restart_unless(decoding)

    @property
    def want_digits(self) -> bool:
        """Whether somebody listens for digits: without telephone events that means decoding."""
        return self._want_digits

    @want_digits.setter
    def want_digits(self, on: bool) -> None:
        decoding, self._want_digits = self._decoding, on
        self._restart_unless(decoding)

    @property
    def _decoding(self) -> bool:
        return self._listening or (self._want_digits and self._detector is not None)

    def _restart_unless(self, decoding: bool) -> None:
        """What was kept when the last one stopped listening would be old for the next, and be waited for."""
        if self._decoding != decoding:
            self._restart()

    def _restart(self) -> None:
        self._buffer = JitterBuffer()
        self._decoders.clear()
        self._samples = np.zeros(0, dtype=np.int16)
        self._last, self._missing = SILENCE, len(_FADE)

    def datagram_received(self, datagram: bytes, now: float) -> None:
        """One decrypted RTP packet; `now` is the loop's time."""
        try:
            packet = parse_rtp(datagram)
        except MalformedMessage:
            return
        codec = self._codecs.get(packet.payload_type)
        event_clock = self._event_clocks.get(packet.payload_type)
        if codec is None and event_clock is None and packet.payload_type != 13:
            return
        sequence = self._follow(packet)
        if sequence is None:
            return
        self._count(packet, now)
        if codec is not None:
            assert self.reception is not None
            self.reception.arrived(packet.timestamp, now, codec.clock_rate)
            self._stats.jitter_ms = 1000 * self.reception.jitter / codec.clock_rate
            if self._decoding:
                self._buffer.push(sequence, packet)
        else:
            if event_clock is not None:
                self._event_received(packet)
            if self._decoding:
                self._buffer.push(sequence, None)

    def _follow(self, packet: RtpPacket) -> int | None:
        if self.reception is None or self.reception.ssrc != packet.ssrc:
            if self.reception is not None:
                self._lost_before += self.reception.lost
                self._restart()
            self.reception = Reception(packet.ssrc, packet.sequence)
            self._recent_events.clear()
        return self.reception.extend(packet.sequence)

    def _count(self, packet: RtpPacket, now: float) -> None:
        assert self.reception is not None
        self._stats.packets_received += 1
        self._stats.octets_received += len(packet.payload)
        self._stats.packets_lost = self._lost_before + self.reception.lost
        self._stats.packets_discarded = self._buffer.discarded
        self._stats.last_received = now

    def _event_received(self, packet: RtpPacket) -> None:
        """All packets of one event bear the time at which it began (RFC 4733 2.2): that tells events apart."""
        try:
            event = parse_event(packet.payload)
        except MalformedMessage:
            return
        if event.digit and packet.timestamp not in self._recent_events:
            self._recent_events.append(packet.timestamp)
            self._on_digit(event.digit)

    def read(self) -> Pcm | None:
        """The frame to hear at this tick, silence or a concealment when none came; None when nobody listens."""
        if not self._decoding:
            return None
        while len(self._samples) < FRAME:
            self._samples = self._more() if not len(self._samples) else np.concatenate([self._samples, self._more()])
        frame, self._samples = self._samples[:FRAME], self._samples[FRAME:]
        if self._detector is not None and self._want_digits:
            digit = self._detector.feed(frame)
            if digit is not None:
                self._on_digit(digit)
        return frame if self._listening else None

    def _more(self) -> Pcm:
        packet = self._buffer.pull()
        if packet is EMPTY:
            return self._concealment()
        if packet is LOST:
            # As long as the packets have been lately: 20 ms mostly, but a peer may send 60 ms in one.
            return np.concatenate([self._concealment() for _each in range(self._frames_a_packet)])
        if packet is None:
            self._missing = len(_FADE)
            return SILENCE
        assert isinstance(packet, RtpPacket)
        samples = self._decode(packet)
        if not len(samples):
            return self._concealment()
        self._last, self._missing = as_frame(samples[-FRAME:]), 0
        self._frames_a_packet = max(1, len(samples) // FRAME)
        return samples

    def _decode(self, packet: RtpPacket) -> Pcm:
        decoder = self._decoders.get(packet.payload_type)
        if decoder is None:
            codec = self._codecs.get(packet.payload_type)
            if codec is None:
                return SILENCE
            decoder = self._decoders[packet.payload_type] = codec.decoder()
        return decoder.decode(packet.payload)

    def _concealment(self) -> Pcm:
        if self._missing >= len(_FADE):
            return SILENCE
        fade, self._missing = _FADE[self._missing], self._missing + 1
        self._stats.frames_concealed += 1
        return (self._last * fade).astype(np.int16)

    def sender_report(self, report: SenderReport, now: float) -> None:
        """What the sender of our stream says about its clock."""
        if report.ntp and self.reception is not None and self.reception.ssrc == report.ssrc:
            self.reception.sender_report(report.ntp, now)
