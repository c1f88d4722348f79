"""JsSIP in a page: a phone that follows RFC 3261 and knows nothing of the vendor's dialect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.interop.browser import HERE, DrivenPage, Scripts
from tests.interop.commonjs import bundle
from tests.interop.sound import Samples

__all__ = ["JsSipCall", "JsSipPage", "scripts"]


def scripts() -> Scripts:
    """What a page of this kind loads.

    Raises:
        Missing: the package is not installed.
    """
    pages = HERE / "pages"
    return pages / "audio.js", pages / "wire.js", bundle("jssip", "JsSIP"), pages / "jssip.js"


class JsSipPage:
    """A page that runs one JsSIP user agent."""

    def __init__(self, page: DrivenPage) -> None:
        self.page = page

    async def start(self, sip_info: Mapping[str, Any]) -> None:
        """Connect and register with the vendor's provisioning data."""
        settings = {
            "server": f"wss://{sip_info['outboundProxy']}",
            "uri": f"sip:{sip_info['username']}@{sip_info['domain']}",
            "password": sip_info["password"],
            "authorizationUser": sip_info["authorizationId"],
        }
        await self.page.run("(settings) => jssip.start(settings)", settings)

    async def stop(self) -> None:
        """Hang up and unregister; JsSIP disconnects two seconds later."""
        await self.page.run("() => jssip.stop()")

    async def call(self, target: str) -> JsSipCall:
        return JsSipCall(self.page, await self.page.run("(target) => jssip.call(target)", target))

    async def incoming(self) -> JsSipCall:
        return JsSipCall(self.page, await self.page.run("() => jssip.incoming()"))


class JsSipCall:
    """One session of JsSIP's."""

    def __init__(self, page: DrivenPage, index: int) -> None:
        self._page = page
        self._index = index

    async def _call(self, name: str, *args: Any) -> Any:
        return await self._page.run(f"([index, ...args]) => jssip.{name}(index, ...args)", [self._index, *args])

    async def answer(self) -> None:
        await self._call("answer")

    async def confirmed(self) -> None:
        """The ACK went out, or came."""
        await self._call("confirmed")

    async def ended(self) -> str:
        """Wait for the end; JsSIP's word for its cause, such as `Terminated` or `Busy`."""
        return str((await self._call("ended"))["cause"])

    async def hangup(self) -> None:
        await self._call("hangup")

    async def hold(self) -> None:
        await self._call("hold")

    async def unhold(self) -> None:
        await self._call("unhold")

    async def listen(self, seconds: float) -> Samples:
        return np.array(await self._call("listen", seconds), dtype=np.int16)
