"""What a session sends: anything that gives one frame of PCM each 20 ms until it ends."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from bot.media.audio import FRAME, FRAME_SECONDS, SAMPLE_RATE, SILENCE, Pcm, as_frame
from bot.media.wav import read_wav

__all__ = ["PcmSource", "Sequel", "Silence", "Source", "ToneSource", "WavSource", "concatenate"]


class Source(Protocol):
    """A stream of frames. The media ticker reads it once each 20 ms; it must not block."""

    def read(self) -> Pcm | None:
        """The next 160 samples, or None once the source has ended."""
        ...


class PcmSource:
    """Plays an array of samples, once or round and round."""

    def __init__(self, pcm: Pcm, loop: bool = False) -> None:
        self._pcm = np.ascontiguousarray(pcm, dtype=np.int16)
        self._loop = loop and len(pcm) > 0
        self._position = 0

    @property
    def duration(self) -> float:
        """Seconds of audio in one round."""
        return len(self._pcm) / SAMPLE_RATE

    def read(self) -> Pcm | None:
        start, self._position = self._position, self._position + FRAME
        frame = self._pcm[start : start + FRAME]
        if len(frame) == FRAME:
            return frame
        if self._loop:
            self._position = (FRAME - len(frame)) % len(self._pcm)
            return np.concatenate([frame, np.resize(self._pcm, FRAME - len(frame))])
        return as_frame(frame) if len(frame) else None


class WavSource(PcmSource):
    """Plays a WAV file of any rate, mono or stereo."""

    @classmethod
    def open(cls, path: Path | str, loop: bool = False) -> WavSource:
        """Reads the whole file. Raises UserError when it is missing or is no WAV file."""
        return cls(read_wav(path), loop)


class Silence:
    """Silence for `seconds`, or for ever."""

    def __init__(self, seconds: float | None = None) -> None:
        self._left = None if seconds is None else round(seconds / FRAME_SECONDS)

    def read(self) -> Pcm | None:
        if self._left is not None:
            if self._left <= 0:
                return None
            self._left -= 1
        return SILENCE


class ToneSource:
    """One or more sine tones together, steady or in a cadence.

    `frequencies` in Hz; `on` and `off` in seconds (`off` of 0: steady); `level_db` of each tone in dB below
    full scale; `seconds` until it ends, None for never.
    """

    def __init__(
        self,
        frequencies: Sequence[float],
        on: float = 1.0,
        off: float = 0.0,
        level_db: float = -13.0,
        seconds: float | None = None,
    ) -> None:
        self._step = 2 * np.pi * np.asarray(frequencies, dtype=np.float64).reshape(-1, 1) / SAMPLE_RATE
        # The level is a root mean square: a sine's peak is 3 dB above it.
        self._amplitude = 32768.0 * 10 ** (level_db / 20) * np.sqrt(2)
        self._on = round(on * SAMPLE_RATE)
        self._period = self._on + round(off * SAMPLE_RATE) if off > 0 else 0
        self._end = None if seconds is None else round(seconds * SAMPLE_RATE)
        self._position = 0

    def read(self) -> Pcm | None:
        if self._end is not None and self._position >= self._end:
            return None
        at = np.arange(self._position, self._position + FRAME)
        self._position += FRAME
        wave = np.sin(self._step * at).sum(axis=0) * self._amplitude
        if self._period:
            wave[at % self._period >= self._on] = 0
        if self._end is not None:
            wave[at >= self._end] = 0
        frame: Pcm = np.clip(wave, -32768, 32767).astype(np.int16)
        return frame


class Sequel:
    """Plays sources one after the other."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = deque(sources)

    def read(self) -> Pcm | None:
        while self._sources:
            frame = self._sources[0].read()
            if frame is not None:
                return frame
            self._sources.popleft()
        return None


def concatenate(*sources: Source) -> Source:
    """`sources`, one after the other."""
    return Sequel(sources)
