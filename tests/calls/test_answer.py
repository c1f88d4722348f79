"""Was it answered? What the audio of an outbound call tells."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bot.calls.answer import AnswerWatch
from bot.media import FRAME, Pcm, Silence, Source
from bot.media.tones import busy, reorder, ringback, sit


def frames(source: Source, seconds: float) -> Iterator[Pcm]:
    for _ in range(round(seconds * 50)):
        frame = source.read()
        if frame is None:
            return
        yield frame


def feed(watch: AnswerWatch, source: Source, seconds: float) -> list[str]:
    return [word for frame in frames(source, seconds) if (word := watch.feed(frame))]


class Voice:
    """A stand-in for speech: noise whose loudness goes up and down as syllables do."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(1)
        self._at = 0

    def read(self) -> Pcm:
        self._at += 1
        loud = 4000 * (1 + np.sin(self._at / 4)) / 2
        return (self._rng.standard_normal(FRAME) * loud).clip(-32000, 32000).astype(np.int16)


def test_a_minute_of_ringback_is_no_answer() -> None:
    watch = AnswerWatch()
    assert feed(watch, ringback(), 60) == ["ringback"]
    assert not watch.answered


def test_speech_after_ringback_is_an_answer() -> None:
    watch = AnswerWatch()
    feed(watch, ringback(), 7)
    assert feed(watch, Voice(), 2) == ["speech"]
    assert watch.answered


def test_ringback_that_stops_is_an_answer_though_nobody_speaks() -> None:
    watch = AnswerWatch()
    feed(watch, ringback(), 7)
    assert feed(watch, Silence(), 6) == ["ringback stopped"]
    assert watch.answered


def test_silence_alone_tells_nothing() -> None:
    watch = AnswerWatch()
    assert feed(watch, Silence(), 30) == []
    assert not watch.answered
    assert watch.refused is None


def test_tones_that_refuse_are_told_apart() -> None:
    for source, disposition in ((busy(), "busy"), (reorder(), "failed"), (sit(), "invalid")):
        watch = AnswerWatch()
        feed(watch, source, 5)
        assert (watch.refused, watch.answered) == (disposition, False)
