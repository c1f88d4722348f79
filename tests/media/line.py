"""A call between two sessions of one process, and what can go wrong on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

import numpy as np

from bot.media import MediaSession, Pcm


async def connect(caller: MediaSession, callee: MediaSession) -> None:
    """One offer and one answer, and both paths."""
    await caller.apply_answer(await callee.create_answer(await caller.create_offer()))
    await asyncio.gather(caller.connected(), callee.connected())


async def record(session: MediaSession, seconds: float) -> Pcm:
    """What `session` hears from now on."""
    frames: list[Pcm] = []
    stop = session.on_audio(frames.append)
    await asyncio.sleep(seconds)
    stop()
    return np.concatenate(frames)


class BadLine:
    """Loses, repeats and delays what a session sends, each with its own probability."""

    def __init__(
        self, session: MediaSession, *, seed: int, loss: float = 0.0, repeat: float = 0.0, delay: float = 0.0
    ) -> None:
        self._rng = Random(seed)
        self._loss, self._repeat, self._delay = loss, repeat, delay
        self._transmit: Callable[[bytes], bool] = session._sender._transmit
        self._late: list[bytes] = []
        session._sender._transmit = self

    def __call__(self, packet: bytes) -> bool:
        late, self._late = self._late, []
        if self._rng.random() >= self._loss:
            if self._rng.random() < self._delay:
                self._late.append(packet)
            else:
                self._transmit(packet)
            if self._rng.random() < self._repeat:
                self._transmit(packet)
        for each in late:
            self._transmit(each)
        return True
