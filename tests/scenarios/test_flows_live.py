"""The flows that ship, and plugins and campaigns, where it takes time or goes otherwise than in the demonstration."""

from __future__ import annotations

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest
from structlog.testing import capture_logs

from bot.clock import VirtualClock
from bot.demo import Stage, demo_config
from bot.flows import RunEnded
from bot.media import MediaOptions, Speech, ToneSource
from bot.sandbox import Sandbox, SandboxOptions
from tests.sandbox.conftest import ToneSpeech
from tests.scenarios.conftest import CONFIG, quiet
from tests.scenarios.staging import (
    SALES,
    OwnStage,
    Somebody,
    bot_hears,
    bot_on,
    flow_folder,
    hears,
    loudest,
    own_stage,
    until,
)

TONES = cast(Speech, ToneSpeech())
"""Where nobody has to understand a word."""
NOBODY = SandboxOptions(queues=SALES, media=MediaOptions(loopback=True))
ORDER = {"Alert-Info": "Auto Answer"}


def runs_of(stage: OwnStage, flow: str) -> list[RunEnded]:
    return [run for run in stage.ended if run.flow == flow]


async def test_an_overflow_call_that_nobody_picks_up_is_taken_back_and_goes_to_voicemail(
    clock: VirtualClock, tmp_path: Path
) -> None:
    async with own_stage(tmp_path, clock) as stage:
        began = clock.now()
        await stage.people("alan-leaves-a-message")
        await stage.flow_done("park-overflow", 0)
        kept = stage.sandbox.switch.voicemails
        parked, retrieved = (stage.records.named(name)[0] for name in ("park.parked", "park.retrieved"))
        assert timedelta(minutes=2) <= retrieved.at - parked.at < timedelta(minutes=2, seconds=5)
        assert [(message.extension, message.caller_number) for message in kept] == [("109", "+16505550197")]
        assert kept[0].duration > 2
        assert loudest(kept[0].pcm) > -30, "the message is silent"
        actions = [step.action for step in stage.records.steps if step.flow == "park-overflow"]
        assert actions == ["say", "park", "wait_for", "retrieve", "voicemail"]
        assert clock.now() - began < timedelta(minutes=3)
        await quiet(stage)


async def test_rescue_vip_leaves_others_alone_and_short_calls_of_vips(clock: VirtualClock, tmp_path: Path) -> None:
    async with own_stage(tmp_path, clock, options=NOBODY, speech=TONES) as stage:
        stage.caller(Somebody("102", "Liam"))
        for number, seconds in (("+16505550177", 20), ("+16505550190", 5)):
            leg = await stage.call(Somebody(number, "Eve"), "102")
            await leg.answered()
            await asyncio.sleep(seconds)
            assert leg.end is None
            assert "rescue-vip" not in stage.running.values()
            await leg.hangup()
            await asyncio.sleep(15)
        assert len(stage.records.named("agent.call.ended")) == 2, "the agent's calls were not noticed"
        assert not any(step.action == "supervise" for step in stage.records.steps)
        assert not stage.records.named("call.dialling")


async def test_a_call_back_is_made_at_its_time_by_a_bot_that_was_restarted(
    clock: VirtualClock, tmp_path: Path
) -> None:
    config = demo_config(CONFIG, tmp_path)
    ada, liam = Somebody("+16505550166", "Ada Byron"), Somebody("102", "Liam")
    async with Sandbox(NOBODY, clock=clock, speech=TONES) as sandbox:
        sandbox.switch.add_endpoint(ada)
        sandbox.switch.add_endpoint(liam)
        async with bot_on(sandbox, config, clock, TONES) as before:
            asked = await yes_to_a_call_back(before, ada, clock)
        await asyncio.sleep(600)
        assert not ada.legs
        async with bot_on(sandbox, config, clock, TONES) as after:
            await asyncio.sleep(asked + 45 * 60 - 20 - clock.monotonic())
            assert not ada.legs, "the call back came too early"
            await until(lambda: bool(ada.legs), 25)
            await until(lambda: bool(liam.legs), 30)
            await after.flow_done("call-back", 0)
            ada.legs[0].source = ToneSource([700.0])
            await asyncio.sleep(1)
            assert await hears(liam.legs[0], 700.0), "the colleague does not hear Ada"
            assert await after.bot.store.schedules.waiting() == []
            await asyncio.sleep(120)
            assert len(ada.legs) == 1, "she was called back twice"
            await ada.legs[0].hangup()
            await quiet(after)


async def yes_to_a_call_back(stage: OwnStage, ada: Somebody, clock: VirtualClock) -> float:
    """Ada reaches a busy line, and presses 3. When that was."""
    ben = await stage.call(Somebody("+16505550167", "Ben"), "101", headers=ORDER)
    await until(lambda: stage.bot.calls.line_busy("front-desk"))
    leg = await stage.call(ada, "101")
    await until(lambda: bool(ada.frames) and loudest(ada.heard) > -30)
    await asyncio.sleep(3)
    await leg.press("3")
    await stage.flow_done("busy-reply", 0)
    pressed = clock.monotonic()
    await ben.hangup()
    await quiet(stage)
    return pressed


async def test_two_callers_at_once_are_each_answered_and_do_not_hear_each_other(
    clock: VirtualClock, tmp_path: Path
) -> None:
    async with own_stage(tmp_path, clock, options=NOBODY, speech=TONES) as stage:
        people = [Somebody("+16505550171", "Eve"), Somebody("+16505550172", "Bob")]
        legs = await asyncio.gather(*(stage.call(person, "101", headers=ORDER) for person in people))
        await asyncio.gather(*(leg.answered() for leg in legs))
        for leg, hz in zip(legs, (700.0, 1100.0), strict=True):
            leg.source = ToneSource([hz])
        await until(lambda: len(runs_of(stage, "auto-answer")) == 2)
        assert {run.outcome for run in runs_of(stage, "auto-answer")} == {"done"}
        calls = {call.number: call for call in stage.bot.calls.live.values()}
        for person, own, other in zip(people, (700.0, 1100.0), (1100.0, 700.0), strict=True):
            assert await bot_hears(calls[person.number], own)
            assert not await bot_hears(calls[person.number], other)
            assert loudest(person.heard) > -30, f"{person.name} was told nothing"
        assert not await hears(legs[0], 1100.0)
        for leg in legs:
            await leg.hangup()
        await quiet(stage)


BROKEN = """
from bot import Event, hookimpl

@hookimpl
async def bot_call_event(event: Event) -> None:
    raise RuntimeError("no such customer")
"""
HANGING = """
import asyncio
from bot import Event, hookimpl

@hookimpl
async def bot_call_event(event: Event) -> None:
    await asyncio.sleep(86_400)
"""


async def test_plugins_that_raise_or_hang_do_not_harm_the_call(clock: VirtualClock, tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    shutil.copytree("plugins", plugins, ignore=shutil.ignore_patterns("__pycache__"))
    (plugins / "broken.py").write_text(BROKEN)
    (plugins / "hanging.py").write_text(HANGING)
    with capture_logs() as logs:
        async with own_stage(tmp_path / "state", clock, plugins=plugins) as stage:
            began = clock.monotonic()
            await stage.people("grace-calls")
            await stage.people("ada-orders")
            assert clock.monotonic() - began < 30, "the call was held up"
            assert {run.outcome for run in stage.ended} <= {"done", "cancelled"}
            await asyncio.sleep(20)
    told = {(line["event"], line["plugin"]) for line in logs if "plugin" in line}
    assert ("plugin failed", "broken") in told
    assert ("plugin too slow", "hanging") in told


CAMPAIGN = """
campaign: garden
flow: spring-offer
list: {file: garden.csv, columns: {number: phone, name: name, consent: consent}}
window: {from: "00:00", to: "24:00"}
phone: outbound
speaks: true
"""
PRIYA = "+16505550195"


async def test_who_presses_9_in_a_campaign_is_never_dialled_again(clock: VirtualClock, tmp_path: Path) -> None:
    campaigns = tmp_path / "campaigns"
    campaigns.mkdir()
    (campaigns / "garden.yaml").write_text(CAMPAIGN)
    (campaigns / "garden.csv").write_text(f"phone,name,consent\n{PRIYA},Priya Nair,yes\n")
    async with own_stage(tmp_path / "state", clock, campaigns=campaigns) as stage:
        first = await stage.bot.campaigns.run("garden")
        assert [(one.number, one.status) for one in first.contacts] == [(PRIYA, "opted_out")]
        assert [result.ok for result in stage.sandbox.people.answered] == [True], stage.sandbox.people.answered
        assert await stage.bot.store.do_not_call.numbers() == {PRIYA}
        dialled = len(stage.records.named("call.dialling"))
        second = await stage.bot.campaigns.run("garden", anew=True)
        assert [(one.status, one.attempts) for one in second.contacts] == [("left_out", 0)]
        assert "do-not-call" in second.contacts[0].why
        assert len(stage.records.named("call.dialling")) == dialled == 1


ASKS = """
on: call.ringing
do:
  - answer
  - wait_for: {event: call.digit, digit: "7"}
    timeout: 10s
    save_as: key
    on_timeout:
      - log: no seven
      - stop: nothing
  - log: "seven {{ key.digit }}"
finally:
  - hang_up
"""


@pytest.mark.parametrize("pressed", ["7", "12"])
async def test_a_flow_that_asks_for_a_key_gets_that_key_alone(
    pressed: str, clock: VirtualClock, tmp_path: Path
) -> None:
    flows = flow_folder(tmp_path / "flows", asks=ASKS)
    async with own_stage(
        tmp_path / "state", clock, options=NOBODY, speech=TONES, flows=flows, campaigns=tmp_path
    ) as stage:
        leg = await stage.call(Somebody("+16505550177", "Eve"), "101")
        await leg.answered()
        await asyncio.sleep(0.5)
        await leg.press(pressed)
        await leg.ended()
        await until(lambda: len(stage.ended) == 1)
        logged = [step.arguments["text"] for step in stage.records.steps if step.action == "log"]
        assert logged == (["seven 7"] if pressed == "7" else ["no seven"])
        assert not leg.ended_by_us


async def test_a_call_that_asks_to_be_answered_is_answered_on_a_busy_line_too(
    clock: VirtualClock, tmp_path: Path
) -> None:
    async with own_stage(tmp_path, clock, options=NOBODY, speech=TONES) as stage:
        ben = await stage.call(Somebody("+16505550167", "Ben"), "101", headers=ORDER)
        await until(lambda: stage.bot.calls.line_busy("front-desk"))
        await asyncio.sleep(3)
        leg = await stage.call(Somebody("+16505550166", "Ada"), "101", headers=ORDER)
        await until(lambda: len(runs_of(stage, "auto-answer")) == 2)
        await asyncio.sleep(1)
        assert leg.end is None
        assert {run.outcome for run in runs_of(stage, "auto-answer")} == {"done"}
        assert [run.outcome for run in runs_of(stage, "busy-reply")] == ["cancelled"]
        await leg.hangup()
        await ben.hangup()
        await quiet(stage)


async def test_a_caller_who_gives_up_while_parked_ends_the_flow(clock: VirtualClock, tmp_path: Path) -> None:
    async with own_stage(tmp_path, clock, options=NOBODY, speech=TONES) as stage:
        leg = await stage.call(Somebody("+16505550166", "Ada"), "300")
        await until(lambda: bool(stage.records.named("park.parked")))
        await asyncio.sleep(10)
        await leg.hangup()
        await stage.flow_done("park-overflow", 0)
        assert runs_of(stage, "park-overflow")[0].outcome == "done"
        await quiet(stage)
        assert not stage.records.named("call.dialling"), "somebody who had gone was retrieved"


async def test_an_overflow_caller_for_whom_there_is_no_place_goes_to_voicemail_at_once(
    clock: VirtualClock, tmp_path: Path
) -> None:
    async with own_stage(tmp_path, clock, options=NOBODY, speech=TONES) as stage:
        eve = await stage.call(Somebody("+16505550171", "Eve"), "300")
        await until(lambda: bool(stage.records.named("park.parked")))
        bob = await stage.call(Somebody("+16505550172", "Bob"), "300")
        await until(lambda: len(runs_of(stage, "park-overflow")) == 1)
        assert runs_of(stage, "park-overflow")[0].outcome == "stopped"
        await asyncio.sleep(5)
        await bob.press("#")
        await bob.ended()
        kept = [(message.extension, message.caller_number) for message in stage.sandbox.switch.voicemails]
        assert kept == [("109", "+16505550172")]
        assert eve.end is None, "who was parked first still waits"
        await eve.hangup()
        await quiet(stage)


async def test_who_was_called_is_who_calls_back(stage: Stage) -> None:
    dialled: list[str] = []
    stage.bot.calls.on_event(
        lambda event: dialled.append(event.call.phone) if event.name == "call.dialling" and event.call else None
    )
    async with stage.busy_line():
        result = await stage.sandbox.people.play("ada-is-urgent")
        await stage.flow_done("busy-reply", 0)
    assert result.ok, result
    assert dialled == ["front-desk"]


ORBIT = """
on: call.ringing
do:
  - answer
  - start_recording
  - say: please hold the line
  - hold
  - wait: 3s
  - unhold
  - say: nobody is free
  - stop_recording
  - park:
    save_as: parked
  - log: "dial {{ parked.orbit }}"
"""


async def test_a_caller_is_recorded_held_and_parked_in_an_orbit_where_a_colleague_picks_up(
    clock: VirtualClock, tmp_path: Path
) -> None:
    flows = flow_folder(tmp_path / "flows", orbit=ORBIT)
    async with own_stage(
        tmp_path / "state", clock, options=NOBODY, speech=TONES, flows=flows, campaigns=tmp_path
    ) as stage:
        story: list[str] = []
        stage.sandbox.on_event(lambda event: story.append(event.kind))
        leg = await stage.call(Somebody("+16505550166", "Ada"), "101")
        await until(lambda: bool(stage.ended))
        assert runs_of(stage, "orbit")[0].outcome == "done"
        done = [kind for kind in story if kind.startswith(("recording", "call.held", "call.resumed", "park."))]
        assert done == ["recording.start", "call.held", "call.resumed", "recording.stop", "park.parked"]
        (logged,) = (step.arguments["text"] for step in stage.records.steps if step.action == "log")
        assert logged == "dial *801"
        assert [event.data["cause"] for event in stage.records.named("call.ended")] == ["transferred"]
        colleague = await stage.call(Somebody("102", "Liam"), "*801")
        colleague.source = ToneSource([700.0])
        assert await hears(leg, 700.0)
        await leg.hangup()
        await quiet(stage)


FLIP = """
on: call.ringing
do:
  - answer
  - flip: "102"
    save_as: flipped
  - wait: 5s
  - hang_up
"""


async def test_a_flipped_caller_stays_with_the_bot_until_it_hangs_up_and_then_talks_on(
    clock: VirtualClock, tmp_path: Path
) -> None:
    flows = flow_folder(tmp_path / "flows", flip=FLIP)
    liam = Somebody("102", "Liam")
    async with own_stage(
        tmp_path / "state", clock, options=NOBODY, speech=TONES, flows=flows, campaigns=tmp_path
    ) as stage:
        stage.sandbox.switch.add_endpoint(liam)
        leg = await stage.call(Somebody("+16505550166", "Ada"), "101")
        await until(lambda: bool(stage.ended))
        assert runs_of(stage, "flip")[0].outcome == "done"
        liam.legs[0].source = ToneSource([700.0])
        assert await hears(leg, 700.0)
        await leg.hangup()
        await quiet(stage)


ANSWERS = """
on: call.ringing
do:
  - answer
  - wait: 60s
"""


@pytest.mark.parametrize("completed", [True, False])
async def test_a_caller_is_announced_to_a_colleague_and_handed_over_or_taken_back(
    completed: bool, clock: VirtualClock, tmp_path: Path
) -> None:
    flows = flow_folder(tmp_path / "flows", answers=ANSWERS)
    liam = Somebody("102", "Liam")
    async with own_stage(
        tmp_path / "state", clock, options=NOBODY, speech=TONES, flows=flows, campaigns=tmp_path
    ) as stage:
        stage.sandbox.switch.add_endpoint(liam)
        leg = await stage.call(Somebody("+16505550166", "Ada"), "101")
        await leg.answered()
        await until(lambda: bool(stage.records.named("call.answered")))
        (call,) = stage.bot.calls.live.values()
        transfer = await call.warm_transfer("102")
        await transfer.call.answered()
        liam.legs[0].source = ToneSource([700.0])
        assert await bot_hears(transfer.call, 700.0)
        assert not await hears(leg, 700.0), "a caller on hold hears the colleague"
        if completed:
            await transfer.complete()
            assert await hears(leg, 700.0)
            assert [event.call for event in stage.records.named("call.ended")] == [transfer.call, call]
        else:
            await transfer.cancel()
            await liam.legs[0].ended()
            call.media.source = ToneSource([900.0])
            assert await hears(leg, 900.0)
            assert [event.call for event in stage.records.named("call.ended")] == [transfer.call]
        await leg.hangup()
        await quiet(stage)
