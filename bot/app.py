"""The whole bot, built in one function and taken down in reverse order."""

from __future__ import annotations

import asyncio
import re
import ssl
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import phonenumbers
from pydantic import SecretStr
from rich.console import Console

from bot.actions import ActionRegistry, ActionSpec, builtin_actions
from bot.calls import Call, Calls, PlatformWatch, Watched
from bot.campaigns import Campaigns, KeepsOptOuts, OnProgress, load_campaigns, opt_out_action, report_tables
from bot.campaigns.numbers import normalise
from bot.clock import Clock
from bot.config import Config, PhoneSettings
from bot.errors import BotError, CertificateNotTrusted, ConfigError, ConnectionFailed, RegistrationFailed
from bot.flows import FlowEngine, FlowSet, RunResult, Trace, read_folder
from bot.log import get_logger
from bot.media import MediaEngine, MediaOptions, Speech
from bot.phone import Phone, SipInfo
from bot.plugins import Plugins, load_plugins
from bot.problems import FileProblems, Problem, format_problems
from bot.ringcentral import Provision, Provisioner, RestClient
from bot.sandbox import SHIPPED, Sandbox, SandboxOptions
from bot.schedule import Scheduler
from bot.store import Store
from bot.story import Story

__all__ = [
    "Bot",
    "FileReport",
    "Platform",
    "account",
    "check_files",
    "open_bot",
    "open_platform",
    "run_bot",
    "run_campaign",
    "sandboxed",
    "show_campaign",
]

log = get_logger(__name__)

EVENTS_LIMIT = 15.0
"""Seconds that the start waits for the platform's events."""


@dataclass(frozen=True, slots=True)
class Platform:
    """The phone system that the bot works on: where its REST interface is, and who logs in."""

    server: str
    client_id: str
    client_secret: SecretStr
    jwts: Mapping[str, SecretStr]
    """By the phone's name."""
    ssl_context: ssl.SSLContext | None = None
    """None: the machine's trusted certificates."""
    loopback: bool = False
    """It is on this machine, so media stays on 127.0.0.1."""


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


def account(config: Config) -> Platform:
    """The RingCentral account of the configuration."""
    settings = config.ringcentral
    jwts = {phone.name: phone.jwt if phone.jwt.get_secret_value() else settings.jwt for phone in config.phones}
    return Platform(settings.server, settings.client_id, settings.client_secret, jwts)


def sandboxed(config: Config, sandbox: Sandbox) -> Platform:
    """The sandbox, as an account in which every phone logs in as its extension."""
    described = sandbox.describe()
    jwts = {entry["extension"]: SecretStr(entry["jwt"]) for entry in described["extensions"]}
    unknown = [phone.extension for phone in config.phones if phone.extension not in jwts]
    if unknown:
        raise ConfigError(f"the sandbox has no extension {', '.join(unknown)}", hint="it has 101 to 110")
    return Platform(
        sandbox.rest,
        described["client_id"],
        SecretStr(described["client_secret"]),
        {phone.name: jwts[phone.extension] for phone in config.phones},
        sandbox.ssl_context(),
        loopback=True,
    )


@asynccontextmanager
async def open_platform(config: Config, clock: Clock, speech: Speech) -> AsyncIterator[Platform]:
    """The account, or a sandbox with its people that lives as long as the context."""
    if config.account == "ringcentral":
        yield account(config)
        return
    async with Sandbox(SandboxOptions(people=(SHIPPED,)), clock=clock, speech=speech) as sandbox:
        yield sandboxed(config, sandbox)


@asynccontextmanager
async def open_bot(
    config: Config,
    platform: Platform,
    *,
    clock: Clock,
    speech: Speech,
    on_trace: Trace | None = None,
    on_progress: OnProgress | None = None,
    automatic: bool = True,
) -> AsyncIterator[Bot]:
    """Build everything, register the phones, and run until the context is left.

    Unless `automatic`, nothing starts by itself: no schedule, no campaign, no flow that an event would trigger.

    Raises:
        FileProblems: mistakes in flows, campaigns or plugins.
        BotError: the platform, a phone or the database cannot be used; nothing is left behind.
    """
    async with AsyncExitStack() as stack:
        config.state.mkdir(parents=True, exist_ok=True)
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
        await stack.enter_async_context(plugins.running(calls))
        phones = await _start_phones(stack, config, platform, calls, media, clock, device="" if automatic else "once")
        if automatic:
            await stack.enter_async_context(scheduler)
            campaigns.add_schedules(scheduler)
            spawn = await stack.enter_async_context(_owned_tasks())
            spawn(campaigns.take_up(), "campaigns cut off")
        yield Bot(calls, engine, campaigns, scheduler, store, plugins, phones)


async def _start_phones(
    stack: AsyncExitStack,
    config: Config,
    platform: Platform,
    calls: Calls,
    media: MediaEngine,
    clock: Clock,
    device: str,
) -> dict[str, Phone]:
    """Log in, fetch the sip info, watch the platform's events and register; the stack undoes all of it.

    `device` tells this bot's phones from those of another one that runs with the same configuration.
    """
    spawn = await stack.enter_async_context(_owned_tasks())
    clients: dict[str, RestClient] = {}
    phones: dict[str, Phone] = {}
    extensions: dict[str, str] = {}
    for settings in config.phones:
        secret = platform.jwts[settings.name]
        rest = clients.get(secret.get_secret_value())
        if rest is None:
            rest = RestClient(platform.server, platform.client_id, platform.client_secret, secret, clock=clock)
            clients[secret.get_secret_value()] = await stack.enter_async_context(rest)
        phone, extension = await _start_phone(stack, settings, config, platform, rest, calls, media, clock, device)
        phones[settings.name] = phone
        extensions[settings.name] = extension
        calls.add_phone(phone, extension)
    watch = PlatformWatch(
        calls,
        next(iter(clients.values())),
        Watched(
            phones=tuple(number for number in extensions.values() if number),
            agents=config.agents,
            queues={name: queue.id or queue.extension for name, queue in config.queues.items()},
            park_locations=config.park_locations,
        ),
        clock=clock,
    )
    await watch.prepare()
    spawn(_watching(watch), "platform events")
    await _wait_for_events(watch)
    return phones


async def _start_phone(
    stack: AsyncExitStack,
    settings: PhoneSettings,
    config: Config,
    platform: Platform,
    rest: RestClient,
    calls: Calls,
    media: MediaEngine,
    clock: Clock,
    device: str,
) -> tuple[Phone, str]:
    """One phone, registered, and its extension. A sip info that is refused is asked for anew, once."""
    provisioner = Provisioner(rest, config.state / "sip-info")
    provision = await provisioner.provision(settings.name)
    for last in (False, True):
        phone = Phone(
            SipInfo.from_json(provision.sip_info),
            media,
            name=settings.name,
            instance_id=(not device and settings.instance_id) or _instance_id(config.state, settings.name + device),
            ssl_context=platform.ssl_context,
            clock=clock,
            on_event=calls.phone_event,
            sip_log=_log_sip if config.log.sip else None,
        )
        try:
            await phone.start()
        except (RegistrationFailed, ConnectionFailed) as error:
            if last or not _stale(error, provision):
                log.error("phone not registered", phone=settings.name, error=str(error))
                raise
            log.warning("sip info refused", phone=settings.name, error=str(error))
            provision = await provisioner.provision(settings.name, refused=provision)
        else:
            break
    stack.push_async_callback(phone.stop)
    return phone, provision.extension_number or settings.extension


def _stale(error: BotError, provision: Provision) -> bool:
    """Whether a fresh sip info may help: the registrar does not know these credentials, or is not there any more."""
    if isinstance(error, RegistrationFailed):
        return error.status in (401, 403, *provision.retry_codes)
    return not isinstance(error, CertificateNotTrusted)


def _instance_id(state: Path, phone: str) -> str:
    """The device's id: made once, and the same after every restart (RFC 5626, section 4.1)."""
    path = state / f"instance-{phone}"
    if not path.exists():
        path.write_text(str(uuid.uuid4()))
    return path.read_text().strip()


def _log_sip(direction: str, text: str) -> None:
    log.debug("sip", direction=direction, message=text)


async def _wait_for_events(watch: PlatformWatch) -> None:
    """Events are good to have from the first call on; but a bot without them is better than none."""
    try:
        async with asyncio.timeout(EVENTS_LIMIT):
            await watch.ready()
    except (TimeoutError, BotError) as error:
        log.error("no platform events yet", error=str(error) or f"nothing within {EVENTS_LIMIT:.0f} s")


async def _watching(watch: PlatformWatch) -> None:
    """Without the platform's events the phones still work; answers are then told by the audio alone."""
    try:
        await watch.run()
    except BotError as error:
        log.error("platform events lost for good", error=str(error))


@asynccontextmanager
async def _owned_tasks() -> AsyncIterator[Callable[[Any, str], None]]:
    """A function that starts tasks, which are cancelled and awaited when the context is left."""
    tasks: set[asyncio.Task[None]] = set()

    def spawn(work: Any, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    try:
        yield spawn
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


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


def media_options(config: Config, platform: Platform) -> MediaOptions:
    loopback = platform.loopback or config.media.loopback
    return MediaOptions(loopback=loopback, codecs=config.media.codecs, ice_timeout=config.media.ice_timeout)


def actions_of(plugins: Plugins, do_not_call: KeepsOptOuts) -> ActionRegistry:
    """Every action that flows can use: the built-in ones, that of campaigns, and those of the plugins."""
    registry = builtin_actions()
    registry.add(opt_out_action(do_not_call))
    plugins.add_actions(ActionSpec, registry.add)
    return registry


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
        return FileReport((), f"No mistakes in {checked} files.")
    return FileReport(tuple(problems), format_problems(problems, checked=checked))


async def run_bot(config: Config, out: Console) -> int:
    """`bot run`: until told to stop."""
    clock = Clock()
    story = Story(out)
    async with (
        Speech() as speech,
        open_platform(config, clock, speech) as platform,
        open_bot(
            config, platform, clock=clock, speech=speech, on_trace=story.trace, on_progress=story.progress
        ) as bot,
    ):
        bot.calls.on_event(story.event)
        story.started(bot.phones.values(), bot.plugins.names)
        await asyncio.Event().wait()
    return 0


async def run_campaign(config: Config, name: str, out: Console, *, anew: bool = False) -> int:
    """`bot campaign run NAME`: dials, and does nothing else; a bot that runs beside it goes on undisturbed."""
    clock = Clock()
    story = Story(out)
    async with (
        Speech() as speech,
        open_platform(config, clock, speech) as platform,
        open_bot(
            config,
            platform,
            clock=clock,
            speech=speech,
            on_trace=story.trace,
            on_progress=story.progress,
            automatic=False,
        ) as bot,
    ):
        bot.calls.on_event(story.event)
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
