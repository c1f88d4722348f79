"""Transfer by REFER (RFC 3515): blind, which is also how a call is parked at a location, and warm."""

from __future__ import annotations

import asyncio
from typing import Any

from bot.errors import CallEnded, OperationRefused
from bot.phone.lifetime import Lifetime
from bot.phone.line import Line
from bot.sip.dialogs import Dialog, notified_status
from bot.sip.messages import Request

__all__ = ["Transfer"]


class Transfer:
    """The transfer of one call. A BYE while one is under way means that it was done."""

    def __init__(self, line: Line, dialog: Dialog, life: Lifetime) -> None:
        self._line = line
        self._dialog = dialog
        self._life = life
        self._failed: asyncio.Future[tuple[int, str]] | None = None

    @property
    def under_way(self) -> bool:
        return self._failed is not None

    async def to(self, uri: str, *, second: Transfer | None = None) -> None:
        """Have the peer call `uri` instead of us; done when the phone system has hung up on us.

        `second` is that of another call of ours, whose place the peer takes: that one ends, too, and is waited for.

        Raises:
            OperationRefused: it was refused, failed, or was not done within the limit.
            CallEnded: the call ended first.
            NoReply, ConnectionFailed, NotRegistered: nothing came back.
        """
        both = (self,) if second is None else (self, second)
        if any(one.under_way for one in both):
            raise OperationRefused("this call is being transferred already")
        failed: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()
        for one in both:
            one._failed = failed
        try:
            await self._referred(uri, failed)
            if second is not None:
                await asyncio.wait({second._life.over}, timeout=self._line.limits.cancelled)
        finally:
            for one in both:
                one._failed = None

    def notified(self, notify: Request) -> None:
        """Take a NOTIFY: the status of the transfer is in its body."""
        status, reason = notified_status(notify)
        if status >= 300 and self._failed is not None and not self._failed.done():
            self._failed.set_result((status, reason))

    async def _referred(self, uri: str, failed: asyncio.Future[tuple[int, str]]) -> None:
        try:
            await self._refer(uri)
            await self._done(failed)
        except CallEnded:
            if self._life.end is None or self._life.end.cause != "transferred":
                raise

    async def _refer(self, uri: str) -> None:
        headers = {"Refer-To": uri, "Referred-By": self._line.identity.address, **self._line.contact}
        request = self._dialog.request(self._line.identity, "REFER", headers=headers)
        response = await self._life.while_alive(self._line.ask(request))
        if response.status >= 300:
            raise OperationRefused(
                f"transfer refused: {response.status} {response.reason}",
                status=response.status,
                reason=response.reason,
            )

    async def _done(self, failed: asyncio.Future[tuple[int, str]]) -> None:
        limit = self._line.limits.transfer
        either: list[asyncio.Future[Any]] = [self._life.over, failed]
        await asyncio.wait(either, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if self._life.over.done():
            return
        if failed.done():
            status, reason = failed.result()
            raise OperationRefused(f"transfer failed: {status} {reason}", status=status, reason=reason)
        raise OperationRefused(
            f"the transfer was not done within {limit:g} s",
            hint="either it is not permitted, or the call is in the wrong state",
        )
