"""Recognising a known text in what a person hears, without a model of speech.

The sandbox knows which voice the bot speaks with, so the expected text is spoken with the same voice and that
recording is looked for in the sound, by dynamic time warping over band energies: every 10 ms of the recording has to
be found in the sound, in order, between half and twice as fast. Two numbers judge the best alignment: how alike all
of it is, and how alike its least alike 200 ms are, so that one other word is enough to say no.

The limits were set from measurements (tests/sandbox/test_people_hearing.py repeats them): the right text, through
PCMU or Opus, quieter, noisy, with frames lost or slipped, scores above 0.91 and 0.79; another text, differing in one
word even, has parts below 0.65.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.errors import SpeechFailed
from bot.media import SAMPLE_RATE, Pcm

__all__ = ["LIKENESS", "WEAKEST", "Phrase", "PhraseMatch", "PhraseSpotter"]

Floats = NDArray[np.float64]

WINDOW = 256
HOP = 80
BANDS = 18
CONTEXT = 3
"""Frames on each side that are compared together with a frame, so that a movement is compared, not a moment."""
FLOOR = 10.0**7.5
"""Added to each band's energy: what is quieter than that does not count."""
SPEECH_RANGE_DB = 25.0
"""Frames of the recording that are quieter than its loudest by more are pauses, which are not judged."""
FAINT = 40.0
"""The least length of a frame's vector: below it nothing is there to be compared."""
PAUSE_WEIGHT = 0.02
WEAKEST_FRAMES = 20

LIKENESS = 0.8
WEAKEST = 0.7


def _mel_filters() -> Floats:
    """Triangular filters from 150 to 3,600 Hz, evenly spaced on the mel scale: bins × bands."""
    mel = 2595 * np.log10(1 + np.array([150.0, 3600.0]) / 700)
    edges = 700 * (10 ** (np.linspace(mel[0], mel[1], BANDS + 2) / 2595) - 1)
    bins = np.arange(WINDOW // 2 + 1)[:, None] * SAMPLE_RATE / WINDOW
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters: Floats = np.maximum(0, np.minimum(rising, falling))
    return filters


_FILTERS = _mel_filters()
_TAPER = np.hanning(WINDOW)


def _band_levels(samples: Floats) -> Floats:
    """Band levels in dB, a row each 10 ms, of as many whole windows as there are."""
    frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    energy = np.abs(np.fft.rfft(frames * _TAPER, axis=1)) ** 2 @ _FILTERS
    levels: Floats = 10 * np.log10(energy + FLOOR)
    return levels


def _in_context(levels: Floats) -> Floats:
    """Each row that has neighbours together with them, without its mean (loudness), of length one at most."""
    rows = len(levels) - 2 * CONTEXT
    joined = np.hstack([levels[offset : offset + rows] for offset in range(2 * CONTEXT + 1)])
    joined -= joined.mean(axis=1, keepdims=True)
    unit: Floats = joined / np.maximum(np.linalg.norm(joined, axis=1, keepdims=True), FAINT)
    return unit


class Phrase:
    """A recording to look for. Raises `SpeechFailed` when there is nothing to hear in it."""

    def __init__(self, pcm: Pcm) -> None:
        padding = np.zeros(WINDOW)
        levels = _band_levels(np.concatenate([padding, pcm.astype(np.float64), padding]))
        loudness = levels.max(axis=1)
        speech = loudness > loudness.max() - SPEECH_RANGE_DB
        if len(pcm) == 0 or loudness.max() < 10 * np.log10(FLOOR) + 6:
            raise SpeechFailed("there is nothing to hear in the recording of the expected text")
        first, last = np.flatnonzero(speech)[[0, -1]]
        chosen = slice(int(first), int(last) + 1)
        framed = np.pad(levels, ((CONTEXT, CONTEXT), (0, 0)), mode="edge")
        self.weights: Floats = np.where(speech[chosen], 1.0, PAUSE_WEIGHT)
        self.frames: Floats = _in_context(framed)[chosen]

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def seconds(self) -> float:
        return len(self) * HOP / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class PhraseMatch:
    """An alignment: `likeness` of all of it and of its `weakest` 200 ms, 1.0 at best; `end` in samples."""

    likeness: float
    weakest: float
    end: int

    @property
    def accepted(self) -> bool:
        return self.likeness >= LIKENESS and self.weakest >= WEAKEST


class PhraseSpotter:
    """Looks for a phrase in a stream of sound, one column of the warping table each 10 ms.

    A column holds, for each frame of the phrase, the likeness of the best path that ends there and now. Every move
    comes from the two columns before, so a column is a few operations on arrays and the sound is read only once.
    """

    _DIAGONAL, _FASTER, _SLOWER = range(3)

    def __init__(self, phrase: Phrase) -> None:
        self._phrase = phrase
        size = len(phrase)
        self._depth = 2 * size + 2
        self._likeness = np.zeros((self._depth, size))
        self._moves = np.zeros((self._depth, size), np.int8)
        self._last = np.full(size, -np.inf)
        self._before = np.full(size, -np.inf)
        self._pending: Floats = np.zeros(WINDOW - HOP)
        self._levels: Floats = np.full((2 * CONTEXT, BANDS), 10 * np.log10(FLOOR))
        self._column = 0
        self.best = 0.0
        """The highest likeness so far, for the report of a text that was not heard."""

    def feed(self, pcm: Pcm) -> PhraseMatch | None:
        """Read further sound; returns the match as soon as the whole phrase was heard."""
        self._pending = np.concatenate([self._pending, pcm.astype(np.float64)])
        if len(self._pending) < WINDOW:
            return None
        fresh = _band_levels(self._pending)
        self._pending = self._pending[len(fresh) * HOP :]
        self._levels = np.concatenate([self._levels, fresh])
        columns = _in_context(self._levels)
        self._levels = self._levels[len(fresh) :]
        return self._advance(self._phrase.weights[:, None] * (self._phrase.frames @ columns.T))

    def _advance(self, likeness: Floats) -> PhraseMatch | None:
        total = float(self._phrase.weights.sum())
        for here in np.ascontiguousarray(likeness.T):
            row = self._column % self._depth
            self._likeness[row] = here
            last = self._extend(here, self._moves[row])
            self._column += 1
            score = last / total
            self.best = max(self.best, score)
            if score >= LIKENESS:
                match = self._judge(score)
                if match.accepted:
                    return match
        return None

    def _extend(self, here: Floats, moves: NDArray[np.int8]) -> float:
        """Compute the next column of best paths; returns the likeness of the best path through the whole phrase."""
        size = len(here)
        choices = np.full((3, size), -np.inf)
        choices[self._DIAGONAL, 1:] = self._last[:-1] + here[1:]
        choices[self._FASTER, 1:] = self._before[:-1] + here[1:]
        choices[self._SLOWER, 2:] = self._last[:-2] + here[1:-1] + here[2:]
        picked = choices.argmax(axis=0)
        moves[:] = picked
        column = np.take_along_axis(choices, picked[None], axis=0)[0]
        column[0] = here[0]
        self._before, self._last = self._last, column
        return float(column[-1])

    def _judge(self, likeness: float) -> PhraseMatch:
        """Walk the best path that ends now back to its beginning, and find its weakest stretch."""
        found = np.zeros(len(self._phrase))
        frame, column = len(found) - 1, self._column - 1
        while frame >= 0:
            row = column % self._depth
            found[frame] = self._likeness[row, frame]
            if frame == 0:
                break
            move = self._moves[row, frame]
            if move == self._SLOWER:
                found[frame - 1] = self._likeness[row, frame - 1]
            frame -= 2 if move == self._SLOWER else 1
            column -= 2 if move == self._FASTER else 1
        spoken = found[self._phrase.weights == 1.0]
        width = min(WEAKEST_FRAMES, len(spoken))
        stretches = np.convolve(spoken, np.full(width, 1 / width), mode="valid")
        return PhraseMatch(likeness, float(stretches.min()), self._column * HOP)
