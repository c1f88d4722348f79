"""Stepping into an agent's call: who hears whom is measured, refusals are told, and endings end everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal, cast

import pytest

from bot.calls import CODES, Call, SupervisionMode
from bot.clock import VirtualClock
from bot.errors import OperationRefused
from bot.flows import RunResult
from bot.media import MediaOptions, Speech, ToneSource
from bot.sandbox import SandboxOptions
from bot.sandbox.endpoints import Leg
from tests.sandbox.conftest import ToneSpeech
from tests.scenarios.conftest import quiet
from tests.scenarios.staging import SALES, OwnStage, Somebody, bot_hears, flow_folder, hears, own_stage, until

CUSTOMER, AGENT, SUPERVISOR = 700.0, 1100.0, 1700.0
TONES = cast(Speech, ToneSpeech())
"""Nobody has to understand a word here."""


@asynccontextmanager
async def supervised_call(
    folder: Path, clock: VirtualClock, flows: Path, **options: Any
) -> AsyncIterator[tuple[OwnStage, Leg, Leg]]:
    """A customer who talks to agent 102, each with a tone of their own; the bot stands by."""
    settings = {"queues": SALES, "media": MediaOptions(loopback=True), **options}
    chosen = SandboxOptions(**settings)
    async with own_stage(folder, clock, options=chosen, speech=TONES, flows=flows, campaigns=folder) as stage:
        agent = stage.caller(Somebody("102", "Liam"))
        victor = Somebody("+16505550190", "Victor")
        customer = await stage.call(victor, "102")
        await customer.answered()
        customer.source, agent.legs[0].source = ToneSource([CUSTOMER]), ToneSource([AGENT])
        yield stage, customer, agent.legs[0]
        await customer.hangup()
        await quiet(stage)


@pytest.fixture
def flows(tmp_path: Path) -> Path:
    """A flow for each way to step in, which stays in for a while."""
    steps = "do:\n  - supervise: {agent: '102', how: HOW}\n    save_as: joined\n  - wait: 8s\n"
    ways = {f"step_{how}": steps.replace("HOW", how) for how in CODES}
    return flow_folder(tmp_path / "flows", **ways)


@asynccontextmanager
async def stepping_in(stage: OwnStage, how: SupervisionMode, by: str) -> AsyncIterator[Call]:
    """Within it, the supervisor is in the call, and says a tone."""
    run: asyncio.Task[RunResult] | None = None
    if by == "calls":
        call = await stage.bot.calls.supervise("102", how, phone="supervisor")
    else:
        run = asyncio.create_task(stage.bot.engine.run_flow(f"step-{how.replace('_', '-')}"))
        await until(lambda: any(step.action == "supervise" for step in stage.records.steps))
        assert stage.records.steps[-1].outcome == "done", stage.records.steps[-1].error
        call = list(stage.bot.calls.live.values())[-1]
    await asyncio.sleep(1.5)
    call.media.source = ToneSource([SUPERVISOR])
    yield call
    if run is not None:
        await run
        assert not call.live, "a flow's call outlived the flow"


@pytest.mark.parametrize("by", ["calls", "flow"])
@pytest.mark.parametrize(
    ("how", "agent_hears", "customer_hears"),
    [("monitor", False, False), ("whisper", True, False), ("barge", True, True)],
)
async def test_who_hears_the_supervisor(
    how: SupervisionMode,
    agent_hears: bool,
    customer_hears: bool,
    by: str,
    clock: VirtualClock,
    tmp_path: Path,
    flows: Path,
) -> None:
    async with supervised_call(tmp_path / "state", clock, flows) as (stage, customer, agent):
        async with stepping_in(stage, how, by) as call:
            assert await bot_hears(call, CUSTOMER)
            assert await bot_hears(call, AGENT)
            assert await hears(agent, CUSTOMER)
            assert await hears(customer, AGENT)
            assert await hears(agent, SUPERVISOR) is agent_hears
            assert await hears(customer, SUPERVISOR) is customer_hears
        await call.hangup()
        await asyncio.sleep(0.5)
        assert await hears(customer, AGENT), "the call that was supervised did not go on"


FORMS = pytest.mark.parametrize("form", ["new-call", "re-invite"])
Form = Literal["new-call", "re-invite"]


@pytest.mark.parametrize("by", ["calls", "flow"])
@FORMS
async def test_a_take_over_puts_the_supervisor_in_the_agents_place(
    form: Form, by: str, clock: VirtualClock, tmp_path: Path, flows: Path
) -> None:
    async with (
        supervised_call(tmp_path / "state", clock, flows, take_over=form) as (stage, customer, agent),
        stepping_in(stage, "take_over", by) as call,
    ):
        await agent.ended()
        assert len(stage.bot.calls.live) == (2 if form == "new-call" else 1)
        assert await bot_hears(call, CUSTOMER)
        assert not await bot_hears(call, AGENT)
        assert await hears(customer, SUPERVISOR)
        assert not await hears(customer, AGENT)


@pytest.mark.parametrize("ends", ["first", "second"])
async def test_hanging_up_either_call_of_a_take_over_ends_the_customers(
    ends: str, clock: VirtualClock, tmp_path: Path, flows: Path
) -> None:
    async with supervised_call(tmp_path / "state", clock, flows) as (stage, customer, _agent):
        second = await stage.bot.calls.supervise("102", "take_over", phone="supervisor")
        first = second.companion
        assert first is not None
        await (first if ends == "first" else second).hangup()
        async with asyncio.timeout(5):
            await customer.ended()
        await quiet(stage)


@FORMS
async def test_the_customer_who_hangs_up_ends_both_calls_of_a_take_over(
    form: Form, clock: VirtualClock, tmp_path: Path, flows: Path
) -> None:
    async with supervised_call(tmp_path / "state", clock, flows, take_over=form) as (stage, customer, _agent):
        await stage.bot.calls.supervise("102", "take_over", phone="supervisor")
        await customer.hangup()
        await until(lambda: not stage.bot.calls.live, 10)


@pytest.mark.parametrize("how", CODES)
async def test_an_agent_outside_the_monitoring_group_is_refused(
    how: SupervisionMode, clock: VirtualClock, tmp_path: Path, flows: Path
) -> None:
    async with supervised_call(tmp_path / "state", clock, flows, monitored=("104",)) as (stage, customer, agent):
        await refused(stage, how)
        assert await hears(customer, AGENT), "the agent's call was harmed"
        assert agent.end is None


@pytest.mark.parametrize("how", CODES)
async def test_an_agent_without_a_call_is_refused(
    how: SupervisionMode, clock: VirtualClock, tmp_path: Path, flows: Path
) -> None:
    async with own_stage(tmp_path / "state", clock, speech=TONES, flows=flows, campaigns=tmp_path) as stage:
        await refused(stage, how)
        await quiet(stage)


async def refused(stage: OwnStage, how: SupervisionMode) -> None:
    """Step in, which must not work: a take-over says so; any other way the call is ended for us, as the platform
    only speaks its refusal."""
    if how == "take_over":
        with pytest.raises(OperationRefused, match="not granted"):
            await stage.bot.calls.supervise("102", how, phone="supervisor")
    else:
        call = await stage.bot.calls.supervise("102", how, phone="supervisor")
        async with asyncio.timeout(15):
            assert (await call.ended()).by == "peer"
    assert not stage.bot.calls.live
    assert not stage.bot.phones["supervisor"].sessions


async def test_a_flow_says_that_its_take_over_was_refused(clock: VirtualClock, tmp_path: Path, flows: Path) -> None:
    async with own_stage(tmp_path / "state", clock, speech=TONES, flows=flows, campaigns=tmp_path) as stage:
        result = await stage.bot.engine.run_flow("step-take-over")
        assert result.outcome == "failed"
        assert "take-over was not granted" in result.reason
        await quiet(stage)
