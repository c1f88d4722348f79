"""What a scripted person sees of the phone system: an `Endpoint` is rung, and a `Leg` is its side of one call.

People are written against these two and nothing else of the switch. A web phone that is registered over SIP is not
an endpoint: the switch knows it through its registrations.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Protocol

from bot.media import Pcm, Source

__all__ = ["Endpoint", "Leg", "LegEnd", "LegState", "SessionInfo"]

Remover = Callable[[], None]


class LegState(enum.Enum):
    """CALLING (the endpoint placed the call) or RINGING (the call came to it), then ANSWERED, then ENDED."""

    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


class LegEnd(enum.Enum):
    """Why a leg ended, as its endpoint sees it."""

    HANGUP = "hangup"
    """Somebody hung up; `Leg.ended_by_us` says who."""
    CANCELLED = "cancelled"
    """The caller gave up, or another phone answered, before this one did."""
    REFUSED = "refused"
    """The endpoint rejected the call, or its own call could not be placed."""


class SessionInfo(Protocol):
    """The telephony session that a leg belongs to."""

    @property
    def session_id(self) -> str:
        """`s-…`, the same for all parties of a call."""


class Leg(Protocol):
    """One endpoint's side of one call. Everything that waits raises `CallEnded` when the leg ends meanwhile."""

    @property
    def call(self) -> SessionInfo: ...

    @property
    def party_id(self) -> str:
        """`p-…-N`."""

    @property
    def state(self) -> LegState: ...

    @property
    def end(self) -> LegEnd | None:
        """Why the leg ended, or None while it lives."""

    @property
    def ended_by_us(self) -> bool:
        """True when the endpoint hung up or rejected, False when the other side did."""

    @property
    def remote_number(self) -> str:
        """Who calls (a ringing leg) or who is called (a leg from `place_call`)."""

    @property
    def remote_name(self) -> str: ...

    source: Source | None
    """What the endpoint says all the time, while no `speak` is running. None is silence."""

    async def answer(self) -> None:
        """Take the ringing call. Raises `CallEnded` when it rings no more."""

    async def reject(self, status: int = 486) -> None:
        """Turn the ringing call down: 486 busy, 480 nobody there, 603 declined."""

    async def hangup(self) -> None:
        """End the leg, whatever its state; nothing happens when it is over already."""

    async def answered(self) -> None:
        """Wait until the call is answered; for a leg from `place_call`: until the called side really did."""

    async def ended(self) -> LegEnd:
        """Wait until the leg is over."""

    def hear(self, callback: Callable[[Pcm], None]) -> Remover:
        """Get every frame (20 ms, 160 samples) that this endpoint hears from now on."""

    async def speak(self, source: Source) -> None:
        """Say this to its end; a second one waits for the first."""

    async def press(self, digits: str) -> None:
        """Press keys (`0-9*#ABCD`, a comma is a pause of a second), 100 ms each with gaps of 100 ms."""

    def on_digit(self, callback: Callable[[str], None]) -> Remover:
        """Get every key that the other side presses."""


class Endpoint(Protocol):
    """Somebody with a phone number inside the sandbox: an outside number, or a person at an extension."""

    @property
    def number(self) -> str:
        """`+16505550199` for an outside number, `104` for an extension."""

    @property
    def name(self) -> str: ...

    async def ring(self, leg: Leg) -> None:
        """A call comes: answer or reject the leg, talk, hang up.

        Runs in a task that the switch owns and cancels once the leg has ended; use `finally` for what must still be
        done then. When it returns and the leg lives, the leg goes on (ringing or answered) as it is.
        """
