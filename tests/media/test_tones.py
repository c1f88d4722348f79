"""Tones, sources, levels and WAV files."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import UserError
from bot.media import (
    FRAME,
    SAMPLE_RATE,
    Pcm,
    PcmSource,
    Silence,
    Source,
    ToneSource,
    WavRecorder,
    WavSource,
    busy,
    concatenate,
    dominant_frequency,
    dtmf,
    frames_of,
    hold_music,
    level_db,
    read_wav,
    reorder,
    resample,
    ringback,
    sit,
    tone_level,
    write_wav,
)
from bot.media.codecs import CODECS
from bot.media.wav import decode_wav


def take(source: Source, seconds: float) -> Pcm:
    """So much of a source; less when it ends."""
    frames = []
    for _each in range(round(seconds * 50)):
        frame = source.read()
        if frame is None:
            break
        assert len(frame) == FRAME
        frames.append(frame)
    return np.concatenate(frames) if frames else np.zeros(0, dtype=np.int16)


@pytest.mark.parametrize("hz", [300, 697, 1000, 3000])
def test_a_tone_has_its_frequency_and_level(hz: float) -> None:
    tone = take(ToneSource([hz], level_db=-20), 1)
    assert dominant_frequency(tone) == pytest.approx(hz, abs=2)
    assert level_db(tone) == pytest.approx(-20, abs=0.2)
    assert tone_level(tone, hz) == pytest.approx(-20, abs=0.2)
    assert tone_level(tone, hz + 200) < -50


@pytest.mark.parametrize(
    ("source", "frequencies", "on", "off"),
    [
        (ringback(), (440, 480), 2, 4),
        (ringback("eu"), (425,), 1, 4),
        (busy(), (480, 620), 0.5, 0.5),
        (busy("uk"), (400,), 0.375, 0.375),
        (reorder(), (480, 620), 0.25, 0.25),
    ],
)
def test_network_tones_have_their_cadence(
    source: Source, frequencies: tuple[float, ...], on: float, off: float
) -> None:
    pcm = take(source, on + off)[: round((on + off) * SAMPLE_RATE)]
    loud, quiet = pcm[: round(on * SAMPLE_RATE)], pcm[round(on * SAMPLE_RATE) :]
    for hz in frequencies:
        assert tone_level(loud, hz) > -30
    assert not quiet.any()


def test_intercept_tones_rise() -> None:
    pcm = take(sit(), 5)
    parts = [pcm[start : start + 2400] for start in (0, 2800, 5600)]
    assert [round(dominant_frequency(part), -1) for part in parts] == [950, 1400, 1800]


def test_hold_music_never_ends_and_is_not_too_loud() -> None:
    pcm = take(hold_music(), 40)
    assert len(pcm) == 40 * SAMPLE_RATE
    assert -35 < level_db(pcm) < -12


def test_sources_end_with_whole_frames() -> None:
    assert len(take(PcmSource(np.ones(250, dtype=np.int16)), 1)) == 2 * FRAME
    assert len(take(Silence(0.1), 1)) == 5 * FRAME
    assert len(take(ToneSource([500], seconds=0.05), 1)) == 3 * FRAME
    assert len(take(concatenate(Silence(0.1), dtmf("5", 0.1)), 1)) == 10 * FRAME
    assert PcmSource(np.zeros(0, dtype=np.int16), loop=True).read() is None


@given(st.integers(1, 700), st.integers(1, 30))
def test_a_loop_has_no_seam(length: int, reads: int) -> None:
    pcm = np.arange(length, dtype=np.int16)
    assert np.array_equal(take(PcmSource(pcm, loop=True), reads / 50), np.resize(pcm, reads * FRAME))


def test_frames_are_padded_at_the_end() -> None:
    assert [len(frame) for frame in frames_of(np.ones(400, dtype=np.int16))] == [160, 160, 160]


@pytest.mark.parametrize("name", ["pcmu", "pcma"])
def test_companding_follows_the_standard(name: str) -> None:
    """Known octets of ITU-T G.711, and noise 33 dB and more below the signal at every level."""
    codec = CODECS[name]
    encoder, decoder = codec.encoder(), codec.decoder()
    silence = encoder.encode(np.zeros(2, dtype=np.int16))
    assert silence == (b"\xff\xff" if name == "pcmu" else b"\xd5\xd5")
    every = np.arange(-32768, 32768, dtype=np.int16)
    once = decoder.decode(encoder.encode(every))
    assert np.array_equal(decoder.decode(encoder.encode(once)), once)
    back = once.astype(np.int32)
    inside = np.abs(every.astype(np.int32)) > 256
    assert np.max(np.abs(back - every)[inside] / np.abs(every.astype(np.int32))[inside]) < 0.065
    assert np.all(np.diff(back) >= 0)


def test_a_damaged_opus_payload_is_no_disaster() -> None:
    decoder = CODECS["opus"].decoder()
    assert len(decoder.decode(b"")) == 0
    assert len(decoder.decode(b"\xff\xff\xff")) in (0, FRAME)


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_wav_files_of_every_kind_are_read(tmp_path: Path, rate: int, channels: int, width: int) -> None:
    at = np.arange(rate) / rate
    tone = np.repeat(np.sin(2 * np.pi * 700 * at) * 0.3, channels)
    raw = {
        1: lambda: ((tone * 127) + 128).astype(np.uint8).tobytes(),
        2: lambda: (tone * 32767).astype("<i2").tobytes(),
        3: lambda: (tone * 8388607).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes(),
        4: lambda: (tone * 2147483647).astype("<i4").tobytes(),
    }[width]()
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate)
        writer.writeframes(raw)
    pcm = take(WavSource.open(path), 5)
    assert len(pcm) == pytest.approx(SAMPLE_RATE, abs=FRAME)
    assert dominant_frequency(pcm[:7000]) == pytest.approx(700, abs=3)
    assert level_db(pcm[:7000]) == pytest.approx(-13.5, abs=0.5)


def test_what_was_recorded_can_be_read_again(tmp_path: Path) -> None:
    with WavRecorder(tmp_path / "call.wav") as recorder:
        for frame in frames_of(take(ToneSource([500]), 0.5)):
            recorder.push(frame)
        assert recorder.seconds == pytest.approx(0.5)
    assert np.array_equal(read_wav(tmp_path / "call.wav"), recorder.pcm)
    recorder.push(np.ones(FRAME, dtype=np.int16))
    assert recorder.seconds == pytest.approx(0.5)


def test_a_file_that_is_missing_or_no_wav_is_the_users_matter(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.wav"):
        read_wav(tmp_path / "none.wav")
    (tmp_path / "text.wav").write_text("hello")
    with pytest.raises(UserError, match="not a WAV file"):
        read_wav(tmp_path / "text.wav")


@settings(max_examples=60)
@given(st.binary(max_size=100), st.integers(0, 60))
def test_any_bytes_are_a_wav_file_or_not(noise: bytes, at: int) -> None:
    head = b"RIFF$\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0@\x1f\0\0\x80>\0\0\2\0\x10\0data\0\0\0\0"
    for data in (noise, head[:at] + noise + head[at:]):
        try:
            decode_wav(data)
        except ValueError:
            continue


def test_resampling_keeps_pitch_and_length() -> None:
    tone = take(ToneSource([1000]), 1)
    wide = resample(tone, 8000, 16000)
    assert len(wide) == pytest.approx(16000, abs=40)
    assert dominant_frequency(wide) * 2 == pytest.approx(1000, abs=4)


def test_write_wav_is_plain_pcm(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", np.array([1, -2, 3], dtype=np.int16))
    with wave.open(str(tmp_path / "a.wav")) as reader:
        assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (8000, 1, 2)
        assert reader.readframes(3) == b"\1\0\xfe\xff\3\0"
