"""The campaigns of a bot: run one, steer it, and tell what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Generic

from bot.campaigns.compliance import LOOK_BACK
from bot.campaigns.contacts import ContactRows, read_contacts, read_numbers
from bot.campaigns.dialer import Dialer, OnProgress
from bot.campaigns.model import Campaign
from bot.campaigns.placing import CallT, Places, Placing, RunFlow
from bot.campaigns.report import CampaignReport, make_report
from bot.clock import Clock
from bot.errors import BotError, UserError
from bot.log import get_logger
from bot.problems import did_you_mean
from bot.schedule import Scheduler
from bot.store import Store

__all__ = ["Campaigns"]

log = get_logger(__name__)


class Campaigns(Generic[CallT]):
    """Nothing runs by itself: each `run` belongs to whoever awaits it.

    A run that is cancelled, or whose process dies, is left open in the store: the next run of the campaign takes
    it up where it stopped.
    """

    def __init__(
        self,
        campaigns: Mapping[str, Campaign],
        store: Store,
        calls: Places[CallT],
        run_flow: RunFlow[CallT],
        clock: Clock,
        *,
        on_progress: OnProgress | None = None,
    ) -> None:
        self._campaigns = dict(campaigns)
        self._store = store
        self._calls = calls
        self._run_flow = run_flow
        self._clock = clock
        self._on_progress = on_progress
        self._running: dict[str, Dialer[CallT]] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._campaigns)

    @property
    def running(self) -> tuple[str, ...]:
        """The campaigns that run now."""
        return tuple(self._running)

    async def run(self, name: str, *, anew: bool = False, wait: bool = True) -> CampaignReport:
        """Run a campaign until nobody is left to be called, and tell what became of it.

        A campaign that ran before goes on with those whom it has not finished with; `anew` begins the list again.
        Without `wait` it ends as soon as nobody may be called now, even if some may later.

        Raises:
            UserError: there is no such campaign, or it runs already; its list cannot be read (FileProblems).
            StoreFailed: the ledger cannot be written: nothing more was dialled.
        """
        campaign = self._known(name)
        if name in self._running:
            raise UserError(f'the campaign "{name}" runs already')
        rows, refused = await asyncio.to_thread(_read_lists, campaign)
        if name in self._running:
            raise UserError(f'the campaign "{name}" runs already')
        now = self._clock.now()
        run = await self._store.campaign_runs.start(name, now, anew=anew)
        placing = Placing(campaign, self._calls, self._run_flow, self._clock)
        dialer = Dialer(
            campaign, run, self._store, placing, self._clock, do_not_call=refused, on_progress=self._on_progress
        )
        self._running[name] = dialer
        try:
            for attempt in await self._store.attempts.interrupt_unresolved(now, campaign=name):
                log.warning("campaign.interrupted", campaign=name, number=attempt.number)
            contacts = await self._store.contacts.replace(name, rows.contacts)
            result = await dialer.run(contacts, wait=wait)
            await self._store.campaign_runs.end(run.id, self._clock.now(), result.value)
        except BaseExceptionGroup as group:
            if group.split(BotError)[1] is not None:
                raise
            raise _first(group) from group
        finally:
            del self._running[name]
        return await self.show(name)

    async def show(self, name: str) -> CampaignReport:
        """What became of a campaign so far; changes nothing.

        Raises:
            UserError: there is no such campaign, or its list cannot be read (FileProblems).
        """
        campaign = self._known(name)
        now = self._clock.now()
        rows, refused = await asyncio.to_thread(_read_lists, campaign)
        run = await self._store.campaign_runs.latest(name)
        numbers = [contact.number for contact in rows.contacts]
        return make_report(
            campaign,
            run,
            rows,
            await self._store.attempts.of_campaign(name, run.round if run else 0),
            recent=await self._store.attempts.to_numbers(numbers, now - LOOK_BACK),
            do_not_call=refused | await self._store.do_not_call.numbers(),
            now=now,
            running=name in self._running,
        )

    def pause(self, name: str) -> None:
        """Dial nobody else for now; calls that are up go on."""
        self._dialer(name).pause()

    def resume(self, name: str) -> None:
        self._dialer(name).resume()

    async def stop(self, name: str, *, hang_up: bool = False) -> None:
        """Let a run end: when the calls that are up are over, or at once with `hang_up`."""
        await self._dialer(name).stop(hang_up=hang_up)

    def add_schedules(self, scheduler: Scheduler) -> None:
        """Have every campaign that has a schedule started by it."""
        for name, campaign in self._campaigns.items():
            if campaign.settings.schedule is not None:
                scheduler.add(f"campaign {name}", campaign.settings.schedule, partial(self._run_unless_running, name))

    async def take_up(self) -> None:
        """Go on with the runs that a crash cut off, of the campaigns that start by themselves; ends when they do.

        Attempts of calls that no campaign made are resolved as interrupted, too.
        """
        await self._store.attempts.interrupt_unresolved(self._clock.now(), campaign="")
        cut_off = {run.campaign for run in await self._store.campaign_runs.unended()}
        names = [name for name in self._campaigns if name in cut_off and self._campaigns[name].settings.schedule]
        async with asyncio.TaskGroup() as runs:
            for name in names:
                runs.create_task(self._run_unless_running(name), name=f"campaign {name}")

    async def _run_unless_running(self, name: str) -> None:
        if name in self._running:
            return
        try:
            await self.run(name)
        except BotError as error:
            log.error("campaign.failed", campaign=name, error=str(error))

    def _known(self, name: str) -> Campaign:
        if name not in self._campaigns:
            hint = did_you_mean(name, self._campaigns) or f"there is {', '.join(self._campaigns) or 'none'}"
            raise UserError(f'there is no campaign "{name}"', hint=hint)
        return self._campaigns[name]

    def _dialer(self, name: str) -> Dialer[CallT]:
        self._known(name)
        if name not in self._running:
            raise UserError(f'the campaign "{name}" does not run')
        return self._running[name]


def _read_lists(campaign: Campaign) -> tuple[ContactRows, frozenset[str]]:
    """A campaign's contacts, and the numbers in its own do-not-call file."""
    refused = campaign.do_not_call_path
    settings = campaign.settings.contacts
    return (
        read_contacts(campaign.list_path, settings),
        read_numbers(refused, settings.country) if refused else frozenset(),
    )


def _first(group: BaseExceptionGroup[BaseException]) -> BotError:
    """The first of the errors that ended a run."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, BotError)
    return error
