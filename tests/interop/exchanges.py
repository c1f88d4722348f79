"""The exchanges of RingCentral's dialect, as a phone sees them on its wire.

Each is a tuple of `wire.Frame.label`s; a whole call is the sum of a few.
"""

from __future__ import annotations

__all__ = [
    "ACKNOWLEDGED",
    "CANCELLED",
    "CHALLENGED_REGISTER",
    "FREED",
    "HANGS_UP",
    "IS_HUNG_UP",
    "PLACED",
    "RE_INVITED",
    "RINGS",
    "SESSION_CLOSED",
    "command",
]

Exchange = tuple[str, ...]

CHALLENGED_REGISTER: Exchange = (
    "out REGISTER",
    "in 100 REGISTER",
    "in 401 REGISTER",
    "out REGISTER",
    "in 100 REGISTER",
    "in 200 REGISTER",
)
"""Registering, refreshing and unregistering alike."""

PLACED: Exchange = (
    "out INVITE",
    "in 100 INVITE",
    "in 407 INVITE",
    "out INVITE",
    "in 100 INVITE",
    "in 183 INVITE",
    "in 200 INVITE",
    "out ACK",
)
"""A call to any number that can be called: the 200 comes before the other side has been rung."""


def command(number: int) -> Exchange:
    """A phone's XML command to the server: 10 forward, 11 voicemail, 12 reject, 13 start reply, 14 reply."""
    return (f"out MESSAGE {number}", "in 100 MESSAGE", "in 200 MESSAGE")


RINGS: Exchange = ("in INVITE", "out 100 INVITE", "out 180 INVITE", *command(17))
"""A call comes in, and its receipt is confirmed."""

ACKNOWLEDGED: Exchange = ("out 200 INVITE", "in ACK", "in MESSAGE 7", "out 200 MESSAGE")
"""A ringing call is answered here, and the server says that it was processed."""

CANCELLED: Exchange = ("in CANCEL", "out 200 CANCEL")
"""The ringing ends; what else the vendor's phone owes RFC 3261 (the 487) it never sends."""

SESSION_CLOSED: Exchange = ("in MESSAGE 9", "out 200 MESSAGE")
"""What came of a reply with text."""

RE_INVITED: Exchange = ("out INVITE", "in 100 INVITE", "in 200 INVITE", "out ACK")
"""Hold, unhold, or a fresh offer after a network change."""

HANGS_UP: Exchange = ("out BYE", "in 200 BYE")
IS_HUNG_UP: Exchange = ("in BYE", "out 200 BYE")
FREED: Exchange = ("in MESSAGE 2", "out 200 MESSAGE")
"""Follows when the server ended a call that had come in."""
