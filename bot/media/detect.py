"""Keys that are pressed in-band, found in the audio."""

from __future__ import annotations

import numpy as np

from bot.media.audio import FRAME, SAMPLE_RATE, Pcm
from bot.media.tones import DTMF_COLUMNS, DTMF_DIGITS, DTMF_ROWS

__all__ = ["DigitDetector"]


def _goertzel_bank(frequencies: tuple[float, ...]) -> np.ndarray[tuple[int, int], np.dtype[np.complex128]]:
    """One row of phasors a frequency, so that a product with a frame gives all amplitudes."""
    at = np.arange(FRAME)
    window = np.hamming(FRAME)
    phasors = np.exp(-2j * np.pi * np.asarray(frequencies).reshape(-1, 1) * at / SAMPLE_RATE) * window
    bank: np.ndarray[tuple[int, int], np.dtype[np.complex128]] = phasors * (2 / window.sum())
    return bank


class DigitDetector:
    """Finds DTMF in the audio (ITU-T Q.24): a digit is reported once, when two frames in a row agree on it."""

    _LEAST = 32768 * 10 ** (-36 / 20)
    """The weakest tone, as a peak amplitude."""
    _TWIST = 10 ** (9 / 20)
    """How far row and column may differ in level."""

    def __init__(self) -> None:
        self._bank = _goertzel_bank(DTMF_ROWS + DTMF_COLUMNS)
        self._candidate: str | None = None
        self._down: str | None = None
        self._gap = 0

    def feed(self, frame: Pcm) -> str | None:
        """The digit that begins with this frame (found 20 ms after its start), or None."""
        digit = self._digit_in(frame)
        if digit is None:
            self._gap += 1
            if self._gap >= 2:
                self._down = None
            self._candidate = None
            return None
        self._gap = 0
        confirmed = digit == self._candidate
        self._candidate = digit
        if confirmed and digit != self._down:
            self._down = digit
            return digit
        return None

    def _digit_in(self, frame: Pcm) -> str | None:
        samples = frame.astype(np.float64)
        energy = float(np.dot(samples, samples)) / len(samples)
        if energy < self._LEAST**2:
            return None
        levels = np.abs(self._bank @ samples)
        row, column = int(np.argmax(levels[:4])), int(np.argmax(levels[4:]))
        low, high = float(levels[row]), float(levels[4 + column])
        if min(low, high) < self._LEAST or max(low, high) > min(low, high) * self._TWIST:
            return None
        # Nearly all the energy has to be in the two tones, or it is speech or music.
        if (low * low + high * high) / 2 < 0.7 * energy:
            return None
        return DTMF_DIGITS[row * 4 + column]
