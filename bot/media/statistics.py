"""How well a stream arrives: sequence numbers, loss, jitter, round trip (RFC 3550 A.1, A.3, A.8) and an estimate of
what a listener would say (ITU-T G.107, simplified)."""

from __future__ import annotations

from dataclasses import dataclass

from bot.media.rtp import ReceptionReport

__all__ = ["MediaStats", "Reception"]

_MAX_DROPOUT = 3000
_MAX_MISORDER = 100


@dataclass(slots=True)
class MediaStats:
    """Counters of one session. Times in the units that their names say; percentages from 0 to 100."""

    packets_sent: int = 0
    octets_sent: int = 0
    packets_received: int = 0
    octets_received: int = 0
    packets_lost: int = 0
    packets_discarded: int = 0
    frames_concealed: int = 0
    jitter_ms: float = 0.0
    round_trip_ms: float = 0.0
    peer_loss_percent: float = 0.0
    last_received: float | None = None
    """The loop's time of the last audio or event packet; None before the first."""

    @property
    def loss_percent(self) -> float:
        expected = self.packets_received + self.packets_lost
        return 100 * self.packets_lost / expected if expected else 0.0

    @property
    def mos(self) -> float:
        """The mean opinion score, from 1 (bad) to 4.4 (as good as a telephone gets), estimated."""
        delay = self.round_trip_ms / 2 + 2 * self.jitter_ms + 40
        factor = 93.2 - delay / 40 - max(0.0, delay - 177.3) * 0.11
        # G.711 with concealment (ITU-T G.113 appendix I).
        factor -= 95 * self.loss_percent / (self.loss_percent + 25.1)
        factor = max(0.0, min(100.0, factor))
        return round(1 + 0.035 * factor + factor * (factor - 60) * (100 - factor) * 7e-6, 2)


class Reception:
    """Follows the sequence numbers of one source."""

    def __init__(self, ssrc: int, first: int) -> None:
        self.ssrc = ssrc
        self._base = self._highest = first
        self._received = 0
        self._expected_before = self._received_before = 0
        self._suspect: int | None = None
        self._transit: float | None = None
        self._last_sr = 0
        self._last_sr_at = 0.0
        self.jitter = 0.0
        """In timestamp ticks."""

    def extend(self, sequence: int) -> int | None:
        """`sequence` as a number that never wraps; None for one so far off that it is not believed (yet)."""
        delta = (sequence - self._highest) & 0xFFFF
        if delta < _MAX_DROPOUT:
            self._highest += delta
            extended = self._highest
        elif delta >= 0x10000 - _MAX_MISORDER:
            extended = self._highest + delta - 0x10000
        elif self._suspect == sequence:
            # Two in a row: the sender has started again.
            self._highest += delta
            self._base, self._received = self._highest, 0
            self._expected_before = self._received_before = 0
            extended = self._highest
        else:
            self._suspect = (sequence + 1) & 0xFFFF
            return None
        self._suspect = None
        self._received += 1
        return extended

    def arrived(self, timestamp: int, now: float, clock_rate: int) -> None:
        """Updates the jitter estimate."""
        transit = now * clock_rate - timestamp
        if self._transit is not None:
            change = abs(transit - self._transit)
            if change < clock_rate:
                self.jitter += (change - self.jitter) / 16
        self._transit = transit

    def sender_report(self, ntp: int, now: float) -> None:
        self._last_sr, self._last_sr_at = (ntp >> 16) & 0xFFFFFFFF, now

    @property
    def lost(self) -> int:
        return max(0, self._highest - self._base + 1 - self._received)

    def report(self, now: float) -> ReceptionReport:
        """What to tell the sender; begins a new interval for the fraction lost."""
        expected = self._highest - self._base + 1
        expected_now = expected - self._expected_before
        lost_now = expected_now - (self._received - self._received_before)
        self._expected_before, self._received_before = expected, self._received
        fraction = max(0, min(255, (lost_now << 8) // expected_now)) if expected_now > 0 else 0
        delay = round((now - self._last_sr_at) * 65536) if self._last_sr else 0
        return ReceptionReport(
            self.ssrc, fraction, expected - self._received, self._highest, int(self.jitter), self._last_sr, delay
        )
