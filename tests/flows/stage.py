"""A stage for flows: calls, speech and schedules without phones, on the time of the running loop."""

from __future__ import annotations

import asyncio
import itertools
import textwrap
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import numpy as np

from bot.actions import ActionContext, ActionRegistry, ActionSpec, Arguments, action, builtin_actions
from bot.calls import AgentState, Call, CallEnd, Calls, CallState, Event, ParkLocation, Party, QueueState
from bot.clock import Clock
from bot.errors import CallEnded, CallFailed, CallTaken
from bot.flows import FlowEngine, FlowSet, RunEnded, StepDone, TraceRecord
from bot.flows.loader import read_text
from bot.media import Pcm, Source
from bot.phone import FlipResult
from bot.problems import format_problems
from bot.sip.messages import Headers, HeaderView
from bot.sip.rc import Reply, ReplyOutcome

SECONDS_OF_SPEECH = 1.0


class FakeCall(Call):
    """A call that does what it is told, and notes it. Nobody is at the other side but the test."""

    def __init__(self, stage: Stage, call_id: str, *, direction: Any, number: str, name: str = "") -> None:
        self.stage = stage
        self.id = call_id
        self.phone = "101"
        self.direction = direction
        self.state = CallState.RINGING if direction == "inbound" else CallState.DIALLING
        remote, local = Party(number, name), Party("101")
        self.caller, self.callee = (remote, local) if direction == "inbound" else (local, remote)
        self.end = None
        self.service = False
        self.told_headers: dict[str, str] = {}
        self.told_queue = ""
        self.told_answer_after = 0.0
        self.outcome: asyncio.Future[ReplyOutcome] = asyncio.get_running_loop().create_future()
        self.picked_up = asyncio.Event()
        self.refusal = ""
        self.taken = False
        """Another run deals with it."""

    @property
    def queue(self) -> str:
        return self.told_queue

    @property
    def headers(self) -> Mapping[str, str]:
        headers = Headers()
        for name, value in self.told_headers.items():
            headers.add(name, value)
        return HeaderView(headers)

    @property
    def answer_after(self) -> float:
        return self.told_answer_after

    @property
    def session_id(self) -> str:
        return f"s-{self.id}"

    def _note(self, what: str, *details: object) -> None:  # type: ignore[override]
        if not self.live:
            raise CallEnded(f"cannot {what}: the call is over")
        self.stage.note(what, self.id, *details)

    def finish(self, cause: str, by: str) -> None:
        """The call is over."""
        self.end = CallEnd(by, cause, "answered" if self.state is CallState.ANSWERED else "cancelled")
        self.state = CallState.ENDED
        self.picked_up.set()
        self.stage.say("call.ended", self, cause=cause, by=by, disposition=self.end.disposition)

    async def answer(self) -> None:
        if self.taken:
            raise CallTaken("the call is answered already")
        self._note("answer")
        self.state = CallState.ANSWERED
        self.stage.say("call.answered", self)

    async def decline(self) -> None:
        self._note("decline")
        self.finish("declined", "us")

    async def to_voicemail(self) -> None:
        self._note("voicemail")
        self.finish("voicemail", "us")

    async def forward(self, target: str) -> None:
        self._note("forward", target)
        self.finish("forwarded", "us")

    async def reply(self, reply: Reply, *, wait: float = 180.0) -> ReplyOutcome:
        self._note("reply", reply.text)
        self.finish("replied", "us")
        try:
            async with asyncio.timeout(wait):
                return await self.outcome
        except TimeoutError:
            return ReplyOutcome("none")

    async def hangup(self) -> None:
        if self.live:
            self._note("hang_up")
            self.finish("hangup", "us")

    async def transfer(self, target: str) -> None:
        self._note("transfer", target)
        await asyncio.sleep(0.1)
        self.finish("transferred", "us")

    async def park(self, location: str) -> ParkLocation:
        self._note("park", location)
        await asyncio.sleep(0.1)
        self.finish("transferred", "us")
        return ParkLocation(location, "77")

    async def park_in_orbit(self) -> str:
        self._note("park in an orbit")
        self.finish("transferred", "us")
        return "*813"

    async def hold(self) -> None:
        self._note("hold")

    async def unhold(self) -> None:
        self._note("unhold")

    def mute(self) -> None:
        self._note("mute")

    def unmute(self) -> None:
        self._note("unmute")

    async def start_recording(self) -> None:
        self._note("start_recording")

    async def stop_recording(self) -> None:
        self._note("stop_recording")

    async def flip(self, target: str) -> FlipResult:
        self._note("flip", target)
        return FlipResult("+16505550102", target)

    async def send_digits(self, digits: str) -> None:
        self._note("digits", digits)

    async def say(self, speech: Pcm) -> None:
        self._note("say", self.stage.speech.texts[id(speech)])
        await asyncio.sleep(SECONDS_OF_SPEECH)

    async def play(self, source: Source) -> None:
        self._note("play")

    async def answered(self) -> None:
        await self.picked_up.wait()
        if self.refusal:
            raise CallFailed(f"the call was not answered: {self.refusal}", reason=self.refusal)
        if not self.live:
            raise CallEnded("the call ended before it was answered")
        self.state = CallState.ANSWERED


class FakeSpeech:
    def __init__(self) -> None:
        self.texts: dict[int, str] = {}
        self._kept: list[Pcm] = []

    async def say(self, text: str, *, voice: str = "", rate: int = 0) -> Pcm:
        made = np.zeros(1, np.int16)
        self._kept.append(made)
        self.texts[id(made)] = text
        return made


class FakeScheduler:
    """Schedules in memory: due ones come as events, as the store's do."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.waiting: list[tuple[str, datetime, dict[str, object]]] = []

    async def schedule(self, flow: str, at: datetime, inputs: Mapping[str, object]) -> None:
        self.waiting.append((flow, at, dict(inputs)))
        delay = (at - self._stage.clock.now()).total_seconds()
        self._stage.after(delay, lambda: self._stage.say("schedule.due", flow=flow, inputs=dict(inputs)))


@dataclass(frozen=True)
class CallerInfo:
    name: str
    segment: str
    found: bool


class LookupArguments(Arguments):
    number: str


@action("lookup_caller", main="number", result=CallerInfo)
async def lookup_caller(ctx: ActionContext, args: LookupArguments) -> CallerInfo:
    """What the plugin that ships does, for two numbers."""
    known = {"+16505550199": CallerInfo("Ada", "gold", True), "+16505550100": CallerInfo("Bob", "silver", True)}
    return known.get(args.number, CallerInfo("", "", False))


class LoopClock(Clock):
    """The loop's time, as if it had begun on the first of March."""

    def now(self) -> datetime:
        return datetime.fromtimestamp(
            1_772_356_000 + self.monotonic(), tz=datetime.fromisoformat("2026-03-01T00:00Z").tzinfo
        )


VARIABLES: Mapping[str, object] = {"vip": ["+16505550199"], "senior_desk": "105", "vip_limit": "10m"}


class Stage:
    """Everything that an engine needs, and what the test reads afterwards."""

    def __init__(self) -> None:
        self.notes: list[tuple[object, ...]] = []
        self.times: list[float] = []
        self.traces: list[TraceRecord] = []
        self.clock = LoopClock()
        self.speech = FakeSpeech()
        self.scheduler = FakeScheduler(self)
        self.calls: dict[str, FakeCall] = {}
        self.phones: dict[str, object] = {}
        self.agents: dict[str, AgentState] = {}
        self.queues: dict[str, QueueState] = {}
        self.busy = False
        self.answering: Callable[[FakeCall], Awaitable[None]] | None = None
        self.variables = dict(VARIABLES)
        self.engine: FlowEngine
        self._numbers = itertools.count(1)
        self._timers: list[asyncio.TimerHandle] = []
        self._tasks: list[asyncio.Task[None]] = []

    # What the engine uses of Calls

    def line_busy(self, phone: str = "", *, besides: Call | None = None) -> bool:
        return self.busy

    async def dial(self, number: str, *, phone: str = "", caller_id: str = "", headers: Any = None) -> Call:
        call = self._new("outbound", number)
        self.note("dial", call.id, number)
        self._other_side(call)
        return call

    async def retrieve(self, location: str, *, phone: str = "", parked: Call | None = None) -> Call:
        return self._service("retrieve", location)

    async def supervise(self, agent: str, how: str, *, phone: str = "") -> Call:
        return self._service("supervise", agent, how)

    def _service(self, what: str, *details: object) -> FakeCall:
        call = self._new("outbound", "service")
        call.state = CallState.ANSWERED
        self.note(what, call.id, *details)
        return call

    def _new(self, direction: str, number: str, name: str = "") -> FakeCall:
        call_id = f"c-{next(self._numbers)}"
        self.calls[call_id] = FakeCall(self, call_id, direction=direction, number=number, name=name)
        return self.calls[call_id]

    def _other_side(self, call: FakeCall) -> None:
        if self.answering is not None:
            self._tasks.append(asyncio.ensure_future(self.answering(call)))  # type: ignore[arg-type]

    # What the test does

    def engine_for(self, *texts: str, registry: ActionRegistry | None = None) -> FlowEngine:
        """An engine with the flows that these texts hold."""
        flows: dict[str, Any] = {}
        for text in texts:
            read, problems = read_text(textwrap.dedent(text), registry or actions(), variables=self.variables)
            errors = [problem for problem in problems if problem.severity == "error"]
            assert not errors, format_problems(errors)
            flows |= read
        return self.engine_of(FlowSet(Path(), flows))

    def engine_of(self, flows: FlowSet) -> FlowEngine:
        self.engine = FlowEngine(
            flows,
            calls=cast(Calls, self),
            speech=self.speech,
            clock=self.clock,
            scheduler=self.scheduler,
            variables=self.variables,
            directory={"Sales": "201"},
            on_trace=self.traces.append,
        )
        return self.engine

    def incoming(
        self,
        number: str = "+16505550123",
        name: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        queue: str = "",
        after: float = 0.0,
        phone: str = "101",
    ) -> FakeCall:
        """Somebody calls."""
        call = self._new("inbound", number, name)
        call.phone = phone
        call.told_headers, call.told_queue, call.told_answer_after = dict(headers or {}), queue, after
        self.say("call.ringing", call)
        return call

    def placed(self, number: str = "+16505550123") -> FakeCall:
        """An answered call of a campaign."""
        call = self._new("outbound", number)
        call.state = CallState.ANSWERED
        return call

    def say(self, name: str, call: Call | None = None, /, **data: object) -> None:
        self.engine.handle(Event(name, self.clock.now(), call, data))

    def press(self, call: Call, digit: str) -> None:
        self.say("call.digit", call, digit=digit)

    def agent_talks(self, agent: str, number: str) -> None:
        self.say("agent.call.started", agent=agent, number=number, name="")

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(max(seconds, 0), do))

    def note(self, *what: object) -> None:
        self.notes.append(what)
        self.times.append(asyncio.get_running_loop().time())

    async def settled(self) -> None:
        """Until no run goes on."""
        while runs := self.engine.runs:
            await asyncio.wait([run.result for run in runs])
            await asyncio.sleep(0.1)

    async def close(self) -> None:
        for timer in self._timers:
            timer.cancel()
        if hasattr(self, "engine"):
            await self.engine.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # What the test reads

    @property
    def happened(self) -> list[str]:
        """What was done to calls, in order, without the calls' ids."""
        return [" ".join(str(part) for part in (what, *details)) for what, _call, *details in self.notes]

    @property
    def outcomes(self) -> list[tuple[str, str]]:
        return [(record.flow, record.outcome) for record in self.traces if isinstance(record, RunEnded)]

    @property
    def reasons(self) -> list[str]:
        return [record.reason for record in self.traces if isinstance(record, RunEnded)]

    @property
    def steps(self) -> list[StepDone]:
        return [record for record in self.traces if isinstance(record, StepDone)]


class OptOutArguments(Arguments):
    number: str = ""


@action("opt_out", main="number")
async def opt_out(ctx: ActionContext, args: OptOutArguments) -> None:
    """As campaigns have it, without a list."""


def actions(*more: ActionSpec) -> ActionRegistry:
    registry = builtin_actions()
    for spec in (lookup_caller, opt_out, *more):
        registry.add(spec)
    return registry
