"""What a piece of sound consists of, measured without the code under test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["RATE", "Ear", "Listener", "hears", "hears_instead", "hears_nothing", "level", "strongest", "tone"]

RATE = 8000  # samples a second
Samples = npt.NDArray[np.int16]


class Listener(Protocol):
    """Somebody who can be asked what they hear."""

    async def listen(self, seconds: float) -> Samples:
        """The next `seconds` of sound from now on."""
        ...


def tone(frequency: float, seconds: float, amplitude: float = 0.5) -> Samples:
    """A sine of `frequency` hertz, as 16-bit samples."""
    time = np.arange(round(seconds * RATE)) / RATE
    return (amplitude * 32767 * np.sin(2 * np.pi * frequency * time)).astype(np.int16)


def level(sound: Samples) -> float:
    """How loud, in dB below full scale (a full-scale sine is -3); -96 at the least."""
    power = float(np.mean(np.square(sound.astype(np.float64)))) if len(sound) else 0.0
    return max(-96.0, 10 * float(np.log10(power / 32768**2 + 1e-12)))


def strongest(sound: Samples, count: int = 1, apart: float = 60.0) -> list[float]:
    """The `count` strongest frequencies in hertz, at least `apart` from each other, lowest first."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), n=max(len(sound), RATE)))
    frequencies = np.arange(len(spectrum)) * RATE / max(len(sound), RATE)
    found: list[float] = []
    for _ in range(count):
        peak = float(frequencies[int(spectrum.argmax())])
        found.append(peak)
        spectrum[np.abs(frequencies - peak) < apart] = 0
    return sorted(found)


async def hears(listener: Listener, *frequencies: float, within: float = 6.0) -> Samples:
    """Wait until the listener hears exactly these frequencies; returns the piece of sound that proved it.

    Raises:
        AssertionError: it did not within `within` seconds; says what was heard instead.
    """
    heard: list[str] = []
    deadline = asyncio.get_running_loop().time() + within
    while asyncio.get_running_loop().time() < deadline:
        sound = await listener.listen(0.2)
        peaks = strongest(sound, len(frequencies))
        if level(sound) > -40 and all(abs(a - b) < 15 for a, b in zip(peaks, sorted(frequencies), strict=True)):
            return sound
        heard.append(f"{level(sound):.0f} dB " + "+".join(f"{peak:.0f}" for peak in peaks))
    raise AssertionError(f"never heard {frequencies} Hz, but: {', '.join(heard)}")


async def hears_instead(listener: Listener, frequency: float, *, within: float = 6.0) -> Samples:
    """Wait until the listener hears something loud that is not this frequency, such as hold music.

    Raises:
        AssertionError: it did not within `within` seconds.
    """
    heard: list[str] = []
    deadline = asyncio.get_running_loop().time() + within
    while asyncio.get_running_loop().time() < deadline:
        sound = await listener.listen(0.2)
        peak = strongest(sound)[0]
        if level(sound) > -50 and abs(peak - frequency) > 15:
            return sound
        heard.append(f"{level(sound):.0f} dB at {peak:.0f} Hz")
    raise AssertionError(f"heard nothing but {frequency} Hz: {', '.join(heard)}")


async def hears_nothing(listener: Listener, *, within: float = 6.0, quiet: float = -50.0) -> None:
    """Wait until the listener hears silence.

    Raises:
        AssertionError: it was never silent within `within` seconds.
    """
    heard: list[str] = []
    deadline = asyncio.get_running_loop().time() + within
    while asyncio.get_running_loop().time() < deadline:
        sound = await listener.listen(0.2)
        if level(sound) < quiet:
            return
        heard.append(f"{level(sound):.0f} dB at {strongest(sound)[0]:.0f} Hz")
    raise AssertionError(f"never silent: {', '.join(heard)}")


class Ear:
    """A `Listener` on anything that hands out frames to a callback, as the sessions of `bot.media` do."""

    def __init__(self, on_audio: Callable[[Callable[[Samples], None]], Callable[[], None]]) -> None:
        self._on_audio = on_audio

    async def listen(self, seconds: float) -> Samples:
        frames: list[Samples] = []
        enough = asyncio.Event()

        def keep(frame: Samples) -> None:
            frames.append(frame)
            if sum(map(len, frames)) >= seconds * RATE:
                enough.set()

        remove = self._on_audio(keep)
        try:
            async with asyncio.timeout(seconds + 5):
                await enough.wait()
        finally:
            remove()
        return np.concatenate(frames)
