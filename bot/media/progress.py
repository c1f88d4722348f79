"""What the network and the other side do, told from the audio: ringing, busy, intercept tones, speech."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.media.audio import FRAME, FRAME_SECONDS, SAMPLE_RATE, Pcm, level_db

__all__ = ["CallProgress", "Progress", "ProgressEvent", "VoiceActivity"]


class VoiceActivity:
    """Whether somebody speaks: energy above a noise floor that follows the line, with a hangover.

    `start` and `hangover` in seconds: how long there must be energy, or none, before the answer changes.
    """

    _MARGIN_DB = 9.0
    _LEAST_DB = -48.0

    def __init__(self, start: float = 0.06, hangover: float = 0.6) -> None:
        self._start = max(1, round(start / FRAME_SECONDS))
        self._hangover = max(1, round(hangover / FRAME_SECONDS))
        self._floor_db = -60.0
        self._run = 0
        self.speaking = False

    def feed(self, frame: Pcm, *, tone: bool = False) -> bool:
        """Whether speech is going on after this frame. A frame that is a `tone` counts as quiet."""
        level = level_db(frame)
        loud = not tone and level > max(self._LEAST_DB, self._floor_db + self._MARGIN_DB)
        if not loud and not tone:
            # Down at once, up slowly: about 1 dB a second.
            self._floor_db = min(level, self._floor_db + 0.02)
            self._floor_db = max(self._floor_db, -75.0)
        self._run = self._run + 1 if loud != self.speaking else 0
        if self._run >= (self._hangover if self.speaking else self._start):
            self.speaking, self._run = not self.speaking, 0
        return self.speaking


class Progress(enum.Enum):
    """What was heard."""

    RINGBACK = "ringback"
    BUSY = "busy"
    REORDER = "reorder"
    SIT = "sit"
    SPEECH_START = "speech_start"
    SPEECH_END = "speech_end"


@dataclass(frozen=True, slots=True)
class ProgressEvent:
    """`duration` in seconds: of the tone heard so far, or of the speech that has ended (0 when it begins)."""

    kind: Progress
    duration: float = 0.0


_TONES: tuple[tuple[float, ...], ...] = (
    (440.0, 480.0),
    (480.0, 620.0),
    (400.0, 450.0),
    (425.0,),
    (400.0,),
    (350.0, 440.0),
    (913.8,),
    (950.0,),
    (985.2,),
    (1371.0,),
    (1400.0,),
    (1428.5,),
    (1777.0,),
    (1800.0,),
)
"""North America, United Kingdom, most of Europe; dial tone; special information tones (Bellcore and E.180)."""


def _basis(frequencies: Sequence[float]) -> NDArray[np.float64]:
    """An orthonormal basis of all that these tones can be within one frame."""
    at = 2 * np.pi * np.arange(FRAME) / SAMPLE_RATE
    waves = [wave(hz * at) for hz in frequencies for wave in (np.sin, np.cos)]
    return np.linalg.qr(np.stack(waves, axis=1))[0].T


_BASES = np.concatenate([_basis(tone) for tone in _TONES])
_STARTS = np.cumsum([0] + [2 * len(tone) for tone in _TONES[:-1]])
"""At which row of `_BASES` each tone's begin."""
_PURITY = 0.85
"""The part of a frame's energy that must lie in the tones."""
_LEAST_DB = -45.0

_BANDS = (-1, -1, -1, -1, -1, -1, 0, 0, 0, 1, 1, 1, 2, 2)
"""For each of the tones, to which step of an intercept sequence it belongs; -1 for the others."""


def _band(frame: Pcm) -> int | None:
    """None unless a frame is a network tone and little else; then its entry in `_BANDS`."""
    if level_db(frame) < _LEAST_DB:
        return None
    samples = frame.astype(np.float64)
    inside = np.add.reduceat((_BASES @ samples) ** 2, _STARTS)
    best = int(np.argmax(inside))
    return _BANDS[best] if inside[best] > _PURITY * float(np.dot(samples, samples)) else None


def _peaks(pcm: Pcm) -> list[float]:
    """The one or two frequencies of a tone, in Hz, ascending."""
    size = 8192
    spectrum = np.abs(np.fft.rfft(pcm[-4000:].astype(np.float64) * np.hanning(min(len(pcm), 4000)), size))
    first = int(np.argmax(spectrum))
    found = [first * SAMPLE_RATE / size]
    strongest = spectrum[first]
    # The main lobe of the window is four bins of the unpadded transform wide.
    width = max(1, round(2.2 * size / min(len(pcm), 4000)))
    spectrum[max(0, first - width) : first + width] = 0
    second = int(np.argmax(spectrum))
    if spectrum[second] > 0.3 * strongest:
        found.append(second * SAMPLE_RATE / size)
    return sorted(found)


def _near(found: Sequence[float], wanted: Sequence[float], within: float = 12.0) -> bool:
    return len(found) == len(wanted) and all(abs(a - b) <= within for a, b in zip(found, wanted, strict=True))


@dataclass(slots=True)
class _Segment:
    """A stretch of tone (`peaks`), or of anything else (no peaks), in seconds."""

    peaks: list[float]
    seconds: float


class CallProgress:
    """Feed it every frame heard. Each tone is told once, as soon as its cadence is plain, and again only after
    something else was heard; SPEECH_START and SPEECH_END come in turn.
    """

    _LONGEST_BUSY = 0.7
    """Seconds: a tone that stays longer than any busy tone is ringing."""

    def __init__(self) -> None:
        self._voice = VoiceActivity()
        self._speech_frames = 0
        self._tone: list[Pcm] = []
        self._other = 0
        self._segments: list[_Segment] = []
        self._told: Progress | None = None
        self._last_band = -1

    def feed(self, frame: Pcm) -> ProgressEvent | None:
        """What this frame made plain, or None."""
        band = _band(frame)
        tone = band is not None
        spoke = self._voice.speaking
        speaks = self._voice.feed(frame, tone=tone)
        event = self._tone_heard(frame, band) if band is not None else self._other_heard()
        if event is not None:
            return event
        self._speech_frames = self._speech_frames + 1 if speaks else self._speech_frames
        if speaks and not spoke:
            self._told = None
            self._segments.clear()
            self._speech_frames = 1
            return ProgressEvent(Progress.SPEECH_START)
        if spoke and not speaks:
            # The hangover is no speech.
            seconds = max(0.0, (self._speech_frames - 29) * FRAME_SECONDS)
            return ProgressEvent(Progress.SPEECH_END, round(seconds, 2))
        return None

    @property
    def since_tone(self) -> float:
        """Seconds since a network tone was last heard; since the beginning, when none was."""
        return self._other * FRAME_SECONDS

    def _tone_heard(self, frame: Pcm, band: int) -> ProgressEvent | None:
        if self._tone and band != self._last_band:
            # The steps of an intercept sequence follow each other without a gap.
            self._end_tone()
        self._last_band = band
        if not self._tone and self._other:
            self._segments.append(_Segment([], self._other * FRAME_SECONDS))
        self._other = 0
        self._tone.append(frame)
        seconds = len(self._tone) * FRAME_SECONDS
        if len(self._tone) * FRAME_SECONDS >= self._LONGEST_BUSY and self._told is not Progress.RINGBACK:
            peaks = _peaks(np.concatenate(self._tone[-25:]))
            if _near(peaks, (440, 480)) or _near(peaks, (425,)) or _near(peaks, (400, 450)):
                return self._tell(Progress.RINGBACK, seconds)
        if len(self._tone) > 3000:
            del self._tone[:1000]
        return None

    def _other_heard(self) -> ProgressEvent | None:
        self._other += 1
        if not self._tone or self._other < 2:
            return None
        # Two frames without: the tone is over, not only disturbed.
        return self._cadence() if self._end_tone() else None

    def _end_tone(self) -> bool:
        """Notes the tone as a segment, if it was one at all."""
        frames, self._tone = self._tone, []
        if len(frames) < 6:
            return False
        self._segments.append(_Segment(_peaks(np.concatenate(frames)), len(frames) * FRAME_SECONDS))
        del self._segments[:-6]
        return True

    def _cadence(self) -> ProgressEvent | None:
        """What the last segments mean."""
        tones = [segment for segment in self._segments if segment.peaks]
        last = tones[-1]
        if _near(last.peaks, (400, 450)) and 0.3 <= last.seconds <= 0.5:
            return self._tell(Progress.RINGBACK, last.seconds)
        if self._is_sit(tones[-3:]):
            return self._tell(Progress.SIT, sum(segment.seconds for segment in tones[-3:]))
        if len(tones) < 2 or not self._is_busy_tone(last.peaks) or not self._is_busy_tone(tones[-2].peaks):
            return None
        on = (last.seconds + tones[-2].seconds) / 2
        gap = self._segments[-2].seconds if len(self._segments) > 1 and not self._segments[-2].peaks else 0.0
        if 0.15 <= on < 0.3 and 0.1 <= gap < 0.35:
            return self._tell(Progress.REORDER, on)
        if 0.3 <= on <= 0.7 and 0.25 <= gap <= 0.75:
            return self._tell(Progress.BUSY, on)
        return None

    @staticmethod
    def _is_busy_tone(peaks: Sequence[float]) -> bool:
        return _near(peaks, (480, 620)) or _near(peaks, (400,)) or _near(peaks, (425,))

    @staticmethod
    def _is_sit(tones: Sequence[_Segment]) -> bool:
        """Three single tones that rise from one band to the next (E.180 7; Bellcore GR-1162)."""
        bands = ((900, 1000), (1350, 1450), (1750, 1850))
        return len(tones) == 3 and all(
            len(tone.peaks) == 1 and low <= tone.peaks[0] <= high and 0.2 <= tone.seconds <= 0.45
            for tone, (low, high) in zip(tones, bands, strict=True)
        )

    def _tell(self, kind: Progress, seconds: float) -> ProgressEvent | None:
        if self._told is kind:
            return None
        self._told = kind
        return ProgressEvent(kind, round(seconds, 2))
