"""WAV files: any rate, mono or stereo, 8 to 32 bits in; 8 kHz mono 16-bit out."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np

from bot.errors import UserError
from bot.media.audio import SAMPLE_RATE, Pcm, resample

__all__ = ["decode_wav", "read_wav", "write_wav"]


def read_wav(path: Path | str) -> Pcm:
    """The audio of a WAV file as 8 kHz mono. Raises UserError when it cannot be read."""
    try:
        return decode_wav(Path(path).read_bytes())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise UserError(f"{path}: {error}", hint="give an uncompressed WAV file") from error


def decode_wav(data: bytes) -> Pcm:
    """The audio of a WAV file's bytes as 8 kHz mono. Raises ValueError when they are not uncompressed WAV."""
    try:
        with wave.open(io.BytesIO(data)) as reader:
            rate, channels, width = reader.getframerate(), reader.getnchannels(), reader.getsampwidth()
            raw = reader.readframes(reader.getnframes())
    except (wave.Error, EOFError, RuntimeError) as error:  # RuntimeError: a chunk that ends before its data
        raise ValueError(f"not a WAV file ({error or 'cut short'})") from error
    if rate <= 0 or channels <= 0:
        raise ValueError("not a WAV file (no sample rate or channels)")
    samples = _samples(raw[: len(raw) // (width * channels) * (width * channels)], width)
    mono = samples.reshape(-1, channels).astype(np.int32).sum(axis=1) // channels
    return resample(mono.astype(np.int16), rate, SAMPLE_RATE)


def _samples(raw: bytes, width: int) -> Pcm:
    match width:
        case 1:
            return ((np.frombuffer(raw, dtype=np.uint8).astype(np.int16) - 128) << 8).astype(np.int16)
        case 2:
            return np.frombuffer(raw, dtype="<i2").astype(np.int16)
        case 3:
            octets = np.frombuffer(raw, dtype=np.uint8).reshape(-1, 3)
            return np.ascontiguousarray(octets[:, 1:]).view("<i2").reshape(-1).astype(np.int16)
        case 4:
            return (np.frombuffer(raw, dtype="<i4") >> 16).astype(np.int16)
    raise ValueError(f"{8 * width}-bit samples are not supported")


def write_wav(path: Path | str, pcm: Pcm) -> None:
    """Writes `pcm` (8 kHz mono) as a 16-bit WAV file."""
    with wave.open(str(path), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(SAMPLE_RATE)
        writer.writeframes(np.ascontiguousarray(pcm, dtype="<i2").tobytes())
