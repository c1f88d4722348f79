"""The tones of the telephone network, and how to measure them.

Frequencies and cadences: ITU-T E.180 and its supplement 2; DTMF: ITU-T Q.23; special information tones: E.180 7.
"""

from __future__ import annotations

import functools
import math

import numpy as np

from bot.media.audio import FLOOR_DB, SAMPLE_RATE, Pcm
from bot.media.sources import PcmSource, Silence, Source, ToneSource, concatenate

__all__ = [
    "DTMF_COLUMNS",
    "DTMF_DIGITS",
    "DTMF_ROWS",
    "busy",
    "dominant_frequency",
    "dtmf",
    "dtmf_frequencies",
    "hold_music",
    "reorder",
    "ringback",
    "sit",
    "tone_level",
]

DTMF_ROWS = (697.0, 770.0, 852.0, 941.0)
DTMF_COLUMNS = (1209.0, 1336.0, 1477.0, 1633.0)
DTMF_DIGITS = "123A456B789C*0#D"
"""Row by row, as on a telephone's keys."""

_RINGBACK = {"us": ((440.0, 480.0), 2.0, 4.0), "uk": ((400.0, 450.0), 0.4, 0.2), "eu": ((425.0,), 1.0, 4.0)}
_BUSY = {"us": ((480.0, 620.0), 0.5, 0.5), "uk": ((400.0,), 0.375, 0.375), "eu": ((425.0,), 0.5, 0.5)}


def ringback(plan: str = "us") -> Source:
    """What a caller hears while the other telephone rings; `plan` is "us", "uk" or "eu"."""
    frequencies, on, off = _RINGBACK[plan]
    return ToneSource(frequencies, on, off, level_db=-19)


def busy(plan: str = "us") -> Source:
    """The called telephone is in use."""
    frequencies, on, off = _BUSY[plan]
    return ToneSource(frequencies, on, off, level_db=-24)


def reorder(plan: str = "us") -> Source:
    """The network cannot complete the call ("fast busy")."""
    frequencies, on, _off = _BUSY[plan]
    return ToneSource(frequencies, on / 2, on / 2, level_db=-24)


def sit() -> Source:
    """The three rising tones before "the number you have dialled…", once."""
    return concatenate(
        *(ToneSource([hz], level_db=-24, seconds=0.34) for hz in (950.0, 1400.0, 1800.0)), Silence(0.2)
    )


def dtmf_frequencies(digit: str) -> tuple[float, float]:
    """The row and column frequency of a key, in Hz. Raises ValueError for anything but 0-9, *, #, A-D."""
    index = DTMF_DIGITS.find(digit.upper())
    if index < 0 or len(digit) != 1:
        raise ValueError(f"{digit!r} is no key of a telephone")
    return DTMF_ROWS[index // 4], DTMF_COLUMNS[index % 4]


def dtmf(digit: str, seconds: float = 0.1, level_db: float = -10) -> Source:
    """The two tones of a key."""
    return ToneSource(dtmf_frequencies(digit), level_db=level_db, seconds=seconds)


def hold_music() -> Source:
    """A short tune, round and round, for callers who wait."""
    return PcmSource(_tune(), loop=True)


@functools.cache
def _tune() -> Pcm:
    """Eight bars of broken chords with soft attacks: I-vi-IV-V, twice, the second time an octave apart."""
    chords = [(262, 330, 392), (220, 262, 330), (175, 220, 262), (196, 247, 294)]
    arpeggio = (0, 1, 2, 1, 0, 1, 2, 1)
    return np.concatenate(
        [_note(chord[step] * octave, 0.25) for octave in (1, 2) for chord in chords for step in arpeggio]
    )


def _note(hz: float, seconds: float) -> Pcm:
    at = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    envelope = np.minimum(1, at / 0.01) * np.exp(-5 * at)
    wave = np.sin(2 * np.pi * hz * at) + 0.3 * np.sin(4 * np.pi * hz * at)
    tone: Pcm = (wave * envelope * 5000).astype(np.int16)
    return tone


def tone_level(pcm: Pcm, hz: float) -> float:
    """The level of the one frequency `hz` in `pcm`, in dB below full scale (Goertzel); -96 when there is none."""
    if not len(pcm):
        return FLOOR_DB
    at = np.arange(len(pcm))
    phasor = np.exp(-2j * np.pi * hz * at / SAMPLE_RATE)
    amplitude = 2 * abs(complex(np.dot(pcm.astype(np.float64), phasor))) / len(pcm)
    if amplitude < 1:
        return FLOOR_DB
    return max(FLOOR_DB, 20 * math.log10(amplitude / math.sqrt(2) / 32768))


def dominant_frequency(pcm: Pcm) -> float:
    """The strongest frequency in `pcm`, in Hz, to within a few Hz for a quarter second and more; 0 for silence."""
    if len(pcm) < 16 or not np.any(pcm):
        return 0.0
    size = max(4096, 1 << (len(pcm) - 1).bit_length())
    spectrum = np.abs(np.fft.rfft(pcm.astype(np.float64) * np.hanning(len(pcm)), size))
    spectrum[: max(1, 50 * size // SAMPLE_RATE)] = 0
    return float(np.argmax(spectrum)) * SAMPLE_RATE / size
