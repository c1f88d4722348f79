"""How long a phone waits for what."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PhoneLimits"]


@dataclass(frozen=True, slots=True)
class PhoneLimits:
    """Every wait of a phone on the outside, in seconds."""

    connect: float = 10.0
    """TCP, TLS and the WebSocket handshake together."""
    register: float = 5.0
    """A REGISTER without an answer for so long means that the connection is dead."""
    reply: float = 10.0
    """The first reply to any other request; an INVITE gets a 100 at once."""
    ringing: float = 300.0
    """A call that is neither answered nor ended."""
    acknowledge: float = 10.0
    """The ACK after our 200."""
    operation: float = 10.0
    """The CANCEL that shows that a decline, forward, reply or voicemail was done."""
    command: float = 10.0
    """The result of a JSON command: recording, flip, park."""
    transfer: float = 10.0
    """The BYE that shows that a transfer was done."""
    cancelled: float = 2.0
    """The 487 after our CANCEL."""
    outage: float = 60.0
    """How long an answered call is kept while there is no connection."""
    backoff: float = 30.0
    """The longest pause between two attempts to connect again."""
    stop: float = 1.5
    """The whole of `Phone.stop`."""
