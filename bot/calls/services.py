"""What the phone system does with an answered call on request: hold, record, flip, park, hand over with a word."""

from __future__ import annotations

import abc
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from bot.errors import BotError
from bot.log import get_logger
from bot.phone import FlipResult, Session

if TYPE_CHECKING:
    from bot.calls.call import Call

__all__ = ["CallServices", "Consult", "WarmTransfer"]

log = get_logger(__name__)

Consult = Callable[[str, str], Awaitable["Call"]]
"""Places a call from one of our phones: the number, the name of the phone."""


class CallServices(abc.ABC):
    """The part of `Call` that passes such requests on.

    Its coroutines raise:
        UserError: the call still rings.
        CallEnded: it is over, or ended meanwhile.
        OperationRefused: the phone system turned it down.
        NoReply: the phone system did not answer.
    """

    phone: str
    _consult: Consult

    @abc.abstractmethod
    def _answered(self, what: str) -> Session:
        """The session of the call, which must not ring any more."""

    @property
    @abc.abstractmethod
    def live(self) -> bool:
        """Whether the call is not over."""

    async def hold(self) -> None:
        """Have the other side hear the phone system's music, and not us."""
        await self._answered("hold").hold()

    async def unhold(self) -> None:
        """Take the other side back from hold."""
        await self._answered("take back").unhold()

    def mute(self) -> None:
        """Let the other side hear silence; what is played meanwhile goes by unheard."""
        self._answered("mute").mute()

    def unmute(self) -> None:
        """Let the other side hear us again."""
        self._answered("unmute").unmute()

    async def start_recording(self) -> None:
        """Have the phone system record the call, from now on."""
        await self._answered("record").start_recording()

    async def stop_recording(self) -> None:
        """Have the phone system end its recording."""
        await self._answered("end the recording of").stop_recording()

    async def flip(self, target: str) -> FlipResult:
        """Ring another phone, to which the call goes over once somebody answers there.

        Nobody tells when that is: the call stays ours until we hang up.
        """
        return await self._answered("flip").flip(target)

    async def park_in_orbit(self) -> str:
        """Park the call where no location is configured; it is over for us then. The result is what to dial to
        pick it up, like `*813`."""
        return f"*{await self._answered('park').park()}"

    async def warm_transfer(self, target: str) -> WarmTransfer:
        """Hold the call, and call whoever is to have it, from the same phone. Returns while that call is dialled.

        Raises also what `Calls.dial` raises; the call is then taken back from hold.
        """
        session = self._answered("transfer")
        await session.hold()
        try:
            second = await self._consult(target, self.phone)
        except BaseException:
            await self._take_back()
            raise
        return WarmTransfer(self, second)

    async def _take_back(self) -> None:
        """Unhold, if there is still anybody to take back."""
        if not self.live:
            return
        try:
            await self.unhold()
        except BotError as error:
            log.warning("a call stays on hold", error=str(error))


class WarmTransfer:
    """A caller on hold, and `call`, the call to whoever is to have the caller.

    Wait for `call.answered()` and announce the caller; then `complete` or `cancel`. Neither happens by itself: when
    one of the two calls ends, what becomes of the other is for whoever began this to say.
    """

    def __init__(self, first: CallServices, call: Call) -> None:
        self._first = first
        self.call = call

    async def complete(self) -> None:
        """Join the caller with the other side of `call`; both calls are over for us then.

        Raises:
            CallEnded: one of the two is over, or not answered.
            OperationRefused, NoReply: it was not done; both calls are as before.
        """
        await self._first._answered("transfer").complete_transfer(self.call._answered("transfer to"))

    async def cancel(self) -> None:
        """Hang `call` up, and take the caller back, if there is still one. Raises what `Call.unhold` raises."""
        await self.call.hangup()
        if self._first.live:
            await self._first.unhold()
