"""What the switch says itself, and how it asks: a key interrupts the prompt, as callers expect."""

from __future__ import annotations

import asyncio

from bot.media import PcmSource, Speech, ToneSource
from bot.sandbox.switch.legs import BaseLeg, Keys

__all__ = ["Announcer", "beep", "spoken_digits"]


def beep() -> ToneSource:
    """The tone after which a voicemail is recorded."""
    return ToneSource([1000.0], seconds=0.3)


def spoken_digits(digits: str) -> str:
    """Digits one by one, as a speech engine should read them."""
    return " ".join(digits)


class Announcer:
    """Speaks to legs. `wait` is how long a question waits for a key once it was spoken."""

    def __init__(self, speech: Speech, wait: float) -> None:
        self._speech = speech
        self._wait = wait

    async def say(self, leg: BaseLeg, text: str) -> None:
        """Speak to the end."""
        await leg.play(PcmSource(await self._speech.say(text)))

    async def ask(self, leg: BaseLeg, keys: Keys, text: str) -> str:
        """Speak until a key comes; the key, or an empty text when none came in time."""
        speaking = asyncio.ensure_future(self.say(leg, text))
        key = asyncio.ensure_future(keys.next(None))
        try:
            await asyncio.wait({speaking, key}, return_when=asyncio.FIRST_COMPLETED)
            if not key.done():
                speaking.result()
                await asyncio.wait({key}, timeout=self._wait)
            return key.result() if key.done() else ""
        finally:
            speaking.cancel()
            key.cancel()
            await asyncio.wait({speaking, key})

    async def collect(self, leg: BaseLeg, keys: Keys, text: str) -> str:
        """Speak until keys come; those before the `#`, or what there is when the next one does not come in time."""
        digits = ""
        key = await self.ask(leg, keys, text)
        while key and key != "#":
            digits += key
            key = await keys.next(self._wait)
        return digits
