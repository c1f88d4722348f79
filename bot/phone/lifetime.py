"""The states of a call session as a table, and waiting that ends when the session does."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from bot.errors import CallEnded, IllegalTransition
from bot.phone.tasks import Tasks

__all__ = ["TABLE", "EndCause", "EndedBy", "Lifetime", "SessionEnd", "SessionEvent", "SessionState"]

_T = TypeVar("_T")


class SessionState(enum.Enum):
    CALLING = "calling"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"


class SessionEvent(enum.Enum):
    PROGRESS = "progress"
    ANSWER = "answer"
    END = "end"


TABLE: Mapping[tuple[SessionState, SessionEvent], SessionState] = {
    (SessionState.CALLING, SessionEvent.PROGRESS): SessionState.RINGING,
    (SessionState.CALLING, SessionEvent.ANSWER): SessionState.ANSWERED,
    (SessionState.CALLING, SessionEvent.END): SessionState.ENDED,
    (SessionState.RINGING, SessionEvent.PROGRESS): SessionState.RINGING,
    (SessionState.RINGING, SessionEvent.ANSWER): SessionState.ANSWERED,
    (SessionState.RINGING, SessionEvent.END): SessionState.ENDED,
    (SessionState.ANSWERED, SessionEvent.END): SessionState.ENDED,
}

EndedBy = Literal["us", "peer", "elsewhere", "network"]
EndCause = Literal[
    "hangup",
    "cancelled",
    "declined",
    "voicemail",
    "forwarded",
    "replied",
    "answered_elsewhere",
    "failed",
    "transferred",
]


@dataclass(frozen=True, slots=True)
class SessionEnd:
    """Who ended a session and how. `status` is that of the response that refused the call, 0 when none did."""

    by: EndedBy
    cause: EndCause
    status: int = 0
    reason: str = ""


class Lifetime:
    """Where a session is, and what lasts as long as it does. `moved(old, new)` is called after each change."""

    def __init__(
        self, state: SessionState, tasks: Tasks, moved: Callable[[SessionState, SessionState], None]
    ) -> None:
        self.state = state
        self.end: SessionEnd | None = None
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._tasks = tasks
        self._moved = moved

    def move(self, event: SessionEvent) -> None:
        """Change state.

        Raises:
            IllegalTransition: the table has no such move.
        """
        old = self.state
        if (old, event) not in TABLE:
            raise IllegalTransition(f"session: {event.value} in {old.value}")
        self.state = TABLE[old, event]
        if self.state is not old:
            self._moved(old, self.state)

    def finish(self, end: SessionEnd) -> None:
        """Move to ENDED; done once."""
        self.end = end
        self.over.set_result(None)
        self.move(SessionEvent.END)

    async def ended(self) -> SessionEnd:
        """Wait for the end."""
        await asyncio.wait({self.over})
        if self.end is None:
            raise IllegalTransition("a session ended without an end")
        return self.end

    def require_answered(self, what: str) -> None:
        """Raises CallEnded unless the session is ANSWERED."""
        if self.state is not SessionState.ANSWERED:
            over = self.state is SessionState.ENDED
            raise CallEnded("the call is over" if over else f"the call must be answered before {what}")

    async def while_alive(self, work: Coroutine[object, object, _T]) -> _T:
        """The result of `work`, unless the session ends first, which cancels the work.

        Raises:
            CallEnded: it did.
        """
        if self.state is SessionState.ENDED:
            work.close()
            raise CallEnded("the call is over")
        task = asyncio.ensure_future(work)
        either: list[asyncio.Future[Any]] = [task, self.over]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if self.over.done():
                raise CallEnded("the call ended meanwhile")
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def see_through(self, work: Coroutine[object, object, _T], name: str) -> _T:
        """Do `work` to its end, also when whoever wanted it is cancelled: half an exchange helps nobody.

        Raises:
            CallEnded: the phone was stopped.
        """
        task = self._tasks.spawn(work, name)
        await asyncio.wait({task})
        if task.cancelled():
            raise CallEnded("the phone was stopped")
        return task.result()
