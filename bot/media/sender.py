"""The sending half of a session: frames and digits in, RTP packets out."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from bot.media.audio import FRAME_SECONDS, SILENCE, Pcm
from bot.media.codecs import Codec, Encoder
from bot.media.rtp import EVENT_DIGITS, RtpPacket, SenderReport, TelephoneEvent, pack_rtp, pack_sender_report
from bot.media.sources import Silence, Source, concatenate
from bot.media.statistics import MediaStats, Reception
from bot.media.tones import dtmf

__all__ = ["Sender", "check_digits"]

_END_PACKETS = 3
"""Each event's last packet is sent this often, as RFC 4733 2.5.1.4 asks."""
_FADE_OUT_FRAMES = 10
"""Frames of silence after which a codec with a memory gives the same payload for each further one, near enough."""
_PAUSE_SECONDS = 1.0
"""How long a comma lasts."""


def check_digits(digits: str) -> str:
    """`digits` in upper case. Raises ValueError for anything but 0-9, *, #, A-D and commas."""
    upper = digits.upper()
    for digit in upper:
        if digit not in EVENT_DIGITS and digit != ",":
            raise ValueError(f"{digit!r} cannot be sent as a digit: use 0-9, *, #, A-D, or a comma for a pause")
    return upper


@dataclass(slots=True)
class _Playing:
    """A source in the queue, and who waits for its end."""

    source: Source
    done: asyncio.Future[None]
    digits: str = ""
    duration: float = 0.0
    gap: float = 0.0


class _DigitTicks:
    """What to send at each tick while digits go out as events."""

    def __init__(self, digits: str, duration: float, gap: float) -> None:
        self._digits = deque(digits)
        self._duration = max(1, round(duration / FRAME_SECONDS))
        self._gap = max(_END_PACKETS, round(gap / FRAME_SECONDS))
        self._digit = ""
        self._tick = 0

    def cut(self) -> None:
        """Ends the digit that is down properly, and sends no more."""
        self._digits.clear()
        if self._digit == ",":
            self._digit = ""
        self._duration = min(self._duration, self._tick + 1)
        self._gap = _END_PACKETS

    def next(self) -> tuple[str, int, bool, bool] | None:
        """(digit, ticks since it began, whether it has ended, whether this is its first packet), or None: over.

        An empty digit is a tick of gap or pause.
        """
        if not self._digit:
            if not self._digits:
                return None
            self._digit, self._tick = self._digits.popleft(), 0
        self._tick += 1
        if self._digit == ",":
            if self._tick >= round(_PAUSE_SECONDS / FRAME_SECONDS):
                self._digit = ""
            return "", 0, False, False
        digit, tick = self._digit, self._tick
        if tick >= self._duration + self._gap:
            self._digit = ""
        if tick < self._duration:
            return digit, tick, False, tick == 1
        if tick < self._duration + _END_PACKETS:
            return digit, self._duration, True, tick == 1
        return "", 0, False, False


class Sender:
    """Reads the sources, encodes, numbers and times the packets. One `tick` each 20 ms."""

    def __init__(self, stats: MediaStats, transmit: Callable[[bytes], bool], rng: Random, cname: str) -> None:
        self._stats = stats
        self._transmit = transmit
        self._cname = cname
        self.ssrc = rng.getrandbits(32)
        self._sequence = rng.getrandbits(16)
        self._timestamp = rng.getrandbits(32)
        self._codec: Codec | None = None
        self._payload_type = 0
        self._encoder: Encoder | None = None
        self._silence = b""
        self._silent_frames = 0
        self._event_payload_type: int | None = None
        self._marker = True
        self.source: Source | None = None
        self.muted = False
        self._queue: deque[_Playing] = deque()
        self._digit_queue: deque[_Playing] = deque()
        self._digit_ticks: _DigitTicks | None = None
        self._event_start = 0

    def configure(self, codec: Codec, payload_type: int, event_payload_type: int | None) -> None:
        """What was agreed; may change in the middle of a call."""
        if codec is not self._codec:
            self._codec, self._encoder = codec, codec.encoder()
            self._silence, self._silent_frames = b"", 0
        self._payload_type = payload_type
        self._event_payload_type = event_payload_type

    def play(self, source: Source) -> asyncio.Future[None]:
        """Queues a source. The future is done when it has ended; cancelling it takes the source out."""
        playing = _Playing(source, asyncio.get_running_loop().create_future())
        self._queue.append(playing)
        return playing.done

    def send_digits(self, digits: str, duration: float, gap: float) -> asyncio.Future[None]:
        """Queues digits, which go before any source. The future is done when the last gap is over."""
        playing = _Playing(Silence(0), asyncio.get_running_loop().create_future(), digits, duration, gap)
        self._digit_queue.append(playing)
        return playing.done

    def abandon(self, error: Exception) -> None:
        """Ends whatever is queued with `error`."""
        for playing in [*self._queue, *self._digit_queue]:
            if not playing.done.done():
                playing.done.set_exception(error)
        self._queue.clear()
        self._digit_queue.clear()

    def tick(self, allowed: bool) -> None:
        """Sends one packet. When the direction forbids sending (`allowed` off) time passes just the same."""
        if self._codec is None or self._encoder is None:
            return
        if not self._digits_sent(allowed):
            frame = self._next_frame()
            if allowed:
                self._send_audio(frame)
            else:
                self._marker = True
        self._timestamp = (self._timestamp + self._codec.frame_ticks) & 0xFFFFFFFF

    def _send_audio(self, frame: Pcm | None) -> None:
        assert self._encoder is not None
        if frame is None or frame is SILENCE or self.muted:
            payload = self._silence_payload()
        else:
            payload, self._silent_frames = self._encoder.encode(frame), 0
        if payload:
            self._send(self._payload_type, self._timestamp, payload, self._marker)
            self._marker = False

    def _silence_payload(self) -> bytes:
        """Encoded until a codec with a memory has faded out, then sent again and again."""
        assert self._encoder is not None
        self._silent_frames += 1
        if self._silent_frames <= _FADE_OUT_FRAMES or not self._silence:
            self._silence = self._encoder.encode(SILENCE)
        return self._silence

    def _send(self, payload_type: int, timestamp: int, payload: bytes, marker: bool) -> None:
        packet = pack_rtp(RtpPacket(payload_type, self._sequence, timestamp, self.ssrc, payload, marker))
        self._sequence = (self._sequence + 1) & 0xFFFF
        if self._transmit(packet):
            self._stats.packets_sent += 1
            self._stats.octets_sent += len(payload)

    def _next_frame(self) -> Pcm | None:
        """From the queue, else from the continuous source; None for silence."""
        while self._queue:
            playing = self._queue[0]
            frame = None if playing.done.done() else playing.source.read()
            if frame is not None:
                return frame
            self._queue.popleft()
            if not playing.done.done():
                playing.done.set_result(None)
        if self.source is None:
            return None
        frame = self.source.read()
        if frame is None:
            self.source = None
        return frame

    def _digits_sent(self, allowed: bool) -> bool:
        """Whether this tick belongs to digits."""
        while self._digit_queue:
            sending = self._digit_queue[0]
            if sending.done.done() and self._digit_ticks is not None:
                self._digit_ticks.cut()
            if (not sending.done.done() or self._digit_ticks is not None) and self._digit_tick(sending, allowed):
                return True
            self._digit_queue.popleft()
            self._digit_ticks = None
            if not sending.done.done():
                sending.done.set_result(None)
        return False

    def _digit_tick(self, sending: _Playing, allowed: bool) -> bool:
        if self._event_payload_type is None:
            return self._tone_tick(sending, allowed)
        if self._digit_ticks is None:
            self._digit_ticks = _DigitTicks(sending.digits, sending.duration, sending.gap)
        step = self._digit_ticks.next()
        if step is None:
            return False
        digit, ticks, ended, first = step
        if first:
            self._event_start = self._timestamp
        if not allowed:
            return True
        if digit:
            assert self._codec is not None
            duration = min(0xFFFF, ticks * self._codec.frame_ticks)
            event = TelephoneEvent(EVENT_DIGITS.index(digit), duration, ended)
            self._send(self._event_payload_type, self._event_start, event.pack(), first)
            self._marker = True
        else:
            self._send_audio(None)
        return True

    def _tone_tick(self, sending: _Playing, allowed: bool) -> bool:
        """In-band: the same digits as tones, where telephone events were not agreed on."""
        if isinstance(sending.source, Silence):
            sending.source = _tones(sending.digits, sending.duration, sending.gap)
        frame = sending.source.read()
        if frame is not None and allowed:
            self._send_audio(frame)
        return frame is not None

    def reports_received(self, report: SenderReport, now: float) -> None:
        """What the peer says about how our packets arrive (RFC 3550 6.4.1)."""
        for each in report.reports:
            if each.ssrc == self.ssrc:
                self._stats.peer_loss_percent = each.fraction_lost / 2.56
                trip = (int(now * 65536) - each.last_sr - each.delay_since_sr) & 0xFFFFFFFF
                if each.last_sr and trip < 0x80000000:
                    self._stats.round_trip_ms = trip / 65.536

    def report(self, now: float, reception: Reception | None) -> bytes:
        """The RTCP packet that is due. Its NTP time is the loop's: any clock will do (RFC 3550 4)."""
        report = reception.report(now) if reception is not None else None
        return pack_sender_report(
            self.ssrc,
            self._cname,
            int(now * 2**32) & 0xFFFFFFFFFFFFFFFF,
            self._timestamp,
            self._stats.packets_sent,
            self._stats.octets_sent,
            report,
        )


def _tones(digits: str, duration: float, gap: float) -> Source:
    parts: list[Source] = []
    for digit in digits:
        parts += [Silence(_PAUSE_SECONDS)] if digit == "," else [dtmf(digit, duration), Silence(gap)]
    return concatenate(*parts)
