"""A stage for campaigns: people who behave as a test says, and campaign files in a folder."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bot.calls.state import CallEnd
from bot.campaigns import Campaigns, Progress, load_campaigns
from bot.clock import Clock
from bot.errors import CallEnded, CallFailed, NotRegistered
from bot.store import Store

START = datetime(2026, 3, 3, 18, 0, tzinfo=UTC)
"""A Tuesday, 10:00 in Los Angeles, 13:00 in New York."""

ADA, BOB, CLEO, DAN = (f"+1650555019{digit}" for digit in "1234")


class FakeCall:
    """A call to somebody who answers, is busy, rings out, or whose number is invalid."""

    def __init__(self, number: str, behaviour: str, clock: Clock, calls: FakeCalls) -> None:
        self.number = number
        self.answered_at: datetime | None = None
        self.end: CallEnd | None = None
        self._behaviour = behaviour
        self._clock = clock
        self._calls = calls
        self._over = asyncio.Event()

    async def answered(self) -> None:
        match self._behaviour:
            case "answers":
                await self._clock.sleep(3)
                if self.end is None:
                    self.answered_at = self._clock.now()
            case "busy" | "invalid" | "failed" as refusal:
                await self._clock.sleep(1)
                self.finish(CallEnd("peer", "failed", refusal, 486, refusal))  # type: ignore[arg-type]
            case _:
                await self._over.wait()
        if self.end is not None:
            if self.end.disposition in ("busy", "invalid", "failed"):
                raise CallFailed("refused", status=self.end.status, reason=self.end.reason)
            raise CallEnded(f"the call ended before it was answered: {self.end.cause}")

    def finish(self, end: CallEnd) -> None:
        if self.end is None:
            self.end = end
            self._calls.live.discard(self)
            self._over.set()

    async def ended(self) -> CallEnd:
        await self._over.wait()
        assert self.end is not None
        return self.end

    async def hangup(self) -> None:
        self.finish(CallEnd("us", "hangup", "answered" if self.answered_at else "no_answer"))


class FakeCalls:
    """Keeps what was dialled and when, and how many calls were up at once."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.behaviour: dict[str, list[str]] = {}
        self.dialled: list[tuple[str, float]] = []
        self.live: set[FakeCall] = set()
        self.most = 0
        self.phone_down_until = START
        self.before_dialling: Callable[[str], Awaitable[None]] | None = None

    async def dial(self, number: str, *, phone: str = "", caller_id: str = "") -> FakeCall:
        if self.before_dialling is not None:
            await self.before_dialling(number)
        if self.clock.now() < self.phone_down_until:
            raise NotRegistered("the phone is not registered")
        self.dialled.append((number, (self.clock.now() - START).total_seconds()))
        planned = self.behaviour.get(number, ["answers"])
        call = FakeCall(number, planned.pop(0) if len(planned) > 1 else planned[0], self.clock, self)
        self.live.add(call)
        self.most = max(self.most, len(self.live))
        return call

    def numbers(self) -> list[str]:
        return [number for number, _ in self.dialled]

    def times(self, number: str) -> list[float]:
        return [round(at, 1) for dialled, at in self.dialled if dialled == number]


@dataclass(frozen=True)
class Result:
    """What came of a flow."""

    outcome: str
    reason: str
    values: Mapping[str, object]


@dataclass
class Stage:
    """A bot with campaigns, without the bot."""

    folder: Path
    store: Store
    clock: Clock
    calls: FakeCalls
    talks: list[tuple[str, str, Mapping[str, object]]] = field(default_factory=list)
    progress: list[Progress] = field(default_factory=list)
    values: dict[str, object] = field(default_factory=dict)
    outcome: str = "done"
    error: Exception | None = None
    talk_for: float = 10.0

    def write(self, rows: str, text: str = "", name: str = "spring") -> None:
        """Write a campaign and its list: columns phone, name, tz, consent; every row is a contact."""
        (self.folder / f"{name}.csv").write_text(f"phone,name,tz,consent\n{rows}\n")
        columns = "{number: phone, name: name, time_zone: tz, consent: consent}"
        (self.folder / f"{name}.yaml").write_text(
            f"campaign: {name}\nflow: offer\nlist: {{file: {name}.csv, columns: {columns}}}\n{text}\n"
        )

    def campaigns(self) -> Campaigns[FakeCall]:
        return Campaigns(
            load_campaigns(self.folder),
            self.store,
            self.calls,
            self.flow,
            self.clock,
            on_progress=self.progress.append,
        )

    async def flow(self, name: str, call: FakeCall, inputs: Mapping[str, object]) -> Result:
        self.talks.append((name, call.number, inputs))
        await self.clock.sleep(self.talk_for)
        if self.error is not None:
            raise self.error
        return Result(self.outcome, "as the test says", self.values)
