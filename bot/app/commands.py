"""What the commands do: run the bot, run or show a campaign, check the files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from bot.app.build import Bot, actions_of, open_bot
from bot.app.platform import open_platform
from bot.calls import Call
from bot.campaigns import Campaigns, load_campaigns, report_tables
from bot.clock import Clock
from bot.config import Config
from bot.errors import ConfigError
from bot.flows import RunResult, read_folder
from bot.media import Speech
from bot.plugins import load_plugins
from bot.problems import FileProblems, Problem, format_problems
from bot.store import Store
from bot.story import Story

__all__ = ["FileReport", "check_files", "run_bot", "run_campaign", "show_campaign"]


@dataclass(frozen=True, slots=True)
class FileReport:
    """What `bot check` found."""

    problems: tuple[Problem, ...]
    text: str


def check_files(config: Config, folder: Path | None = None) -> FileReport:
    """Check plugins, flows and campaigns; of a `folder` that is named, its flows alone."""
    registry = actions_of(load_plugins(config.plugins), _Nobody())
    flows, problems, checked = read_folder(folder or config.flows, registry, config.vars)
    if folder is None:
        try:
            load_campaigns(config.campaigns, flows=flows)
        except FileProblems as found:
            problems = [*problems, *found.problems]
    if not problems:
        return FileReport((), f"No mistakes in {checked} file{'' if checked == 1 else 's'}.")
    return FileReport(tuple(problems), format_problems(problems, checked=checked))


@asynccontextmanager
async def _running(config: Config, story: Story, clock: Clock, *, automatic: bool) -> AsyncIterator[tuple[Bot, str]]:
    """A bot with its platform, whose story is told; and where the platform's REST interface is."""
    async with (
        Speech(voice=config.speech.voice, rate=config.speech.rate) as speech,
        open_platform(config, clock, speech) as platform,
        open_bot(
            config,
            platform,
            clock=clock,
            speech=speech,
            on_event=story.event,
            on_trace=story.trace,
            on_progress=story.progress,
            automatic=automatic,
        ) as bot,
    ):
        yield bot, platform.server


async def run_bot(config: Config, out: Console) -> int:
    """`bot run`: until told to stop."""
    clock = Clock()
    story = Story(out, clock)
    async with _running(config, story, clock, automatic=True) as (bot, server):
        story.started(bot.phones.values(), bot.plugins.names)
        if config.account == "sandbox":
            story.say("sandbox", f"Ada calls when told to: curl -X POST {server}/sandbox/scripts/ada-orders")
        await asyncio.Event().wait()
    return 0


async def run_campaign(config: Config, name: str, out: Console, *, anew: bool = False) -> int:
    """`bot campaign run NAME`: dials, and does nothing else; a bot that runs beside it goes on undisturbed."""
    clock = Clock()
    async with _running(config, Story(out, clock), clock, automatic=False) as (bot, _server):
        report = await bot.campaigns.run(name, anew=anew)
    for table in report_tables(report):
        out.print(table)
    return 0


async def show_campaign(config: Config, name: str, out: Console) -> int:
    """`bot campaign show NAME`: reads the database, dials nobody."""
    async with await Store.open(config.database_url()) as store:
        campaigns = load_campaigns(config.campaigns)
        report = await Campaigns(campaigns, store, _Nobody(), _no_flow, Clock()).show(name)
    for table in report_tables(report):
        out.print(table)
    return 0


class _Nobody:
    """Places no calls and keeps no opt-outs: for commands that only read."""

    async def add(self, number: str, added_at: datetime, source: str) -> object:
        raise ConfigError(f"nothing is kept here, so {number} is not either")

    async def dial(self, number: str, *, phone: str = "", caller_id: str = "") -> Call:
        raise ConfigError(f"nothing is dialled here, so {number} is not either")


async def _no_flow(flow: str, _call: Call, _inputs: Mapping[str, object]) -> RunResult:
    raise ConfigError(f"nothing is dialled here, so {flow} does not run either")
