"""One participant's connection to the switch, whatever is behind it: a web phone or a scripted person.

The switch knows legs only through this interface. What they let it hear and what they press come in through
listeners; what they do with a ringing call comes in as one `Verdict`.
"""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from bot.errors import IllegalTransition
from bot.media import Pcm, Source
from bot.sandbox.endpoints import LegEnd, LegState, Remover
from bot.sandbox.events import Listeners
from bot.sandbox.switch.model import Party
from bot.sip.rc import Reply, ReplyOutcome

__all__ = [
    "Accepted",
    "BaseLeg",
    "Forwarded",
    "Keys",
    "LegOwner",
    "Refused",
    "Rejected",
    "Replied",
    "ToVoicemail",
    "Verdict",
]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The call was answered."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Busy or not there: an extension's caller is taken to voicemail, an outside number's hears a tone."""

    status: int

    @property
    def reason(self) -> str:
        """`parties[].status.reason` of the party that refused."""
        reasons = {404: "InvalidNumber", 480: "NoAnswer", 486: "TargetBusy", 600: "TargetBusy"}
        return reasons.get(self.status, "Rejected")


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Command 10."""

    target: str


@dataclass(frozen=True, slots=True)
class ToVoicemail:
    """Command 11."""


@dataclass(frozen=True, slots=True)
class Rejected:
    """Command 12: the caller hears an announcement and does not reach voicemail."""


@dataclass(frozen=True, slots=True)
class Replied:
    """Command 14; `close` tells the replier, once, what the caller did with it."""

    reply: Reply
    close: Callable[[ReplyOutcome], None]


Verdict = Accepted | Refused | Forwarded | ToVoicemail | Rejected | Replied

MOVES: dict[LegState, frozenset[LegState]] = {
    LegState.CALLING: frozenset({LegState.ANSWERED, LegState.ENDED}),
    LegState.RINGING: frozenset({LegState.ANSWERED, LegState.ENDED}),
    LegState.ANSWERED: frozenset({LegState.ENDED}),
    LegState.ENDED: frozenset(),
}


class Keys:
    """The keys that a leg presses while somebody listens to them."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self.put = self._queue.put_nowait

    async def next(self, timeout: float | None) -> str:
        """The next key, or an empty text when none came within `timeout` seconds (None: wait for ever)."""
        try:
            async with asyncio.timeout(timeout):
                return await self._queue.get()
        except TimeoutError:
            return ""


class LegOwner(Protocol):
    """The call that a leg belongs to, as the leg needs it."""

    @property
    def session_id(self) -> str: ...

    def leave(self, leg: BaseLeg) -> None:
        """The leg belongs to the call no more."""

    def key_pressed(self, leg: BaseLeg, digit: str) -> None: ...


class BaseLeg(abc.ABC):
    """What all legs share: a party, a state, listeners, and an end that comes once.

    `remote_number` and `remote_name` are what this participant sees of the other side.
    """

    def __init__(self, call: LegOwner, party: Party, state: LegState, remote_number: str, remote_name: str) -> None:
        loop = asyncio.get_running_loop()
        self.call = call
        self.party = party
        self.state = state
        self.remote_number = remote_number
        self.remote_name = remote_name
        self.held = False
        self.end: LegEnd | None = None
        self.ended_by_us = False
        self.verdict: asyncio.Future[Verdict] = loop.create_future()
        self.gone: asyncio.Future[LegEnd] = loop.create_future()
        self.reply_started = asyncio.Event()
        self._keys: Listeners[str] = Listeners()

    @property
    def party_id(self) -> str:
        return self.party.id

    async def ended(self) -> LegEnd:
        return await asyncio.shield(self.gone)

    def _move(self, state: LegState) -> None:
        if state not in MOVES[self.state]:
            raise IllegalTransition(f"leg {self.party.id}: {self.state.value} to {state.value}")
        self.state = state

    def decide(self, verdict: Verdict) -> None:
        """The first verdict counts."""
        if not self.verdict.done():
            self.verdict.set_result(verdict)

    def finish(self, end: LegEnd, *, by_us: bool) -> None:
        """The leg is over, and the participant knows: `by_us` when it was he who ended it."""
        if self.state is LegState.ENDED:
            return
        self._move(LegState.ENDED)
        self.end, self.ended_by_us = end, by_us
        self.gone.set_result(end)
        self.verdict.cancel()
        self._release()
        self.call.leave(self)

    def pressed(self, digit: str) -> None:
        """The participant pressed a key."""
        self.call.key_pressed(self, digit)
        self._keys.tell(digit)

    @contextmanager
    def keys(self) -> Iterator[Keys]:
        """Listen to what the participant presses."""
        keys = Keys()
        remove = self._keys.add(keys.put)
        try:
            yield keys
        finally:
            remove()

    def on_pressed(self, callback: Callable[[str], None]) -> Remover:
        return self._keys.add(callback)

    @abc.abstractmethod
    def ring(self) -> None:
        """Offer the call; `verdict` tells what came of it."""

    @abc.abstractmethod
    def connected(self) -> None:
        """The called side of this leg's own call has answered."""

    async def renegotiate(self, session_id: str, party_id: str) -> bool:
        """Tell the participant that this leg now belongs to another session; False when it refused."""
        return self.state is LegState.ANSWERED

    @abc.abstractmethod
    def drop(self, end: LegEnd = LegEnd.HANGUP) -> None:
        """The switch ends the leg and lets the participant know. Nothing happens when it is over already."""

    @abc.abstractmethod
    def _release(self) -> None:
        """Give back what the leg holds (media, dialogs)."""

    @abc.abstractmethod
    def set_background(self, source: Source | None) -> None:
        """What the participant hears while nothing is played; None is silence."""

    @abc.abstractmethod
    async def play(self, source: Source) -> None:
        """Let the participant hear this to its end. Raises `CallEnded`, also when no audio reaches him."""

    @abc.abstractmethod
    def on_voice(self, callback: Callable[[Pcm], None]) -> Remover:
        """Get each frame that the participant says."""

    @abc.abstractmethod
    def send_key(self, digit: str) -> None:
        """Let the participant's side receive a key that somebody else pressed."""
