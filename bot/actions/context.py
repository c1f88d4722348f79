"""What an action is given: the run, the call that it acts on, and the parts of the bot that it may use."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from bot.calls import Call, Calls, Event
from bot.clock import Clock
from bot.errors import UserError
from bot.media import Pcm

__all__ = ["ActionContext", "Scheduler", "Speaker", "StopRun"]


class Speaker(Protocol):
    """Makes speech: `bot.media.speech.Speech`, or a plugin's engine."""

    async def say(self, text: str, *, voice: str = "", rate: int = 0) -> Pcm: ...


class Scheduler(Protocol):
    """Keeps runs for later; they survive a restart."""

    async def schedule(self, flow: str, at: datetime, inputs: Mapping[str, object]) -> object: ...


class StopRun(Exception):
    """Raised by an action to end its run, which then counts as done. `reason` is for the trace."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


WaitEvent = Callable[[str, Mapping[str, object]], Awaitable[Event]]


@dataclass(frozen=True, slots=True)
class ActionContext:
    """Handed to every action with its arguments.

    `timeout` is the step's time limit in seconds, for the few actions that deal with it themselves. `directory` maps
    names that the configuration gives to numbers (queues, mailboxes) to these numbers; see `number()`.
    """

    run_id: str
    flow: str
    calls: Calls
    speech: Speaker
    clock: Clock
    scheduler: Scheduler
    log: Any
    target: Call | None = None
    timeout: float | None = None
    folder: Path = Path()
    directory: Mapping[str, str] = field(default_factory=dict)
    parked: Mapping[str, Call] = field(default_factory=dict)
    """The call that this run parked last, by park location."""
    wait_event: WaitEvent = field(kw_only=True)
    """Wait for an event that concerns this run and passes the filters: name, filters."""
    set_variable: Callable[[str, object], None] = field(kw_only=True)

    @property
    def call(self) -> Call:
        """The call that the step acts on.

        Raises:
            UserError: the run has none.
        """
        if self.target is None:
            raise UserError("this step needs a call, and the run has none", hint="dial first, or name a target")
        return self.target

    def number(self, name: str) -> str:
        """The number behind a name of the configuration, in any case; a number stays itself."""
        wanted = name.strip()
        return next((number for known, number in self.directory.items() if known.lower() == wanted.lower()), wanted)
