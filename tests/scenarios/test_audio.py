"""What was really heard, judged without the sandbox's own ears: words by a recogniser, tones by their spectrum."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from bot.clock import VirtualClock
from bot.demo import Stage
from bot.flows import StepDone
from bot.media import FRAME, SAMPLE_RATE, Pcm, Speech, ToneSource, dominant_frequency, level_db, write_wav
from bot.media.tones import tone_level
from bot.sandbox.events import SandboxEvent
from tests.hearing import phrase_heard
from tests.sandbox.conftest import ToneSpeech
from tests.scenarios.staging import OwnStage, Somebody, flow_folder, loudest, own_stage, until

SPOKEN = (
    "you are through to the order line",
    "may i call you back within the hour",
    "you asked for an urgent call",
    "a supervisor is joining you now",
    "one moment please a colleague will be with you",
    "welcome back grace hopper",
    "spring is here all garden tools are a third off this week",
    "our office is closed please try again tomorrow",
    "the number that you have dialed is not in service",
)
"""What may have been said. The last ones are said nowhere: a recogniser that hears anything would choose them too."""
REPLIES = (
    "i am with a customer may i call you back within the hour",
    "i am on the other line i will be with you soon",
    "i am in a meeting please call me back in two hours",
    "i am away today please call my colleague at the front desk",
)
TAIL = 0.4
"""Seconds that the last of a sentence may be on its way."""


@dataclass(frozen=True)
class Sentence:
    """A scenario, who listens in it, and the words that the flow says to them."""

    flow: str
    performance: str
    heard: str
    act: Callable[[Stage], Awaitable[object]]


async def orders(stage: Stage) -> None:
    await stage.people("ada-orders")


async def known(stage: Stage) -> None:
    await stage.people("grace-calls")


async def urgent(stage: Stage) -> None:
    async with stage.busy_line():
        await stage.people("ada-is-urgent")
        await until(lambda: any(one.person == "Ada's mobile" for one in stage.sandbox.people.answered), 60)


async def complains(stage: Stage) -> None:
    await stage.people("victor-complains")


async def waits(stage: Stage) -> None:
    await stage.people("alan-is-served", "james-retrieves")


async def offered(stage: Stage) -> None:
    await stage.bot.campaigns.run("spring-offer", anew=True, wait=False)


SENTENCES = (
    Sentence("auto-answer", "ada-orders", "you are through to the order line", orders),
    Sentence("vip-greeting", "grace-calls", "welcome back grace hopper", known),
    Sentence("busy-reply", "Ada's mobile called", "you asked for an urgent call", urgent),
    Sentence("rescue-vip", "victor-complains", "a supervisor is joining you now", complains),
    Sentence("park-overflow", "alan-is-served", "one moment please a colleague will be with you", waits),
    Sentence(
        "spring-offer",
        "Ines Ortega called",
        "spring is here all garden tools are a third off this week",
        offered,
    ),
)


class Said:
    """Where in what a person heard a flow said something: noted when its first `say` is done."""

    def __init__(self, stage: OwnStage, sentence: Sentence) -> None:
        self._people = stage.sandbox.people
        self._sentence = sentence
        self._span: tuple[int, int] | None = None
        stage.records.on_step.append(self._step)

    def _ear(self) -> Pcm:
        return self._people.performances[self._sentence.performance].ears[-1].pcm

    def _step(self, step: StepDone) -> None:
        if self._span is None and step.flow == self._sentence.flow and step.action == "say":
            end = len(self._ear())
            self._span = (end - round(step.seconds * SAMPLE_RATE), end + round(TAIL * SAMPLE_RATE))

    def pcm(self) -> Pcm:
        assert self._span is not None, "nothing was said"
        return self._ear()[max(0, self._span[0]) : self._span[1]]


@pytest.mark.parametrize("sentence", SENTENCES, ids=lambda sentence: sentence.flow)
async def test_the_words_of_a_flow_arrive_at_the_persons_ear(
    sentence: Sentence, clock: VirtualClock, tmp_path: Path
) -> None:
    async with own_stage(tmp_path, clock) as stage:
        said = Said(stage, sentence)
        await sentence.act(stage)
    assert phrase_heard(said.pcm(), SPOKEN) == sentence.heard


async def test_the_text_of_a_reply_is_spoken_to_the_caller(clock: VirtualClock, tmp_path: Path) -> None:
    sent: list[int] = []
    async with own_stage(tmp_path, clock) as stage:

        def note(event: SandboxEvent) -> None:
            if event.kind == "reply.sent":
                sent.append(len(stage.sandbox.people.performances["ada-says-no"].ears[-1].pcm))

        stage.sandbox.on_event(note)
        async with stage.busy_line():
            await stage.people("ada-says-no")
        heard = stage.sandbox.people.performances["ada-says-no"].ears[-1].pcm
        assert len(sent) == 1
    assert loudest(heard[sent[0] :]) > -30
    assert phrase_heard(heard[sent[0] :], REPLIES) == REPLIES[0]


LEVEL = -13.0
"""dB below full scale, of every tone here."""
TONES = cast(Speech, ToneSpeech())
"""Nobody speaks in these calls."""
EDGE = SAMPLE_RATE // 4
"""Samples at either end of a tone that are not measured: it may be still coming."""


def tone(hz: float, seconds: float) -> Pcm:
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    wave: Pcm = (np.sin(2 * np.pi * hz * at) * 32768 * np.sqrt(2) * 10 ** (LEVEL / 20)).astype(np.int16)
    return wave


def loud_part(pcm: Pcm) -> Pcm:
    """What is between the first and the last frame that can be heard, without its edges."""
    frames = pcm[: len(pcm) // FRAME * FRAME].reshape(-1, FRAME)
    loud = np.flatnonzero([level_db(frame) > -40 for frame in frames])
    assert len(loud), "nothing was heard"
    return pcm[loud[0] * FRAME + EDGE : (loud[-1] + 1) * FRAME - EDGE]


CODECS = pytest.mark.parametrize("codec", ["PCMU", "opus"])


@CODECS
async def test_a_played_tone_arrives_with_its_frequency_level_and_length(
    codec: str, clock: VirtualClock, tmp_path: Path
) -> None:
    flows = flow_folder(tmp_path / "flows", play_tone="on: call.ringing\ndo:\n  - answer\n  - play: a.wav\n")
    write_wav(flows / "a.wav", tone(440, 2))
    async with own_stage(
        tmp_path / "state", clock, codecs=(codec,), speech=TONES, flows=flows, campaigns=tmp_path
    ) as stage:
        eve = Somebody("+16505550177", "Eve")
        leg = await stage.call(eve, "101")
        await leg.answered()
        call = next(iter(stage.bot.calls.live.values()))
        await stage.flow_done("play-tone", 0)
        await asyncio.sleep(0.5)
        used = call.media.codec
        await leg.hangup()
    heard = loud_part(eve.heard)
    assert used.lower() == codec.lower()
    assert dominant_frequency(heard) == pytest.approx(440, abs=3)
    assert tone_level(heard, 440) == pytest.approx(LEVEL, abs=1.5)
    assert level_db(heard) == pytest.approx(LEVEL, abs=1.5), "there was more than the tone"
    assert len(heard) + 2 * EDGE == pytest.approx(2 * SAMPLE_RATE, abs=0.15 * SAMPLE_RATE)


@CODECS
async def test_what_a_person_says_arrives_at_the_bot(codec: str, clock: VirtualClock, tmp_path: Path) -> None:
    flows = flow_folder(tmp_path / "flows", just_answer="on: call.ringing\ndo:\n  - answer\n")
    async with own_stage(
        tmp_path / "state", clock, codecs=(codec,), speech=TONES, flows=flows, campaigns=tmp_path
    ) as stage:
        eve = Somebody("+16505550177", "Eve")
        leg = await stage.call(eve, "101")
        await leg.answered()
        call = next(iter(stage.bot.calls.live.values()))
        frames: list[Pcm] = []
        remove = call.media.on_audio(frames.append)
        await leg.speak(ToneSource([1330.0], level_db=LEVEL, seconds=1.5))
        await asyncio.sleep(0.5)
        remove()
        await leg.hangup()
    heard = loud_part(np.concatenate(frames))
    assert dominant_frequency(heard) == pytest.approx(1330, abs=3)
    assert tone_level(heard, 1330) == pytest.approx(LEVEL, abs=1.5)
    assert len(heard) + 2 * EDGE == pytest.approx(1.5 * SAMPLE_RATE, abs=0.15 * SAMPLE_RATE)


KEYS = "0123456789*#ABCD1100"


@CODECS
async def test_keys_go_both_ways_once_each_and_in_order(codec: str, clock: VirtualClock, tmp_path: Path) -> None:
    flows = flow_folder(
        tmp_path / "flows", send_keys=f"on: call.ringing\ndo:\n  - answer\n  - send_digits: '{KEYS}'\n"
    )
    async with own_stage(
        tmp_path / "state", clock, codecs=(codec,), speech=TONES, flows=flows, campaigns=tmp_path
    ) as stage:
        eve = Somebody("+16505550177", "Eve")
        leg = await stage.call(eve, "101")
        await leg.answered()
        await leg.press(KEYS)
        await stage.flow_done("send-keys", 0)
        await asyncio.sleep(1)
        await leg.hangup()
        pressed = [str(event.data["digit"]) for event in stage.records.named("call.digit")]
    assert "".join(pressed) == KEYS
    assert eve.keys == KEYS
