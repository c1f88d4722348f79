"""What is told from the audio: keys, ringing, busy, intercept, speech."""

from __future__ import annotations

import numpy as np
import pytest

from bot.media import (
    SAMPLE_RATE,
    CallProgress,
    DigitDetector,
    Pcm,
    Progress,
    ProgressEvent,
    Silence,
    Source,
    Speech,
    ToneSource,
    VoiceActivity,
    busy,
    concatenate,
    dtmf,
    frames_of,
    hold_music,
    reorder,
    ringback,
    sit,
)
from bot.media.codecs import CODECS
from tests.media.test_tones import take


def through(pcm: Pcm, codec: str) -> Pcm:
    """`pcm` as it sounds after a codec."""
    encoder, decoder = CODECS[codec].encoder(), CODECS[codec].decoder()
    return np.concatenate([decoder.decode(encoder.encode(frame)) for frame in frames_of(pcm)])


def events(pcm: Pcm, codec: str = "pcmu") -> list[ProgressEvent]:
    progress = CallProgress()
    return [event for frame in frames_of(through(pcm, codec)) if (event := progress.feed(frame))]


def kinds(source: Source, seconds: float, codec: str = "pcmu") -> list[Progress]:
    return [event.kind for event in events(take(source, seconds), codec)]


@pytest.mark.parametrize("codec", ["pcmu", "opus"])
@pytest.mark.parametrize(
    ("tone", "kind"),
    [
        (lambda: ringback("us"), Progress.RINGBACK),
        (lambda: ringback("eu"), Progress.RINGBACK),
        (lambda: ringback("uk"), Progress.RINGBACK),
        (lambda: busy("us"), Progress.BUSY),
        (lambda: busy("eu"), Progress.BUSY),
        (lambda: busy("uk"), Progress.BUSY),
        (lambda: reorder("us"), Progress.REORDER),
        (lambda: concatenate(sit(), Silence(1)), Progress.SIT),
    ],
)
def test_a_network_tone_is_told_once(tone: object, kind: Progress, codec: str) -> None:
    assert kinds(concatenate(Silence(0.5), tone()), 13, codec) == [kind]  # type: ignore[operator]


def test_ringing_is_told_within_a_second() -> None:
    progress = CallProgress()
    told = [index for index, frame in enumerate(frames_of(take(ringback(), 2))) if progress.feed(frame)]
    assert told
    assert told[0] * 0.02 < 1


async def test_speech_has_a_beginning_an_end_and_a_length(speech: Speech) -> None:
    words = await speech.say("Hello, this is the front desk. How may I help you?")
    pcm = np.concatenate([take(Silence(1), 1), words, take(Silence(1), 1)])
    start, end = events(pcm)
    assert (start.kind, end.kind) == (Progress.SPEECH_START, Progress.SPEECH_END)
    assert end.duration == pytest.approx(len(words) / SAMPLE_RATE, abs=0.5)


async def test_ringing_and_then_somebody_who_speaks(speech: Speech) -> None:
    pcm = np.concatenate([take(ringback(), 8), await speech.say("hello"), take(Silence(1), 1)])
    assert [event.kind for event in events(pcm)] == [Progress.RINGBACK, Progress.SPEECH_START, Progress.SPEECH_END]


async def test_an_intercept_announcement(speech: Speech) -> None:
    words = await speech.say("The number you have dialed is not in service.")
    pcm = np.concatenate([take(sit(), 2), words, take(Silence(1), 1)])
    assert [event.kind for event in events(pcm)] == [Progress.SIT, Progress.SPEECH_START, Progress.SPEECH_END]


def test_dial_tone_and_silence_are_nothing() -> None:
    assert kinds(ToneSource([350, 440]), 5) == []
    assert kinds(Silence(), 5) == []


def test_noise_on_the_line_is_no_speech() -> None:
    noise = np.random.default_rng(1).normal(0, 30, 5 * SAMPLE_RATE).astype(np.int16)
    assert events(noise) == []


def test_a_voice_is_noticed_soon_and_let_go_late() -> None:
    voice = VoiceActivity(start=0.06, hangover=0.4)
    loud, quiet = frames_of(take(ToneSource([300]), 0.1))[:1], frames_of(take(Silence(0.02), 0.1))
    assert [voice.feed(frame) for frame in loud * 3] == [False, False, True]
    assert [voice.feed(frame) for frame in quiet * 20] == [True] * 19 + [False]


@pytest.mark.parametrize("codec", ["pcmu", "pcma", "opus"])
@pytest.mark.parametrize("level", [-30, -20, -7])
def test_every_key_is_found_once(codec: str, level: float) -> None:
    keys = "0123456789*#ABCD11"
    source = concatenate(*(part for key in keys for part in (dtmf(key, 0.08, level), Silence(0.08))))
    detector = DigitDetector()
    found = [digit for frame in frames_of(through(take(source, 9), codec)) if (digit := detector.feed(frame))]
    assert "".join(found) == keys


async def test_neither_speech_nor_music_nor_tones_are_keys(speech: Speech) -> None:
    words = await speech.say("One two three four five six seven eight nine zero. Press the pound key to continue.")
    detector = DigitDetector()
    for pcm in (words, take(hold_music(), 20), take(ringback(), 6), take(busy(), 3), take(sit(), 3)):
        assert not [digit for frame in frames_of(pcm) if (digit := detector.feed(frame))]
