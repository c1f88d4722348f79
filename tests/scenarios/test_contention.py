"""Two flows that want the same ringing call: one gets it, the other ends without a fuss."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from bot.clock import VirtualClock
from bot.media import MediaOptions, Speech
from bot.sandbox import SandboxOptions
from tests.sandbox.conftest import ToneSpeech
from tests.scenarios.conftest import quiet
from tests.scenarios.staging import Somebody, flow_folder, own_stage, until

NOBODY = SandboxOptions(media=MediaOptions(loopback=True))
TONES = cast(Speech, ToneSpeech())


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ("answer", "answer", "the call is answered already"),
        ("answer", "decline", "the call is being answered already"),
        ("answer", "reply: I am busy", "the call is being answered already"),
        ("decline", "answer", "the call is being declined already"),
        ("voicemail: ''", "decline", "the call is being sent to voicemail already"),
    ],
)
async def test_the_flow_that_comes_second_ends_quietly(
    clock: VirtualClock, tmp_path: Path, first: str, second: str, reason: str
) -> None:
    text = "on: call.ringing\ndo:\n  - {}\n"
    flows = flow_folder(tmp_path / "flows", a_first=text.format(first), b_second=text.format(second))
    async with own_stage(tmp_path, clock, options=NOBODY, speech=TONES, flows=flows, campaigns=tmp_path) as stage:
        leg = await stage.call(Somebody("+16505550171", "Eve"), "101")
        await until(lambda: len(stage.ended) == 2)
        outcomes = {run.flow: (run.outcome, run.reason) for run in stage.ended}
        assert outcomes == {"a-first": ("done", ""), "b-second": ("cancelled", reason)}
        await leg.hangup()
        await quiet(stage)
