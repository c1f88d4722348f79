"""What a call is at any moment: its states, the moves between them, how it ended, and who took part."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.errors import IllegalTransition

__all__ = ["MOVES", "CallEnd", "CallState", "Disposition", "Evidence", "Party", "move"]


class CallState(enum.Enum):
    DIALLING = "dialling"
    """We called; the phone system has not yet said anything."""
    RINGING = "ringing"
    """It rings: at us (inbound), or as far as we can tell at the other side (outbound)."""
    ANSWERED = "answered"
    """We answered (inbound), or the evidence says that the other side did (outbound)."""
    ENDED = "ended"


MOVES: dict[CallState, frozenset[CallState]] = {
    CallState.DIALLING: frozenset({CallState.RINGING, CallState.ANSWERED, CallState.ENDED}),
    CallState.RINGING: frozenset({CallState.ANSWERED, CallState.ENDED}),
    CallState.ANSWERED: frozenset({CallState.ENDED}),
    CallState.ENDED: frozenset(),
}


def move(old: CallState, new: CallState) -> CallState:
    """The new state.

    Raises:
        IllegalTransition: the table has no such move.
    """
    if new not in MOVES[old]:
        raise IllegalTransition(f"a call cannot go from {old.value} to {new.value}")
    return new


Disposition = Literal["answered", "busy", "no_answer", "invalid", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a call. `name` is what the phone system says, and may be empty."""

    number: str
    name: str = ""

    def __str__(self) -> str:
        return self.name or self.number


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended.

    `cause` is the word for what happened (hangup, declined, voicemail, forwarded, replied, transferred,
    answered_elsewhere, cancelled, failed, network …); `by` is us, peer, elsewhere or network.
    """

    by: str
    cause: str
    disposition: Disposition
    status: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that tells how far a call has got: its source (sip, session, audio), what it said, and when."""

    at: datetime
    source: Literal["sip", "session", "audio"]
    says: str
