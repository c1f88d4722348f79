"""Chromium's own media as a peer of the test: one RTCPeerConnection, without signalling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.interop.browser import HERE, DrivenPage, Scripts
from tests.interop.sound import Samples

__all__ = ["SCRIPTS", "Peer"]

SCRIPTS: Scripts = (HERE / "pages/audio.js", HERE / "pages/peer.js")


class Peer:
    """One RTCPeerConnection with the page's microphone on it."""

    def __init__(self, page: DrivenPage, index: int) -> None:
        self.page = page
        self._index = index

    @classmethod
    async def open(cls, page: DrivenPage, codecs: Sequence[str] | None = None) -> Peer:
        """`codecs`: all that it will speak, in order of preference; None leaves Chromium's own list."""
        return cls(page, await page.run("(codecs) => peer.open(codecs)", list(codecs) if codecs else None))

    async def _call(self, name: str, *args: Any) -> Any:
        return await self.page.run(f"([index, ...args]) => peer.{name}(index, ...args)", [self._index, *args])

    async def prefer(self, codecs: Sequence[str]) -> None:
        """All that it will speak from the next offer on, in order of preference."""
        await self._call("prefer", list(codecs))

    async def add_video(self) -> None:
        """Offer to receive video too, from the next offer on."""
        await self._call("addVideo")

    async def offer(self, *, ice_restart: bool = False, direction: str | None = None) -> str:
        """A complete offer: candidates gathered."""
        return str(await self._call("offer", {"iceRestart": ice_restart, "direction": direction}))

    async def answer(self, offer: str) -> str:
        return str(await self._call("answer", offer))

    async def accept(self, answer: str) -> None:
        await self._call("accept", answer)

    async def connected(self) -> None:
        await self._call("connected")

    async def listen(self, seconds: float) -> Samples:
        return np.array(await self._call("listen", seconds), dtype=np.int16)

    async def dial(self, tones: str, duration: float = 0.1, gap: float = 0.1) -> None:
        """Send digits as Chromium does (RFC 4733), until the last one is out; seconds."""
        await self._call("dial", tones, round(duration * 1000), round(gap * 1000))

    async def received(self) -> dict[str, Any]:
        """Chromium's counters of what it receives, with `codec` such as `audio/PCMU`."""
        return dict(await self._call("received"))

    async def reported(self) -> dict[str, Any]:
        """Wait for the first RTCP report in which we tell Chromium how its packets arrived."""
        return dict(await self._call("reported"))

    async def close(self) -> None:
        await self._call("close")
