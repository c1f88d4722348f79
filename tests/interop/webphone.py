"""The vendor's own phone in a page: register, call, and every operation on a call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.interop.browser import HERE, DrivenPage, Scripts, package_file
from tests.interop.sound import Samples
from tests.interop.wire import Frame, dialog, labels

__all__ = ["TONES", "OpenPhone", "OpenPhonePage", "PageCall", "PhonePage", "ring", "scripts", "talk"]

TONES = {"101": 440.0, "102": 700.0, "103": 1000.0, "104": 1250.0}
"""What the phone at each extension says: hertz."""


def scripts() -> Scripts:
    """What a page of this kind loads.

    Raises:
        Missing: the vendor's package is not installed.
    """
    sdk = package_file("ringcentral-web-phone/dist/index.iife.js")
    return HERE / "pages/audio.js", HERE / "pages/wire.js", sdk, HERE / "pages/webphone.js"


@dataclass(frozen=True)
class CallFacts:
    """What the vendor's phone says about a call."""

    call_id: str
    session_id: str
    party_id: str
    state: str
    failure: str
    remote_number: str
    call_info: Mapping[str, str] | None


class PhonePage:
    """A page that runs one phone of the vendor's."""

    def __init__(self, page: DrivenPage) -> None:
        self.page = page

    async def start(self, sip_info: Mapping[str, Any], **options: Any) -> None:
        """Connect and register; `options` are the vendor's (`instanceId`, `autoAnswer`)."""
        await self.page.run("(options) => webphone.start(options)", {"sipInfo": dict(sip_info), **options})

    async def stop(self) -> None:
        """Hang up, unregister and disconnect."""
        await self.page.run("() => webphone.stop()")

    async def restart(self) -> None:
        """Connect and register once more, on the same phone."""
        await self.page.run("() => webphone.restart()")

    async def unregister(self) -> None:
        """Give the registration up, and keep the connection."""
        await self.page.run("() => webphone.unregister()")

    async def call(self, callee: str, *, caller_id: str = "", headers: Mapping[str, str] | None = None) -> PageCall:
        """Place a call; returns before anything is known about it."""
        arguments = [callee, caller_id, dict(headers or {})]
        return PageCall(self, await self.page.run("(args) => webphone.call(...args)", arguments))

    async def incoming(self) -> PageCall:
        """The next inbound call, once its receipt was confirmed."""
        return PageCall(self, await self.page.run("() => webphone.incoming()"))

    async def frames(self) -> list[Frame]:
        """All of this page's SIP so far, in order."""
        return [Frame(direction, text) for direction, text in await self.page.run("() => wire.frames")]


class PageCall:
    """A call session of the vendor's phone."""

    def __init__(self, phone: PhonePage, index: int) -> None:
        self._phone = phone
        self._index = index

    async def _call(self, name: str, *args: Any, limit: float = 15.0) -> Any:
        return await self._phone.page.run(
            f"([index, ...args]) => webphone.{name}(index, ...args)", [self._index, *args], limit=limit
        )

    async def _operate(self, name: str, *args: Any, limit: float = 15.0) -> Any:
        return await self._call("operate", name, list(args), limit=limit)

    async def facts(self) -> CallFacts:
        said = await self._call("describe")
        return CallFacts(
            call_id=said["callId"],
            session_id=said.get("sessionId") or "",
            party_id=said.get("partyId") or "",
            state=said["state"],
            failure=said["failure"],
            remote_number=said["remoteNumber"],
            call_info=said["rcApiCallInfo"],
        )

    async def ringing(self) -> None:
        """An outbound call's 183 came."""
        await self._call("ringing")

    async def settled(self) -> str:
        """Wait until the call is `answered`, `failed` or `disposed`; says which."""
        return str(await self._call("settled"))

    async def placed(self) -> None:
        """Wait until the vendor's `call()` came back, as it also does for a call that was forbidden."""
        await self._call("placed")

    async def connected(self) -> None:
        """Wait for ICE and DTLS."""
        await self._call("connected")

    async def ended(self) -> None:
        await self._call("disposed")

    async def listen(self, seconds: float) -> Samples:
        return np.array(await self._call("listen", seconds), dtype=np.int16)

    async def answer(self) -> None:
        await self._operate("answer")

    async def decline(self) -> None:
        await self._operate("decline")

    async def to_voicemail(self) -> None:
        await self._operate("toVoicemail")

    async def forward(self, target: str) -> None:
        await self._operate("forward", target)

    async def start_reply(self) -> None:
        await self._operate("startReply")

    async def reply(self, message: str | Mapping[str, Any], *, limit: float = 60.0) -> dict[str, str]:
        """Reply with text; returns the attributes of the session close, which come when the caller has chosen."""
        closed = await self._operate("reply", message, limit=limit)
        return dict(closed["body"])

    async def hangup(self) -> None:
        await self._operate("hangup")

    async def cancel(self) -> None:
        await self._operate("cancel")

    async def hold(self) -> None:
        await self._operate("hold")

    async def unhold(self) -> None:
        await self._operate("unhold")

    async def re_invite(self) -> None:
        """A fresh offer with new ICE credentials, as after a network change."""
        await self._operate("reInvite")

    async def transfer(self, target: str) -> None:
        await self._operate("transfer", target)

    async def complete_warm_transfer(self, consultation: PageCall) -> None:
        """Join the two other sides, and leave both calls."""
        await self._call("completeWarmTransfer", consultation._index)

    async def park(self) -> dict[str, Any]:
        """The vendor's own park: the `result` of the answer."""
        return dict(await self._operate("park"))

    async def send_dtmf(self, tones: str) -> None:
        """Start sending digits; does not wait for the last."""
        await self._operate("sendDtmf", tones)

    async def exchanged(self, *expected: str, within: float = 8.0) -> list[Frame]:
        """Wait until this call's SIP is exactly `expected`, in that order; returns its frames.

        Raises:
            AssertionError: it went otherwise.
        """
        call_id = (await self.facts()).call_id
        deadline = asyncio.get_running_loop().time() + within
        while True:
            frames = dialog(await self._phone.frames(), call_id)
            if len(frames) >= len(expected) or asyncio.get_running_loop().time() > deadline:
                assert labels(frames) == list(expected)
                return frames
            await asyncio.sleep(0.1)


OpenPhonePage = Callable[[], Awaitable[PhonePage]]
"""What the fixture `open_phone_page` gives: each call opens one more page."""

OpenPhone = Callable[[str], Awaitable[PhonePage]]
"""What the fixture `phone` gives: `await phone("101")` registers there, and says that extension's tone."""


async def ring(caller: PhonePage, callee: PhonePage, number: str) -> tuple[PageCall, PageCall]:
    """A call that rings: the caller's side and the callee's."""
    placed = await caller.call(number)
    return placed, await callee.incoming()


async def talk(caller: PhonePage, callee: PhonePage, number: str) -> tuple[PageCall, PageCall]:
    """A call that was answered, with media up at both ends."""
    placed, came = await ring(caller, callee, number)
    await came.answer()
    await asyncio.gather(placed.connected(), came.connected())
    return placed, came
