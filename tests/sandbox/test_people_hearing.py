"""A person tells the expected words from others, through what telephony does to sound."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import numpy as np
import pytest

from bot.media import Pcm, Speech, ToneSource, frames_of
from bot.media.codecs import codec_named
from bot.sandbox.people.hearing import PhraseEar, SilenceEar, SpeechEar, Spotter, ToneEar
from bot.sandbox.people.phrase import LIKENESS, WEAKEST, Phrase, PhraseMatch, PhraseSpotter

ORDER_LINE = "You are through to the order line."
TEXTS = (
    ORDER_LINE,
    "I am with a customer. May I call you back within the hour?",
    "A supervisor is joining you now.",
    "One moment please, a colleague will be with you.",
    "Hello Grace Hopper, how may I help you?",
)
NEAR_MISSES = (
    (ORDER_LINE, "You are through to the parcel line."),
    ("A supervisor is joining you now.", "A supervisor is leaving you now."),
    ("One moment please, a colleague will be with you.", "One moment please, a manager will be with you."),
    ("Hello Grace Hopper, how may I help you?", "Hello Ada Lovelace, how may I help you?"),
    ("Press 3 for yes.", "Press 4 for no."),
    (TEXTS[1], "I am with a customer. May I call you back within the day?"),
)
PARTS = (
    ("You are through", ORDER_LINE),
    ("May I call you back", TEXTS[1]),
    ("a colleague will be with you", TEXTS[3]),
    ("Hello Grace Hopper", TEXTS[4]),
)


@pytest.fixture
async def speech() -> AsyncIterator[Speech]:
    speech = Speech()
    yield speech
    await speech.close()


def through(codec: str) -> Callable[[Pcm], Pcm]:
    """Encoded and decoded, frame by frame."""

    def channel(pcm: Pcm) -> Pcm:
        coder, decoder = codec_named(codec).encoder(), codec_named(codec).decoder()
        return np.concatenate([decoder.decode(coder.encode(frame)) for frame in frames_of(pcm)])

    return channel


def quieter(pcm: Pcm) -> Pcm:
    return (pcm * 0.4).astype(np.int16)


def noisy(pcm: Pcm) -> Pcm:
    noise = np.random.default_rng(1).normal(0, 200, len(pcm))
    return np.clip(pcm + noise, -32768, 32767).astype(np.int16)


def with_lost_frames(pcm: Pcm) -> Pcm:
    rng = np.random.default_rng(2)
    return np.concatenate([frame * (rng.random() > 0.02) for frame in frames_of(pcm)]).astype(np.int16)


def with_slips(pcm: Pcm) -> Pcm:
    """Frames left out and frames of silence put in, as an overloaded machine does."""
    rng = np.random.default_rng(3)
    silence = np.zeros(160, np.int16)
    frames: list[Pcm] = []
    for frame in frames_of(pcm):
        chance = rng.random()
        frames += [] if chance < 0.02 else [frame, silence] if chance > 0.98 else [frame]
    return np.concatenate(frames)


CHANNELS: dict[str, Callable[[Pcm], Pcm]] = {
    "PCMU": through("PCMU"),
    "opus": through("opus"),
    "quieter": quieter,
    "noisy": noisy,
    "lost frames": with_lost_frames,
    "slips": with_slips,
}


def with_silence_around(pcm: Pcm) -> Pcm:
    silence = np.zeros(12_000, np.int16)
    return np.concatenate([silence, pcm, silence])


def listen(spotter: Spotter, pcm: Pcm) -> float | None:
    """After how many seconds the spotter was satisfied."""
    for number, frame in enumerate(frames_of(pcm), 1):
        if spotter.feed(frame):
            return number * 0.02
    return None


async def hears(speech: Speech, expected: str, spoken: str, channel: Callable[[Pcm], Pcm]) -> bool:
    sound = channel(with_silence_around(await speech.say(spoken)))
    return listen(PhraseEar(await speech.say(expected)), sound) is not None


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)
async def test_the_expected_words_are_recognised(speech: Speech, channel: Callable[[Pcm], Pcm]) -> None:
    for text in TEXTS:
        assert await hears(speech, text, text, channel), text


@pytest.mark.parametrize("rate", [140, 160, 230])
async def test_somebody_who_speaks_slower_or_faster_is_understood(speech: Speech, rate: int) -> None:
    for text in TEXTS:
        sound = CHANNELS["PCMU"](with_silence_around(await speech.say(text, rate=rate)))
        assert listen(PhraseEar(await speech.say(text)), sound) is not None, text


@pytest.mark.parametrize("codec", ["PCMU", "opus"])
async def test_other_words_are_not(speech: Speech, codec: str) -> None:
    for expected in TEXTS:
        for spoken in TEXTS:
            if spoken is not expected:
                assert not await hears(speech, expected, spoken, CHANNELS[codec]), (expected, spoken)


@pytest.mark.parametrize(("expected", "spoken"), NEAR_MISSES)
async def test_one_other_word_is_noticed(speech: Speech, expected: str, spoken: str) -> None:
    assert not await hears(speech, expected, spoken, CHANNELS["PCMU"])
    assert not await hears(speech, spoken, expected, CHANNELS["PCMU"])


@pytest.mark.parametrize(("expected", "spoken"), PARTS)
async def test_a_part_of_what_is_said_is_recognised(speech: Speech, expected: str, spoken: str) -> None:
    assert await hears(speech, expected, spoken, CHANNELS["PCMU"])


async def test_the_match_ends_about_where_the_words_end(speech: Speech) -> None:
    words = await speech.say(ORDER_LINE)
    sound = np.concatenate([np.zeros(8000, np.int16), words, np.zeros(16_000, np.int16)])
    heard_after = listen(PhraseEar(words), sound)
    assert heard_after == pytest.approx(1 + len(words) / 8000, abs=0.4)


async def test_scores_keep_their_distance_from_the_limits(speech: Speech) -> None:
    """The right text is well above both limits, so that a little more damage would not matter."""
    for text in TEXTS:
        recording = await speech.say(text)
        for name, channel in CHANNELS.items():
            spotter = PhraseSpotter(Phrase(recording))
            match: PhraseMatch | None = None
            for frame in frames_of(channel(with_silence_around(recording))):
                match = match or spotter.feed(frame)
            assert match is not None, (name, text)
            assert match.likeness > LIKENESS + 0.05, (name, text)
            assert match.weakest > WEAKEST, (name, text)


def test_silence_and_tones_are_not_words() -> None:
    burst = np.random.default_rng(4).normal(0, 4000, 8000).astype(np.int16)
    spotter = PhraseEar(burst)
    assert listen(spotter, np.zeros(40_000, np.int16)) is None
    assert spotter.report() == "the most alike was 0.00"


def tone(*frequencies: float, seconds: float) -> Pcm:
    source = ToneSource(frequencies, seconds=seconds)
    frames: list[Pcm] = []
    while (frame := source.read()) is not None:
        frames.append(frame)
    return np.concatenate(frames)


@pytest.mark.parametrize("sound", [tone(440, seconds=1), tone(440, 480, seconds=1)])
def test_a_tone_is_heard_alone_or_with_another(sound: Pcm) -> None:
    assert listen(ToneEar(440), sound) == pytest.approx(0.3)


@pytest.mark.parametrize("hz", [400, 520, 880])
def test_another_tone_is_not(hz: float) -> None:
    assert listen(ToneEar(440), tone(hz, seconds=1)) is None


async def test_speech_is_heard_and_tones_are_not_speech(speech: Speech) -> None:
    assert listen(SpeechEar(), await speech.say("Good morning.")) is not None
    assert listen(SpeechEar(), tone(440, 480, seconds=2)) is None
    assert listen(SpeechEar(), np.zeros(16_000, np.int16)) is None


def test_silence_has_to_last() -> None:
    sound = np.concatenate([np.zeros(8000, np.int16), tone(440, seconds=0.5), np.zeros(24_000, np.int16)])
    assert listen(SilenceEar(2), sound) == pytest.approx(3.5)
    assert listen(SilenceEar(5), sound) is None
