"""The form that audio has everywhere inside the bot: mono 16-bit PCM, 8000 samples a second, in frames of 20 ms."""

from __future__ import annotations

import math

import av
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FRAME",
    "FRAME_SECONDS",
    "SAMPLE_RATE",
    "SILENCE",
    "Pcm",
    "as_frame",
    "frames_of",
    "level_db",
    "resample",
]

Pcm = NDArray[np.int16]

SAMPLE_RATE = 8000
"""Samples a second."""
FRAME = 160
"""Samples in a frame."""
FRAME_SECONDS = 0.02
"""Seconds that a frame lasts."""

FLOOR_DB = -96.0

SILENCE: Pcm = np.zeros(FRAME, dtype=np.int16)
"""One frame of silence; shared, so read-only."""
SILENCE.flags.writeable = False


def level_db(pcm: Pcm) -> float:
    """The level of `pcm` in dB below full scale (root mean square); -96 for silence."""
    if not len(pcm):
        return FLOOR_DB
    samples = pcm.astype(np.float64)
    mean_square = float(np.dot(samples, samples)) / len(samples)
    if mean_square < 1e-3:
        return FLOOR_DB
    return max(FLOOR_DB, 10 * math.log10(mean_square / 32768.0**2))


def as_frame(pcm: Pcm) -> Pcm:
    """`pcm` cut, or padded with silence, to exactly one frame."""
    if len(pcm) == FRAME:
        return pcm
    frame = np.zeros(FRAME, dtype=np.int16)
    frame[: min(FRAME, len(pcm))] = pcm[:FRAME]
    return frame


def frames_of(pcm: Pcm) -> list[Pcm]:
    """`pcm` as whole frames; the last one is padded with silence."""
    return [as_frame(pcm[start : start + FRAME]) for start in range(0, len(pcm), FRAME)]


def resample(pcm: Pcm, source_rate: int, target_rate: int) -> Pcm:
    """`pcm`, recorded at `source_rate`, at `target_rate` (samples a second), band-limited."""
    if source_rate == target_rate or not len(pcm):
        return pcm
    resampler = av.AudioResampler(format="s16", layout="mono", rate=target_rate)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm, dtype=np.int16).reshape(1, -1), "s16", "mono")
    frame.sample_rate = source_rate
    parts = [part.to_ndarray().reshape(-1) for part in [*resampler.resample(frame), *resampler.resample(None)]]
    return np.concatenate(parts).astype(np.int16, copy=False) if parts else np.zeros(0, dtype=np.int16)
