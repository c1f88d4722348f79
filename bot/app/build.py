"""The whole bot, built in one function and taken down in reverse order."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import phonenumbers

from bot.actions import ActionRegistry, ActionSpec, builtin_actions
from bot.app.phones import PhoneStarter, owned_tasks
from bot.app.platform import Platform
from bot.calls import Call, Calls, Listener
from bot.campaigns import Campaigns, KeepsOptOuts, OnProgress, load_campaigns, opt_out_action
from bot.campaigns.numbers import normalise
from bot.clock import Clock
from bot.config import Config
from bot.errors import ConfigError
from bot.flows import FlowEngine, FlowSet, RunResult, Trace
from bot.media import MediaEngine, MediaOptions, Speech
from bot.phone import Phone
from bot.plugins import Plugins, load_plugins
from bot.schedule import Scheduler
from bot.store import Store

__all__ = ["Bot", "actions_of", "open_bot"]


@dataclass(frozen=True, slots=True)
class Bot:
    """A running bot, as demo, tests and commands see it."""

    calls: Calls
    engine: FlowEngine
    campaigns: Campaigns[Call]
    scheduler: Scheduler
    store: Store
    plugins: Plugins
    phones: Mapping[str, Phone] = field(default_factory=dict)


@asynccontextmanager
async def open_bot(
    config: Config,
    platform: Platform,
    *,
    clock: Clock,
    speech: Speech,
    on_event: Listener | None = None,
    on_trace: Trace | None = None,
    on_progress: OnProgress | None = None,
    automatic: bool = True,
) -> AsyncIterator[Bot]:
    """Build everything, register the phones, and run until the context is left. `on_event` hears every event, from
    the first.

    Unless `automatic`, nothing starts by itself: no schedule, no campaign, no flow that an event would trigger.

    Raises:
        FileProblems: mistakes in flows, campaigns or plugins.
        BotError: the platform, a phone or the database cannot be used; nothing is left behind.
    """
    async with AsyncExitStack() as stack:
        _make_folder(config.state)
        store = await stack.enter_async_context(await Store.open(config.database_url()))
        plugins = load_plugins(config.plugins)
        flows = FlowSet.load(config.flows, actions_of(plugins, store.do_not_call), variables=config.vars)
        if not automatic:
            flows = replace(flows, flows={name: replace(flow, triggers=()) for name, flow in flows.flows.items()})
        campaign_files = load_campaigns(config.campaigns, flows=flows.flows)
        media = await stack.enter_async_context(MediaEngine(media_options(config, platform)))
        calls = await stack.enter_async_context(Calls(clock, park_locations=config.park_locations, gate=why_not))

        async def run_scheduled(flow: str, inputs: Mapping[str, object]) -> None:
            await engine.run_flow(flow, inputs=inputs)

        async def run_in_call(flow: str, call: Call, inputs: Mapping[str, object]) -> RunResult:
            return await engine.run_flow(flow, call=call, inputs=inputs)

        scheduler = Scheduler(store.schedules, clock, run_scheduled)
        engine = FlowEngine(
            flows,
            calls=calls,
            speech=speech,
            clock=clock,
            scheduler=scheduler,
            variables=config.vars,
            directory=config.directory,
            on_trace=on_trace,
        )
        campaigns = Campaigns(campaign_files, store, calls, run_in_call, clock, on_progress=on_progress)
        await stack.enter_async_context(engine)
        stack.callback(calls.on_event(engine.handle))
        if on_event is not None:
            stack.callback(calls.on_event(on_event))
        await stack.enter_async_context(plugins.running(calls))
        device = "" if automatic else "-once"
        phones = await PhoneStarter(config, platform, calls, media, clock, device).start(stack)
        if automatic:
            await stack.enter_async_context(scheduler)
            campaigns.add_schedules(scheduler)
            spawn = await stack.enter_async_context(owned_tasks())
            spawn(campaigns.take_up(), "campaigns cut off")
        yield Bot(calls, engine, campaigns, scheduler, store, plugins, phones)


def actions_of(plugins: Plugins, do_not_call: KeepsOptOuts) -> ActionRegistry:
    """Every action that flows can use: the built-in ones, that of campaigns, and those of the plugins."""
    registry = builtin_actions()
    registry.add(opt_out_action(do_not_call))
    plugins.add_actions(ActionSpec, registry.add)
    return registry


def media_options(config: Config, platform: Platform) -> MediaOptions:
    loopback = platform.loopback or config.media.loopback
    return MediaOptions(loopback=loopback, codecs=config.media.codecs, ice_timeout=config.media.ice_timeout)


def why_not(number: str) -> str | None:
    """The gate that every outbound call passes: why this number is never dialled, or None.

    Extensions, star codes and park locations are the phone system's own; a number that is one must be in its
    country's plan, and neither an emergency nor a special-service number.
    """
    if phonenumbers.connects_to_emergency_number(number, "US"):
        return "an emergency number"
    if not re.fullmatch(r"\+.*|[\d\s().-]{7,}", number):
        return None
    try:
        normalise(number)
    except ValueError as error:
        return str(error)
    return None


def _make_folder(state: Path) -> None:
    try:
        state.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        hint = "set `state` to a folder that the bot may write to"
        raise ConfigError(f"the folder {state} cannot be made: {error.strerror}", hint=hint) from error
