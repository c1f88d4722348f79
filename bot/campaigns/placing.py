"""What a campaign needs of the calls: to place one, to know whether it is answered, to end it.

`bot.calls` fits; so does anything else with these methods.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from bot.calls.state import CallEnd
from bot.campaigns.model import Campaign
from bot.clock import Clock
from bot.durations import format_duration
from bot.errors import BotError, CallEnded, CallFailed, OperationRefused, PlatformError
from bot.log import get_logger
from bot.store import Contact, Disposition

__all__ = ["CallT", "FlowResult", "Outcome", "PlacedCall", "Places", "Placing", "RunFlow"]

PLACE_LIMIT = 30.0
"""Seconds that it may take to hand a call to the phone system."""
END_LIMIT = 5.0
"""Seconds that a call may take to end after we hung up."""

log = get_logger(__name__)


class PlacedCall(Protocol):
    """An outbound call."""

    @property
    def answered_at(self) -> datetime | None: ...
    @property
    def end(self) -> CallEnd | None: ...
    async def answered(self) -> None: ...
    async def ended(self) -> CallEnd: ...
    async def hangup(self) -> None: ...


CallT = TypeVar("CallT", bound=PlacedCall)
CallT_co = TypeVar("CallT_co", bound=PlacedCall, covariant=True)


class FlowResult(Protocol):
    """What came of a flow's run: `outcome` is done, stopped, cancelled, failed or skipped.

    `values` are those that the run set; `opted_out: true` among them puts the number on the do-not-call list.
    """

    @property
    def outcome(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def values(self) -> Mapping[str, object]: ...


RunFlow = Callable[[str, CallT, Mapping[str, object]], Awaitable[FlowResult]]
"""Runs a flow in a call, with inputs, to its end."""


class Places(Protocol[CallT_co]):
    async def dial(self, number: str, *, phone: str = "", caller_id: str = "") -> CallT_co: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one attempt."""

    disposition: Disposition
    reason: str = ""
    answered_at: datetime | None = None
    opted_out: bool = False


class Placing(Generic[CallT]):
    """Places one call of a campaign, runs its flow when somebody answers, and says what came of it."""

    def __init__(self, campaign: Campaign, calls: Places[CallT], run_flow: RunFlow[CallT], clock: Clock) -> None:
        self._campaign = campaign
        self._settings = campaign.settings
        self._calls = calls
        self._run_flow = run_flow
        self._clock = clock
        self.live: dict[int, CallT] = {}
        """The calls that are up, by the contact's id."""

    async def call(self, contact: Contact) -> Outcome:
        """Call a contact, to the end of the call. Never leaves a call behind."""
        settings = self._settings
        try:
            async with asyncio.timeout(PLACE_LIMIT):
                call = await self._calls.dial(contact.number, phone=settings.phone, caller_id=settings.caller_id)
        except (PlatformError, TimeoutError) as error:
            return Outcome(Disposition.NOT_DIALLED, _words(error, "the phone system took too long"))
        except (CallFailed, OperationRefused) as error:
            return Outcome(Disposition.FAILED, str(error))
        self.live[contact.id] = call
        try:
            return await self._follow(call, contact)
        finally:
            del self.live[contact.id]
            if call.end is None:
                await self._hang_up(call)

    async def _follow(self, call: CallT, contact: Contact) -> Outcome:
        try:
            async with asyncio.timeout(self._settings.ring_for):
                await call.answered()
        except TimeoutError:
            if call.answered_at is None:  # else it was answered at the very last moment, and somebody is waiting
                return await self._gave_up(call)
        except (CallFailed, CallEnded):
            return _unanswered(await call.ended())
        return await self._converse(call, contact)

    async def _gave_up(self, call: CallT) -> Outcome:
        end = await self._hang_up(call)
        if end is not None and end.disposition in ("busy", "invalid"):
            return _unanswered(end)
        return Outcome(Disposition.NO_ANSWER, f"nobody answered within {format_duration(self._settings.ring_for)}")

    async def _converse(self, call: CallT, contact: Contact) -> Outcome:
        answered_at = call.answered_at or self._clock.now()
        reason, opted_out = "", False
        try:
            result = await self._run_flow(self._settings.flow, call, self._campaign.inputs_for(contact))
            opted_out = result.values.get("opted_out") is True
            if result.outcome in ("failed", "skipped"):
                reason = f"the flow {result.outcome}: {result.reason}"
        except BotError as error:
            reason = f"the flow failed: {error.message}"
        if reason:
            log.warning("campaign.flow", campaign=self._campaign.name, flow=self._settings.flow, said=reason)
        return Outcome(Disposition.ANSWERED, reason, answered_at, opted_out)

    async def _hang_up(self, call: CallT) -> CallEnd | None:
        try:
            async with asyncio.timeout(END_LIMIT):
                await call.hangup()
                return await call.ended()
        except (BotError, TimeoutError) as error:
            log.warning(
                "campaign.hangup_failed", campaign=self._campaign.name, error=_words(error, "no end was heard")
            )
            return None


_UNANSWERED = {
    "busy": Outcome(Disposition.BUSY, "the line was busy"),
    "invalid": Outcome(Disposition.INVALID, "the phone system knows no such number"),
    "no_answer": Outcome(Disposition.NO_ANSWER, "it ended before anybody answered"),
}
"""The status that the phone system gives says less than the disposition: 486 is how it refuses an invalid number."""


def _unanswered(end: CallEnd) -> Outcome:
    return _UNANSWERED.get(end.disposition) or Outcome(Disposition.FAILED, end.reason or end.cause)


def _words(error: BaseException, otherwise: str) -> str:
    return error.message if isinstance(error, BotError) else otherwise
