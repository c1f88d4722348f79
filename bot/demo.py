"""The demonstration: sandbox, bot and people in one process, playing the flows that ship with real calls and audio.

A scenario is a short play: people of the sandbox call or are called, listen to what they hear, and say whether it
was right. `bot demo` plays them for as long as one watches; `bot demo --once` plays each once and prints a table.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.app import Bot, open_bot, sandboxed
from bot.calls import Call
from bot.clock import Clock
from bot.config import Config, load_config
from bot.errors import BotError, UserError
from bot.flows import RunEnded, RunStarted, TraceRecord
from bot.media import Speech
from bot.sandbox import SHIPPED, PersonResult, QueueOptions, Sandbox, SandboxOptions
from bot.story import Story

__all__ = ["SCENARIOS", "Result", "Scenario", "Stage", "demo_config", "open_stage", "play", "play_once"]

SCENARIO_LIMIT = 180.0
"""Seconds that a scenario may take."""
SETTLE_LIMIT = 30.0
"""Seconds after the people have gone within which the bot must be done."""
PAUSE = 2.0


class Failed(Exception):
    """A scenario went otherwise than expected; the text says how."""


@dataclass(slots=True)
class Stage:
    """What a scenario plays on."""

    sandbox: Sandbox
    bot: Bot
    ended: list[RunEnded] = field(default_factory=list)
    running: dict[str, str] = field(default_factory=dict)
    """The flows of the runs that go on, by the run's id."""

    def record(self, record: TraceRecord) -> None:
        if isinstance(record, RunStarted):
            self.running[record.run_id] = record.flow
        elif isinstance(record, RunEnded):
            self.running.pop(record.run_id, None)
            self.ended.append(record)

    async def people(self, *scripts: str) -> str:
        """Have people play their scripts at the same time; what they say of it.

        Raises:
            Failed: one of them heard or saw something else than expected.
        """
        results = await asyncio.gather(*(self.sandbox.people.play(script) for script in scripts))
        _check(results)
        return "; ".join(f"{result.person} heard and did all as written" for result in results)

    async def flow_done(self, flow: str, since: int) -> None:
        """Wait until a run of this flow, ended after the first `since` ones, was done to its end."""
        await self.until(
            lambda: any(run.flow == flow for run in self.ended[since:]) and flow not in self.running.values(),
            f"the flow {flow} did not run",
        )
        for run in self.ended[since:]:
            if run.flow == flow and run.outcome == "failed":
                raise Failed(f"the flow {flow} failed: {run.reason}")

    async def until(self, holds: Callable[[], bool], otherwise: str) -> None:
        """Wait until something holds, looking at it 20 times a second."""
        try:
            async with asyncio.timeout(SETTLE_LIMIT):
                while not holds():  # noqa: ASYNC110 - what it looks at has no event of its own
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise Failed(otherwise) from None

    @asynccontextmanager
    async def busy_line(self) -> AsyncIterator[None]:
        """Ben talks to the front desk for as long as the context lasts."""
        await self.until(lambda: not self._calls_at("front-desk"), "the front desk was not free")
        talking = asyncio.create_task(self.sandbox.people.play("ben-talks"), name="Ben")
        try:
            await self.until(lambda: self.bot.calls.line_busy("front-desk"), "Ben was not answered")
            yield
        finally:
            talking.cancel()
            await asyncio.gather(talking, return_exceptions=True)
            await self.until(lambda: not self._calls_at("front-desk"), "Ben's call did not end")

    def _calls_at(self, phone: str) -> list[Call]:
        return [call for call in self.bot.calls.live.values() if call.phone == phone]


def _check(results: Sequence[PersonResult]) -> None:
    wrong = [str(result) for result in results if not result.ok]
    if wrong:
        raise Failed("; ".join(wrong))


@dataclass(frozen=True, slots=True)
class Scenario:
    """One play. Those on the same `line` are played one after another, others at the same time."""

    name: str
    flow: str
    expected: str
    line: str
    act: Callable[[Stage], Awaitable[str]]


async def _order_call(stage: Stage) -> str:
    return await stage.people("ada-orders")


async def _known_caller(stage: Stage) -> str:
    return await stage.people("grace-calls")


async def _busy_yes(stage: Stage) -> str:
    before = await stage.bot.store.schedules.next_due()
    async with stage.busy_line():
        heard = await stage.people("ada-says-yes")
        await stage.flow_done("busy-reply", 0)
    due = await stage.bot.store.schedules.next_due()
    if due is None or due == before:
        raise Failed("no call back was scheduled")
    return f"{heard}; the call back is due at {due.astimezone():%H:%M}"


async def _busy_urgent(stage: Stage) -> str:
    answered = len(stage.sandbox.people.answered)
    async with stage.busy_line():
        heard = await stage.people("ada-is-urgent")
        await stage.until(lambda: len(_called(stage, answered)) > 0, "nobody called Ada's mobile")
    _check(_called(stage, answered))
    return f"{heard}; her mobile was called"


def _called(stage: Stage, since: int) -> list[PersonResult]:
    return [result for result in stage.sandbox.people.answered[since:] if result.person == "Ada's mobile"]


async def _take_over(stage: Stage) -> str:
    return await stage.people("victor-complains")


async def _overflow(stage: Stage) -> str:
    return await stage.people("alan-is-served", "james-retrieves")


async def _campaign(stage: Stage) -> str:
    report = await stage.bot.campaigns.run("spring-offer", anew=True)
    came = {contact.name: contact.status for contact in report.contacts}
    expected = {
        "Ines Ortega": "answered",
        "Noah Weber": "busy",
        "Mia Larsen": "no_answer",
        "Old Number": "invalid",
        "Priya Nair": "left_out",
        "Tom Reed": "left_out",
    }
    wrong = [
        f"{name}: {came.get(name)} instead of {status}"
        for name, status in expected.items()
        if came.get(name) != status
    ]
    if wrong:
        raise Failed("; ".join(wrong))
    return ", ".join(f"{count} {status.replace('_', ' ')}" for status, count in report.counts.items())


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "an order call is answered",
        "auto-answer",
        "Ada hears: You are through to the order line",
        "desk",
        _order_call,
    ),
    Scenario(
        "a known caller is greeted", "vip-greeting", "Grace hears her name, from the plugin", "desk", _known_caller
    ),
    Scenario(
        "busy, may we call back? yes", "busy-reply", "Ada presses 3, a call back is scheduled", "desk", _busy_yes
    ),
    Scenario(
        "busy, may we call back? urgent",
        "busy-reply",
        "Ada leaves a number and is called there",
        "desk",
        _busy_urgent,
    ),
    Scenario(
        "a supervisor takes over",
        "rescue-vip",
        "Victor hears the supervisor, then the senior desk",
        "vip",
        _take_over,
    ),
    Scenario("an overflow call is parked", "park-overflow", "Alan waits, James picks him up", "sales", _overflow),
    Scenario(
        "a campaign dials its list",
        "spring-offer",
        "answered, busy, no answer, invalid, left out",
        "campaign",
        _campaign,
    ),
)


@dataclass(frozen=True, slots=True)
class Result:
    scenario: Scenario
    ok: bool
    happened: str
    seconds: float


def demo_config(path: Path, state: Path) -> Config:
    """The configuration in `path`, on the sandbox, with nothing kept and a VIP limit that suits a watcher."""
    config = load_config(path)
    return config.model_copy(
        update={"account": "sandbox", "state": state, "database": "", "vars": {**config.vars, "vip_limit": "8s"}}
    )


@asynccontextmanager
async def open_stage(config_path: Path, *, clock: Clock, story: Story | None = None) -> AsyncIterator[Stage]:
    """A sandbox with its people and a bot that is registered there; all of it gone when the context is left."""
    options = SandboxOptions(people=(SHIPPED,), queues=(QueueOptions("Sales", "300", ("103",)),))
    with tempfile.TemporaryDirectory(prefix="bot-demo-") as folder:
        config = demo_config(config_path, Path(folder))
        listeners: list[Callable[[TraceRecord], None]] = [story.trace] if story else []

        def trace(record: TraceRecord) -> None:
            for listen in listeners:
                listen(record)

        async with (
            Speech(voice=config.speech.voice, rate=config.speech.rate) as speech,
            Sandbox(options, clock=clock, speech=speech) as sandbox,
            open_bot(
                config,
                sandboxed(config, sandbox),
                clock=clock,
                speech=speech,
                on_event=story.event if story else None,
                on_trace=trace,
                on_progress=story.progress if story else None,
            ) as bot,
        ):
            stage = Stage(sandbox, bot)
            listeners.append(stage.record)
            if story:
                story.started(bot.phones.values(), bot.plugins.names)
            yield stage


async def play_scenario(scenario: Scenario, stage: Stage, clock: Clock) -> Result:
    """Play one scenario; what went wrong is in the result."""
    began, runs = clock.monotonic(), len(stage.ended)
    try:
        async with asyncio.timeout(SCENARIO_LIMIT):
            happened = await scenario.act(stage)
            await stage.flow_done(scenario.flow, runs)
        ok = True
    except Failed as failure:
        ok, happened = False, str(failure)
    except TimeoutError:
        ok, happened = False, f"not over after {SCENARIO_LIMIT:.0f} s"
    except BotError as error:
        ok, happened = False, str(error)
    return Result(scenario, ok, happened, clock.monotonic() - began)


async def play_once(stage: Stage, clock: Clock, chosen: Collection[Scenario] = SCENARIOS) -> list[Result]:
    """Play each scenario once, the lines side by side; results in the order of the scenarios."""
    results: dict[str, Result] = {}

    async def play_line(line: str) -> None:
        for scenario in chosen:
            if scenario.line == line:
                results[scenario.name] = await play_scenario(scenario, stage, clock)

    async with asyncio.TaskGroup() as lines:
        for line in dict.fromkeys(scenario.line for scenario in chosen):
            lines.create_task(play_line(line), name=line)
    return [results[scenario.name] for scenario in chosen]


def result_table(results: Sequence[Result]) -> Table:
    table = Table(title="Scenarios", show_lines=True)
    for column in ("scenario", "flow", "expected", "happened", "seconds"):
        table.add_column(column, justify="right" if column == "seconds" else "left", overflow="fold")
    for result in results:
        mark = "[green]✓[/green]" if result.ok else "[red]✗[/red]"
        scenario = result.scenario
        table.add_row(
            f"{mark} {scenario.name}",
            scenario.flow,
            scenario.expected,
            Text(result.happened),
            f"{result.seconds:.1f}",
        )
    return table


async def play(out: Console, config: Path, *, once: bool = False, only: Sequence[str] = ()) -> int:
    """`bot demo`. The exit code: 0 when every scenario went as expected."""
    chosen = _choose(only)
    clock = Clock()
    story = Story(out, clock)
    story.say("demo", "starting the sandbox, the bot and the people …")
    async with open_stage(config, clock=clock, story=story) as stage:
        if once:
            results = await play_once(stage, clock, chosen)
            out.print(result_table(results))
            return 0 if all(result.ok for result in results) else 1
        while True:
            for scenario in chosen:
                out.rule(f"{scenario.name}: {scenario.expected}", align="left", style="dim")
                result = await play_scenario(scenario, stage, clock)
                story.say("demo", result.happened, style="bold green" if result.ok else "bold red")
                await clock.sleep(PAUSE)


def _choose(only: Sequence[str]) -> tuple[Scenario, ...]:
    chosen = tuple(
        scenario for scenario in SCENARIOS if not only or any(word in (scenario.name, scenario.flow) for word in only)
    )
    if not chosen:
        raise UserError(
            f"there is no scenario {', '.join(only)}", hint="; ".join(scenario.name for scenario in SCENARIOS)
        )
    return chosen
