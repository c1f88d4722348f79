"""Works through a list: whom to call next, on so many lines at once, until nobody is left to be called.

Contacts wait in order of the moment from which they may be called. Whoever comes up is judged at the gate with what
the store says at that moment; an attempt is written before it is dialled, and resolved when the call is over.
"""

from __future__ import annotations

import asyncio
import enum
import heapq
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Generic

from bot.campaigns.compliance import LOOK_BACK, Verdict, may_dial
from bot.campaigns.model import Campaign
from bot.campaigns.placing import CallT, Outcome, Placing
from bot.campaigns.progress import Stage, standing
from bot.clock import Clock
from bot.errors import UserError
from bot.log import get_logger
from bot.store import Attempt, CampaignRun, Contact, Disposition, Store

__all__ = ["Dialer", "OnProgress", "Progress", "RunResult"]

PHONE_DOWN_WAIT = (5.0, 300.0)
"""Seconds without dialling after a call that our own phone could not place: at first, and at most, doubling."""
_LONGEST_WAIT = 3600.0
_IN_USE_WAIT = timedelta(minutes=1)
_BEGINNING = datetime.min.replace(tzinfo=UTC)

log = get_logger(__name__)


class RunResult(enum.StrEnum):
    FINISHED = "finished"
    """Nobody is left to be called."""
    WAITING = "waiting"
    """Nobody may be called now; some may later."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Progress:
    """Something happened to a contact: it is being dialled (`attempt` without a disposition), an attempt is resolved,
    or the gate said no (`verdict`)."""

    campaign: str
    contact: Contact
    attempt: Attempt | None = None
    verdict: Verdict | None = None


OnProgress = Callable[[Progress], None]


@dataclass(order=True, slots=True)
class _Turn:
    """A contact that waits: from when on, and its place in the list."""

    ready_at: datetime
    order: int
    contact: Contact = field(compare=False)


class Dialer(Generic[CallT]):
    """One run of one campaign. `run` does it; `pause`, `resume` and `stop` steer it meanwhile."""

    def __init__(
        self,
        campaign: Campaign,
        run: CampaignRun,
        store: Store,
        placing: Placing[CallT],
        clock: Clock,
        *,
        do_not_call: Collection[str] = (),
        on_progress: OnProgress | None = None,
    ) -> None:
        self._campaign = campaign
        self._run = run
        self._store = store
        self._placing = placing
        self._clock = clock
        self._listed = frozenset(do_not_call)
        self._on_progress = on_progress
        self._turns: list[_Turn] = []
        self._calling = 0
        self._changed = asyncio.Event()
        self._stopping = False
        self.paused = False
        self._phone_wait = 0.0
        self._not_before = _BEGINNING

    @property
    def calling(self) -> int:
        """Calls that are going on."""
        return self._calling

    async def run(self, contacts: Iterable[Contact], *, wait: bool = True) -> RunResult:
        """Call the contacts. Without `wait` it ends as soon as nobody may be called now, instead of waiting."""
        history: dict[int | None, list[Attempt]] = {}
        for attempt in await self._store.attempts.of_campaign(self._campaign.name, self._run.round):
            history.setdefault(attempt.contact_id, []).append(attempt)
        for order, contact in enumerate(contacts):
            self._queue(contact, order, history.get(contact.id, []))
        async with asyncio.TaskGroup() as calls:
            while not self._stopping and (self._turns or self._calling):
                self._changed.clear()
                delay = self._delay()
                if delay <= 0:
                    await self._next(calls)
                elif not wait and not self._calling and not self.paused:
                    break
                else:
                    await self._wait(delay)
        if self._stopping:
            return RunResult.STOPPED
        return RunResult.WAITING if self._turns else RunResult.FINISHED

    def pause(self) -> None:
        """Dial nobody else; calls that are up go on."""
        self.paused = True

    def resume(self) -> None:
        self.paused = False
        self._changed.set()

    async def stop(self, *, hang_up: bool = False) -> None:
        """Dial nobody else, and let `run` end when the calls that are up are over, or, with `hang_up`, end them."""
        self._stopping = True
        self._changed.set()
        if hang_up:
            await asyncio.gather(*(call.hangup() for call in list(self._placing.live.values())))

    def _queue(self, contact: Contact, order: int, attempts: Sequence[Attempt]) -> None:
        """Give a contact its next turn, if after these attempts it is to have one."""
        stand = standing(attempts, self._campaign.attempt_rules)
        if stand.stage is Stage.WAITING:
            heapq.heappush(self._turns, _Turn(stand.not_before or _BEGINNING, order, contact))
        elif stand.stage is Stage.CALLING:  # by another process
            heapq.heappush(self._turns, _Turn(self._clock.now() + _IN_USE_WAIT, order, contact))

    def _delay(self) -> float:
        """Seconds until somebody may be dialled; 0 when somebody may be now."""
        if self.paused or not self._turns or self._calling >= self._campaign.settings.lines:
            return _LONGEST_WAIT
        ready_at = max(self._turns[0].ready_at, self._not_before)
        return min(max((ready_at - self._clock.now()).total_seconds(), 0.0), _LONGEST_WAIT)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _next(self, calls: asyncio.TaskGroup) -> None:
        """Take whose turn it is: dial, put off, or leave alone."""
        turn = heapq.heappop(self._turns)
        contact = turn.contact
        attempts = await self._store.attempts.of_contact(contact.id, self._run.round)
        stand = standing(attempts, self._campaign.attempt_rules)
        if stand.stage is not Stage.WAITING or (stand.not_before or _BEGINNING) > self._clock.now():
            self._queue(contact, turn.order, attempts)  # another process has called since
            return
        verdict = await self._judge(contact)
        if not verdict.allowed:
            self._tell(contact, verdict=verdict)
            if verdict.until is not None:
                heapq.heappush(self._turns, _Turn(verdict.until, turn.order, contact))
            return
        attempt = await self._store.attempts.begin(
            contact.number,
            self._clock.now(),
            campaign=self._campaign.name,
            round=self._run.round,
            contact_id=contact.id,
            caller_id=self._campaign.settings.caller_id,
        )
        if attempt is None:  # somebody else began to call the number since we asked
            heapq.heappush(self._turns, _Turn(self._clock.now() + _IN_USE_WAIT, turn.order, contact))
            return
        self._tell(contact, attempt)
        self._calling += 1
        calls.create_task(self._attempt(turn, attempt), name=f"campaign {self._campaign.name} {attempt.id}")

    async def _judge(self, contact: Contact) -> Verdict:
        now = self._clock.now()
        attempts = await self._store.attempts.to_number(contact.number, now - LOOK_BACK)
        opted_out = await self._store.do_not_call.has(contact.number)
        return may_dial(
            contact.number,
            now,
            rules=self._campaign.dial_rules,
            time_zone=contact.time_zone,
            consent=contact.consent,
            attempts=attempts,
            do_not_call={contact.number} if opted_out else self._listed,
        )

    async def _attempt(self, turn: _Turn, attempt: Attempt) -> None:
        """One call, from the written attempt to the resolved one."""
        contact = turn.contact
        outcome = Outcome(Disposition.INTERRUPTED, "the bot stopped during the attempt")
        try:
            outcome = await self._placing.call(contact)
        except UserError as error:
            outcome = Outcome(Disposition.NOT_DIALLED, error.message)
            raise
        except Exception as error:
            outcome = Outcome(Disposition.FAILED, f"a fault in the bot: {error}")
            log.exception("campaign.attempt_failed", campaign=self._campaign.name, number=contact.number)
        finally:
            await self._resolve(contact, attempt, outcome)
        self._mind_the_phone(outcome)
        self._queue(contact, turn.order, await self._store.attempts.of_contact(contact.id, self._run.round))
        self._calling -= 1
        self._changed.set()

    async def _resolve(self, contact: Contact, attempt: Attempt, outcome: Outcome) -> None:
        """Write what came of an attempt; an opt-out goes on the do-not-call list at once."""
        now = self._clock.now()
        disposition = outcome.disposition
        if disposition is Disposition.ANSWERED:
            if outcome.opted_out:
                await self._store.do_not_call.add(contact.number, now, f"campaign {self._campaign.name}")
            if outcome.opted_out or await self._store.do_not_call.has(contact.number):
                disposition = Disposition.OPTED_OUT
        resolved = await self._store.attempts.resolve(
            attempt.id, disposition, now, answered_at=outcome.answered_at, reason=outcome.reason
        )
        self._tell(contact, resolved)

    def _tell(self, contact: Contact, attempt: Attempt | None = None, *, verdict: Verdict | None = None) -> None:
        said = attempt.disposition or "dialling" if attempt else "not dialled"
        why = verdict.text if verdict else ""
        log.info("campaign.contact", campaign=self._campaign.name, number=contact.number, said=said, why=why)
        if self._on_progress is not None:
            self._on_progress(Progress(self._campaign.name, contact, attempt, verdict))

    def _mind_the_phone(self, outcome: Outcome) -> None:
        """After a call that our phone could not place, wait before the next: longer each time."""
        if outcome.disposition is not Disposition.NOT_DIALLED:
            self._phone_wait = 0.0
            return
        first, most = PHONE_DOWN_WAIT
        self._phone_wait = min(max(self._phone_wait * 2, first), most)
        self._not_before = self._clock.now() + timedelta(seconds=self._phone_wait)
        log.warning("campaign.phone_down", campaign=self._campaign.name, why=outcome.reason, wait=self._phone_wait)
