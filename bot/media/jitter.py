"""The jitter buffer: puts packets in order and gives one out whenever the ticker asks."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from bot.media.rtp import RtpPacket

__all__ = ["EMPTY", "LOST", "JitterBuffer", "NotNow"]


class NotNow(enum.Enum):
    """Why a pull gave no packet."""

    EMPTY = enum.auto()
    """Nothing has come yet, or we wait for a reserve to build up: the next packet is still to come."""
    LOST = enum.auto()
    """Later packets are here, this one is not: its time has passed."""


EMPTY = NotNow.EMPTY
LOST = NotNow.LOST


@dataclass(slots=True)
class _Reserve:
    """How many packets we wait for before playing; grows with late packets, shrinks with quiet times."""

    packets: int = 2
    quiet_pulls: int = 0

    LEAST = 2
    MOST = 8
    PULLS_TO_SHRINK = 500

    def late(self) -> None:
        self.packets = min(self.packets + 1, self.MOST)
        self.quiet_pulls = 0

    def pulled(self) -> None:
        self.quiet_pulls += 1
        if self.quiet_pulls >= self.PULLS_TO_SHRINK:
            self.packets, self.quiet_pulls = max(self.packets - 1, self.LEAST), 0


class JitterBuffer:
    """Holds the packets of one stream by extended sequence number.

    `push` what the network brings, in any order, more than once; `pull` once for each packet to play. None
    stands for a packet that carries no audio (a telephone event) but takes its place in the sequence.
    """

    LIMIT = 50
    """Packets that we hold at most: one second of 20 ms packets."""
    RESTART_AFTER = 5
    """Empty pulls in a row after which a new reserve is built up."""
    WINDOW = 50
    """Pulls over which surplus delay is measured."""

    def __init__(self) -> None:
        self._packets: dict[int, RtpPacket | None] = {}
        self._next: int | None = None
        self._reserve = _Reserve()
        self._playing = False
        self._waited = 0
        self._empty = 0
        self._window_pulls = 0
        self._window_least = self.LIMIT
        self.discarded = 0
        """Packets that came too late, or were dropped to catch up."""

    def __len__(self) -> int:
        return len(self._packets)

    def push(self, sequence: int, packet: RtpPacket | None) -> None:
        if self._next is not None and sequence < self._next:
            if sequence >= self._next - self.LIMIT:
                self.discarded += 1
                self._reserve.late()
            return
        if sequence in self._packets:
            return
        self._packets[sequence] = packet
        if len(self._packets) > self.LIMIT:
            self._drop_to(self._reserve.packets)

    def pull(self) -> RtpPacket | NotNow | None:
        """The next packet in order, or why there is none."""
        if not self._playing and not self._start():
            return EMPTY
        assert self._next is not None
        self._reserve.pulled()
        if not self._packets:
            self._empty += 1
            if self._empty >= self.RESTART_AFTER:
                self._playing, self._waited = False, 0
            return EMPTY
        self._empty = 0
        self._shed_delay()
        sequence = self._next
        self._next += 1
        if sequence in self._packets:
            return self._packets.pop(sequence)
        return LOST

    def _start(self) -> bool:
        """Whether enough has come to begin, or the first packet has waited long enough."""
        if not self._packets:
            return False
        self._waited += 1
        if len(self._packets) < self._reserve.packets and self._waited <= self._reserve.packets:
            return False
        self._next = min(self._packets)
        self._playing, self._empty = True, 0
        self._window_pulls, self._window_least = 0, self.LIMIT
        return True

    def _shed_delay(self) -> None:
        """Drops one packet when all through a window there was more in reserve than is needed."""
        self._window_least = min(self._window_least, len(self._packets))
        self._window_pulls += 1
        if self._window_pulls >= self.WINDOW:
            if self._window_least > self._reserve.packets:
                self._drop_to(len(self._packets) - 1)
            self._window_pulls, self._window_least = 0, self.LIMIT

    def _drop_to(self, count: int) -> None:
        while len(self._packets) > count:
            oldest = min(self._packets)
            del self._packets[oldest]
            self._next = oldest + 1
            self.discarded += 1
