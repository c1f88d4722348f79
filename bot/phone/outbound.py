"""A call that we placed."""

from __future__ import annotations

from bot.phone.session import Session

__all__ = ["OutboundSession"]


class OutboundSession(Session):
    async def answered(self) -> None:
        raise NotImplementedError

    async def cancel(self) -> None:
        raise NotImplementedError
