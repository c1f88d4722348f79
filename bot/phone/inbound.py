"""A call that came in."""

from __future__ import annotations

from bot.phone.session import Session
from bot.sip.rc import RcMessage, Reply, ReplyOutcome

__all__ = ["InboundSession"]


class InboundSession(Session):
    rc: RcMessage | None
    queue_name: str
    auto_answer: bool
    answer_after: float
    call_info: dict[str, str]

    async def answer(self) -> None:
        raise NotImplementedError

    async def decline(self) -> None:
        raise NotImplementedError

    async def to_voicemail(self) -> None:
        raise NotImplementedError

    async def forward(self, target: str) -> None:
        raise NotImplementedError

    async def start_reply(self) -> None:
        raise NotImplementedError

    async def reply(self, reply: Reply, timeout: float = 180.0) -> ReplyOutcome:
        raise NotImplementedError
