"""Recording: what `on_audio` brings, kept in memory and written as a WAV file at the end."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

import numpy as np

from bot.media.audio import SAMPLE_RATE, Pcm
from bot.media.wav import write_wav

__all__ = ["WavRecorder"]


class WavRecorder:
    """Collects frames; `close`, or leaving the context, writes them to `path` if there is one."""

    def __init__(self, path: Path | str | None = None) -> None:
        self.path = Path(path) if path is not None else None
        self._frames: list[Pcm] = []
        self._closed = False

    def push(self, frame: Pcm) -> None:
        """Fits `MediaSession.on_audio`. After `close` nothing is added."""
        if not self._closed:
            self._frames.append(frame)

    @property
    def pcm(self) -> Pcm:
        """Everything so far."""
        return np.concatenate(self._frames) if self._frames else np.zeros(0, dtype=np.int16)

    @property
    def seconds(self) -> float:
        return sum(len(frame) for frame in self._frames) / SAMPLE_RATE

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            if self.path is not None:
                write_wav(self.path, self.pcm)

    def __enter__(self) -> WavRecorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
