"""One call on one phone."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bot.media import MediaSession

__all__ = ["Session", "SessionEnd", "SessionState"]


class SessionState(enum.Enum):
    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


EndedBy = Literal["us", "peer", "elsewhere", "network"]


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """Who ended a session and how. `status` and `reason` are those of SIP, 0 and empty where there were none."""

    by: EndedBy
    cause: str
    status: int = 0
    reason: str = ""


class Session:
    """What inbound and outbound call sessions share."""

    call_id: str
    session_id: str
    party_id: str
    direction: Literal["inbound", "outbound"]
    state: SessionState
    remote_number: str
    remote_name: str
    local_number: str
    headers: Mapping[str, str]
    media: MediaSession
    end: SessionEnd | None

    async def hangup(self) -> None:
        raise NotImplementedError

    async def send_dtmf(self, digits: str) -> None:
        raise NotImplementedError

    async def transfer(self, target: str) -> None:
        raise NotImplementedError

    async def hold(self) -> None:
        raise NotImplementedError

    async def unhold(self) -> None:
        raise NotImplementedError

    async def ended(self) -> SessionEnd:
        raise NotImplementedError

    def on_change(self, callback: Callable[[Session, SessionState, SessionState], None]) -> Callable[[], None]:
        raise NotImplementedError
