"""The whole bot, with flows, and people who call it on the vendor's phone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from bot.app import Bot, open_bot, sandboxed
from bot.clock import Clock
from bot.config import Config
from bot.media import Speech
from bot.sandbox import Sandbox
from tests.hearing import phrase_heard
from tests.interop.sound import RATE
from tests.interop.webphone import OpenPhone, PageCall

pytestmark = [pytest.mark.interop, pytest.mark.asyncio(loop_scope="session")]

WELCOME, ORDER, CALL_BACK, OTHER = (
    "welcome to the order line",
    "your order has arrived",
    "this is the call that you asked for",
    "the office is closed on sunday",
)
PHRASES = (WELCOME, ORDER, CALL_BACK, OTHER)

ORDER_LINE = f"""
flow: order-line
on: call.ringing
if: caller.number == "102"
do:
  - answer
  - say: {WELCOME}
  - wait_for: call.digit
    save_as: key
  - if: key.digit == "1"
    say: {ORDER}
  - hang_up
"""

BUSY = f"""
flow: busy
on: call.ringing
if: caller.number == "103"
do:
  - reply: May I call you back?
    timeout: 30s
    save_as: answer
  - if: answer.choice == "yes"
    dial: "{{{{ caller.number }}}}"
    save_as: callback
  - if: answer.choice == "yes"
    say: {CALL_BACK}
    target: callback
  - if: answer.choice == "yes"
    hang_up:
    target: callback
"""


@pytest_asyncio.fixture(loop_scope="session")
async def bot(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Bot]:
    """The bot at extension 101, with two flows of its own."""
    folders = {name: tmp_path / name for name in ("flows", "campaigns", "plugins", "state")}
    for folder in folders.values():
        folder.mkdir()
    (folders["flows"] / "order-line.yaml").write_text(ORDER_LINE)
    (folders["flows"] / "busy.yaml").write_text(BUSY)
    config = Config.model_validate({"phones": [{"name": "front-desk", "extension": "101"}], **folders})
    clock = Clock()
    async with Speech() as speech, open_bot(config, sandboxed(config, sandbox), clock=clock, speech=speech) as bot:
        yield bot


async def understands(call: PageCall, phrase: str, within: float = 10.0) -> None:
    """Wait until the phrase was said."""
    sound = np.zeros(0, np.int16)
    heard = set()
    while len(sound) < within * RATE:
        sound = np.concatenate([sound, await call.listen(0.8)])
        heard.add(latest := phrase_heard(sound[-3 * RATE :], PHRASES))
        if latest == phrase:
            return
    raise AssertionError(f"did not hear {phrase!r} but {heard}")


@pytest.mark.usefixtures("bot")
async def test_a_flow_answers_speaks_and_takes_a_key(phone: OpenPhone) -> None:
    caller = await phone("102")
    await caller.page.set_microphone(0)
    call = await caller.call("101")
    await understands(call, WELCOME)
    await call.send_dtmf("1")
    await understands(call, ORDER)
    async with asyncio.timeout(10):
        await call.ended()


@pytest.mark.usefixtures("bot")
async def test_a_flow_replies_with_text_and_calls_back_who_says_yes(phone: OpenPhone) -> None:
    caller = await phone("103")
    await caller.page.set_microphone(0)
    call = await caller.call("101")
    await call.connected()
    await asyncio.sleep(1.0)
    await call.send_dtmf("3")
    back = await caller.incoming()
    await back.answer()
    await understands(back, CALL_BACK)
    await back.ended()
